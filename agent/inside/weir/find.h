/* SPDX-License-Identifier: MIT */
/*
 * Which processes with weir there are, where their segments lie, and whether they live. Plain functions on
 * paths; any thread; no state.
 */
#ifndef WI_FIND_H
#define WI_FIND_H

#include "weir/weir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WI_PATH_MAX 256

/* The stem of one process's file names (segment/stem.h). */
struct wi_stem {
    uint32_t pid; /* in the namespace of the process */
    uint64_t start_ticks;
    uint32_t id; /* 0: none, as in files of earlier versions, whose names end before it */
};

/* The process that counts in a segment, as /proc here has it. pid 0: it is not visible here. */
struct wi_owner {
    uint32_t pid;
    uint64_t start_ticks;
};

/* A header's facts about its process. */
struct wi_maker {
    struct wi_stem stem;
    uint64_t pid_namespace; /* 0: the process could not see that itself */
};

/* Whether the owner is still there. */
bool wi_owner_is_there(const struct wi_owner *owner);

/* Whether the process that counts is still there. */
enum wi_state {
    WI_STATE_RUNNING,
    WI_STATE_DEAD,
    WI_STATE_ORPHANED, /* the owner is dead, a forked child holds its lock */
    WI_STATE_UNKNOWN   /* this file system does not tell */
};

/* "running", "dead", "orphaned", "unknown". Owns: static. */
const char *wi_state_name(enum wi_state state);
/* The state with this name; WI_STATE_UNKNOWN: none has it. */
enum wi_state wi_state_of(const char *name);

struct wi_found;
/* The same for a segment that was found; "ended": it is dead and ended in good order. */
const char *wi_found_state_name(const struct wi_found *found);

/* One segment that was found. */
struct wi_found {
    char path[WI_PATH_MAX];   /* of the segment */
    char socket[WI_PATH_MAX]; /* of the exporter's socket; "" when there is none */
    dev_t device;
    ino_t inode;
    uint32_t pid;          /* of its process as /proc here has it; else as the header says */
    uint32_t replica;      /* among the living of its name, from 1 on; 0: not numbered */
    bool has_twins;        /* others of its name live */
    bool is_nameless;      /* its name was removed: `path` leads through its process */
    bool has_heirs;        /* another process of its pid namespace has the file mapped */
    struct wi_maker maker; /* as the header says, or the file's name where that cannot be read */
    struct wi_owner owner;
    uid_t uid;
    enum wi_state state;
    bool has_ended;            /* dead after a clean end: it could not remove its files */
    int64_t opened_unix_nanos; /* of a living process by the clock as it stands now */
    uint64_t bytes;            /* bytes that it holds on disk */
    char name[WEIR_NAME_MAX + 1];
    enum weir_status status; /* not WEIR_OK: the file could not be read; `problem` says why */
    char problem[256];
};

/*
 * Lists this user's segments in WEIR_DIR, XDG_RUNTIME_DIR/weir, /run/user/UID/weir and
 * /dev/shm/weir-UID, and root's view of all users'; newest first. Segments of living processes that
 * lie elsewhere, or have no name any more, are found through /proc/PID/maps; their path then leads
 * through /proc. Numbers the replicas of each name.
 * Owns: ret_found is the caller's, free().
 * Fails: WEIR_E_MEMORY; WEIR_OK with 0 entries when there is nothing.
 */
enum weir_status wi_find_all(struct wi_found **ret_found, size_t *ret_n);

/* The same without /proc, which would cost a read of every process's mappings. Pids of other pid
 * namespaces are then unknown, and nothing is numbered. Owns and fails as wi_find_all. */
enum weir_status wi_find_in_dirs(struct wi_found **ret_found, size_t *ret_n);

/* Calls `visit` with each directory that is searched, whether it exists or not. */
void wi_find_each_dir(void (*visit)(void *context, const char *dir), void *context);

/* Reads one segment's header. Fails: WEIR_E_NOT_FOUND, WEIR_E_DENIED, WEIR_E_CORRUPT, WEIR_E_VERSION, WEIR_E_SYSTEM;
 * status and problem are also in ret_found, which is filled in any case. */
enum weir_status wi_find_one(const char *path, struct wi_found *ret_found);

/* The same, and searches other pid namespaces for its process. */
enum weir_status wi_find_with_owner(const char *path, struct wi_found *ret_found);

/* The name that `weir list` shows and a user may give: "game", or "game/2" if several with that name live. */
#define WI_LABEL_MAX (WEIR_NAME_MAX + 12)
void wi_find_label(const struct wi_found *found, char *ret_label, size_t room);

/* Whether it is alive, as far as is known, and matches what a person asked for: its service's name,
 * NAME/N or its pid; NULL: any. */
bool wi_find_lives(const struct wi_found *found);
bool wi_find_fits(const struct wi_found *found, const char *text);

/* Whether a file begins as a segment does, of whatever version. */
bool wi_find_is_segment(const char *path);

/* Whether a process runs as the caller's user, but the kernel hides what it does from that user, as
 * after setuid(2). Then nothing tells whether only hooks run in it. */
bool wi_changed_is_closed(uint32_t pid);

/*
 * Removes a dead segment of this user with its history and socket; checks again first whether it is
 * dead. `is_dry`: only says whether it would. Returns false when they stay: its process lives, or
 * it is another user's; else the bytes that they hold.
 */
bool wi_find_remove(const struct wi_found *found, bool is_dry, uint64_t *ret_bytes);

/* Removes the files in a directory that belong to ended processes of this user without a segment:
 * sockets, histories, stopped segments. Calls `visit` with each that was removed. `is_dry`: with
 * each that would be removed, and removes nothing. */
void wi_find_sweep(const char *dir, bool is_dry, void (*visit)(void *context, const char *path),
                   void *context);

/* The longest directory: its files' paths must fit in weir_health.path and WI_PATH_MAX. */
#define WI_DIR_MAX 190

/* Chooses the directory for a new segment: `asked` if it is given, else $XDG_RUNTIME_DIR/weir, else
 * /dev/shm/weir-UID; creates it (0700) and checks that only this user can write to it. Fails:
 * WEIR_E_DENIED, WEIR_E_SYSTEM, WEIR_E_ARGUMENT with one line. */
enum weir_status wi_file_dir(const char *asked, char *ret_dir, size_t room,
                             struct weir_error *ret_error);

#endif
