/* SPDX-License-Identifier: MIT */
/* Attribution: what a channel explains of a process's growth, how sure that is, and when it cannot
 * be said. */
#include "finding/attribution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

static unsigned seed;

/* -1 to 1, the same in every run. */
static double noise(void)
{
    seed = seed * 1664525U + 1013904223U;
    return (double)(seed >> 8) / (double)(1U << 23) - 1;
}

static struct wi_growth empty(size_t n, size_t n_channels)
{
    struct wi_growth growth = {.n = n, .n_channels = n_channels};
    for (size_t i = 0; i < n; i++) {
        growth.seconds[i] = (double)i;
    }
    seed = 7;
    return growth;
}

static void assert_near(double value, double wanted, double error)
{
    if (!(fabs(value - wanted) <= error)) {
        fail_msg("%g is not %g +- %g", value, wanted, error);
    }
}

static void line_has_slope_error_and_fit(void **state)
{
    (void)state;
    /* By hand: of 4.5 over 5, which leaves 0.7 of 4.75. */
    const double x[] = {0, 1, 2, 3};
    const double y[] = {1, 2, 2, 4};
    struct wi_line line;
    assert_true(wi_line_fit(x, y, 4, &line));
    assert_near(line.slope, 0.9, 1e-12);
    assert_near(line.error, sqrt(0.7 / 2 / 5), 1e-12);
    assert_near(line.r2, 1 - 0.7 / 4.75, 1e-12);
    assert_false(wi_line_fit(x, y, 2, &line));
    const double same[] = {5, 5, 5, 5};
    assert_false(wi_line_fit(same, y, 4, &line));
    assert_true(wi_line_fit(x, same, 4, &line));
    assert_near(line.r2, 0, 0);
}

static void one_leak_is_explained_both_ways(void **state)
{
    (void)state;
    struct wi_growth growth = empty(60, 1);
    for (size_t i = 0; i < growth.n; i++) {
        growth.channel[0].depth[i] = 6000.0 * (double)i + 50 * noise();
        growth.channel[0].bytes[i] = 200 * growth.channel[0].depth[i];
        growth.memory[i] = 10e6 + 208 * growth.channel[0].depth[i] + 20000 * noise();
    }
    struct wi_attribution found;
    assert_true(wi_attribution_take(&growth, &found));
    assert_near(found.window, 59, 0);
    assert_near(found.memory.slope, 6000 * 208, 6000);
    assert_true(found.memory.error > 0 && found.memory.error < 2000);
    assert_near(found.share[0].declared, 200.0 / 208, 0.01);
    assert_near(found.share[0].fit, 1, 0.01);
    assert_near(found.share[0].each, 208, 1);
    assert_true(found.share[0].each_error > 0 && found.share[0].each_error < 0.5);
    assert_near(found.share[0].each_declared, 200, 1e-9);
    assert_true(found.share[0].r2 > 0.999);
}

static void what_is_not_declared_is_regression_alone(void **state)
{
    (void)state;
    struct wi_growth growth = empty(30, 1);
    for (size_t i = 0; i < growth.n; i++) {
        growth.channel[0].depth[i] = 100.0 * (double)i;
        growth.memory[i] = 1e6 + 500 * growth.channel[0].depth[i];
    }
    struct wi_attribution found;
    assert_true(wi_attribution_take(&growth, &found));
    assert_true(isnan(found.share[0].declared));
    assert_near(found.share[0].each, 500, 1e-6);
    assert_near(found.share[0].fit, 1, 1e-9);
}

/* What memory costs a message, and what the messages declare; whether the two agree. */
static struct wi_attribution costs(double each, double declared)
{
    struct wi_growth growth = empty(60, 1);
    struct wi_attribution found;
    for (size_t i = 0; i < growth.n; i++) {
        growth.channel[0].depth[i] = 100.0 * (double)i + 3 * noise();
        growth.channel[0].bytes[i] = declared * growth.channel[0].depth[i];
        growth.memory[i] = 10e6 + each * growth.channel[0].depth[i] + 4096 * noise();
    }
    assert_true(wi_attribution_take(&growth, &found));
    assert_near(found.share[0].each, each, each / 10);
    return found;
}

static void slope_far_from_the_declared_size_explains_nothing(void **state)
{
    (void)state;
    struct wi_attribution much = costs(20000, 200);
    assert_true(much.share[0].disagrees);
    assert_true(isnan(much.share[0].fit) && isnan(much.fit));
    assert_near(much.share[0].declared, 0.01, 0.002);
    assert_true(much.share[0].r2 > 0.99);
    struct wi_attribution little = costs(2000, 20000);
    assert_true(little.share[0].disagrees && isnan(little.fit));
}

static void what_an_allocator_adds_is_no_disagreement(void **state)
{
    (void)state;
    const double pairs[][2] = {{208, 200}, {64, 8}, {4112, 4096}, {390, 200}, {120, 200}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct wi_growth growth = empty(20, 1);
        struct wi_attribution found;
        for (size_t k = 0; k < growth.n; k++) {
            growth.channel[0].depth[k] = (double)k;
            growth.channel[0].bytes[k] = pairs[i][1] * (double)k;
            growth.memory[k] = pairs[i][0] * (double)k;
        }
        assert_true(wi_attribution_take(&growth, &found));
        assert_false(found.share[0].disagrees);
        assert_near(found.fit, 1, 1e-9);
    }
}

static void plain_leak_beside_a_busy_channel_is_not_its(void **state)
{
    (void)state;
    struct wi_growth growth = empty(60, 1);
    for (size_t i = 0; i < growth.n; i++) {
        growth.channel[0].depth[i] = (double)(i % 7) * 1000;
        growth.channel[0].bytes[i] = 200 * growth.channel[0].depth[i];
        growth.memory[i] = 5e6 + 1.2e6 * (double)i + 1000 * noise();
    }
    struct wi_attribution found;
    assert_true(wi_attribution_take(&growth, &found));
    assert_near(found.share[0].declared, 0, 0.02);
    assert_near(found.share[0].fit, 0, 0.05);
    assert_true(found.share[0].r2 < 0.1);
}

static void two_leaks_that_vary_are_told_apart(void **state)
{
    (void)state;
    struct wi_growth growth = empty(60, 2);
    double depth[2] = {0, 0};
    for (size_t i = 0; i < growth.n; i++) {
        depth[0] += 6000 * (i / 10 % 2 ? 0.4 : 1.6);
        depth[1] += 2000 * (i / 15 % 2 ? 1.8 : 0.2);
        for (size_t c = 0; c < 2; c++) {
            growth.channel[c].depth[i] = depth[c];
        }
        growth.memory[i] = 208 * depth[0] + 1000 * depth[1] + 20000 * noise();
    }
    struct wi_attribution found;
    assert_true(wi_attribution_take(&growth, &found));
    assert_true(found.is_joint);
    assert_near(found.share[0].each, 208, 3 * found.share[0].each_error);
    assert_near(found.share[1].each, 1000, 3 * found.share[1].each_error);
    assert_true(found.share[0].each_error < 2);
    assert_true(found.r2 > 0.999);
    assert_near(found.fit, 1, 0.02);
}

static void two_leaks_in_step_cannot_be_told_apart_but_by_declaration(void **state)
{
    (void)state;
    struct wi_growth growth = empty(60, 2);
    for (size_t i = 0; i < growth.n; i++) {
        growth.channel[0].depth[i] = 6000.0 * (double)i + 20 * noise();
        growth.channel[1].depth[i] = 2000.0 * (double)i + 20 * noise();
        growth.channel[0].bytes[i] = 200 * growth.channel[0].depth[i];
        growth.channel[1].bytes[i] = 600 * growth.channel[1].depth[i];
        growth.memory[i] =
            208 * growth.channel[0].depth[i] + 608 * growth.channel[1].depth[i] + 80000 * noise();
    }
    struct wi_attribution found;
    assert_true(wi_attribution_take(&growth, &found));
    assert_false(found.is_joint);
    assert_true(isnan(found.fit));
    assert_near(found.share[0].declared, 1.2 / 2.464, 0.01);
    assert_near(found.share[1].declared, 1.2 / 2.464, 0.01);
    assert_near(found.declared, 2.4 / 2.464, 0.01);
}

static void shrinking_memory_has_no_shares(void **state)
{
    (void)state;
    struct wi_growth growth = empty(20, 1);
    for (size_t i = 0; i < growth.n; i++) {
        growth.channel[0].depth[i] = (double)i;
        growth.channel[0].bytes[i] = (double)i;
        growth.memory[i] = 1e6 - (double)i;
    }
    struct wi_attribution found;
    assert_true(wi_attribution_take(&growth, &found));
    assert_true(isnan(found.share[0].declared) && isnan(found.share[0].fit));
    growth.n = WI_ATTRIBUTION_LEAST - 1;
    assert_false(wi_attribution_take(&growth, &found));
}

static void nothing_that_moves_is_no_division_by_zero(void **state)
{
    (void)state;
    struct wi_growth growth = empty(20, 2);
    struct wi_attribution found;
    assert_true(wi_attribution_take(&growth, &found));
    assert_near(found.memory.slope, 0, 0);
    assert_false(found.is_joint);
    memset(growth.seconds, 0, sizeof(growth.seconds));
    assert_false(wi_attribution_take(&growth, &found));
}

/* memory = f(t) for t in 0 .. span. */
static bool levels_off(double (*curve)(double t, double shape), double shape, double span,
                       double shake)
{
    double seconds[60], memory[60];
    seed = 3;
    for (size_t i = 0; i < 60; i++) {
        seconds[i] = span * (double)i / 59;
        memory[i] = curve(seconds[i], shape) + shake * noise();
    }
    return wi_attribution_levels_off(seconds, memory, 60, 3600);
}

static double cache(double t, double shape)
{
    return 100e6 * (1 - exp(-t / shape));
}

static double leak(double t, double shape)
{
    return shape * t;
}

static double accelerates(double t, double shape)
{
    return shape * t * t;
}

static void cache_levels_off_and_a_leak_does_not(void **state)
{
    (void)state;
    for (double warm = 20; warm <= 900; warm *= 1.5) {
        assert_true(levels_off(cache, warm, 60, 4096));
    }
    for (double rate = 2e4; rate < 1e8; rate *= 3) {
        assert_false(levels_off(leak, rate, 60, 4096));
        assert_false(levels_off(leak, rate, 60, rate / 2));
        assert_false(levels_off(leak, rate, 3600, 4096));
    }
    assert_false(levels_off(accelerates, 1e4, 60, 4096));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_has_slope_error_and_fit),
        cmocka_unit_test(one_leak_is_explained_both_ways),
        cmocka_unit_test(what_is_not_declared_is_regression_alone),
        cmocka_unit_test(slope_far_from_the_declared_size_explains_nothing),
        cmocka_unit_test(what_an_allocator_adds_is_no_disagreement),
        cmocka_unit_test(plain_leak_beside_a_busy_channel_is_not_its),
        cmocka_unit_test(two_leaks_that_vary_are_told_apart),
        cmocka_unit_test(two_leaks_in_step_cannot_be_told_apart_but_by_declaration),
        cmocka_unit_test(shrinking_memory_has_no_shares),
        cmocka_unit_test(nothing_that_moves_is_no_division_by_zero),
        cmocka_unit_test(cache_levels_off_and_a_leak_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
