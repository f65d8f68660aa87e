/* SPDX-License-Identifier: MIT */
/*
 * The entry to every process view: each question goes to the provider's table of operations.
 *
 * A process view is the facts of a process, a catalog of metrics, a provider, and the parts that
 * all providers have in common: the clocks, the tick once a second, and the warnings that the
 * findings hand over. A refresh asks the provider for new numbers. When 900 ms have passed since
 * the last tick, it has the provider move its rates on, with the seconds that have passed. The
 * caller then knows by wi_process_view_has_ticked that the findings are to be updated.
 *
 * The view owns the provider's context, which it closes; warnings are borrowed. An optional
 * operation that a provider leaves NULL is answered here, as "none". When a refresh fails, the
 * clocks stay as they were. One thread at a time.
 */
#include "snapshot/process_view.h"

#include "segment/file.h"
#include "segment/retired.h"
#include "weir/expect.h"
#include "weir/wall.h"
#include "snapshot/provider.h"

#include <stdlib.h>
#include <string.h>

#define VIEW_TICK_NANOS UINT64_C(900000000)

/* ---- open and close ------------------------------------------------------------------------ */

/* All that a view calls without asking, and both or none of a pair. */
static bool view_ops_are_whole(const struct wi_provider_ops *ops)
{
    return ops->refresh && ops->state && ops->count && ops->row && ops->close &&
           !ops->n_retired == !ops->retired && !ops->n_slots == !ops->at;
}

enum weir_status wi_process_view_open_provider(const struct wi_facts *facts,
                                               const struct wi_catalog *catalog,
                                               const struct wi_provider_ops *ops,
                                               void *taken_context,
                                               struct wi_process_view **ret_view,
                                               struct weir_error *ret_error)
{
    if (!WI_EXPECT(facts && catalog && view_ops_are_whole(ops))) {
        wi_error_set(ret_error, "the provider lacks an operation");
        return WEIR_E_STATE;
    }
    struct wi_process_view *view = calloc(1, sizeof(*view));
    if (!view) {
        ops->close(taken_context);
        wi_error_set(ret_error, "out of memory");
        return WEIR_E_MEMORY;
    }
    view->facts = *facts;
    view->catalog = catalog;
    view->ops = ops;
    view->context = taken_context;
    view->wanted = UINT64_MAX;
    wi_process_view_show(view, NULL);
    *ret_view = view;
    return WEIR_OK;
}

void wi_process_view_close(struct wi_process_view *view)
{
    if (view) {
        view->ops->close(view->context);
        free(view);
    }
}

/* ---- refresh ------------------------------------------------------------------------------- */

static void view_tick(struct wi_process_view *view)
{
    uint64_t now = view->now.nanos;
    view->tick_before = view->has_ticked ? view->tick_nanos : 0;
    view->tick_nanos = now;
    if (view->ops->tick) {
        view->ops->tick(view->context,
                        view->has_ticked ? (double)(now - view->tick_before) / 1e9 : 0);
    }
    view->has_ticked = true;
}

enum weir_status wi_process_view_refresh(struct wi_process_view *view, uint64_t now_nanos,
                                         struct weir_error *ret_error)
{
    view->is_tick = false;
    enum weir_status status = view->ops->refresh(view->context, now_nanos, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    view->now = (struct wi_moment){
        .nanos = now_nanos, .as_of_nanos = now_nanos, .unix_nanos = wi_wall_now()};
    view->has_refreshed = true;
    view->is_tick = !view->has_ticked || now_nanos - view->tick_nanos >= VIEW_TICK_NANOS;
    if (view->is_tick) {
        view_tick(view);
    }
    if (view->ops->moment) {
        view->ops->moment(view->context, &view->now);
    }
    return WEIR_OK;
}

bool wi_process_view_has_ticked(const struct wi_process_view *view)
{
    return view->is_tick;
}

void wi_process_view_show(struct wi_process_view *view, const struct wi_verdict *verdict)
{
    static const struct wi_verdict none;
    view->verdict = verdict ? verdict : &none;
}

/* ---- the process --------------------------------------------------------------------------- */

const struct wi_facts *wi_process_view_facts(const struct wi_process_view *view)
{
    return &view->facts;
}

const struct wi_catalog *wi_process_view_catalog(const struct wi_process_view *view)
{
    return view->catalog;
}

struct wi_self *wi_process_view_self(struct wi_process_view *view)
{
    return &view->self;
}

enum wi_state wi_process_view_state(const struct wi_process_view *view)
{
    return view->ops->state(view->context);
}

bool wi_process_view_is(const struct wi_process_view *view, dev_t device, ino_t inode)
{
    return view->ops->is && view->ops->is(view->context, device, inode);
}

bool wi_process_view_is_nameless(const struct wi_process_view *view)
{
    return view->ops->is_nameless && view->ops->is_nameless(view->context);
}

int64_t wi_process_view_unix_nanos(const struct wi_process_view *view)
{
    return view->now.unix_nanos;
}

uint64_t wi_process_view_monotonic_nanos(const struct wi_process_view *view)
{
    return view->now.nanos;
}

uint64_t wi_process_view_as_of_nanos(const struct wi_process_view *view)
{
    return view->now.as_of_nanos;
}

/* ---- the history --------------------------------------------------------------------------- */

const struct wi_history *wi_process_view_history(const struct wi_process_view *view)
{
    return view->ops->history ? view->ops->history(view->context) : NULL;
}

const struct wi_provider_ops *wi_process_view_past(const struct wi_process_view *view,
                                                   void **ret_context)
{
    *ret_context = view->context;
    return view->ops->past_open ? view->ops : NULL;
}

void wi_process_view_record(struct wi_process_view *view)
{
    if (view->ops->record) {
        view->ops->record(view->context);
    }
}

void wi_process_view_abandon(struct wi_process_view *view)
{
    if (view->ops->abandon) {
        view->ops->abandon(view->context);
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* The provider's rows of a kind. */
static size_t view_count(const struct wi_process_view *view, enum wi_kind kind)
{
    return view->has_refreshed && (unsigned)kind < WI_N_KINDS && view->catalog->fields[kind]
               ? view->ops->count(view->context, kind)
               : 0;
}

size_t wi_process_view_count(const struct wi_process_view *view, enum wi_kind kind)
{
    size_t n = view_count(view, kind);
    if (kind == WI_WARNING) {
        n += view->verdict->n_warnings;
        return n < WI_WARNINGS_MAX ? n : WI_WARNINGS_MAX;
    }
    return n;
}

void wi_process_view_extent(const struct wi_process_view *view, enum wi_kind kind,
                            struct wi_extent *ret_extent)
{
    size_t n = wi_process_view_count(view, kind);
    *ret_extent = (struct wi_extent){n, n};
    if (view->ops->extent) {
        view->ops->extent(view->context, kind, ret_extent);
    }
}

uint64_t wi_process_view_n_missed(const struct wi_process_view *view)
{
    return view->ops->n_missed ? view->ops->n_missed(view->context) : 0;
}

/* Rows are a cache of the process view's content: building one does not change the process view. */
static struct wi_row *view_empty_row(const struct wi_row *row)
{
    struct wi_row *empty = (struct wi_row *)(uintptr_t)row;
    memset(empty, 0, sizeof(*empty));
    empty->name = "";
    return empty;
}

/* The same where only a few metrics are looked at: the whole row is cleared in more time than these take. */
static struct wi_row *view_empty_part(const struct wi_row *row, uint64_t fields)
{
    struct wi_row *empty = (struct wi_row *)(uintptr_t)row;
    for (uint64_t left = fields; left; left &= left - 1) {
        empty->value[__builtin_ctzll(left)] = (struct wi_value){WI_ABSENT, {.u64 = 0}};
    }
    empty->id = 0;
    empty->name = "";
    return empty;
}

const struct wi_row *wi_process_view_row(const struct wi_process_view *view, enum wi_kind kind,
                                         size_t i)
{
    if (i >= wi_process_view_count(view, kind)) {
        return NULL;
    }
    struct wi_row *row = view_empty_row(&view->rows[kind]);
    if (kind == WI_WARNING && i < view->verdict->n_warnings) {
        wi_warning_row(&view->verdict->warnings[i], row);
    } else {
        view->ops->row(view->context, kind, kind == WI_WARNING ? i - view->verdict->n_warnings : i,
                       row);
    }
    row->id = kind == WI_WARNING ? i : row->id;
    if (!WI_EXPECT(row->name)) {
        row->name = "";
    }
    return row;
}

const struct wi_row *wi_process_view_brief(const struct wi_process_view *const_view,
                                           enum wi_kind kind, size_t i)
{
    struct wi_process_view *view = (struct wi_process_view *)(uintptr_t)const_view;
    view->is_brief = true;
    const struct wi_row *row = wi_process_view_row(view, kind, i);
    view->is_brief = false;
    return row;
}

const struct wi_row *wi_process_view_part(const struct wi_process_view *const_view,
                                          enum wi_kind kind, size_t i, uint64_t fields)
{
    struct wi_process_view *view = (struct wi_process_view *)(uintptr_t)const_view;
    if (kind == WI_WARNING || i >= view_count(view, kind)) {
        return wi_process_view_row(view, kind, i);
    }
    fields &= (UINT64_C(1) << WI_MAX_METRICS) - 1;
    view->wanted = fields;
    struct wi_row *row = view_empty_part(&view->rows[kind], fields);
    view->ops->row(view->context, kind, i, row);
    view->wanted = UINT64_MAX;
    return row;
}

size_t wi_process_view_worst(const struct wi_process_view *view, enum wi_kind kind,
                             uint32_t *ret_rows, size_t room)
{
    size_t n = view_count(view, kind);
    if (n && view->ops->worst) {
        return view->ops->worst(view->context, kind, ret_rows, room);
    }
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++) {
        ret_rows[i] = (uint32_t)i;
    }
    return n;
}

bool wi_process_view_numbers(const struct wi_process_view *view, enum wi_kind kind, size_t first,
                             size_t n, struct wi_numbers *ret_numbers)
{
    size_t count = kind == WI_WARNING ? 0 : view_count(view, kind);
    return view->ops->numbers && n <= WI_NUMBERS_ROWS && first <= count && n <= count - first &&
           view->ops->numbers(view->context, kind, first, n, ret_numbers);
}

const struct weir_histogram *wi_process_view_histogram(struct wi_process_view *view,
                                                       enum wi_kind kind, const struct wi_row *row,
                                                       int metric)
{
    return view->ops->histogram ? view->ops->histogram(view->context, kind, row, metric) : NULL;
}

/* ---- closed handles ------------------------------------------------------------------------ */

size_t wi_process_view_n_retired(const struct wi_process_view *view)
{
    return view->ops->n_retired ? view->ops->n_retired(view->context) : 0;
}

const struct wi_row *wi_process_view_retired(struct wi_process_view *view, size_t i,
                                             enum wi_kind *ret_kind)
{
    struct wi_row *row = view_empty_row(&view->retired_row);
    return WI_EXPECT(i < wi_process_view_n_retired(view)) &&
                   view->ops->retired(view->context, i, ret_kind, row)
               ? row
               : NULL;
}

const struct wi_row *wi_process_view_retired_bytes(struct wi_process_view *view, size_t i)
{
    struct wi_row *row = view_empty_row(&view->retired_row);
    return view->ops->retired_bytes && WI_EXPECT(i < wi_process_view_n_retired(view)) &&
                   view->ops->retired_bytes(view->context, i, row)
               ? row
               : NULL;
}

void wi_octaves_add(struct wi_octaves *octaves, const struct weir_histogram *histogram)
{
    octaves->is_measured = true;
    octaves->sum += histogram->sum;
    wi_octaves_add_buckets(octaves->count, histogram);
}

enum weir_status wi_process_view_octaves(struct wi_process_view *view, enum wi_kind kind,
                                         int metric, const struct wi_octave_groups *groups)
{
    memset(groups->sums, 0, groups->n * sizeof(*groups->sums));
    if (view->ops->octaves) {
        return view->ops->octaves(view->context, kind, metric, groups);
    }
    size_t n = wi_process_view_count(view, kind);
    for (size_t i = 0; i < n; i++) {
        const struct wi_row *row = wi_process_view_row(view, kind, i);
        const struct weir_histogram *from = wi_process_view_histogram(view, kind, row, metric);
        if (from && WI_EXPECT(groups->of_row[i] < groups->n)) {
            wi_octaves_add(&groups->sums[groups->of_row[i]], from);
        }
    }
    return WEIR_OK;
}

/* ---- slots --------------------------------------------------------------------------------- */

size_t wi_process_view_n_slots(const struct wi_process_view *view, enum wi_kind kind)
{
    return view->ops->n_slots ? view->ops->n_slots(view->context, kind) : 0;
}

const struct wi_row *wi_process_view_at(const struct wi_process_view *view, size_t slot_index,
                                        enum wi_kind *ret_kind)
{
    struct wi_row *row = view->ops->at ? view_empty_row(&view->slot_row) : NULL;
    return row && view->ops->at(view->context, slot_index, ret_kind, row) ? row : NULL;
}

int64_t wi_process_view_opened_unix_nanos(const struct wi_process_view *view, size_t slot_index)
{
    return view->ops->opened_unix_nanos ? view->ops->opened_unix_nanos(view->context, slot_index)
                                        : 0;
}

bool wi_process_view_task(const struct wi_process_view *view, size_t slot_index,
                          struct wi_task_sample *ret_sample)
{
    memset(ret_sample, 0, sizeof(*ret_sample));
    return view->ops->task && view->ops->task(view->context, slot_index, ret_sample);
}
