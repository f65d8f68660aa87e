/* SPDX-License-Identifier: MIT */
/* The parts of an HTTP request's head that matter here. The exporter's thread only. */
#ifndef WI_HTTP_HEAD_H
#define WI_HTTP_HEAD_H

#include "http/accept.h"
#include "session/auth.h"

#include <microhttpd.h>

struct wi_head {
    const char *path;   /* "/metrics"; part of the target, borrowed */
    bool has_host;      /* it names one host, one that is served */
    bool has_token;     /* it shows the token, or none is required */
    const char *accept; /* borrowed; NULL: none */
    struct wi_codings codings;
};

/* `target`: as in the request, "/metrics" or "http://HOST/metrics"; `version`: "HTTP/1.1". */
void wi_head_read(struct MHD_Connection *connection, const struct wi_auth_ops *auth,
                  const char *target, const char *version, struct wi_head *ret_head);

/*
 * The path of a target: "/" when it has none. A proxy is asked with the absolute form,
 * "http://HOST/metrics": then HOST is its authority, which overrides the Host header (RFC 9112,
 * 3.2.2); else ret_authority is NULL. Both point into the target. A target in neither form is its
 * own path, for which there is no page.
 */
const char *wi_target_path(const char *target, const char **ret_authority, size_t *ret_n);

#endif
