/* SPDX-License-Identifier: MIT */
/*
 * The lengths of all loops' iterations as weir measures them: for each loop its histogram, bucket by
 * bucket, so that a script can take the difference of two moments and any quantile of it.
 *
 *   loop_times SEGMENT     {"bounds":[...],"loops":{"game":[...]}}, bounds in nanoseconds
 */
#include "snapshot/process_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_buckets(const struct weir_histogram *histogram)
{
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        printf("%s%" PRIu64, b ? "," : "[", histogram ? histogram->bucket[b] : 0);
    }
    printf("]");
}

int main(int argc, char **argv)
{
    struct weir_error error;
    struct wi_process_view *view;
    if (argc != 2 || wi_process_view_open_file(argv[1], &view, &error) != WEIR_OK ||
        wi_process_view_refresh(view, 1, &error) != WEIR_OK) {
        fprintf(stderr, "loop_times: %s\n", argc == 2 ? error.text : "give a segment");
        return 2;
    }
    printf("{\"bounds\":[");
    for (unsigned b = 0; b + 1 < WEIR_HISTOGRAM_BUCKETS; b++) {
        printf("%s%" PRIu64, b ? "," : "", wi_histogram_bound(b));
    }
    printf("],\"loops\":{");
    for (size_t i = 0; i < wi_process_view_count(view, WI_LOOP); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_LOOP, i);
        printf("%s\"%s\":", i ? "," : "", row->name); /* names have no quotes in the example */
        print_buckets(wi_process_view_histogram(view, WI_LOOP, row, WI_LOOP_ITERATION));
    }
    printf("}}\n");
    wi_process_view_close(view);
    return 0;
}
