/* SPDX-License-Identifier: MIT */
/* Rows with short and long names, with numbers at the ends of their ranges, and without numbers. */
#include "fuzz_world.h"

#include <math.h>
#include <string.h>

static void extremes(struct wi_world *world, enum wi_kind kind)
{
    static const double floats[] = {0, -0.0, 1e300, -1, 1e-9};
    struct wi_row *row = fake_world_add(world, kind, "extreme \"\\\xc3\xbc/x");
    const struct wi_metric_table *table = wi_metric_table(kind);
    for (size_t i = 0; i < table->n_metrics; i++) {
        if (table->metrics[i].type == WI_TYPE_TEXT) {
            fake_world_set_text(world, row, (int)i, "text with \"quotes\"");
        } else if (table->metrics[i].type == WI_TYPE_HISTOGRAM) {
            fake_world_set_u64(row, (int)i, UINT64_MAX);
        } else if (i % 3 == 0) {
            fake_world_set_u64(row, (int)i, UINT64_MAX - i);
        } else if (i % 3 == 1) {
            fake_world_set_f64(row, (int)i, floats[i % 5]);
        } else {
            fake_world_set_i64(row, (int)i, INT64_MIN + (int64_t)i);
        }
    }
}

struct wi_world *fuzz_world_create(void)
{
    char name[WEIR_NAME_MAX + 1];
    struct wi_world *world = fake_world_create("game");
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    fake_world_add_channel(world, "moves", 100, 40, UINT64_MAX);
    fake_world_add_channel(world, "a/b/c", 7, 7, 16);
    fake_world_add_channel(world, name, UINT64_MAX, 0, UINT64_MAX);
    fake_world_add_semaphore(world, "slots", 64, 3);
    fake_world_add_task(world, "handler", 3, 2, 1000);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        if (kind != WI_PROCESS && kind != WI_AGENT) {
            extremes(world, (enum wi_kind)kind);
        }
    }
    return world;
}
