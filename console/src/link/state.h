/* SPDX-License-Identifier: MIT */
/* The internals of a link, for open.c, which makes it, and link.c, which runs it; for no other
 * file. */
#ifndef WC_LINK_STATE_H
#define WC_LINK_STATE_H

#include "model/shared.h"
#include "link/attach.h"
#include "link/client.h"
#include "link/link.h"
#include "link/queue.h"

#define WC_LINK_METRICS_MAX 4096u /* of all kinds: they are walked through for every column */
#define WC_LINK_HISTORIES   16u   /* calls for the past that are under way */
#define WC_LINK_READ_BYTES  (64u << 10)

enum wc_link_kind { WC_LINK_NONE, WC_LINK_UPDATES, WC_LINK_LINES };

/* As send(2) and recv(2) that do not block, over a link's descriptor or in the place of one. */
struct wc_link_io {
    ssize_t (*send)(struct wc_link *link, const uint8_t *bytes, size_t n);
    ssize_t (*receive)(struct wc_link *link, uint8_t *ret_bytes, size_t room);
};

struct wc_link {
    struct wc_target target;
    char notice[256];
    const struct wc_link_io *io; /* how bytes come and go */
    int fd;
    struct wi_exporter *exporter; /* ours, for a bare segment and for Tokio */
    struct wc_tokio *tokio;       /* the feed of that exporter; NULL: it reads a segment */
    struct wc_replay *replay;     /* plays a recording, and is its server; NULL: none */
    struct wc_client *client;
    struct wc_shared *described;
    Weir__V1__Description *description; /* the shared message; NULL: none yet */
    int32_t describe_call;
    bool is_other_service; /* the server speaks gRPC, but cannot describe itself */
    int32_t stream_call;   /* 0: none */
    enum wc_link_kind stream_kind;
    bool is_complete;
    struct wc_error stream_error; /* code WC_OK: none */
    struct wc_error error;        /* of the connection: it stays */
    struct wc_queue messages;     /* of the stream */
    struct wc_queue series;
    int32_t history_calls[WC_LINK_HISTORIES]; /* under way; 0: none */
    const uint8_t *output;                    /* not yet written */
    size_t n_output;
    uint64_t heard_nanos;
    uint8_t input[WC_LINK_READ_BYTES];
};

/* A link to nothing yet, whose bytes go over a socket. Owns: wc_link_close. */
struct wc_link *wc_link_create(const struct wc_target *target);

#endif
