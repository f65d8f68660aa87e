/* SPDX-License-Identifier: MIT */
/*
 * How much a row deserves to be looked at first, as one number: the worst that a warning says of it,
 * then two of its values in coarse steps. A row rises at once, and sinks when it has been better for
 * WI_RANK_HOLD_NANOS: rows that take turns do not change places for it. Why: docs/adr/0036. Pure but
 * for what is remembered; one thread.
 */
#ifndef WI_RANK_H
#define WI_RANK_H

#include "weir/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WI_RANK_HOLD_NANOS (10 * UINT64_C(1000000000))

/* A warning of this kind is about a default that nobody chose: no row is worse for it. */
#define WI_RANK_AUDIT "default_"

/* 0: nothing is said of a row, or only this kind of finding; "info", "warning", "critical": 1 to 3. */
unsigned wi_rank_severity(const char *severity, const char *kind);

/* The step of a value: of a ratio its tenths, of anything else its power of two; 0: none, or not above
 * 0. */
unsigned wi_rank_step(double value, bool is_ratio);

/* One number of a severity and two steps: the greater it is, the sooner the row is looked at. */
uint32_t wi_rank_of(unsigned severity, unsigned step, unsigned then);

/* A row's rank, and until when it may have been better without sinking. */
struct wi_rank {
    uint64_t id;
    uint64_t nanos; /* when it was last as bad as `rank` */
    uint32_t rank;
};

/* The rows that were shown last, by id. All 0 at first. */
struct wi_ranks {
    struct wi_rank *ranks;
    size_t n, room;
};

/* A row's rank now, held up by what is remembered of it. `ranks`: NULL: nothing is. */
struct wi_rank wi_rank_hold(const struct wi_ranks *ranks, uint64_t id, uint32_t rank,
                            uint64_t now_nanos);

/* Replaces the remembered ranks: `begin` makes room for `n`, `add` takes one, `end` sorts them. If there
 * is no memory, none are remembered. */
void wi_ranks_begin(struct wi_ranks *ranks, size_t n, struct wi_memory *memory);
void wi_ranks_add(struct wi_ranks *ranks, const struct wi_rank *rank);
void wi_ranks_end(struct wi_ranks *ranks);

/* Frees what is remembered, which was taken from the same memory. */
void wi_ranks_finish(struct wi_ranks *ranks, struct wi_memory *memory);

#endif
