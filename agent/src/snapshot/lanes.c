/* SPDX-License-Identifier: MIT */
/*
 * Sixteen slots at a time.
 *
 * The exporter goes over all handles several times a second: the tick, the findings and a screen's choice of rows each
 * need a few numbers of every one. Counts are kept as columns (columns.h), so a column is read into a lane of sixteen
 * words, the flows of sixteen channels are computed together, and only a slot that needs more than these numbers is
 * looked at on its own. Handles of other kinds are few; their flows are taken one by one. The lanes at hand are those of
 * the last reading, and are forgotten with the next. The exporter's thread.
 */
#include "snapshot/state.h"

#include <stddef.h>
#include <string.h>

#define LANE(member) (offsetof(struct wi_raw, member) / sizeof(uint64_t))
#define BIT(member)  (UINT32_C(1) << LANE(member))

/* Whether it is a channel whose messages are counted: an observed one, and one of bytes, are read on their own. */
static bool lanes_is_plain(uint64_t traits)
{
    struct wi_raw raw = {.traits = traits};
    return raw.kind == WI_CHANNEL && !(raw.flags & (WI_SLOT_OBSERVED | WI_SLOT_BYTES));
}

static void lanes_clear(struct view_lanes *lanes, size_t i)
{
    for (size_t t = 0; t < WI_N_TOTALS; t++) {
        lanes->total[t].at[i] = 0;
    }
}

static void lanes_take(struct segment_view *view, struct view_lanes *lanes, size_t i, size_t id)
{
    struct wi_flow flow;
    view_flow_now(view, id, &flow);
    for (size_t t = 0; t < WI_N_TOTALS; t++) {
        lanes->total[t].at[i] = flow.total[t];
    }
}

const struct view_lanes *wi_view_lanes(struct segment_view *view, size_t block)
{
    struct view_lanes *lanes = &view->lanes;
    struct wi_lane raw[WI_RAW_WORDS];
    if (lanes->number == block + 1) {
        return lanes;
    }
    lanes->number = block + 1;
    lanes->open = lanes->channels = 0;
    bool are_there = view->flows.are_present; /* from the tick */
    uint32_t words = BIT(capacity) | BIT(out_other) | BIT(traits);
    wi_collect_lanes(&view->collection, block, are_there ? words : words | wi_flow_channel_lanes,
                     raw);
    if (are_there) {
        wi_columns_read_lanes(&view->flows.of[view->flows.newest], block,
                              (UINT32_C(1) << WI_N_TOTALS) - 1, lanes->total);
    } else {
        wi_flow_take_channels(raw, lanes->total);
    }
    lanes->high = raw[LANE(out_other)];
    for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
        size_t id = block * WI_COLUMNS_RECORDS + i;
        bool is_open = id < view->collection.n && view->generations[id];
        bool is_channel = is_open && lanes_is_plain(raw[LANE(traits)].at[i]);
        lanes->capacity.at[i] = raw[LANE(capacity)].at[i] - 1;
        lanes->open |= (unsigned)is_open << i;
        lanes->channels |= (unsigned)is_channel << i;
        if (is_open && !is_channel && !are_there) {
            lanes_take(view, lanes, i, id);
        } else if (!is_open && !are_there) {
            lanes_clear(lanes, i);
        }
    }
    return lanes;
}
