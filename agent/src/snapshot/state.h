/* SPDX-License-Identifier: MIT */
/*
 * The internals of a segment's process view, for its own files only. Each calls only those before
 * it:
 *
 *     names.c, room.c (memory) -> derive.c, lanes.c (what follows from the counts) -> slots.c (which
 *     handle each slot has), senders.c, task_instances.c (what has a table of its own) ->
 *     warm_start.c, history_writer.c (the time before) -> tick.c (what moves on with time), rows.c,
 *     numbers.c, totals.c (what is shown) -> refresh.c (life, refresh, the table of operations)
 *
 * Not for anybody else. The process view's thread.
 */
#ifndef WI_SNAPSHOT_STATE_H
#define WI_SNAPSHOT_STATE_H

#include "snapshot/collect.h"
#include "snapshot/estimate.h"
#include "snapshot/flow.h"
#include "snapshot/provider.h"
#include "snapshot/memory.h"
#include "snapshot/history_writer.h"
#include "snapshot/process.h"
#include "snapshot/process_view.h"
#include "weir/map.h"

#define VIEW_TICK_NANOS    UINT64_C(900000000)
#define VIEW_MAX_AGES      1024
#define VIEW_MAX_ESTIMATES 256 /* channels that are slow, and have no waits of their own */
#define VIEW_MAX_WINDOWS   1024
#define VIEW_REJECTS       "backpressure_rejects"
#define VIEW_MAGIC         0x7765766eU

/* The quantiles of a measure, in nanoseconds; p99 of the last 10 to 20 seconds. */
struct view_waits {
    uint64_t count, p50, p99, max;
};

/* Sums over the single tasks of a kind. */
enum {
    INSTANCE_POLLS,
    INSTANCE_BUSY,
    INSTANCE_SCHEDULED,
    INSTANCE_IDLE,
    INSTANCE_WAKES,
    N_INSTANCE_SUMS
};

/* The further numbers of channels with senders and of kinds with single tasks. */
struct view_more {
    uint64_t senders, gone, away, orphaned, orphaned_bytes;
    uint64_t orphaned_away; /* of `orphaned`: their sender is away */
    uint64_t running, scheduled, idle;
    uint64_t sum[N_INSTANCE_SUMS];
    uint64_t high[N_INSTANCE_SUMS]; /* counters never fall, even if a reading missed something */
};

/* A sender's row, and a single task's. Generation 0: none is shown. */
struct view_sender {
    uint32_t generation;
    uint16_t watched; /* 1 + its index in view_watched; 0: it is not watched */
    bool was_empty;   /* at the last refresh: nothing of it was queued */
    char name[WEIR_SENDER_LABEL_MAX + 1];
};

/* Senders that have messages queued, at most 256: when there are more, deep ones replace shallow ones. Only these
 * have an age, and are judged. */
#define VIEW_WATCHED_SENDERS 256
struct view_watched {
    size_t n;
    struct view_watched_sender {
        uint32_t block;
        uint32_t row; /* its place among the rows */
        bool is_there;
        uint64_t queued;
        uint64_t empty_at,
            empty_left;     /* when nothing of it was queued, and what had left; 0: not known */
        struct wi_age *age; /* NULL: no memory, or no tick yet */
    } at[VIEW_WATCHED_SENDERS],
        newcomer; /* newcomer: the deepest one for which there was no room */
};

struct view_task_instance {
    uint32_t generation;
    bool has_rates;
    char name[WEIR_TASK_LABEL_MAX + 1];
    uint64_t last_polls, last_busy;
    double poll_rate, utilisation;
};

/* The state of a name, also of one whose handles are closed. */
struct view_retired {
    char *name;
    double limit_seconds; /* of closed handles, as far as this process view saw them */
};

/* The state that only few handles need at a time. */
struct view_extra {
    struct wi_age *age;
    struct wi_estimate *estimate; /* only with an age */
    struct wi_window *window[2];  /* for the recent p99; made once there are samples */
    struct view_more *more;       /* NULL: no senders, no single tasks */
    double limit_seconds;
};

/* The state of one handle: there may be very many. */
struct view_slot {
    uint32_t name;         /* where it lies among the names; 0: it is that of its totals */
    uint32_t source;       /* the same of the line where it was opened; 0: not known */
    uint32_t label;        /* the same of its label, or a value's unit; 0: none, or not known yet */
    uint32_t help;         /* the same of a value's help */
    uint32_t retired : 16; /* 1 + the number of its name's totals; 0: none */
    uint32_t track : 7;    /* in the history that this process view writes, from 1; 0: none */
    uint32_t is_for_receivers : 1; /* channel: its party */
    uint32_t kind : 4;
    uint32_t has_rates : 1;
    uint32_t is_warm : 1;     /* its rates are in `warm` */
    uint32_t was_there : 1;   /* at the tick before */
    uint32_t lacks_texts : 1; /* label, unit and help are not known yet */
    uint64_t peak;            /* channel: highest depth; semaphore: most permits taken */
    struct view_extra *extra; /* NULL: nothing of it is needed */
};

/* The flows of all slots at the last tick and at the one before: rates follow from both. */
struct view_flows {
    struct wi_columns of[2];
    bool is_known[2]; /* there was memory for them */
    bool are_present; /* the newest are those of this reading */
    unsigned newest;
    double seconds;      /* from one to the other */
    size_t block_number; /* 1 + of the flows that were looked at last; 0: none */
    struct wi_flow block[2][WI_COLUMNS_RECORDS];
};

/* The flows of sixteen slots side by side, and what else is asked of all channels each second. A slot that is not open
 * has 0 in each. */
struct view_lanes {
    size_t number;     /* 1 + the block that they are of; 0: none */
    unsigned open;     /* a bit for each slot that is open */
    unsigned channels; /* a bit for each that is an open channel of messages that are counted */
    struct wi_lane total[WI_N_TOTALS];
    struct wi_lane capacity, high; /* of channels: high as in struct wi_slot, out.other */
};

/* The rates of a slot as the history tells them, until the second tick. */
struct view_warm {
    uint32_t slot;
    double rate[WI_FLOW_RATES]; /* in the order of wi_flow_rates */
};

/* The texts of slots, side by side. */
struct view_names {
    char *bytes;
    size_t length, room;
    size_t kept;           /* the length when they were tidied last */
    struct wi_map sources; /* where those of source lines lie, by file and line */
};

/* The metrics of a kind that follow from a flow: found once, since rows are built by the hundred
 * thousand. */
struct view_flowing {
    size_t n;
    uint64_t fields; /* them by bits */
    uint8_t metric[WI_MAX_METRICS];
    bool is_rate[WI_MAX_METRICS];
};

/* The context of a segment's process view. */
struct segment_view {
    uint32_t magic; /* VIEW_MAGIC: what the operations get is one */
    struct wi_process_view
        *base; /* its process view: facts, clocks, verdict; NULL while it is being opened */
    struct wi_source *source;
    struct wi_collection collection;
    struct wi_process process;
    struct history_writer writer;
    struct view_slot *slots;
    struct view_names names;
    struct view_flows flows;
    struct view_lanes lanes; /* those that were looked at last */
    struct view_warm *warm;
    size_t n_warm;
    uint32_t *generations; /* of the slots, side by side */
    size_t n_slots;
    struct view_sender *senders;
    struct view_watched *watched; /* NULL: no sender had messages queued yet */
    struct view_task_instance *instances;
    size_t room_blocks[WI_N_TABLES];
    struct view_retired *retired;
    size_t room_retired;
    size_t n_more, n_extras;
    bool lacks_texts;
    size_t n_seen; /* the number of slots at the last refresh that added them all; SIZE_MAX: none
                      did */
    uint32_t *order[WI_N_KINDS]; /* ids by kind */
    size_t n_order[WI_N_KINDS];
    size_t room_order[WI_N_KINDS];
    size_t n_ages, n_estimates, n_windows;
    int64_t wall_step;     /* to add to the segment's times (weir/wall.h) */
    double uptime_seconds; /* of the process */
    uint64_t sum;          /* wi_view_sum_rejects, of the last refresh */
    bool has_sum;
    uint64_t rejects, rejects_last;
    double rejects_rate, cpu_last, cpu_ratio;
    bool has_rates, has_counter;
    struct view_flowing flowing[WI_N_KINDS];
    struct view_waits waits[2]; /* of the row that is built */
    char broken_at[64];         /* the agent's row */
    struct weir_histogram scratch;
};

static inline uint64_t view_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* The stages of a refresh, after wi_collect, in their order. Room for all that the collection has, and
 * for the ids of each kind. Fails: WEIR_E_MEMORY. */
enum weir_status wi_view_make_room(struct segment_view *view, struct weir_error *ret_error);

/* Adds the names of closed handles. Fails: WEIR_E_MEMORY, WEIR_E_CORRUPT. The second frees them. */
enum weir_status wi_view_meet_retired(struct segment_view *view, struct weir_error *ret_error);
void wi_view_forget_retired(struct segment_view *view);

/* Adds new handles, drops closed ones, and lists all by kind. Fails: WEIR_E_MEMORY, WEIR_E_CORRUPT. */
enum weir_status wi_view_meet_slots(struct segment_view *view, struct weir_error *ret_error);

/* Add new senders and single tasks, and sum them for their channels and kinds. */
void wi_view_meet_senders(struct segment_view *view);
void wi_view_meet_task_instances(struct segment_view *view);

/* Which of a handle's two histograms is behind a metric. */
unsigned wi_view_measure(enum wi_kind kind, int metric);

/* Moves the ages of senders on; the rows of those that are watched; their memory, and its end. */
void wi_view_tick_senders(struct segment_view *view);
size_t wi_view_worst_senders(const struct segment_view *view, uint32_t *ret_rows, size_t room);
size_t wi_view_senders_memory(const struct segment_view *view);
void wi_view_forget_senders(struct segment_view *view);

/* Moves the rates of single tasks on. */
void wi_view_tick_task_instances(struct segment_view *view, double seconds);

/* The rows of senders and single tasks, by the index of their blocks. */
void wi_view_build_sender(const struct segment_view *view, size_t i, struct wi_row *row);
void wi_view_build_task_instance(struct segment_view *view, size_t i, struct wi_row *row);

/* Makes what few slots need, unless it is there; NULL: no memory. Frees it when nothing is in it. */
struct view_extra *wi_view_extra(struct segment_view *view, struct view_slot *slot);
void wi_view_drop_extra(struct segment_view *view, struct view_slot *slot);

static inline struct view_more *view_more(const struct view_slot *slot)
{
    return slot->extra ? slot->extra->more : NULL;
}

/* The word for whom the senders of a channel stand for. */
static inline const char *view_party(const struct view_slot *channel)
{
    return channel->is_for_receivers ? "receiver" : "sender";
}

static inline double view_limit_seconds(const struct view_slot *slot)
{
    return slot->extra ? slot->extra->limit_seconds : 0;
}

/* The flow of a slot at the last tick (0), and at the one before (1); NULL: there was no memory for
 * it. It stays until a flow of another sixteen slots is asked for. */
const struct wi_flow *wi_view_flow(const struct segment_view *view, size_t id, unsigned ago);

/* The ages of a channel, made if it has none; NULL: no memory, or there are too many. */
struct wi_age *wi_view_age(struct segment_view *view, struct view_slot *slot);

/* The same of its estimated waits; and frees them. */
struct wi_estimate *wi_view_estimate(struct segment_view *view, struct view_slot *slot);
void wi_view_drop_estimate(struct segment_view *view, struct view_slot *slot);

/* The present flow of a slot. */
static inline void view_flow_now(const struct segment_view *view, size_t id,
                                 struct wi_flow *ret_flow)
{
    wi_flow_take(wi_collect_raw(&view->collection, id), ret_flow);
}

/* The lanes of sixteen slots, of this reading. They stay until others are asked for; forgotten when the counts change. */
const struct view_lanes *wi_view_lanes(struct segment_view *view, size_t block);

/* The further numbers of a channel or a kind; NULL: the slot has another handle by now, or there is
 * no memory. */
struct view_more *wi_view_more(struct segment_view *view, size_t id, uint32_t generation,
                               enum wi_kind kind);

/* Updates highest and lowest values, on each tick and whenever a row is shown. */
void wi_view_watch(struct view_slot *slot, const struct wi_raw *raw, const struct wi_flow *flow);

/* The present quantiles of a slot's measure, computed only for rows that are read. All 0 if nothing
 * was measured. */
void wi_view_waits(struct segment_view *view, size_t id, unsigned which,
                   struct view_waits *ret_waits);

/* Moves rates, ages and windows on by so many seconds; 0: for the first time. */
void wi_view_tick(struct segment_view *view, double seconds);

/* The number of refusals in the screen's header: each refusal counts once, where it happens. */
uint64_t wi_view_sum_rejects(struct segment_view *view);

/* Now, or when the process was last seen. */
uint64_t wi_view_as_of(const struct segment_view *view);
int64_t wi_view_as_of_unix(const struct segment_view *view);

/* Finds the metrics that follow from flows, when the view is opened. */
void wi_view_list_flowing(struct segment_view *view);

/* The texts of a slot; NULL: it has none. Borrowed until the next refresh. */
const char *wi_view_name(const struct segment_view *view, size_t id);
const char *wi_view_source(const struct segment_view *view, size_t id);
const char *wi_view_label(const struct segment_view *view, size_t id);
const char *wi_view_help(const struct segment_view *view, size_t id);

/* Keeps those of a slot's texts that it has not yet. Returns false when there is no memory. */
bool wi_view_keep_texts(struct segment_view *view, struct view_slot *slot,
                        const struct wi_slot_texts *texts);

/* Gives back what texts of closed handles take, when it is much. Texts move. */
void wi_view_tidy_names(struct segment_view *view);
void wi_view_finish_names(struct segment_view *view);
size_t wi_view_names_memory(const struct segment_view *view);

/* Empties a slot. */
void wi_view_forget(struct segment_view *view, struct view_slot *slot);

/* The number of slots that may be read. */
size_t wi_view_n_slots(const struct segment_view *view, enum wi_kind kind);

/* Rows, as the operations of snapshot/provider.h. */
size_t wi_view_count(const struct segment_view *view, enum wi_kind kind);
void wi_view_row(struct segment_view *view, enum wi_kind kind, size_t i, struct wi_row *row);
bool wi_view_numbers(struct segment_view *view, enum wi_kind kind, size_t first, size_t n,
                     struct wi_numbers *ret_numbers);
bool wi_view_at(struct segment_view *view, size_t slot_index, enum wi_kind *ret_kind,
                struct wi_row *row);
int64_t wi_view_opened_unix_nanos(const struct segment_view *view, size_t slot_index);
bool wi_view_task(struct segment_view *view, size_t slot_index, struct wi_task_sample *ret_sample);
const struct weir_histogram *wi_view_histogram(struct segment_view *view, enum wi_kind kind,
                                               const struct wi_row *row, int metric);
bool wi_view_retired(struct segment_view *view, size_t i, enum wi_kind *ret_kind,
                     struct wi_row *row);
bool wi_view_retired_bytes(struct segment_view *view, size_t i, struct wi_row *row);
enum weir_status wi_view_octaves(struct segment_view *view, enum wi_kind kind, int metric,
                                 const struct wi_octave_groups *groups);

#endif
