/* SPDX-License-Identifier: MIT */
/*
 * Least squares: of memory on time, of memory on depths, and of its curve.
 *
 * The input is the series of memory and of up to four channels at the same moments. Each channel
 * gets three numbers: its declared bytes as a share of the growth, the same by a regression of
 * memory on its depth alone, and, if the channels can be told apart, by a joint regression on all
 * depths. Channels that rise in step cannot be told apart; then each keeps its own result and there
 * is no sum. A slope far from the declared size of a message is marked as one that disagrees, and
 * explains nothing.
 *
 * The joint regression inverts the matrix of correlations, whose diagonal tells which series the
 * others predict. A third fit, of memory on time and its square, says whether growth is coming to
 * an end. All arrays are on the stack; nothing is kept. Any thread.
 */
#include "finding/attribution.h"

#include <math.h>
#include <string.h>

/* Channels whose depths move together cannot be told apart. A share with a larger relative error
 * than this is not shown. */
#define ATTRIBUTION_VAGUE 0.10
/* A series that the other series predict to within this much cannot be told apart from them. */
#define ATTRIBUTION_ALIKE 1e-7
/* Standard errors from which on a bend is taken for real. */
#define ATTRIBUTION_DOUBT 4.0

/* A message costs the bytes that it declares, and what an allocator adds. If it costs more than
 * twice that, something else grows too. */
#define ATTRIBUTION_FAR   2.0
#define ATTRIBUTION_ADDED 64.0 /* bytes */

#define ATTRIBUTION_MAX_TERMS WI_ATTRIBUTION_CHANNELS

static double attribution_mean(const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += y[i];
    }
    return sum / (double)n;
}

/* Sum of (x - mean)(y - mean). */
static double attribution_product(const double *x, const double *y, size_t n)
{
    double mean_x = attribution_mean(x, n);
    double mean_y = attribution_mean(y, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (x[i] - mean_x) * (y[i] - mean_y);
    }
    return sum;
}

bool wi_line_fit(const double *x, const double *y, size_t n, struct wi_line *ret_line)
{
    double square_x = n >= 3 ? attribution_product(x, x, n) : 0;
    if (!(square_x > 0)) {
        return false;
    }
    double square_y = attribution_product(y, y, n);
    double product = attribution_product(x, y, n);
    double rest = fmax(square_y - product * product / square_x, 0);
    ret_line->slope = product / square_x;
    ret_line->error = sqrt(rest / (double)(n - 2) / square_x);
    ret_line->r2 = square_y > 0 ? 1 - rest / square_y : 0;
    return true;
}

/* ---- several at once ----------------------------------------------------------------------- */

/* Normal equations of a regression on several series, scaled so that each series has a variance of
 * 1. */
struct attribution_system {
    size_t n;
    double a[ATTRIBUTION_MAX_TERMS][ATTRIBUTION_MAX_TERMS];
    double inverse[ATTRIBUTION_MAX_TERMS][ATTRIBUTION_MAX_TERMS];
};

/* Gauss-Jordan with pivots on the diagonal: the matrix is one of correlations. Returns false when a
 * series is almost determined by the others. */
static bool attribution_invert(struct attribution_system *system)
{
    double a[ATTRIBUTION_MAX_TERMS][ATTRIBUTION_MAX_TERMS];
    memcpy(a, system->a, sizeof(a));
    memset(system->inverse, 0, sizeof(system->inverse));
    for (size_t i = 0; i < system->n; i++) {
        system->inverse[i][i] = 1;
    }
    for (size_t i = 0; i < system->n; i++) {
        double pivot = a[i][i];
        if (!(pivot > 1e-9)) {
            return false;
        }
        for (size_t k = 0; k < system->n; k++) {
            a[i][k] /= pivot;
            system->inverse[i][k] /= pivot;
        }
        for (size_t row = 0; row < system->n; row++) {
            double factor = a[row][i];
            for (size_t k = 0; row != i && k < system->n; k++) {
                a[row][k] -= factor * a[i][k];
                system->inverse[row][k] -= factor * system->inverse[i][k];
            }
        }
    }
    /* The diagonal of the inverse is 1 / (1 - r2 of a series on the others). */
    for (size_t i = 0; i < system->n; i++) {
        if (!(system->inverse[i][i] < 1 / ATTRIBUTION_ALIKE)) {
            return false;
        }
    }
    return true;
}

/* Slopes of y on several series at once, their standard errors, and the r2 of all together. */
struct attribution_fit {
    double slope[ATTRIBUTION_MAX_TERMS], error[ATTRIBUTION_MAX_TERMS];
    double r2;
};

static bool attribution_joint(const double *const *x, size_t n_terms, const double *y, size_t n,
                              struct attribution_fit *ret_fit)
{
    struct attribution_system system = {.n = n_terms};
    double scale[ATTRIBUTION_MAX_TERMS];
    double with_y[ATTRIBUTION_MAX_TERMS];
    double square_y = attribution_product(y, y, n);
    for (size_t i = 0; i < n_terms; i++) {
        scale[i] = sqrt(attribution_product(x[i], x[i], n));
        if (!(scale[i] > 0)) {
            return false;
        }
    }
    for (size_t i = 0; i < n_terms; i++) {
        with_y[i] = attribution_product(x[i], y, n) / scale[i];
        for (size_t k = 0; k < n_terms; k++) {
            system.a[i][k] = attribution_product(x[i], x[k], n) / scale[i] / scale[k];
        }
    }
    if (n < n_terms + 2 || !(square_y > 0) || !attribution_invert(&system)) {
        return false;
    }
    double explained = 0;
    for (size_t i = 0; i < n_terms; i++) {
        double slope = 0;
        for (size_t k = 0; k < n_terms; k++) {
            slope += system.inverse[i][k] * with_y[k];
        }
        explained += slope * with_y[i];
        ret_fit->slope[i] = slope / scale[i];
    }
    double rest = fmax(square_y - explained, 0);
    for (size_t i = 0; i < n_terms; i++) {
        ret_fit->error[i] =
            sqrt(rest / (double)(n - n_terms - 1) * system.inverse[i][i]) / scale[i];
    }
    ret_fit->r2 = 1 - rest / square_y;
    return true;
}

/* ---- shares -------------------------------------------------------------------------------- */

static double attribution_ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static void attribution_share(const struct wi_growth *growth, size_t channel, double memory,
                              struct wi_share *ret_share)
{
    const double *depth = growth->channel[channel].depth;
    const double *bytes = growth->channel[channel].bytes;
    struct wi_line line;
    *ret_share = (struct wi_share){0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, false};
    if (wi_line_fit(growth->seconds, depth, growth->n, &line)) {
        ret_share->depth_rate = line.slope;
    }
    if (bytes[growth->n - 1] > 0 && wi_line_fit(growth->seconds, bytes, growth->n, &line)) {
        ret_share->bytes_rate = line.slope;
        ret_share->declared = attribution_ratio(line.slope, memory);
        /* The slope counts for the messages that are queued at the end. If two series hardly move,
         * their slope means nothing. */
        ret_share->each_declared = attribution_ratio(bytes[growth->n - 1], depth[growth->n - 1]);
    }
    if (wi_line_fit(depth, growth->memory, growth->n, &line)) {
        ret_share->each = line.slope;
        ret_share->each_error = line.error;
        ret_share->r2 = line.r2;
        ret_share->fit = attribution_ratio(line.slope * ret_share->depth_rate, memory);
    }
}

/* Replaces each channel's own result by that of the joint regression. */
static bool attribution_join(const struct wi_growth *growth, struct wi_attribution *attribution)
{
    const double *depths[ATTRIBUTION_MAX_TERMS];
    struct attribution_fit fit;
    for (size_t i = 0; i < growth->n_channels; i++) {
        depths[i] = growth->channel[i].depth;
    }
    if (!attribution_joint(depths, growth->n_channels, growth->memory, growth->n, &fit)) {
        return false;
    }
    for (size_t i = 0; i < growth->n_channels; i++) {
        double vague = fit.error[i] * fabs(attribution->share[i].depth_rate);
        if (!(vague <= ATTRIBUTION_VAGUE * fabs(attribution->memory.slope))) {
            return false;
        }
    }
    attribution->r2 = fit.r2;
    for (size_t i = 0; i < growth->n_channels; i++) {
        struct wi_share *share = &attribution->share[i];
        share->each = fit.slope[i];
        share->each_error = fit.error[i];
        share->fit = attribution_ratio(fit.slope[i] * share->depth_rate, attribution->memory.slope);
    }
    return true;
}

/* Two series that grow in step fit each other at any slope. A slope far from the declared size
 * explains nothing. */
static void attribution_compare(struct wi_share *share)
{
    double most = ATTRIBUTION_FAR * share->each_declared + ATTRIBUTION_ADDED;
    double least = share->each_declared / ATTRIBUTION_FAR;
    double doubt = ATTRIBUTION_DOUBT * share->each_error;
    share->disagrees = share->each - doubt > most || share->each + doubt < least;
    share->fit = share->disagrees ? NAN : share->fit;
}

bool wi_attribution_take(const struct wi_growth *growth, struct wi_attribution *ret_attribution)
{
    struct wi_attribution attribution = {.is_joint = false};
    if (growth->n < WI_ATTRIBUTION_LEAST ||
        !wi_line_fit(growth->seconds, growth->memory, growth->n, &attribution.memory)) {
        return false;
    }
    attribution.window = growth->seconds[growth->n - 1] - growth->seconds[0];
    for (size_t i = 0; i < growth->n_channels; i++) {
        attribution_share(growth, i, attribution.memory.slope, &attribution.share[i]);
        attribution.r2 = fmax(attribution.r2, attribution.share[i].r2);
    }
    attribution.is_joint = growth->n_channels > 1 && attribution_join(growth, &attribution);
    bool has_fit = growth->n_channels == 1 || attribution.is_joint;
    attribution.fit = has_fit ? 0 : NAN;
    for (size_t i = 0; i < growth->n_channels; i++) {
        struct wi_share *share = &attribution.share[i];
        attribution_compare(share);
        attribution.declared += fmax(share->declared, 0);
        attribution.fit = share->disagrees ? NAN : attribution.fit;
        attribution.fit += has_fit ? fmax(share->fit, 0) : 0;
    }
    *ret_attribution = attribution;
    return true;
}

bool wi_attribution_levels_off(const double *seconds, const double *memory, size_t n,
                               double horizon)
{
    double time[WI_ATTRIBUTION_SAMPLES];
    double square[WI_ATTRIBUTION_SAMPLES];
    const double *const terms[] = {time, square};
    struct attribution_fit fit;
    if (n < WI_ATTRIBUTION_LEAST || n > WI_ATTRIBUTION_SAMPLES) {
        return false;
    }
    double middle = (seconds[0] + seconds[n - 1]) / 2;
    for (size_t i = 0; i < n; i++) {
        time[i] = seconds[i] - middle;
        square[i] = time[i] * time[i];
    }
    if (!attribution_joint(terms, 2, memory, n, &fit)) {
        return false;
    }
    double speed = fit.slope[0] + 2 * fit.slope[1] * time[n - 1]; /* at the end */
    return fit.slope[1] < -ATTRIBUTION_DOUBT * fit.error[1] &&
           (speed <= 0 || speed / (-2 * fit.slope[1]) <= horizon);
}
