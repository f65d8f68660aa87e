/* SPDX-License-Identifier: MIT */
/*
 * A snapshot as people read it: one line on the process, then a table for each kind.
 * The console's one thread.
 */
#ifndef WC_COMMAND_SUMMARY_H
#define WC_COMMAND_SUMMARY_H

#include "emit/value.h"
#include "link/link.h"

#include <stdio.h>

/* The pages of one snapshot, in the order in which they came. */
struct wc_pages {
    Weir__V1__Update **updates;
    size_t n;
    size_t n_rows; /* in all pages */
};

void wc_summary_print(const struct wc_link *link, const struct wc_pages *pages, FILE *out);

#endif
