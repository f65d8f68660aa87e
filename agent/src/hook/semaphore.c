/* SPDX-License-Identifier: MIT */
/* Semaphores: open, close, waits and refusals. Acquire and release are inline. */
#include "hook/options.h"
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/kind.h"

#include <string.h>

struct weir_semaphore *weir_semaphore_open(const struct weir_semaphore_options *options)
{
    struct weir_semaphore_options asked = WEIR_SEMAPHORE_INIT(NULL, 0);
    if (!options) {
        return NULL;
    }
    wi_options_read_for("semaphore", &asked, sizeof(asked), options);
    const struct wi_opening opening = {
        .kind = WI_SEMAPHORE,
        .name = asked.name,
        .capacity = asked.permits,
        .latency = asked.latency,
        .storage = asked.storage,
        .source_file = asked.source_file,
        .source_line = asked.source_line,
        .label = asked.label,
    };
    return (struct weir_semaphore *)wi_slot_open(&opening);
}

void weir_semaphore_close(struct weir_semaphore *semaphore)
{
    wi_slot_close(semaphore ? &semaphore->head : NULL);
}

void weir_semaphore_resize(struct weir_semaphore *semaphore, uint64_t permits)
{
    if (semaphore && wi_slot_counts()) {
        wi_store_relaxed(&semaphore->head.capacity, permits);
    }
}

weir_ticket weir_semaphore_wait(struct weir_semaphore *semaphore)
{
    if (!semaphore || !wi_slot_counts()) {
        return 0;
    }
    struct wi_slot *slot = (struct wi_slot *)(void *)semaphore;
    /* Pairs with pass_entering_slot of readers. */
    wi_add_release(&slot->in.other, 1);
    /* Before weir_start there is no clock: that wait is counted and not timed. */
    return wi_segment_counts() ? weir_ticket_make(weir_ticks(), 1) : weir_ticket_make(1, 0);
}

void weir_semaphore_waited(struct weir_semaphore *semaphore, weir_ticket waiting)
{
    if (!semaphore || !waiting || !wi_slot_counts()) {
        return;
    }
    struct wi_slot *slot = (struct wi_slot *)(void *)semaphore;
    /* Pairs with pass_leaving_slot of readers: a reader that sees the end of the wait sees its
     * beginning. */
    wi_add_release(&slot->out.other, 1);
    if (semaphore->head.sampling != WEIR_SAMPLING_OFF && waiting >> WEIR_TICKET_TICK_BITS) {
        weir_wait_slow(&semaphore->head, NULL, 0, waiting, weir_ticks());
    }
}

void weir_semaphore_reject(struct weir_semaphore *semaphore, enum weir_semaphore_reject why)
{
    if (semaphore && wi_slot_counts()) {
        struct wi_slot *slot = (struct wi_slot *)(void *)semaphore;
        unsigned reason = (unsigned)why <= WEIR_SEMAPHORE_CLOSED ? (unsigned)why : 0;
        wi_add_relaxed(&slot->in.rejects[reason], 1);
    }
}
