/* SPDX-License-Identifier: MIT */
/*
 * Flows: from words and rows, and to metrics.
 *
 * Here the words of a cell and a slot become totals with names. Totals are made such that
 * differences of them never go below 0: at least as many messages count as sent as have left, and
 * at most all permits count as taken. A metric then follows from totals as its row in agent/metrics
 * says: a total, a difference, a share, or a rate over the flow of a moment before.
 *
 * All of it is arithmetic on values that may be forged in a segment or a history. It cannot fail; a
 * metric that cannot be computed, for example because a total went back, is absent. No state; any
 * thread.
 */
#include "snapshot/flow.h"

#include "segment/layout.h"
#include "weir/expect.h"

#include <math.h>
#include <string.h>

#define FLOW_SECOND 1e9

static uint64_t flow_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* ---- from words ---------------------------------------------------------------------------- */

bool wi_flow_has(enum wi_kind kind, uint8_t flags, int metric)
{
    bool is_count = metric == WI_CHANNEL_SENT || metric == WI_CHANNEL_RECEIVED ||
                    metric == WI_CHANNEL_DISCARDED || metric == WI_CHANNEL_IN_RATE ||
                    metric == WI_CHANNEL_OUT_RATE;
    return kind != WI_CHANNEL || !(flags & WI_SLOT_OBSERVED) || !is_count;
}

/* The words of a channel that its totals follow from. */
struct flow_channel {
    uint64_t entered, unsent, received, discarded, bytes_in, bytes_out, rejects;
    bool are_bytes; /* it counts bytes, not messages */
};

/* At least as many messages count as sent as have left, though a receive hook may run before its
 * send hook. So SENT - RECEIVED - DISCARDED = DEPTH in every row. */
static inline void flow_of_words(const struct flow_channel *words, uint64_t *total)
{
    uint64_t gone = words->received + words->discarded;
    uint64_t sent = flow_minus(words->entered, words->unsent);
    total[WI_TOTAL_SENT] = sent > gone ? sent : gone;
    total[WI_TOTAL_GONE] = gone;
    total[WI_TOTAL_QUEUED_BYTES] = words->are_bytes ? total[WI_TOTAL_SENT] - gone
                                                    : flow_minus(words->bytes_in, words->bytes_out);
    total[WI_TOTAL_REJECTS] = words->rejects;
    total[WI_TOTAL_DISCARDED] = words->discarded;
}

static void flow_of_channel(const struct wi_raw *raw, uint64_t *total)
{
    struct flow_channel words = {
        .entered = raw->entering[WEIR_WORD_SENT],
        .unsent = raw->unsent,
        .received = raw->leaving[WEIR_WORD_RECEIVED],
        .discarded = raw->discarded[0] + raw->discarded[1] + raw->discarded[2],
        .bytes_in = raw->entering[WEIR_WORD_BYTES_IN],
        .bytes_out = raw->leaving[WEIR_WORD_BYTES_OUT],
        .rejects = wi_raw_rejects(raw),
        .are_bytes = raw->flags & WI_SLOT_BYTES,
    };
    flow_of_words(&words, total);
}

#define FLOW_LANE(member) (offsetof(struct wi_raw, member) / sizeof(uint64_t))
#define FLOW_BIT(member)  (UINT32_C(1) << FLOW_LANE(member))

const uint32_t wi_flow_channel_lanes =
    FLOW_BIT(entering[WEIR_WORD_SENT]) | FLOW_BIT(unsent) | FLOW_BIT(leaving[WEIR_WORD_RECEIVED]) |
    FLOW_BIT(discarded[0]) | FLOW_BIT(discarded[1]) | FLOW_BIT(discarded[2]) |
    FLOW_BIT(entering[WEIR_WORD_BYTES_IN]) | FLOW_BIT(leaving[WEIR_WORD_BYTES_OUT]) |
    FLOW_BIT(rejects[0]) | FLOW_BIT(rejects[1]) | FLOW_BIT(rejects[2]) | FLOW_BIT(rejects[3]);

void wi_flow_take_channels(const struct wi_lane *raw, struct wi_lane ret_total[WI_N_TOTALS])
{
    for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
        struct flow_channel words = {
            .entered = raw[FLOW_LANE(entering[WEIR_WORD_SENT])].at[i],
            .unsent = raw[FLOW_LANE(unsent)].at[i],
            .received = raw[FLOW_LANE(leaving[WEIR_WORD_RECEIVED])].at[i],
            .discarded = raw[FLOW_LANE(discarded[0])].at[i] + raw[FLOW_LANE(discarded[1])].at[i] +
                         raw[FLOW_LANE(discarded[2])].at[i],
            .bytes_in = raw[FLOW_LANE(entering[WEIR_WORD_BYTES_IN])].at[i],
            .bytes_out = raw[FLOW_LANE(leaving[WEIR_WORD_BYTES_OUT])].at[i],
            .rejects = raw[FLOW_LANE(rejects[0])].at[i] + raw[FLOW_LANE(rejects[1])].at[i] +
                       raw[FLOW_LANE(rejects[2])].at[i] + raw[FLOW_LANE(rejects[3])].at[i],
        };
        uint64_t total[WI_N_TOTALS];
        flow_of_words(&words, total);
        for (size_t t = 0; t < WI_N_TOTALS; t++) {
            ret_total[t].at[i] = total[t];
        }
    }
}

static void flow_of_semaphore(const struct wi_raw *raw, uint64_t *total)
{
    uint64_t released = raw->leaving[WEIR_WORD_RELEASED];
    uint64_t taken = flow_minus(raw->entering[WEIR_WORD_ACQUIRED], released);
    total[WI_TOTAL_ACQUIRES] = raw->entering[WEIR_WORD_ACQUIRES];
    total[WI_TOTAL_REFUSED] = wi_raw_rejects(raw);
    total[WI_TOTAL_TAKEN] = taken < raw->capacity ? taken : raw->capacity;
    total[WI_TOTAL_PERMITS] = raw->capacity;
    total[WI_TOTAL_RELEASED] = released;
}

static void flow_of_task(const struct wi_raw *raw, uint64_t *total)
{
    total[WI_TOTAL_SPAWNED] = raw->entering[WEIR_WORD_SPAWNED];
    total[WI_TOTAL_FINISHED] = raw->leaving[WEIR_WORD_FINISHED] +
                               raw->leaving[WEIR_WORD_FINISHED + 1] +
                               raw->leaving[WEIR_WORD_FINISHED + 2];
    total[WI_TOTAL_BEGUN] = raw->entering[WEIR_WORD_BEGUN];
    total[WI_TOTAL_ENDED] = raw->leaving[WEIR_WORD_ENDED];
}

uint64_t wi_flow_loop_elapsed(const struct wi_collection *collection, const struct wi_raw *raw,
                              bool *ret_is_busy)
{
    uint64_t since = raw->in_other;
    uint64_t now = collection->now_ticks;
    *ret_is_busy = since & 1;
    return since && now > since ? wi_image_nanos(&collection->image, now - since) : 0;
}

static void flow_of_loop(const struct wi_raw *raw, uint64_t *total)
{
    total[WI_TOTAL_ITERATIONS] = raw->entering[WI_LOOP_WORD_ITERATIONS];
    total[WI_TOTAL_BUSY] = raw->entering[WI_LOOP_WORD_BUSY];
    total[WI_TOTAL_IDLE] = raw->leaving[WI_LOOP_WORD_IDLE];
}

void wi_flow_take(const struct wi_raw *raw, struct wi_flow *ret_flow)
{
    memset(ret_flow, 0, sizeof(*ret_flow));
    switch (raw->kind) {
    case WI_CHANNEL:
        flow_of_channel(raw, ret_flow->total);
        break;
    case WI_SEMAPHORE:
        flow_of_semaphore(raw, ret_flow->total);
        break;
    case WI_TASK:
        flow_of_task(raw, ret_flow->total);
        break;
    case WI_COUNTER:
        ret_flow->total[WI_TOTAL_VALUE] = raw->entering[WEIR_WORD_ADDED];
        break;
    case WI_GAUGE:
        ret_flow->total[WI_TOTAL_VALUE] = raw->in_other;
        break;
    case WI_LOOP:
        flow_of_loop(raw, ret_flow->total);
        break;
    default:
        break;
    }
}

uint64_t wi_flow_uses(enum wi_kind kind, const struct wi_flow *flow)
{
    const uint64_t *total = flow->total;
    switch (kind) {
    case WI_CHANNEL:
        return total[WI_TOTAL_SENT] + flow_minus(total[WI_TOTAL_GONE], total[WI_TOTAL_DISCARDED]);
    case WI_SEMAPHORE:
        return total[WI_TOTAL_ACQUIRES] + total[WI_TOTAL_REFUSED];
    case WI_TASK:
        return total[WI_TOTAL_SPAWNED] + total[WI_TOTAL_FINISHED];
    case WI_LOOP:
        return total[WI_TOTAL_ITERATIONS];
    default:
        return total[WI_TOTAL_VALUE];
    }
}

/* ---- from rows ----------------------------------------------------------------------------- */

static uint64_t row_count(const struct wi_row *row, int metric)
{
    double number = wi_value_number(&row->value[metric], 0);
    return row->value[metric].type == WI_U64 ? row->value[metric].u.u64
           : number > 0                      ? (uint64_t)fmin(number, 1e18)
                                             : 0;
}

/* Totals that are metrics themselves are in this table. A channel that is not counted has only a depth. */
void wi_flow_of_row(enum wi_kind kind, const struct wi_row *row, struct wi_flow *ret_flow)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    memset(ret_flow, 0, sizeof(*ret_flow));
    for (size_t i = 0; kind != WI_PROCESS && i < table->n_metrics; i++) {
        if (table->metrics[i].from.how == WI_FROM_TOTAL) {
            ret_flow->total[table->metrics[i].from.a] = row_count(row, (int)i);
        }
    }
    if (wi_row_is_observed(kind, row)) {
        ret_flow->total[WI_TOTAL_SENT] = row_count(row, WI_CHANNEL_DEPTH);
    } else if (kind == WI_CHANNEL) {
        ret_flow->total[WI_TOTAL_GONE] =
            row_count(row, WI_CHANNEL_RECEIVED) + row_count(row, WI_CHANNEL_DISCARDED);
    } else if (kind == WI_SEMAPHORE) {
        ret_flow->total[WI_TOTAL_TAKEN] = flow_minus(row_count(row, WI_SEMAPHORE_PERMITS),
                                                     row_count(row, WI_SEMAPHORE_AVAILABLE));
    }
}

/* ---- to metrics ---------------------------------------------------------------------------- */

bool wi_from_is_rate(const struct wi_metric_from *from)
{
    return from->how == WI_FROM_RATE || from->how == WI_FROM_RATE_WITHOUT ||
           from->how == WI_FROM_SECONDS_RATE || from->how == WI_FROM_BUSY;
}

size_t wi_flow_rates(enum wi_kind kind, const struct wi_metric_from *ret_rates[WI_FLOW_RATES])
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    size_t n = 0;
    for (size_t i = 0; i < table->n_metrics; i++) {
        if (wi_from_is_rate(&table->metrics[i].from) && WI_EXPECT(n < WI_FLOW_RATES)) {
            ret_rates[n++] = &table->metrics[i].from;
        }
    }
    return n;
}

/* The growth of a total; NaN when it went back. */
static double flow_growth(const uint64_t *before, const uint64_t *totals, int i)
{
    return before && totals[i] >= before[i] ? (double)(totals[i] - before[i]) : NAN;
}

/* The same, less the growth of another total: not below 0. */
static double flow_growth_without(const uint64_t *before, const uint64_t *totals, int i,
                                  int without)
{
    double grown = flow_growth(before, totals, i) - flow_growth(before, totals, without);
    return grown < 0 ? 0 : grown;
}

static double flow_busy(const uint64_t *before, const uint64_t *totals, int busy, int idle)
{
    double at_work = flow_growth(before, totals, busy);
    double whole = at_work + flow_growth(before, totals, idle);
    return whole > 0 ? at_work / whole : whole >= 0 ? 0 : NAN;
}

static uint64_t flow_tasks(const uint64_t *totals, bool is_pending)
{
    uint64_t live = flow_minus(totals[WI_TOTAL_SPAWNED], totals[WI_TOTAL_FINISHED]);
    uint64_t running = flow_minus(totals[WI_TOTAL_BEGUN], totals[WI_TOTAL_ENDED]);
    running = running < live ? running : live;
    return is_pending ? live - running : running;
}

static double from_real(const struct wi_metric_from *from, const uint64_t *before,
                        const uint64_t *totals, double seconds)
{
    switch ((enum wi_from_how)from->how) {
    case WI_FROM_SECONDS:
        return (double)totals[from->a] / FLOW_SECOND;
    case WI_FROM_SHARE:
        return totals[from->b] ? (double)totals[from->a] / (double)totals[from->b] : NAN;
    case WI_FROM_RATE:
        return flow_growth(before, totals, from->a) / seconds;
    case WI_FROM_RATE_WITHOUT:
        return flow_growth_without(before, totals, from->a, from->b) / seconds;
    case WI_FROM_SECONDS_RATE:
        return flow_growth(before, totals, from->a) / FLOW_SECOND / seconds;
    case WI_FROM_BUSY:
        return flow_busy(before, totals, from->a, from->b);
    default:
        return NAN;
    }
}

struct wi_value wi_from_value(const struct wi_metric_from *from, const uint64_t *before,
                              const uint64_t *totals, double seconds)
{
    double real;
    switch ((enum wi_from_how)from->how) {
    case WI_FROM_TOTAL:
        return (struct wi_value){WI_U64, {.u64 = totals[from->a]}};
    case WI_FROM_SIGNED:
        return (struct wi_value){WI_I64, {.i64 = (int64_t)totals[from->a]}};
    case WI_FROM_DIFFERENCE:
        return (struct wi_value){WI_U64, {.u64 = flow_minus(totals[from->a], totals[from->b])}};
    case WI_FROM_RUNNING:
    case WI_FROM_PENDING:
        return (struct wi_value){WI_U64, {.u64 = flow_tasks(totals, from->how == WI_FROM_PENDING)}};
    default:
        real = from_real(from, before, totals, seconds);
        return isfinite(real) ? (struct wi_value){WI_F64, {.f64 = real}}
                              : (struct wi_value){WI_ABSENT, {.u64 = 0}};
    }
}
