/* SPDX-License-Identifier: MIT */
/* The method History of weir.v1.Agent as a call; its row of the method table is in service.c. The
 * exporter's thread. */
#ifndef WI_SESSION_HISTORY_CALL_H
#define WI_SESSION_HISTORY_CALL_H

#include "session/call.h"

/* Rows read in one turn of the exporter's thread: a quarter of a MiB. */
#define WI_HISTORY_WRITER_SLICE_ROWS 64

/* As wi_method.start. */
bool wi_history_call_start(const struct wi_call_context *context, struct wi_served *served,
                           struct wi_peer *peer, const uint8_t *request, size_t n,
                           uint64_t now_nanos, struct wi_call **ret_call,
                           struct wi_fault *ret_fault);

#endif
