/* SPDX-License-Identifier: MIT */
/*
 * Tasks, waits and details in tokio-console's messages. Numbers here are field numbers of
 * console.proto; attributes are in attribute.c.
 *
 * The input is samples and rows of a process view, the output bytes in the caller's buffer. Nothing
 * is kept, only the buffer allocates, and a buffer that has failed reports it at the end.
 *
 * tokio-console exits on unexpected values, and a segment may hold any value. So each time is
 * limited to 1970 to 2243 and each duration to 95 years, and a task does not end before it begins.
 * The console derives a task's state from its times alone, so the times are chosen such that it
 * shows the state that weir sees. The exporter's thread.
 */
#include "encode/tokio.h"

#include "encode/attribute.h"
#include "encode/hdr.h"
#include "encode/pack.h"

#include <string.h>

#define TOKIO_SECOND INT64_C(1000000000)

/* The latest time that is sent, in the year 2243: all readers can represent it. */
#define TOKIO_TIME_MAX (INT64_C(8640000000) * TOKIO_SECOND)

/* The longest duration that is sent: about 95 years. */
#define TOKIO_DURATION_MAX ((uint64_t)3 * 1000000000 * 1000000000)

#define TOKIO_LEVEL_INFO 2

/* ---- small parts --------------------------------------------------------------------------- */

/* From 1, since 0 means none, to TOKIO_TIME_MAX. */
static int64_t tokio_time(int64_t nanos)
{
    nanos = nanos < 1 ? 1 : nanos;
    return nanos < TOKIO_TIME_MAX ? nanos : TOKIO_TIME_MAX;
}

static int64_t tokio_before(int64_t now, uint64_t nanos)
{
    now = tokio_time(now);
    return nanos < (uint64_t)now ? now - (int64_t)nanos : 1;
}

static void tokio_put_time(struct wi_buffer *buffer, unsigned field, int64_t nanos)
{
    size_t mark = wi_pack_begin(buffer, field);
    nanos = tokio_time(nanos);
    wi_pack_u64(buffer, 1, (uint64_t)(nanos / TOKIO_SECOND));
    wi_pack_u64(buffer, 2, (uint64_t)(nanos % TOKIO_SECOND));
    wi_pack_end(buffer, mark);
}

static void tokio_put_time_if_any(struct wi_buffer *buffer, unsigned field, int64_t nanos)
{
    if (nanos != 0) {
        tokio_put_time(buffer, field, nanos);
    }
}

static void tokio_put_duration(struct wi_buffer *buffer, unsigned field, uint64_t nanos)
{
    size_t mark = wi_pack_begin(buffer, field);
    nanos = nanos < TOKIO_DURATION_MAX ? nanos : TOKIO_DURATION_MAX;
    wi_pack_u64(buffer, 1, nanos / (uint64_t)TOKIO_SECOND);
    wi_pack_u64(buffer, 2, nanos % (uint64_t)TOKIO_SECOND);
    wi_pack_end(buffer, mark);
}

static void tokio_put_id(struct wi_buffer *buffer, unsigned field, uint64_t id)
{
    size_t mark = wi_pack_begin(buffer, field);
    wi_pack_u64(buffer, 1, id);
    wi_pack_end(buffer, mark);
}

static void tokio_put_metadata(struct wi_buffer *buffer, enum wi_tokio_meta id, const char *name,
                               const char *target, const char *const *fields)
{
    size_t mark = wi_pack_begin(buffer, 1);
    tokio_put_id(buffer, 1, id);
    size_t metadata = wi_pack_begin(buffer, 2);
    wi_pack_text(buffer, 1, name);
    wi_attribute_text(buffer, 2, target);
    wi_pack_u64(buffer, 6, TOKIO_LEVEL_INFO);
    for (; *fields; fields++) {
        wi_pack_text(buffer, 7, *fields);
    }
    wi_pack_end(buffer, metadata);
    wi_pack_end(buffer, mark);
}

/* ---- an Update ----------------------------------------------------------------------------- */

void wi_tokio_now(struct wi_buffer *buffer, int64_t now)
{
    tokio_put_time(buffer, 1, now);
}

void wi_tokio_metadata(struct wi_buffer *buffer, const char *target)
{
    static const char *const task_fields[] = {"task.id", "task.name", "kind", NULL};
    static const char *const none[] = {NULL};
    size_t mark = wi_pack_begin(buffer, 5);
    tokio_put_metadata(buffer, WI_TOKIO_META_TASK, "weir.task", target, task_fields);
    tokio_put_metadata(buffer, WI_TOKIO_META_RESOURCE, "weir.resource", target, none);
    tokio_put_metadata(buffer, WI_TOKIO_META_OP, "weir.wait", target, none);
    wi_pack_end(buffer, mark);
}

size_t wi_tokio_begin_part(struct wi_buffer *buffer, enum wi_tokio_part part)
{
    return wi_pack_begin(buffer, part);
}

void wi_tokio_end_part(struct wi_buffer *buffer, size_t mark, enum wi_tokio_part part,
                       uint64_t n_dropped)
{
    wi_pack_u64(buffer, part == WI_TOKIO_OPS ? 3 : 4, n_dropped);
    wi_pack_end(buffer, mark);
    if (!buffer->has_failed && buffer->length == mark + 1) {
        buffer->length = mark - 1; /* an empty part: its tag and its length are a byte each */
    }
}

/* ---- tasks --------------------------------------------------------------------------------- */

/*
 * The console derives the state from the times: running when the last poll began after the last one
 * ended, scheduled when the last wake came after the last poll's beginning. weir knows the state
 * and the time at which it began, but no other time. The other times are left out, or are set to
 * that one.
 */
static void tokio_task_times(const struct wi_task_sample *sample, int64_t now,
                             struct wi_tokio_task *task)
{
    int64_t since = tokio_before(now, sample->in_state);
    since = since > task->created ? since : task->created;
    switch (sample->state) {
    case WI_TASK_SAMPLE_RUNNING:
        task->poll_started = since;
        break;
    case WI_TASK_SAMPLE_SCHEDULED:
        task->woken = since;
        if (sample->polls > 0) {
            task->poll_started = task->poll_ended = since > 1 ? since - 1 : since;
        }
        break;
    case WI_TASK_SAMPLE_IDLE:
        if (sample->polls > 0) {
            task->poll_started = task->poll_ended = since;
        }
        break;
    case WI_TASK_SAMPLE_DONE:
        task->dropped = since;
        break;
    }
}

void wi_tokio_task_of(const struct wi_task_sample *sample, int64_t now,
                      struct wi_tokio_task *ret_task)
{
    uint64_t most = TOKIO_DURATION_MAX;
    bool is_done = sample->state == WI_TASK_SAMPLE_DONE;
    uint64_t in_state = is_done && sample->in_state < most ? sample->in_state : 0;
    memset(ret_task, 0, sizeof(*ret_task));
    ret_task->id = sample->id;
    ret_task->state = sample->state;
    ret_task->created = tokio_before(now, (sample->age < most ? sample->age : most) + in_state);
    ret_task->polls = sample->polls;
    ret_task->wakes = sample->wakes;
    ret_task->self_wakes = sample->self_wakes < sample->wakes ? sample->self_wakes : sample->wakes;
    ret_task->busy = sample->busy;
    ret_task->scheduled = sample->scheduled;
    tokio_task_times(sample, now, ret_task);
}

bool wi_tokio_task_differs(const struct wi_tokio_task *a, const struct wi_tokio_task *b)
{
    return a->id != b->id || a->state != b->state || a->polls != b->polls || a->wakes != b->wakes ||
           a->self_wakes != b->self_wakes || a->busy != b->busy || a->scheduled != b->scheduled;
}

void wi_tokio_task_end(struct wi_tokio_task *task, int64_t now)
{
    task->state = WI_TASK_SAMPLE_DONE;
    now = tokio_time(now);
    task->dropped = now > task->created ? now : task->created;
}

/* Rows of one block follow each other, so that ids stay short while a process is young. */
static uint64_t tokio_task_number(uint64_t id)
{
    uint64_t generation = id >> 32;
    return (generation ? generation - 1 : 0) * WI_TOKIO_TASK_NUMBERS + (id & UINT32_MAX) + 1;
}

void wi_tokio_new_task(struct wi_buffer *buffer, const struct wi_task_sample *sample)
{
    size_t mark = wi_pack_begin(buffer, 1);
    tokio_put_id(buffer, 1, sample->id);
    tokio_put_id(buffer, 2, WI_TOKIO_META_TASK);
    wi_attribute_u64(buffer, 4, WI_TOKIO_META_TASK, "task.id", tokio_task_number(sample->id));
    wi_attribute_string(buffer, 4, WI_TOKIO_META_TASK, "task.name", sample->name);
    wi_attribute_string(buffer, 4, WI_TOKIO_META_TASK, "kind", sample->kind);
    wi_attribute_location(buffer, 6, sample->source);
    wi_pack_end(buffer, mark);
}

static void tokio_put_polls(struct wi_buffer *buffer, unsigned field, uint64_t polls,
                            int64_t started, int64_t ended, uint64_t busy)
{
    size_t mark = wi_pack_begin(buffer, field);
    wi_pack_u64(buffer, 1, polls);
    tokio_put_time_if_any(buffer, 4, started);
    tokio_put_time_if_any(buffer, 5, ended);
    tokio_put_duration(buffer, 6, busy);
    wi_pack_end(buffer, mark);
}

/* A living task has one waker here: whoever holds the task can wake it. */
void wi_tokio_task_stats(struct wi_buffer *buffer, const struct wi_tokio_task *task)
{
    size_t mark = wi_pack_begin(buffer, 3);
    wi_pack_u64(buffer, 1, task->id);
    size_t stats = wi_pack_begin(buffer, 2);
    tokio_put_time(buffer, 1, task->created);
    tokio_put_time_if_any(buffer, 2, task->dropped);
    wi_pack_u64(buffer, 3, task->wakes);
    wi_pack_u64(buffer, 4, 1);
    wi_pack_u64(buffer, 5, task->dropped != 0);
    tokio_put_time_if_any(buffer, 6, task->woken);
    tokio_put_polls(buffer, 7, task->polls, task->poll_started, task->poll_ended, task->busy);
    wi_pack_u64(buffer, 8, task->self_wakes);
    tokio_put_duration(buffer, 9, task->scheduled);
    wi_pack_end(buffer, stats);
    wi_pack_end(buffer, mark);
}

/* ---- resources ----------------------------------------------------------------------------- */

void wi_tokio_new_resource(struct wi_buffer *buffer, enum wi_kind kind, const struct wi_row *row)
{
    size_t mark = wi_pack_begin(buffer, 1);
    tokio_put_id(buffer, 1, row->id);
    tokio_put_id(buffer, 2, WI_TOKIO_META_RESOURCE);
    wi_pack_text(buffer, 3, wi_attribute_type(kind));
    size_t named = wi_pack_begin(buffer, 4);
    wi_attribute_text(buffer, 2, row->name && row->name[0] ? row->name : "(no name)");
    wi_pack_end(buffer, named);
    wi_attribute_location(buffer, 5, wi_attribute_source(kind, row));
    wi_pack_end(buffer, mark);
}

static void tokio_put_resource(struct wi_buffer *buffer, uint64_t id, int64_t created,
                               int64_t dropped, enum wi_kind kind, const struct wi_row *row)
{
    size_t mark = wi_pack_begin(buffer, 2);
    wi_pack_u64(buffer, 1, id);
    size_t stats = wi_pack_begin(buffer, 2);
    tokio_put_time(buffer, 1, created);
    tokio_put_time_if_any(buffer, 2, dropped);
    if (row) {
        wi_attributes(buffer, 3, WI_TOKIO_META_RESOURCE, kind, row);
    }
    wi_pack_end(buffer, stats);
    wi_pack_end(buffer, mark);
}

uint64_t wi_tokio_print(enum wi_kind kind, const struct wi_row *row)
{
    return wi_attributes_print(kind, row);
}

void wi_tokio_resource_stats(struct wi_buffer *buffer, enum wi_kind kind, const struct wi_row *row,
                             int64_t created)
{
    tokio_put_resource(buffer, row->id, created, 0, kind, row);
}

void wi_tokio_resource_end(struct wi_buffer *buffer, uint64_t id, int64_t created, int64_t dropped)
{
    dropped = tokio_time(dropped);
    tokio_put_resource(buffer, id, created, dropped > created ? dropped : created, WI_CHANNEL,
                       NULL);
}

/* ---- async operations ---------------------------------------------------------------------- */

const char *wi_tokio_op_source(enum wi_kind kind, const struct wi_row *row)
{
    if (kind == WI_SEMAPHORE) {
        return "Semaphore::acquire";
    }
    if (kind != WI_CHANNEL) {
        return NULL;
    }
    const struct wi_value *capacity = &row->value[WI_CHANNEL_CAPACITY];
    double depth = wi_value_number(&row->value[WI_CHANNEL_DEPTH], 0);
    bool is_full = capacity->type != WI_ABSENT && depth >= wi_value_number(capacity, 0);
    return is_full ? "Channel::send" : "Channel::receive";
}

void wi_tokio_new_op(struct wi_buffer *buffer, const struct wi_tokio_op *op)
{
    size_t mark = wi_pack_begin(buffer, 1);
    tokio_put_id(buffer, 1, op->id);
    tokio_put_id(buffer, 2, WI_TOKIO_META_OP);
    wi_pack_text(buffer, 3, op->source);
    tokio_put_id(buffer, 5, op->resource);
    wi_pack_end(buffer, mark);
}

/* The poll that began the wait was its only one, and took no time of its own. */
void wi_tokio_op_stats(struct wi_buffer *buffer, const struct wi_tokio_op *op)
{
    size_t mark = wi_pack_begin(buffer, 2);
    wi_pack_u64(buffer, 1, op->id);
    size_t stats = wi_pack_begin(buffer, 2);
    tokio_put_time(buffer, 1, op->created);
    tokio_put_time_if_any(buffer, 2, op->dropped);
    tokio_put_id(buffer, 4, op->task);
    tokio_put_polls(buffer, 5, 1, op->created, op->created, 0);
    wi_pack_end(buffer, stats);
    wi_pack_end(buffer, mark);
}

/* ---- the other messages -------------------------------------------------------------------- */

void wi_tokio_state(struct wi_buffer *buffer, bool is_paused)
{
    wi_pack_u64(buffer, 1, is_paused);
}

static void tokio_put_histogram(struct wi_buffer *buffer, unsigned field,
                                struct wi_process_view *view, uint64_t id, int metric)
{
    static const struct weir_histogram none;
    struct wi_row row = {.id = id};
    const struct weir_histogram *measured =
        wi_process_view_histogram(view, WI_TASK_INSTANCE, &row, metric);
    struct wi_hdr_outliers outliers;
    size_t mark = wi_pack_begin(buffer, field);
    size_t raw = wi_pack_begin(buffer, 1);
    wi_hdr_write(measured ? measured : &none, buffer, &outliers);
    wi_pack_end(buffer, raw);
    wi_pack_u64(buffer, 2, WI_HDR_MAX_NANOS);
    if (outliers.count > 0) {
        wi_pack_u64(buffer, 3, outliers.count);
        wi_pack_u64(buffer, 4, outliers.highest);
    }
    wi_pack_end(buffer, mark);
}

void wi_tokio_details(struct wi_buffer *buffer, struct wi_process_view *view, uint64_t id,
                      int64_t now)
{
    tokio_put_id(buffer, 1, id);
    tokio_put_time(buffer, 2, now);
    tokio_put_histogram(buffer, 4, view, id, WI_TASK_INSTANCE_POLL);
    tokio_put_histogram(buffer, 5, view, id, WI_TASK_INSTANCE_DELAY);
}
