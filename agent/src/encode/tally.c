/* SPDX-License-Identifier: MIT */
/*
 * The tally: an array of rows that were seen last time, an array of names, and an index of the rows
 * by id, rebuilt at each end. A row's histograms are allocated when the first was measured. Where
 * memory fails the row is not remembered, and that is all.
 */
#include "encode/tally.h"

#include <stdlib.h>
#include <string.h>

#define TALLY_MAX_ROWS   4096U
#define TALLY_MAX_NAMES  1024U
#define TALLY_SLOTS      8192U
#define TALLY_NONE       UINT16_MAX
#define TALLY_COUNTERS   12U /* the most that any kind exposes */
#define TALLY_HISTOGRAMS 2U

/* Counts of a row, or of all closed rows of a name. */
struct tally_counts {
    struct wi_value counter[TALLY_COUNTERS]; /* in the order of the kind's table */
    struct wi_octaves *histogram[TALLY_HISTOGRAMS];
};

struct tally_row {
    uint64_t id;
    enum wi_kind kind;
    uint16_t name;
    bool is_seen;
    struct tally_counts counts;
};

struct tally_name {
    enum wi_kind kind;
    char name[WEIR_NAME_MAX + 1];
    struct tally_counts closed;
};

struct wi_tally {
    struct tally_row *rows;
    size_t n_rows, row_room;
    struct tally_name *names;
    size_t n_names, name_room;
    uint16_t slot[TALLY_SLOTS];
};

/* ---- sums ---------------------------------------------------------------------------------- */

void wi_octaves_add_histogram(struct wi_octaves *octaves, const struct weir_histogram *histogram)
{
    octaves->is_measured = true;
    octaves->sum += histogram->sum;
    for (size_t bucket = 0; bucket < WEIR_HISTOGRAM_BUCKETS; bucket++) {
        /* Bucket 0; then 1 to 4, 5 to 8, ... */
        octaves->count[(bucket + 3) / 4] += histogram->bucket[bucket];
    }
}

void wi_octaves_add(struct wi_octaves *octaves, const struct wi_octaves *more)
{
    octaves->is_measured |= more->is_measured;
    octaves->sum += more->sum;
    for (size_t i = 0; i <= WI_OCTAVES; i++) {
        octaves->count[i] += more->count[i];
    }
}

static double tally_double(const struct wi_value *value)
{
    return value->type == WI_U64   ? (double)value->u.u64
           : value->type == WI_I64 ? (double)value->u.i64
                                   : value->u.f64;
}

void wi_value_add(struct wi_value *sum, const struct wi_value *value)
{
    if (value->type == WI_ABSENT || value->type == WI_TEXT) {
        return;
    }
    if (sum->type == WI_ABSENT) {
        *sum = *value;
    } else if (sum->type == WI_U64 && value->type == WI_U64) {
        if (__builtin_add_overflow(sum->u.u64, value->u.u64, &sum->u.u64)) {
            sum->u.u64 = UINT64_MAX;
        }
    } else if (sum->type == WI_I64 && value->type == WI_I64) {
        if (__builtin_add_overflow(sum->u.i64, value->u.i64, &sum->u.i64)) {
            sum->u.i64 = value->u.i64 < 0 ? INT64_MIN : INT64_MAX;
        }
    } else {
        double total = tally_double(sum) + tally_double(value);
        sum->type = WI_F64;
        sum->u.f64 = total;
    }
}

/* ---- finding ------------------------------------------------------------------------------- */

static bool tally_is_exposed(const struct wi_metric *metric, enum wi_metric_type type)
{
    return metric->type == type && metric->family[0];
}

/* The place of a histogram among its kind's; TALLY_HISTOGRAMS when it has none. */
static size_t tally_place(enum wi_kind kind, size_t metric)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    size_t place = 0;
    for (size_t i = 0; i < metric; i++) {
        place += tally_is_exposed(&table->metrics[i], WI_TYPE_HISTOGRAM);
    }
    bool is_one = tally_is_exposed(&table->metrics[metric], WI_TYPE_HISTOGRAM);
    return is_one && place < TALLY_HISTOGRAMS ? place : TALLY_HISTOGRAMS;
}

static uint32_t tally_slot(enum wi_kind kind, uint64_t id)
{
    uint64_t mixed = (id ^ ((uint64_t)kind << 56)) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 40) % TALLY_SLOTS;
}

static struct tally_row *tally_row_find(const struct wi_tally *tally, enum wi_kind kind,
                                        uint64_t id)
{
    uint32_t at = tally_slot(kind, id);
    while (tally->slot[at] != TALLY_NONE) {
        struct tally_row *row = &tally->rows[tally->slot[at]];
        if (row->id == id && row->kind == kind) {
            return row;
        }
        at = (at + 1) % TALLY_SLOTS;
    }
    return NULL;
}

static void tally_row_enter(struct wi_tally *tally, size_t row)
{
    uint32_t at = tally_slot(tally->rows[row].kind, tally->rows[row].id);
    while (tally->slot[at] != TALLY_NONE) {
        at = (at + 1) % TALLY_SLOTS;
    }
    tally->slot[at] = (uint16_t)row;
}

static const struct tally_name *tally_name_find(const struct wi_tally *tally, enum wi_kind kind,
                                                const char *name)
{
    for (size_t i = 0; tally && i < tally->n_names; i++) {
        if (tally->names[i].kind == kind && strcmp(tally->names[i].name, name) == 0) {
            return &tally->names[i];
        }
    }
    return NULL;
}

/* ---- growing ------------------------------------------------------------------------------- */

/* Makes room for one more of `size` bytes. False past the limit, and without memory. */
static bool tally_grow(void **array, size_t n, size_t *room, size_t limit, size_t size)
{
    if (n < *room) {
        return true;
    }
    size_t more = *room ? 2 * *room : 16;
    void *larger = n < limit ? realloc(*array, more * size) : NULL;
    if (!larger) {
        return false;
    }
    *array = larger;
    *room = more;
    return true;
}

static uint16_t tally_name_make(struct wi_tally *tally, enum wi_kind kind, const char *text)
{
    const struct tally_name *found = tally_name_find(tally, kind, text);
    void *names = tally->names;
    if (found) {
        return (uint16_t)(found - tally->names);
    }
    if (!tally_grow(&names, tally->n_names, &tally->name_room, TALLY_MAX_NAMES,
                    sizeof(*tally->names))) {
        return TALLY_NONE;
    }
    tally->names = names;
    struct tally_name *name = &tally->names[tally->n_names];
    size_t length = strnlen(text, WEIR_NAME_MAX);
    memset(name, 0, sizeof(*name));
    name->kind = kind;
    memcpy(name->name, text, length);
    return (uint16_t)tally->n_names++;
}

static struct tally_row *tally_row_make(struct wi_tally *tally, enum wi_kind kind, uint64_t id)
{
    struct tally_row *row = tally_row_find(tally, kind, id);
    void *rows = tally->rows;
    if (row) {
        return row;
    }
    if (!tally_grow(&rows, tally->n_rows, &tally->row_room, TALLY_MAX_ROWS, sizeof(*tally->rows))) {
        return NULL;
    }
    tally->rows = rows;
    row = &tally->rows[tally->n_rows];
    memset(row, 0, sizeof(*row));
    row->id = id;
    row->kind = kind;
    tally_row_enter(tally, tally->n_rows++);
    return row;
}

static void tally_counts_free(struct tally_counts *counts)
{
    for (size_t i = 0; i < TALLY_HISTOGRAMS; i++) {
        free(counts->histogram[i]);
        counts->histogram[i] = NULL;
    }
}

/* ---- the face ------------------------------------------------------------------------------ */

struct wi_tally *wi_tally_create(void)
{
    struct wi_tally *tally = calloc(1, sizeof(*tally));
    if (tally) {
        memset(tally->slot, 0xff, sizeof(tally->slot));
    }
    return tally;
}

void wi_tally_destroy(struct wi_tally *tally)
{
    if (!tally) {
        return;
    }
    for (size_t i = 0; i < tally->n_rows; i++) {
        tally_counts_free(&tally->rows[i].counts);
    }
    for (size_t i = 0; i < tally->n_names; i++) {
        tally_counts_free(&tally->names[i].closed);
    }
    free(tally->rows);
    free(tally->names);
    free(tally);
}

void wi_tally_begin(struct wi_tally *tally, enum wi_kind kind)
{
    for (size_t i = 0; tally && i < tally->n_rows; i++) {
        if (tally->rows[i].kind == kind) {
            tally->rows[i].is_seen = false;
        }
    }
}

bool wi_tally_knows(const struct wi_tally *tally, enum wi_kind kind, const char *name)
{
    return tally_name_find(tally, kind, name) != NULL;
}

void wi_tally_see(struct wi_tally *tally, enum wi_kind kind, const char *name,
                  const struct wi_row *row)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    uint16_t at = tally ? tally_name_make(tally, kind, name) : TALLY_NONE;
    struct tally_row *seen = at != TALLY_NONE ? tally_row_make(tally, kind, row->id) : NULL;
    if (!seen) {
        return;
    }
    seen->is_seen = true;
    seen->name = at;
    size_t place = 0;
    for (size_t i = 0; i < table->n_metrics && place < TALLY_COUNTERS; i++) {
        if (tally_is_exposed(&table->metrics[i], WI_TYPE_COUNTER)) {
            seen->counts.counter[place++] = row->value[i];
        }
    }
}

void wi_tally_see_histogram(struct wi_tally *tally, enum wi_kind kind, const struct wi_row *row,
                            size_t metric, const struct weir_histogram *histogram)
{
    struct tally_row *seen = tally ? tally_row_find(tally, kind, row->id) : NULL;
    size_t place = tally_place(kind, metric);
    if (!seen || place == TALLY_HISTOGRAMS) {
        return;
    }
    if (!seen->counts.histogram[place]) {
        seen->counts.histogram[place] = calloc(1, sizeof(struct wi_octaves));
    }
    if (seen->counts.histogram[place]) {
        memset(seen->counts.histogram[place], 0, sizeof(struct wi_octaves));
        wi_octaves_add_histogram(seen->counts.histogram[place], histogram);
    }
}

/* Enters a row that has gone into its name. */
static void tally_row_close(struct wi_tally *tally, struct tally_row *row)
{
    struct tally_counts *closed = &tally->names[row->name].closed;
    for (size_t i = 0; i < TALLY_COUNTERS; i++) {
        wi_value_add(&closed->counter[i], &row->counts.counter[i]);
    }
    for (size_t i = 0; i < TALLY_HISTOGRAMS; i++) {
        if (!closed->histogram[i]) {
            closed->histogram[i] = row->counts.histogram[i];
            row->counts.histogram[i] = NULL;
        } else if (row->counts.histogram[i]) {
            wi_octaves_add(closed->histogram[i], row->counts.histogram[i]);
        }
    }
    tally_counts_free(&row->counts);
}

void wi_tally_end(struct wi_tally *tally, enum wi_kind kind)
{
    size_t kept = 0;
    if (!tally) {
        return;
    }
    for (size_t i = 0; i < tally->n_rows; i++) {
        if (tally->rows[i].kind == kind && !tally->rows[i].is_seen) {
            tally_row_close(tally, &tally->rows[i]);
        } else {
            tally->rows[kept++] = tally->rows[i];
        }
    }
    if (kept == tally->n_rows) {
        return;
    }
    tally->n_rows = kept;
    memset(tally->slot, 0xff, sizeof(tally->slot));
    for (size_t i = 0; i < kept; i++) {
        tally_row_enter(tally, i);
    }
}

void wi_tally_add(const struct wi_tally *tally, enum wi_kind kind, const char *name,
                  struct wi_value values[WI_MAX_METRICS])
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    const struct tally_name *found = tally_name_find(tally, kind, name);
    size_t place = 0;
    for (size_t i = 0; found && i < table->n_metrics && place < TALLY_COUNTERS; i++) {
        if (tally_is_exposed(&table->metrics[i], WI_TYPE_COUNTER)) {
            wi_value_add(&values[i], &found->closed.counter[place++]);
        }
    }
}

void wi_tally_add_histogram(const struct wi_tally *tally, enum wi_kind kind, const char *name,
                            size_t metric, struct wi_octaves *octaves)
{
    const struct tally_name *found = tally_name_find(tally, kind, name);
    size_t place = tally_place(kind, metric);
    if (found && place < TALLY_HISTOGRAMS && found->closed.histogram[place]) {
        wi_octaves_add(octaves, found->closed.histogram[place]);
    }
}
