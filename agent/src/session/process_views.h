/* SPDX-License-Identifier: MIT */
/*
 * The processes that an exporter serves: one in a host, several in `weir serve`, where they come
 * and go. A call holds its process, so that a process that has ended stays until the last message
 * of its streams. Each is a process view with its findings. Reads segments, makes no socket and
 * reads no clock. One thread.
 *
 *     wi_process_views_add -> served -> its process ends: has_ended -> nobody holds it -> wi_process_views_prune
 */
#ifndef WI_SESSION_PROCESS_VIEWS_H
#define WI_SESSION_PROCESS_VIEWS_H

#include "finding/finding.h"
#include "session/rpc.h"
#include "snapshot/process_view.h"

#define WI_PROCESS_VIEWS_MAX 64

/* One process that is served. */
struct wi_served {
    struct wi_served *next;
    struct wi_process_view *view;
    struct wi_finding *finding; /* its findings: updated after each tick of the view */
    size_t n_holders;
    bool has_ended;     /* the process has ended; only if process views come and go */
    bool is_wanted;     /* a message about it is due */
    bool has_refreshed; /* since it was added */
    uint64_t refreshed_nanos;
    uint64_t cost_nanos;     /* of the last refresh, for the wire to set */
    enum weir_status status; /* of the last refresh */
};

struct wi_process_views {
    struct wi_served *first; /* the longest served first */
    size_t n;
    bool is_changing;     /* process views come and go */
    uint64_t n_left_out;  /* processes for which the last search found no room */
    struct wi_self *self; /* the exporter's own numbers: the only process view's, or `own` */
    struct wi_self own;
};

/* An empty set. `is_changing`: processes come and go. Owns: wi_process_views_finish. */
void wi_process_views_init(struct wi_process_views *views, bool is_changing);

/* Closes them all. */
void wi_process_views_finish(struct wi_process_views *views);

/* Owns: the process view, also when this fails. Fails: WEIR_E_MEMORY, WEIR_E_LIMIT. */
enum weir_status wi_process_views_add(struct wi_process_views *views,
                                      struct wi_process_view *taken_view);

/* Reads one, and updates its findings once a second; notes whether its process has ended. Fails: as
 * wi_process_view_refresh. */
enum weir_status wi_process_views_refresh(struct wi_process_views *views, struct wi_served *served,
                                          uint64_t now_nanos, struct weir_error *ret_error);

/* Whether a new request may choose it. */
bool wi_served_is_there(const struct wi_served *served);

/*
 * Finds the process that a request names: by service name, name/N, pid or name:pid; NULL or "": the
 * only one. Owns: ret_served is held: wi_process_views_release. Fails: NOT_FOUND,
 * FAILED_PRECONDITION when several match; the text lists the processes.
 */
bool wi_process_views_choose(struct wi_process_views *views, const char *wanted,
                             struct wi_served **ret_served, struct wi_fault *ret_fault);
void wi_process_views_release(struct wi_served *served);

/* Closes the processes that have ended and that nobody holds. Returns whether there were any. */
bool wi_process_views_prune(struct wi_process_views *views);

#endif
