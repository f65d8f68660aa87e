/* SPDX-License-Identifier: MIT */
/* The kinds of things that weir shows. */
#ifndef WI_SEGMENT_KIND_H
#define WI_SEGMENT_KIND_H

/* As Kind in proto/weir/v1/agent.proto, and as weir_slot_head.kind. Append only. */
enum wi_kind {
    WI_CHANNEL,
    WI_SEMAPHORE,
    WI_TASK,
    WI_COUNTER,
    WI_GAUGE,
    WI_PROCESS,
    WI_AGENT,
    WI_WARNING,
    WI_N_KINDS
};

#endif
