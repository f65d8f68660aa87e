/* SPDX-License-Identifier: MIT */
/*
 * Where TCP is served, and by which host names it may be called. Plain functions; any thread; the
 * only system calls are those that make the socket.
 */
#ifndef WI_WIRE_ADDRESS_H
#define WI_WIRE_ADDRESS_H

#include "weir/weir.h"

struct wi_address {
    unsigned port;
    bool is_loopback;
    char text[64]; /* "127.0.0.1:9464" */
};

/*
 * Listens on "127.0.0.1:9464", "[::1]:0" or "localhost:9464" (port 0: the kernel's choice); beyond
 * loopback with a token only. `what`: "HTTP", "gRPC".
 * Owns: ret_fd is the caller's, non-blocking and close-on-exec.
 * Fails: WEIR_E_ARGUMENT for an invalid address, or one beyond loopback without a token,
 * WEIR_E_DENIED if the kernel does not allow it, WEIR_E_SYSTEM if the port is taken or the kernel
 * refuses: one line that says what to do.
 */
enum weir_status wi_address_listen(const char *asked, const char *what, bool has_token,
                                   struct wi_address *ret_address, int *ret_fd,
                                   struct weir_error *ret_error);

/* Whether a request with this Host header may be answered: loopback names, numeric addresses and
 * the names of the comma-separated list (NULL: none). Any other name could belong to a page in a
 * browser that resolves its own name to this address. */
bool wi_host_passes(const char *host, const char *list);

#endif
