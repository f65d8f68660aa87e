/* SPDX-License-Identifier: MIT */
/*
 * A provider's process view: one whose rows come from elsewhere than a segment. It is a process view as any other to
 * all that read one: encoders, sessions, findings. What it says of itself is its facts and its
 * catalog; it has no history and no process.
 */
#ifndef WI_SNAPSHOT_PROVIDER_H
#define WI_SNAPSHOT_PROVIDER_H

#include "snapshot/catalog.h"
#include "snapshot/process_view.h"

/* All are called by the process view's thread alone; each context is its process view's. */
struct wi_provider_ops {
    const struct wi_catalog *catalog; /* static */
    /* Takes what is new. `is_tick`: a second has gone by, rates move on. Fails: as wi_process_view_refresh. */
    enum weir_status (*refresh)(void *context, uint64_t now_nanos, bool is_tick,
                                struct weir_error *ret_error);
    size_t (*count)(const void *context, enum wi_kind kind);
    /* Fills a row that is all absent, i < count; its texts live until the next refresh. Its warnings come after
     * those that all process views have: wi_warning_row. */
    void (*row)(void *context, enum wi_kind kind, size_t i, struct wi_row *row);
    /* As wi_process_view_histogram. */
    const struct weir_histogram *(*histogram)(void *context, enum wi_kind kind,
                                              const struct wi_row *row, int metric);
    enum wi_state (*state)(const void *context);
    void (*close)(void *context);
};

/* Owns: the context is the process view's, also when this fails: ops->close. `ops` is static.
 * Fails: WEIR_E_MEMORY. */
enum weir_status wi_process_view_open_provider(const struct wi_facts *facts,
                                               const struct wi_provider_ops *ops,
                                               void *taken_context,
                                               struct wi_process_view **ret_view,
                                               struct weir_error *ret_error);

#endif
