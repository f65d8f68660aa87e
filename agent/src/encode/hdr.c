/* SPDX-License-Identifier: MIT */
/* A header of forty bytes, then the counts by index: those that are not zero, and the number of
 * zeroes between them. */
#include "encode/hdr.h"

#include "snapshot/process_view.h"

#define HDR_COOKIE   UINT32_C(0x1c849313)
#define HDR_DIGITS   2
#define HDR_HEAD     40
#define HDR_HALF     7 /* log2 of half the sub-buckets: 128 values to the octave for two digits */
#define HDR_WORD_MAX 9 /* bytes of one count */
#define HDR_BYTES    (HDR_HEAD + (WEIR_HISTOGRAM_BUCKETS + 1) * 2 * HDR_WORD_MAX)

/* Readers add all counts up in 63 bits. */
#define HDR_COUNT_MAX (UINT64_C(1) << 55)

struct hdr_writer {
    uint8_t bytes[HDR_BYTES];
    size_t n;
    uint64_t next; /* the index of the next byte */
};

static void hdr_put(struct hdr_writer *writer, uint64_t number, unsigned n_bytes)
{
    for (unsigned i = n_bytes; i > 0; i--) {
        writer->bytes[writer->n++] = (uint8_t)(number >> (8 * (i - 1)));
    }
}

/* ZigZag, then seven bits to a byte, and eight in the ninth. */
static void hdr_put_word(struct hdr_writer *writer, int64_t number)
{
    uint64_t rest = (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
    for (int i = 1; i < HDR_WORD_MAX && rest >= 0x80; i++) {
        writer->bytes[writer->n++] = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    writer->bytes[writer->n++] = (uint8_t)rest;
}

static uint64_t hdr_index(uint64_t nanos)
{
    unsigned bits = 64U - (unsigned)__builtin_clzll(nanos | ((2U << HDR_HALF) - 1));
    unsigned octave = bits - (HDR_HALF + 1);
    return ((uint64_t)(octave + 1) << HDR_HALF) + (nanos >> octave) - (1U << HDR_HALF);
}

/* Values come in rising order; those of one index in one call. */
static void hdr_put_count(struct hdr_writer *writer, uint64_t nanos, uint64_t count)
{
    uint64_t index = hdr_index(nanos);
    uint64_t n_zeroes = index - writer->next;
    if (n_zeroes > 0) {
        hdr_put_word(writer, n_zeroes == 1 ? 0 : -(int64_t)n_zeroes);
    }
    hdr_put_word(writer, (int64_t)(count < HDR_COUNT_MAX ? count : HDR_COUNT_MAX));
    writer->next = index + 1;
}

/* One bucket: all its values at its middle, but one at the greatest measured value if that lies in
 * it. */
static void hdr_put_bucket(struct hdr_writer *writer, const struct weir_histogram *histogram,
                           unsigned b)
{
    uint64_t count = histogram->bucket[b];
    uint64_t value = wi_histogram_middle(b);
    uint64_t max = histogram->max;
    bool has_max = max > 0 && weir_histogram_bucket(max) == b &&
                   !histogram->bucket[WEIR_HISTOGRAM_BUCKETS - 1];
    value = has_max && value > max ? max : value;
    if (has_max && count > 1 && hdr_index(max) > hdr_index(value)) {
        hdr_put_count(writer, value, count - 1);
        hdr_put_count(writer, max, 1);
    } else {
        hdr_put_count(writer, has_max && count == 1 ? max : value, count);
    }
}

void wi_hdr_write(const struct weir_histogram *histogram, struct wi_buffer *buffer,
                  struct wi_hdr_outliers *ret_outliers)
{
    struct hdr_writer writer = {.n = 0};
    const unsigned last = WEIR_HISTOGRAM_BUCKETS - 1;
    hdr_put(&writer, HDR_COOKIE, 4);
    hdr_put(&writer, 0, 4); /* the length, below */
    hdr_put(&writer, 0, 4);
    hdr_put(&writer, HDR_DIGITS, 4);
    hdr_put(&writer, 1, 8);
    hdr_put(&writer, WI_HDR_MAX_NANOS, 8);
    hdr_put(&writer, UINT64_C(0x3ff0000000000000), 8); /* 1.0: values are whole */
    for (unsigned b = 0; b < last; b++) {
        if (histogram->bucket[b]) {
            hdr_put_bucket(&writer, histogram, b);
        }
    }
    ret_outliers->count = histogram->bucket[last];
    ret_outliers->highest = 0;
    if (ret_outliers->count) {
        bool is_known = histogram->max > WI_HDR_MAX_NANOS;
        ret_outliers->highest = is_known ? histogram->max : WI_HDR_MAX_NANOS + 1;
        hdr_put_count(&writer, WI_HDR_MAX_NANOS, ret_outliers->count);
    }
    if (writer.next == 0) {
        hdr_put_word(&writer, 0);
    }
    size_t end = writer.n;
    writer.n = 4;
    hdr_put(&writer, end - HDR_HEAD, 4);
    wi_buffer_append(buffer, writer.bytes, end);
}
