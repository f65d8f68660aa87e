/* SPDX-License-Identifier: MIT */
/*
 * The part of the live segment that hooks and openings share: its lock, its clock, its name, and
 * the effect of a fork. hook/ makes, starts and stops it.
 */
#include "segment/segment.h"

#include "segment/cell.h"
#include "segment/stem.h"
#include "weir/atomic.h"
#include "weir/wall.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wi_segment wi_segment = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

uint64_t wi_segment_now(void)
{
    return (uint64_t)(wi_wall_since_boot() + wi_segment.wall_ahead);
}

void wi_segment_own(struct wi_header *header, uint64_t start_ticks)
{
    struct stat facts;
    header->pid = (uint32_t)getpid();
    header->uid = (uint32_t)geteuid();
    header->is_taken_over = 0;
    header->has_children = 0;
    header->has_ended = 0;
    header->start_ticks = start_ticks;
    header->id = wi_stem_new_id();
    /* Without a start time the pid does not tell whether this process lives. */
    bool is_known = start_ticks && stat("/proc/self/ns/pid", &facts) == 0;
    header->pid_namespace = is_known ? facts.st_ino : 0;
    wi_segment.wall_ahead = wi_wall_ahead();
    header->started_unix_nanos = wi_wall_started(header->start_ticks);
    header->opened_unix_nanos = (int64_t)wi_segment_now();
}

/* ---- the lock ----------------------------------------------------------------------------- */

/* A process that may write to the file can make holes in it or overwrite it. Hooks are not harmed
 * by that, but the content is worthless, and nothing is made in it any more. */
static bool segment_is_whole(void)
{
    if (WEIR_LIKELY(!wi_segment.base || wi_load_relaxed(&wi_segment_header()->magic) == WI_MAGIC)) {
        return true;
    }
    wi_segment_lose();
    wi_segment_unlock();
    return false;
}

void wi_segment_lose(void)
{
    uint32_t state = wi_load_relaxed(&wi_segment.state);
    /* Pairs with wi_segment_state. */
    while ((state == WI_SEGMENT_ON || state == WI_SEGMENT_STOPPED) &&
           !wi_try_replace_release(&wi_segment.state, &state, WI_SEGMENT_LOST)) {
    }
}

bool wi_segment_lock(void)
{
    pthread_mutex_lock(&wi_segment.lock);
    return segment_is_whole();
}

bool wi_segment_trylock(void)
{
    return pthread_mutex_trylock(&wi_segment.lock) == 0 && segment_is_whole();
}

bool wi_segment_is_locked(void)
{
    bool is_free = pthread_mutex_trylock(&wi_segment.lock) == 0;
    if (is_free) {
        pthread_mutex_unlock(&wi_segment.lock);
    }
    return !is_free;
}

void wi_segment_unlock(void)
{
    pthread_mutex_unlock(&wi_segment.lock);
}

/* ---- fork --------------------------------------------------------------------------------- */

#define SEGMENT_WAITS 200 /* looks for a moment at which no thread changes the index */

/* The thread that forks holds the lock meanwhile. */
static WEIR_THREAD bool segment_is_quiet WEIR_TLS_MODEL;

/* A child that joins its parent's family goes on with the index as it is now, so no thread may be changing it. The lock is
 * tried for a while only: this thread may hold it, if a signal handler forks. */
static void segment_before_fork(void)
{
    segment_is_quiet = false;
    for (int i = 0; wi_segment_is_family() && !segment_is_quiet && i < SEGMENT_WAITS; i++) {
        segment_is_quiet = pthread_mutex_trylock(&wi_segment.lock) == 0;
        if (!segment_is_quiet) {
            sched_yield();
        }
    }
}

/* In the parent. */
static void segment_has_forked(void)
{
    if (wi_segment_is_family()) {
        wi_add_relaxed(&wi_segment.forks, 1);
    }
    if (segment_is_quiet) {
        segment_is_quiet = false;
        wi_segment_unlock();
    }
}

/* Stores only: the fork may have happened at any point of any thread. */
static void segment_after_fork(void)
{
    bool is_quiet = segment_is_quiet;
    segment_is_quiet = false;
    if (is_quiet) {
        wi_segment_unlock(); /* the thread that forked has taken it, and this is that thread */
    }
    if (wi_segment_state() == WI_SEGMENT_NONE || wi_segment_state() == WI_SEGMENT_LOST) {
        return;
    }
    /* Pairs with wi_segment_state. */
    wi_store_release(&wi_segment.state, WI_SEGMENT_FORKED);
    wi_thread_forget();
    if (!is_quiet) {
        static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
        memcpy(&wi_segment.lock, &fresh, sizeof(fresh));
        wi_segment.is_torn = true;
    }
}

static void segment_register_fork(void)
{
    pthread_atfork(segment_before_fork, segment_has_forked, segment_after_fork);
}

void wi_segment_watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, segment_register_fork);
}

/* ---- its file ----------------------------------------------------------------------------- */

void wi_segment_log(const char *line)
{
    if (wi_segment.log) {
        wi_segment.log(wi_segment.log_context, line);
    }
}

bool wi_segment_path(const char *suffix, char *ret_path, size_t room)
{
    int stem = (int)strcspn(wi_segment.file, ".");
    return stem > 0 && snprintf(ret_path, room, "%.190s/%.*s%s", wi_segment.dir, stem,
                                wi_segment.file, suffix) < (int)room;
}

bool wi_segment_is_nameless(void)
{
    struct stat facts;
    return wi_segment.file[0] && fstat(wi_segment.fd, &facts) == 0 &&
           facts.st_dev == wi_segment.device && facts.st_ino == wi_segment.inode &&
           facts.st_nlink == 0;
}
