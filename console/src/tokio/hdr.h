/* SPDX-License-Identifier: MIT */
/*
 * HdrHistogram's format V2, uncompressed, as console-subscriber sends it: nanoseconds in buckets of
 * equal relative width. No I/O. No state; any thread.
 */
#ifndef WC_TOKIO_HDR_H
#define WC_TOKIO_HDR_H

#include "weir/weir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The contents of a histogram. */
struct wc_hdr {
    uint64_t count;
    uint64_t p50, p99, max; /* nanoseconds, as precise as the histogram is; 0 when it is empty */
    struct weir_histogram buckets; /* the same in weir's own, coarser buckets */
};

/* False when the bytes are not a histogram, are truncated or compressed, or count past 2^64. */
bool wc_hdr_read(const uint8_t *bytes, size_t n, struct wc_hdr *ret_hdr);

/* Adds values above the histogram's own maximum, which holds them clamped; `greatest` is the
 * greatest one. */
void wc_hdr_raise(struct wc_hdr *hdr, uint64_t highest);

#endif
