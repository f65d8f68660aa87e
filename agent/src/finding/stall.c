/* SPDX-License-Identifier: MIT */
/*
 * A queue that stands still: messages are queued and none leaves.
 *
 * How long that is normal depends on the queue, so it is measured against the queue's own waits: a
 * remark as soon as it is longer than usual, a warning after ten usual waits. With no history the first look
 * cannot tell, but it can tell what is unlikely to move: what was never received, and what would take
 * seconds to receive at the average rate so far.
 */
#include "finding/state.h"

#define STALL_LEAST   (2 * FINDING_SECOND)
#define STALL_PRESSED (5 * FINDING_SECOND)   /* critical while messages come or are refused */
#define STALL_UNKNOWN (60 * FINDING_SECOND)  /* a warning where no wait was measured */
#define STALL_LONGEST (600 * FINDING_SECOND) /* a warning whatever is usual */
#define STALL_WAITS   10                     /* usual waits until it is a warning */
#define STALL_MOVES   10U /* looks at which messages had left: how it moves is known */
#define STALL_FEW     16U /* messages that may rest in a quiet channel */
#define STALL_BACKLOG 2.0 /* seconds of work that are queued at the first look */

/* Somebody wants to send. */
static bool stall_is_pressed(const struct finding_note *note)
{
    return note->in_rate > 0 || note->refused_rate > 0;
}

/* The wait that is usual here: as measured, else the longest rest after which messages left again. In a deep
 * queue each message waits for long though some leave all the time: once that was seen, the rest counts. */
static uint64_t stall_usual(const struct finding_note *note)
{
    uint64_t rest = note->depth_window.longest_rest;
    uint64_t wait = (uint64_t)(fmin(note->usual_wait, 3600) * 1e9);
    bool is_rest = wait == 0 || (note->depth_window.n_moves >= STALL_MOVES && rest < wait);
    return is_rest ? rest : wait;
}

static uint64_t stall_patience(const struct finding_note *note)
{
    bool is_measured = note->usual_wait > 0;
    uint64_t longest = is_measured ? STALL_LONGEST : STALL_UNKNOWN;
    uint64_t patience = STALL_WAITS * stall_usual(note);
    bool may_rest =
        !is_measured && note->gone > 0 && note->depth < STALL_FEW && !stall_is_pressed(note);
    if (may_rest || patience > longest) {
        return longest;
    }
    return patience > STALL_LEAST ? patience : STALL_LEAST;
}

static bool stall_is_longer(const struct finding_note *note, uint64_t nanos)
{
    return note->depth > 0 && wi_depth_window_stalled(&note->depth_window) >= nanos;
}

bool wi_finding_is_stalled(const struct finding_note *note)
{
    return stall_is_longer(note, stall_patience(note));
}

static enum finding_severity stall_severity(const struct finding_note *note)
{
    uint64_t patience = stall_patience(note);
    uint64_t critical = patience > STALL_PRESSED ? patience : STALL_PRESSED;
    return !wi_finding_is_stalled(note)                                ? FINDING_INFO
           : stall_is_pressed(note) && stall_is_longer(note, critical) ? FINDING_CRITICAL_NOW
                                                                       : FINDING_WARNING;
}

static struct finding_entry *stall_entry(struct wi_finding *finding,
                                         const struct finding_note *note,
                                         enum finding_severity severity, const char *action)
{
    uint64_t since = wi_depth_window_stalled(&note->depth_window);
    struct finding_entry *entry =
        wi_entry_add(finding, severity, (double)note->depth, "channel_stalled", note->name, action);
    finding_put(entry, WI_WARNING_DEPTH, (double)note->depth);
    finding_put_since(entry, since);
    return entry;
}

void wi_finding_stall(struct wi_finding *finding, const struct finding_note *note)
{
    char queued[WI_QUEUED_MAX], span[WI_WORDS_MAX], in[WI_WORDS_MAX], usual[WI_WORDS_MAX];
    uint64_t since = wi_depth_window_stalled(&note->depth_window);
    enum finding_severity severity = stall_severity(note);
    if (note->depth == 0 || since == 0 ||
        (severity == FINDING_INFO && since <= stall_usual(note))) {
        return;
    }
    struct finding_entry *entry = stall_entry(
        finding, note, severity,
        severity == FINDING_INFO
            ? "Nothing yet, unless it lasts: then look at its receiver."
            : "Look at its receiver: it has ended, hangs, or waits for something that does not "
              "come.");
    wi_entry_write(
        entry->text, "%s: %snothing received for %s, %s", note->name,
        severity == FINDING_INFO ? "" : "stalled, ",
        wi_words_duration(span, since + FINDING_SECOND / 10), /* a look comes a little early */
        wi_words_queued(queued, note->depth, note->bytes));
    wi_entry_write(entry->evidence, "%s sent/s, 0 received/s", wi_words_rate(in, note->in_rate));
    if (note->usual_wait > 0) {
        wi_entry_write(entry->evidence, "; the median wait so far is %s",
                       wi_words_wait(usual, note->usual_wait));
    }
    finding_put(entry, WI_WARNING_RATE, note->in_rate);
}

void wi_finding_first_look(struct wi_finding *finding, const struct finding_note *note)
{
    char queued[WI_QUEUED_MAX], rate[WI_WORDS_MAX], span[WI_WORDS_MAX];
    bool is_first = finding->look == 1 && wi_depth_window_count(&note->depth_window) == 1;
    double usual_rate = finding->uptime > 0 ? (double)note->gone / finding->uptime : NAN;
    double backlog = (double)note->depth / usual_rate; /* seconds */
    bool was_received = note->gone > 0;
    if (!is_first || finding->is_dead || note->depth == 0 ||
        (was_received && !(backlog >= STALL_BACKLOG))) {
        return;
    }
    struct finding_entry *entry =
        stall_entry(finding, note, FINDING_INFO,
                    "Look for some seconds: then it is known whether it moves, and which way.");
    wi_entry_write(
        entry->text, "%s: %s, %s", note->name, wi_words_queued(queued, note->depth, note->bytes),
        was_received ? "whether it moves is not known yet" : "nothing has ever been received");
    if (was_received) {
        wi_entry_write(entry->evidence,
                       "%s received/s on average since the process started, so %s of work",
                       wi_words_rate(rate, usual_rate),
                       wi_words_duration(span, (uint64_t)(fmin(backlog, 1e9) * 1e9)));
    }
}
