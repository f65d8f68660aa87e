/* SPDX-License-Identifier: MIT */
/* A process view whose rows a provider gives: the part of a process view that needs no segment. */
#include "snapshot/provider.h"

#include "segment/file.h"
#include "snapshot/state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum weir_status wi_process_view_open_provider(const struct wi_facts *facts,
                                               const struct wi_provider_ops *ops,
                                               void *taken_context,
                                               struct wi_process_view **ret_view,
                                               struct weir_error *ret_error)
{
    struct wi_process_view *view = calloc(1, sizeof(*view));
    if (!view) {
        ops->close(taken_context);
        wi_error_set(ret_error, "out of memory");
        return WEIR_E_MEMORY;
    }
    view->facts = *facts;
    wi_process_view_show(view, NULL);
    view->provider = ops;
    view->provider_context = taken_context;
    *ret_view = view;
    return WEIR_OK;
}

void wi_provider_close(struct wi_process_view *view)
{
    view->provider->close(view->provider_context);
    free(view);
}

enum weir_status wi_provider_refresh(struct wi_process_view *view, uint64_t now_nanos,
                                     struct weir_error *ret_error)
{
    struct timespec now;
    bool is_tick = !view->has_ticked || now_nanos - view->tick_nanos >= VIEW_TICK_NANOS;
    enum weir_status status =
        view->provider->refresh(view->provider_context, now_nanos, is_tick, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    view->unix_nanos = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    view->now_nanos = now_nanos;
    view->refreshes++;
    view->is_tick = is_tick;
    if (is_tick) {
        view->tick_nanos = now_nanos;
        view->has_ticked = true;
    }
    return WEIR_OK;
}

size_t wi_provider_count(const struct wi_process_view *view, enum wi_kind kind)
{
    bool is_there = (unsigned)kind < WI_N_KINDS && view->provider->catalog->fields[kind] != 0;
    return is_there ? view->provider->count(view->provider_context, kind) : 0;
}

const struct wi_row *wi_provider_row(struct wi_process_view *view, enum wi_kind kind, size_t i)
{
    struct wi_row *row = &view->rows[kind];
    memset(row, 0, sizeof(*row));
    row->name = "";
    view->provider->row(view->provider_context, kind, i, row);
    return row;
}
