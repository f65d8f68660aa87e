/* SPDX-License-Identifier: MIT */
/*
 * Start and stop. The mapping is made once and never removed, since a hook may be running in any
 * thread; a child of fork maps its own file at the same addresses (fork.c), so that every handle
 * stays valid.
 *
 *     NONE, EARLY --start--> ON --stop--> STOPPED --start--> ON
 *                     ON --fork, in the child--> FORKED --start--> ON
 *                     ON --another process overwrites the file--> LOST (for good)
 *
 * Stopping gives the file a hidden name, starting again gives the name back; counts continue in
 * between. The state is set last, by a release store, so a hook that sees ON sees a whole segment.
 * Exit removes the files, except in a forked child, whose parent still has them. The segment's lock
 * is held while the state changes.
 */
#include "hook/clock.h"
#include "hook/create.h"
#include "hook/fork.h"
#include "hook/options.h"
#include "hook/thread.h"
#include "segment/early.h"
#include "segment/family.h"
#include "segment/file.h"
#include "segment/segment.h"
#include "weir/atomic.h"
#include "weir/expect.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- stop, and start again ---------------------------------------------------------------- */

static bool start_is_hidden; /* the file was to have its hidden name */

static void start_hidden_name(char *ret_name, size_t room)
{
    snprintf(ret_name, room, ".%.56s.stopped", wi_segment.file);
}

/* While stopped the file keeps a hidden name, because a file without a name cannot be given one
 * again. Returns false when the file is not there. */
static bool start_hide(bool is_hidden)
{
    char hidden[96];
    char from[512];
    char to[512];
    start_hidden_name(hidden, sizeof(hidden));
    snprintf(from, sizeof(from), "%s/%s", wi_segment.dir, is_hidden ? wi_segment.file : hidden);
    snprintf(to, sizeof(to), "%s/%s", wi_segment.dir, is_hidden ? hidden : wi_segment.file);
    struct stat facts;
    return lstat(from, &facts) == 0 && facts.st_dev == wi_segment.device &&
           facts.st_ino == wi_segment.inode && rename(from, to) == 0;
}

/* A process that has changed its user or its root cannot remove its files. Readers then see a clean
 * end instead of a crash. Not stored in a file that was truncated, where a store would raise a
 * signal. */
static void start_mark_ended(bool has_ended)
{
    struct stat facts;
    if (wi_file_is(wi_segment.fd, wi_segment.device, wi_segment.inode) &&
        fstat(wi_segment.fd, &facts) == 0 && facts.st_size >= WI_HEADER_BYTES) {
        wi_store_relaxed(&wi_segment_header()->has_ended, has_ended);
    }
}

void weir_stop(void)
{
    pthread_mutex_lock(&wi_segment.lock);
    if (wi_segment_state() == WI_SEGMENT_ON) {
        if (!wi_family_has_others()) {
            start_mark_ended(true);
            start_is_hidden = wi_segment.file[0] != '\0';
            if (start_is_hidden) {
                start_hide(true);
            }
        }
        /* Pairs with wi_segment_state. */
        wi_store_release(&wi_segment.state, WI_SEGMENT_STOPPED);
    }
    pthread_mutex_unlock(&wi_segment.lock);
}

/* A clean exit leaves no file. A forked child that ends must not take its parent's away. In a family the last one that
 * exits removes it. */
__attribute__((destructor)) static void start_exit(void)
{
    bool is_ours = wi_segment_counts() || wi_segment_state() == WI_SEGMENT_LOST;
    if (is_ours && wi_segment.pid == getpid() && wi_segment.file[0] && !wi_family_has_others()) {
        char hidden[96];
        start_mark_ended(true);
        start_hidden_name(hidden, sizeof(hidden));
        wi_file_unlink(wi_segment.dir, wi_segment.file, wi_segment.device, wi_segment.inode);
        wi_file_unlink(wi_segment.dir, hidden, wi_segment.device, wi_segment.inode);
        wi_fork_remove_history(wi_segment.dir, wi_segment.file);
    }
}

/* ---- start -------------------------------------------------------------------------------- */

static pthread_once_t start_once = PTHREAD_ONCE_INIT;

static void start_register(void)
{
    wi_segment_watch_forks();
    wi_clock_start();
}

/* Makes a segment in a process that has none yet. A child of fork may have handles from before
 * nevertheless: with their counts if the parent has ended. */
static enum weir_status start_begin(struct wi_settings *settings, struct weir_error *ret_error)
{
    struct wi_header *owner = wi_early_owner();
    settings->has_early_counts = wi_segment_state() != WI_SEGMENT_FORKED ||
                                 (wi_fork_parent_has_gone(owner) && wi_fork_take_over(owner));
    enum weir_status status = wi_create_segment(settings, ret_error);
    if (wi_segment.base && wi_early_refused()) {
        wi_error_set(
            &settings->problem,
            "%u handles beyond the 256 that can be opened before weir_start count nothing; "
            "open them after it",
            wi_early_refused());
    }
    return status;
}

/* A child of fork joins its parent's family, or gets a segment of its own. ret_is_new: it has one. */
static enum weir_status start_in_child(struct wi_settings *settings, bool *ret_is_new,
                                       struct weir_error *ret_error)
{
    bool is_family =
        settings->scope == WEIR_SCOPE_FAMILY && wi_segment.base && wi_segment_is_family();
    *ret_is_new = !is_family || !wi_family_can_join(&settings->problem);
    if (!*ret_is_new) {
        return wi_family_join(settings->start_ticks, ret_error);
    }
    return wi_segment.base ? wi_fork_restart(settings, ret_error)
                           : start_begin(settings, ret_error);
}

/* Children may count in the new segment. Those of its handles that are open already get what their hooks will need. */
static void start_family(struct wi_settings *settings)
{
    if (wi_family_found(settings->start_ticks, &settings->problem)) {
        for (uint32_t id = 0; id < wi_index.n_slots; id++) {
            if (wi_index_slot(id)->state == WI_SLOT_READY) {
                wi_sampler_prepare(id);
            }
        }
    }
}

static enum weir_status start_begin_or_go_on(struct wi_settings *settings,
                                             struct weir_error *ret_error)
{
    bool is_new = false;
    enum weir_status status = WEIR_OK;
    if (wi_segment.base && wi_segment_header()->magic != WI_MAGIC) {
        /* Pairs with wi_segment_state. */
        wi_store_release(&wi_segment.state, WI_SEGMENT_LOST);
    }
    switch (wi_segment_state()) {
    case WI_SEGMENT_ON:
        wi_error_set(ret_error, "weir_start was called already");
        return WEIR_E_STATE;
    case WI_SEGMENT_STOPPED:
        start_mark_ended(false);
        if (start_is_hidden && !start_hide(false)) { /* not while others of a family lived */
            wi_error_set(ret_error,
                         "the segment's file was removed from %.140s: a crash now leaves nothing",
                         wi_segment.dir);
            status = WEIR_DEGRADED;
        }
        break;
    case WI_SEGMENT_LOST:
        wi_error_set(
            ret_error,
            "another process emptied or overwrote the segment's file; restart to count again");
        return WEIR_E_CORRUPT;
    case WI_SEGMENT_FORKED:
        status = start_in_child(settings, &is_new, ret_error);
        break;
    default:
        is_new = true;
        status = start_begin(settings, ret_error);
        break;
    }
    if (status != WEIR_OK && status != WEIR_DEGRADED) {
        return status;
    }
    if (is_new && settings->scope == WEIR_SCOPE_FAMILY) {
        start_family(settings);
    }
    wi_segment.pid = getpid();
    wi_segment.session = getsid(0);
    wi_segment.sampling = settings->sampling;
    wi_segment.max_instances = settings->max_instances;
    /* Pairs with wi_segment_state: the segment is whole. */
    wi_store_release(&wi_segment.state, WI_SEGMENT_ON);
    wi_expect_begin();
    return status;
}

static void start_tell(const struct weir_options *options, const char *text)
{
    char line[sizeof(((struct weir_error *)0)->text) + sizeof("weir: ")];
    if (options->log && text[0]) {
        snprintf(line, sizeof(line), "weir: %s", text);
        options->log(options->log_context, line);
    }
}

enum weir_status weir_start(const struct weir_options *options, struct weir_error *ret_error)
{
    struct weir_options asked = WEIR_OPTIONS_INIT;
    struct weir_error error = {""};
    bool is_known = wi_options_read(&asked, sizeof(asked), options);
    struct wi_settings settings;
    wi_settings_read(&settings, &asked);
    if (!is_known && !settings.problem.text[0]) {
        wi_error_set(&settings.problem, "weir_start's " WI_OPTIONS_TOO_NEW);
    }
    if (settings.is_off) {
        wi_error_set(ret_error, "WEIR_OFF=1 is set: hooks do nothing");
        return WEIR_OFF;
    }
    pthread_once(&start_once, start_register);
    pthread_mutex_lock(&wi_segment.lock);
    enum weir_status status = start_begin_or_go_on(&settings, &error);
    if (status == WEIR_OK || status == WEIR_DEGRADED) {
        wi_segment.log = asked.log;
        wi_segment.log_context = asked.log_context;
    }
    pthread_mutex_unlock(&wi_segment.lock);
    if (status == WEIR_OK && settings.problem.text[0]) {
        status = WEIR_DEGRADED;
    }
    if (status != WEIR_OK) {
        bool has_both = error.text[0] && settings.problem.text[0];
        wi_error_set(ret_error, "%s%s%s", error.text, has_both ? "; " : "", settings.problem.text);
        start_tell(&asked, error.text);
        start_tell(&asked, settings.problem.text);
    }
    return status;
}

bool weir_is_on(void)
{
    return wi_segment_state() == WI_SEGMENT_ON;
}
