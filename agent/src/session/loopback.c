/* SPDX-License-Identifier: MIT */
/*
 * A session without a socket: the same engine, without its schedule.
 *
 * Elsewhere the next message of a Watch is due an interval after the previous one. Here each refresh
 * rings a bell that the calls listen to (wi_call_context.refreshes), and the time is constant: so no
 * interval passes, and no stall or idle connection is ever found. The provider says what time the rows
 * are of (its operation `moment`).
 *
 * The view is refreshed directly and not by wi_process_views_refresh, which would judge it. The loopback
 * owns the view, the session and their memory. One thread at a time.
 */
#include "weir/loopback.h"

#include "encode/weir.h"
#include "session/process_views.h"
#include "session/service.h"
#include "session/session.h"
#include "weir/nanos.h"

#include <stdlib.h>

#define LOOPBACK_NOW WI_SECOND /* the time of all calls */

struct wi_loopback {
    struct wi_process_views views;
    struct wi_memory memory;
    struct wi_buffer scratch;
    struct wi_call_context context;
    struct wi_session *session;
    unsigned refreshes;
};

static enum weir_status loopback_begin(struct wi_loopback *loopback,
                                       struct wi_process_view *taken_view)
{
    enum weir_status status = wi_process_views_add(&loopback->views, taken_view);
    if (status == WEIR_OK) {
        status = wi_session_create(&loopback->context, wi_service_methods, wi_service_n_methods,
                                   LOOPBACK_NOW, &loopback->session);
    }
    return status;
}

enum weir_status wi_loopback_open(struct wi_process_view *taken_view,
                                  const struct wi_loopback_texts *texts,
                                  struct wi_loopback **ret_loopback)
{
    struct wi_loopback *loopback = calloc(1, sizeof(*loopback));
    if (!loopback) {
        wi_process_view_close(taken_view);
        return WEIR_E_MEMORY;
    }
    wi_process_views_init(&loopback->views, false);
    wi_buffer_init(&loopback->scratch, WI_MESSAGE_ROOM);
    loopback->memory.limit = UINT64_MAX; /* the session has one */
    loopback->context = (struct wi_call_context){.views = &loopback->views,
                                                 .memory = &loopback->memory,
                                                 .scratch = &loopback->scratch,
                                                 .http_address = texts->http_address,
                                                 .grpc_address = texts->grpc_address,
                                                 .notice = texts->notice,
                                                 .refreshes = &loopback->refreshes};
    enum weir_status status = loopback_begin(loopback, taken_view);
    if (status != WEIR_OK) {
        wi_loopback_close(loopback);
        return status;
    }
    *ret_loopback = loopback;
    return WEIR_OK;
}

void wi_loopback_close(struct wi_loopback *loopback)
{
    if (loopback) {
        wi_session_destroy(loopback->session);
        wi_process_views_finish(&loopback->views);
        wi_buffer_finish(&loopback->scratch);
        free(loopback);
    }
}

enum weir_status wi_loopback_receive(struct wi_loopback *loopback, const uint8_t *bytes, size_t n)
{
    return wi_session_receive(loopback->session, bytes, n, LOOPBACK_NOW);
}

enum weir_status wi_loopback_send(struct wi_loopback *loopback, const uint8_t **ret_bytes,
                                  size_t *ret_n)
{
    return wi_session_send(loopback->session, LOOPBACK_NOW, ret_bytes, ret_n);
}

bool wi_loopback_is_watched(const struct wi_loopback *loopback)
{
    return wi_session_is_watched(loopback->session);
}

bool wi_loopback_is_ready(const struct wi_loopback *loopback)
{
    return wi_session_is_watched(loopback->session) && !wi_session_is_sending(loopback->session);
}

enum weir_status wi_loopback_refresh(struct wi_loopback *loopback, struct weir_error *ret_error)
{
    loopback->refreshes++;
    return wi_process_view_refresh(loopback->views.first->view, LOOPBACK_NOW, ret_error);
}
