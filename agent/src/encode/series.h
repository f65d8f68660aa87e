/* SPDX-License-Identifier: MIT */
/* A Series message (proto/weir/v1/agent.proto): one row's values of the past. No I/O. One thread. */
#ifndef WI_ENCODE_SERIES_H
#define WI_ENCODE_SERIES_H

#include "encode/buffer.h"
#include "snapshot/process_view.h"

struct wi_series {
    uint64_t id; /* the row's */
    const char *name;
    enum wi_kind kind;
    int metric;
    int64_t last_unix_nanos;
    uint64_t last_read_nanos; /* 0: the process has ended */
    uint64_t step_nanos;
    const double *values; /* the oldest first; NaN: none */
    size_t n_values;
};

/* Appends one message to an empty buffer. Fails: has_failed of the buffer. */
void wi_weir_series(const struct wi_series *series, struct wi_buffer *buffer);

#endif
