/* SPDX-License-Identifier: MIT */
/*
 * A list with a pointer to its last link. The queue owns the messages in it; it has no bound of its
 * own, since link.c stops reading while it is long. One thread.
 */
#include "link/queue.h"

#include "weir/expect.h"

#include <stdlib.h>

void wc_queue_put(struct wc_queue *queue, struct wc_message *taken_message)
{
    (void)WI_EXPECT(!taken_message->next &&
                    !!taken_message->update + !!taken_message->lines + !!taken_message->series ==
                        1);
    *queue->last = taken_message;
    queue->last = &taken_message->next;
    queue->n++;
}

struct wc_message *wc_queue_take(struct wc_queue *queue)
{
    struct wc_message *message = queue->first;
    if (message) {
        queue->first = message->next;
        if (!queue->first) {
            queue->last = &queue->first;
        }
        queue->n -= WI_EXPECT(queue->n > 0);
    }
    return message;
}

void wc_queue_drop(struct wc_queue *queue)
{
    for (struct wc_message *message = queue->first; message;) {
        struct wc_message *next = message->next;
        weir__v1__update__free_unpacked(message->update, NULL);
        weir__v1__lines__free_unpacked(message->lines, NULL);
        weir__v1__series__free_unpacked(message->series, NULL);
        free(message);
        message = next;
    }
    queue->first = NULL;
    queue->last = &queue->first;
    queue->n = 0;
}
