/* SPDX-License-Identifier: MIT */
/*
 * The answers of HTTP: pages that never change, and renderings of the exposition, each shared by
 * all requests while it is fresh. The functions call libmicrohttpd: call them within engine.c's
 * fence. The exporter's thread only.
 */
#ifndef WI_HTTP_RESPONSE_H
#define WI_HTTP_RESPONSE_H

#include "http/accept.h"
#include "http/engine.h"

#include <microhttpd.h>

/* Owns: the caller's, MHD_destroy_response; the bytes, with MHD_RESPMEM_MUST_FREE also when it fails: NULL. */
struct MHD_Response *wi_response_make(const char *type, void *bytes, size_t length,
                                      enum MHD_ResponseMemoryMode mode);

/* One rendering of the exposition; all zero: none. Answers under way keep the parts that they need. */
struct wi_render {
    struct MHD_Response *plain; /* NULL: none */
    struct MHD_Response *gzip;  /* made at the first request for it; NULL: none */
    struct wi_http_body body;   /* of `plain`, which owns its bytes */
    uint64_t at;                /* when it was made */
    bool is_incompressible;
};

/* Makes it again. False without memory: the earlier one stays. */
bool wi_render_make(struct wi_render *render, const struct wi_http_backend *backend,
                    enum wi_format format, uint64_t now_nanos);

/* The same compressed. Borrowed; NULL without memory, or if compression would not make it smaller. */
struct MHD_Response *wi_render_gzip(struct wi_render *render);

/* Releases both; answers under way keep theirs. */
void wi_render_drop(struct wi_render *render);

#endif
