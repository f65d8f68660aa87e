/* SPDX-License-Identifier: MIT */
/*
 * A request's header and its one message, assembled from the pieces that arrive.
 *
 * The input is header fields and bytes, from a peer that is not admitted yet. The auth operations
 * decide about that as the fields arrive, and before any other error is reported. A header may have
 * 16 KiB and a message 64 KiB. The frame's prefix is read first and bounds the message; the body
 * grows as bytes arrive, not by the promised length.
 *
 * The first error stays: from then on bytes are discarded, and the fault (or the HTTP status, if it
 * is not gRPC at all) is the answer. The request owns its body, in the session's memory. It does
 * not know nghttp2 or the methods. The exporter's thread.
 */
#include "session/request.h"

#include <string.h>

#define REQUEST_FIRST_ROOM 256

enum { REQUEST_OK = 200, REQUEST_NO_METHOD = 405, REQUEST_NO_MEDIA_TYPE = 415 };

void wi_request_init(struct wi_request *request, struct wi_memory *memory)
{
    memset(request, 0, sizeof(*request));
    request->memory = memory;
    request->http_status = REQUEST_OK;
}

void wi_request_finish(struct wi_request *request)
{
    wi_memory_return(request->memory, request->body);
    request->body = NULL;
    request->n_body = 0;
    request->room = 0;
}

static bool request_is(const char *text, size_t n, const char *expected)
{
    return n == strlen(expected) && memcmp(text, expected, n) == 0;
}

static bool request_is_good(const struct wi_request *request)
{
    return request->http_status == REQUEST_OK && request->fault.code == WI_RPC_OK;
}

/* The fields by which a peer is admitted. */
static void request_add_credential(struct wi_request *request, const char *name, size_t n_name,
                                   const char *value, size_t n_value)
{
    const struct wi_auth_ops *auth = request->auth;
    if (request_is(name, n_name, ":authority") || request_is(name, n_name, "host")) {
        request->n_authorities++;
        request->n_unknown += !auth->knows(auth->context, value, n_value);
    } else if (auth->admits && request_is(name, n_name, "authorization")) {
        request->n_authorizations++;
        request->n_admitted += auth->admits(auth->context, value, n_value);
    }
}

/* A missing admission is reported before any other error. */
static void request_knock(struct wi_request *request)
{
    const struct wi_auth_ops *auth = request->auth;
    if (request->n_authorities == 0 || request->n_unknown > 0) {
        wi_fault_set(&request->fault, WI_RPC_PERMISSION_DENIED,
                     "this :authority is refused: use localhost or an IP address, or name the host "
                     "in WEIR_HTTP_HOSTS");
    } else if (auth->admits && (request->n_authorizations != 1 || request->n_admitted != 1)) {
        wi_fault_set(&request->fault, WI_RPC_UNAUTHENTICATED, "%s",
                     request->n_authorizations
                         ? "the token is not this server's"
                         : "a token is needed: authorization: Bearer TOKEN (WEIR_TOKEN_FILE)");
    }
}

void wi_request_add_header(struct wi_request *request, const char *name, size_t n_name,
                           const char *value, size_t n_value)
{
    request->header_bytes += n_name + n_value + WI_REQUEST_FIELD_OVERHEAD;
    if (request->header_bytes > WI_REQUEST_HEADER_MAX) {
        if (request->fault.code == WI_RPC_OK) {
            wi_fault_set(&request->fault, WI_RPC_RESOURCE_EXHAUSTED,
                         "the header is longer than %zu bytes", WI_REQUEST_HEADER_MAX);
        }
        return;
    }
    if (request->auth) {
        request_add_credential(request, name, n_name, value, n_value);
    }
    if (request_is(name, n_name, ":path")) {
        if (n_value < sizeof(request->path)) {
            memcpy(request->path, value, n_value);
            request->path[n_value] = '\0';
        }
    } else if (request_is(name, n_name, ":method")) {
        request->is_post = request_is(value, n_value, "POST");
    } else if (request_is(name, n_name, "content-type")) {
        request->is_rpc = wi_rpc_is_content_type(value, n_value);
    } else if (request_is(name, n_name, "weir-target")) {
        if (n_value >= sizeof(request->target) || memchr(value, '\0', n_value)) {
            wi_fault_set(&request->fault, WI_RPC_NOT_FOUND, "weir-target names no process");
        } else {
            memcpy(request->target, value, n_value);
            request->target[n_value] = '\0';
        }
    } else if (request_is(name, n_name, "grpc-timeout")) {
        if (!wi_rpc_timeout_parse(value, n_value, &request->timeout_nanos)) {
            wi_fault_set(&request->fault, WI_RPC_INVALID_ARGUMENT, "grpc-timeout is malformed");
        } else if (request->timeout_nanos == 0) {
            request->timeout_nanos = 1;
        }
    }
}

bool wi_request_is_refused(const struct wi_request *request)
{
    return request->fault.code == WI_RPC_PERMISSION_DENIED ||
           request->fault.code == WI_RPC_UNAUTHENTICATED;
}

bool wi_request_end_header(struct wi_request *request)
{
    if (request->auth) {
        request_knock(request);
    }
    if (!request->is_post) {
        request->http_status = REQUEST_NO_METHOD;
    } else if (!request->is_rpc) {
        request->http_status = REQUEST_NO_MEDIA_TYPE;
    }
    return request_is_good(request);
}

static bool request_fail(struct wi_request *request, enum wi_rpc_code code, const char *text)
{
    wi_request_finish(request);
    wi_fault_set(&request->fault, code, "%s", text);
    return false;
}

static bool request_make_room(struct wi_request *request, size_t needed)
{
    if (needed <= request->room) {
        return true;
    }
    size_t room = request->room ? request->room : REQUEST_FIRST_ROOM;
    while (room < needed) {
        room *= 2;
    }
    uint8_t *body = wi_memory_resize(request->memory, request->body, room);
    if (!body) {
        return false;
    }
    request->body = body;
    request->room = room;
    return true;
}

static size_t request_length(const struct wi_request *request)
{
    const uint8_t *p = request->body;
    return (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | (size_t)p[4];
}

/* Checks the prefix once it is complete. */
static bool request_check(struct wi_request *request)
{
    if (request->n_body == 0) {
        return true;
    }
    if (request->body[0] == 1) {
        request->is_compressed = true;
        return request_fail(request, WI_RPC_UNIMPLEMENTED, "compressed requests are not accepted");
    }
    if (request->body[0] != 0) {
        return request_fail(request, WI_RPC_INVALID_ARGUMENT, "the gRPC frame is malformed");
    }
    if (request->n_body < WI_RPC_PREFIX) {
        return true;
    }
    size_t length = request_length(request);
    if (length > WI_REQUEST_MESSAGE_MAX) {
        return request_fail(request, WI_RPC_RESOURCE_EXHAUSTED,
                            "the request is longer than 64 KiB");
    }
    if (request->n_body > WI_RPC_PREFIX + length) {
        return request_fail(request, WI_RPC_INVALID_ARGUMENT, "more than one request in a call");
    }
    return true;
}

bool wi_request_add_body(struct wi_request *request, const uint8_t *bytes, size_t n)
{
    while (n > 0 && request_is_good(request)) {
        /* The prefix comes first, so that its length bounds the message. */
        size_t wanted = request->n_body < WI_RPC_PREFIX
                            ? WI_RPC_PREFIX - request->n_body
                            : WI_RPC_PREFIX + request_length(request) + 1 - request->n_body;
        size_t part = n < wanted ? n : wanted;
        if (!request_make_room(request, request->n_body + part)) {
            return request_fail(request, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the request");
        }
        memcpy(request->body + request->n_body, bytes, part);
        request->n_body += part;
        bytes += part;
        n -= part;
        if (!request_check(request)) {
            return false;
        }
    }
    return request_is_good(request);
}

bool wi_request_end(struct wi_request *request, const uint8_t **ret_message, size_t *ret_n)
{
    if (!request_is_good(request)) {
        return false;
    }
    if (request->n_body < WI_RPC_PREFIX ||
        request->n_body < WI_RPC_PREFIX + request_length(request)) {
        return request_fail(request, WI_RPC_INVALID_ARGUMENT, "the request is incomplete");
    }
    *ret_message = request->body + WI_RPC_PREFIX;
    *ret_n = request->n_body - WI_RPC_PREFIX;
    return true;
}
