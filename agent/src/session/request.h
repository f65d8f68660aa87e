/* SPDX-License-Identifier: MIT */
/*
 * One request as it arrives: header fields, then the gRPC frame (flag, four bytes of length,
 * message). Knows the limits, but not nghttp2. The first error stays, and from then on bytes are
 * discarded. The request owns its body, in the session's bounded memory. The exporter's thread.
 */
#ifndef WI_SESSION_REQUEST_H
#define WI_SESSION_REQUEST_H

#include "weir/memory.h"
#include "session/auth.h"
#include "session/rpc.h"
#include "weir/weir.h"

#define WI_REQUEST_MESSAGE_MAX ((size_t)64 << 10)
#define WI_REQUEST_HEADER_MAX  ((size_t)16 << 10) /* as HTTP/2 counts */

/* The bytes that each field adds to its name and value: RFC 9113, 6.5.2. */
#define WI_REQUEST_FIELD_OVERHEAD 32

/* A process as `weir-target` names it: NAME:PID at most. */
#define WI_REQUEST_TARGET_ROOM (WEIR_NAME_MAX + 12)

/* Flag and length before each gRPC message, in either direction. */
#define WI_RPC_PREFIX 5

struct wi_request {
    struct wi_memory *memory;
    const struct wi_auth_ops *auth; /* NULL: open */
    unsigned n_authorities, n_unknown;
    unsigned n_authorizations, n_admitted;
    char path[128];                      /* of the method; "" when absent or too long */
    char target[WI_REQUEST_TARGET_ROOM]; /* of `weir-target`; "" when absent */
    bool is_post;
    bool is_rpc; /* by its content-type */
    size_t header_bytes;
    uint64_t timeout_nanos; /* 0: none */
    uint8_t *body;          /* prefix and message so far */
    size_t n_body;
    size_t room;
    unsigned http_status;  /* if not 200: the only answer */
    bool is_compressed;    /* refused: the answer names the supported encoding */
    struct wi_fault fault; /* if its code is not 0: the answer */
};

/* A request of which nothing has arrived. `memory` is borrowed. */
void wi_request_init(struct wi_request *request, struct wi_memory *memory);
void wi_request_finish(struct wi_request *request); /* frees the body; more than once is fine */

/* Takes one header field; the name in lower case, as HTTP/2 has it. */
void wi_request_add_header(struct wi_request *request, const char *name, size_t n_name,
                           const char *value, size_t n_value);

/* Whether the fault is a missing admission. */
bool wi_request_is_refused(const struct wi_request *request);

/* The header is complete. These three return false if there has been an error. */
bool wi_request_end_header(struct wi_request *request);
bool wi_request_add_body(struct wi_request *request, const uint8_t *bytes, size_t n);

/* The body is complete: it must hold one message. Borrowed until wi_request_finish. */
bool wi_request_end(struct wi_request *request, const uint8_t **ret_message, size_t *ret_n);

#endif
