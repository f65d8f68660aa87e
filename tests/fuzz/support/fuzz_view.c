/* SPDX-License-Identifier: MIT */
/* Rows with short and long names, with numbers at the ends of their ranges, and without numbers. */
#include "fuzz_view.h"

#include <math.h>
#include <string.h>

static void extremes(struct wi_process_view *view, enum wi_kind kind)
{
    static const double floats[] = {0, -0.0, 1e300, -1, 1e-9};
    struct wi_row *row = fake_view_add(view, kind, "extreme \"\\\xc3\xbc/x");
    const struct wi_metric_table *table = wi_metric_table(kind);
    for (size_t i = 0; i < table->n_metrics; i++) {
        if (table->metrics[i].type == WI_TYPE_TEXT) {
            fake_view_set_text(view, row, (int)i, "text with \"quotes\"");
        } else if (table->metrics[i].type == WI_TYPE_HISTOGRAM) {
            fake_view_set_u64(row, (int)i, UINT64_MAX);
        } else if (i % 3 == 0) {
            fake_view_set_u64(row, (int)i, UINT64_MAX - i);
        } else if (i % 3 == 1) {
            fake_view_set_f64(row, (int)i, floats[i % 5]);
        } else {
            fake_view_set_i64(row, (int)i, INT64_MIN + (int64_t)i);
        }
    }
}

struct wi_process_view *fuzz_view_create(void)
{
    char name[WEIR_NAME_MAX + 1];
    struct wi_process_view *view = fake_view_create("game");
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    fake_view_add_channel(view, "moves", 100, 40, UINT64_MAX);
    fake_view_add_channel(view, "a/b/c", 7, 7, 16);
    fake_view_add_channel(view, name, UINT64_MAX, 0, UINT64_MAX);
    fake_view_add_semaphore(view, "slots", 64, 3);
    fake_view_add_task(view, "handler", 3, 2, 1000);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        if (kind != WI_PROCESS && kind != WI_AGENT) {
            extremes(view, (enum wi_kind)kind);
        }
    }
    return view;
}
