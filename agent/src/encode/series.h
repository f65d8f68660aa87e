/* SPDX-License-Identifier: MIT */
/* A Series message (proto/weir/v1/agent.proto): one row's values of the past. No I/O. One thread. */
#ifndef WI_ENCODE_SERIES_H
#define WI_ENCODE_SERIES_H

#include "encode/buffer.h"
#include "weir/provider.h"

/* Appends one message to an empty buffer. Fails: has_failed of the buffer. */
void wi_weir_series(const struct wi_series *series, struct wi_buffer *buffer);

#endif
