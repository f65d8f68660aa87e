/* SPDX-License-Identifier: MIT */
/* Messages of a server that wait to be taken, the oldest first. One thread. */
#ifndef WC_LINK_QUEUE_H
#define WC_LINK_QUEUE_H

#include "weir/v1/agent.pb-c.h"

#include <stddef.h>

/* One of the three; the others are NULL. */
struct wc_message {
    struct wc_message *next;
    Weir__V1__Update *update;
    Weir__V1__Lines *lines;
    Weir__V1__Series *series;
};

struct wc_queue {
    struct wc_message *first, **last;
    size_t n;
};

/* Adds a message at the end. Owns: it is the queue's from then on. */
void wc_queue_put(struct wc_queue *queue, struct wc_message *taken_message);

/* NULL: there is none. Owns: the caller's, with its contents: free. */
struct wc_message *wc_queue_take(struct wc_queue *queue);

/* Frees all waiting messages, and makes the queue fit for use: also one that is all zeros. */
void wc_queue_drop(struct wc_queue *queue);

#endif
