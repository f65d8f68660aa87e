/* SPDX-License-Identifier: MIT */
/*
 * Handles opened in one line, with the defaults of all other options:
 *
 *     struct weir_channel *jobs = weir_channel("jobs", WEIR_UNBOUNDED);
 *
 * Each does what the function that ends in _open does: it gives NULL where that does, and the place
 * in the source that users see is the line of the call. Its name is also the type's; the compiler tells
 * them apart by the parenthesis. weir/weir.h includes this file at its end: include that.
 */
#ifndef WEIR_OPEN_H
#define WEIR_OPEN_H

#include "weir/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A channel of `capacity` messages, or WEIR_UNBOUNDED; the same with a label (NULL: none), for one of
 * several channels of a name. Fails, Threads: as weir_channel_open. */
#define weir_channel(name, capacity) weir_channel_at(name, WEIR_NULL, capacity, __FILE__, __LINE__)
#define weir_channel_of(name, label, capacity)                                                     \
    weir_channel_at(name, label, capacity, __FILE__, __LINE__)

/* A semaphore of `permits`, 0: they come by releases. Fails, Threads: as weir_semaphore_open. */
#define weir_semaphore(name, permits) weir_semaphore_at(name, permits, __FILE__, __LINE__)

/* A kind of task. Fails, Threads: as weir_task_kind_open. */
#define weir_task_kind(name) weir_task_kind_at(name, __FILE__, __LINE__)

/* An event loop. Fails, Threads: as weir_loop_open. */
#define weir_loop(name) weir_loop_at(name, __FILE__, __LINE__)

/* A counter. Fails, Threads: as weir_counter_open. */
#define weir_counter(name) weir_counter_at(name, __FILE__, __LINE__)

/* A gauge that is full at `capacity`, 0: it has none. Fails, Threads: as weir_gauge_open. */
#define weir_gauge(name, capacity) weir_gauge_at(name, capacity, __FILE__, __LINE__)

/* The functions behind them, for other languages, too. Owns: all is copied. */
WEIR_EXPORT struct weir_channel *weir_channel_at(const char *name, const char *label,
                                                 uint64_t capacity, const char *file,
                                                 uint32_t line);
WEIR_EXPORT struct weir_semaphore *weir_semaphore_at(const char *name, uint64_t permits,
                                                     const char *file, uint32_t line);
WEIR_EXPORT struct weir_task_kind *weir_task_kind_at(const char *name, const char *file,
                                                     uint32_t line);
WEIR_EXPORT struct weir_loop *weir_loop_at(const char *name, const char *file, uint32_t line);
WEIR_EXPORT struct weir_counter *weir_counter_at(const char *name, const char *file, uint32_t line);
WEIR_EXPORT struct weir_gauge *weir_gauge_at(const char *name, uint64_t capacity, const char *file,
                                             uint32_t line);

#ifdef __cplusplus
}
#endif

#endif
