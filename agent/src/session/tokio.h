/* SPDX-License-Identifier: MIT */
/*
 * rs.tokio.console.instrument.Instrument as calls: tokio-console attaches to them. A pause holds for the
 * connection that asked for it. No I/O; the exporter's thread.
 */
#ifndef WI_SESSION_TOKIO_H
#define WI_SESSION_TOKIO_H

#include "session/call.h"

/* So often are changes told, and slots looked at in one turn at most. */
#define WI_TOKIO_INTERVAL_NANOS UINT64_C(1000000000)
#define WI_TOKIO_TURN_SEATS     16384

/* Where an Update ends: a quarter of what its console takes. */
#define WI_TOKIO_MESSAGE_MAX ((size_t)1 << 20)

wi_call_begin wi_tokio_watch_updates;
wi_call_begin wi_tokio_watch_task_details;
wi_call_begin wi_tokio_watch_state;
wi_call_begin wi_tokio_pause;
wi_call_begin wi_tokio_resume;

#endif
