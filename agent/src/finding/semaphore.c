/* SPDX-License-Identifier: MIT */
/* Findings about a semaphore: no permit is free, or permits do not come back. */
#include "finding/state.h"

#define SEMAPHORE_GONE   (60 * FINDING_SECOND) /* all permits taken, none released for so long */
#define SEMAPHORE_RECENT 3U                    /* recent minutes, against the minutes before */
#define SEMAPHORE_GAP    2U
#define SEMAPHORE_LEAST  5U
#define SEMAPHORE_STEADY 1.25 /* times as many acquires: more work holds more permits */

void wi_semaphore_watch_add(struct finding_watch_state *watch, uint64_t nanos, bool is_gone)
{
    watch->none_since = !is_gone ? 0 : watch->none_since ? watch->none_since : nanos;
    watch->refused_since = !(watch->refused_rate > 0) ? 0
                           : watch->refused_since     ? watch->refused_since
                                                      : nanos;
}

/* Acquires a second over some of the minutes. */
static double semaphore_rate(const struct wi_minute_window *minute_window, uint32_t ago, uint32_t n)
{
    const struct wi_minute_window_minute *late = wi_minute_window_at(minute_window, ago);
    const struct wi_minute_window_minute *early = wi_minute_window_at(minute_window, ago + n - 1);
    return late->ended > early->ended
               ? (double)(late->bytes - early->bytes) / ((double)(late->ended - early->ended) / 1e9)
               : 0;
}

/* The number of recent minutes and of minutes before: half of the known minutes each, since a slow
 * leak must exceed the variation of the work. */
static uint32_t semaphore_gap(const struct wi_minute_window *minute_window)
{
    uint32_t n = wi_minute_window_count(minute_window);
    uint32_t half = n > SEMAPHORE_RECENT ? (n - SEMAPHORE_RECENT) / 2 : 0;
    return half > SEMAPHORE_GAP ? half : SEMAPHORE_GAP;
}

/* The fewest permits taken in recent minutes are more than were ever taken before, though there is
 * no more work. */
static bool semaphore_leaks(const struct finding_watch_state *watch)
{
    const struct wi_minute_window *minute_window = &watch->depth_window.minute_window;
    if (!wi_minute_window_rises(minute_window, SEMAPHORE_RECENT, semaphore_gap(minute_window),
                                SEMAPHORE_LEAST)) {
        return false;
    }
    uint32_t skip = SEMAPHORE_RECENT + semaphore_gap(minute_window);
    uint32_t before = wi_minute_window_count(minute_window) - skip;
    return semaphore_rate(minute_window, 0, SEMAPHORE_RECENT) <=
           SEMAPHORE_STEADY * semaphore_rate(minute_window, skip, before);
}

static void semaphore_leaked(struct wi_finding *finding, const struct wi_row *row,
                             const struct finding_watch_state *watch)
{
    char taken[WI_WORDS_MAX], all[WI_WORDS_MAX], span[WI_WORDS_MAX], before[WI_WORDS_MAX];
    char late[WI_WORDS_MAX], early[WI_WORDS_MAX];
    const struct wi_minute_window *minute_window = &watch->depth_window.minute_window;
    uint64_t still = wi_depth_window_stalled(&watch->depth_window);
    bool is_all = watch->none_since && still >= SEMAPHORE_GONE;
    uint64_t waiters = wi_finding_count(row, WI_SEMAPHORE_WAITERS);
    if (!is_all && !semaphore_leaks(watch)) {
        return;
    }
    struct finding_entry *entry = wi_entry_add(
        finding,
        is_all && (waiters || watch->refused_rate > 0) ? FINDING_CRITICAL_NOW : FINDING_WARNING,
        (double)watch->depth, "permits_leaked", watch->name,
        "Find the code path that does not release: an early return, an error, a dropped task.");
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
    wi_words_count(taken, watch->depth);
    wi_words_count(all, wi_finding_count(row, WI_SEMAPHORE_PERMITS));
    if (is_all) {
        wi_entry_write(entry->text, "%s: all %s permits are taken, none was released for %s",
                       watch->name, all, wi_words_duration(span, still));
        wi_entry_write(entry->evidence, "no release in that time");
        wi_entry_write(entry->estimate, "leaked, or held by work that hangs");
        finding_put_since(entry, still);
        return;
    }
    double floor, ceiling, ignored;
    uint32_t skip = SEMAPHORE_RECENT + semaphore_gap(minute_window);
    uint32_t n = wi_minute_window_count(minute_window);
    wi_minute_window_range(minute_window, 0, SEMAPHORE_RECENT, &floor, &ignored);
    wi_minute_window_range(minute_window, skip, n - skip, &ignored, &ceiling);
    wi_entry_write(entry->text, "%s: permits are not released, never fewer than %s of %s taken",
                   watch->name, wi_words_count(taken, wi_words_whole(floor)), all);
    wi_entry_write(
        entry->evidence,
        "fewest taken in the last 3 min %s, most in the %u min until %u min ago %s; %s acquires/s, "
        "%s/s before",
        taken, (unsigned)(n - skip), (unsigned)skip,
        wi_words_count(before, wi_words_whole(ceiling)),
        wi_words_rate(late, semaphore_rate(minute_window, 0, SEMAPHORE_RECENT)),
        wi_words_rate(early, semaphore_rate(minute_window, skip, n - skip)));
    wi_entry_write(entry->estimate, "at least %s leaked, or held longer than before",
                   wi_words_count(before, wi_words_whole(floor - ceiling)));
    finding_put_since(entry, finding->now -
                                 wi_minute_window_at(minute_window, SEMAPHORE_RECENT - 1)->ended);
}

static void semaphore_exhausted(struct wi_finding *finding, const struct wi_row *row,
                                const struct finding_watch_state *watch, bool was_gone,
                                bool was_refusing)
{
    char rate[WI_WORDS_MAX], span[WI_WORDS_MAX], waiting[WI_WORDS_MAX], rounds[WI_WORDS_MAX];
    bool is_exhausted = watch->none_since && (was_gone || finding->is_dead);
    bool is_refusing = watch->refused_since != 0;
    if (!is_exhausted && !is_refusing) {
        return;
    }
    uint64_t waiters = wi_finding_count(row, WI_SEMAPHORE_WAITERS);
    uint64_t since = is_exhausted ? watch->none_since : watch->refused_since;
    if (is_exhausted && was_refusing && is_refusing && watch->refused_since < watch->none_since) {
        since = watch->refused_since;
    }
    wi_words_rate(rate, watch->refused_rate);
    wi_words_count(waiting, waiters);
    wi_words_duration(span, finding->now - since);
    struct finding_entry *entry =
        wi_entry_add(finding, FINDING_WARNING, watch->refused_rate + (double)waiters,
                     "permits_exhausted", watch->name,
                     "More work arrives than is served: add permits only if the guarded resource "
                     "can take more.");
    wi_entry_write(entry->text, "%s: %s %s%s%s%s%s%s", watch->name,
                   is_exhausted ? "no permit free for" : "permits run out, for", span,
                   is_refusing ? ", " : "", is_refusing ? rate : "",
                   is_refusing ? " refused/s" : "", waiters ? ", waiting: " : "",
                   waiters ? waiting : "");
    wi_entry_write(entry->evidence, "%s acquires/s", wi_words_rate(rounds, watch->in_rate));
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
    finding_put(entry, WI_WARNING_RATE, watch->refused_rate);
    finding_put_since(entry, finding->now - since);
}

/* The semaphore was opened or resized to no permits, and a caller wants one. Nobody can tell from
 * outside whether that is intended. */
static void semaphore_empty(struct wi_finding *finding, const struct wi_row *row,
                            const struct finding_watch_state *watch)
{
    char rate[WI_WORDS_MAX], waiting[WI_WORDS_MAX];
    uint64_t waiters = wi_finding_count(row, WI_SEMAPHORE_WAITERS);
    bool is_refusing = watch->refused_since != 0;
    if (wi_finding_count(row, WI_SEMAPHORE_AVAILABLE) > 0 || (!is_refusing && waiters == 0)) {
        return;
    }
    struct finding_entry *entry =
        wi_entry_add(finding, is_refusing ? FINDING_WARNING : FINDING_INFO,
                     watch->refused_rate + (double)waiters, "permits_none", watch->name,
                     "Release permits, or resize the semaphore, when the work may begin; until "
                     "then waiting is by design.");
    wi_entry_write(entry->text, "%s: it has 0 permits%s%s%s%s%s", watch->name,
                   is_refusing ? ", " : "",
                   is_refusing ? wi_words_rate(rate, watch->refused_rate) : "",
                   is_refusing ? " refused/s" : "", waiters ? ", waiting: " : "",
                   waiters ? wi_words_count(waiting, waiters) : "");
    finding_put(entry, WI_WARNING_RATE, watch->refused_rate);
    if (is_refusing) {
        finding_put_since(entry, finding->now - watch->refused_since);
    }
}

void wi_finding_semaphore(struct wi_finding *finding, const struct wi_row *row)
{
    uint64_t permits = wi_finding_count(row, WI_SEMAPHORE_PERMITS);
    uint64_t available = wi_finding_count(row, WI_SEMAPHORE_AVAILABLE);
    struct finding_sample sample = wi_sample_of_row(finding, WI_SEMAPHORE, row);
    double rejects = finding_number(row, WI_SEMAPHORE_REJECT_RATE, 0);
    uint64_t waiters = wi_finding_count(row, WI_SEMAPHORE_WAITERS);
    /* For a semaphore of another runtime perhaps only the free permits are known. */
    bool is_known = finding_has(row, WI_SEMAPHORE_PERMITS);
    bool has_none = is_known && permits == 0;
    bool is_gone = !has_none && available == 0;
    struct finding_watch_state *watch = wi_watch_state_get(
        finding, WI_SEMAPHORE, row->id, sample.depth,
        finding_has(row, WI_SEMAPHORE_AVAILABLE) &&
            (sample.depth > 0 || rejects > 0 || is_gone || (has_none && waiters > 0)));
    if (!watch) {
        return;
    }
    bool was_gone = watch->none_since != 0;
    bool was_refusing = watch->refused_since != 0;
    wi_watch_state_add(watch, &sample);
    watch->name = row->name;
    watch->label = wi_row_label(WI_SEMAPHORE, row);
    if (!finding->is_dead) {
        watch->in_rate = finding_number(row, WI_SEMAPHORE_ACQUIRE_RATE, 0);
        watch->refused_rate = rejects;
        wi_semaphore_watch_add(watch, finding->now, is_gone);
    }
    if (has_none) {
        semaphore_empty(finding, row, watch);
        return;
    }
    semaphore_exhausted(finding, row, watch, was_gone, was_refusing);
    semaphore_leaked(finding, row, watch);
}
