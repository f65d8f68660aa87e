/* SPDX-License-Identifier: MIT */
/*
 * Restores the name of the unix socket after the name or its directory was removed, as the end of a
 * login session or a cleaner of temporary files does. Checks every half minute. The exporter's
 * thread, except for the start.
 */
#ifndef WI_WIRE_KEEPER_H
#define WI_WIRE_KEEPER_H

#include "wire/listener.h"
#include "weir/weir.h"

struct wi_keeper {
    struct wi_listener *listener; /* borrowed; this and the next two are set by the caller */
    weir_log_fn log;              /* NULL: no log */
    void *log_context;
    bool is_on;
    uint64_t due;
    uid_t uid; /* as at the start, like the next three */
    dev_t root_device;
    ino_t root_inode;
    unsigned long filters; /* filters of system calls */
    bool has_told;         /* has reported that the name cannot be restored */
};

/* Makes the directory of a path if there is none, mode 0700. Fails: WEIR_E_SYSTEM with one line;
 * WEIR_E_DENIED when other users may write there. */
enum weir_status wi_keeper_make_dir(const char *path, struct weir_error *ret_error);

/* Opens the listener, and keeps it from now on. Fails: as wi_listener_open. */
enum weir_status wi_keeper_open(struct wi_keeper *keeper, struct wi_reactor *reactor,
                                const char *path, struct weir_error *ret_error);

/* When it is time, checks the socket's name, and makes directory and socket again if it was removed.
 * It does nothing if the host has entered another root or a stricter filter meanwhile: then the
 * name was perhaps not removed, or may not be made. It does nothing either if the host has changed
 * its user: a directory of the new user would be in the earlier user's way. */
void wi_keeper_tick(struct wi_keeper *keeper, uint64_t now_nanos);

#endif
