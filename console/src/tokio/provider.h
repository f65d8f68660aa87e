/* SPDX-License-Identifier: MIT */
/*
 * A Tokio program as a process view: the rows of a store under weir's metrics, so that every reader
 * of a process view reads Tokio, too. A feed does the I/O and delivers the messages. One thread at
 * a time.
 */
#ifndef WC_TOKIO_PROVIDER_H
#define WC_TOKIO_PROVIDER_H

#include "weir/provider.h"
#include "tokio/lint.h"

enum wc_feed_kind { WC_FEED_UPDATE, WC_FEED_STATE, WC_FEED_DETAILS };

struct wc_feed_message {
    enum wc_feed_kind kind;
    const uint8_t *bytes;
    size_t n;
};

/* Called by the process view's thread. */
struct wc_feed {
    void *context;
    /* The next message, oldest first; false: none now. Borrowed until the next call. */
    bool (*take)(void *context, struct wc_feed_message *ret_message);
    /* The tasks whose histograms are wanted from now on; at most WC_STORE_DETAILS. */
    void (*want)(void *context, const uint64_t *task_ids, size_t n);
    /* Seconds since the last Update. */
    double (*quiet_seconds)(void *context);
    void (*close)(void *context);
};

/* Owns: the feed is the process view's, also when this fails. `since`: when this connection was
 * begun, which tells it from another. Fails: WEIR_E_MEMORY. */
enum weir_status wc_tokio_view_open(const struct wc_feed *feed, const struct wc_lints *lints,
                                    int64_t since_unix_nanos, struct wi_process_view **ret_view,
                                    struct weir_error *ret_error);

#endif
