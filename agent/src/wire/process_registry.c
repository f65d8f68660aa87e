/* SPDX-License-Identifier: MIT */
/*
 * Decides which processes are served, and how fresh their numbers are.
 *
 * A view is read when a message about it is due, and otherwise when it is a second old. It is not
 * read again while it is younger than twenty times the duration of reading it, at least 1 ms and at
 * most 100 ms: so a peer with many requests cannot use up the thread's time by a large segment. In
 * `weir serve` views without a request are read less often if reading all of them would take too
 * much time.
 *
 * In `weir serve` processes come and go. The directories are scanned after an event of inotify, or
 * after a second, and /proc every ten seconds. A process that has ended is closed when no call
 * holds it. In a host there is one view, which stays. A segment that cannot be read is logged once
 * for each new reason, not each second. The exporter's thread.
 */
#include "wire/process_registry.h"

#include "segment/descriptor.h"
#include "segment/file.h"
#include "weir/nanos.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGISTRY_FRESH_LEAST   UINT64_C(1000000) /* a younger process view is not read again */
#define REGISTRY_FRESH_MOST    UINT64_C(100000000)
#define REGISTRY_COSTS         20                   /* readings take a twentieth of the time */
#define REGISTRY_REFRESH_NANOS UINT64_C(1000000000) /* an older one is */
#define REGISTRY_SCAN_NANOS    UINT64_C(1000000000) /* between scans if inotify reports nothing */
#define REGISTRY_STIR_NANOS    UINT64_C(50000000)   /* between scans if it reports much */
#define REGISTRY_SEARCH_NANOS  UINT64_C(10000000000)
#define REGISTRY_EVENTS                                                                            \
    (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR | IN_EXCL_UNLINK)

static void registry_log(const struct wi_process_registry *registry, const char *line)
{
    if (registry->log) {
        registry->log(registry->log_context, line);
    }
}

/* ---- reading ----------------------------------------------------------------------------- */

/* A small segment is read for each request; a large one must not use up the thread's time. */
static uint64_t registry_fresh(const struct wi_served *served)
{
    uint64_t fresh = served->cost_nanos * REGISTRY_COSTS;
    fresh = fresh < REGISTRY_FRESH_MOST ? fresh : REGISTRY_FRESH_MOST;
    return fresh > REGISTRY_FRESH_LEAST ? fresh : REGISTRY_FRESH_LEAST;
}

/* The greatest age of a process view without requests: a second, or more if there are so many large
 * ones that reading them all would take too much time. */
static uint64_t registry_patience(const struct wi_process_registry *registry)
{
    uint64_t cost = 0;
    for (const struct wi_served *served = registry->views.first; served; served = served->next) {
        cost += served->cost_nanos;
    }
    bool is_much = registry->is_finding && cost * REGISTRY_COSTS > REGISTRY_REFRESH_NANOS;
    return is_much ? cost * REGISTRY_COSTS : REGISTRY_REFRESH_NANOS;
}

static void registry_refresh(struct wi_process_registry *registry, struct wi_served *served,
                             uint64_t now)
{
    struct weir_error error = {""};
    uint64_t begun = wi_nanos(CLOCK_MONOTONIC);
    enum weir_status before = served->status;
    enum weir_status status = wi_process_views_refresh(&registry->views, served, now, &error);
    served->cost_nanos = wi_nanos(CLOCK_MONOTONIC) - begun;
    if (status != WEIR_OK && status != before) {
        char line[sizeof(error.text) + 64];
        snprintf(line, sizeof(line), "weir: the segment cannot be read: %s", error.text);
        registry_log(registry, line);
    }
}

bool wi_process_registry_read(struct wi_process_registry *registry, bool all, uint64_t now_nanos)
{
    bool has_read = false;
    uint64_t patience = registry_patience(registry);
    for (struct wi_served *served = registry->views.first; served; served = served->next) {
        uint64_t age = served->has_refreshed ? now_nanos - served->refreshed_nanos : UINT64_MAX;
        bool is_asked_for = (all || served->is_wanted) && age >= registry_fresh(served);
        served->is_wanted = false;
        if (!served->has_ended && (is_asked_for || age >= patience)) {
            registry_refresh(registry, served, now_nanos);
            has_read = true;
        }
    }
    return has_read;
}

uint64_t wi_process_registry_due(const struct wi_process_registry *registry)
{
    uint64_t due = UINT64_MAX;
    uint64_t patience = registry_patience(registry);
    for (const struct wi_served *served = registry->views.first; served; served = served->next) {
        if (!served->has_ended && served->refreshed_nanos + patience < due) {
            due = served->refreshed_nanos + patience;
        }
    }
    if (registry->is_finding) {
        uint64_t scan = registry->scanned_nanos +
                        (registry->is_stirred ? REGISTRY_STIR_NANOS : REGISTRY_SCAN_NANOS);
        due = scan < due ? scan : due;
    }
    return due;
}

/* ---- finding ----------------------------------------------------------------------------- */

bool wi_process_registry_fits(const struct wi_found *found, const char *target)
{
    return wi_find_lives(found) &&
           (wi_find_fits(found, target) || (target && strcmp(target, found->path) == 0));
}

static bool registry_wants(const struct wi_process_registry *registry, const struct wi_found *found)
{
    for (size_t i = 0; i < registry->n_targets; i++) {
        if (wi_process_registry_fits(found, registry->targets[i])) {
            return true;
        }
    }
    return registry->n_targets == 0 && wi_process_registry_fits(found, NULL);
}

static bool registry_has(const struct wi_process_registry *registry, const struct wi_found *found)
{
    for (const struct wi_served *served = registry->views.first; served; served = served->next) {
        if (!served->has_ended && wi_process_view_is(served->view, found->device, found->inode)) {
            return true;
        }
    }
    return false;
}

/* The only place where a process that is found becomes a process view. */
static void registry_open(struct wi_process_registry *registry, const struct wi_found *found)
{
    struct wi_process_view *view;
    struct weir_error error = {""};
    enum weir_status status = wi_process_view_open_file(found->path, &view, &error);
    if (status == WEIR_OK) {
        status = wi_process_views_add(&registry->views, view);
        if (status == WEIR_OK) {
            wi_process_view_record(view); /* where the host itself does not */
        }
        wi_error_set(&error, "%s (pid %u): %s", found->name, (unsigned)found->pid,
                     weir_status_name(status));
    }
    registry->views.n_left_out += status != WEIR_OK && status != WEIR_E_NOT_FOUND;
    if (status != WEIR_OK && status != WEIR_E_NOT_FOUND && status != registry->scan_status) {
        char line[sizeof(error.text) + 64];
        snprintf(line, sizeof(line), "weir: a process is not served: %s", error.text);
        registry_log(registry, line);
    }
    registry->scan_status = status;
}

static void registry_consider(struct wi_process_registry *registry, const struct wi_found *found)
{
    if (registry_wants(registry, found) && !registry_has(registry, found)) {
        registry_open(registry, found);
    }
}

static void registry_watch_dir(void *context, const char *dir)
{
    struct wi_process_registry *registry = context;
    if (registry->inotify.fd >= 0) {
        /* Each directory is watched once. If it is missing, the scan after a second finds it. */
        (void)inotify_add_watch(registry->inotify.fd, dir, REGISTRY_EVENTS);
    }
}

/* Scans the directories, and every now and then also for segments elsewhere. */
static void registry_scan(struct wi_process_registry *registry, uint64_t now)
{
    struct wi_found *found = NULL;
    size_t n = 0;
    bool is_search =
        !registry->has_scanned || now - registry->searched_nanos >= REGISTRY_SEARCH_NANOS;
    /* The watch comes first: a change between the two is seen twice rather than never. */
    wi_find_each_dir(registry_watch_dir, registry);
    registry->views.n_left_out = 0;
    if ((is_search ? wi_find_all(&found, &n) : wi_find_in_dirs(&found, &n)) == WEIR_OK) {
        for (size_t i = n; i > 0; i--) {
            /* The pid of a process in another pid namespace is known only after a search through
             * /proc. */
            if (is_search || found[i - 1].owner.pid || registry->n_targets == 0) {
                registry_consider(registry, &found[i - 1]);
            }
        }
    }
    free(found);
    for (size_t i = 0; i < registry->n_targets; i++) {
        struct wi_found one;
        if (strchr(registry->targets[i], '/') &&
            wi_find_one(registry->targets[i], &one) == WEIR_OK) {
            registry_consider(registry, &one);
        }
    }
    registry->searched_nanos = is_search ? now : registry->searched_nanos;
    registry->scanned_nanos = now;
    registry->has_scanned = true;
    registry->is_stirred = false;
}

/* A process that has called weir_stop lives on without a segment of that name. A process whose
 * files were removed is served on, by the descriptor. */
static void registry_look_after(struct wi_process_registry *registry, uint64_t now)
{
    struct stat facts;
    for (struct wi_served *served = registry->views.first; served; served = served->next) {
        if (!served->has_ended && lstat(wi_process_view_facts(served->view)->path, &facts) != 0 &&
            (errno == ENOENT || errno == ESRCH || errno == ENOTDIR) &&
            !wi_process_view_is_nameless(served->view)) {
            registry_refresh(registry, served, now);
            served->has_ended = true;
        }
    }
}

void wi_process_registry_tick(struct wi_process_registry *registry, uint64_t now_nanos)
{
    if (!registry->is_finding) {
        return;
    }
    uint64_t age = registry->has_scanned ? now_nanos - registry->scanned_nanos : UINT64_MAX;
    if (age >= (registry->is_stirred ? REGISTRY_STIR_NANOS : REGISTRY_SCAN_NANOS)) {
        registry_look_after(registry, now_nanos);
        wi_process_views_prune(&registry->views);
        registry_scan(registry, now_nanos);
    } else {
        wi_process_views_prune(&registry->views);
    }
}

/* ---- begin and end ----------------------------------------------------------------------- */

static void registry_on_inotify(struct wi_event_source *source, uint32_t events, uint64_t now)
{
    char batch[4096];
    (void)events;
    (void)now;
    struct wi_process_registry *registry =
        (void *)((char *)source - offsetof(struct wi_process_registry, inotify));
    /* The events themselves do not matter: an overflow also means that something has changed. */
    while (read(source->fd, batch, sizeof(batch)) > 0) {
    }
    registry->is_stirred = true;
}

void wi_process_registry_init(struct wi_process_registry *registry, struct wi_reactor *reactor,
                              bool is_finding, const char *const *targets, size_t n_targets)
{
    memset(registry, 0, sizeof(*registry));
    wi_process_views_init(&registry->views, is_finding);
    registry->reactor = reactor;
    registry->is_finding = is_finding;
    registry->targets = targets;
    registry->n_targets = n_targets;
    registry->inotify.fd = is_finding ? wi_descriptor_inotify() : -1;
    registry->inotify.on_ready = registry_on_inotify;
    if (registry->inotify.fd >= 0) {
        (void)wi_reactor_add(reactor, &registry->inotify, EPOLLIN);
    }
}

void wi_process_registry_finish(struct wi_process_registry *registry)
{
    if (registry->inotify.fd >= 0) {
        wi_reactor_remove(registry->reactor, &registry->inotify);
    }
    wi_process_views_finish(&registry->views);
}
