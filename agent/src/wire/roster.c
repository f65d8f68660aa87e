/* SPDX-License-Identifier: MIT */
/* Which processes are served, and how fresh their numbers are. */
#include "wire/roster.h"

#include "segment/descriptor.h"
#include "segment/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROSTER_FRESH_LEAST   UINT64_C(1000000) /* younger than this, a process view is not read */
#define ROSTER_FRESH_MOST    UINT64_C(100000000)
#define ROSTER_COSTS         20                   /* readings take a twentieth of the time */
#define ROSTER_REFRESH_NANOS UINT64_C(1000000000) /* older than this, it is */
#define ROSTER_SCAN_NANOS    UINT64_C(1000000000) /* where inotify says nothing */
#define ROSTER_STIR_NANOS    UINT64_C(50000000)   /* where it says much */
#define ROSTER_SEARCH_NANOS  UINT64_C(10000000000)
#define ROSTER_EVENTS                                                                              \
    (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR | IN_EXCL_UNLINK)

static void roster_log(const struct wi_roster *roster, const char *line)
{
    if (roster->log) {
        roster->log(roster->log_context, line);
    }
}

/* ---- reading ----------------------------------------------------------------------------- */

/* A small segment is read for whoever asks; a large one cannot be made to take the thread's time. */
static uint64_t roster_fresh(const struct wi_served *served)
{
    uint64_t fresh = served->cost_nanos * ROSTER_COSTS;
    fresh = fresh < ROSTER_FRESH_MOST ? fresh : ROSTER_FRESH_MOST;
    return fresh > ROSTER_FRESH_LEAST ? fresh : ROSTER_FRESH_LEAST;
}

/* How old a process view may become that nobody asks for: a second, and more where there are so many large
 * ones that reading them all would take too much. */
static uint64_t roster_patience(const struct wi_roster *roster)
{
    uint64_t cost = 0;
    for (const struct wi_served *served = roster->views.first; served; served = served->next) {
        cost += served->cost_nanos;
    }
    bool is_much = roster->is_finding && cost * ROSTER_COSTS > ROSTER_REFRESH_NANOS;
    return is_much ? cost * ROSTER_COSTS : ROSTER_REFRESH_NANOS;
}

static void roster_refresh(struct wi_roster *roster, struct wi_served *served, uint64_t now)
{
    struct weir_error error = {""};
    uint64_t begun = wi_reactor_now();
    enum weir_status before = served->status;
    enum weir_status status = wi_process_views_refresh(&roster->views, served, now, &error);
    served->cost_nanos = wi_reactor_now() - begun;
    if (status != WEIR_OK && status != before) {
        char line[sizeof(error.text) + 64];
        snprintf(line, sizeof(line), "weir: the segment cannot be read: %s", error.text);
        roster_log(roster, line);
    }
}

bool wi_roster_read(struct wi_roster *roster, bool all, uint64_t now_nanos)
{
    bool has_read = false;
    uint64_t patience = roster_patience(roster);
    for (struct wi_served *served = roster->views.first; served; served = served->next) {
        uint64_t age = served->has_refreshed ? now_nanos - served->refreshed_nanos : UINT64_MAX;
        bool is_asked_for = (all || served->is_wanted) && age >= roster_fresh(served);
        served->is_wanted = false;
        if (!served->has_ended && (is_asked_for || age >= patience)) {
            roster_refresh(roster, served, now_nanos);
            has_read = true;
        }
    }
    return has_read;
}

uint64_t wi_roster_due(const struct wi_roster *roster)
{
    uint64_t due = UINT64_MAX;
    uint64_t patience = roster_patience(roster);
    for (const struct wi_served *served = roster->views.first; served; served = served->next) {
        if (!served->has_ended && served->refreshed_nanos + patience < due) {
            due = served->refreshed_nanos + patience;
        }
    }
    if (roster->is_finding) {
        uint64_t scan =
            roster->scanned_nanos + (roster->is_stirred ? ROSTER_STIR_NANOS : ROSTER_SCAN_NANOS);
        due = scan < due ? scan : due;
    }
    return due;
}

/* ---- finding ----------------------------------------------------------------------------- */

bool wi_roster_fits(const struct wi_found *found, const char *target)
{
    return wi_find_lives(found) &&
           (wi_find_fits(found, target) || (target && strcmp(target, found->path) == 0));
}

static bool roster_wants(const struct wi_roster *roster, const struct wi_found *found)
{
    for (size_t i = 0; i < roster->n_targets; i++) {
        if (wi_roster_fits(found, roster->targets[i])) {
            return true;
        }
    }
    return roster->n_targets == 0 && wi_roster_fits(found, NULL);
}

static bool roster_has(const struct wi_roster *roster, const struct wi_found *found)
{
    for (const struct wi_served *served = roster->views.first; served; served = served->next) {
        if (!served->has_ended && wi_process_view_is(served->view, found->device, found->inode)) {
            return true;
        }
    }
    return false;
}

/* The one place where a process that is found becomes a process view. */
static void roster_open(struct wi_roster *roster, const struct wi_found *found)
{
    struct wi_process_view *view;
    struct weir_error error = {""};
    enum weir_status status = wi_process_view_open_file(found->path, &view, &error);
    if (status == WEIR_OK) {
        status = wi_process_views_add(&roster->views, view);
        if (status == WEIR_OK) {
            wi_process_view_record(view); /* where the host itself does not */
        }
        wi_error_set(&error, "%s (pid %u): %s", found->name, (unsigned)found->pid,
                     weir_status_name(status));
    }
    roster->views.n_left_out += status != WEIR_OK && status != WEIR_E_NOT_FOUND;
    if (status != WEIR_OK && status != WEIR_E_NOT_FOUND && status != roster->scan_status) {
        char line[sizeof(error.text) + 64];
        snprintf(line, sizeof(line), "weir: a process is not served: %s", error.text);
        roster_log(roster, line);
    }
    roster->scan_status = status;
}

static void roster_consider(struct wi_roster *roster, const struct wi_found *found)
{
    if (roster_wants(roster, found) && !roster_has(roster, found)) {
        roster_open(roster, found);
    }
}

static void roster_watch_dir(void *context, const char *dir)
{
    struct wi_roster *roster = context;
    if (roster->inotify.fd >= 0) {
        /* The same directory is watched once. Where it is missing, the second will tell. */
        (void)inotify_add_watch(roster->inotify.fd, dir, ROSTER_EVENTS);
    }
}

/* Looks at what lies in the directories, every now and then also for segments that lie elsewhere. */
static void roster_scan(struct wi_roster *roster, uint64_t now)
{
    struct wi_found *found = NULL;
    size_t n = 0;
    bool is_search = !roster->has_scanned || now - roster->searched_nanos >= ROSTER_SEARCH_NANOS;
    /* Watched first: what comes between the two is seen twice rather than never. */
    wi_find_each_dir(roster_watch_dir, roster);
    roster->views.n_left_out = 0;
    if ((is_search ? wi_find_all(&found, &n) : wi_find_in_dirs(&found, &n)) == WEIR_OK) {
        for (size_t i = n; i > 0; i--) {
            /* What a pid means of another pid namespace is known when /proc was looked through. */
            if (is_search || found[i - 1].owner.pid || roster->n_targets == 0) {
                roster_consider(roster, &found[i - 1]);
            }
        }
    }
    free(found);
    for (size_t i = 0; i < roster->n_targets; i++) {
        struct wi_found one;
        if (strchr(roster->targets[i], '/') && wi_find_one(roster->targets[i], &one) == WEIR_OK) {
            roster_consider(roster, &one);
        }
    }
    roster->searched_nanos = is_search ? now : roster->searched_nanos;
    roster->scanned_nanos = now;
    roster->has_scanned = true;
    roster->is_stirred = false;
}

/* A process that has called weir_stop lives on without a segment of that name; one whose files somebody
 * has removed is served on, by the descriptor. */
static void roster_look_after(struct wi_roster *roster, uint64_t now)
{
    struct stat facts;
    for (struct wi_served *served = roster->views.first; served; served = served->next) {
        if (!served->has_ended && lstat(wi_process_view_facts(served->view)->path, &facts) != 0 &&
            (errno == ENOENT || errno == ESRCH || errno == ENOTDIR) &&
            !wi_process_view_is_nameless(served->view)) {
            roster_refresh(roster, served, now);
            served->has_ended = true;
        }
    }
}

void wi_roster_tick(struct wi_roster *roster, uint64_t now_nanos)
{
    if (!roster->is_finding) {
        return;
    }
    uint64_t age = roster->has_scanned ? now_nanos - roster->scanned_nanos : UINT64_MAX;
    if (age >= (roster->is_stirred ? ROSTER_STIR_NANOS : ROSTER_SCAN_NANOS)) {
        roster_look_after(roster, now_nanos);
        wi_process_views_prune(&roster->views);
        roster_scan(roster, now_nanos);
    } else {
        wi_process_views_prune(&roster->views);
    }
}

/* ---- begin and end ----------------------------------------------------------------------- */

static void roster_on_inotify(struct wi_source *source, uint32_t events, uint64_t now)
{
    char batch[4096];
    (void)events;
    (void)now;
    struct wi_roster *roster = (void *)((char *)source - offsetof(struct wi_roster, inotify));
    /* What has happened is not asked: also an overflow means that something has. */
    while (read(source->fd, batch, sizeof(batch)) > 0) {
    }
    roster->is_stirred = true;
}

void wi_roster_init(struct wi_roster *roster, struct wi_reactor *reactor, bool is_finding,
                    const char *const *targets, size_t n_targets)
{
    memset(roster, 0, sizeof(*roster));
    wi_process_views_init(&roster->views, is_finding);
    roster->reactor = reactor;
    roster->is_finding = is_finding;
    roster->targets = targets;
    roster->n_targets = n_targets;
    roster->inotify.fd = is_finding ? wi_descriptor_inotify() : -1;
    roster->inotify.on_ready = roster_on_inotify;
    if (roster->inotify.fd >= 0) {
        (void)wi_reactor_add(reactor, &roster->inotify, EPOLLIN);
    }
}

void wi_roster_finish(struct wi_roster *roster)
{
    if (roster->inotify.fd >= 0) {
        wi_reactor_remove(roster->reactor, &roster->inotify);
    }
    wi_process_views_finish(&roster->views);
}
