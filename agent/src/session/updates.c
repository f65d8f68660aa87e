/* SPDX-License-Identifier: MIT */
/*
 * WatchUpdates: tells a tokio-console what has changed.
 *
 * A round walks over all slots of the process and compares each row with the peer's state of it. A
 * row that is new goes out with its numbers, one that has changed with its numbers alone, one that
 * has gone with its end. The first round finds all new. Rounds begin a second apart.
 *
 * A round that does not fit into one message (1 MiB), or takes more than a turn (16,384 slots),
 * continues in the next message; rows that came and went meanwhile do not move the others' slots.
 * Nothing is queued: the next round finds the changes that a slow peer missed.
 *
 * The call owns two arrays, by slot, with the peer's state. They are in the session's memory and
 * grow with the process; when there is no room, the call ends with RESOURCE_EXHAUSTED. While the
 * process cannot be read nothing is sent, since "unknown" is not "gone". When the process or the
 * exporter ends, one last message ends the rows that the peer has, as far as it fits. A pause of
 * the peer's stops rounds after the first one. The exporter's thread.
 */
#include "session/tokio.h"

#include "encode/tokio.h"
#include "encode/attribute.h"
#include "encode/weir.h"
#include "session/clock.h"

#include <string.h>

#define UPDATES_SEATS_LEAST 16 /* slots of the arrays at first; the number doubles */

/* The peer's state of a resource, and of a single task with its wait. An id of 0: the peer has
 * nothing. */
struct updates_resource {
    uint64_t id;
    uint64_t print;
    int64_t created;
};

struct updates_task {
    struct wi_tokio_task task;
    struct wi_tokio_op op;
    uint64_t op_polls; /* of the task when the wait began */
};

enum updates_phase { UPDATES_TASKS, UPDATES_RESOURCES, UPDATES_OPS, UPDATES_DONE };

struct updates {
    struct wi_call call; /* first */
    const struct wi_call_context *context;
    struct wi_served *served;
    struct wi_peer *peer;
    struct wi_clock clock;
    int64_t now;
    struct updates_resource *resources; /* by slot */
    size_t n_resources;
    struct updates_task *tasks; /* by slot */
    size_t n_tasks;
    uint64_t n_ops;           /* so far */
    uint64_t lost_tasks;      /* single tasks without room in the segment, as last sent */
    uint64_t lost_resources;  /* handles without room, as last sent */
    enum updates_phase phase; /* of the round */
    size_t slot_index;        /* the next slot of the phase */
    uint64_t round_nanos;     /* when the round began */
    bool is_under_way;
    bool has_said; /* there are changes in this round */
    bool has_metadata;
    bool has_passed; /* a round is over: the peer has everything */
    bool is_leaving;
};

static struct updates *updates_self(struct wi_call *call)
{
    return (struct updates *)(void *)call;
}

static void updates_destroy(struct wi_call *call)
{
    struct updates *self = updates_self(call);
    wi_memory_return(call->memory, self->resources);
    wi_memory_return(call->memory, self->tasks);
    wi_call_free(call);
}

static void updates_leave(struct wi_call *call)
{
    updates_self(call)->is_leaving = true;
}

static void updates_skip(struct wi_call *call, uint64_t now_nanos)
{
    struct updates *self = updates_self(call);
    call->due_nanos = now_nanos + WI_TOKIO_INTERVAL_NANOS;
    self->context->views->self->updates_skipped++;
}

static size_t updates_room(size_t n)
{
    size_t room = UPDATES_SEATS_LEAST;
    while (room < n) {
        room *= 2;
    }
    return room;
}

/* Remembers `n` slots from now on, or as many as before if those were more; new entries are empty. */
static bool updates_remember(struct updates *self, void **entries, size_t *n_entries, size_t bytes,
                             size_t n)
{
    if (n <= *n_entries) {
        return true;
    }
    if (!*entries || updates_room(n) > updates_room(*n_entries)) {
        void *grown = wi_memory_resize(self->call.memory, *entries, updates_room(n) * bytes);
        if (!grown) {
            return false;
        }
        *entries = grown;
    }
    memset((unsigned char *)*entries + *n_entries * bytes, 0, (n - *n_entries) * bytes);
    *n_entries = n;
    return true;
}

/* ---- one slot ------------------------------------------------------------------------------ */

static void updates_end_task(struct updates *self, struct updates_task *entry,
                             struct wi_buffer *buffer)
{
    if (entry->task.id != 0 && entry->task.dropped == 0) {
        wi_tokio_task_end(&entry->task, self->now);
        wi_tokio_task_stats(buffer, &entry->task);
    }
}

static void updates_task(struct updates *self, size_t slot_index, struct wi_buffer *buffer)
{
    struct updates_task *entry = &self->tasks[slot_index];
    struct wi_task_sample sample;
    struct wi_tokio_task task;
    bool is_there = wi_process_view_task(self->served->view, slot_index, &sample);
    if (!is_there || sample.id != entry->task.id) {
        updates_end_task(self, entry, buffer);
        memset(&entry->task, 0, sizeof(entry->task));
    }
    if (!is_there) {
        return;
    }
    wi_tokio_task_of(&sample, self->now, &task);
    if (entry->task.id == 0) {
        wi_tokio_new_task(buffer, &sample);
    } else if (entry->task.dropped != 0 || !wi_tokio_task_differs(&entry->task, &task)) {
        return;
    }
    entry->task = task;
    wi_tokio_task_stats(buffer, &task);
}

static void updates_end_resource(struct updates *self, struct updates_resource *entry,
                                 struct wi_buffer *buffer)
{
    if (entry->id != 0) {
        wi_tokio_resource_end(buffer, entry->id, entry->created, self->now);
        entry->id = 0;
    }
}

static int64_t updates_opened(const struct updates *self, size_t slot_index)
{
    int64_t opened = wi_process_view_opened_unix_nanos(self->served->view, slot_index);
    return opened > 0 && opened < self->now ? opened : self->now;
}

static void updates_resource(struct updates *self, size_t slot_index, struct wi_buffer *buffer)
{
    struct updates_resource *entry = &self->resources[slot_index];
    enum wi_kind kind = WI_CHANNEL;
    const struct wi_row *row = wi_process_view_at(self->served->view, slot_index, &kind);
    if (!row || row->id != entry->id) {
        updates_end_resource(self, entry, buffer);
    }
    if (!row || !wi_attribute_type(kind)) {
        return;
    }
    uint64_t print = wi_tokio_print(kind, row);
    if (entry->id == 0) {
        entry->id = row->id;
        entry->created = updates_opened(self, slot_index);
        wi_tokio_new_resource(buffer, kind, row);
    } else if (entry->print == print) {
        return;
    }
    entry->print = print;
    wi_tokio_resource_stats(buffer, kind, row, entry->created);
}

/* The resource that an idle task waits for and that the peer knows; 0: none. */
static uint64_t updates_waited_for(const struct updates *self, const struct updates_task *entry,
                                   const struct wi_task_sample *sample)
{
    uint64_t slot_index = sample->waits_for & UINT32_MAX;
    bool is_known = sample->waits_for != 0 && slot_index < self->n_resources &&
                    self->resources[slot_index].id == sample->waits_for;
    return is_known && sample->id == entry->task.id && entry->task.dropped == 0 &&
                   sample->state == WI_TASK_SAMPLE_IDLE
               ? sample->waits_for
               : 0;
}

static void updates_begin_op(struct updates *self, struct updates_task *entry, uint64_t resource,
                             struct wi_buffer *buffer)
{
    enum wi_kind kind = WI_CHANNEL;
    const struct wi_row *row =
        wi_process_view_at(self->served->view, (size_t)(resource & UINT32_MAX), &kind);
    const char *source = row && row->id == resource ? wi_tokio_op_source(kind, row) : NULL;
    if (!source) {
        return;
    }
    entry->op = (struct wi_tokio_op){
        .id = ++self->n_ops, .resource = resource, .task = entry->task.id, .source = source};
    wi_tokio_new_op(buffer, &entry->op);
}

static void updates_end_op(struct updates *self, struct updates_task *entry,
                           struct wi_buffer *buffer)
{
    if (entry->op.id != 0) {
        entry->op.dropped = self->now > entry->op.created ? self->now : entry->op.created;
        wi_tokio_op_stats(buffer, &entry->op);
        memset(&entry->op, 0, sizeof(entry->op));
    }
}

static void updates_op(struct updates *self, size_t slot_index, struct wi_buffer *buffer)
{
    struct updates_task *entry = &self->tasks[slot_index];
    struct wi_task_sample sample;
    uint64_t resource = 0;
    if (entry->task.id == 0 && entry->op.id == 0) {
        return;
    }
    if (wi_process_view_task(self->served->view, slot_index, &sample)) {
        resource = updates_waited_for(self, entry, &sample);
    }
    if (entry->op.resource != resource || entry->op.task != entry->task.id) {
        updates_end_op(self, entry, buffer);
    }
    if (resource == 0) {
        return;
    }
    bool is_new = entry->op.id == 0;
    if (is_new) {
        updates_begin_op(self, entry, resource, buffer);
    }
    if (entry->op.id != 0 && (is_new || entry->op_polls != sample.polls)) {
        struct wi_tokio_task task;
        wi_tokio_task_of(&sample, self->now, &task);
        entry->op_polls = sample.polls;
        entry->op.created = task.poll_ended > 0 ? task.poll_ended : task.created;
        wi_tokio_op_stats(buffer, &entry->op);
    }
}

/* ---- a round ------------------------------------------------------------------------------- */

typedef void updates_slot_index_fn(struct updates *self, size_t slot_index,
                                   struct wi_buffer *buffer);

static uint64_t updates_agent(const struct wi_process_view *view, int metric)
{
    const struct wi_row *row = wi_process_view_row(view, WI_AGENT, 0);
    return row && row->value[metric].type == WI_U64 ? row->value[metric].u.u64 : 0;
}

/* The growth since the last message. */
static uint64_t updates_growth(uint64_t *told, uint64_t count)
{
    uint64_t growth = count > *told ? count - *told : 0;
    *told = count > *told ? count : *told;
    return growth;
}

/* The number of slots in the current phase; false: no memory to remember them. */
static bool updates_begin_phase(struct updates *self, size_t *ret_n)
{
    const struct wi_process_view *view = self->served->view;
    void *entries;
    bool has_room = true;
    if (self->phase == UPDATES_RESOURCES) {
        entries = self->resources;
        has_room = updates_remember(self, &entries, &self->n_resources, sizeof(*self->resources),
                                    wi_process_view_n_slots(view, WI_CHANNEL));
        self->resources = entries;
        *ret_n = self->n_resources;
    } else {
        entries = self->tasks;
        has_room = updates_remember(self, &entries, &self->n_tasks, sizeof(*self->tasks),
                                    wi_process_view_n_slots(view, WI_TASK_INSTANCE));
        self->tasks = entries;
        *ret_n = self->n_tasks;
    }
    return has_room;
}

/* Continues the current phase, until the message is full or the turn is over. */
static bool updates_run_phase(struct updates *self, struct wi_buffer *buffer, size_t *left)
{
    static updates_slot_index_fn *const functions[] = {updates_task, updates_resource, updates_op};
    static const enum wi_tokio_part parts[] = {WI_TOKIO_TASKS, WI_TOKIO_RESOURCES, WI_TOKIO_OPS};
    size_t n;
    if (!updates_begin_phase(self, &n)) {
        return false;
    }
    size_t mark = wi_tokio_begin_part(buffer, parts[self->phase]);
    while (*left > 0 && self->slot_index < n && !buffer->has_failed &&
           buffer->length + WI_TOKIO_ROOM <= WI_TOKIO_MESSAGE_MAX) {
        functions[self->phase](self, self->slot_index, buffer);
        self->slot_index++;
        --*left;
    }
    uint64_t lost = 0;
    if (self->phase == UPDATES_TASKS) {
        lost = updates_growth(&self->lost_tasks,
                              updates_agent(self->served->view, WI_AGENT_SINGLES_REFUSED));
    } else if (self->phase == UPDATES_RESOURCES) {
        lost = updates_growth(&self->lost_resources,
                              updates_agent(self->served->view, WI_AGENT_HANDLES_REFUSED));
    }
    wi_tokio_end_part(buffer, mark, parts[self->phase], lost);
    if (self->slot_index >= n) {
        self->phase++;
        self->slot_index = 0;
    }
    return true;
}

static bool updates_run(struct updates *self, struct wi_buffer *buffer)
{
    size_t left = WI_TOKIO_TURN_SEATS;
    enum updates_phase phase;
    do {
        phase = self->phase;
        if (!updates_run_phase(self, buffer, &left)) {
            return false;
        }
    } while (self->phase != phase && self->phase != UPDATES_DONE);
    return !buffer->has_failed;
}

/* The end of all rows that the peer has, as far as one message holds: there is no other. */
static void updates_say_end(struct updates *self, struct wi_buffer *buffer)
{
    const size_t most = WI_MESSAGE_MAX - WI_TOKIO_ROOM;
    size_t mark = wi_tokio_begin_part(buffer, WI_TOKIO_TASKS);
    for (size_t i = 0; i < self->n_tasks && buffer->length < most; i++) {
        updates_end_task(self, &self->tasks[i], buffer);
    }
    wi_tokio_end_part(buffer, mark, WI_TOKIO_TASKS, 0);
    mark = wi_tokio_begin_part(buffer, WI_TOKIO_RESOURCES);
    for (size_t i = 0; i < self->n_resources && buffer->length < most; i++) {
        updates_end_resource(self, &self->resources[i], buffer);
    }
    wi_tokio_end_part(buffer, mark, WI_TOKIO_RESOURCES, 0);
    mark = wi_tokio_begin_part(buffer, WI_TOKIO_OPS);
    for (size_t i = 0; i < self->n_tasks && buffer->length < most; i++) {
        updates_end_op(self, &self->tasks[i], buffer);
    }
    wi_tokio_end_part(buffer, mark, WI_TOKIO_OPS, 0);
}

static void updates_begin_message(struct updates *self, struct wi_buffer *buffer)
{
    const struct wi_process_view *view = self->served->view;
    self->now = wi_clock_now(&self->clock, view);
    wi_tokio_now(buffer, self->now);
}

/* When to continue: during a round as soon as the peer has taken the message, or all other calls
 * have had their turn. Each round has a message, if only to send the time. */
static enum wi_call_next updates_end_turn(struct updates *self, uint64_t now_nanos, bool has_said)
{
    struct wi_call *call = &self->call;
    bool is_over = self->phase == UPDATES_DONE;
    bool is_message = has_said || (is_over && !self->has_said);
    self->has_said |= has_said;
    if (is_over) {
        uint64_t due = self->round_nanos + WI_TOKIO_INTERVAL_NANOS;
        self->is_under_way = false;
        self->has_passed = true;
        call->due_nanos = due > now_nanos ? due : now_nanos + 1;
    } else {
        call->due_nanos = has_said ? 0 : now_nanos + 1;
    }
    return is_message ? WI_CALL_MESSAGE : WI_CALL_QUIET;
}

static enum wi_call_next updates_next(struct wi_call *call, uint64_t now_nanos,
                                      struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct updates *self = updates_self(call);
    call->heard = self->peer->pauses;
    if (self->is_leaving) {
        updates_begin_message(self, buffer);
        updates_say_end(self, buffer);
        return wi_call_tell(buffer, ret_fault);
    }
    if (self->peer->is_paused && self->has_passed) {
        call->due_nanos = UINT64_MAX;
        return WI_CALL_QUIET;
    }
    if (self->served->status != WEIR_OK) {
        call->due_nanos = now_nanos + WI_TOKIO_INTERVAL_NANOS;
        return WI_CALL_QUIET; /* the process is not readable at present, which does not mean that it
                                 is empty */
    }
    if (!self->is_under_way) {
        self->is_under_way = true;
        self->has_said = false;
        self->phase = UPDATES_TASKS;
        self->slot_index = 0;
        self->round_nanos = now_nanos;
    }
    updates_begin_message(self, buffer);
    size_t begun = buffer->length;
    if (!self->has_metadata) {
        self->has_metadata = true;
        wi_tokio_metadata(buffer, wi_process_view_facts(self->served->view)->name);
    }
    if (!updates_run(self, buffer)) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for so many rows");
        return WI_CALL_END;
    }
    return updates_end_turn(self, now_nanos, buffer->length > begun);
}

struct wi_call *wi_tokio_watch_updates(const struct wi_call_start *start,
                                       struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {updates_next, updates_skip, updates_destroy,
                                             updates_leave};
    struct updates *self = wi_call_create(start, &type, sizeof(*self), ret_fault);
    if (self) {
        self->call.bell = &start->peer->pauses;
        self->call.heard = start->peer->pauses;
        self->context = start->context;
        self->served = start->served;
        self->peer = start->peer;
    }
    return (struct wi_call *)self;
}
