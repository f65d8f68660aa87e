/* SPDX-License-Identifier: MIT */
#include "model/shared.h"

#include "base/memory.h"

#include <stdlib.h>

struct wc_shared *wc_shared_create(ProtobufCMessage *taken_message)
{
    struct wc_shared *shared = wc_alloc(sizeof(*shared));
    shared->message = taken_message;
    shared->n_holders = 1;
    return shared;
}

struct wc_shared *wc_shared_hold(struct wc_shared *shared)
{
    if (shared) {
        shared->n_holders++;
    }
    return shared;
}

void wc_shared_release(struct wc_shared *taken_shared)
{
    if (taken_shared && --taken_shared->n_holders == 0) {
        protobuf_c_message_free_unpacked(taken_shared->message, NULL);
        free(taken_shared);
    }
}
