/* SPDX-License-Identifier: MIT */
/*
 * Histograms as tokio-console reads them: what a decoder of our own, written from the format's description,
 * finds in the bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "encode/hdr.h"
#include "snapshot/process_view.h"

#include <stdlib.h>
#include <string.h>

#define N_INDICES 16384

/* A histogram as its reader has it. */
struct decoded {
    uint64_t counts[N_INDICES];
    uint64_t n_indices;
    uint64_t lowest, highest;
    uint32_t digits;
    struct wi_hdr_outliers outliers;
};

static struct decoded decoded;

static uint64_t big_endian(const uint8_t *bytes, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* One ZigZag LEB128-64b9B word. */
static int64_t word(const uint8_t *bytes, size_t n, size_t *at)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(*at < n);
        uint8_t byte = bytes[(*at)++];
        if (shift == 56) {
            number |= (uint64_t)byte << 56;
            break;
        }
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            break;
        }
    }
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

static void decode(const struct weir_histogram *histogram)
{
    struct wi_buffer buffer;
    wi_buffer_init(&buffer, 1 << 16);
    memset(&decoded, 0, sizeof(decoded));
    wi_hdr_write(histogram, &buffer, &decoded.outliers);
    assert_false(buffer.has_failed);
    const uint8_t *bytes = buffer.bytes;
    size_t n = buffer.length;
    assert_true(n > 40);
    assert_int_equal(big_endian(bytes, 4), 0x1c849313);
    assert_int_equal(big_endian(bytes + 4, 4), n - 40);
    assert_int_equal(big_endian(bytes + 8, 4), 0);
    decoded.digits = (uint32_t)big_endian(bytes + 12, 4);
    decoded.lowest = big_endian(bytes + 16, 8);
    decoded.highest = big_endian(bytes + 24, 8);
    double ratio;
    uint64_t bits = big_endian(bytes + 32, 8);
    memcpy(&ratio, &bits, sizeof(ratio));
    assert_true(ratio == 1.0);
    assert_int_equal(decoded.digits, 2);
    assert_int_equal(decoded.lowest, 1);
    assert_true(decoded.highest >= 2 * decoded.lowest);
    for (size_t at = 40; at < n;) {
        int64_t count = word(bytes, n, &at);
        if (count < 0) {
            assert_true(count < -1); /* one zero is written as it is */
            decoded.n_indices += (uint64_t)-count;
        } else {
            assert_true(decoded.n_indices < N_INDICES);
            decoded.counts[decoded.n_indices++] = (uint64_t)count;
        }
        assert_true(decoded.n_indices <= N_INDICES);
    }
    if (decoded.n_indices > 1) {
        assert_int_not_equal(decoded.counts[decoded.n_indices - 1], 0);
    }
    wi_buffer_finish(&buffer);
}

/* The values that an index stands for: with two digits 256 values of one each, then 128 to the octave. */
static void range_of(uint64_t index, uint64_t *ret_low, uint64_t *ret_high)
{
    uint64_t octave = index < 256 ? 0 : index / 128 - 1;
    uint64_t within = index < 256 ? index : index % 128 + 128;
    *ret_low = within << octave;
    *ret_high = ((within + 1) << octave) - 1;
}

static uint64_t total(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < N_INDICES; i++) {
        sum += decoded.counts[i];
    }
    return sum;
}

/* As the reader does: the highest value that is the same as the one at that share. */
static uint64_t percentile(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)total() + 0.5);
    uint64_t seen = 0;
    wanted = wanted ? wanted : 1;
    for (uint64_t i = 0; i < N_INDICES; i++) {
        seen += decoded.counts[i];
        if (seen >= wanted) {
            uint64_t low, high;
            range_of(i, &low, &high);
            return high;
        }
    }
    return 0;
}

static uint64_t highest(void)
{
    uint64_t low = 0, high = 0;
    for (uint64_t i = 0; i < N_INDICES; i++) {
        if (decoded.counts[i]) {
            range_of(i, &low, &high);
        }
    }
    return high;
}

static void add(struct weir_histogram *histogram, uint64_t nanos, uint64_t count)
{
    histogram->bucket[weir_histogram_bucket(nanos)] += count;
    histogram->sum += nanos * count;
    histogram->max = nanos > histogram->max ? nanos : histogram->max;
}

static void an_empty_one_is_one_zero(void **state)
{
    (void)state;
    struct weir_histogram histogram = {.sum = 0};
    decode(&histogram);
    assert_int_equal(decoded.n_indices, 1);
    assert_int_equal(total(), 0);
    assert_int_equal(decoded.outliers.count, 0);
    assert_int_equal(decoded.outliers.highest, 0);
}

static void each_bucket_keeps_its_count_within_its_bounds(void **state)
{
    (void)state;
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS - 1; b++) {
        struct weir_histogram histogram = {.sum = 0};
        histogram.bucket[b] = 7 + b;
        decode(&histogram);
        assert_int_equal(total(), 7 + b);
        uint64_t low, high;
        range_of(decoded.n_indices - 1, &low, &high);
        assert_int_equal(weir_histogram_bucket(low), b);
        assert_int_equal(weir_histogram_bucket(high), b);
        assert_in_range(wi_histogram_middle(b), low, high);
        assert_true(high <= decoded.highest);
    }
}

static void all_buckets_at_once_keep_their_order(void **state)
{
    (void)state;
    struct weir_histogram histogram = {.sum = 0};
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS - 1; b++) {
        histogram.bucket[b] = b + 1;
    }
    decode(&histogram);
    uint64_t found[WEIR_HISTOGRAM_BUCKETS] = {0};
    for (uint64_t i = 0; i < decoded.n_indices; i++) {
        uint64_t low, high;
        range_of(i, &low, &high);
        found[weir_histogram_bucket(low)] += decoded.counts[i];
    }
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS - 1; b++) {
        assert_int_equal(found[b], b + 1);
    }
}

/* What weir itself says of the same histogram, but for the reader's two digits. */
static void percentiles_are_those_of_weir(void **state)
{
    (void)state;
    struct weir_histogram histogram = {.sum = 0};
    static const double shares[] = {0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};
    srand(4);
    for (int i = 0; i < 20000; i++) {
        add(&histogram, (uint64_t)1 << (10 + rand() % 20), 1 + (uint64_t)rand() % 5);
    }
    decode(&histogram);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        double ours = (double)wi_histogram_quantile(&histogram, shares[i]);
        double theirs = (double)percentile(shares[i]);
        assert_true(theirs >= ours && theirs <= ours * 1.01 + 1);
    }
}

static void the_greatest_is_where_it_was_measured(void **state)
{
    (void)state;
    static const uint64_t maxima[] = {1, 700, 1023, 1024, 5000, 1279, 123456789, WI_HDR_MAX_NANOS};
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        for (uint64_t count = 1; count < 4; count++) {
            struct weir_histogram histogram = {.sum = 0};
            add(&histogram, maxima[i], count);
            decode(&histogram);
            assert_int_equal(total(), count);
            assert_true(highest() >= maxima[i]);
            assert_true((double)highest() <= (double)maxima[i] * 1.01 + 1);
            assert_int_equal(decoded.outliers.count, 0);
        }
    }
}

static void what_is_too_long_is_clamped_and_counted(void **state)
{
    (void)state;
    struct weir_histogram histogram = {.sum = 0};
    add(&histogram, 2000000, 5);
    add(&histogram, UINT64_C(300000000000), 2);
    add(&histogram, UINT64_C(200000000000), 1);
    decode(&histogram);
    assert_int_equal(decoded.highest, WI_HDR_MAX_NANOS);
    assert_int_equal(total(), 8);
    assert_int_equal(decoded.outliers.count, 3);
    assert_int_equal(decoded.outliers.highest, UINT64_C(300000000000));
    assert_true(highest() >= decoded.highest);
}

/* A histogram that does not fit itself, as a segment may hold: its greatest lies elsewhere. */
static void strange_ones_are_taken_as_they_are(void **state)
{
    (void)state;
    static const uint64_t maxima[] = {
        0, 1, 5000, WI_HDR_MAX_NANOS - 1, WI_HDR_MAX_NANOS, WI_HDR_MAX_NANOS + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        struct weir_histogram histogram = {.max = maxima[i]};
        for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
            histogram.bucket[b] = UINT64_MAX;
        }
        decode(&histogram);
        assert_true(total() < (uint64_t)INT64_MAX); /* readers add up in that */
        assert_true(decoded.outliers.count > 0 && decoded.outliers.highest > WI_HDR_MAX_NANOS);
        memset(&histogram, 0, sizeof(histogram));
        histogram.max = maxima[i];
        histogram.bucket[WEIR_HISTOGRAM_BUCKETS - 1] = 1;
        histogram.bucket[WEIR_HISTOGRAM_BUCKETS - 2] = 1;
        decode(&histogram);
        assert_int_equal(total(), 2);
        assert_int_equal(decoded.outliers.count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_is_one_zero),
        cmocka_unit_test(each_bucket_keeps_its_count_within_its_bounds),
        cmocka_unit_test(all_buckets_at_once_keep_their_order),
        cmocka_unit_test(percentiles_are_those_of_weir),
        cmocka_unit_test(the_greatest_is_where_it_was_measured),
        cmocka_unit_test(what_is_too_long_is_clamped_and_counted),
        cmocka_unit_test(strange_ones_are_taken_as_they_are),
    };
    return cmocka_run_group_tests_name("tokio_hdr", tests, NULL, NULL);
}
