/* SPDX-License-Identifier: MIT */
/* Admission over TCP, for sessions and HTTP. The exporter's thread. */
#ifndef WI_SESSION_AUTH_H
#define WI_SESSION_AUTH_H

#include <stdbool.h>
#include <stddef.h>

/* The operations that decide who may call over a connection. They are called before any other part
 * of a request is handled. */
struct wi_auth_ops {
    bool (*knows)(void *context, const char *authority, size_t n);
    /* NULL: every peer may. */
    bool (*admits)(void *context, const char *authorization, size_t n);
    void *context;
};

#endif
