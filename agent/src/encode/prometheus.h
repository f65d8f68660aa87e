/* SPDX-License-Identifier: MIT */
/*
 * The exposition for Prometheus: text 0.0.4 and OpenMetrics 1.0, from the rows of a process view. Names
 * come from the metric tables. Rows of one name are summed, so that no series stands twice; past
 * 256 names of a kind the rest is folded into "other". No I/O; the process view's thread.
 */
#ifndef WI_ENCODE_PROMETHEUS_H
#define WI_ENCODE_PROMETHEUS_H

#include "encode/buffer.h"
#include "snapshot/process_view.h"

enum wi_format { WI_FORMAT_TEXT, WI_FORMAT_OPENMETRICS };

/* The Content-Type of a format. Owns: static. */
const char *wi_prometheus_content_type(enum wi_format format);

struct wi_exposition {
    struct wi_process_view *const *views;
    size_t n_views;
    enum wi_format format;
    bool without_process;
    /* NULL: one process, whose series have no name of a process. Else every series has the labels
     * `process` and `pid`, except the numbers of the exporter itself: they stand here by the
     * metrics of WI_AGENT, and occur once. Those that are absent here are each process's. */
    const struct wi_value *own;
};

/* Appends a whole exposition. Fails: WEIR_E_MEMORY: the buffer's content is void. */
enum weir_status wi_prometheus_encode_all(const struct wi_exposition *exposition,
                                          struct wi_buffer *buffer);

/* The same of one process without a name. Fails: WEIR_E_MEMORY: the buffer's content is void. */
enum weir_status wi_prometheus_encode(struct wi_process_view *view, enum wi_format format,
                                      bool without_process, struct wi_buffer *buffer);

#endif
