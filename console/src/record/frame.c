/* SPDX-License-Identifier: MIT */
/*
 * Frames and the steps between them.
 *
 * A frame is the whole state of a process at one moment, as tables of rows by id. A recorder makes
 * a step from one frame to the next; a reader applies it to the frame that it has. The step holds
 * new rows, the ids of removed rows, and for the others only the values that differ; a number that
 * changed is stored as the difference.
 *
 * Both sides must come to the same frame to the last bit: doubles are compared by their bytes, and
 * stored as differences only if they are whole nanoseconds. Rows are moved, not copied: a step's
 * values change places with those of the row, and the old ones are freed with the step. The frame
 * owns its rows; a step that is being made borrows from the next frame.
 *
 * A file may hold anything. Columns, rows, values and histograms are bounded, indexes are checked
 * before they are used, and a frame has at most 16 MiB as a message, where an exporter's has 3.
 * When a step does not fit, the frame is not usable until it is set again. No I/O; lack of memory
 * ends the program. One thread.
 */
#include "record/frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "weir/expect.h"

/* Bounds of what a file can make us allocate. An exporter's frame is at most 3 MiB. */
#define FRAME_MAX_BYTES      ((size_t)8 << 20)
#define FRAME_MAX_ROWS       65536u
#define FRAME_MAX_VALUES     64u
#define FRAME_MAX_HISTOGRAMS 8u

void wc_frame_init(struct wc_frame *frame)
{
    *frame = (struct wc_frame){0};
}

static void row_free(Weir__V1__Row *row)
{
    weir__v1__row__free_unpacked(row, NULL);
}

static void table_finish(struct wc_frame_table *table)
{
    for (size_t i = 0; i < table->n_rows; i++) {
        row_free(table->rows[i]);
    }
    free(table->rows);
    *table = (struct wc_frame_table){0};
}

void wc_frame_finish(struct wc_frame *frame)
{
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        table_finish(&frame->tables[kind]);
    }
    wc_frame_init(frame);
}

static int row_compare(const void *a, const void *b)
{
    uint64_t x = (*(Weir__V1__Row *const *)a)->id, y = (*(Weir__V1__Row *const *)b)->id;
    return (x > y) - (x < y);
}

/* Sorts by id; of rows with the same id one stays. */
static void table_sort(struct wc_frame_table *table)
{
    size_t n = 0;
    if (table->n_rows > 1) {
        qsort(table->rows, table->n_rows, sizeof(*table->rows), row_compare);
    }
    for (size_t i = 0; i < table->n_rows; i++) {
        if (n > 0 && table->rows[n - 1]->id == table->rows[i]->id) {
            row_free(table->rows[i]);
        } else {
            table->rows[n++] = table->rows[i];
        }
    }
    table->n_rows = n;
}

static bool row_is_sound(const struct wc_frame_table *table, const Weir__V1__Row *row)
{
    bool is_sound = row->n_values <= table->n_columns && row->n_histograms <= FRAME_MAX_HISTOGRAMS;
    for (size_t i = 0; is_sound && i < row->n_histograms; i++) {
        is_sound = row->histograms[i]->n_bounds == row->histograms[i]->n_counts;
        for (size_t k = 0; k < i; k++) {
            is_sound &= row->histograms[k]->metric != row->histograms[i]->metric;
        }
    }
    return is_sound;
}

/* Counts all rows again when the sum so far is too large. */
static bool frame_is_bounded(struct wc_frame *frame)
{
    size_t n_rows = 0;
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        n_rows += frame->tables[kind].n_rows;
    }
    if (n_rows > FRAME_MAX_ROWS || frame->bytes <= 2 * FRAME_MAX_BYTES) {
        return n_rows <= FRAME_MAX_ROWS;
    }
    frame->bytes = 0;
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        const struct wc_frame_table *table = &frame->tables[kind];
        for (size_t i = 0; i < table->n_rows; i++) {
            frame->bytes += weir__v1__row__get_packed_size(table->rows[i]);
        }
    }
    return frame->bytes <= FRAME_MAX_BYTES;
}

static bool table_set(struct wc_frame_table *table, Weir__V1__Table *from)
{
    if (from->n_columns > FRAME_MAX_VALUES || table->is_there) {
        return false;
    }
    table->is_there = true;
    table->total = from->total;
    table->matching = from->matching;
    table->n_columns = from->n_columns;
    if (from->n_columns > 0) {
        memcpy(table->columns, from->columns, from->n_columns * sizeof(table->columns[0]));
    }
    table->rows = from->rows;
    table->n_rows = table->room = from->n_rows;
    from->rows = NULL;
    from->n_rows = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        if (!row_is_sound(table, table->rows[i])) {
            return false;
        }
    }
    table_sort(table);
    return true;
}

bool wc_frame_set(struct wc_frame *frame, Weir__V1__Update *taken_update)
{
    bool is_sound = true;
    wc_frame_finish(frame);
    frame->unix_nanos = taken_update->unix_nanos;
    frame->read_nanos = taken_update->read_nanos;
    frame->skipped = taken_update->skipped;
    snprintf(frame->state, sizeof(frame->state), "%s", taken_update->state);
    frame->bytes = weir__v1__update__get_packed_size(taken_update);
    for (size_t i = 0; is_sound && i < taken_update->n_tables; i++) {
        unsigned kind = (unsigned)taken_update->tables[i]->kind;
        is_sound =
            kind >= WC_FRAME_KINDS || table_set(&frame->tables[kind], taken_update->tables[i]);
    }
    weir__v1__update__free_unpacked(taken_update, NULL);
    if (!is_sound || !frame_is_bounded(frame)) {
        wc_frame_finish(frame);
        return false;
    }
    return true;
}

static size_t table_find(const struct wc_frame_table *table, uint64_t id)
{
    size_t low = 0, high = table->n_rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->rows[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

Weir__V1__Row *wc_frame_row(const struct wc_frame_table *table, uint64_t id)
{
    size_t at = table_find(table, id);
    return at < table->n_rows && table->rows[at]->id == id ? table->rows[at] : NULL;
}

int wc_frame_column(const struct wc_frame_table *table, uint32_t metric)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i] == metric) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- applying a step ----------------------------------------------------------------------- */

static bool change_values(Weir__V1__Row *row, Weir__V1__Change *change)
{
    if (change->n_places != change->n_values) {
        return false;
    }
    for (size_t i = 0; i < change->n_values; i++) {
        if (change->places[i] >= row->n_values) {
            return false;
        }
        Weir__V1__Value *old = row->values[change->places[i]];
        row->values[change->places[i]] = change->values[i];
        change->values[i] = old;
    }
    return true;
}

/* An f64 as nanoseconds (thousand millionths), if it is exactly a whole number of them: durations,
 * ages. */
static bool value_as_nanos(double number, int64_t *ret_nanos)
{
    double nanos = nearbyint(number * 1e9);
    if (!(fabs(nanos) < 9e15) || nanos / 1e9 != number || (nanos == 0 && signbit(number))) {
        return false;
    }
    *ret_nanos = (int64_t)nanos;
    return true;
}

static bool value_move(Weir__V1__Value *value, int64_t by)
{
    int64_t nanos;
    if (value->value_case == WEIR__V1__VALUE__VALUE_U64) {
        value->u64 += (uint64_t)by;
        return true;
    }
    if (value->value_case != WEIR__V1__VALUE__VALUE_F64 || !value_as_nanos(value->f64, &nanos)) {
        return false;
    }
    value->f64 = (double)(int64_t)((uint64_t)nanos + (uint64_t)by) / 1e9;
    return true;
}

/* Whether one value follows from the other by a difference, and by which. */
static bool value_moves(const Weir__V1__Value *from, const Weir__V1__Value *to, int64_t *ret_by)
{
    int64_t a, b;
    if (from->value_case != to->value_case) {
        return false;
    }
    if (from->value_case == WEIR__V1__VALUE__VALUE_U64) {
        *ret_by = (int64_t)(to->u64 - from->u64);
        return true;
    }
    if (from->value_case != WEIR__V1__VALUE__VALUE_F64 || !value_as_nanos(from->f64, &a) ||
        !value_as_nanos(to->f64, &b)) {
        return false;
    }
    *ret_by = b - a;
    return true;
}

static bool change_moves(Weir__V1__Row *row, const Weir__V1__Change *change)
{
    bool is_sound = change->n_moved == change->n_moves;
    for (size_t i = 0; is_sound && i < change->n_moves; i++) {
        is_sound = change->moved[i] < row->n_values &&
                   value_move(row->values[change->moved[i]], change->moves[i]);
    }
    return is_sound;
}

static bool change_histograms(Weir__V1__Row *row, Weir__V1__Change *change)
{
    for (size_t i = 0; i < change->n_histograms; i++) {
        Weir__V1__Histogram *histogram = change->histograms[i];
        size_t at = 0;
        while (at < row->n_histograms && row->histograms[at]->metric != histogram->metric) {
            at++;
        }
        if (histogram->n_bounds != histogram->n_counts || at == FRAME_MAX_HISTOGRAMS) {
            return false;
        }
        if (at == row->n_histograms) {
            row->histograms =
                wc_resize(row->histograms, row->n_histograms + 1, sizeof(*row->histograms));
            row->histograms[row->n_histograms++] = histogram;
            /* Its place is taken by an empty value that can be freed. */
            change->histograms[i] = wc_alloc(sizeof(*histogram));
            weir__v1__histogram__init(change->histograms[i]);
        } else {
            change->histograms[i] = row->histograms[at];
            row->histograms[at] = histogram;
        }
    }
    return true;
}

static void table_drop(struct wc_frame_table *table, uint64_t id)
{
    size_t at = table_find(table, id);
    if (at < table->n_rows && table->rows[at]->id == id) {
        row_free(table->rows[at]);
        table->n_rows--;
        memmove(&table->rows[at], &table->rows[at + 1],
                (table->n_rows - at) * sizeof(*table->rows));
    }
}

/* New rows: they are put in their places at once. */
static bool table_add(struct wc_frame_table *table, Weir__V1__TableChange *from)
{
    for (size_t i = 0; i < from->n_rows; i++) {
        if (!row_is_sound(table, from->rows[i])) {
            return false;
        }
    }
    if (from->n_rows == 0) {
        return true;
    }
    for (size_t i = 0; i < from->n_rows; i++) {
        table_drop(table, from->rows[i]->id);
    }
    if (table->n_rows + from->n_rows > table->room) {
        table->room = table->n_rows + from->n_rows;
        table->room += table->room / 2;
        table->rows = wc_resize(table->rows, table->room, sizeof(*table->rows));
    }
    (void)WI_EXPECT(table->n_rows + from->n_rows <= table->room);
    memcpy(table->rows + table->n_rows, from->rows, from->n_rows * sizeof(*table->rows));
    table->n_rows += from->n_rows;
    from->n_rows = 0;
    table_sort(table);
    return true;
}

static bool table_apply(struct wc_frame_table *table, Weir__V1__TableChange *from)
{
    if (!table->is_there) {
        return false;
    }
    table->total = from->total;
    table->matching = from->matching;
    for (size_t i = 0; i < from->n_gone; i++) {
        table_drop(table, from->gone[i]);
    }
    for (size_t i = 0; i < from->n_changes; i++) {
        Weir__V1__Row *row = wc_frame_row(table, from->changes[i]->id);
        if (!row || !change_values(row, from->changes[i]) || !change_moves(row, from->changes[i]) ||
            !change_histograms(row, from->changes[i])) {
            return false;
        }
    }
    return table_add(table, from);
}

bool wc_frame_apply(struct wc_frame *frame, Weir__V1__Step *taken_step)
{
    bool is_sound = true;
    frame->unix_nanos = taken_step->unix_nanos;
    frame->read_nanos = taken_step->read_nanos;
    frame->skipped = taken_step->skipped;
    snprintf(frame->state, sizeof(frame->state), "%s", taken_step->state);
    frame->bytes += weir__v1__step__get_packed_size(taken_step);
    for (size_t i = 0; is_sound && i < taken_step->n_tables; i++) {
        unsigned kind = (unsigned)taken_step->tables[i]->kind;
        is_sound =
            kind >= WC_FRAME_KINDS || table_apply(&frame->tables[kind], taken_step->tables[i]);
    }
    weir__v1__step__free_unpacked(taken_step, NULL);
    return is_sound && frame_is_bounded(frame);
}

/* ---- making a step ------------------------------------------------------------------------ */

bool wc_frame_is_value(const Weir__V1__Value *a, const Weir__V1__Value *b)
{
    if (a->value_case != b->value_case) {
        return false;
    }
    switch (a->value_case) {
    case WEIR__V1__VALUE__VALUE_U64:
        return a->u64 == b->u64;
    case WEIR__V1__VALUE__VALUE_I64:
        return a->i64 == b->i64;
    case WEIR__V1__VALUE__VALUE_F64:
        return memcmp(&a->f64, &b->f64, sizeof(a->f64)) == 0;
    case WEIR__V1__VALUE__VALUE_TEXT:
        return strcmp(a->text, b->text) == 0;
    default:
        return true;
    }
}

static bool histogram_is_same(const Weir__V1__Histogram *a, const Weir__V1__Histogram *b)
{
    return a->metric == b->metric && a->sum_nanos == b->sum_nanos && a->max_nanos == b->max_nanos &&
           a->n_counts == b->n_counts && a->n_bounds == b->n_bounds &&
           (a->n_counts == 0 ||
            memcmp(a->counts, b->counts, a->n_counts * sizeof(*a->counts)) == 0) &&
           (a->n_bounds == 0 ||
            memcmp(a->bounds, b->bounds, a->n_bounds * sizeof(*a->bounds)) == 0);
}

static const Weir__V1__Histogram *row_histogram(const Weir__V1__Row *row, uint32_t metric)
{
    for (size_t i = 0; i < row->n_histograms; i++) {
        if (row->histograms[i]->metric == metric) {
            return row->histograms[i];
        }
    }
    return NULL;
}

/* Whether a row can be stored as a change of the earlier one; else it is stored whole. */
static bool row_is_like(const Weir__V1__Row *old, const Weir__V1__Row *row)
{
    bool is_like = old->n_values == row->n_values && old->n_histograms <= row->n_histograms &&
                   strcmp(old->name, row->name) == 0;
    for (size_t i = 0; is_like && i < old->n_histograms; i++) {
        is_like = row->histograms[i]->metric == old->histograms[i]->metric;
    }
    return is_like;
}

/* A step that is being made: its parts borrow from the next frame, its arrays are its own. */
struct step_table {
    Weir__V1__TableChange change;
    size_t room_gone, room_rows, room_changes;
};

static void step_change(struct step_table *to, const Weir__V1__Row *old, const Weir__V1__Row *row)
{
    uint32_t places[FRAME_MAX_VALUES], moved[FRAME_MAX_VALUES];
    Weir__V1__Value *values[FRAME_MAX_VALUES];
    int64_t moves[FRAME_MAX_VALUES];
    Weir__V1__Histogram *histograms[FRAME_MAX_HISTOGRAMS];
    size_t n_values = 0, n_moves = 0, n_histograms = 0;
    for (size_t i = 0; i < row->n_values; i++) {
        if (wc_frame_is_value(old->values[i], row->values[i])) {
            continue;
        }
        if (value_moves(old->values[i], row->values[i], &moves[n_moves])) {
            moved[n_moves++] = (uint32_t)i;
        } else {
            places[n_values] = (uint32_t)i;
            values[n_values++] = row->values[i];
        }
    }
    for (size_t i = 0; i < row->n_histograms; i++) {
        const Weir__V1__Histogram *before = row_histogram(old, row->histograms[i]->metric);
        if (!before || !histogram_is_same(before, row->histograms[i])) {
            histograms[n_histograms++] = row->histograms[i];
        }
    }
    if (n_values == 0 && n_moves == 0 && n_histograms == 0) {
        return;
    }
    Weir__V1__Change *change = wc_alloc(sizeof(*change));
    weir__v1__change__init(change);
    change->id = row->id;
    change->n_places = change->n_values = n_values;
    change->places = wc_alloc(n_values * sizeof(*places));
    change->values = wc_alloc(n_values * sizeof(*values));
    memcpy(change->places, places, n_values * sizeof(*places));
    memcpy(change->values, values, n_values * sizeof(*values));
    change->n_moved = change->n_moves = n_moves;
    change->moved = wc_alloc(n_moves * sizeof(*moved));
    change->moves = wc_alloc(n_moves * sizeof(*moves));
    memcpy(change->moved, moved, n_moves * sizeof(*moved));
    memcpy(change->moves, moves, n_moves * sizeof(*moves));
    change->n_histograms = n_histograms;
    change->histograms = wc_alloc(n_histograms * sizeof(*histograms));
    memcpy(change->histograms, histograms, n_histograms * sizeof(*histograms));
    to->change.changes = wc_grow(to->change.changes, to->change.n_changes, &to->room_changes,
                                 sizeof(*to->change.changes));
    to->change.changes[to->change.n_changes++] = change;
}

static void step_new(struct step_table *to, Weir__V1__Row *row)
{
    to->change.rows =
        wc_grow(to->change.rows, to->change.n_rows, &to->room_rows, sizeof(*to->change.rows));
    to->change.rows[to->change.n_rows++] = row;
}

static void step_gone(struct step_table *to, uint64_t id)
{
    to->change.gone =
        wc_grow(to->change.gone, to->change.n_gone, &to->room_gone, sizeof(*to->change.gone));
    to->change.gone[to->change.n_gone++] = id;
}

/* Both are sorted by id: they are walked through side by side. */
static void step_table_make(struct step_table *to, const struct wc_frame_table *old,
                            const struct wc_frame_table *next)
{
    size_t i = 0, k = 0;
    to->change.total = next->total;
    to->change.matching = next->matching;
    while (i < old->n_rows || k < next->n_rows) {
        if (k == next->n_rows || (i < old->n_rows && old->rows[i]->id < next->rows[k]->id)) {
            step_gone(to, old->rows[i++]->id);
        } else if (i == old->n_rows || next->rows[k]->id < old->rows[i]->id) {
            step_new(to, next->rows[k++]);
        } else if (row_is_like(old->rows[i], next->rows[k])) {
            step_change(to, old->rows[i++], next->rows[k++]);
        } else {
            step_new(to, next->rows[k++]);
            i++;
        }
    }
}

static void step_table_finish(struct step_table *table)
{
    for (size_t i = 0; i < table->change.n_changes; i++) {
        Weir__V1__Change *change = table->change.changes[i];
        free(change->places);
        free(change->values);
        free(change->moved);
        free(change->moves);
        free(change->histograms);
        free(change);
    }
    free(table->change.changes);
    free(table->change.rows);
    free(table->change.gone);
}

bool wc_frame_is_like(const struct wc_frame *frame, const struct wc_frame *next)
{
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        const struct wc_frame_table *a = &frame->tables[kind], *b = &next->tables[kind];
        if (a->is_there != b->is_there || a->n_columns != b->n_columns ||
            memcmp(a->columns, b->columns, a->n_columns * sizeof(a->columns[0])) != 0) {
            return false;
        }
    }
    return true;
}

uint8_t *wc_frame_step(const struct wc_frame *frame, const struct wc_frame *next, size_t *ret_n)
{
    struct step_table tables[WC_FRAME_KINDS] = {0};
    Weir__V1__TableChange *changes[WC_FRAME_KINDS];
    Weir__V1__Step step = WEIR__V1__STEP__INIT;
    (void)WI_EXPECT(wc_frame_is_like(frame, next)); /* else no step leads from one to the other */
    step.unix_nanos = next->unix_nanos;
    step.read_nanos = next->read_nanos;
    step.skipped = next->skipped;
    step.state = (char *)(uintptr_t)next->state;
    step.tables = changes;
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        struct step_table *to = &tables[kind];
        weir__v1__table_change__init(&to->change);
        to->change.kind = (Weir__V1__Kind)kind;
        if (!next->tables[kind].is_there) {
            continue;
        }
        step_table_make(to, &frame->tables[kind], &next->tables[kind]);
        bool is_other = to->change.total != frame->tables[kind].total ||
                        to->change.matching != frame->tables[kind].matching;
        if (is_other || to->change.n_gone || to->change.n_rows || to->change.n_changes) {
            changes[step.n_tables++] = &to->change;
        }
    }
    size_t n = weir__v1__step__get_packed_size(&step);
    uint8_t *bytes = wc_alloc(n);
    *ret_n = weir__v1__step__pack(&step, bytes);
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        step_table_finish(&tables[kind]);
    }
    return bytes;
}

uint8_t *wc_frame_pack(const struct wc_frame *frame, size_t *ret_n)
{
    Weir__V1__Table tables[WC_FRAME_KINDS];
    Weir__V1__Table *pointers[WC_FRAME_KINDS];
    Weir__V1__Update update = WEIR__V1__UPDATE__INIT;
    update.unix_nanos = frame->unix_nanos;
    update.read_nanos = frame->read_nanos;
    update.skipped = frame->skipped;
    update.state = (char *)(uintptr_t)frame->state;
    update.tables = pointers;
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        const struct wc_frame_table *from = &frame->tables[kind];
        Weir__V1__Table *to = &tables[kind];
        if (!from->is_there) {
            continue;
        }
        weir__v1__table__init(to);
        to->kind = (Weir__V1__Kind)kind;
        to->total = from->total;
        to->matching = from->matching;
        to->n_columns = from->n_columns;
        to->columns = (uint32_t *)(uintptr_t)from->columns;
        to->n_rows = from->n_rows;
        to->rows = from->rows;
        pointers[update.n_tables++] = to;
    }
    size_t n = weir__v1__update__get_packed_size(&update);
    uint8_t *bytes = wc_alloc(n);
    *ret_n = weir__v1__update__pack(&update, bytes);
    return bytes;
}
