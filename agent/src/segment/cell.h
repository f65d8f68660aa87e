/* SPDX-License-Identifier: MIT */
/* Cells, and what the calling thread knows of its own shard. Stores only, so that a child of fork
 * may use them. */
#ifndef WI_SEGMENT_CELL_H
#define WI_SEGMENT_CELL_H

#include "weir/weir.h"

#include <stdbool.h>

/* This thread has been counted among those without room. */
extern WEIR_THREAD bool wi_thread_is_counted WEIR_TLS_MODEL;

/* And is among those that have no cells of their own for a handle now. */
extern WEIR_THREAD bool wi_thread_is_without WEIR_TLS_MODEL;

/* The calling thread, which may be in a forked child, has no shard any more. */
void wi_thread_forget(void);

/* A cell as its thread finds it at the start. */
void wi_cell_reset(struct weir_cell *cell);

#endif
