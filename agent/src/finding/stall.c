/* SPDX-License-Identifier: MIT */
/*
 * A queue that stands still: messages are queued and none leaves.
 *
 * The normal time depends on the queue, so the queue's own waits are the measure. A longer stand is
 * a remark, one of ten usual waits a warning. At the first sample nothing is known about the
 * queue's waits. Two cases are then reported: no message was ever received, or the queued ones
 * would take seconds to receive at the average rate so far.
 */
#include "finding/state.h"
#include "weir/nanos.h"

#define STALL_LEAST   (2 * FINDING_SECOND)
#define STALL_PRESSED (5 * FINDING_SECOND)   /* critical if messages still come or are refused */
#define STALL_UNKNOWN (60 * FINDING_SECOND)  /* a warning if no wait was measured */
#define STALL_LONGEST (600 * FINDING_SECOND) /* a warning, whatever is usual */
#define STALL_WAITS   10                     /* usual waits from which on it is a warning */
#define STALL_MOVES   10U /* samples in which messages had left: from then on its pace is known */
#define STALL_FEW     16U /* messages that may rest in a quiet channel */
#define STALL_SMALL   (UINT64_C(16) << 10) /* the same in bytes */
#define STALL_BACKLOG 2.0                  /* seconds of work that are queued at the first sample */

/* Whether messages come or are refused. */
static bool stall_is_pressed(const struct finding_watch_state *watch)
{
    return watch->in_rate > 0 || watch->refused_rate > 0;
}

/* The usual wait: the measured one, else the longest rest after which messages left again. In a
 * deep queue each message waits long although some leave all the time; once messages were seen to
 * leave, the rest counts. */
static uint64_t stall_usual(const struct finding_watch_state *watch)
{
    uint64_t rest = watch->depth_window.longest_rest;
    uint64_t wait = wi_nanos_of(fmin(watch->usual_wait, 3600));
    bool is_rest = wait == 0 || (watch->depth_window.n_moves >= STALL_MOVES && rest < wait);
    return is_rest ? rest : wait;
}

/* Whether so little is queued that it may rest. */
static bool stall_is_little(const struct finding_watch_state *watch)
{
    return watch->depth < (watch->is_bytes ? STALL_SMALL : STALL_FEW);
}

static uint64_t stall_patience(const struct finding_watch_state *watch)
{
    bool is_measured = watch->usual_wait > 0;
    uint64_t longest = is_measured ? STALL_LONGEST : STALL_UNKNOWN;
    uint64_t patience = STALL_WAITS * stall_usual(watch);
    bool may_rest =
        !is_measured && watch->gone > 0 && stall_is_little(watch) && !stall_is_pressed(watch);
    /* A depth that is the same in each sample may be one of a queue that moves. */
    if (may_rest || patience > longest || watch->is_observed) {
        return longest;
    }
    return patience > STALL_LEAST ? patience : STALL_LEAST;
}

static bool stall_is_longer(const struct finding_watch_state *watch, uint64_t nanos)
{
    return watch->depth > 0 && wi_depth_window_stalled(&watch->depth_window) >= nanos;
}

bool wi_finding_is_stalled(const struct finding_watch_state *watch)
{
    /* An observed queue that grows is judged as one: nobody knows that nothing leaves it. */
    bool is_growing = watch->is_observed && watch->is_unbounded &&
                      watch->depth_window.phase == WI_DEPTH_WINDOW_GROWING;
    return !is_growing && stall_is_longer(watch, stall_patience(watch));
}

static enum finding_severity stall_severity(const struct finding_watch_state *watch)
{
    uint64_t patience = stall_patience(watch);
    uint64_t critical = patience > STALL_PRESSED ? patience : STALL_PRESSED;
    return !wi_finding_is_stalled(watch)                                 ? FINDING_INFO
           : stall_is_pressed(watch) && stall_is_longer(watch, critical) ? FINDING_CRITICAL_NOW
                                                                         : FINDING_WARNING;
}

static struct finding_entry *stall_entry(struct wi_finding *finding,
                                         const struct finding_watch_state *watch,
                                         enum finding_severity severity, const char *action)
{
    uint64_t since = wi_depth_window_stalled(&watch->depth_window);
    struct finding_entry *entry = wi_entry_add(finding, severity, (double)watch->depth,
                                               "channel_stalled", watch->name, action);
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
    finding_put_since(entry, since);
    return entry;
}

void wi_finding_stall(struct wi_finding *finding, const struct finding_watch_state *watch)
{
    char queued[WI_QUEUED_MAX], span[WI_WORDS_MAX], in[WI_WORDS_MAX], usual[WI_WORDS_MAX];
    uint64_t since = wi_depth_window_stalled(&watch->depth_window);
    enum finding_severity severity = stall_severity(watch);
    if (watch->depth == 0 || since == 0 ||
        (severity == FINDING_INFO && (since <= stall_usual(watch) || watch->is_observed))) {
        return;
    }
    struct finding_entry *entry = stall_entry(
        finding, watch, severity,
        severity == FINDING_INFO
            ? "Nothing yet. If it lasts, check its receiver."
            : "Check its receiver: it has ended, hangs, or waits for an event that does not come.");
    wi_entry_write(
        entry->text, "%s: %s%s for %s, %s", watch->name,
        severity == FINDING_INFO ? "" : "stalled, ",
        watch->is_observed ? "its depth has not fallen" : "nothing received",
        wi_words_duration(span, since + FINDING_SECOND / 10), /* a sample may come a little early */
        wi_words_queued(queued, watch->depth, watch->bytes, watch->is_bytes));
    if (watch->is_observed) {
        wi_entry_write(entry->evidence, "observed: nobody counts what enters and leaves");
    } else {
        wi_entry_write(entry->evidence, "%s sent/s, 0 received/s",
                       wi_words_flow(in, watch->in_rate, watch->is_bytes));
    }
    if (watch->usual_wait > 0) {
        wi_entry_write(entry->evidence, "; the median wait so far is %s",
                       wi_words_wait(usual, watch->usual_wait));
    }
    finding_put(entry, WI_WARNING_RATE, watch->in_rate);
}

void wi_finding_first_sample(struct wi_finding *finding, const struct finding_watch_state *watch)
{
    char queued[WI_QUEUED_MAX], rate[WI_WORDS_MAX], span[WI_WORDS_MAX];
    bool is_first = finding->sample == 1 && wi_depth_window_count(&watch->depth_window) == 1;
    double usual_rate = finding->uptime > 0 ? (double)watch->gone / finding->uptime : NAN;
    double backlog = (double)watch->depth / usual_rate; /* seconds */
    bool was_received = watch->gone > 0;
    if (!is_first || finding->is_dead || watch->depth == 0 || watch->is_observed ||
        (was_received && !(backlog >= STALL_BACKLOG))) {
        return;
    }
    struct finding_entry *entry = stall_entry(
        finding, watch, FINDING_INFO,
        "Observe it for some seconds: then weir knows whether it moves, and which way.");
    wi_entry_write(entry->text, "%s: %s, %s", watch->name,
                   wi_words_queued(queued, watch->depth, watch->bytes, watch->is_bytes),
                   was_received ? "it is not known yet whether it moves"
                                : "nothing has ever been received");
    if (was_received) {
        wi_entry_write(entry->evidence,
                       "%s received/s on average since the process started, so %s of work",
                       wi_words_flow(rate, usual_rate, watch->is_bytes),
                       wi_words_duration(span, wi_nanos_of(fmin(backlog, 1e9))));
    }
}
