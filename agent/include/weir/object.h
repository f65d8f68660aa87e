/* SPDX-License-Identifier: MIT */
/*
 * Objects: queues that a library or the application has by the thousand, each in an object of its own whose
 * memory says how deep it is: a uv_stream_t with its write_queue_size, an evbuffer, a GAsyncQueue, a ring.
 * No hook is called for their messages. weir reads the depth in the object's memory, about once a second, and the row of
 * the channel that they belong to shows the sum, how many objects there are, and the largest with its label.
 * weir/weir.h includes this file at its end: include that.
 *
 *     static const struct weir_layout stream =
 *         WEIR_LAYOUT_OF(uv_stream_t, WEIR_FIELD(uv_stream_t, write_queue_size, WEIR_FIELD_DEPTH, 1 << 30),
 *                        WEIR_FIELD(uv_stream_t, loop, WEIR_FIELD_SAME, 0));
 *     client->object = weir_object_open(writes, &client->stream, &stream, client->name);
 *     ...
 *     weir_object_close(client->object);
 *
 * How the memory is read: a thread of weir asks the kernel to copy it, so an object that is gone costs no
 * fault. The process's own exporter (weir_agent_start) may always do so. A console or `weir serve` outside may do so
 * only for a process that has this very segment mapped, runs as the owner of the segment's file, and
 * may be traced by the reader (kernel.yama.ptrace_scope); otherwise the agent's row says why they are not read.
 * Each field is checked at each reading. An object whose fields are implausible once (memory that was freed and
 * used for something else) is counted as dropped, and that reader does not read it again. A ring that turns so fast that
 * its words do not fit together is read again, up to eight times; then it is open and not read.
 */
#ifndef WEIR_OBJECT_H
#define WEIR_OBJECT_H

#include "weir/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longest label of an object, in bytes, without the terminator; cut and made safe as names are. */
#define WEIR_OBJECT_LABEL_MAX 63

/* The most fields of a layout, and the largest object in bytes. */
#define WEIR_LAYOUT_FIELDS 6
#define WEIR_OBJECT_MAX    65536

/* The meaning of a field. The numbers are ABI: append only. */
enum weir_field_kind {
    WEIR_FIELD_NONE = 0,     /* the end of the list */
    WEIR_FIELD_DEPTH = 1,    /* what is queued, in the channel's unit; several are added up */
    WEIR_FIELD_LESS = 2,     /* is taken off the depth: of a ring, DEPTH is what was put in and LESS
                                what was taken out; both may wrap around */
    WEIR_FIELD_BYTES = 3,    /* bytes queued */
    WEIR_FIELD_CAPACITY = 4, /* the most that may be queued */
    WEIR_FIELD_SAME =
        5, /* check: stays what it is at weir_object_open, which reads it; at most one */
    WEIR_FIELD_SELF = 6, /* check: is the object's own address */
    WEIR_FIELD_MAGIC = 7 /* check: is `limit` */
};

/* A number in an object: unsigned, of 1, 2, 4 or 8 bytes, little-endian. */
struct weir_field {
    uint32_t offset; /* in the object, in bytes */
    uint8_t width;   /* 1, 2, 4 or 8 */
    uint8_t kind;    /* enum weir_field_kind */
    uint16_t reserved;
    /* The greatest plausible value; with LESS fields, of the difference. 0: 2^40, so that no pointer passes
     * for a depth; of a difference, at most half of what the width holds. The smaller the limit, the sooner an
     * object that is gone is noticed. */
    uint64_t limit;
};

/* How to read an object of one type: constant while there are such objects. */
struct weir_layout {
    size_t size;         /* sizeof(struct weir_layout) */
    size_t object_bytes; /* of the type, at most WEIR_OBJECT_MAX; all fields lie within */
    struct weir_field fields[WEIR_LAYOUT_FIELDS]; /* at least one DEPTH */
};

/* A field by its name, and a layout of the fields that follow. */
#define WEIR_FIELD(type, member, kind, limit)                                                      \
    {                                                                                              \
        WEIR_CAST(uint32_t, offsetof(type, member)),                                               \
            WEIR_CAST(uint8_t, sizeof(WEIR_CAST(type *, WEIR_NULL)->member) > 8                    \
                                   ? 0 /* impossible: weir_object_open refuses it */               \
                                   : sizeof(WEIR_CAST(type *, WEIR_NULL)->member)),                \
            (kind), 0, (limit)                                                                     \
    }
#define WEIR_LAYOUT_OF(type, ...)                                                                  \
    {                                                                                              \
        sizeof(struct weir_layout), sizeof(type),                                                  \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

struct weir_channel;
struct weir_object;

/*
 * Enters the object at `address`, one of many of a channel, which stands for the place that makes them. The channel is
 * an observed one (weir_channel_observe): hooks that count on it, and weir_channel_observe, do nothing, and
 * calls_mixed counts them. `layout` says where the numbers are: there may be 64 different ones, and objects of
 * several may share a channel. `label` is copied; NULL or "": none.
 * Owns: close it before the object's memory is freed, also after the channel was closed. In a child of fork it
 * stands for the child's own copy of the object, from the child's weir_start on; but for nothing, if the parent has
 * closed the object before that.
 * Fails: NULL when there is no room or the layout is impossible (a field that is not within the object, a width or a kind
 * that does not exist, no DEPTH, two SAME, a LESS that is not as wide as each DEPTH): counted, and the log says so
 * once. Also without a channel, an address or a layout, before weir_start, and for a channel that has counted,
 * began with `initial`, or was told its depth (calls_mixed). An object that was not entered is missing from the sum.
 * Room: 128 bytes each, of which 32 are private memory; closed ones are used again.
 * Cost: open and close take 150 ns at most, without a lock and without a system call; only when all places are in use
 * an open takes the lock and makes 512 more.
 * Threads: any; not from a signal handler.
 */
WEIR_EXPORT struct weir_object *weir_object_open(struct weir_channel *channel, const void *address,
                                                 const struct weir_layout *layout,
                                                 const char *label);

/* The object is about to go: it is no longer read. NULL is allowed. A read that was under way is not counted.
 * Threads: any; no lock. */
WEIR_EXPORT void weir_object_close(struct weir_object *object);

#ifdef __cplusplus
}
#endif

#endif
