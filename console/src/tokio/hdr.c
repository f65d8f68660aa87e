/* SPDX-License-Identifier: MIT */
/*
 * The header is 40 bytes, big-endian; then come the counts, ZigZag and LEB128, where a negative one is a
 * run of that many zeros. The index of a count says its range: `half` linear steps an octave.
 */
#include "tokio/hdr.h"

#include <string.h>

#define HDR_COOKIE      UINT32_C(0x1c849303)
#define HDR_WORD_BITS   UINT32_C(0xf0) /* of the cookie: how wide a count may be */
#define HDR_HEADER      40u
#define HDR_MOST_BYTES  9
#define HDR_MOST_DIGITS 5u
#define HDR_MOST_INDEX  (UINT64_C(1) << 24)

struct hdr_shape {
    unsigned unit; /* values are multiples of 2^unit */
    unsigned half; /* bits of a half bucket's index */
};

static uint64_t hdr_big(const uint8_t *bytes, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static unsigned hdr_log2(uint64_t value)
{
    unsigned log = 0;
    while (value >>= 1) {
        log++;
    }
    return log;
}

/* Two buckets of 2 * 10^digits steps, rounded up to a power of two. */
static struct hdr_shape hdr_shape_of(uint64_t lowest, uint32_t digits)
{
    uint64_t steps = 2;
    for (uint32_t i = 0; i < digits; i++) {
        steps *= 10;
    }
    unsigned bits = hdr_log2(steps - 1) + 1;
    return (struct hdr_shape){hdr_log2(lowest), bits - 1};
}

/* The lowest value of a count's range and the length of that; false past 2^64. */
static bool hdr_range(const struct hdr_shape *shape, uint64_t index, uint64_t *ret_low,
                      uint64_t *ret_length)
{
    uint64_t bucket = index >> shape->half;
    uint64_t step = index & ((UINT64_C(1) << shape->half) - 1);
    unsigned shift = shape->unit;
    if (bucket > 0) {
        step += UINT64_C(1) << shape->half;
        shift += (unsigned)bucket - 1;
    }
    if (bucket > 64 || shift + shape->half + 1 > 63) {
        return false;
    }
    *ret_low = step << shift;
    *ret_length = UINT64_C(1) << shift;
    return true;
}

/* One count: at most nine bytes, the last of which is all bits. */
static bool hdr_count(const uint8_t **at, const uint8_t *end, int64_t *ret_count)
{
    uint64_t value = 0;
    for (int i = 0; i < HDR_MOST_BYTES && *at < end; i++) {
        uint8_t byte = *(*at)++;
        bool is_last = i == HDR_MOST_BYTES - 1;
        value |= (uint64_t)(is_last ? byte : byte & 0x7f) << (7 * i);
        if (is_last || byte < 0x80) {
            *ret_count = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return false;
}

static bool hdr_add(struct wc_hdr *hdr, uint64_t low, uint64_t length, uint64_t count)
{
    uint64_t middle = low + length / 2, time;
    uint64_t *bucket = &hdr->buckets.bucket[weir_histogram_bucket(middle)];
    if (__builtin_add_overflow(hdr->count, count, &hdr->count) ||
        __builtin_add_overflow(*bucket, count, bucket)) {
        return false;
    }
    if (__builtin_mul_overflow(middle, count, &time) ||
        __builtin_add_overflow(hdr->buckets.sum, time, &hdr->buckets.sum)) {
        hdr->buckets.sum = UINT64_MAX;
    }
    hdr->max = low + length - 1;
    return true;
}

/* Walks through all counts. The first time `wanted` is NULL, and they are summed; then it finds the
 * values at the ranks in `wanted`. */
static bool hdr_walk(const struct hdr_shape *shape, const uint8_t *at, const uint8_t *end,
                     struct wc_hdr *hdr, const uint64_t *wanted, uint64_t *ret_values)
{
    uint64_t index = 0, seen = 0;
    while (at < end) {
        int64_t count;
        uint64_t low, length;
        if (!hdr_count(&at, end, &count) || count == INT64_MIN) {
            return false;
        }
        if (count <= 0) {
            index += count < 0 ? (uint64_t)-count : 1;
            if (index > HDR_MOST_INDEX || count < -(int64_t)HDR_MOST_INDEX) {
                return false;
            }
            continue;
        }
        if (!hdr_range(shape, index, &low, &length) ||
            (!wanted && !hdr_add(hdr, low, length, (uint64_t)count))) {
            return false;
        }
        for (int i = 0; wanted && i < 2; i++) {
            if (seen <= wanted[i] && wanted[i] < seen + (uint64_t)count) {
                ret_values[i] = low + length - 1;
            }
        }
        seen += (uint64_t)count;
        index++;
    }
    return true;
}

bool wc_hdr_read(const uint8_t *bytes, size_t n, struct wc_hdr *ret_hdr)
{
    memset(ret_hdr, 0, sizeof(*ret_hdr));
    if (n < HDR_HEADER || (hdr_big(bytes, 4) & ~(uint64_t)HDR_WORD_BITS) != HDR_COOKIE) {
        return false;
    }
    uint64_t payload = hdr_big(bytes + 4, 4);
    uint64_t digits = hdr_big(bytes + 12, 4), lowest = hdr_big(bytes + 16, 8);
    if (payload > n - HDR_HEADER || hdr_big(bytes + 8, 4) != 0 || digits > HDR_MOST_DIGITS ||
        lowest == 0) {
        return false;
    }
    struct hdr_shape shape = hdr_shape_of(lowest, (uint32_t)digits);
    const uint8_t *at = bytes + HDR_HEADER, *end = at + payload;
    if (!hdr_walk(&shape, at, end, ret_hdr, NULL, NULL)) {
        memset(ret_hdr, 0, sizeof(*ret_hdr));
        return false;
    }
    if (ret_hdr->count > 0) {
        /* As in HdrHistogram, and so in tokio-console: the greatest value of the range. */
        static const double quantiles[2] = {0.50, 0.99};
        uint64_t wanted[2], values[2] = {0, 0};
        for (int i = 0; i < 2; i++) {
            double rank = quantiles[i] * (double)ret_hdr->count;
            uint64_t whole = rank < 0x1p64 ? (uint64_t)rank : ret_hdr->count - 1;
            whole -= whole > 0 && (double)whole >= rank;
            wanted[i] = whole < ret_hdr->count ? whole : ret_hdr->count - 1;
        }
        hdr_walk(&shape, at, end, ret_hdr, wanted, values);
        ret_hdr->p50 = values[0];
        ret_hdr->p99 = values[1];
    }
    ret_hdr->buckets.max = ret_hdr->max;
    return true;
}

void wc_hdr_raise(struct wc_hdr *hdr, uint64_t highest)
{
    if (highest > hdr->max) {
        hdr->max = highest;
        hdr->buckets.max = highest;
    }
}
