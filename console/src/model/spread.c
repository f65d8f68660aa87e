/* SPDX-License-Identifier: MIT */
/* Splits bounds by their highest bits, so that their order and number do not matter. */
#include "model/spread.h"

#include <math.h>

#include "weir/cell.h"

/* The step that ends at a bound or contains it. */
static int spread_step(uint64_t bound)
{
    uint64_t last = bound > 0 ? bound - 1 : 0; /* of the values below it */
    int octave = last > 0 ? 63 - __builtin_clzll(last) : 0;
    return octave * 4 + (octave >= 2 ? (int)(last >> (octave - 2) & 3) : 0);
}

void wc_spread_make(const Weir__V1__Histogram *histogram, struct wc_spread *ret_spread)
{
    size_t n =
        histogram->n_bounds < histogram->n_counts ? histogram->n_bounds : histogram->n_counts;
    *ret_spread = (struct wc_spread){.first = WC_SPREAD_STEPS, .last = -1};
    for (size_t i = 0; i < n; i++) {
        uint64_t bound = histogram->bounds[i];
        if (bound == UINT64_MAX && histogram->max_nanos > 0) {
            bound = histogram->max_nanos; /* the bucket without an end: the step of its greatest
                                             value */
        }
        int step = spread_step(bound);
        if (histogram->counts[i] == 0) {
            continue;
        }
        ret_spread->count[step] += (double)histogram->counts[i];
        ret_spread->total += (double)histogram->counts[i];
        ret_spread->first = step < ret_spread->first ? step : ret_spread->first;
        ret_spread->last = step > ret_spread->last ? step : ret_spread->last;
    }
    ret_spread->max_nanos = (double)histogram->max_nanos;
    if (ret_spread->total > 0) {
        ret_spread->mean_nanos = (double)histogram->sum_nanos / ret_spread->total;
    }
}

double wc_spread_end(int step)
{
    return ldexp(5 + step % 4, step / 4 - 2);
}

double wc_spread_begin(int step)
{
    /* Below its first bound an exporter has a single bucket. */
    if (wc_spread_end(step) <= (double)(1U << WEIR_HISTOGRAM_MIN_SHIFT)) {
        return 0;
    }
    return ldexp(4 + step % 4, step / 4 - 2);
}

double wc_spread_quantile(const struct wc_spread *spread, double q, int *ret_step)
{
    double rank = floor(q * spread->total), seen = 0;
    int step = spread->first;
    *ret_step = -1;
    if (!(spread->total > 0)) {
        return 0;
    }
    while (step < spread->last) {
        seen += spread->count[step];
        if (seen > rank) {
            break;
        }
        step++;
    }
    double low = wc_spread_begin(step), high = wc_spread_end(step);
    double middle = low > 0 ? 2 * low * high / (low + high) : high / 2;
    *ret_step = step;
    return spread->max_nanos > 0 && middle > spread->max_nanos ? spread->max_nanos : middle;
}

int wc_spread_steps_per_line(const struct wc_spread *spread, int rows)
{
    int per_line = 1;
    while (per_line < WC_SPREAD_STEPS &&
           spread->last / per_line - spread->first / per_line + 1 > rows) {
        per_line *= 2;
    }
    return per_line;
}
