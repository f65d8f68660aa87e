/* SPDX-License-Identifier: MIT */
/*
 * Attribution of memory: how much of a process's growth each channel explains. Pure: series in,
 * shares out; any thread. The method and what it cannot tell: docs/adr/0022.
 *
 * There are two independent answers: the bytes that the application declares for queued messages,
 * and the regression of memory on depth, which needs no declaration.
 */
#ifndef WI_FINDING_ATTRIBUTION_H
#define WI_FINDING_ATTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>

#define WI_ATTRIBUTION_CHANNELS 4
#define WI_ATTRIBUTION_SAMPLES  64
#define WI_ATTRIBUTION_LEAST    5 /* samples; with fewer there is no result */

/* A straight line through samples. */
struct wi_line {
    double slope;
    double error; /* standard error of the slope */
    double r2;    /* 0 to 1; 0 when y does not vary */
};

/* Least squares of y on x. Returns false with fewer than three samples, or when x does not vary. */
bool wi_line_fit(const double *x, const double *y, size_t n, struct wi_line *ret_line);

/* The input: `n` moments, the same for all series. */
struct wi_growth {
    size_t n;
    double seconds[WI_ATTRIBUTION_SAMPLES]; /* ascending */
    double memory[WI_ATTRIBUTION_SAMPLES];  /* bytes, weir's own taken out */
    size_t n_channels;
    struct {
        double depth[WI_ATTRIBUTION_SAMPLES]; /* messages */
        double bytes[WI_ATTRIBUTION_SAMPLES]; /* declared; all 0: none are */
    } channel[WI_ATTRIBUTION_CHANNELS];
};

/* The result for one channel. NaN: it cannot be computed. */
struct wi_share {
    double depth_rate;    /* messages per second */
    double bytes_rate;    /* declared bytes per second; NaN: none are declared */
    double each_declared; /* bytes a message */
    double declared;      /* bytes_rate as a share of the growth */
    double each;          /* bytes a message, by regression */
    double each_error;    /* its standard error */
    double fit;           /* each * depth_rate as a share of the growth; NaN where it disagrees */
    double r2;            /* of the regression of memory on this channel's depth alone */
    bool disagrees;       /* `each` is far from `each_declared`: something else grows in step, or a
                             message keeps more, or less, than it declares */
};

struct wi_attribution {
    double window;         /* seconds */
    struct wi_line memory; /* bytes per second */
    double r2;             /* of the regression on all channels together */
    bool is_joint;         /* the regression tells the channels apart; else each was fitted alone */
    double declared,
        fit; /* sums of the shares; `fit` only when is_joint or there is one channel, and
                             no regression disagrees with what is declared */
    struct wi_share share[WI_ATTRIBUTION_CHANNELS]; /* in the order in which they were given */
};

/* Returns false with too few samples. Shares are NaN where memory does not grow. */
bool wi_attribution_take(const struct wi_growth *growth, struct wi_attribution *ret_attribution);

/*
 * Whether growth is coming to an end: the curve through the samples bends down beyond doubt, and
 * comes to rest within `horizon` seconds. A cache that warms up does so; a leak does not.
 */
bool wi_attribution_levels_off(const double *seconds, const double *memory, size_t n,
                               double horizon);

#endif
