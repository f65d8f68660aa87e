/* SPDX-License-Identifier: MIT */
/*
 * Forecasts from a rate: when memory reaches a limit, when a bounded queue is full, and which bound
 * would have been enough for the depths so far.
 */
#include "finding/state.h"
#include "weir/nanos.h"

#define LIMIT_LEAST_BOUND UINT64_C(16)
#define LIMIT_ROOM        2              /* times the highest depth so far */
#define LIMIT_FAR         (30 * 86400.0) /* seconds: a later time is of no use for planning */

/* The memory that the process may still take, and the name of the limit that applies. */
static double limit_left(const struct wi_finding *finding, double *ret_limit, const char **ret_name)
{
    double left = INFINITY;
    for (size_t i = 0; i < FINDING_LIMITS; i++) {
        const struct finding_limit *limit = &finding->limit[i];
        if (limit->most > 0 && limit->used <= limit->most && limit->most - limit->used < left) {
            left = limit->most - limit->used;
            *ret_limit = limit->most;
            *ret_name = limit->name;
        }
    }
    return left;
}

double wi_limit_write(const struct wi_finding *finding, struct finding_entry *entry, double slope)
{
    char most[WI_WORDS_MAX], span[WI_WORDS_MAX];
    const char *name = "";
    double limit = 0;
    double seconds = slope > 0 ? limit_left(finding, &limit, &name) / slope : INFINITY;
    if (!(seconds < LIMIT_FAR)) {
        return INFINITY;
    }
    wi_entry_write(entry->estimate, "%s%s of %s is reached in about %s",
                   entry->estimate[0] ? "; " : "", name, wi_words_size(most, limit),
                   wi_words_duration(span, wi_nanos_of(seconds)));
    finding_put(entry, WI_WARNING_LIMIT_IN, seconds);
    return seconds;
}

void wi_limit_take(struct wi_finding *finding, const struct wi_row *process)
{
    finding->limit[0] = (struct finding_limit){
        "its cgroup's limit", process ? finding_number(process, WI_PROCESS_MEMORY_LIMIT, 0) : 0,
        process ? finding_number(process, WI_PROCESS_MEMORY_USED, 0) : 0};
    finding->limit[1] =
        (struct finding_limit){"its address space (RLIMIT_AS)",
                               process ? finding_number(process, WI_PROCESS_MAX_VIRTUAL, 0) : 0,
                               process ? finding_number(process, WI_PROCESS_VIRTUAL, 0) : 0};
}

static uint64_t limit_bound(uint64_t highest)
{
    uint64_t bound = LIMIT_LEAST_BOUND;
    while (bound < LIMIT_ROOM * highest && bound < UINT64_C(1) << 62) {
        bound *= 2;
    }
    return bound;
}

void wi_limit_write_bound(struct finding_entry *entry, uint64_t highest, bool is_bytes,
                          const char *when)
{
    char bound[WI_WORDS_MAX];
    if (highest == 0 || highest > UINT64_C(1) << 60) {
        return;
    }
    wi_entry_write(entry->estimate, "%sa bound of %s was enough %s", entry->estimate[0] ? "; " : "",
                   wi_words_amount(bound, limit_bound(highest), is_bytes), when);
    finding_put(entry, WI_WARNING_BOUND, (double)limit_bound(highest));
}
