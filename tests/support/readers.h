/* SPDX-License-Identifier: MIT */
/* Two readers that never pause while a stress test counts: one of this mapping, one of the file. They must never see more out
 * than in. For tests that have started weir. */
#ifndef READERS_H
#define READERS_H

#include "child.h"
#include "snapshot/process_view.h"

#include <pthread.h>

struct readers {
    struct wi_process_view *view[2];
    pthread_t thread[2];
};

static uint64_t readers_are_done;

static inline uint64_t read_value(struct wi_process_view *view, enum wi_kind kind, size_t i,
                                  int metric)
{
    return wi_process_view_row(view, kind, i)->value[metric].u.u64;
}

static inline void *readers_read(void *context)
{
    struct wi_process_view *view = context;
    struct weir_error error;
    uint64_t now = 1;
    while (!__atomic_load_n(&readers_are_done, __ATOMIC_ACQUIRE)) {
        CHECK(wi_process_view_refresh(view, now += 100000000, &error) == WEIR_OK);
        CHECK(read_value(view, WI_AGENT, 0, WI_AGENT_CLAMPED) == 0);
    }
    return NULL;
}

static inline void readers_begin(struct readers *ret_readers)
{
    struct weir_error error;
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(wi_process_view_open_self(&ret_readers->view[0], &error) == WEIR_OK);
    CHECK(wi_process_view_open_file(health.path, &ret_readers->view[1], &error) == WEIR_OK);
    for (int r = 0; r < 2; r++) {
        CHECK(pthread_create(&ret_readers->thread[r], NULL, readers_read, ret_readers->view[r]) ==
              0);
    }
}

/* Their views show what has been counted by now. Owns: the caller closes them. */
static inline void readers_end(struct readers *readers)
{
    struct weir_error error;
    __atomic_store_n(&readers_are_done, 1, __ATOMIC_RELEASE);
    for (int r = 0; r < 2; r++) {
        pthread_join(readers->thread[r], NULL);
        CHECK(wi_process_view_refresh(readers->view[r], 1, &error) == WEIR_OK);
    }
}

#endif
