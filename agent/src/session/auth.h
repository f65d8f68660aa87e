/* SPDX-License-Identifier: MIT */
/* Who may ask over TCP, as sessions and HTTP are told it. The exporter's thread. */
#ifndef WI_SESSION_AUTH_H
#define WI_SESSION_AUTH_H

#include <stdbool.h>
#include <stddef.h>

/* Who may call over a connection: asked before anything that a request says is worked on. */
struct wi_auth_ops {
    bool (*knows)(void *context, const char *authority, size_t n);
    /* NULL: anybody may. */
    bool (*admits)(void *context, const char *authorization, size_t n);
    void *context;
};

#endif
