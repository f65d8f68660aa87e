/* SPDX-License-Identifier: MIT */
/*
 * The rank of a row in "worst first" order, as one number: its worst warning, then two of its
 * values in coarse steps. A row rises at once, and sinks only after it has been better for
 * WI_RANK_HOLD_NANOS, so that rows whose values take turns do not change places. Why:
 * docs/adr/0036. The only state is the remembered ranks; one thread.
 */
#ifndef WI_RANK_H
#define WI_RANK_H

#include "weir/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WI_RANK_HOLD_NANOS (10 * UINT64_C(1000000000))

/* A warning of this kind is about a default that was not chosen: it does not raise a row's rank. */
#define WI_RANK_AUDIT "default_"

/* 0: the row has no warning, or only one of this kind; "info", "warning", "critical": 1 to 3. */
unsigned wi_rank_severity(const char *severity, const char *kind);

/* The step of a value: of a ratio its tenths, of another value its power of two; 0: absent, or not
 * above 0. */
unsigned wi_rank_step(double value, bool is_ratio);

/* One number of a severity and two steps: the greater, the nearer to the top. */
uint32_t wi_rank_of(unsigned severity, unsigned step, unsigned then);

/* A row's rank, and until when it keeps that rank though it is better. */
struct wi_rank {
    uint64_t id;
    uint64_t nanos; /* when it was last as bad as `rank` */
    uint32_t rank;
};

/* The ranks of the rows that were shown last, by id. All 0 at first. */
struct wi_ranks {
    struct wi_rank *ranks;
    size_t n, room;
};

/* A row's rank now; it does not sink below the remembered rank too early. `ranks`: NULL: none are
 * remembered. */
struct wi_rank wi_rank_hold(const struct wi_ranks *ranks, uint64_t id, uint32_t rank,
                            uint64_t now_nanos);

/* Replaces the remembered ranks: `begin` makes room for `n`, `add` takes one, `end` sorts them. If there
 * is no memory, none are remembered. */
void wi_ranks_begin(struct wi_ranks *ranks, size_t n, struct wi_memory *memory);
void wi_ranks_add(struct wi_ranks *ranks, const struct wi_rank *rank);
void wi_ranks_end(struct wi_ranks *ranks);

/* Frees the remembered ranks, which were taken from the same memory. */
void wi_ranks_finish(struct wi_ranks *ranks, struct wi_memory *memory);

#endif
