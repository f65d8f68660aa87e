/* SPDX-License-Identifier: MIT */
/*
 * HdrHistogram, version 2, not compressed: the form in which tokio-console reads a histogram. Values are
 * nanoseconds with two digits. weir's own buckets are wider, so each bucket's count stands at the value
 * that weir names for it, and one of them at the greatest that was measured. Plain functions; any thread.
 */
#ifndef WI_ENCODE_HDR_H
#define WI_ENCODE_HDR_H

#include "encode/buffer.h"
#include "weir/weir.h"

/* The greatest value that has a bucket: the begin of weir's last bucket. Greater values are
 * clamped. */
#define WI_HDR_MAX_NANOS ((UINT64_C(1) << 37) - 1)

/* Summary of the values, clamped ones included. */
struct wi_hdr_outliers {
    uint64_t count;
    uint64_t highest; /* nanoseconds; 0 without any */
};

/* Appends the histogram's bytes. */
void wi_hdr_write(const struct weir_histogram *histogram, struct wi_buffer *buffer,
                  struct wi_hdr_outliers *ret_outliers);

#endif
