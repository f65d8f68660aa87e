/* SPDX-License-Identifier: MIT */
/*
 * Admission over TCP, for HTTP and gRPC alike. A peer must show the token, if there is one. At a
 * loopback address it must use a loopback name, since any other name may belong to a page in a
 * browser that resolves its own name to this address. The exporter's thread.
 */
#ifndef WI_WIRE_AUTH_CHECK_H
#define WI_WIRE_AUTH_CHECK_H

#include "session/call.h"
#include "weir/token.h"

struct wi_auth_check {
    struct wi_token *token; /* NULL: none is required */
    const char *hosts;      /* further names, comma-separated; NULL: none */
    bool is_loopback;
};

/* The operations for sessions and HTTP: whether requests for a Host or :authority are answered, and whether an
 * authorization header is sufficient (NULL: there was none). They borrow the auth check. */
struct wi_auth_ops wi_auth_check_ops(struct wi_auth_check *auth_check);

#endif
