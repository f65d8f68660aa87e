/* SPDX-License-Identifier: MIT */
/*
 * Where segments lie and who owns them: for the writer that starts, and for readers that look.
 * Plain functions on paths; any thread; no state.
 */
#ifndef WI_SEGMENT_FIND_H
#define WI_SEGMENT_FIND_H

#include "weir/weir.h"

#include <stdbool.h>
#include <sys/types.h>

#define WI_PATH_MAX 256

/* Whether the process that counts is still there. */
enum wi_state {
    WI_STATE_RUNNING,
    WI_STATE_DEAD,
    WI_STATE_ORPHANED, /* the owner is dead, a forked child holds its lock */
    WI_STATE_UNKNOWN   /* it lives in another pid namespace */
};

/* "running", "dead", "orphaned", "unknown". Owns: static. */
const char *wi_state_name(enum wi_state state);

/* One segment that was found. */
struct wi_found {
    char path[WI_PATH_MAX];   /* of the segment */
    char socket[WI_PATH_MAX]; /* of the exporter's socket; "" when there is none */
    uint32_t pid;
    uint64_t start_ticks;
    uid_t uid;
    enum wi_state state;
    int64_t opened_unix_nanos; /* of a living process by the clock as it stands now */
    uint64_t bytes;            /* that it holds */
    char name[WEIR_NAME_MAX + 1];
    enum weir_status status; /* not WEIR_OK: the file could not be read; `problem` says why */
    char problem[256];
};

/*
 * Lists this user's segments in WEIR_DIR, XDG_RUNTIME_DIR/weir, /run/user/UID/weir and
 * /dev/shm/weir-UID, and root's view of all users'; newest first. Segments of living processes that
 * lie elsewhere are found through /proc/PID/maps.
 * Owns: ret_found is the caller's, free().
 * Fails: WEIR_E_MEMORY; WEIR_OK with 0 entries when there is nothing.
 */
enum weir_status wi_find_all(struct wi_found **ret_found, size_t *ret_n);

/* The same without the look into /proc, which costs a read of every process's mappings. */
enum weir_status wi_find_in_dirs(struct wi_found **ret_found, size_t *ret_n);

/* Calls `visit` with each directory that is looked into, whether it is there or not. */
void wi_find_each_dir(void (*visit)(void *context, const char *dir), void *context);

/* Reads one segment's header. Fails: status and problem are also in ret_found. */
enum weir_status wi_find_one(const char *path, struct wi_found *ret_found);

/* Opens a segment for reading: a regular file of this user, or of anybody when root asks; no link is
 * followed. Fails: WEIR_E_NOT_FOUND, WEIR_E_DENIED, WEIR_E_CORRUPT, WEIR_E_SYSTEM. */
enum weir_status wi_find_open(const char *path, int *ret_fd, struct weir_error *ret_error);

/* Whether the owner lives, by the lock on the open file and by /proc. */
enum wi_state wi_find_state(int fd, uint32_t pid, uint64_t start_ticks, uint64_t pid_namespace);

/* Whether the first `length` bytes of a file are a header that this version reads. */
struct wi_header;
enum weir_status wi_find_check_header(const struct wi_header *header, size_t length,
                                      struct weir_error *ret_error);

/*
 * Removes a dead segment of this user with its history and socket; looks again first whether it is
 * dead. `is_dry`: only says whether it would. Returns false when they stay: its process lives, or it
 * is another user's; else the bytes that they hold.
 */
bool wi_find_remove(const struct wi_found *found, bool is_dry, uint64_t *ret_bytes);

/* Removes what is left in a directory of processes of this user that have gone and have no segment:
 * sockets, histories, stopped segments. Calls `visit` with each that went. `is_dry`: with each that
 * would go, and removes nothing. */
void wi_find_sweep(const char *dir, bool is_dry, void (*visit)(void *context, const char *path),
                   void *context);

/* Removes dead segments of this user in a directory until, with the one about to be made, at most 4
 * and 64 MiB are left; and leavings of processes that are gone. Quiet. */
void wi_find_prune(const char *dir);

#endif
