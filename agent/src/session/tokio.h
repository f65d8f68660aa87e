/* SPDX-License-Identifier: MIT */
/*
 * rs.tokio.console.instrument.Instrument as calls, to which tokio-console attaches. A pause holds
 * for the connection that asked for it. No I/O; the exporter's thread.
 */
#ifndef WI_SESSION_TOKIO_H
#define WI_SESSION_TOKIO_H

#include "session/call.h"

/* The time between two rounds of changes, and the most slots that are read in one turn. */
#define WI_TOKIO_INTERVAL_NANOS UINT64_C(1000000000)
#define WI_TOKIO_TURN_SEATS     16384

/* The largest Update: a quarter of what its console accepts. */
#define WI_TOKIO_MESSAGE_MAX ((size_t)1 << 20)

wi_call_begin wi_tokio_watch_updates;
wi_call_begin wi_tokio_watch_task_details;
wi_call_begin wi_tokio_watch_state;
wi_call_begin wi_tokio_pause;
wi_call_begin wi_tokio_resume;

#endif
