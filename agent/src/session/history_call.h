/* SPDX-License-Identifier: MIT */
/* The method History of weir.v1.Agent as a call; its row of the method table is in service.c. The
 * exporter's thread. */
#ifndef WI_SESSION_HISTORY_CALL_H
#define WI_SESSION_HISTORY_CALL_H

#include "session/call.h"

/* Rows read in one turn of the exporter's thread: a quarter of a MiB. */
#define WI_HISTORY_WRITER_SLICE_ROWS 64

wi_call_begin wi_history_call_begin;

#endif
