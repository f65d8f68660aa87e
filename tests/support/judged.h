/* SPDX-License-Identifier: MIT */
/*
 * A process view of rows that a test sets, and the findings about it, judged second by second. Header
 * only; one view per test program.
 */
#ifndef JUDGED_H
#define JUDGED_H

#include "fake_view.h"
#include "finding/finding.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

static struct wi_process_view *view;
static struct wi_finding *finding;
static uint64_t now;
static unsigned seed;

static inline int setup(void **state)
{
    (void)state;
    view = fake_view_create("game");
    now = 100000 * SECOND;
    seed = 7;
    if (wi_finding_create(&finding) != WEIR_OK) {
        return 1;
    }
    wi_process_view_show(view, wi_finding_verdict(finding));
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    wi_finding_destroy(finding);
    wi_process_view_close(view);
    return 0;
}

static inline unsigned below(unsigned n)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % n;
}

/* Between -1 and 1. */
static inline double noise(void)
{
    return (double)below(1U << 24) / (double)(1U << 23) - 1;
}

/* Lets a second pass and looks. */
static inline void look(void)
{
    now += SECOND;
    fake_view_set_monotonic_nanos(view, now);
    wi_finding_update(finding, view);
}

/* The first finding of a kind; NULL: there is none. */
static inline const struct wi_row *found(const char *kind)
{
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_WARNING, i);
        if (strcmp(row->value[WI_WARNING_KIND].u.text, kind) == 0) {
            return row;
        }
    }
    return NULL;
}

#endif
