/* SPDX-License-Identifier: MIT */
/*
 * Which rows of a process view a query asks for: filtered, sorted, cut. A screen of 40 rows costs one walk
 * over the rows and a heap of 40. No I/O; the process view's thread.
 */
#ifndef WI_ENCODE_SELECT_H
#define WI_ENCODE_SELECT_H

#include "weir/memory.h"
#include "weir/rank.h"
#include "snapshot/process_view.h"

/* The most rows that one query gets. */
#define WI_ROWS_MAX 10000

/* One table of a Watch. */
struct wi_query {
    enum wi_kind kind;
    uint8_t columns[WI_MAX_METRICS]; /* metric indices, in the order wanted */
    size_t n_columns;
    const char *filter; /* as wi_glob_matches; "": all. Borrowed */
    int sort;           /* metric index; -1: by name */
    bool is_descending;
    bool has_then; /* among rows equal by `sort` those with the greatest `then` come first */
    uint8_t then;  /* metric index */
    bool has_histograms;
    bool is_worst_first; /* first by what warnings say of a row, then `sort` and `then` in steps */
    struct wi_ranks *ranks; /* of the rows shown last, for that order; NULL: none are held up */
    uint64_t follow;        /* not 0: the window moves to the row with this id */
    uint64_t id;            /* not 0: only the row with this id */
    uint8_t where;          /* metric index, for `equals` */
    const char *equals; /* only rows whose text or whole number it is; NULL or "": all. Borrowed */
    uint32_t limit;     /* 1 to WI_ROWS_MAX */
    uint32_t offset;
};

struct wi_selection {
    size_t offset;  /* of the first of them: as asked for, or as `follow` has moved it */
    uint32_t *rows; /* indices for wi_process_view_row, `limit` of them at most, in order */
    size_t n_rows;
    size_t total;    /* rows of the kind */
    size_t matching; /* of them, those that pass the filter */
};

/* Rows without a value for the sort column come last either way; equal ones as they were opened.
 * Keeps no row, so that a process view need not hold all of them at a time.
 * Owns: ret_selection->rows is the caller's, wi_memory_return. Fails: WEIR_E_MEMORY. */
enum weir_status wi_select(const struct wi_process_view *view, const struct wi_query *query,
                           struct wi_memory *memory, struct wi_selection *ret_selection);

#endif
