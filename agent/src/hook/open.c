/* SPDX-License-Identifier: MIT */
/* Handles opened in one line (weir/open.h): options with all defaults. */
#include "weir/weir.h"

struct weir_channel *weir_channel_at(const char *name, const char *label, uint64_t capacity,
                                     const char *file, uint32_t line)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, capacity);
    options.label = label;
    options.source_file = file;
    options.source_line = line;
    return weir_channel_open(&options);
}

struct weir_semaphore *weir_semaphore_at(const char *name, uint64_t permits, const char *file,
                                         uint32_t line)
{
    struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT(name, permits);
    options.source_file = file;
    options.source_line = line;
    return weir_semaphore_open(&options);
}

struct weir_task_kind *weir_task_kind_at(const char *name, const char *file, uint32_t line)
{
    struct weir_task_options options = WEIR_TASK_INIT(name);
    options.source_file = file;
    options.source_line = line;
    return weir_task_kind_open(&options);
}

struct weir_loop *weir_loop_at(const char *name, const char *file, uint32_t line)
{
    struct weir_loop_options options = WEIR_LOOP_INIT(name);
    options.source_file = file;
    options.source_line = line;
    return weir_loop_open(&options);
}

struct weir_counter *weir_counter_at(const char *name, const char *file, uint32_t line)
{
    struct weir_value_options options = WEIR_VALUE_INIT(name);
    options.source_file = file;
    options.source_line = line;
    return weir_counter_open(&options);
}

struct weir_gauge *weir_gauge_at(const char *name, uint64_t capacity, const char *file,
                                 uint32_t line)
{
    struct weir_value_options options = WEIR_VALUE_INIT(name);
    options.source_file = file;
    options.source_line = line;
    options.capacity = capacity;
    return weir_gauge_open(&options);
}
