/* SPDX-License-Identifier: MIT */
/*
 * Keeps the set of served processes up to date: reads their segments when a message is due or a
 * second has passed, and in `weir serve` finds new processes and drops those that have ended. The
 * exporter's thread only.
 *
 *     inotify on the directories, or a second -> scan -> open -> process views -> read -> ended -> prune
 */
#ifndef WI_WIRE_PROCESS_REGISTRY_H
#define WI_WIRE_PROCESS_REGISTRY_H

#include "session/process_views.h"
#include "weir/exporter.h"
#include "wire/reactor.h"

struct wi_process_registry {
    struct wi_process_views views;
    struct wi_event_source inotify; /* fd -1: none */
    struct wi_reactor *reactor;
    const char *const *targets; /* borrowed; none: all */
    size_t n_targets;
    bool is_finding;
    bool is_stirred; /* there was an event in a directory */
    bool has_scanned;
    uint64_t scanned_nanos;
    uint64_t searched_nanos; /* when /proc was last searched */
    enum weir_status scan_status;
    weir_log_fn log;
    void *log_context;
};

/* For one process view, which stays, or, with is_finding, for all processes that match one of the
 * targets. The strings are borrowed. */
void wi_process_registry_init(struct wi_process_registry *registry, struct wi_reactor *reactor,
                              bool is_finding, const char *const *targets, size_t n_targets);
void wi_process_registry_finish(struct wi_process_registry *registry);

/* Searches for new processes when it is time, and drops those that have ended. */
void wi_process_registry_tick(struct wi_process_registry *registry, uint64_t now_nanos);

/* Reads the wanted views (wi_served.is_wanted, which it resets) that are stale, and each that is
 * older than a second; with `all`, all that are stale. Returns whether anything was read. */
bool wi_process_registry_read(struct wi_process_registry *registry, bool all, uint64_t now_nanos);

/* When it must be called again. */
uint64_t wi_process_registry_due(const struct wi_process_registry *registry);

#endif
