/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/snapshot */
/* Estimated waits against true ones: a queue of which each message is followed, and which is looked at each second. */
#include "snapshot/estimate.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MILLI  UINT64_C(1000000)
#define SECOND (1000 * MILLI)
#define MOST   100000 /* messages */

static struct {
    uint64_t sent_at[MOST], left_at[MOST];
    uint64_t sent, left, now;
    struct wi_age age;
    struct wi_estimate estimate;
    uint64_t window_begin; /* the number of the first message that is looked at */
} queue;

static void begin(void)
{
    memset(&queue, 0, sizeof(queue));
    queue.now = 1000 * SECOND;
}

static void look(void)
{
    wi_age_add(&queue.age, queue.now, queue.sent);
    wi_estimate_add(&queue.estimate, queue.now, queue.left);
    wi_age_trim(&queue.age, queue.estimate.left[0]);
    queue.window_begin = queue.estimate.left[0];
}

/* A second: so many come and so many go, evenly. */
static void pass(unsigned come, unsigned go)
{
    for (unsigned m = 1; m <= 1000; m++) {
        queue.now += MILLI;
        for (unsigned i = come * (m - 1) / 1000; i < come * m / 1000 && queue.sent < MOST; i++) {
            queue.sent_at[queue.sent++] = queue.now;
        }
        for (unsigned i = go * (m - 1) / 1000; i < go * m / 1000 && queue.left < queue.sent; i++) {
            queue.left_at[queue.left++] = queue.now;
        }
    }
    look();
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The true waits of the same messages, in order; returns how many. */
static size_t truth(const uint64_t **ret_waits)
{
    static uint64_t waits[MOST];
    size_t n = 0;
    for (uint64_t i = queue.window_begin; i < queue.sent; i++) {
        waits[n++] = (i < queue.left ? queue.left_at[i] : queue.now) - queue.sent_at[i];
    }
    qsort(waits, n, sizeof(*waits), compare);
    *ret_waits = waits;
    return n;
}

/* A quantile is a look off at most, and one in a hundred messages. */
static bool is_quantile(double quantile, uint64_t got)
{
    const uint64_t *waits;
    double n = (double)truth(&waits);
    double low = n * (quantile - 0.01), high = n * (quantile + 0.01) + 1;
    uint64_t least = waits[low > 0 ? (size_t)low : 0];
    uint64_t most = waits[high < n ? (size_t)high : (size_t)n - 1];
    bool is_right = got + 1100 * MILLI >= least && got <= most + 1100 * MILLI;
    if (!is_right) {
        print_error("%.2f: %.3f s, and it is %.3f to %.3f s\n", quantile, (double)got / 1e9,
                    (double)least / 1e9, (double)most / 1e9);
    }
    return is_right;
}

static void check(void)
{
    struct wi_estimated got;
    assert_true(
        wi_estimate_waits(&queue.estimate, &queue.age, queue.now, queue.sent, queue.left, &got));
    assert_true(is_quantile(0.5, got.p50));
    assert_true(is_quantile(0.99, got.p99));
    assert_true(is_quantile(1, got.max));
}

static void a_standing_queue_has_the_wait_of_its_length(void **state)
{
    (void)state;
    for (unsigned seconds = 1; seconds <= 30; seconds += 29) {
        begin();
        look();
        for (unsigned s = 0; s < seconds; s++) {
            pass(100, 0);
        }
        for (unsigned s = 0; s < 100; s++) {
            pass(100, 100);
            check();
        }
    }
}

static void a_stuck_queue_grows_older_by_a_second_each_second(void **state)
{
    (void)state;
    begin();
    look();
    for (unsigned s = 0; s < 20; s++) {
        pass(100, 100);
    }
    for (unsigned s = 0; s < 40; s++) {
        pass(50, 0);
        check();
    }
    for (unsigned s = 0; s < 30; s++) { /* and is emptied */
        pass(0, 100);
        check();
    }
}

static void whatever_comes_and_goes_the_estimate_is_a_look_off(void **state)
{
    (void)state;
    uint64_t dice = 88172645463325252U;
    begin();
    look();
    pass(200, 0);
    for (unsigned s = 0; s < 500; s++) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        unsigned come = dice % 4 ? (unsigned)(dice >> 8) % 150 : 0;
        unsigned go = dice >> 32 & 3 ? (unsigned)(dice >> 40) % 170 : 0;
        pass(come, go);
        if (queue.sent > queue.window_begin) {
            check();
        }
    }
}

static void nothing_that_came_has_no_wait(void **state)
{
    (void)state;
    struct wi_estimated got;
    begin();
    assert_false(wi_estimate_waits(&queue.estimate, &queue.age, queue.now, 0, 0, &got));
    look();
    look();
    assert_false(wi_estimate_waits(&queue.estimate, &queue.age, queue.now, 0, 0, &got));
    assert_false(wi_estimate_waits(&queue.estimate, &queue.age, queue.now, 3, 5, &got));
}

/* The counts of a segment may be any, and fall. */
static void counts_that_lie_give_no_wait_beyond_the_first_sample(void **state)
{
    (void)state;
    uint64_t dice = 88172645463325252U;
    begin();
    for (unsigned s = 0; s < 10000; s++) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        queue.now += SECOND;
        queue.sent = dice >> (dice & 63);
        queue.left = dice * 3 >> (dice >> 8 & 63);
        struct wi_estimated got = {0, 0, 0};
        look();
        if (wi_estimate_waits(&queue.estimate, &queue.age, queue.now, queue.sent, queue.left,
                              &got)) {
            assert_true(got.p50 <= got.p99 && got.p99 <= got.max && got.max <= queue.now);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standing_queue_has_the_wait_of_its_length),
        cmocka_unit_test(a_stuck_queue_grows_older_by_a_second_each_second),
        cmocka_unit_test(whatever_comes_and_goes_the_estimate_is_a_look_off),
        cmocka_unit_test(nothing_that_came_has_no_wait),
        cmocka_unit_test(counts_that_lie_give_no_wait_beyond_the_first_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
