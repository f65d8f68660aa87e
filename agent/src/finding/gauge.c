/* SPDX-License-Identifier: MIT */
/*
 * Findings on gauges with a capacity: a gauge is nearly full, or will be full. They are those of a bounded
 * queue (channel.c), without the messages.
 *
 * And compares all gauges with the process's memory. If no channel explains the growth of
 * memory, a gauge may. A gauge has no declared size, so there are two cases. A gauge that rises by
 * as many bytes as the process counts bytes. Any other gauge that fits a straight line rises in
 * step, and the objects that it counts may be those that grow.
 *
 * Each value has the index of the memory's sample of the same moment, so that the two series can be
 * compared.
 */
#include "finding/state.h"

#include <stdio.h>
#include <string.h>

#define GAUGE_FITS   0.98 /* r2 */
#define GAUGE_BYTES  0.2  /* so near to one byte a unit that the gauge counts bytes */
#define GAUGE_COVERS 0.5  /* share of the window in which the gauge must have been seen */

static bool gauge_rises(const struct wi_finding *finding, const struct finding_gauge *gauge)
{
    uint32_t last = finding->memory.n - 1;
    uint32_t first = gauge->first;
    first = last - first >= WI_ATTRIBUTION_SAMPLES ? last - WI_ATTRIBUTION_SAMPLES + 1 : first;
    return gauge->second[last % WI_ATTRIBUTION_SAMPLES] >
           gauge->second[first % WI_ATTRIBUTION_SAMPLES];
}

/* The entry of a gauge: its own, a free one, or that of a gauge that does not rise. NULL: none. */
static struct finding_gauge *gauge_place(struct wi_finding *finding, uint64_t id)
{
    struct finding_gauge *place = NULL;
    for (uint32_t i = 0; i < finding->n_gauges; i++) {
        struct finding_gauge *gauge = &finding->gauge[i];
        if (gauge->id == id) {
            return gauge;
        }
        bool is_free = gauge->sample + 1 < finding->sample;
        bool is_old = finding->memory.n - gauge->first > WI_ATTRIBUTION_SAMPLES;
        if (!place && (is_free || (is_old && !gauge_rises(finding, gauge)))) {
            place = gauge;
        }
    }
    if (finding->n_gauges < FINDING_GAUGES) {
        place = &finding->gauge[finding->n_gauges++];
    }
    if (place) {
        memset(place, 0, sizeof(*place));
        place->id = id;
        place->first = finding->memory.n - 1;
        place->first_minute = finding->memory.minute_window.n;
        place->n_minutes = finding->memory.minute_window.n;
    }
    return place;
}

struct finding_gauge *wi_gauge_add(struct wi_finding *finding, uint64_t id, double value)
{
    const struct finding_memory *memory = &finding->memory;
    struct finding_gauge *gauge = memory->n ? gauge_place(finding, id) : NULL;
    if (!gauge) {
        return NULL;
    }
    gauge->sample = finding->sample;
    gauge->second[(memory->n - 1) % WI_ATTRIBUTION_SAMPLES] = value;
    if (memory->minute_window.n !=
        gauge->n_minutes) { /* a handle was closed: the gauge had this value before */
        gauge->minute[(memory->minute_window.n - 1) % WI_MINUTE_WINDOW_MINUTES] = gauge->last;
        gauge->n_minutes = memory->minute_window.n;
    }
    gauge->last = value;
    return gauge;
}

/* ---- its capacity ---- */

#define GAUGE_AMOUNT 96

/* "920 of 1,000 sessions", "920.0 MB of 1.0 GB" */
static void gauge_write_amount(char ret_text[GAUGE_AMOUNT], const struct wi_row *row,
                               const struct finding_watch_state *watch)
{
    char value[WI_WORDS_MAX], capacity[WI_WORDS_MAX];
    const char *unit = finding_has(row, WI_GAUGE_UNIT) ? row->value[WI_GAUGE_UNIT].u.text : "";
    if (strcmp(unit, "bytes") == 0) {
        snprintf(ret_text, GAUGE_AMOUNT, "%s of %s", wi_words_bytes(value, watch->depth),
                 wi_words_bytes(capacity, watch->capacity));
        return;
    }
    snprintf(ret_text, GAUGE_AMOUNT, "%s of %s%s%.32s", wi_words_count(value, watch->depth),
             wi_words_count(capacity, watch->capacity), unit[0] ? " " : "", unit);
}

static void gauge_full(struct wi_finding *finding, const struct wi_row *row,
                       const struct finding_watch_state *watch)
{
    char amount[GAUGE_AMOUNT], span[WI_WORDS_MAX];
    struct finding_entry *entry = wi_entry_add(
        finding, FINDING_WARNING, (double)watch->depth, "gauge_full", watch->name,
        "Find out what holds it; a greater capacity only helps if what it bounds can take more.");
    gauge_write_amount(amount, row, watch);
    wi_entry_write(entry->text, "%s: %.0f %% full, %s", watch->name,
                   floor(100 * (double)watch->depth / (double)watch->capacity), amount);
    wi_entry_write(entry->evidence, "at %.0f %% of its capacity or more for %s",
                   100 * FINDING_NEARLY_FULL,
                   wi_words_duration(span, finding->now - watch->full_since));
    if (!finding->is_dead) {
        wi_bound_write_full_in(entry, watch);
    }
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
    finding_put_since(entry, finding->now - watch->full_since);
}

static void gauge_filling(struct wi_finding *finding, const struct wi_row *row,
                          const struct finding_watch_state *watch)
{
    char amount[GAUGE_AMOUNT], rate[WI_WORDS_MAX];
    if (finding->is_dead || !isfinite(wi_bound_full_in(watch))) {
        return;
    }
    double slope = wi_depth_window_slope(&watch->depth_window);
    struct finding_entry *entry =
        wi_entry_add(finding, wi_bound_is_soon(watch) ? FINDING_WARNING : FINDING_INFO,
                     (double)watch->depth, "gauge_filling", watch->name,
                     "Find out why it rises; decide what happens when it is full.");
    gauge_write_amount(amount, row, watch);
    wi_entry_write(entry->text, "%s: filling, +%s/s, %s", watch->name, wi_words_rate(rate, slope),
                   amount);
    wi_bound_write_full_in(entry, watch);
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
    finding_put_since(entry, finding->now - watch->depth_window.growing_since);
    finding_put(entry, WI_WARNING_RATE, slope);
}

/* A capacity of one is full whenever it is used. */
static void gauge_bounded(struct wi_finding *finding, const struct wi_row *row)
{
    uint64_t capacity = wi_finding_count(row, WI_GAUGE_CAPACITY);
    double value = finding_number(row, WI_GAUGE_VALUE, 0);
    struct finding_sample sample = {.nanos = finding->now,
                                    .depth = value > 0 ? wi_words_whole(value) : 0};
    struct finding_watch_state *watch =
        capacity < 2
            ? NULL
            : wi_watch_state_get(finding, WI_GAUGE, row->id, sample.depth, sample.depth > 0);
    if (!watch) {
        return;
    }
    wi_watch_state_add(watch, &sample);
    watch->name = row->name;
    watch->capacity = capacity;
    uint32_t n_full =
        wi_bound_samples(watch, FINDING_NEARLY_FULL * (double)capacity, &watch->full_since);
    if (n_full >= FINDING_FULL_SAMPLES || (finding->is_dead && n_full > 0)) {
        gauge_full(finding, row, watch);
    } else {
        gauge_filling(finding, row, watch);
    }
}

void wi_finding_gauge(struct wi_finding *finding, const struct wi_row *row)
{
    double value = finding_number(row, WI_GAUGE_VALUE, NAN);
    struct finding_gauge *gauge = isfinite(value) ? wi_gauge_add(finding, row->id, value) : NULL;
    if (gauge) {
        gauge->name = row->name;
    }
    gauge_bounded(finding, row);
}

/* ---- memory that goes with it ---- */

/* The gauge and memory at each moment since `from` at which both are known. Returns the number of
 * moments. */
static size_t gauge_gather(const struct wi_finding *finding, const struct finding_gauge *gauge,
                           uint64_t from, bool is_slow, struct gauge_series *ret_series)
{
    const struct finding_memory *memory = &finding->memory;
    uint32_t end = is_slow ? memory->minute_window.n : memory->n;
    uint32_t room = is_slow ? WI_MINUTE_WINDOW_MINUTES : WI_ATTRIBUTION_SAMPLES;
    uint32_t first = is_slow ? gauge->first_minute : gauge->first;
    size_t n = 0;
    for (uint32_t i = end - first > room ? end - room : first; i < end; i++) {
        const struct wi_minute_window_minute *minute =
            &memory->minute_window.minute[i % WI_MINUTE_WINDOW_MINUTES];
        uint64_t nanos = is_slow ? minute->ended : memory->nanos[i % WI_ATTRIBUTION_SAMPLES];
        if (nanos < from) {
            continue;
        }
        ret_series->seconds[n] = (double)(nanos - from) / 1e9;
        ret_series->memory[n] =
            is_slow ? (double)minute->last : memory->bytes[i % WI_ATTRIBUTION_SAMPLES];
        ret_series->value[n++] = is_slow ? gauge->minute[i % WI_MINUTE_WINDOW_MINUTES]
                                         : gauge->second[i % WI_ATTRIBUTION_SAMPLES];
    }
    return n;
}

bool wi_gauge_explain(const struct wi_finding *finding, uint64_t from, bool is_slow,
                      const struct wi_line *growth, double window,
                      struct finding_gauge_share *ret_share)
{
    struct gauge_series series;
    struct wi_line with_time, with_memory;
    bool is_found = false;
    for (uint32_t i = 0; i < finding->n_gauges; i++) {
        const struct finding_gauge *gauge = &finding->gauge[i];
        size_t n = gauge->sample == finding->sample && gauge->name
                       ? gauge_gather(finding, gauge, from, is_slow, &series)
                       : 0;
        if (n < WI_ATTRIBUTION_LEAST ||
            series.seconds[n - 1] - series.seconds[0] < GAUGE_COVERS * window ||
            !wi_line_fit(series.seconds, series.value, n, &with_time) ||
            !wi_line_fit(series.value, series.memory, n, &with_memory) || !(with_time.slope > 0) ||
            with_memory.r2 < GAUGE_FITS) {
            continue;
        }
        struct finding_gauge_share share = {.gauge = gauge,
                                            .rate = with_time.slope,
                                            .each = with_memory.slope,
                                            .r2 = with_memory.r2,
                                            .share = with_time.slope / growth->slope};
        share.is_bytes = fabs(share.each - 1) <= GAUGE_BYTES;
        bool is_better =
            !is_found ||
            (share.is_bytes != ret_share->is_bytes ? share.is_bytes : share.r2 > ret_share->r2);
        *ret_share = is_better ? share : *ret_share;
        is_found = true;
    }
    return is_found;
}
