/* SPDX-License-Identifier: MIT */
/*
 * A few metrics of many rows: what walks over all rows of a kind compare them by (process_view.h).
 *
 * A row is built on its own in some 40 ns; of a hundred thousand, most are built only to be found idle. Here sixteen
 * rows give their numbers from lanes (lanes.c), the same numbers as their rows have. That holds for the channels of a
 * segment, of which there may be very many, and for the metrics listed below. Other metrics are read row by row, and
 * so is the first second, when rates come from the history. The exporter's thread.
 */
#include "snapshot/state.h"

#include "weir/expect.h"

#include <math.h>

/* The lanes of some rows: where each row's are. */
struct numbers_rows {
    struct segment_view *view;
    const struct view_lanes *lanes;
    const uint32_t *ids;
    size_t n;
};

static size_t numbers_lane(const struct numbers_rows *rows, size_t i)
{
    return rows->ids[i] % WI_COLUMNS_RECORDS;
}

static uint64_t numbers_depth(const struct numbers_rows *rows, size_t i)
{
    size_t lane = numbers_lane(rows, i);
    return view_minus(rows->lanes->total[WI_TOTAL_SENT].at[lane],
                      rows->lanes->total[WI_TOTAL_GONE].at[lane]);
}

static void numbers_put_rates(const struct numbers_rows *rows, unsigned total,
                              struct wi_value *ret_values)
{
    const struct view_flows *flows = &rows->view->flows;
    size_t block = rows->ids[0] / WI_COLUMNS_RECORDS;
    struct wi_lane before[WI_N_TOTALS], last[WI_N_TOTALS];
    bool are_known = flows->is_known[0] && flows->is_known[1];
    if (are_known) {
        wi_columns_read_lanes(&flows->of[flows->newest ^ 1], block, UINT32_C(1) << total, before);
        wi_columns_read_lanes(&flows->of[flows->newest], block, UINT32_C(1) << total, last);
    }
    for (size_t i = 0; i < rows->n; i++) {
        size_t lane = numbers_lane(rows, i);
        if (!are_known || !rows->view->slots[rows->ids[i]].has_rates) {
            ret_values[i] = (struct wi_value){WI_ABSENT, {.u64 = 0}};
            continue;
        }
        double grown = last[total].at[lane] >= before[total].at[lane]
                           ? (double)(last[total].at[lane] - before[total].at[lane])
                           : 0;
        double rate = grown / flows->seconds;
        ret_values[i] = (struct wi_value){WI_F64, {.f64 = isfinite(rate) ? rate : 0}};
    }
}

static void numbers_put_capacities(const struct numbers_rows *rows, bool is_fill,
                                   struct wi_value *ret_values)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint64_t capacity = rows->lanes->capacity.at[numbers_lane(rows, i)];
        if (capacity == WEIR_UNBOUNDED) {
            ret_values[i] = (struct wi_value){WI_ABSENT, {.u64 = 0}};
        } else if (is_fill) {
            double fill = capacity ? (double)numbers_depth(rows, i) / (double)capacity : 0;
            ret_values[i] = (struct wi_value){WI_F64, {.f64 = fill}};
        } else {
            ret_values[i] = (struct wi_value){WI_U64, {.u64 = capacity}};
        }
    }
}

/* The highest depth so far, as wi_view_watch keeps it. */
static void numbers_put_peaks(const struct numbers_rows *rows, struct wi_value *ret_values)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct view_slot *slot = &rows->view->slots[rows->ids[i]];
        uint64_t depth = numbers_depth(rows, i);
        uint64_t high = rows->lanes->high.at[numbers_lane(rows, i)];
        high = high > depth ? high : depth;
        slot->peak = high > slot->peak ? high : slot->peak;
        ret_values[i] = (struct wi_value){WI_U64, {.u64 = slot->peak}};
    }
}

static void numbers_put_totals(const struct numbers_rows *rows, unsigned total,
                               struct wi_value *ret_values)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint64_t number = rows->lanes->total[total].at[numbers_lane(rows, i)];
        ret_values[i] = (struct wi_value){WI_U64, {.u64 = number}};
    }
}

static void numbers_put_depths(const struct numbers_rows *rows, struct wi_value *ret_values)
{
    for (size_t i = 0; i < rows->n; i++) {
        ret_values[i] = (struct wi_value){WI_U64, {.u64 = numbers_depth(rows, i)}};
    }
}

/* Puts a metric of some rows. Returns false when it is none of those that stand side by side. */
static bool numbers_put(const struct numbers_rows *rows, int metric, struct wi_value *ret_values)
{
    const struct wi_metric_from *from = &wi_metric_table(WI_CHANNEL)->metrics[metric].from;
    switch (metric) {
    case WI_CHANNEL_DEPTH:
        numbers_put_depths(rows, ret_values);
        return true;
    case WI_CHANNEL_CAPACITY:
    case WI_CHANNEL_FILL:
        numbers_put_capacities(rows, metric == WI_CHANNEL_FILL, ret_values);
        return true;
    case WI_CHANNEL_HIGH_WATER:
        numbers_put_peaks(rows, ret_values);
        return true;
    default:
        break;
    }
    if (from->how == WI_FROM_RATE) {
        numbers_put_rates(rows, from->a, ret_values);
    } else if (from->how == WI_FROM_TOTAL) {
        numbers_put_totals(rows, from->a, ret_values);
    }
    return from->how == WI_FROM_RATE || from->how == WI_FROM_TOTAL;
}

bool wi_view_numbers(struct segment_view *view, enum wi_kind kind, size_t first, size_t n,
                     struct wi_numbers *ret_numbers)
{
    if (kind != WI_CHANNEL || view->n_warm ||
        !WI_EXPECT(first + n <= view->n_order[kind] && n <= WI_NUMBERS_ROWS)) {
        return false;
    }
    ret_numbers->missing = 0;
    for (size_t done = 0; done < n;) {
        struct numbers_rows rows = {.view = view, .ids = &view->order[kind][first + done], .n = 1};
        size_t block = rows.ids[0] / WI_COLUMNS_RECORDS;
        while (done + rows.n < n && rows.ids[rows.n] / WI_COLUMNS_RECORDS == block) {
            rows.n++;
        }
        rows.lanes = wi_view_lanes(view, block);
        for (size_t m = 0; m < ret_numbers->n_metrics; m++) {
            if (!numbers_put(&rows, ret_numbers->metrics[m], &ret_numbers->value[m][done])) {
                return false;
            }
        }
        for (size_t i = 0; i < rows.n; i++) {
            size_t lane = rows.ids[i] % WI_COLUMNS_RECORDS;
            ret_numbers->missing |= (~rows.lanes->channels >> lane & 1) << (done + i);
            ret_numbers->id[done + i] =
                (uint64_t)view->generations[rows.ids[i]] << 32 | rows.ids[i];
        }
        done += rows.n;
    }
    return true;
}
