/* SPDX-License-Identifier: MIT */
/*
 * The provider of a recording: a frame in, rows out.
 *
 *     reader -> frame -> (a refresh) -> rows, histograms, warnings as they were recorded
 *
 * The file has metrics under the indices of the weir that made it; the Description in it says which
 * are which. They are found by their FIELD among this weir's metrics, and go by its indices from then
 * on. Those that this weir does not know are left out. The texts of metrics are those of the file.
 *
 * A row is built when somebody asks for it; its texts are the frame's. Rows stand in the order in
 * which they were opened, as a segment has them: by their slot, the lower half of an id. The moment
 * is the frame's, so that ranks and rates go by the recorded time. Nothing in the file is trusted:
 * reader.c and frame.c have bounded it. The view owns reader and frame. One thread at a time.
 */
#include "record/provider.h"

#include "base/memory.h"
#include "record/replay_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDED_INDICES 64 /* of a kind's metrics in the file */

struct wc_recorded {
    struct wc_replay_frame shown;
    struct wc_replay_history *history;
    struct wi_catalog catalog;
    int metrics[WI_N_KINDS][RECORDED_INDICES]; /* this weir's, by the file's index; -1: unknown */
    const Weir__V1__Row **rows[WI_N_KINDS];    /* in the order of opening */
    size_t room[WI_N_KINDS];
    bool is_ordered[WI_N_KINDS];
    struct weir_histogram histogram; /* that was asked for last */
};

_Static_assert(WC_FRAME_KINDS >= WI_N_KINDS, "a frame has every kind");

/* ---- frames ------------------------------------------------------------------------------- */

struct wc_reader *wc_recorded_reader(struct wc_recorded *recorded)
{
    return recorded->shown.reader;
}

/* The rows of the frame are others, or lie elsewhere. */
static void recorded_moved(struct wc_recorded *recorded)
{
    memset(recorded->is_ordered, 0, sizeof(recorded->is_ordered));
}

static bool recorded_show(struct wc_recorded *recorded, bool is_there)
{
    recorded_moved(recorded);
    wc_replay_history_forget(recorded->history);
    return is_there;
}

bool wc_recorded_seek(struct wc_recorded *recorded, uint64_t at)
{
    struct wc_replay_frame *shown = &recorded->shown;
    return recorded_show(recorded, wc_reader_seek(shown->reader, at, &shown->frame, &shown->at));
}

bool wc_recorded_next(struct wc_recorded *recorded)
{
    struct wc_replay_frame *shown = &recorded->shown;
    return recorded_show(recorded, wc_reader_next(shown->reader, &shown->frame, &shown->at));
}

/* ---- rows --------------------------------------------------------------------------------- */

static const struct wc_frame_table *recorded_table(const struct wc_recorded *recorded,
                                                   enum wi_kind kind)
{
    return &recorded->shown.frame.tables[kind];
}

static int recorded_compare(const void *a, const void *b)
{
    const Weir__V1__Row *x = *(const Weir__V1__Row *const *)a,
                        *y = *(const Weir__V1__Row *const *)b;
    uint32_t slot_x = (uint32_t)x->id, slot_y = (uint32_t)y->id;
    return slot_x != slot_y ? (slot_x > slot_y) - (slot_x < slot_y)
                            : (x->id > y->id) - (x->id < y->id);
}

static void recorded_order(struct wc_recorded *recorded, enum wi_kind kind)
{
    const struct wc_frame_table *table = recorded_table(recorded, kind);
    if (table->n_rows > recorded->room[kind]) {
        recorded->room[kind] = table->n_rows;
        recorded->rows[kind] =
            wc_resize(recorded->rows[kind], table->n_rows, sizeof(*recorded->rows[kind]));
    }
    for (size_t i = 0; i < table->n_rows; i++) {
        recorded->rows[kind][i] = table->rows[i];
    }
    if (table->n_rows > 1) {
        qsort(recorded->rows[kind], table->n_rows, sizeof(*recorded->rows[kind]), recorded_compare);
    }
    recorded->is_ordered[kind] = true;
}

static int recorded_metric(const struct wc_recorded *recorded, enum wi_kind kind, uint32_t index)
{
    return index < RECORDED_INDICES ? recorded->metrics[kind][index] : -1;
}

static void recorded_put(struct wi_row *row, int metric, const Weir__V1__Value *value)
{
    switch (value->value_case) {
    case WEIR__V1__VALUE__VALUE_U64:
        wi_row_put_u64(row, metric, value->u64);
        break;
    case WEIR__V1__VALUE__VALUE_I64:
        row->value[metric] = (struct wi_value){WI_I64, {.i64 = value->i64}};
        break;
    case WEIR__V1__VALUE__VALUE_F64:
        wi_row_put_f64(row, metric, value->f64);
        break;
    case WEIR__V1__VALUE__VALUE_TEXT:
        wi_row_put_text(row, metric, value->text);
        break;
    default:
        break;
    }
}

static void recorded_row(void *context, enum wi_kind kind, size_t i, struct wi_row *row)
{
    struct wc_recorded *recorded = context;
    const struct wc_frame_table *table = recorded_table(recorded, kind);
    if (!recorded->is_ordered[kind]) {
        recorded_order(recorded, kind);
    }
    const Weir__V1__Row *from = recorded->rows[kind][i];
    row->id = from->id;
    row->name = from->name;
    for (size_t k = 0; k < from->n_values; k++) {
        int metric = recorded_metric(recorded, kind, table->columns[k]);
        if (metric >= 0) {
            recorded_put(row, metric, from->values[k]);
        }
    }
}

static size_t recorded_count(const void *context, enum wi_kind kind)
{
    return recorded_table(context, kind)->n_rows;
}

/* All that there were, also those that the recording had no room for. */
static void recorded_extent(const void *context, enum wi_kind kind, struct wi_extent *extent)
{
    const struct wc_frame_table *table = recorded_table(context, kind);
    extent->total = table->is_there ? table->total : extent->total;
    extent->matching = table->matching > extent->matching ? table->matching : extent->matching;
}

/* A bucket of the file by its upper bound, which is not in it. */
static unsigned recorded_bucket(uint64_t bound)
{
    return bound > 0 ? weir_histogram_bucket(bound - 1) : 0;
}

static const struct weir_histogram *recorded_histogram(void *context, enum wi_kind kind,
                                                       const struct wi_row *row, int metric)
{
    struct wc_recorded *recorded = context;
    const Weir__V1__Row *from = wc_frame_row(recorded_table(recorded, kind), row->id);
    for (size_t i = 0; from && i < from->n_histograms; i++) {
        const Weir__V1__Histogram *histogram = from->histograms[i];
        if (recorded_metric(recorded, kind, histogram->metric) == metric) {
            recorded->histogram =
                (struct weir_histogram){.sum = histogram->sum_nanos, .max = histogram->max_nanos};
            for (size_t k = 0; k < histogram->n_bounds; k++) {
                recorded->histogram.bucket[recorded_bucket(histogram->bounds[k])] +=
                    histogram->counts[k];
            }
            return &recorded->histogram;
        }
    }
    return NULL;
}

/* ---- the process view's side -------------------------------------------------------------- */

static enum weir_status recorded_refresh(void *context, uint64_t now_nanos,
                                         struct weir_error *ret_error)
{
    (void)context;
    (void)now_nanos;
    (void)ret_error;
    return WEIR_OK;
}

static void recorded_moment(const void *context, struct wi_moment *moment)
{
    const struct wc_frame *frame = &((const struct wc_recorded *)context)->shown.frame;
    moment->nanos = moment->as_of_nanos = (uint64_t)frame->read_nanos;
    moment->unix_nanos = frame->unix_nanos;
}

static enum wi_state recorded_state(const void *context)
{
    return wi_state_of(((const struct wc_recorded *)context)->shown.frame.state);
}

static uint64_t recorded_n_missed(const void *context)
{
    return ((const struct wc_recorded *)context)->shown.frame.skipped;
}

static bool recorded_has_past(const void *context, enum wi_kind kind, int metric)
{
    const struct wc_recorded *recorded = context;
    enum wi_metric_type type = wi_metric_table(kind)->metrics[metric].type;
    return wi_catalog_has(&recorded->catalog, kind, (size_t)metric) &&
           (type == WI_TYPE_GAUGE || type == WI_TYPE_COUNTER);
}

static void *recorded_past_open(void *context, const struct wi_past_query *query)
{
    struct wc_recorded *recorded = context;
    struct wc_replay_metric *metrics = wc_alloc(query->n_metrics * sizeof(*metrics));
    size_t n = 0;
    for (size_t i = 0; i < query->n_metrics; i++) {
        for (uint32_t index = 0; index < RECORDED_INDICES; index++) {
            if (recorded->metrics[query->kind][index] == query->metrics[i]) {
                metrics[n++] = (struct wc_replay_metric){query->metrics[i], index};
                break;
            }
        }
    }
    return wc_replay_past_open(recorded->history, query, metrics, n);
}

static bool recorded_past_next(void *context, void *past, struct wi_series *ret_series)
{
    struct wc_recorded *recorded = context;
    bool has_moved;
    bool is_one = wc_replay_past_next(recorded->history, past, ret_series, &has_moved);
    if (has_moved) {
        recorded_moved(recorded);
    }
    return is_one;
}

static void recorded_past_close(void *context, void *taken_past)
{
    wc_replay_past_close(((struct wc_recorded *)context)->history, taken_past);
}

static void recorded_close(void *context)
{
    struct wc_recorded *recorded = context;
    wc_replay_history_destroy(recorded->history);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        free(recorded->rows[kind]);
    }
    free((struct wi_catalog_words *)(uintptr_t)recorded->catalog.words);
    wc_frame_finish(&recorded->shown.frame);
    wc_reader_close(recorded->shown.reader);
    free(recorded);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* The catalog: the metrics that the process described, as far as they are known here, with its texts. */
static void recorded_describe(struct wc_recorded *recorded,
                              const Weir__V1__Description *description)
{
    struct wi_catalog *catalog = &recorded->catalog;
    struct wi_catalog_words *words = wc_alloc(description->n_metrics * sizeof(*words));
    for (size_t i = 0; i < description->n_metrics; i++) {
        const Weir__V1__Metric *from = description->metrics[i];
        enum wi_kind kind = (enum wi_kind)from->kind;
        int metric = (unsigned)kind < WI_N_KINDS ? wi_metric_find(kind, from->field) : -1;
        if (metric < 0 || from->index >= RECORDED_INDICES ||
            recorded->metrics[kind][from->index] >= 0 ||
            wi_catalog_has(catalog, kind, (size_t)metric)) {
            continue;
        }
        recorded->metrics[kind][from->index] = metric;
        catalog->fields[kind] |= UINT64_C(1) << metric;
        words[catalog->n_words++] =
            (struct wi_catalog_words){kind, metric, NULL, from->summary, from->help};
    }
    catalog->words = words;
    for (size_t i = 0; i < description->n_absences; i++) {
        const Weir__V1__Absence *absence = description->absences[i];
        if ((unsigned)absence->kind < WI_N_KINDS && catalog->fields[absence->kind] == 0) {
            catalog->absence[absence->kind] = absence->text;
        }
    }
}

static void recorded_facts(const Weir__V1__Description *description, struct wi_facts *ret_facts)
{
    *ret_facts = (struct wi_facts){.pid = description->pid,
                                   .started_unix_nanos = description->started_unix_nanos};
    snprintf(ret_facts->name, sizeof(ret_facts->name), "%s", description->name);
    snprintf(ret_facts->program, sizeof(ret_facts->program), "%s", description->program);
    snprintf(ret_facts->version, sizeof(ret_facts->version), "%s", description->version);
    snprintf(ret_facts->path, sizeof(ret_facts->path), "%s", description->segment_path);
}

enum wc_status wc_recorded_open(const char *path, struct wi_process_view **ret_view,
                                struct wc_recorded **ret_recorded, struct wc_error *ret_error)
{
    static const struct wi_provider_ops ops = {.refresh = recorded_refresh,
                                               .moment = recorded_moment,
                                               .state = recorded_state,
                                               .count = recorded_count,
                                               .row = recorded_row,
                                               .extent = recorded_extent,
                                               .n_missed = recorded_n_missed,
                                               .histogram = recorded_histogram,
                                               .has_past = recorded_has_past,
                                               .past_open = recorded_past_open,
                                               .past_next = recorded_past_next,
                                               .past_close = recorded_past_close,
                                               .close = recorded_close};
    struct wc_reader *reader = NULL;
    struct wi_facts facts;
    struct weir_error error = {{0}};
    enum wc_status code = wc_reader_open(path, &reader, ret_error);
    if (code != WC_OK) {
        return code;
    }
    struct wc_recorded *recorded = wc_alloc(sizeof(*recorded));
    recorded->shown.reader = reader;
    recorded->history = wc_replay_history_create(&recorded->shown);
    memset(recorded->metrics, -1, sizeof(recorded->metrics));
    (void)wc_recorded_seek(recorded, 0);
    recorded_describe(recorded, wc_reader_opening(reader)->description);
    recorded_facts(wc_reader_opening(reader)->description, &facts);
    if (wi_process_view_open_provider(&facts, &recorded->catalog, &ops, recorded, ret_view,
                                      &error) != WEIR_OK) {
        wc_give_up();
    }
    *ret_recorded = recorded;
    return WC_OK;
}
