/* SPDX-License-Identifier: MIT */
/*
 * Rows: the numbers of a handle, put under the metrics of its table.
 *
 * A row is built when a caller asks for it, into a row that is all absent; only the waits of the
 * current row are kept. A metric that follows from a flow is put as its row in agent/metrics says
 * (put_flow); a function for each kind puts the others. So a new number that follows from totals
 * needs no code here.
 *
 * Numbers are those of the last refresh, rates and ages those of the last tick. Waits are read from
 * the histograms, which costs more than all else; a row in brief has none. A caller that compares
 * all rows by a few metrics asks for these alone, and few others are put. A number that is not
 * known is absent, never 0. Differences do not go below 0, whatever a segment holds. Texts are the
 * slot's, until the next refresh. The process view's thread.
 */
#include "snapshot/state.h"

#include "weir/atomic.h"
#include "weir/expect.h"
#include "weir/nanos.h"
#include "weir/text.h"
#include "weir/wall.h"

#include <stdlib.h>

#define FIELD(metric)          (UINT64_C(1) << (metric))
#define FIELDS_OF_WAITS(first) (UINT64_C(15) << (first)) /* count, p50, p99, max */
#define FIELDS_OF_ESTIMATE                                                                         \
    (FIELD(WI_CHANNEL_WAIT_ESTIMATED_P50) | FIELD(WI_CHANNEL_WAIT_ESTIMATED_P99) |                 \
     FIELD(WI_CHANNEL_WAIT_ESTIMATED_MAX))

/* The metrics that need a measure's histogram. */
static uint64_t wait_fields(enum wi_kind kind, unsigned which)
{
    switch (kind) {
    case WI_CHANNEL:
        return which ? 0
                     : FIELDS_OF_WAITS(WI_CHANNEL_WAIT) | FIELD(WI_CHANNEL_WAIT_AT_LEAST) |
                           FIELDS_OF_ESTIMATE;
    case WI_SEMAPHORE:
        return which ? 0 : FIELDS_OF_WAITS(WI_SEMAPHORE_WAIT);
    case WI_TASK:
        return FIELDS_OF_WAITS(which ? WI_TASK_RUN : WI_TASK_WAIT);
    case WI_LOOP:
        return FIELDS_OF_WAITS(which ? WI_LOOP_LATENESS : WI_LOOP_ITERATION);
    default:
        return 0;
    }
}

/* A rate of a slot, the r-th of its kind. */
static void put_rate(const struct segment_view *view, size_t id, size_t r,
                     const struct wi_metric_from *from, struct wi_value *ret_value)
{
    const struct view_slot *slot = &view->slots[id];
    for (size_t i = 0; slot->is_warm && i < view->n_warm; i++) {
        if (view->warm[i].slot == id) {
            *ret_value = (struct wi_value){WI_F64, {.f64 = view->warm[i].rate[r]}};
            return;
        }
    }
    const struct wi_flow *before = wi_view_flow(view, id, 1);
    const struct wi_flow *last = wi_view_flow(view, id, 0);
    if (before && last) {
        struct wi_value value =
            wi_from_value(from, before->total, last->total, view->flows.seconds);
        *ret_value = (struct wi_value){WI_F64, {.f64 = wi_value_number(&value, 0)}};
    }
}

/* Puts the metrics that follow from the present flow, and those that follow from the flows of the
 * last two ticks. */
static void put_flow(const struct segment_view *view, size_t id, enum wi_kind kind,
                     const struct wi_flow *flow, struct wi_row *row)
{
    const struct view_flowing *flowing = &view->flowing[kind];
    uint8_t flags = wi_collect_raw(&view->collection, id)->flags;
    const struct wi_metric *metrics = wi_metric_table(kind)->metrics;
    size_t n_rates = 0;
    for (size_t k = 0; k < flowing->n; k++) {
        size_t i = flowing->metric[k];
        size_t r = n_rates;
        n_rates += flowing->is_rate[k];
        if (!(view->base->wanted & FIELD(i)) || !wi_flow_has(kind, flags, (int)i)) {
            continue;
        }
        if (!flowing->is_rate[k]) {
            row->value[i] = wi_from_value(&metrics[i].from, NULL, flow->total, 0);
        } else if (view->slots[id].has_rates && r < WI_FLOW_RATES) {
            put_rate(view, id, r, &metrics[i].from, &row->value[i]);
        }
    }
}

void wi_view_list_flowing(struct segment_view *view)
{
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        struct view_flowing *flowing = &view->flowing[kind];
        for (size_t i = 0; wi_kind_has_slots(kind) && i < table->n_metrics; i++) {
            if (table->metrics[i].from.how != WI_FROM_NONE &&
                WI_EXPECT(table->metrics[i].from.a < WI_N_TOTALS &&
                          table->metrics[i].from.b < WI_N_TOTALS)) {
                flowing->fields |= FIELD(i);
                flowing->is_rate[flowing->n] = wi_from_is_rate(&table->metrics[i].from);
                flowing->metric[flowing->n++] = (uint8_t)i;
            }
        }
    }
}

/* Four rows of the table follow each other: count, p50, p99, max. */
static void put_waits(struct wi_row *row, int first, const struct view_waits *waits)
{
    wi_row_put_u64(row, first, waits->count);
    if (waits->count) {
        wi_row_put_f64(row, first + 1, (double)waits->p50 / 1e9);
        wi_row_put_f64(row, first + 3, (double)waits->max / 1e9);
    }
    if (waits->p99) {
        wi_row_put_f64(row, first + 2, (double)waits->p99 / 1e9);
    }
}

/* Waits of a channel that has none of its own. Those below a second are not told: they may be anything below. */
static void put_estimate(const struct segment_view *view, struct wi_row *row,
                         const struct view_slot *slot, uint64_t sent, uint64_t left)
{
    struct wi_estimated waits;
    const struct view_extra *extra = slot->extra;
    if (!(view->base->wanted & FIELDS_OF_ESTIMATE) || view->base->is_brief ||
        view->waits[0].count || !extra || !extra->estimate || !extra->age ||
        !wi_estimate_waits(extra->estimate, extra->age, wi_view_as_of(view), sent, left, &waits)) {
        return;
    }
    const uint64_t nanos[] = {waits.p50, waits.p99, waits.max};
    for (int i = 0; i < 3; i++) {
        if (nanos[i] >= WI_ESTIMATE_LEAST) {
            wi_row_put_nanos(row, WI_CHANNEL_WAIT_ESTIMATED_P50 + i, nanos[i]);
        }
    }
}

/* A channel that was empty at the last tick has no samples yet: that tick is its only one. */
static void put_age(const struct segment_view *view, struct wi_row *row,
                    const struct view_slot *slot, const struct wi_raw *raw,
                    const struct wi_flow *flow)
{
    struct wi_age tick;
    const struct wi_age *age = slot->extra ? slot->extra->age : NULL;
    bool is_wanted = view->base->wanted & (FIELD(WI_CHANNEL_OLDEST_AGE) |
                                           FIELD(WI_CHANNEL_WAIT_AT_LEAST) | FIELDS_OF_ESTIMATE);
    if (!is_wanted || (raw->flags & WI_SLOT_UNORDERED)) {
        return;
    }
    if (!age) {
        const struct wi_flow *last = wi_view_flow(view, (size_t)(slot - view->slots), 0);
        tick.n = view->base->has_ticked && last;
        tick.nanos[0] = view->base->tick_nanos;
        tick.sent[0] = last && slot->was_there ? last->total[WI_TOTAL_SENT] + raw->unsent : 0;
        age = &tick;
    }
    uint64_t left = flow->total[WI_TOTAL_GONE] + raw->in_other;
    uint64_t sent = raw->entering[WEIR_WORD_SENT];
    uint64_t nanos;
    put_estimate(view, row, slot, sent, left);
    if (wi_age_of(age, wi_view_as_of(view), sent, left, &nanos)) {
        wi_row_put_f64(row, WI_CHANNEL_OLDEST_AGE, (double)nanos / 1e9);
    }
    uint64_t least = wi_age_least(age, wi_view_as_of(view), left);
    if (flow->total[WI_TOTAL_SENT] > flow->total[WI_TOTAL_GONE] && least > view->waits[0].p99 &&
        !view->base->is_brief) {
        wi_row_put_nanos(row, WI_CHANNEL_WAIT_AT_LEAST, least);
    }
}

/* The metrics by which most walks over all channels compare. */
#define CHANNEL_GLANCE                                                                             \
    (FIELD(WI_CHANNEL_CAPACITY) | FIELD(WI_CHANNEL_FILL) | FIELD(WI_CHANNEL_HIGH_WATER) |          \
     FIELD(WI_CHANNEL_LABEL) | FIELD(WI_CHANNEL_UNIT) | FIELD(WI_CHANNEL_COUNTING))

/* The counts of a channel that do not follow from its flow. */
static void put_channel_counts(const struct wi_raw *raw, struct wi_row *row)
{
    if (!(raw->flags & WI_SLOT_OBSERVED)) {
        wi_row_put_u64(row, WI_CHANNEL_RECEIVED, raw->leaving[WEIR_WORD_RECEIVED]);
        for (int i = 0; i < 3; i++) {
            wi_row_put_u64(row, WI_CHANNEL_DISCARDED_OVERWRITE + i, raw->discarded[i]);
        }
    }
    for (int i = 0; i < 4; i++) {
        wi_row_put_u64(row, WI_CHANNEL_REJECTS_FULL + i, raw->rejects[i]);
    }
}

/* The sums of a channel's objects. If none of them can be read, its depth is not known, nor is what follows from it. */
static void put_objects(const struct segment_view *view, size_t id, const struct wi_raw *raw,
                        struct wi_row *row)
{
    static const struct wi_site none;
    if (!(raw->flags & WI_SLOT_OBJECTS)) {
        return;
    }
    const struct wi_site *site =
        wi_objects_site(&view->collection.objects, (uint32_t)id, (uint32_t)raw->generation);
    site = site ? site : &none;
    wi_row_put_u64(row, WI_CHANNEL_OBJECTS, site->open);
    wi_row_put_u64(row, WI_CHANNEL_OBJECTS_READ, site->read);
    if (site->read) {
        wi_row_put_u64(row, WI_CHANNEL_LARGEST, site->largest);
        wi_row_put_text(row, WI_CHANNEL_LARGEST_LABEL, site->label[0] ? site->label : NULL);
    } else if (site->open) {
        static const int unknown[] = {WI_CHANNEL_DEPTH, WI_CHANNEL_FILL, WI_CHANNEL_QUEUED_BYTES,
                                      WI_CHANNEL_OLDEST_AGE, WI_CHANNEL_DEEPEST};
        for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
            row->value[unknown[i]].type = WI_ABSENT;
        }
        if (!view->slots[id].peak) {
            row->value[WI_CHANNEL_HIGH_WATER].type = WI_ABSENT;
        }
    }
}

static void view_build_channel(struct segment_view *view, size_t id, const struct wi_flow *flow,
                               struct wi_row *row)
{
    static const char *const flavors[] = {"other", "spsc", "mpsc", "spmc", "mpmc"};
    struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    uint64_t depth = WI_EXPECT(flow->total[WI_TOTAL_SENT] >= flow->total[WI_TOTAL_GONE])
                         ? flow->total[WI_TOTAL_SENT] - flow->total[WI_TOTAL_GONE]
                         : 0;
    if (raw->capacity != WEIR_UNBOUNDED) {
        wi_row_put_u64(row, WI_CHANNEL_CAPACITY, raw->capacity);
        wi_row_put_f64(row, WI_CHANNEL_FILL,
                       raw->capacity ? (double)depth / (double)raw->capacity : 0);
    }
    wi_row_put_u64(row, WI_CHANNEL_HIGH_WATER, slot->peak);
    wi_row_put_text(row, WI_CHANNEL_LABEL, wi_view_label(view, id));
    wi_row_put_text(row, WI_CHANNEL_UNIT, raw->flags & WI_SLOT_BYTES ? "bytes" : "messages");
    wi_row_put_text(row, WI_CHANNEL_COUNTING,
                    raw->flags & WI_SLOT_OBSERVED ? "observed" : "counted");
    if (!(view->base->wanted & ~CHANNEL_GLANCE & ~view->flowing[WI_CHANNEL].fields)) {
        put_objects(view, id, raw, row);
        return;
    }
    put_channel_counts(raw, row);
    put_age(view, row, slot, raw, flow);
    put_waits(row, WI_CHANNEL_WAIT, &view->waits[0]);
    wi_row_put_f64(row, WI_CHANNEL_FULL_SECONDS, view_limit_seconds(slot));
    wi_row_put_u64(row, WI_CHANNEL_INSTANCES, 1);
    wi_row_put_u64(row, WI_CHANNEL_DEEPEST, depth);
    put_objects(view, id, raw, row);
    if (raw->has_senders) {
        const struct view_more none = {0};
        const struct view_more *more = view_more(slot) ? view_more(slot) : &none;
        wi_row_put_u64(row, WI_CHANNEL_SENDERS, more->senders);
        wi_row_put_u64(row, WI_CHANNEL_SENDERS_GONE, more->gone);
        wi_row_put_u64(row, WI_CHANNEL_ORPHANED, more->orphaned);
        wi_row_put_u64(row, WI_CHANNEL_ORPHANED_BYTES, more->orphaned_bytes);
        wi_row_put_u64(row, WI_CHANNEL_SENDERS_AWAY, more->away);
        wi_row_put_u64(row, WI_CHANNEL_ORPHANED_AWAY, more->orphaned_away);
    }
    if (raw->has_senders || slot->is_for_receivers) {
        wi_row_put_text(row, WI_CHANNEL_PARTY, view_party(slot));
    }
    wi_row_put_text(row, WI_CHANNEL_FLAVOR,
                    flavors[raw->flavor <= WEIR_CHANNEL_MPMC ? raw->flavor : 0]);
    wi_row_put_text(row, WI_CHANNEL_SOURCE, wi_view_source(view, id));
}

static void view_build_semaphore(struct segment_view *view, size_t id, const struct wi_flow *flow,
                                 struct wi_row *row)
{
    const struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    uint64_t acquired = raw->entering[WEIR_WORD_ACQUIRED];
    if (!raw->capacity) { /* it has no permits of its own, and gets them only by releases */
        wi_row_put_u64(row, WI_SEMAPHORE_AVAILABLE,
                       view_minus(flow->total[WI_TOTAL_RELEASED], acquired));
    }
    wi_row_put_u64(row, WI_SEMAPHORE_LOW_WATER, view_minus(raw->capacity, slot->peak));
    wi_row_put_u64(row, WI_SEMAPHORE_ACQUIRED, acquired);
    wi_row_put_u64(row, WI_SEMAPHORE_WAITERS, view_minus(raw->in_other, raw->out_other));
    for (int i = 0; i < 3; i++) {
        wi_row_put_u64(row, WI_SEMAPHORE_REJECTS_EXHAUSTED + i, raw->rejects[i]);
    }
    wi_row_put_f64(row, WI_SEMAPHORE_EXHAUSTED_SECONDS, view_limit_seconds(slot));
    put_waits(row, WI_SEMAPHORE_WAIT, &view->waits[0]);
    wi_row_put_text(row, WI_SEMAPHORE_SOURCE, wi_view_source(view, id));
    wi_row_put_text(row, WI_SEMAPHORE_LABEL, wi_view_label(view, id));
}

static void view_build_task(struct segment_view *view, size_t id, struct wi_row *row)
{
    const struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    for (int i = 0; i < 3; i++) {
        wi_row_put_u64(row, WI_TASK_FINISHED_OK + i, raw->leaving[WEIR_WORD_FINISHED + i]);
    }
    put_waits(row, WI_TASK_WAIT, &view->waits[0]);
    put_waits(row, WI_TASK_RUN, &view->waits[1]);
    const struct view_more *more = view_more(slot);
    if (more) {
        wi_row_put_u64(row, WI_TASK_SINGLE_RUNNING, more->running);
        wi_row_put_u64(row, WI_TASK_SINGLE_SCHEDULED, more->scheduled);
        wi_row_put_u64(row, WI_TASK_SINGLE_IDLE, more->idle);
        wi_row_put_u64(row, WI_TASK_POLLS, more->high[INSTANCE_POLLS]);
        wi_row_put_nanos(row, WI_TASK_BUSY, more->high[INSTANCE_BUSY]);
        wi_row_put_nanos(row, WI_TASK_SCHEDULED, more->high[INSTANCE_SCHEDULED]);
        wi_row_put_nanos(row, WI_TASK_IDLE, more->high[INSTANCE_IDLE]);
        wi_row_put_u64(row, WI_TASK_WAKES, more->high[INSTANCE_WAKES]);
    }
    wi_row_put_text(row, WI_TASK_SOURCE, wi_view_source(view, id));
}

static void view_build_loop(struct segment_view *view, size_t id, struct wi_row *row)
{
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    bool is_busy;
    uint64_t elapsed = wi_flow_loop_elapsed(&view->collection, raw, &is_busy);
    wi_row_put_nanos(row, WI_LOOP_CURRENT, is_busy ? elapsed : 0);
    put_waits(row, WI_LOOP_ITERATION, &view->waits[0]);
    wi_row_put_nanos(row, WI_LOOP_ITERATION_MAX, raw->leaving[WI_LOOP_WORD_WORST]);
    if (raw->capacity != WEIR_NO_PERIOD) {
        wi_row_put_nanos(row, WI_LOOP_PERIOD, raw->capacity);
    }
    if (raw->leaving[WI_LOOP_WORD_TIMERS]) {
        put_waits(row, WI_LOOP_LATENESS, &view->waits[1]);
        wi_row_put_nanos(row, WI_LOOP_LATENESS_MAX, raw->leaving[WI_LOOP_WORD_LATEST]);
    }
    wi_row_put_text(row, WI_LOOP_SOURCE, wi_view_source(view, id));
}

/* A segment that was written before gauges had a capacity has 0 there: none. */
static void view_build_gauge(const struct segment_view *view, size_t id, const struct wi_flow *flow,
                             struct wi_row *row)
{
    uint64_t capacity = wi_collect_raw(&view->collection, id)->capacity;
    if (capacity && capacity != WEIR_UNBOUNDED) {
        wi_row_put_u64(row, WI_GAUGE_CAPACITY, capacity);
        wi_row_put_f64(row, WI_GAUGE_FILL,
                       (double)(int64_t)flow->total[WI_TOTAL_VALUE] / (double)capacity);
    }
    wi_row_put_text(row, WI_GAUGE_UNIT, wi_view_label(view, id));
    wi_row_put_text(row, WI_GAUGE_HELP, wi_view_help(view, id));
}

static void view_build_counter(const struct segment_view *view, size_t id, struct wi_row *row)
{
    wi_row_put_text(row, WI_COUNTER_UNIT, wi_view_label(view, id));
    wi_row_put_text(row, WI_COUNTER_HELP, wi_view_help(view, id));
}

/* The waits of the row that is being built, if they are wanted. */
static void build_waits(struct segment_view *view, size_t id, unsigned which)
{
    uint64_t fields = wait_fields((enum wi_kind)view->slots[id].kind, which);
    if (fields & view->base->wanted && !view->base->is_brief) {
        wi_view_waits(view, id, which, &view->waits[which]);
    } else {
        view->waits[which] = (struct view_waits){0, 0, 0, 0};
    }
}

static void view_build(struct segment_view *view, size_t id, struct wi_row *row)
{
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    struct wi_flow flow;
    wi_flow_take(raw, &flow);
    wi_view_watch(&view->slots[id], raw, &flow);
    put_flow(view, id, (enum wi_kind)raw->kind, &flow, row);
    build_waits(view, id, 0);
    build_waits(view, id, 1);
    row->id = (uint64_t)raw->generation << 32 | id;
    row->name = wi_view_name(view, id);
    row->is_inherited = raw->flags & WI_SLOT_INHERITED;
    switch (raw->kind) {
    case WI_CHANNEL:
        view_build_channel(view, id, &flow, row);
        break;
    case WI_SEMAPHORE:
        view_build_semaphore(view, id, &flow, row);
        break;
    case WI_TASK:
        view_build_task(view, id, row);
        break;
    case WI_LOOP:
        view_build_loop(view, id, row);
        break;
    case WI_COUNTER:
        view_build_counter(view, id, row);
        break;
    case WI_GAUGE:
        view_build_gauge(view, id, &flow, row);
        break;
    default:
        break;
    }
}

static void put_limit(struct wi_row *row, int metric, uint64_t limit)
{
    if (limit) {
        wi_row_put_u64(row, metric, limit);
    }
}

/* The limits of the process, and its allocator's numbers, if there are such. */
static void put_process_bounds(struct wi_row *row, const struct wi_process *process)
{
    put_limit(row, WI_PROCESS_MAX_FDS, process->max_fds);
    put_limit(row, WI_PROCESS_MAX_VIRTUAL, process->max_virtual_bytes);
    put_limit(row, WI_PROCESS_MAX_THREADS, process->max_threads);
    if (process->has_heap) {
        wi_row_put_u64(row, WI_PROCESS_HEAP, process->heap_bytes);
        wi_row_put_u64(row, WI_PROCESS_HEAP_RESIDENT, process->heap_resident_bytes);
    }
    if (process->has_memory_limit) {
        wi_row_put_u64(row, WI_PROCESS_MEMORY_LIMIT, process->memory_limit_bytes);
        wi_row_put_u64(row, WI_PROCESS_MEMORY_USED, process->memory_used_bytes);
    }
}

static void view_build_process(struct segment_view *view, struct wi_row *row)
{
    const struct wi_process *process = &view->process;
    row->name = view->base->facts.name;
    if (process->is_known) {
        wi_row_put_u64(row, WI_PROCESS_RSS, process->rss_bytes);
        wi_row_put_u64(row, WI_PROCESS_ANON, process->anon_bytes);
        wi_row_put_u64(row, WI_PROCESS_VIRTUAL, process->virtual_bytes);
        wi_row_put_u64(row, WI_PROCESS_THREADS, process->threads);
        wi_row_put_u64(row, WI_PROCESS_FDS, process->fds);
        put_process_bounds(row, process);
        wi_row_put_f64(row, WI_PROCESS_CPU, process->cpu_seconds);
        wi_row_put_f64(
            row, WI_PROCESS_UPTIME,
            wi_source_state(view->source) == WI_STATE_DEAD
                ? (double)(wi_view_as_of_unix(view) - view->base->facts.started_unix_nanos) / 1e9
                : view->uptime_seconds);
        if (view->has_rates) {
            wi_row_put_f64(row, WI_PROCESS_CPU_RATIO, view->cpu_ratio);
        }
        if (view->base->verdict->growth.is_known) {
            wi_row_put_f64(row, WI_PROCESS_GROWTH, view->base->verdict->growth.slope);
            wi_row_put_f64(row, WI_PROCESS_WINDOW, view->base->verdict->growth.window);
        }
    }
    int64_t started = wi_wall_shifted(view->base->facts.started_unix_nanos, view->wall_step);
    wi_row_put_f64(row, WI_PROCESS_START_TIME, (double)started / 1e9);
    wi_row_put_u64(row, WI_PROCESS_REJECTS, wi_view_sum_rejects(view));
    wi_row_put_text(row, WI_PROCESS_REJECTS_SOURCE,
                    view->has_counter ? "counter" : "channels+semaphores");
    if (view->has_rates) {
        wi_row_put_f64(row, WI_PROCESS_REJECT_RATE, view->rejects_rate);
    }
}

static uint64_t view_memory(const struct segment_view *view)
{
    return sizeof(*view) + sizeof(*view->base) + wi_source_memory(view->source) +
           view->base->verdict->bytes + wi_collection_memory(&view->collection) +
           view->n_slots * sizeof(struct view_slot) + wi_view_names_memory(view) +
           wi_columns_memory(&view->flows.of[0]) + wi_columns_memory(&view->flows.of[1]) +
           view->n_extras * sizeof(struct view_extra) + view->n_ages * sizeof(struct wi_age) +
           view->n_estimates * sizeof(struct wi_estimate) +
           view->n_windows * sizeof(struct wi_window) + view->n_more * sizeof(struct view_more) +
           view->room_retired * (sizeof(struct view_retired) + sizeof(struct wi_raw_retired)) +
           wi_view_senders_memory(view) +
           view->room_blocks[WI_TASK_INSTANCES] * sizeof(struct view_task_instance) +
           view->writer.n_marks * sizeof(uint64_t) + view->base->self.heap_bytes;
}

static void put_history(struct wi_row *row, const struct segment_view *view)
{
    static const char *const states[] = {"none", "written", "read"};
    const struct wi_recorder *recorder = &view->writer.recorder;
    const struct wi_history *history =
        recorder->state == WI_RECORDER_NONE ? NULL : &recorder->history;
    uint64_t now = wi_view_as_of(view);
    size_t n_rows = 0;
    for (size_t i = 0; history && i < WI_HISTORY_TRACKS; i++) {
        n_rows += history->head.tracks[i].generation != 0;
    }
    wi_row_put_u64(row, WI_AGENT_HISTORY_BYTES, recorder->file_bytes);
    wi_row_put_u64(row, WI_AGENT_HISTORY_ROWS, n_rows);
    wi_row_put_u64(row, WI_AGENT_HISTORY_LOST, recorder->lost);
    wi_row_put_text(row, WI_AGENT_HISTORY_STATE,
                    recorder->problem[0]                ? recorder->problem
                    : history && view->writer.has_ended ? "left"
                                                        : states[recorder->state]);
    if (history && history->head.first_nanos && history->head.first_nanos <= now) {
        double seconds = (double)(now - history->head.first_nanos) / 1e9;
        wi_row_put_f64(row, WI_AGENT_HISTORY_SECONDS,
                       seconds < WI_HISTORY_N_MINUTES * 60 ? seconds : WI_HISTORY_N_MINUTES * 60);
    }
}

/* The segment may hold any text: it is copied by words, and cleaned. */
static void put_broken_at(struct wi_row *row, struct segment_view *view,
                          const struct wi_header *header)
{
    uint64_t words[sizeof(header->broken_at) / sizeof(uint64_t) + 1] = {0};
    for (size_t i = 0; i < sizeof(header->broken_at) / sizeof(uint64_t); i++) {
        words[i] = wi_load_relaxed(&header->broken_at[i]);
    }
    if (wi_text_clean((const char *)words, view->broken_at, sizeof(view->broken_at)) > 0) {
        wi_row_put_text(row, WI_AGENT_BROKEN_AT, view->broken_at);
    }
}

static void put_threads(struct wi_row *row, const struct segment_view *view)
{
    const struct wi_header *header = view->collection.image.header;
    uint32_t limit = wi_load_relaxed(&header->thread_shards);
    wi_row_put_u64(row, WI_AGENT_CELLS_REFUSED, wi_load_relaxed(&header->cells_refused));
    wi_row_put_u64(row, WI_AGENT_THREADS, wi_collect_threads(&view->collection));
    if (limit) { /* else an earlier version does not tell */
        wi_row_put_u64(row, WI_AGENT_THREADS_LIMIT, limit);
        wi_row_put_u64(row, WI_AGENT_THREADS_WITHOUT, wi_load_relaxed(&header->threads_without));
        wi_row_put_u64(row, WI_AGENT_CPU_CELLS, wi_load_relaxed(&header->cpu_shards));
    }
}

static void put_agent_objects(struct wi_row *row, const struct segment_view *view)
{
    const struct wi_objects *objects = &view->collection.objects;
    const struct wi_header *header =
        (const struct wi_header *)(const void *)view->collection.image.bytes;
    wi_row_put_u64(row, WI_AGENT_OBJECTS_REFUSED, wi_load_relaxed(&header->objects_refused));
    if (objects->batch) {
        wi_row_put_u64(row, WI_AGENT_OBJECTS, objects->open);
        wi_row_put_u64(row, WI_AGENT_OBJECTS_DROPPED, objects->n_dropped);
        wi_row_put_text(row, WI_AGENT_OBJECTS_STATE,
                        objects->why_unread             ? objects->why_unread
                        : objects->read < objects->open ? "in part"
                                                        : "read");
    }
}

static void view_build_agent(struct segment_view *view, struct wi_row *row)
{
    const struct wi_header *header = view->collection.image.header;
    const struct wi_self *self = &view->base->self;
    row->name = view->base->facts.name;
    wi_row_put_u64(row, WI_AGENT_SEGMENT_BYTES, wi_load_relaxed(&header->reserved_bytes));
    wi_row_put_u64(row, WI_AGENT_SEGMENT_LIMIT, header->limit_bytes);
    wi_row_put_u64(row, WI_AGENT_HANDLES, wi_load_relaxed(&header->n_handles));
    wi_row_put_u64(row, WI_AGENT_HANDLES_REFUSED, wi_load_relaxed(&header->handles_refused));
    wi_row_put_u64(row, WI_AGENT_CALLS_REFUSED, wi_load_relaxed(&header->calls_refused));
    wi_row_put_u64(row, WI_AGENT_CALLS_MIXED, wi_load_relaxed(&header->calls_mixed));
    wi_row_put_u64(row, WI_AGENT_SAMPLES_LOST, wi_load_relaxed(&header->samples_lost));
    wi_row_put_u64(row, WI_AGENT_SENDERS, view->n_order[WI_SENDER]);
    wi_row_put_u64(row, WI_AGENT_SENDERS_REFUSED, wi_load_relaxed(&header->senders_refused));
    wi_row_put_u64(row, WI_AGENT_SINGLES, view->n_order[WI_TASK_INSTANCE]);
    wi_row_put_u64(row, WI_AGENT_SINGLES_REFUSED, wi_load_relaxed(&header->instances_refused));
    wi_row_put_u64(row, WI_AGENT_CLAMPED, view->collection.clamped);
    wi_row_put_u64(row, WI_AGENT_MEMORY, view_memory(view));
    wi_row_put_f64(row, WI_AGENT_CPU, (double)wi_nanos(CLOCK_THREAD_CPUTIME_ID) / 1e9);
    wi_row_put_u64(row, WI_AGENT_CLIENTS, self->clients);
    wi_row_put_u64(row, WI_AGENT_CLIENTS_REJECTED, self->clients_rejected);
    wi_row_put_u64(row, WI_AGENT_UPDATES_SENT, self->updates_sent);
    wi_row_put_u64(row, WI_AGENT_UPDATES_SKIPPED, self->updates_skipped);
    wi_row_put_u64(row, WI_AGENT_PROTOCOL_ERRORS, self->protocol_errors);
    wi_row_put_u64(row, WI_AGENT_SCRAPES, self->scrapes);
    wi_row_put_u64(row, WI_AGENT_HTTP_REJECTED, self->http_rejected);
    wi_row_put_nanos(row, WI_AGENT_RESTED, self->rested_nanos);
    wi_row_put_u64(row, WI_AGENT_BROKEN, wi_load_relaxed(&header->broken));
    put_broken_at(row, view, header);
    put_threads(row, view);
    put_agent_objects(row, view);
    put_history(row, view);
}

size_t wi_view_count(const struct segment_view *view, enum wi_kind kind)
{
    return wi_kind_has_one_row(kind) ? 1 : view->n_order[kind];
}

void wi_view_row(struct segment_view *view, enum wi_kind kind, size_t i, struct wi_row *row)
{
    if (kind == WI_PROCESS) {
        view_build_process(view, row);
    } else if (kind == WI_AGENT) {
        view_build_agent(view, row);
    } else if (!WI_EXPECT(i < view->n_order[kind])) {
        return; /* all absent */
    } else if (kind == WI_SENDER) {
        wi_view_build_sender(view, view->order[kind][i], row);
    } else if (kind == WI_TASK_INSTANCE) {
        wi_view_build_task_instance(view, view->order[kind][i], row);
    } else {
        view_build(view, view->order[kind][i], row);
    }
}

bool wi_view_at(struct segment_view *view, size_t slot_index, enum wi_kind *ret_kind,
                struct wi_row *row)
{
    if (slot_index >= wi_view_n_slots(view, WI_CHANNEL) || !view->generations[slot_index]) {
        return false;
    }
    *ret_kind = (enum wi_kind)view->slots[slot_index].kind;
    view_build(view, slot_index, row);
    return true;
}

int64_t wi_view_opened_unix_nanos(const struct segment_view *view, size_t slot_index)
{
    const struct weir_slot_head *head = slot_index < wi_view_n_slots(view, WI_CHANNEL)
                                            ? wi_collect_head(&view->collection, slot_index)
                                            : NULL;
    uint64_t nanos = head ? wi_load_relaxed(&head->opened_at) : 0;
    return nanos <= INT64_MAX ? wi_wall_shifted((int64_t)nanos, view->wall_step) : 0;
}

unsigned wi_view_measure(enum wi_kind kind, int metric)
{
    return (kind == WI_TASK && metric == WI_TASK_RUN) ||
           (kind == WI_LOOP && metric == WI_LOOP_LATENESS);
}

const struct weir_histogram *wi_view_histogram(struct segment_view *view, enum wi_kind kind,
                                               const struct wi_row *row, int metric)
{
    size_t id = (size_t)(row->id & UINT32_MAX);
    if (kind == WI_TASK_INSTANCE) {
        return id < view->room_blocks[WI_TASK_INSTANCES] &&
                       view->instances[id].generation == row->id >> 32 &&
                       wi_collect_task_instance_histogram(
                           &view->collection, id, metric == WI_TASK_INSTANCE_DELAY, &view->scratch)
                   ? &view->scratch
                   : NULL;
    }
    if ((kind > WI_TASK && kind != WI_LOOP) || id >= view->collection.n ||
        view->generations[id] != row->id >> 32 ||
        !wi_collect_histogram(&view->collection, id, wi_view_measure(kind, metric),
                              &view->scratch)) {
        return NULL;
    }
    return &view->scratch;
}
