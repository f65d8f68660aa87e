/* SPDX-License-Identifier: MIT */
/*
 * The internals of the findings, for their own files only: watch_state.c (the state kept for a
 * row), sample.c (the counts of a flow), entry.c (the findings of this sample), hindsight.c (what
 * an exporter that starts late takes from the history), growth.c (memory), and one file for each
 * kind of row.
 *
 *     rows -> watch states -> judged: entries, worst first -> the verdict's warnings
 *
 * The process view's thread.
 */
#ifndef WI_FINDING_STATE_H
#define WI_FINDING_STATE_H

#include "finding/attribution.h"
#include "finding/finding.h"
#include "finding/depth_window.h"
#include "finding/words.h"
#include "snapshot/flow.h"
#include "weir/map.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define FINDING_SECOND      UINT64_C(1000000000)
#define FINDING_MAX_WATCHES 1024U
#define FINDING_WATCH_MARKS 32768U /* bits; a multiple of 64 */
#define FINDING_MAX         (unsigned)WI_WARNINGS_MAX
#define FINDING_TEXT        320U
#define FINDING_CRITICAL    (60 * FINDING_SECOND) /* of growth */
#define FINDING_WINDOW      (60 * FINDING_SECOND) /* of numbers that have a finding */

enum finding_severity { FINDING_INFO, FINDING_WARNING, FINDING_CRITICAL_NOW };

/* The row that a finding is about. */
struct finding_subject {
    bool is_row; /* else it is about none */
    enum wi_kind kind;
    uint64_t id;
    const char *label; /* NULL: none; borrowed until the next refresh */
};

/* Findings of one kind about rows of one name (group.c). */
#define FINDING_GROUPS     64U
#define FINDING_MEMBERS    256U
#define FINDING_EACH       64U /* of one group */
#define FINDING_GROUP_TEXT 8192U
struct finding_group {
    const char *kind, *name; /* name: borrowed until the next refresh */
    enum wi_kind about;
    bool is_remark;
    uint32_t n;    /* rows */
    size_t n_open; /* open rows of that name, once they are counted */
    uint64_t last; /* the row that joined last */
};

/* A row of a group; NULL: it has no label. */
struct finding_member {
    uint64_t id;
    const char *label; /* borrowed until the next refresh */
    double weight;
    enum finding_severity severity;
    uint8_t group; /* 1 + its index */
};

struct finding_entry {
    enum finding_severity severity;
    double weight; /* among equals, the heavier is shown first */
    const char *kind;
    const char *action;
    struct finding_subject about;
    uint8_t group;      /* 1 + its index; 0: none */
    char *labels, *ids; /* of all rows that it is about, in group_text; NULL: none */
    char subject[WI_ROW_TITLE_MAX];
    char text[FINDING_TEXT], evidence[FINDING_TEXT], estimate[FINDING_TEXT];
    double number[WI_WARNING_N_NUMBERS];
};

/* The state kept for one channel, semaphore, task kind, loop or gauge with a capacity. */
struct finding_watch_state {
    uint64_t id;
    enum wi_kind kind;
    uint32_t sample;     /* at which the row was seen last */
    uint32_t idle;       /* samples in a row without anything to remember */
    uint32_t slow, late; /* samples in a row that a loop was slow, that its timer was late */
    uint32_t orphaned;   /* samples in a row that a channel held orphans */
    bool is_named;       /* its growth has been reported */
    bool is_leaking;     /* and continues */
    bool is_unbounded;   /* channel */
    bool is_bytes;       /* channel: it counts bytes */
    bool is_observed;    /* channel: nobody counts what enters and leaves */
    bool is_inherited;   /* channel: other processes may receive from it, and count on their own */
    uint64_t none_since; /* since when no permit is free; 0: one is */
    uint64_t refused_since; /* since when acquires or messages are refused; 0: they are not */
    uint64_t full_since, orphaned_since;
    uint64_t first;         /* when it was seen first */
    uint64_t depth, bytes;  /* queued; permits taken; tasks alive; a gauge's value, at least 0 */
    uint64_t capacity;      /* of a bounded channel, or a gauge */
    uint64_t came, refused; /* sent, acquired or spawned; refused; ever */
    uint64_t gone;          /* received and discarded, or finished; ever */
    double in_rate, out_rate, refused_rate;
    double usual_wait;         /* seconds: the median; 0: none was measured */
    const char *name;          /* borrowed until the next refresh */
    const char *label;         /* the same; NULL: none */
    const char *largest_label; /* the same, of a channel's largest object */
    uint64_t objects, largest; /* of a channel: how many it has, and the depth of the largest */
    struct wi_depth_window
        depth_window; /* its `bytes`: declared bytes of a channel; acquires so far of a semaphore */
};

/* The state kept for a sender that has messages queued (sender.c). */
#define FINDING_SENDERS 256U
struct finding_sender {
    uint64_t id;
    uint64_t channel; /* the id of its row */
    uint32_t sample;  /* at which it was seen last */
    uint32_t calm;    /* samples in a row that it did not stand still */
    bool is_open;     /* neither away nor gone */
    bool has_moved;   /* since the sample before */
    bool is_stalled;  /* that is told */
    uint64_t queued, bytes, left;
    uint64_t moved_at;    /* when messages of it left last */
    uint64_t others;      /* how many had left its channel by then */
    uint64_t holds_since; /* since when it holds a large share; 0: it does not */
    uint64_t highest;     /* most that it had queued since then */
    double oldest;        /* seconds; NaN: not known */
    const char *name;     /* borrowed until the next refresh */
};

/* The samples of the process's memory, without weir's own. */
struct finding_memory {
    uint32_t n; /* samples ever */
    uint64_t nanos[WI_ATTRIBUTION_SAMPLES];
    double bytes[WI_ATTRIBUTION_SAMPLES];
    struct wi_minute_window minute_window;
    bool is_heap;           /* as the allocator reports; else RssAnon */
    double own;             /* weir's own, at the last sample */
    uint64_t growing_since; /* since when it grows; 0: it does not */
    uint32_t lapse;         /* samples in a row in which it did not seem to grow */
};

/* The samples of a gauge, each at the index of the memory's sample of that moment. */
#define FINDING_GAUGES 32U
struct finding_gauge {
    uint64_t id;
    const char *name;             /* borrowed until the next refresh */
    uint32_t sample;              /* at which it was seen last */
    uint32_t first, first_minute; /* the samples from which on it is known */
    uint32_t n_minutes;           /* that had ended at the last sample */
    double last;
    double second[WI_ATTRIBUTION_SAMPLES];
    double minute[WI_MINUTE_WINDOW_MINUTES];
};

/* The series of a channel and of memory, while they are compared. */
struct gauge_series {
    double seconds[WI_ATTRIBUTION_SAMPLES], memory[WI_ATTRIBUTION_SAMPLES],
        value[WI_ATTRIBUTION_SAMPLES];
};
_Static_assert(WI_MINUTE_WINDOW_MINUTES <= WI_ATTRIBUTION_SAMPLES, "minutes fit, too");

/* The gauge that fits the growth best. */
struct finding_gauge_share {
    const struct finding_gauge *gauge;
    double rate;  /* per second */
    double each;  /* bytes of memory for each unit, by regression */
    double share; /* of the growth, where it counts bytes */
    double r2;
    bool is_bytes; /* it rises by as many bytes as memory does */
};

/* A limit of the process's memory; `most` is 0 where there is none. */
enum { FINDING_LIMITS = 2 };
struct finding_limit {
    const char *name;
    double most, used; /* bytes */
};

struct wi_finding {
    struct finding_watch_state *watches;
    uint32_t n_watches;
    uint32_t room;
    uint32_t sample;
    uint64_t now;      /* the moment of the rows */
    bool is_dead;      /* the process is alive */
    bool has_children; /* forked processes count by themselves */
    double uptime;     /* seconds; NaN: not known */
    struct finding_limit limit[FINDING_LIMITS];
    struct finding_subject about; /* the row that is being judged: entries made now are about it */
    struct {
        uint64_t id, depth;
        enum wi_kind kind;
    } newcomer;        /* the deepest row of this sample for which there was no room */
    struct wi_map map; /* over `watches`, by kind and id */
    uint64_t marks[FINDING_WATCH_MARKS / 64]; /* of the ids in it */
    struct finding_sender *senders;           /* FINDING_SENDERS; NULL: none was seen yet */
    uint32_t n_senders;
    struct finding_memory memory;
    struct finding_gauge gauge[FINDING_GAUGES];
    uint32_t n_gauges;
    struct {
        size_t n, deep; /* channels without a bound, and the depth of the deepest ever */
        bool is_bytes;  /* all of them count bytes, and so does the deepest */
        char name[WEIR_NAME_MAX + 1];
    } unbounded;
    struct finding_entry entry[FINDING_MAX], scratch;
    uint8_t rank[FINDING_MAX]; /* of the entries, worst first */
    uint32_t n_entries;
    struct finding_group group[FINDING_GROUPS];
    uint32_t n_groups;
    struct finding_member member[FINDING_MEMBERS];
    uint32_t n_members;
    char group_text[FINDING_GROUP_TEXT]; /* labels and ids of the entries */
    size_t n_group_text;
    struct wi_warning warnings[FINDING_MAX]; /* the verdict's: the entries, worst first */
    struct wi_verdict verdict;
};

/* ---- values ---- */

static inline double finding_number(const struct wi_row *row, int metric, double otherwise)
{
    double number = wi_value_number(&row->value[metric], otherwise);
    return isnan(number) ? otherwise : number;
}

static inline uint64_t wi_finding_count(const struct wi_row *row, int metric)
{
    const struct wi_value *value = &row->value[metric];
    return value->type == WI_U64 ? value->u.u64 : wi_words_whole(finding_number(row, metric, 0));
}

static inline bool finding_has(const struct wi_row *row, int metric)
{
    return row->value[metric].type != WI_ABSENT;
}

/* ---- watch states ---- */

/* Whether a row has one. */
bool wi_watch_state_has(struct wi_finding *finding, enum wi_kind kind, uint64_t id);

/* A row that is in use, and has no watch state because there is no room. */
void wi_watch_state_without(struct wi_finding *finding, enum wi_kind kind, uint64_t id,
                            uint64_t depth);

/* The watch state of a row. NULL: it has none and needs none, or there is no room. */
struct finding_watch_state *wi_watch_state_get(struct wi_finding *finding, enum wi_kind kind,
                                               uint64_t id, uint64_t depth, bool is_in_use);

/* Adds a sample of the row's counts, unless it has one of that moment: rates, depth window. */
struct finding_sample {
    uint64_t nanos;
    uint64_t depth, bytes, came, gone, refused;
};
void wi_watch_state_add(struct finding_watch_state *watch, const struct finding_sample *sample);

/* The counts of a flow of a channel, a semaphore or a task kind: of a history row, or of a row now.
 * False for other kinds. */
bool wi_sample_take(enum wi_kind kind, const struct wi_flow *flow, uint64_t nanos,
                    struct finding_sample *ret_sample);
struct finding_sample wi_sample_of_row(const struct wi_finding *finding, enum wi_kind kind,
                                       const struct wi_row *row);

/* Forgets rows that have gone or have long been idle. */
void wi_watch_state_sweep(struct wi_finding *finding);

/* ---- entries ---- */

/* A new finding at its rank, with this content only; if there are 64, the least one is dropped.
 * Never NULL. */
struct finding_entry *wi_entry_add(struct wi_finding *finding, enum finding_severity severity,
                                   double weight, const char *kind, const char *subject,
                                   const char *action);

/* Counts the row that is judged among those of its name of which a finding of that kind tells. Returns 1 + the index of
 * the group; 0: the finding stands for itself. */
uint8_t wi_group_join(struct wi_finding *finding, enum finding_severity severity, double weight,
                      const char *kind, const char *name);

/* The word for what a finding of a kind says of a row, static; NULL: rows with such findings are not joined. */
const char *wi_group_word(const char *kind, enum finding_severity severity);

/* When all rows are judged: makes each group one sentence. */
void wi_groups_tell(struct wi_finding *finding, const struct wi_process_view *view);

/* Lists a name among the labels of an entry; after the last one the list ends. */
void wi_entry_label(struct wi_finding *finding, struct finding_entry *entry, const char *label);
void wi_entry_end_labels(struct wi_finding *finding, const struct finding_entry *entry);

/* Writes one of its texts, or more of it. */
void wi_entry_write(char text[FINDING_TEXT], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void finding_put(struct finding_entry *entry, int metric, double number)
{
    entry->number[metric - WI_WARNING_FIRST_NUMBER] = number;
}

/* A share of the growth: nothing explains more than all of it. */
static inline void finding_put_share(struct finding_entry *entry, int metric, double share)
{
    finding_put(entry, metric, share > 1 ? 1 : share);
}

static inline void finding_put_since(struct finding_entry *entry, uint64_t nanos)
{
    finding_put(entry, WI_WARNING_SINCE, (double)nanos / 1e9);
}

/* ---- bounds: of a channel, or of a gauge ---- */

#define FINDING_NEARLY_FULL  0.85
#define FINDING_FULL_SAMPLES 3U /* in a row in which it must be nearly full */

/* In how many of the last samples in a row the depth was `full` or more, and the first of them. */
uint32_t wi_bound_samples(const struct finding_watch_state *watch, double full,
                          uint64_t *ret_since);

/* Seconds until the depth is the capacity. NaN: it does not fill, or not within the hour. */
double wi_bound_full_in(const struct finding_watch_state *watch);
bool wi_bound_is_soon(const struct finding_watch_state *watch);
void wi_bound_write_full_in(struct finding_entry *entry, const struct finding_watch_state *watch);

/* ---- the judges ---- */

/* Once, before the first sample. */
void wi_hindsight_take(struct wi_finding *finding, const struct wi_process_view *view);

/* Whether a channel holds, takes or refuses messages. */
bool wi_finding_is_in_use(const struct wi_row *row);

/* One more channel without a bound that was used, and was `deep`. Returns whether it is the deepest so far: then it is
 * named. */
bool wi_finding_deepest(struct wi_finding *finding, uint64_t deep, bool is_bytes);
void wi_finding_name_deepest(struct wi_finding *finding, const char *name);

/* Channels, sixteen at a time (glance.c): reads those from `first` on, false: they must be read row by row; whether one
 * of them must be judged as a row is, with or without its waits; else takes what counts of it. */
bool wi_glance_read(const struct wi_process_view *view, size_t first, size_t n,
                    struct wi_numbers *ret_numbers);
bool wi_glance_wants(struct wi_finding *finding, const struct wi_numbers *numbers, size_t i);
void wi_glance_take(struct wi_finding *finding, const struct wi_process_view *view,
                    const struct wi_numbers *numbers, size_t first, size_t i);

/* A row of each kind. Its waits are there if it has a watch state or is in use. */
void wi_finding_channel(struct wi_finding *finding, const struct wi_row *row);
void wi_finding_semaphore(struct wi_finding *finding, const struct wi_row *row);
void wi_finding_task(struct wi_finding *finding, const struct wi_row *row);
void wi_finding_loop(struct wi_finding *finding, const struct wi_row *row);
void wi_finding_agent(struct wi_finding *finding, const struct wi_row *row);

/* Samples the senders of all channels, before the channels are judged; judges those of one channel. */
void wi_finding_senders(struct wi_finding *finding, const struct wi_process_view *view);
void wi_finding_channel_senders(struct wi_finding *finding, const struct wi_row *row,
                                const struct finding_watch_state *watch);

/* The word for whom a channel's senders stand for, and how messages belong to them: "sender", "from" or "receiver",
 * "for". */
const char *wi_finding_party(const struct wi_row *row);
const char *wi_finding_party_of(const struct wi_row *row);

/* Adds to an entry the names of a channel's senders that are gone or away, as far as they are known. */
void wi_finding_orphan_names(struct wi_finding *finding, struct finding_entry *entry,
                             uint64_t channel);

/* A channel that holds messages none of which leaves; and whether that is a warning already. */
void wi_finding_stall(struct wi_finding *finding, const struct finding_watch_state *watch);
bool wi_finding_is_stalled(const struct finding_watch_state *watch);

/* The findings that need no history: they are made at a channel's first sample. */
void wi_finding_first_sample(struct wi_finding *finding, const struct finding_watch_state *watch);

/* How a sample updates a watch state beside its counts: since when it refuses, or has no free
 * permit. */
void wi_channel_watch_add(struct finding_watch_state *watch, uint64_t nanos);
void wi_semaphore_watch_add(struct finding_watch_state *watch, uint64_t nanos, bool is_gone);

/* Whether a queue grows so fast that it is reported without waiting for it to drain. */
bool wi_finding_is_urgent(double rate, double bytes_rate);

/* Memory: a sample, then its findings; channels that grow, with their shares. */
void wi_memory_add(struct finding_memory *memory, uint64_t nanos, double bytes);
void wi_finding_growth(struct wi_finding *finding, const struct wi_process_view *view);

/* The limits at this sample. */
void wi_limit_take(struct wi_finding *finding, const struct wi_row *process);

/* Adds to the estimate when memory reaches the nearest limit at this growth in bytes per second.
 * Returns the seconds until then; infinity without a limit, or if it is more than a month ahead. */
double wi_limit_write(const struct wi_finding *finding, struct finding_entry *entry, double slope);

/* Adds a bound that would have been enough for this depth, in bytes or messages, with the same amount in reserve,
 * and `when`. */
void wi_limit_write_bound(struct finding_entry *entry, uint64_t highest, bool is_bytes,
                          const char *when);

/* A gauge's value at the memory's newest sample; NULL: there is no room for it. */
struct finding_gauge *wi_gauge_add(struct wi_finding *finding, uint64_t id, double value);
void wi_finding_gauge(struct wi_finding *finding, const struct wi_row *row);

/* The gauge that fits memory's growth, in the samples since `from`; false: none does. */
bool wi_gauge_explain(const struct wi_finding *finding, uint64_t from, bool is_slow,
                      const struct wi_line *growth, double window,
                      struct finding_gauge_share *ret_share);

/* Whether a channel grows enough to be named: is_leaking, before its growth is reported. */
void wi_finding_channel_leak(const struct wi_finding *finding, struct finding_watch_state *watch);

/* The finding on a channel that grows, or has grown. `attribution`: NULL: none; `share`: its share
 * in it. */
void wi_finding_channel_growth(struct wi_finding *finding, struct finding_watch_state *watch,
                               const struct wi_attribution *attribution,
                               const struct wi_share *share);

/* The audit of defaults: a channel without a bound; one whose bound is far away; and when all channels are known, the
 * finding on those without one. */
void wi_finding_unbounded(struct wi_finding *finding, const struct wi_row *row);
void wi_finding_bound_far(struct wi_finding *finding, const struct wi_row *row,
                          const struct finding_watch_state *watch);
void wi_finding_defaults(struct wi_finding *finding);

#endif
