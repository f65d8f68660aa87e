/* SPDX-License-Identifier: MIT */
/* One of the two that `weir diff` compares: all its numbers, wherever they come from. */
#ifndef WC_COMMAND_SIDE_H
#define WC_COMMAND_SIDE_H

#include "base/error.h"
#include "record/measure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wc_side_source { WC_SIDE_PROCESS, WC_SIDE_RECORDING, WC_SIDE_JSON };

/* A metric that has numbers, as its side describes it. */
struct wc_side_metric {
    int kind;
    uint32_t index;
    bool is_counter; /* also a histogram's count */
    char kind_name[16];
    char field[64], unit[24];
};

struct wc_side {
    enum wc_side_source form;
    const char *source; /* as it was given; borrowed */
    char name[128];     /* of the service */
    uint32_t pid;
    int64_t unix_nanos; /* of its only or its last look */
    struct wc_side_metric *metrics;
    size_t n_metrics;
    struct wc_measures measures;
};

void wc_side_init(struct wc_side *side);
void wc_side_finish(struct wc_side *side);

/* Reads it: a file that is a recording, a file that is JSON, or else a TARGET. Once.
 * Fails: as wc_target_resolve and wc_link_open; WC_MISMATCH: a file that is none of them. */
enum wc_exit wc_side_read(const char *text, struct wc_side *side, struct wc_error *ret_error);

/* "process", "recording" or "snapshot". */
const char *wc_side_form(const struct wc_side *side);

/* By kind and index; and that of another side which has the same kind and FIELD. NULL: none. */
const struct wc_side_metric *wc_side_metric(const struct wc_side *side, int kind, uint32_t index);
const struct wc_side_metric *wc_side_metric_like(const struct wc_side *side,
                                                 const struct wc_side_metric *metric);

#endif
