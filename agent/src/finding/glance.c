/* SPDX-License-Identifier: MIT */
/*
 * Channels that need no judgement, found sixteen at a time.
 *
 * There may be very many channels, and at most 1,024 are watched. Only two things count about any other: that it is deep,
 * so that it may take the place of a watched one, and that it has no bound. Both follow from six numbers, which a
 * segment's process view has side by side. A channel that is watched, or that is in use while there is room, is read as
 * a row and judged. So each finding comes in the same second as if all rows were judged. The process view's thread.
 */
#include "finding/state.h"

enum { GLANCE_DEPTH, GLANCE_CAPACITY, GLANCE_HIGH, GLANCE_SENT, GLANCE_IN, GLANCE_REJECTS };

static bool glance_is_in_use(const struct wi_numbers *numbers, size_t i)
{
    return numbers->value[GLANCE_DEPTH][i].u.u64 > 0 ||
           wi_value_number(&numbers->value[GLANCE_IN][i], 0) > 0 ||
           wi_value_number(&numbers->value[GLANCE_REJECTS][i], 0) > 0;
}

bool wi_glance_read(const struct wi_process_view *view, size_t first, size_t n,
                    struct wi_numbers *ret_numbers)
{
    ret_numbers->metrics[GLANCE_DEPTH] = WI_CHANNEL_DEPTH;
    ret_numbers->metrics[GLANCE_CAPACITY] = WI_CHANNEL_CAPACITY;
    ret_numbers->metrics[GLANCE_HIGH] = WI_CHANNEL_HIGH_WATER;
    ret_numbers->metrics[GLANCE_SENT] = WI_CHANNEL_SENT;
    ret_numbers->metrics[GLANCE_IN] = WI_CHANNEL_IN_RATE;
    ret_numbers->metrics[GLANCE_REJECTS] = WI_CHANNEL_REJECT_RATE;
    ret_numbers->n_metrics = 6;
    return wi_process_view_numbers(view, WI_CHANNEL, first, n, ret_numbers);
}

bool wi_glance_wants(struct wi_finding *finding, const struct wi_numbers *numbers, size_t i)
{
    return numbers->missing >> i & 1 || wi_watch_state_has(finding, WI_CHANNEL, numbers->id[i]) ||
           (finding->n_watches < FINDING_MAX_WATCHES && glance_is_in_use(numbers, i));
}

void wi_glance_take(struct wi_finding *finding, const struct wi_process_view *view,
                    const struct wi_numbers *numbers, size_t first, size_t i)
{
    if (glance_is_in_use(numbers, i)) {
        wi_watch_state_without(finding, WI_CHANNEL, numbers->id[i],
                               numbers->value[GLANCE_DEPTH][i].u.u64);
    }
    if (numbers->value[GLANCE_CAPACITY][i].type == WI_ABSENT &&
        numbers->value[GLANCE_SENT][i].u.u64 > 0 &&
        wi_finding_deepest(finding, numbers->value[GLANCE_HIGH][i].u.u64, false)) {
        wi_finding_name_deepest(finding,
                                wi_process_view_part(view, WI_CHANNEL, first + i, 0)->name);
    }
}
