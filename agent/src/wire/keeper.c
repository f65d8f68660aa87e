/* SPDX-License-Identifier: MIT */
/* Keeps the socket's name in place. */
#include "wire/keeper.h"

#include "segment/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEPER_NANOS UINT64_C(30000000000)

enum weir_status wi_keeper_make_dir(const char *path, struct weir_error *ret_error)
{
    char dir[sizeof(((struct wi_listener *)0)->path)];
    struct stat facts;
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n == 0 || n >= sizeof(dir)) {
        return WEIR_OK; /* bind() will report the error */
    }
    memcpy(dir, path, n);
    dir[n] = '\0';
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        wi_error_set(ret_error, "cannot make the directory %s: %s", dir, strerror(errno));
        return WEIR_E_SYSTEM;
    }
    /* In a directory of other users the name could soon be theirs. */
    if (stat(dir, &facts) != 0 || facts.st_uid != geteuid() || (facts.st_mode & 022) != 0) {
        wi_error_set(ret_error, "%s is not a directory of this user alone", dir);
        return WEIR_E_DENIED;
    }
    return WEIR_OK;
}

/* The number of filters for system calls on this thread: a filter that was added later may end the
 * process for a call that the exporter makes only here. */
static unsigned long keeper_filters(void)
{
    char text[8192];
    const char *at = NULL;
    if (wi_file_read("/proc/thread-self/status", text, sizeof(text)) > 0) {
        at = strstr(text, "\nSeccomp_filters:");
        at = at ? at : strstr(text, "\nSeccomp:"); /* before Linux 5.9: whether there are any */
    }
    return at ? strtoul(strchr(at, ':') + 1, NULL, 10) : 0;
}

enum weir_status wi_keeper_open(struct wi_keeper *keeper, struct wi_reactor *reactor,
                                const char *path, struct weir_error *ret_error)
{
    struct stat root;
    enum weir_status status = wi_listener_open(keeper->listener, reactor, path, ret_error);
    keeper->is_on = status == WEIR_OK && stat("/", &root) == 0;
    if (keeper->is_on) {
        keeper->uid = geteuid();
        keeper->root_device = root.st_dev;
        keeper->root_inode = root.st_ino;
        keeper->filters = keeper_filters();
    }
    return status;
}

/* Whether the socket has lost its name. If that cannot be determined, the answer is no. */
static bool keeper_has_lost(const struct wi_keeper *keeper)
{
    struct stat found;
    if (lstat(keeper->listener->path, &found) != 0) {
        return errno == ENOENT || errno == ENOTDIR;
    }
    return found.st_dev != keeper->listener->device || found.st_ino != keeper->listener->inode;
}

static bool keeper_is_where_it_began(const struct wi_keeper *keeper)
{
    struct stat root;
    return geteuid() == keeper->uid && stat("/", &root) == 0 &&
           root.st_dev == keeper->root_device && root.st_ino == keeper->root_inode &&
           keeper_filters() == keeper->filters;
}

static void keeper_tell(struct wi_keeper *keeper, enum weir_status status, const char *why)
{
    char line[sizeof(((struct weir_error *)0)->text) + 256];
    if (status == WEIR_OK) {
        snprintf(line, sizeof(line), "weir: %s was removed; it has been made again",
                 keeper->listener->path);
    } else if (!keeper->has_told) {
        snprintf(line, sizeof(line),
                 "weir: %s was removed and cannot be made again: %s; weir still reads the segment",
                 keeper->listener->path, why);
    } else {
        return;
    }
    keeper->has_told = status != WEIR_OK;
    if (keeper->log) {
        keeper->log(keeper->log_context, line);
    }
}

void wi_keeper_tick(struct wi_keeper *keeper, uint64_t now_nanos)
{
    struct weir_error error = {""};
    char path[sizeof(keeper->listener->path)];
    if (!keeper->is_on || now_nanos < keeper->due) {
        return;
    }
    keeper->due = now_nanos + KEEPER_NANOS;
    if (!keeper_has_lost(keeper) || !keeper_is_where_it_began(keeper)) {
        return;
    }
    memcpy(path, keeper->listener->path, sizeof(path));
    enum weir_status status = wi_keeper_make_dir(path, &error);
    if (status == WEIR_OK) {
        struct wi_reactor *reactor = keeper->listener->reactor;
        wi_listener_close(keeper->listener);
        status = wi_listener_open(keeper->listener, reactor, path, &error);
    }
    keeper_tell(keeper, status, error.text);
}
