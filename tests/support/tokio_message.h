/* SPDX-License-Identifier: MIT */
/*
 * Messages as a Tokio server sends them, put together field by field: protobuf's bytes by a plain
 * encoder, so that what reads them is not tested against itself. Lack of memory ends the program.
 */
#ifndef TOKIO_MESSAGE_H
#define TOKIO_MESSAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define NOW    (INT64_C(1763924400) * SECOND)

struct message {
    uint8_t *bytes;
    size_t n, room;
};

static inline void put(struct message *to, const void *bytes, size_t n)
{
    if (to->n + n > to->room) {
        to->room = 2 * (to->n + n);
        to->bytes = realloc(to->bytes, to->room);
        if (!to->bytes) {
            abort();
        }
    }
    memcpy(to->bytes + to->n, bytes, n);
    to->n += n;
}

static inline void put_varint(struct message *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        put(to, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    }
    put(to, &(uint8_t){(uint8_t)value}, 1);
}

static inline void put_number(struct message *to, uint32_t field, uint64_t value)
{
    put_varint(to, field << 3);
    put_varint(to, value);
}

static inline void put_bytes(struct message *to, uint32_t field, const void *bytes, size_t n)
{
    put_varint(to, field << 3 | 2);
    put_varint(to, n);
    put(to, bytes, n);
}

static inline void put_text(struct message *to, uint32_t field, const char *text)
{
    put_bytes(to, field, text, strlen(text));
}

/* Puts a message into another and lets go of it. */
static inline void put_message(struct message *to, uint32_t field, struct message *part)
{
    put_bytes(to, field, part->bytes ? part->bytes : (const uint8_t *)"", part->n);
    free(part->bytes);
    *part = (struct message){0};
}

static inline void put_id(struct message *to, uint32_t field, uint64_t id)
{
    struct message part = {0};
    put_number(&part, 1, id);
    put_message(to, field, &part);
}

/* A Timestamp or a Duration; negative ones, too. */
static inline void put_time(struct message *to, uint32_t field, int64_t nanos)
{
    struct message part = {0};
    put_number(&part, 1, (uint64_t)(nanos / SECOND));
    put_number(&part, 2, (uint64_t)(nanos % SECOND));
    put_message(to, field, &part);
}

static inline void put_field(struct message *to, uint32_t field, const char *name,
                             const char *value)
{
    struct message part = {0};
    put_text(&part, 1, name);
    put_text(&part, 3, value);
    put_message(to, field, &part);
}

/* An Update under way. */
struct update {
    struct message part[3]; /* tasks, resources, operations */
    struct message metas;
    int64_t now;
};

static const uint32_t stats_number[3] = {3, 2, 2};

static inline void add_task(struct update *update, uint64_t id, const char *name)
{
    struct message task = {0}, place = {0};
    put_id(&task, 1, id);
    put_id(&task, 2, 77);
    if (name) {
        put_field(&task, 4, "task.name", name);
    }
    put_text(&place, 1, "src/main.rs");
    put_number(&place, 3, 12);
    put_number(&place, 4, 5);
    put_message(&task, 6, &place);
    put_message(&update->part[0], 1, &task);
}

static inline void add_stats(struct update *update, int sort, uint64_t id, struct message *stats)
{
    struct message entry = {0};
    put_number(&entry, 1, id);
    put_message(&entry, 2, stats);
    put_message(&update->part[sort], stats_number[sort], &entry);
}

/* What most tests say of a task. */
struct task {
    int64_t created, dropped, started, ended, busy, scheduled, last_wake;
    uint64_t polls, wakes;
};

static inline void add_task_stats(struct update *update, uint64_t id, const struct task *task)
{
    struct message stats = {0}, polls = {0};
    put_time(&stats, 1, task->created);
    if (task->dropped) {
        put_time(&stats, 2, task->dropped);
    }
    put_number(&stats, 3, task->wakes);
    put_number(&stats, 4, 1);
    if (task->last_wake) {
        put_time(&stats, 6, task->last_wake);
    }
    put_number(&polls, 1, task->polls);
    if (task->started) {
        put_time(&polls, 4, task->started);
    }
    if (task->ended) {
        put_time(&polls, 5, task->ended);
    }
    put_time(&polls, 6, task->busy);
    put_message(&stats, 7, &polls);
    put_time(&stats, 9, task->scheduled);
    add_stats(update, 0, id, &stats);
}

static inline void add_resource(struct update *update, uint64_t id, uint64_t parent,
                                const char *type, uint64_t permits)
{
    struct message resource = {0}, kind = {0}, stats = {0}, attribute = {0}, field = {0};
    put_id(&resource, 1, id);
    put_text(&resource, 3, type);
    put_text(&kind, 2, "Sync");
    put_message(&resource, 4, &kind);
    if (parent) {
        put_id(&resource, 6, parent);
    }
    put_message(&update->part[1], 1, &resource);
    put_time(&stats, 1, NOW - 60 * SECOND);
    put_text(&field, 1, "permits");
    put_number(&field, 5, permits);
    put_message(&attribute, 1, &field);
    put_message(&stats, 3, &attribute);
    add_stats(update, 1, id, &stats);
}

static inline void add_operation(struct update *update, uint64_t id, uint64_t parent,
                                 uint64_t resource, uint64_t task)
{
    struct message operation = {0}, stats = {0}, polls = {0};
    put_id(&operation, 1, id);
    put_text(&operation, 3, "Semaphore::acquire");
    if (parent) {
        put_id(&operation, 4, parent);
    }
    put_id(&operation, 5, resource);
    put_message(&update->part[2], 1, &operation);
    put_time(&stats, 1, NOW - 30 * SECOND);
    put_id(&stats, 4, task);
    put_number(&polls, 1, 1);
    put_message(&stats, 5, &polls);
    add_stats(update, 2, id, &stats);
}

static inline struct message pack(struct update *update)
{
    struct message whole = {0};
    put_time(&whole, 1, update->now ? update->now : NOW);
    for (uint32_t sort = 0; sort < 3; sort++) {
        put_message(&whole, 2 + sort, &update->part[sort]);
    }
    put_message(&whole, 5, &update->metas);
    *update = (struct update){0};
    return whole;
}

#endif
