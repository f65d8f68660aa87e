/* SPDX-License-Identifier: MIT */
/* The answer to a scrape: the exposition of all processes that are served. The exporter's thread. */
#ifndef WI_WIRE_SCRAPE_H
#define WI_WIRE_SCRAPE_H

#include "encode/prometheus.h"
#include "session/process_views.h"

/* Appends it. Processes that have ended, or cannot be read, are not in it.
 * Fails: WEIR_E_MEMORY: the buffer's content is void. */
enum weir_status wi_scrape_encode(struct wi_process_views *views, enum wi_format format,
                                  bool without_process, struct wi_buffer *buffer);

#endif
