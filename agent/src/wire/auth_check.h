/* SPDX-License-Identifier: MIT */
/*
 * Who may ask over TCP, by HTTP and gRPC alike: one who shows the token, where there is one; and, on
 * a loopback address, one who calls it by a loopback name, since any other may be that of a page in
 * a browser which lets its own name point here. The exporter's thread.
 */
#ifndef WI_WIRE_AUTH_CHECK_H
#define WI_WIRE_AUTH_CHECK_H

#include "session/call.h"
#include "weir/token.h"

struct wi_auth_check {
    struct wi_token *token; /* NULL: none is asked for */
    const char *hosts;      /* further names, comma-separated; NULL: none */
    bool is_loopback;
};

/* Whether a Host or :authority is answered. */
bool wi_auth_check_knows(const struct wi_auth_check *auth_check, const char *host, size_t n);

/* Whether an authorization is enough; NULL: there was none. */
bool wi_auth_check_admits(const struct wi_auth_check *auth_check, const char *authorization,
                          size_t n);

/* The same as operations, for sessions and HTTP. They borrow the auth check. */
struct wi_auth_ops wi_auth_check_ops(struct wi_auth_check *auth_check);

#endif
