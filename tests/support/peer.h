/* SPDX-License-Identifier: MIT */
/* The other side of a session in tests: an nghttp2 client, a process view that the test sets, and a clock
 * that it turns. No sockets. Lack of memory on this side ends the test. */
#ifndef PEER_H
#define PEER_H

#include "encode/weir.h"
#include "fake_view.h"
#include "session/service.h"
#include "session/session.h"

#include "weir/v1/agent.pb-c.h"

#include <nghttp2/nghttp2.h>

#define SECOND UINT64_C(1000000000)
#define MILLI  UINT64_C(1000000)

/* What the client knows of one call. */
struct answer {
    int32_t id;
    char status[16]; /* grpc-status, "" before */
    char http_status[16];
    char message[800];
    char accepted[32];
    uint8_t *bytes;
    size_t n_bytes;
    bool is_closed;
    uint32_t reset;
    const uint8_t *request;
    size_t n_request;
    size_t n_requested;
    bool stays_open; /* the request never ends */
};

struct peer {
    struct wi_process_view *view; /* the only one of `process views` */
    struct wi_process_views views;
    struct wi_memory memory;
    struct wi_buffer scratch;
    struct wi_call_context context;
    struct wi_session *session;
    nghttp2_session *http;
    uint64_t now;
    size_t piece; /* bytes at a time; 0: as they come */
    bool has_goaway;
    uint32_t goaway;
    enum weir_status status;
    struct answer answers[48];
    size_t n_answers;
};

/* A client; `window` of each stream, 0: the default. */
void peer_connect(struct peer *peer, uint32_t window);

struct peer *peer_create(void);

bool peer_accept(struct peer *peer);

int peer_set_up(void **state);

void peer_destroy(struct peer *peer);

int peer_tear_down(void **state);

void peer_give(struct peer *peer, const uint8_t *bytes, size_t n);

/* One message's worth of bytes from the server; false: it has none. */
bool peer_take(struct peer *peer);

bool peer_send_all(struct peer *peer);

/* Lets both sides speak until neither has more to say. */
void peer_converse(struct peer *peer);

/* Turns the clock and does what a loop does. */
void peer_pass(struct peer *peer, uint64_t nanos);

struct answer *peer_call_with(struct peer *peer, const char *path, const void *body, size_t n,
                              const char *extra, const char *value);

struct answer *peer_call_bytes(struct peer *peer, const char *method, const void *body, size_t n);

struct answer *peer_call(struct peer *peer, const char *method, const void *message);

struct answer *peer_watch(struct peer *peer, uint32_t millis);

struct answer *peer_describe(struct peer *peer);

size_t answer_n_messages(const struct answer *answer);

Weir__V1__Update *answer_last_update(const struct answer *answer);

void answer_ended(const struct answer *answer, const char *status);

#endif
