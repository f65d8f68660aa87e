/* SPDX-License-Identifier: MIT */
/*
 * One of the two inputs of `weir diff`: all its numbers, from any source. The console's one thread.
 */
#ifndef WC_COMMAND_DIFF_INPUT_H
#define WC_COMMAND_DIFF_INPUT_H

#include "base/error.h"
#include "record/measure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wc_diff_input_source { WC_DIFF_INPUT_PROCESS, WC_DIFF_INPUT_RECORDING, WC_DIFF_INPUT_JSON };

/* A metric that has numbers, as its input describes it. */
struct wc_diff_input_metric {
    int kind;
    uint32_t index;
    bool is_counter; /* also a histogram's count */
    char kind_name[16];
    char field[64], unit[24];
};

struct wc_diff_input {
    enum wc_diff_input_source form;
    const char *source; /* as it was given; borrowed */
    char name[128];     /* of the service */
    uint32_t pid;
    int64_t unix_nanos; /* of its only or its last sample */
    struct wc_diff_input_metric *metrics;
    size_t n_metrics;
    struct wc_measures measures;
};

void wc_diff_input_init(struct wc_diff_input *input);
void wc_diff_input_finish(struct wc_diff_input *input);

/* Reads the input, once: a file that is a recording, a file that is JSON, or else a TARGET. Fails:
 * as wc_target_resolve and wc_link_open; WC_MISMATCH: a file of another format. */
enum wc_status wc_diff_input_read(const char *text, struct wc_diff_input *input,
                                  struct wc_error *ret_error);

/* "process", "recording" or "snapshot". */
const char *wc_diff_input_form(const struct wc_diff_input *input);

/* A metric by kind and index; and the metric of another input with the same kind and FIELD. NULL:
 * none. */
const struct wc_diff_input_metric *wc_diff_input_metric(const struct wc_diff_input *input, int kind,
                                                        uint32_t index);
const struct wc_diff_input_metric *wc_diff_input_metric_like(
    const struct wc_diff_input *input, const struct wc_diff_input_metric *metric);

/* The unit of a number: its metric's, or that of a channel that counts bytes. Borrows the metric's text, or is static. */
const char *wc_diff_input_unit(const struct wc_diff_input_metric *metric,
                               const struct wc_measure *measure);

#endif
