/* SPDX-License-Identifier: MIT */
/*
 * The inline hooks of weir/weir.h as functions, for other languages and for dlsym: each does what the hook
 * of that name without `call_` does, with the same arguments. weir/weir.h includes this file at its end: include
 * that.
 */
#ifndef WEIR_CALL_H
#define WEIR_CALL_H

#include "weir/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

WEIR_EXPORT weir_ticket weir_call_channel_send(struct weir_channel *channel, size_t bytes);
WEIR_EXPORT void weir_call_channel_receive(struct weir_channel *channel, weir_ticket ticket,
                                           size_t bytes);
WEIR_EXPORT weir_ticket weir_call_channel_send_n(struct weir_channel *channel, uint64_t n,
                                                 uint64_t bytes);
WEIR_EXPORT void weir_call_channel_receive_n(struct weir_channel *channel, weir_ticket ticket,
                                             uint64_t n, uint64_t bytes);
WEIR_EXPORT void weir_call_channel_bytes(struct weir_channel *channel, uint64_t in, uint64_t out);
WEIR_EXPORT struct weir_sent weir_call_channel_send_from(struct weir_channel *channel,
                                                         struct weir_sender *sender, size_t bytes);
WEIR_EXPORT void weir_call_channel_receive_from(struct weir_channel *channel, struct weir_sent sent,
                                                size_t bytes);
WEIR_EXPORT void weir_call_semaphore_acquire(struct weir_semaphore *semaphore, uint32_t n);
WEIR_EXPORT void weir_call_semaphore_release(struct weir_semaphore *semaphore, uint32_t n);
WEIR_EXPORT weir_ticket weir_call_task_spawn(struct weir_task_kind *kind);
WEIR_EXPORT weir_ticket weir_call_task_begin(struct weir_task_kind *kind, weir_ticket pending);
WEIR_EXPORT void weir_call_task_end(struct weir_task_kind *kind, weir_ticket running);
WEIR_EXPORT void weir_call_task_finish(struct weir_task_kind *kind, enum weir_outcome outcome);
WEIR_EXPORT void weir_call_counter_add(struct weir_counter *counter, uint64_t n);

#ifdef __cplusplus
}
#endif

#endif
