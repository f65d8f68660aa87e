/* SPDX-License-Identifier: MIT */
/*
 * Gives the unix socket its name back when somebody has removed it, or its directory: a session's end does
 * so, and whoever cleans up temporary files. Looks every half minute. The exporter's thread, but for
 * beginning.
 */
#ifndef WI_WIRE_KEEPER_H
#define WI_WIRE_KEEPER_H

#include "wire/listener.h"
#include "weir/weir.h"

struct wi_keeper {
    struct wi_listener *listener; /* borrowed; this and the next two are set by the caller */
    weir_log_fn log;              /* NULL: quietly */
    void *log_context;
    bool is_on;
    uint64_t due;
    uid_t uid; /* when it began, as the next three */
    dev_t root_device;
    ino_t root_inode;
    unsigned long filters; /* of system calls */
    bool has_told;         /* that it cannot be made anew */
};

/* Makes the directory of a path where there is none, mode 0700. Fails: WEIR_E_SYSTEM with one line;
 * WEIR_E_DENIED when others may write there. */
enum weir_status wi_keeper_make_dir(const char *path, struct weir_error *ret_error);

/* Opens the listener, and keeps it from now on. Fails: as wi_listener_open. */
enum weir_status wi_keeper_open(struct wi_keeper *keeper, struct wi_reactor *reactor,
                                const char *path, struct weir_error *ret_error);

/* When it is time, looks for the socket's name, and makes directory and socket anew where it has gone. A
 * host that has entered another root or a stricter filter meanwhile is left alone: what is missing
 * there was not removed, or may not be made. So is one that has changed its user: a directory that it
 * makes would stand in the way of the user before. */
void wi_keeper_tick(struct wi_keeper *keeper, uint64_t now_nanos);

#endif
