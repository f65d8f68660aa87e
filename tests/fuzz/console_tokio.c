/* SPDX-License-Identifier: MIT */
/*
 * A hostile server that speaks tokio-console's protocol: its Updates, States and task details, in any
 * order, over some seconds; after each all rows, texts and histograms. fuzz: max_len=4096
 */
#include "encode/select.h"
#include "fuzz.h"
#include "tokio/provider.h"
#include "tokio_message.h"

#include <math.h>
#include <string.h>

#define MESSAGES 16 /* of one input */

static struct {
    struct wc_feed_message message;
    bool has_message;
    size_t n_wanted;
} feed;

static bool feed_take(void *context, struct wc_feed_message *ret_message)
{
    (void)context;
    *ret_message = feed.message;
    bool has_message = feed.has_message;
    feed.has_message = false;
    return has_message;
}

static void feed_want(void *context, const uint64_t *task_ids, size_t n)
{
    (void)context;
    FUZZ_CHECK(n <= WC_STORE_DETAILS);
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(task_ids[i] != 0);
    }
    feed.n_wanted = n;
}

static double feed_quiet(void *context)
{
    (void)context;
    return 0;
}

static void feed_close(void *context)
{
    (void)context;
}

/* What comes to a terminal or into JSON: no control character, no broken UTF-8 at its begin. */
static void check_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        FUZZ_CHECK(*c >= ' ' && *c != 0x7F);
    }
}

static void check_row(struct wi_process_view *view, enum wi_kind kind, const struct wi_row *row)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    check_text(row->name);
    FUZZ_CHECK(strlen(row->name) <= WEIR_NAME_MAX || kind == WI_WARNING);
    for (size_t i = 0; i < WI_MAX_METRICS; i++) {
        const struct wi_value *value = &row->value[i];
        FUZZ_CHECK(
            value->type == WI_ABSENT ||
            (i < table->n_metrics && wi_catalog_has(wi_process_view_catalog(view), kind, i)));
        if (value->type == WI_TEXT) {
            check_text(value->u.text);
        } else if (value->type == WI_F64) {
            FUZZ_CHECK(isfinite(value->u.f64) && value->u.f64 >= 0);
        }
        if (i < table->n_metrics && table->metrics[i].type == WI_TYPE_HISTOGRAM) {
            const struct weir_histogram *histogram =
                wi_process_view_histogram(view, kind, row, (int)i);
            FUZZ_CHECK(!histogram || histogram->max == 0 ||
                       wi_histogram_quantile(histogram, 1) <= histogram->max);
        }
    }
}

static void check_view(struct wi_process_view *view)
{
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        size_t n = wi_process_view_count(view, (enum wi_kind)kind);
        FUZZ_CHECK(n == 0 || wi_process_view_catalog(view)->fields[kind]);
        for (size_t i = 0; i < n; i++) {
            check_row(view, (enum wi_kind)kind, wi_process_view_row(view, (enum wi_kind)kind, i));
        }
    }
}

static void play(struct wi_process_view *view, struct fuzz_input *input)
{
    uint64_t now = UINT64_C(1000000000000);
    for (int i = 0; i < MESSAGES && input->left > 0; i++) {
        uint8_t kind = fuzz_u8(input);
        size_t n;
        const uint8_t *bytes = fuzz_bytes(input, fuzz_u16(input), &n);
        uint8_t *copy = fuzz_copy(bytes, n);
        feed.message = (struct wc_feed_message){kind % 3 == 0   ? WC_FEED_UPDATE
                                                : kind % 3 == 1 ? WC_FEED_DETAILS
                                                                : WC_FEED_STATE,
                                                copy, n};
        feed.has_message = true;
        now += (kind / 3 + 1) * UINT64_C(100000000);
        FUZZ_CHECK(wi_process_view_refresh(view, now, NULL) == WEIR_OK);
        free(copy);
        check_view(view);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_input input = {bytes, n};
    struct wc_feed source = {NULL, feed_take, feed_want, feed_quiet, feed_close};
    struct wi_process_view *view;
    struct wc_lints lints;
    wc_lints_init(&lints);
    FUZZ_CHECK(wc_tokio_view_open(&source, &lints, NOW, &view, NULL) == WEIR_OK);
    play(view, &input);
    wi_process_view_close(view);
    return 0;
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static void seed_add(struct fuzz_output *output, uint8_t kind, struct message *message)
{
    fuzz_put_u8(output, kind);
    fuzz_put_u16(output, (uint16_t)message->n);
    fuzz_put(output, message->bytes, message->n);
    free(message->bytes);
    *message = (struct message){0};
}

static void seed_details(struct message *to)
{
    static const uint8_t raw[] = {0x1c, 0x84, 0x93, 0x13, 0, 0, 0,    4,    0,    0,    0,
                                  0,    0,    0,    0,    2, 0, 0,    0,    0,    0,    0,
                                  0,    1,    0,    0,    0, 0, 0x3b, 0x9a, 0xca, 0,    0x3f,
                                  0xf0, 0,    0,    0,    0, 0, 0,    0x09, 0x02, 0xe5, 0x02};
    struct message histogram = {0};
    put_bytes(&histogram, 1, raw, sizeof(raw));
    put_number(&histogram, 2, 1000000000);
    put_number(&histogram, 3, 1);
    put_number(&histogram, 4, 3000000000);
    put_id(to, 1, 1);
    struct message again = {0};
    put(&again, histogram.bytes, histogram.n);
    put_message(to, 4, &histogram);
    put_message(to, 5, &again);
}

void fuzz_seeds(void)
{
    struct fuzz_output output = {.n = 0};
    struct update update = {.now = NOW};
    struct message whole, details = {0}, state = {0};
    struct task task = {.created = NOW - 10 * SECOND,
                        .started = NOW - 2 * SECOND,
                        .ended = NOW - SECOND,
                        .busy = SECOND,
                        .scheduled = SECOND,
                        .last_wake = NOW - SECOND,
                        .polls = 7,
                        .wakes = 3};
    add_task(&update, 1, "worker");
    add_task(&update, 2, NULL);
    add_task_stats(&update, 1, &task);
    task.dropped = NOW - SECOND;
    add_task_stats(&update, 2, &task);
    add_resource(&update, 1, 0, "Semaphore", 3);
    add_resource(&update, 2, 1, "Semaphore", 3);
    add_operation(&update, 1, 0, 1, 1);
    add_operation(&update, 2, 1, 2, 1);
    whole = pack(&update);
    seed_add(&output, 0, &whole);
    seed_details(&details);
    seed_add(&output, 1, &details);
    put_number(&state, 1, 1);
    seed_add(&output, 2, &state);
    update.now = NOW + 20 * SECOND;
    task.polls = 9;
    task.dropped = 0;
    add_task_stats(&update, 1, &task);
    whole = pack(&update);
    seed_add(&output, 60, &whole);
    fuzz_seed("usual", output.bytes, output.n);
}
