/* SPDX-License-Identifier: MIT */
/* The kinds of things that weir shows. Constant; any thread. */
#ifndef WI_KIND_H
#define WI_KIND_H

#include <stdbool.h>

/* The numbers of Kind in proto/weir/v1/agent.proto, and of weir_slot_head.kind. Append only. */
enum wi_kind {
    WI_CHANNEL,
    WI_SEMAPHORE,
    WI_TASK,
    WI_COUNTER,
    WI_GAUGE,
    WI_PROCESS,
    WI_AGENT,
    WI_WARNING,
    WI_LOOP,
    WI_TASK_INSTANCE, /* a task of its own, beside its kind */
    WI_SENDER,
    WI_RESOURCE,  /* of another runtime, as that describes it */
    WI_OPERATION, /* a wait for such a resource that is under way */
    WI_N_KINDS
};

/* Whether things of this kind have a slot with a handle. The others have tables of their own, or are
 * not in the segment. */
static inline bool wi_kind_has_slots(unsigned kind)
{
    return kind <= WI_GAUGE || kind == WI_LOOP;
}

/* Whether there is one thing of this kind, which needs no name to be told apart. */
static inline bool wi_kind_has_one_row(unsigned kind)
{
    return kind == WI_PROCESS || kind == WI_AGENT;
}

#endif
