/* SPDX-License-Identifier: MIT */
/*
 * A message that several hold: it is freed when the last one lets go. Nobody changes it once it is shared.
 * One thread at a time.
 */
#ifndef WC_MODEL_SHARED_H
#define WC_MODEL_SHARED_H

#include "weir/v1/agent.pb-c.h"

struct wc_shared {
    ProtobufCMessage *message; /* owned, with malloc's memory */
    unsigned n_holders;
};

/* Owns: the message is the share's; the caller is its only holder: wc_shared_release. */
struct wc_shared *wc_shared_create(ProtobufCMessage *taken_message);

/* One more holder, who calls wc_shared_release. Returns its argument; NULL is fine. */
struct wc_shared *wc_shared_hold(struct wc_shared *shared);
void wc_shared_release(struct wc_shared *taken_shared); /* NULL is fine */

#endif
