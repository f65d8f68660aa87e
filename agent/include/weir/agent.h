/* SPDX-License-Identifier: MIT */
/*
 * The exporter: one thread in the host that reads the segment and answers consoles (gRPC on a unix
 * socket beside the segment, and over TCP if requested) and Prometheus (HTTP, if requested). It
 * blocks all signals and takes no lock that a hook takes. No input from a peer makes it abort,
 * block or grow without bound.
 *
 * It binds its sockets, then drops all capabilities except CAP_SETUID and CAP_SETGID and sets
 * no_new_privs for its own thread. A host that changes its user or restricts itself (setuid,
 * capset, seccomp, Landlock, chroot, unshare) does that first, then calls weir_start, then
 * weir_agent_start: else the thread is not restricted, and the new user does not see the process.
 * If it then can no longer read libweir-agent-http.so, link it with that library. docs/threads.md
 * says what is lost if such a call comes later.
 */
#ifndef WEIR_AGENT_H
#define WEIR_AGENT_H

#include "weir/weir.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How to serve. Zero means the default. The environment takes precedence over these options, except in a
 * program that has more rights than the user who started it: there it is ignored, and the variables that
 * are set are named once (weir.h). */
struct weir_agent_options {
    size_t size;      /* sizeof(struct weir_agent_options) */
    const char *http; /* "ADDRESS:PORT" for /metrics and /healthz; NULL: off; port 0: the kernel
                         chooses, `weir list` shows it. Beyond loopback it needs a token.
                         Needs the module libweir-agent-http.so, which lies beside libweir-agent and
                         is loaded if HTTP is asked for, or is linked. WEIR_HTTP */
    const char *http_hosts; /* further Host names to accept, comma-separated. WEIR_HTTP_HOSTS */
    bool without_process_metrics; /* the host exports process_* itself */
    const char *grpc; /* "ADDRESS:PORT" for consoles over TCP, as `http`; NULL: off. The unix socket
                         is always open. WEIR_GRPC */
    const char *token_file; /* a file with the token that every TCP or HTTP request must carry, as
                               `authorization: Bearer TOKEN`; NULL: none. WEIR_TOKEN_FILE */
    unsigned
        cpu_percent; /* percent of one processor that the thread may take, 1 to 100, with a quarter
                        of a second in advance. After that the thread rests, and clients wait. 0 means 5.
                        WEIR_AGENT_CPU, where `off` means no limit */
};
#define WEIR_AGENT_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct weir_agent_options), WEIR_NULL, WEIR_NULL, false, WEIR_NULL, WEIR_NULL, 0    \
    }

/*
 * Starts the exporter thread. Call after weir_start, which comes after the host's sandbox (above);
 * and again in a forked child after its weir_start.
 * Owns: copies the options.
 * Fails: WEIR_OFF when hooks are switched off (also there); WEIR_E_STATE before weir_start or when
 * it runs already; WEIR_DEGRADED when it serves, but a requested part is missing (a port in use, a
 * directory in which no socket can be made, no HTTP module): ret_error says which and what to do;
 * WEIR_E_MEMORY, WEIR_E_SYSTEM: no thread. The host continues in every case.
 * Threads: any one; waits until the thread has given up its rights, 100 ms at most.
 */
WEIR_EXPORT enum weir_status weir_agent_start(const struct weir_agent_options *options,
                                              struct weir_error *ret_error);

/* Ends the thread. Open streams get status UNAVAILABLE, which takes at most 500 ms. Does nothing if
 * it does not run. Threads: any one; not from a signal handler; blocks until the thread has ended. */
WEIR_EXPORT void weir_agent_stop(void);

/* The port that HTTP, or gRPC over TCP, listens on; 0 when it does not. Threads: any. */
WEIR_EXPORT unsigned weir_agent_http_port(void);
WEIR_EXPORT unsigned weir_agent_grpc_port(void);

#ifdef __cplusplus
}
#endif

#endif
