/* SPDX-License-Identifier: MIT */
/*
 * Findings on channels: a channel grows, is full, refuses, or holds messages of senders that are gone or
 * away.
 *
 * A row that is in use has a watch state. Each sample adds its depth and its rates; then the judges
 * of this file run in a fixed order. A queue that only forked processes receive from gets one
 * remark and nothing else. A queue that no message leaves is judged in stall.c, full or not; a full
 * queue that moves is judged here. Growth is judged last of all, in growth.c, when all channels are
 * known.
 *
 * A channel without a bound is counted for the audit of defaults. For a process that has ended the
 * rates are those of its history. The thresholds above each judge have units. No I/O; the process
 * view's thread.
 */
#include "finding/state.h"
#include "weir/nanos.h"

#include <stdio.h>

#define CHANNEL_WAITING        16U /* waiting senders that a full queue may have on top */
#define CHANNEL_REJECTS        0.01
#define CHANNEL_MANY_REJECTS   0.10
#define CHANNEL_ORPHAN_SAMPLES 5U
#define CHANNEL_ORPHANS        16U /* messages: fewer are not worth a finding */
#define CHANNEL_ORPHAN_SHARE   0.10
#define CHANNEL_LEFT_MESSAGES  100000U
#define CHANNEL_LEFT_BYTES     (UINT64_C(16) << 20)
#define CHANNEL_KNOWN          (10 * FINDING_SECOND) /* in this time growth would have shown */

/* Growth in an hour from which on it is a problem. */
#define CHANNEL_URGENT_MESSAGES 1e6
#define CHANNEL_URGENT_BYTES    (double)(UINT64_C(64) << 20)
#define CHANNEL_HOUR            3600.0

#define CHANNEL_SMALL_BYTES (UINT64_C(64) << 10) /* a depth in bytes that is not worth a finding */

static const char channel_bound_queue[] =
    "Admit only what its receiver can serve (a permit for each message), or bound the queue and "
    "decide what happens when it is full; adding receivers helps only if they are the bottleneck.";
static const char channel_bound_buffer[] =
    "Stop reading from its source while the buffer is too full, or close the connection that does "
    "not take its bytes.";

bool wi_finding_is_urgent(double rate, double bytes_rate)
{
    return rate * CHANNEL_HOUR >= CHANNEL_URGENT_MESSAGES ||
           bytes_rate * CHANNEL_HOUR >= CHANNEL_URGENT_BYTES;
}

static struct finding_entry *channel_entry(struct wi_finding *finding,
                                           enum finding_severity severity, double weight,
                                           const char *kind,
                                           const struct finding_watch_state *watch,
                                           const char *action)
{
    struct finding_entry *entry =
        wi_entry_add(finding, severity, weight, kind, watch->name, action);
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
    return entry;
}

/* "; the largest of its 412 objects is client-7 with 5,324" */
static void channel_write_objects(char text[FINDING_TEXT], const struct finding_watch_state *watch)
{
    char count[WI_WORDS_MAX];
    char depth[WI_WORDS_MAX];
    if (watch->objects > 0 && watch->largest > 0) {
        wi_entry_write(text, "; the largest of its %s objects is %s with %s",
                       wi_words_count(count, watch->objects),
                       watch->largest_label ? watch->largest_label : "one without a label",
                       wi_words_amount(depth, watch->largest, watch->is_bytes));
    }
}

/* "12,000 sent/s, 6,000 leave/s" */
static void channel_write_rates(struct finding_entry *entry,
                                const struct finding_watch_state *watch)
{
    char in[WI_WORDS_MAX];
    char out[WI_WORDS_MAX];
    if (watch->is_observed) {
        wi_entry_write(entry->evidence, "observed: nobody counts what enters and leaves");
        return;
    }
    wi_entry_write(entry->evidence, "%s sent/s, %s leave/s",
                   wi_words_flow(in, watch->in_rate, watch->is_bytes),
                   wi_words_flow(out, watch->out_rate, watch->is_bytes));
}

/* The unit of a rate that is written as a number; a number of bytes has its own. */
static const char *channel_noun(const struct finding_watch_state *watch)
{
    return watch->is_bytes ? "" : " messages";
}

static const char *channel_amount(char ret_text[WI_WORDS_MAX],
                                  const struct finding_watch_state *watch, uint64_t number)
{
    return wi_words_amount(ret_text, number, watch->is_bytes);
}

static const char *channel_queued(char ret_text[WI_QUEUED_MAX],
                                  const struct finding_watch_state *watch)
{
    return wi_words_queued(ret_text, watch->depth, watch->bytes, watch->is_bytes);
}

/* ---- its messages leave elsewhere ---- */

/* A forked process counts what it receives itself, and so does the process that forked it. If this process sends to a
 * queue and never receives from it, another one most likely receives, and the depth here means nothing. */
static bool channel_is_elsewhere(const struct wi_finding *finding,
                                 const struct finding_watch_state *watch)
{
    return (finding->has_children || watch->is_inherited) && watch->gone == 0 && watch->came > 0 &&
           !watch->is_observed;
}

static void channel_elsewhere(struct wi_finding *finding, const struct finding_watch_state *watch)
{
    char count[WI_WORDS_MAX];
    struct finding_entry *entry =
        channel_entry(finding, FINDING_INFO, 0, "channel_elsewhere", watch,
                      "Subtract the messages that the other processes have received, or let all of "
                      "them count in one segment: "
                      "WEIR_SCOPE_FAMILY.");
    wi_entry_write(
        entry->text, "%s: %s sent and none received in this process; %s count their own receives",
        watch->name, channel_amount(count, watch, watch->came),
        watch->is_inherited ? "its parent and other forked processes" : "forked processes");
}

/* ---- it grows ---- */

static double channel_bytes_rate(const struct finding_watch_state *watch, double rate)
{
    return watch->depth ? rate * (double)watch->bytes / (double)watch->depth : 0;
}

/* "1.20 MB/s of the process's +1.25 MB/s over 60 s (96 %) as declared; by regression ..." */
static void channel_write_share(struct finding_entry *entry, bool is_bytes,
                                const struct wi_attribution *attribution,
                                const struct wi_share *share)
{
    char part[WI_WORDS_MAX], whole[WI_WORDS_MAX], span[WI_WORDS_MAX], each[WI_WORDS_MAX];
    char error[WI_WORDS_MAX], declared[WI_WORDS_MAX], of_it[WI_WORDS_MAX];
    finding_put(entry, WI_WARNING_WINDOW, attribution->window);
    finding_put(entry, WI_WARNING_GROWTH, attribution->memory.slope);
    finding_put(entry, WI_WARNING_GROWTH_ERROR, attribution->memory.error);
    finding_put_share(entry, WI_WARNING_SHARE, share->declared);
    finding_put_share(entry, WI_WARNING_SHARE_FIT, share->fit);
    finding_put(entry, WI_WARNING_EACH, share->each);
    finding_put(entry, WI_WARNING_EACH_ERROR, share->each_error);
    finding_put(entry, WI_WARNING_EACH_DECLARED, share->each_declared);
    finding_put(entry, WI_WARNING_FIT, attribution->is_joint ? attribution->r2 : share->r2);
    if (!(attribution->memory.slope > 0)) {
        return;
    }
    wi_words_growth(whole, attribution->memory.slope);
    wi_words_duration(span, wi_nanos_of(attribution->window + 0.5));
    if (wi_words_is_beyond(share->declared)) {
        wi_entry_write(entry->estimate,
                       "declares %s/s, more than all of the process's %s/s over %s",
                       wi_words_size(part, share->bytes_rate), whole, span);
    } else if (isfinite(share->declared)) {
        wi_entry_write(entry->estimate, "holds %s/s of the process's %s/s over %s (%s) as declared",
                       wi_words_size(part, share->bytes_rate), whole, span,
                       wi_words_share(of_it, share->declared));
    }
    if (isfinite(share->fit)) {
        wi_entry_write(entry->estimate, "%s%s%s by regression: %s +- %s a %s, r2 %.3f",
                       entry->estimate[0] ? "; " : "holds, of the process's ",
                       entry->estimate[0] ? "" : whole, wi_words_share(of_it, share->fit),
                       wi_words_size(each, share->each), wi_words_size(error, share->each_error),
                       is_bytes ? "byte" : "message",
                       attribution->is_joint ? attribution->r2 : share->r2);
    } else if (share->disagrees) {
        wi_entry_write(entry->estimate, "%sby regression %s +- %s a %s, not the %s declared: %s",
                       entry->estimate[0] ? "; " : "", wi_words_size(each, share->each),
                       wi_words_size(error, share->each_error), is_bytes ? "byte" : "message",
                       wi_words_size(declared, share->each_declared),
                       share->each > share->each_declared
                           ? "something else grows in step, or a message keeps more alive"
                           : "it declares more than it holds, or memory is reused");
    }
}

/* Growth in an hour at this rate. */
static void channel_write_hour(struct finding_entry *entry, double rate, double bytes_rate)
{
    char text[WI_WORDS_MAX];
    wi_entry_write(entry->estimate, "%sin an hour %s%s more", entry->estimate[0] ? "; " : "",
                   bytes_rate > 0 ? wi_words_size(text, bytes_rate * CHANNEL_HOUR)
                                  : wi_words_rate(text, rate * CHANNEL_HOUR),
                   bytes_rate > 0 ? "" : " messages");
}

/* When the process reaches a limit, if the channel contributes to that. False: no limit is near. */
static bool channel_write_limit(const struct wi_finding *finding, struct finding_entry *entry,
                                const struct finding_watch_state *watch,
                                const struct wi_share *share,
                                const struct wi_attribution *attribution)
{
    return share && watch->is_leaking &&
           isfinite(wi_limit_write(finding, entry, attribution->memory.slope));
}

/* How it has grown: over the last samples, or over minutes if it grows slowly. */
struct channel_growth {
    double rate; /* messages per second */
    uint64_t since;
    bool is_urgent, is_slow, is_above;
};

static struct channel_growth channel_growth(const struct wi_finding *finding,
                                            const struct finding_watch_state *watch)
{
    const struct wi_minute_window *minute_window = &watch->depth_window.minute_window;
    struct channel_growth growth = {.rate = wi_depth_window_slope(&watch->depth_window)};
    growth.is_slow = wi_minute_window_grows(minute_window);
    growth.is_above = wi_depth_window_is_above_all(&watch->depth_window);
    growth.since = finding->now - watch->depth_window.growing_since;
    growth.is_urgent = watch->depth_window.phase == WI_DEPTH_WINDOW_GROWING &&
                       wi_finding_is_urgent(watch->is_bytes ? 0 : growth.rate,
                                            channel_bytes_rate(watch, growth.rate));
    if (growth.is_slow && !growth.is_urgent) {
        const struct wi_minute_window_minute *newest = wi_minute_window_at(minute_window, 0);
        const struct wi_minute_window_minute *oldest =
            wi_minute_window_at(minute_window, wi_minute_window_count(minute_window) - 1);
        growth.since = finding->now - oldest->ended;
        growth.rate =
            (double)(newest->last - oldest->last) / ((double)(newest->ended - oldest->ended) / 1e9);
    }
    return growth;
}

/* If two channels grow, the one that holds more memory is worse. A message that declares no bytes
 * counts as 32 bytes, as in growth.c. */
static double channel_weight(const struct finding_watch_state *watch)
{
    return watch->bytes ? (double)watch->bytes / 32 : (double)watch->depth;
}

static void channel_growing(struct wi_finding *finding, struct finding_watch_state *watch,
                            const struct channel_growth *growth,
                            const struct wi_attribution *attribution, const struct wi_share *share)
{
    char queued[WI_QUEUED_MAX], span[WI_WORDS_MAX], rate[WI_WORDS_MAX], count[WI_WORDS_MAX];
    char lowest[WI_WORDS_MAX];
    bool is_named = watch->is_leaking;
    watch->is_named = is_named;
    struct finding_entry *entry = channel_entry(
        finding,
        !is_named                                                ? FINDING_INFO
        : growth->is_urgent && growth->since >= FINDING_CRITICAL ? FINDING_CRITICAL_NOW
                                                                 : FINDING_WARNING,
        channel_weight(watch), "channel_growing", watch,
        watch->is_bytes ? channel_bound_buffer : channel_bound_queue);
    wi_entry_write(entry->text, "%s: %s, +%s%s/s for %s%s, %s", watch->name,
                   !is_named          ? "growing"
                   : finding->is_dead ? "was unbounded and growing"
                                      : "unbounded and growing",
                   wi_words_flow(rate, growth->rate, watch->is_bytes), channel_noun(watch),
                   wi_words_duration(span, growth->since), finding->is_dead ? " until the end" : "",
                   channel_queued(queued, watch));
    if (!is_named && growth->is_urgent) {
        wi_entry_write(entry->text, "; it has drained from %s before",
                       channel_amount(count, watch, wi_words_whole(watch->depth_window.ceiling)));
    } else if (!is_named) {
        wi_entry_write(entry->text, "; half an hour will show whether it drains");
    }
    channel_write_objects(entry->text, watch);
    channel_write_rates(entry, watch);
    wi_entry_write(entry->evidence,
                   "; its lowest depth of late (%s) is above its earlier maximum (%s)",
                   channel_amount(lowest, watch, wi_depth_window_floor(&watch->depth_window)),
                   channel_amount(count, watch, wi_words_whole(watch->depth_window.ceiling)));
    if (share) {
        channel_write_share(entry, watch->is_bytes, attribution, share);
    }
    if (!finding->is_dead && !channel_write_limit(finding, entry, watch, share, attribution)) {
        channel_write_hour(entry, growth->rate, channel_bytes_rate(watch, growth->rate));
    }
    /* A channel that has grown since its first sample has no earlier depth to compare with. */
    if (is_named && !growth->is_slow &&
        watch->depth_window.growing_since >= watch->first + CHANNEL_KNOWN) {
        wi_limit_write_bound(entry, wi_words_whole(watch->depth_window.ceiling), watch->is_bytes,
                             "before");
    }
    finding_put_since(entry, growth->since);
    finding_put(entry, WI_WARNING_RATE, growth->rate);
}

/* A bounded queue that grows and will be full: there is still time to act before it refuses
 * messages. */
static void channel_filling(struct wi_finding *finding, const struct finding_watch_state *watch)
{
    char depth[WI_WORDS_MAX], bound[WI_WORDS_MAX], rate[WI_WORDS_MAX];
    double seconds = wi_bound_full_in(watch);
    if (finding->is_dead || !isfinite(seconds)) {
        return;
    }
    double slope = wi_depth_window_slope(&watch->depth_window);
    struct finding_entry *entry = channel_entry(
        finding, wi_bound_is_soon(watch) ? FINDING_WARNING : FINDING_INFO, (double)watch->depth,
        "channel_filling", watch,
        "Find out why receiving is slower than sending; decide what happens when it is full.");
    wi_entry_write(entry->text, "%s: filling, +%s%s/s, %s of %s", watch->name,
                   wi_words_flow(rate, slope, watch->is_bytes), channel_noun(watch),
                   channel_amount(depth, watch, watch->depth),
                   channel_amount(bound, watch, watch->capacity));
    channel_write_rates(entry, watch);
    wi_bound_write_full_in(entry, watch);
    finding_put_since(entry, finding->now - watch->depth_window.growing_since);
    finding_put(entry, WI_WARNING_RATE, slope);
}

static void channel_settling(struct wi_finding *finding, const struct finding_watch_state *watch)
{
    char queued[WI_QUEUED_MAX], rate[WI_WORDS_MAX], peak[WI_WORDS_MAX], span[WI_WORDS_MAX];
    double slope = wi_depth_window_slope(&watch->depth_window);
    bool is_draining = slope < 0;
    struct finding_entry *entry = channel_entry(
        finding, FINDING_INFO, is_draining ? -slope : 0,
        is_draining ? "channel_draining" : "channel_settled", watch,
        is_draining ? "Nothing: the growth has stopped and the queue drains."
                    : "Check that it drains: the queued messages are old, and hold memory.");
    channel_queued(queued, watch);
    if (is_draining) {
        wi_entry_write(entry->text, "%s: draining, -%s%s/s, %s", watch->name,
                       wi_words_flow(rate, -slope, watch->is_bytes), channel_noun(watch), queued);
        wi_entry_write(entry->estimate, "empty in about %s",
                       wi_words_duration(span, wi_nanos_of((double)watch->depth / -slope)));
    } else {
        wi_entry_write(entry->text, "%s: unbounded, no longer growing, %s", watch->name, queued);
    }
    channel_write_rates(entry, watch);
    wi_entry_write(entry->evidence, "; growth has stopped at %s",
                   channel_amount(peak, watch, watch->depth_window.peak));
    finding_put_since(entry, finding->now - watch->depth_window.settling_since);
    finding_put(entry, WI_WARNING_RATE, slope);
}

/* For a process that has ended: the messages that were left in its queues. */
static void channel_left(struct wi_finding *finding, const struct finding_watch_state *watch)
{
    char queued[WI_QUEUED_MAX];
    char span[WI_WORDS_MAX];
    bool has_past = wi_depth_window_count(&watch->depth_window) > 1;
    bool is_known = has_past && finding->now - watch->first >= CHANNEL_KNOWN;
    bool is_much = (watch->depth >= CHANNEL_LEFT_MESSAGES && !watch->is_bytes) ||
                   watch->bytes >= CHANNEL_LEFT_BYTES;
    struct finding_entry *entry = channel_entry(
        finding, !is_known && is_much && watch->is_unbounded ? FINDING_WARNING : FINDING_INFO,
        (double)watch->depth, "channel_left", watch,
        is_known   ? "Nothing more is known: it was not growing when the process ended."
        : has_past ? "Observe its next run: this one was too short to tell whether it grew."
                   : "Keep a history: run an exporter in the process, or `weir serve`.");
    wi_entry_write(entry->text, "%s: %s when the process ended", watch->name,
                   channel_queued(queued, watch));
    if (!has_past) {
        wi_entry_write(entry->text, "; without a history the cause is not known");
    } else if (!is_known) {
        wi_entry_write(entry->text, "; it was seen for %s",
                       wi_words_duration(span, finding->now - watch->first));
    }
}

/* Some bytes more are no growth: each buffer that is in use has them. */
static bool channel_is_small(const struct finding_watch_state *watch)
{
    return watch->is_bytes && watch->depth < CHANNEL_SMALL_BYTES;
}

void wi_finding_channel_leak(const struct wi_finding *finding, struct finding_watch_state *watch)
{
    struct channel_growth growth = channel_growth(finding, watch);
    watch->is_leaking = watch->is_unbounded && !wi_finding_is_stalled(watch) &&
                        !channel_is_small(watch) && !channel_is_elsewhere(finding, watch) &&
                        (growth.is_slow || (growth.is_urgent && growth.is_above));
}

void wi_finding_channel_growth(struct wi_finding *finding, struct finding_watch_state *watch,
                               const struct wi_attribution *attribution,
                               const struct wi_share *share)
{
    struct channel_growth growth = channel_growth(finding, watch);
    bool is_told = wi_finding_is_stalled(watch) || channel_is_elsewhere(finding, watch);
    if (is_told || !watch->is_unbounded) {
        watch->is_named = watch->is_named && is_told;
    } else if (!channel_is_small(watch) &&
               (watch->depth_window.phase == WI_DEPTH_WINDOW_GROWING || growth.is_slow)) {
        channel_growing(finding, watch, &growth, attribution, share);
        return;
    } else if (watch->depth_window.phase == WI_DEPTH_WINDOW_SETTLING && watch->is_named) {
        channel_settling(finding, watch);
        return;
    } else {
        watch->is_named = false;
    }
    if (finding->is_dead && watch->depth > 0 && !is_told) {
        channel_left(finding, watch);
    }
}

/* ---- it is full, or refuses ---- */

/* Messages beyond the capacity that may belong to senders that wait for room, because the send hook
 * stands before the push. If there are more, nobody enforces the bound. */
static uint64_t channel_slack(const struct finding_watch_state *watch, uint64_t capacity)
{
    uint64_t waiting = watch->is_bytes ? CHANNEL_SMALL_BYTES : CHANNEL_WAITING;
    return capacity / 8 > waiting ? capacity / 8 : waiting;
}

static void channel_over_capacity(struct wi_finding *finding,
                                  const struct finding_watch_state *watch, uint64_t capacity)
{
    char depth[WI_WORDS_MAX], bound[WI_WORDS_MAX];
    struct finding_entry *entry =
        channel_entry(finding, FINDING_WARNING, (double)watch->depth, "channel_over_capacity",
                      watch, "Declare the queue's real capacity, or refuse messages beyond it.");
    wi_entry_write(entry->text, "%s: over capacity, %s queued with a declared capacity of %s",
                   watch->name, channel_amount(depth, watch, watch->depth),
                   channel_amount(bound, watch, capacity));
    channel_write_rates(entry, watch);
    wi_entry_write(entry->evidence, "; the declared bound is not enforced");
    finding_put_since(entry, finding->now - watch->full_since);
}

static void channel_full(struct wi_finding *finding, const struct finding_watch_state *watch,
                         uint64_t capacity)
{
    char depth[WI_WORDS_MAX], bound[WI_WORDS_MAX];
    bool is_over = watch->depth > capacity;
    if (is_over && watch->depth - capacity > channel_slack(watch, capacity)) {
        channel_over_capacity(finding, watch, capacity);
        return;
    }
    struct finding_entry *entry = channel_entry(
        finding, FINDING_WARNING, (double)watch->depth, "channel_full", watch,
        "Find out what its receiver waits for; a larger bound only makes the wait longer.");
    channel_amount(depth, watch, watch->depth);
    channel_amount(bound, watch, capacity);
    if (is_over) {
        wi_entry_write(entry->text, "%s: full, %s queued with a capacity of %s", watch->name, depth,
                       bound);
    } else {
        wi_entry_write(entry->text, "%s: %u %% full, %s of %s", watch->name,
                       (unsigned)(100 * (double)watch->depth / (double)capacity), depth, bound);
    }
    channel_write_rates(entry, watch);
    if (is_over) {
        wi_entry_write(entry->evidence, "; senders that wait for room count as queued");
    } else if (!finding->is_dead) {
        wi_bound_write_full_in(entry, watch);
    }
    finding_put_since(entry, finding->now - watch->full_since);
}

/* In how many of the last samples in a row it was nearly full, and the first of them. */
static uint32_t channel_full_samples(const struct finding_watch_state *watch, double capacity,
                                     uint64_t *ret_since)
{
    /* A capacity of one or zero is full whenever it is used. */
    return wi_bound_samples(watch,
                            capacity >= 2 ? FINDING_NEARLY_FULL * capacity
                                          : capacity + (double)CHANNEL_WAITING + 1,
                            ret_since);
}

/* "full", or the only other reason so far; "" when there are several. */
static const char *channel_reason(const struct wi_row *row)
{
    static const struct {
        int metric;
        const char *text;
    } reasons[] = {{WI_CHANNEL_REJECTS_FULL, ": full"},
                   {WI_CHANNEL_REJECTS_CLOSED, ": closed"},
                   {WI_CHANNEL_REJECTS_TIMEOUT, ": timed out"},
                   {WI_CHANNEL_REJECTS_SHED, ": shed"}};
    const char *only = "";
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (wi_finding_count(row, reasons[i].metric) == 0) {
            continue;
        }
        if (*only) {
            return "";
        }
        only = reasons[i].text;
    }
    return only;
}

void wi_channel_watch_add(struct finding_watch_state *watch, uint64_t nanos)
{
    /* Refusals are not counted in bytes, and an observed channel has no rates: there each of them counts. */
    bool is_alone = watch->is_bytes || watch->is_observed;
    double offered = is_alone ? 0 : watch->refused_rate + watch->in_rate;
    bool is_refusing = watch->refused_rate > 0 && watch->refused_rate > CHANNEL_REJECTS * offered;
    watch->refused_since = !is_refusing ? 0 : watch->refused_since ? watch->refused_since : nanos;
}

static void channel_rejecting(struct wi_finding *finding, const struct wi_row *row,
                              const struct finding_watch_state *watch)
{
    char rate_text[WI_WORDS_MAX];
    char span[WI_WORDS_MAX];
    char sent[WI_WORDS_MAX];
    if (!watch->refused_since) {
        return;
    }
    bool is_alone = watch->is_bytes || watch->is_observed;
    double share = is_alone ? 0 : watch->refused_rate / (watch->refused_rate + watch->in_rate);
    struct finding_entry *entry = channel_entry(
        finding, share > CHANNEL_MANY_REJECTS ? FINDING_CRITICAL_NOW : FINDING_WARNING,
        watch->refused_rate, "channel_rejecting", watch,
        "Consume faster or admit less. Sends are being rejected; check what your senders do on "
        "rejection.");
    wi_words_rate(rate_text, watch->refused_rate);
    wi_words_duration(span, finding->now - watch->refused_since);
    if (is_alone) {
        wi_entry_write(entry->text, "%s: %s refused/s for %s%s", watch->name, rate_text, span,
                       channel_reason(row));
        channel_write_rates(entry, watch);
    } else {
        wi_entry_write(entry->text, "%s: %u %% of messages refused, %s/s for %s%s", watch->name,
                       (unsigned)(share * 100 + 0.5), rate_text, span, channel_reason(row));
        wi_entry_write(entry->evidence, "%s accepted/s, %s refused/s",
                       wi_words_rate(sent, watch->in_rate), rate_text);
    }
    finding_put_since(entry, finding->now - watch->refused_since);
    finding_put(entry, WI_WARNING_RATE, watch->refused_rate);
}

/* ---- it holds messages of senders that are gone or away ---- */

/* "12 senders that are gone and 1 that is away" */
static void channel_write_absent(struct finding_entry *entry, const char *party, uint64_t gone,
                                 uint64_t away)
{
    char count[WI_WORDS_MAX];
    if (gone || !away) {
        wi_entry_write(entry->text, "%s %s%s gone", wi_words_count(count, gone), party,
                       gone == 1 ? " that is" : "s that are");
    }
    if (away && gone) {
        wi_entry_write(entry->text, " and %s that %s away", wi_words_count(count, away),
                       away == 1 ? "is" : "are");
    } else if (away) {
        wi_entry_write(entry->text, "%s %s%s away", wi_words_count(count, away), party,
                       away == 1 ? " that is" : "s that are");
    }
}

/* An absent one keeps what is queued, else it would be closed. */
static const char *channel_orphan_action(const char *party, uint64_t away)
{
    if (away) {
        return "Limit what is kept for one that is away: a number of messages, their age, or the "
               "time until its session ends; discard the rest.";
    }
    return party[0] == 's' ? "Discard a sender's messages when it closes, or do not let them keep "
                             "its session alive."
                           : "Discard a receiver's messages when it closes, or do not let them "
                             "keep its session alive.";
}

static void channel_orphaned(struct wi_finding *finding, const struct wi_row *row,
                             struct finding_watch_state *watch)
{
    char count[WI_WORDS_MAX], size[WI_WORDS_MAX], depth[WI_WORDS_MAX];
    const char *party = wi_finding_party(row);
    uint64_t away = wi_finding_count(row, WI_CHANNEL_ORPHANED_AWAY)
                        ? wi_finding_count(row, WI_CHANNEL_SENDERS_AWAY)
                        : 0;
    uint64_t orphans = wi_finding_count(row, WI_CHANNEL_ORPHANED);
    uint64_t bytes = wi_finding_count(row, WI_CHANNEL_ORPHANED_BYTES);
    double held = watch->is_bytes ? (double)bytes : (double)orphans;
    bool is_much =
        orphans >= CHANNEL_ORPHANS && held >= CHANNEL_ORPHAN_SHARE * (double)watch->depth;
    watch->orphaned = is_much ? watch->orphaned + 1 : 0;
    watch->orphaned_since = watch->orphaned > 1 ? watch->orphaned_since : finding->now;
    if (watch->orphaned < CHANNEL_ORPHAN_SAMPLES && !(is_much && finding->is_dead)) {
        return;
    }
    struct finding_entry *entry =
        channel_entry(finding, FINDING_WARNING, (double)orphans, "orphaned", watch,
                      channel_orphan_action(party, away));
    wi_entry_write(entry->text, "%s: %s queued messages (%s) are %s ", watch->name,
                   wi_words_count(count, orphans), wi_words_bytes(size, bytes),
                   wi_finding_party_of(row));
    channel_write_absent(entry, party, wi_finding_count(row, WI_CHANNEL_SENDERS_GONE), away);
    wi_finding_orphan_names(finding, entry, row->id);
    wi_entry_write(entry->evidence, "%s of %s queued", watch->is_bytes ? size : count,
                   channel_amount(depth, watch, watch->depth));
    finding_put(entry, WI_WARNING_DEPTH, (double)orphans);
    finding_put_since(entry, finding->now - watch->orphaned_since);
}

/* ---- the row ---- */

/* A process that has ended has no present rates: its rates are those of the history. */
static void channel_sample(struct wi_finding *finding, const struct wi_row *row,
                           struct finding_watch_state *watch)
{
    struct finding_sample sample = wi_sample_of_row(finding, WI_CHANNEL, row);
    watch->is_bytes = wi_row_is_bytes(WI_CHANNEL, row);
    watch->is_observed = wi_row_is_observed(WI_CHANNEL, row);
    if (watch->is_observed) { /* it falls only if something leaves: at least as much has left */
        sample.gone = watch->gone + (watch->depth > sample.depth ? watch->depth - sample.depth : 0);
        sample.came = sample.gone + sample.depth;
    }
    wi_watch_state_add(watch, &sample);
    watch->name = row->name;
    watch->label = wi_row_label(WI_CHANNEL, row);
    watch->largest_label = row->value[WI_CHANNEL_LARGEST_LABEL].type == WI_TEXT
                               ? row->value[WI_CHANNEL_LARGEST_LABEL].u.text
                               : NULL;
    watch->objects = wi_finding_count(row, WI_CHANNEL_OBJECTS);
    watch->largest = wi_finding_count(row, WI_CHANNEL_LARGEST);
    watch->is_inherited = row->is_inherited;
    watch->is_unbounded = !finding_has(row, WI_CHANNEL_CAPACITY);
    watch->capacity = wi_finding_count(row, WI_CHANNEL_CAPACITY);
    watch->usual_wait = finding_number(row, WI_CHANNEL_WAIT_P50, 0);
    if (!finding->is_dead) {
        watch->in_rate =
            finding_number(row, WI_CHANNEL_IN_RATE, watch->is_observed ? watch->in_rate : 0);
        watch->out_rate = finding_number(row, WI_CHANNEL_OUT_RATE, 0);
        watch->refused_rate = finding_number(row, WI_CHANNEL_REJECT_RATE, 0);
        wi_channel_watch_add(watch, finding->now);
    }
}

bool wi_finding_is_in_use(const struct wi_row *row)
{
    bool is_rejecting = finding_number(row, WI_CHANNEL_REJECT_RATE, 0) > 0;
    bool is_moving = finding_number(row, WI_CHANNEL_IN_RATE, 0) > 0;
    return wi_finding_count(row, WI_CHANNEL_DEPTH) > 0 || is_rejecting || is_moving;
}

void wi_finding_channel(struct wi_finding *finding, const struct wi_row *row)
{
    struct finding_watch_state *watch =
        wi_watch_state_get(finding, WI_CHANNEL, row->id, wi_finding_count(row, WI_CHANNEL_DEPTH),
                           wi_finding_is_in_use(row));
    if (!finding_has(row, WI_CHANNEL_CAPACITY)) {
        wi_finding_unbounded(finding, row);
    }
    if (!watch) {
        return;
    }
    channel_sample(finding, row, watch);
    double capacity = finding_number(row, WI_CHANNEL_CAPACITY, 0);
    uint32_t n_full =
        watch->is_unbounded ? 0 : channel_full_samples(watch, capacity, &watch->full_since);
    bool is_full = n_full >= FINDING_FULL_SAMPLES || (finding->is_dead && n_full > 0);
    if (channel_is_elsewhere(finding, watch)) {
        channel_elsewhere(finding, watch);
        return;
    }
    if (wi_finding_is_stalled(watch) || !is_full) {
        wi_finding_stall(finding, watch);
        wi_finding_first_sample(finding, watch);
    } else {
        channel_full(finding, watch, watch->capacity);
    }
    if (!is_full && !watch->is_unbounded && !wi_finding_is_stalled(watch)) {
        channel_filling(finding, watch);
    }
    channel_rejecting(finding, row, watch);
    channel_orphaned(finding, row, watch);
    wi_finding_channel_senders(finding, row, watch);
    if (!watch->is_unbounded) {
        wi_finding_bound_far(finding, row, watch);
    }
}
