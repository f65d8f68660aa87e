/* SPDX-License-Identifier: MIT */
/*
 * The small rules of gRPC over HTTP/2 (gRPC's PROTOCOL-HTTP2): status codes, grpc-timeout,
 * grpc-message, content-type. Plain functions; any thread.
 */
#ifndef WI_SESSION_RPC_H
#define WI_SESSION_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wi_rpc_code {
    WI_RPC_OK = 0,
    WI_RPC_INVALID_ARGUMENT = 3,
    WI_RPC_DEADLINE_EXCEEDED = 4,
    WI_RPC_NOT_FOUND = 5,
    WI_RPC_PERMISSION_DENIED = 7,
    WI_RPC_RESOURCE_EXHAUSTED = 8,
    WI_RPC_FAILED_PRECONDITION = 9,
    WI_RPC_UNIMPLEMENTED = 12,
    WI_RPC_INTERNAL = 13,
    WI_RPC_UNAVAILABLE = 14,
    WI_RPC_UNAUTHENTICATED = 16
};

/* How a call ended. */
struct wi_fault {
    enum wi_rpc_code code;
    char text[256];
};

/* Writes code and text; a text that is too long is cut. */
void wi_fault_set(struct wi_fault *ret_fault, enum wi_rpc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The most bytes that a fault's text becomes in grpc-message. */
#define WI_RPC_MESSAGE_ROOM (3 * 256 + 1)

/* Percent-encodes all but printable ASCII, and '%'. Returns the length; cuts between characters
 * where the room ends. */
size_t wi_rpc_message_write(const char *text, char *ret_text, size_t room);

/* Reads 1 to 8 digits and a unit of H M S m u n; false for anything else. */
bool wi_rpc_timeout_parse(const char *text, size_t n, uint64_t *ret_nanos);

/* Whether a content-type is application/grpc, alone or followed by + or ;. */
bool wi_rpc_is_content_type(const char *text, size_t n);

#endif
