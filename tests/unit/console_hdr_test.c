/* SPDX-License-Identifier: MIT */
/* HdrHistogram's bytes, made here by a plain encoder of its format, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tokio/hdr.h"

#include <stdlib.h>
#include <string.h>

#define HALF 128 /* of two digits */

struct bytes {
    uint8_t at[65536];
    size_t n;
};

static void put_big(struct bytes *bytes, uint64_t value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        bytes->at[bytes->n++] = (uint8_t)(value >> (8 * i));
    }
}

static void put_count(struct bytes *bytes, int64_t count)
{
    uint64_t bits = ((uint64_t)count << 1) ^ (uint64_t)(count >> 63);
    for (int i = 0; i < 8 && bits >= 0x80; i++, bits >>= 7) {
        bytes->at[bytes->n++] = (uint8_t)(bits | 0x80);
    }
    bytes->at[bytes->n++] = (uint8_t)bits; /* the ninth is all bits */
}

/* The header; the payload's length is set by `end`. */
static void begin(struct bytes *bytes)
{
    bytes->n = 0;
    put_big(bytes, 0x1c849313, 4);
    put_big(bytes, 0, 4);
    put_big(bytes, 0, 4);
    put_big(bytes, 2, 4);
    put_big(bytes, 1, 8);
    put_big(bytes, 1000000000, 8);
    put_big(bytes, UINT64_C(0x3ff0000000000000), 8);
}

static void end(struct bytes *bytes)
{
    size_t n = bytes->n;
    bytes->n = 4;
    put_big(bytes, n - 40, 4);
    bytes->n = n;
}

static uint64_t index_of(uint64_t value)
{
    unsigned shift = 0;
    while (value >> shift >= 2 * HALF) {
        shift++;
    }
    return value < 2 * HALF ? value : (shift + 1) * HALF + (value >> shift) - HALF;
}

/* Counts of values from the least to the greatest. */
static void put_values(struct bytes *bytes, const uint64_t (*values)[2], size_t n)
{
    uint64_t at = 0;
    begin(bytes);
    for (size_t i = 0; i < n; i++) {
        uint64_t index = index_of(values[i][0]);
        if (index > at) {
            put_count(bytes, index - at == 1 ? 0 : -(int64_t)(index - at));
        }
        put_count(bytes, (int64_t)values[i][1]);
        at = index + 1;
    }
    end(bytes);
}

static void assert_near(uint64_t got, uint64_t wanted)
{
    if (got < wanted || got > wanted + wanted / 100 + 1) {
        fail_msg("%llu is not %llu", (unsigned long long)got, (unsigned long long)wanted);
    }
}

static void counts_and_quantiles_are_as_recorded(void **state)
{
    (void)state;
    static const uint64_t values[][2] = {{0, 1},      {1, 2},       {127, 3},
                                         {128, 40},   {255, 1},     {256, 1},
                                         {36000, 50}, {1000000, 1}, {999999999, 1}};
    static struct bytes bytes;
    struct wc_hdr hdr;
    uint64_t in_buckets = 0;
    put_values(&bytes, values, 9);

    assert_true(wc_hdr_read(bytes.at, bytes.n, &hdr));

    assert_int_equal(hdr.count, 100);
    assert_near(hdr.p50, 36000); /* the 50th of 100: 48 are below 36 us */
    assert_near(hdr.p99, 1000000);
    assert_near(hdr.max, 999999999);
    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++) {
        in_buckets += hdr.buckets.bucket[i];
    }
    assert_int_equal(in_buckets, 100);
    assert_int_equal(hdr.buckets.bucket[weir_histogram_bucket(36000)], 50);
    assert_int_equal(hdr.buckets.max, hdr.max);
    assert_true(hdr.buckets.sum > 50 * 36000 + 1000000000);
}

static void every_value_comes_back_within_a_hundredth(void **state)
{
    (void)state;
    static struct bytes bytes;
    struct wc_hdr hdr;
    for (uint64_t value = 1; value < UINT64_C(1) << 40; value += 1 + value / 37) {
        const uint64_t one[1][2] = {{value, 1}};
        put_values(&bytes, one, 1);
        assert_true(wc_hdr_read(bytes.at, bytes.n, &hdr));
        assert_near(hdr.max, value);
        assert_int_equal(hdr.p50, hdr.max);
        assert_int_equal(hdr.p99, hdr.max);
    }
}

static void an_empty_one_has_nothing(void **state)
{
    (void)state;
    static struct bytes bytes;
    struct wc_hdr hdr;
    begin(&bytes);
    put_count(&bytes, 0);
    end(&bytes);
    assert_true(wc_hdr_read(bytes.at, bytes.n, &hdr));
    assert_int_equal(hdr.count + hdr.p50 + hdr.p99 + hdr.max, 0);
    begin(&bytes);
    end(&bytes);
    assert_true(wc_hdr_read(bytes.at, bytes.n, &hdr));
    assert_int_equal(hdr.count, 0);
}

static void an_outlier_raises_the_greatest(void **state)
{
    (void)state;
    static const uint64_t values[][2] = {{1000, 10}};
    static struct bytes bytes;
    struct wc_hdr hdr;
    put_values(&bytes, values, 1);
    assert_true(wc_hdr_read(bytes.at, bytes.n, &hdr));
    wc_hdr_raise(&hdr, 500);
    assert_near(hdr.max, 1000);
    wc_hdr_raise(&hdr, UINT64_C(3000000000));
    assert_int_equal(hdr.max, UINT64_C(3000000000));
    assert_int_equal(hdr.buckets.max, UINT64_C(3000000000));
}

/* Cut short anywhere it is refused, or it has lost counts at its end; never read past. */
static void what_is_cut_short_is_not_read_past(void **state)
{
    (void)state;
    static const uint64_t values[][2] = {{5, 300}, {70000, 70000}};
    static struct bytes bytes;
    struct wc_hdr hdr;
    put_values(&bytes, values, 2);
    for (size_t n = 0; n < bytes.n; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, bytes.at, n);
        assert_false(wc_hdr_read(copy, n, &hdr));
        assert_int_equal(hdr.count, 0);
        free(copy);
    }
}

static void what_is_no_histogram_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {
        {0, 0x1d}, {3, 0x14}, /* another format, a compressed one */
        {7, 0xff},            /* a longer payload than there is */
        {11, 1},              /* shifted */
        {15, 9},              /* nine digits */
        {23, 0},              /* lowest 0 */
    };
    static const uint64_t values[][2] = {{5, 300}};
    static struct bytes bytes;
    struct wc_hdr hdr;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        put_values(&bytes, values, 1);
        bytes.at[changes[i].at] = changes[i].byte;
        assert_false(wc_hdr_read(bytes.at, bytes.n, &hdr));
    }
}

static void what_counts_past_all_bounds_is_refused(void **state)
{
    (void)state;
    static struct bytes bytes;
    struct wc_hdr hdr;
    begin(&bytes);
    put_count(&bytes, INT64_MAX);
    put_count(&bytes, INT64_MAX);
    put_count(&bytes, INT64_MAX);
    end(&bytes);
    assert_false(wc_hdr_read(bytes.at, bytes.n, &hdr)); /* more than 2^64 in all */
    begin(&bytes);
    put_count(&bytes, INT64_MIN);
    end(&bytes);
    assert_false(wc_hdr_read(bytes.at, bytes.n, &hdr));
    begin(&bytes);
    put_count(&bytes, -(INT64_C(1) << 40)); /* zeros without end */
    put_count(&bytes, 1);
    end(&bytes);
    assert_false(wc_hdr_read(bytes.at, bytes.n, &hdr));
    begin(&bytes);
    put_count(&bytes, -10000); /* a value that is no 64-bit number */
    put_count(&bytes, 1);
    end(&bytes);
    assert_false(wc_hdr_read(bytes.at, bytes.n, &hdr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_quantiles_are_as_recorded),
        cmocka_unit_test(every_value_comes_back_within_a_hundredth),
        cmocka_unit_test(an_empty_one_has_nothing),
        cmocka_unit_test(an_outlier_raises_the_greatest),
        cmocka_unit_test(what_is_cut_short_is_not_read_past),
        cmocka_unit_test(what_is_no_histogram_is_refused),
        cmocka_unit_test(what_counts_past_all_bounds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
