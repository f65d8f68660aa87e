/* SPDX-License-Identifier: MIT */
/*
 * A TARGET as a person names it: a pid, a service's name, NAME/N (one of several of a name), unix:/path, host:port, http://host:port/NAME,
 * file:///path or the path of a segment, of a socket or of a recording; resolved to one process and the
 * ways to reach it. Reads directories and segment headers, connects to nothing.
 */
#ifndef WC_TARGET_TARGET_H
#define WC_TARGET_TARGET_H

#include "base/error.h"
#include "weir/find.h"

#include <stdbool.h>

#define WC_HOST_MAX    256
#define WC_PROCESS_MAX (WEIR_NAME_MAX + 12)

/* At least one of `socket`, `host` and `path` is not "". Plain data: copy it freely. */
struct wc_target {
    char host[WC_HOST_MAX];       /* of an exporter over TCP, a name or a number; "": none */
    char port[8];                 /* its port */
    char process[WC_PROCESS_MAX]; /* one of the processes served there: a name, a pid, or both; "":
                                     the only one */
    char socket[WI_PATH_MAX];     /* of a living exporter; "": none */
    char path[WI_PATH_MAX]; /* of the segment; "": unknown (unix:/path), or of another machine */
    bool is_recording;      /* `path` is a recording's */
    uint32_t pid; /* as /proc here has it, if that is known; 0: unknown before Describe, and for a
                     Tokio server */
    struct wi_owner owner; /* pid 0: not visible from here */
    dev_t device;          /* of the segment */
    ino_t inode;           /* 0: unknown */
    char lints[256];       /* how its tasks are judged, if it is a Tokio server: tokio/lint.h */
    enum wi_state state;
    char name[WEIR_NAME_MAX + 1]; /* "": unknown before Describe */
};

/*
 * Resolves `text`; NULL or "": the environment's WEIR_TARGET, else the only running process. Fails:
 * WC_USAGE when several processes match: the text lists them; WC_NO_TARGET, WC_DENIED, WC_MISMATCH.
 */
enum wc_status wc_target_resolve(const char *text, struct wc_target *ret_target,
                                 struct wc_error *ret_error);

/* As wc_target_resolve without a text, but when several run and one of them has this service name,
 * that one is taken: for a topic's DOMAIN. */
enum wc_status wc_target_resolve_named(const char *domain, struct wc_target *ret_target,
                                       struct wc_error *ret_error);

/* Checks again whether the process lives, by its segment's header; WI_STATE_DEAD when the file is
 * gone and its process is not visible, WI_STATE_UNKNOWN when its path is not known. */
enum wi_state wc_target_state(const struct wc_target *target);

/* The address of its exporter: "host:port" or the socket's path; "" when there is none. */
void wc_target_place(const struct wc_target *target, char *ret_text, size_t room);

#endif
