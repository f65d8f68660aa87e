/* SPDX-License-Identifier: MIT */
/* The internals of a process view, for process_view.c and the agent's providers only. One thread. */
#ifndef WI_SNAPSHOT_PROVIDER_H
#define WI_SNAPSHOT_PROVIDER_H

#include "snapshot/process_view.h"
#include "weir/provider.h"

struct wi_process_view {
    const struct wi_provider_ops *ops;
    void *context;
    const struct wi_catalog *catalog;
    struct wi_facts facts;
    struct wi_self self;
    const struct wi_verdict *verdict; /* never NULL */
    struct wi_moment now;             /* of the last refresh */
    uint64_t tick_nanos;              /* of the last tick */
    uint64_t tick_before;             /* of the one before it; 0: there was none */
    bool has_refreshed, has_ticked;   /* ever */
    bool is_tick;                     /* at the last refresh */
    bool is_brief;                    /* the requested row is built without waits */
    uint64_t wanted;                  /* its metrics that will be looked at, by bits */
    struct wi_row rows[WI_N_KINDS], slot_row, retired_row;
};

#endif
