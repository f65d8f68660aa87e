/* SPDX-License-Identifier: MIT */
/* Ranks: 2 bits of severity, then a byte for each of two steps. */
#include "weir/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RANK_STEP_MAX 255
#define RANK_ZERO_LOG 128 /* the step of 1: small values have steps, too */

unsigned wi_rank_severity(const char *severity, const char *kind)
{
    bool is_audit = strncmp(kind, WI_RANK_AUDIT, strlen(WI_RANK_AUDIT)) == 0;
    return is_audit                            ? 0
           : strcmp(severity, "critical") == 0 ? 3
           : strcmp(severity, "warning") == 0  ? 2
                                               : 1;
}

unsigned wi_rank_step(double value, bool is_ratio)
{
    if (!(value > 0)) {
        return 0;
    }
    double step = is_ratio ? floor(value * 10 + 1e-9) : floor(log2(value)) + RANK_ZERO_LOG;
    return step < 0 ? 0 : step > RANK_STEP_MAX ? RANK_STEP_MAX : (unsigned)step;
}

uint32_t wi_rank_of(unsigned severity, unsigned step, unsigned then)
{
    return severity << 16 | step << 8 | then;
}

static int rank_compare(const void *a, const void *b)
{
    const struct wi_rank *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

struct wi_rank wi_rank_hold(const struct wi_ranks *ranks, uint64_t id, uint32_t rank,
                            uint64_t now_nanos)
{
    struct wi_rank now = {id, now_nanos, rank};
    const struct wi_rank *before = ranks && ranks->n ? bsearch(&now, ranks->ranks, ranks->n,
                                                               sizeof(*ranks->ranks), rank_compare)
                                                     : NULL;
    bool is_held = before && before->rank > rank && now_nanos >= before->nanos &&
                   now_nanos - before->nanos < WI_RANK_HOLD_NANOS;
    return is_held ? *before : now;
}

void wi_ranks_begin(struct wi_ranks *ranks, size_t n, struct wi_memory *memory)
{
    ranks->n = 0;
    if (n > ranks->room) {
        wi_memory_return(memory, ranks->ranks);
        ranks->ranks = wi_memory_take(memory, n * sizeof(*ranks->ranks));
        ranks->room = ranks->ranks ? n : 0;
    }
}

void wi_ranks_add(struct wi_ranks *ranks, const struct wi_rank *rank)
{
    if (ranks->n < ranks->room) {
        ranks->ranks[ranks->n++] = *rank;
    }
}

void wi_ranks_end(struct wi_ranks *ranks)
{
    if (ranks->n > 1) {
        qsort(ranks->ranks, ranks->n, sizeof(*ranks->ranks), rank_compare);
    }
}

void wi_ranks_finish(struct wi_ranks *ranks, struct wi_memory *memory)
{
    wi_memory_return(memory, ranks->ranks);
    *ranks = (struct wi_ranks){0};
}
