/* SPDX-License-Identifier: MIT */
/* Findings about a kind of task: more are spawned than finish; and about a loop: it is slow, or late. */
#include "finding/state.h"
#include "weir/nanos.h"

#define LOOP_LONG     0.1 /* seconds: p99 of an iteration */
#define LOOP_HANGS    1.0 /* the present iteration */
#define LOOP_HANGS_ON 10.0
#define LOOP_LATE     0.05 /* seconds at least; else a period, at most LOOP_LATEST */
#define LOOP_LATEST   1.0
#define LOOP_SAMPLES  3U
#define LOOP_TICK     0.001 /* the default of many libraries, which is rarely changed */

/* ---- tasks ---- */

static void task_growing(struct wi_finding *finding, const struct wi_row *row,
                         const struct finding_watch_state *watch, double rate, uint64_t since,
                         enum finding_severity severity)
{
    char count[WI_WORDS_MAX], per_second[WI_WORDS_MAX], span[WI_WORDS_MAX];
    char spawned[WI_WORDS_MAX], finished[WI_WORDS_MAX], unbegun[WI_WORDS_MAX];
    uint64_t runs = wi_finding_count(row, WI_TASK_RUNS);
    uint64_t waiting = watch->came > runs ? watch->came - runs : 0;
    bool is_backlog = waiting >= watch->depth / 2;
    struct finding_entry *entry = wi_entry_add(
        finding, severity, (double)watch->depth, is_backlog ? "task_backlog" : "task_leak",
        watch->name,
        is_backlog ? "Spawn no more than can run: take a permit before the spawn, or add workers."
                   : "Find what these tasks wait for: they have run and do not end.");
    wi_entry_write(entry->text, "%s: %s, +%s tasks/s for %s, %s alive", watch->name,
                   is_backlog ? "tasks are spawned faster than they run" : "tasks do not end",
                   wi_words_rate(per_second, rate), wi_words_duration(span, since),
                   wi_words_count(count, watch->depth));
    wi_entry_write(entry->evidence, "%s spawned/s, %s finished/s; %s never ran",
                   wi_words_rate(spawned, watch->in_rate), wi_words_rate(finished, watch->out_rate),
                   wi_words_count(unbegun, waiting));
    finding_put_since(entry, since);
    finding_put(entry, WI_WARNING_RATE, rate);
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
}

void wi_finding_task(struct wi_finding *finding, const struct wi_row *row)
{
    struct finding_sample sample = wi_sample_of_row(finding, WI_TASK, row);
    struct finding_watch_state *watch =
        wi_watch_state_get(finding, WI_TASK, row->id, sample.depth, sample.depth > 0);
    if (!watch) {
        return;
    }
    wi_watch_state_add(watch, &sample);
    watch->name = row->name;
    const struct wi_minute_window *minute_window = &watch->depth_window.minute_window;
    double rate = wi_depth_window_slope(&watch->depth_window);
    if (watch->depth_window.phase == WI_DEPTH_WINDOW_GROWING && wi_finding_is_urgent(rate, 0) &&
        wi_depth_window_is_above_all(&watch->depth_window)) {
        uint64_t since = finding->now - watch->depth_window.growing_since;
        task_growing(finding, row, watch, rate, since,
                     since >= FINDING_CRITICAL ? FINDING_CRITICAL_NOW : FINDING_WARNING);
    } else if (wi_minute_window_grows(minute_window)) {
        const struct wi_minute_window_minute *newest = wi_minute_window_at(minute_window, 0);
        const struct wi_minute_window_minute *oldest =
            wi_minute_window_at(minute_window, wi_minute_window_count(minute_window) - 1);
        double seconds = (double)(newest->ended - oldest->ended) / 1e9;
        task_growing(finding, row, watch, (double)(newest->last - oldest->last) / seconds,
                     finding->now - oldest->ended, FINDING_WARNING);
    }
}

/* ---- loops ---- */

static void loop_long(struct wi_finding *finding, const struct wi_row *row, double current,
                      double p99)
{
    char span[WI_WORDS_MAX], worst[WI_WORDS_MAX];
    bool is_in_it = current >= LOOP_HANGS;
    struct finding_entry *entry = wi_entry_add(
        finding, current >= LOOP_HANGS_ON ? FINDING_CRITICAL_NOW : FINDING_WARNING,
        is_in_it ? current : p99, "long_iterations", row->name,
        "Find what blocks in the loop (a lock, a permit, a file) and move it to a separate task.");
    if (is_in_it) {
        wi_entry_write(entry->text, "%s: in the same iteration for %s", row->name,
                       wi_words_duration(span, wi_nanos_of(current)));
        finding_put_since(entry, wi_nanos_of(current));
    } else {
        wi_entry_write(entry->text, "%s: one iteration in a hundred takes %.0f ms or more",
                       row->name, p99 * 1e3);
    }
    wi_entry_write(
        entry->evidence, "p99 %.1f ms over the last 10 to 20 s, worst %s", p99 * 1e3,
        wi_words_duration(worst, wi_nanos_of(finding_number(row, WI_LOOP_ITERATION_MAX, 0))));
    finding_put(entry, WI_WARNING_WINDOW, 20);
}

static void loop_late(struct wi_finding *finding, const struct wi_row *row, double late,
                      double period)
{
    struct finding_entry *entry =
        wi_entry_add(finding, FINDING_WARNING, late, "timer_late", row->name,
                     "Let the loop do less between two ticks, or give it a processor: its lateness "
                     "delays all that it serves.");
    wi_entry_write(entry->text, "%s: its timer is %.0f ms late once in a hundred times", row->name,
                   late * 1e3);
    wi_entry_write(entry->evidence, "p99 %.1f ms over the last 10 to 20 s", late * 1e3);
    if (period > 0) {
        wi_entry_write(entry->evidence, ", period %g ms", period * 1e3);
    }
    finding_put(entry, WI_WARNING_WINDOW, 20);
}

static void loop_tick(struct wi_finding *finding, const struct wi_row *row, double period)
{
    char rate[WI_WORDS_MAX];
    struct finding_entry *entry =
        wi_entry_add(finding, FINDING_INFO, -3, "default_timer_1ms", row->name,
                     "Check whether 10 ms is enough: each tick wakes a processor.");
    wi_entry_write(entry->text, "%s: a timer of %g ms", row->name, period * 1e3);
    wi_entry_write(entry->evidence, "%s iterations/s",
                   wi_words_rate(rate, finding_number(row, WI_LOOP_ITERATION_RATE, 0)));
}

void wi_finding_loop(struct wi_finding *finding, const struct wi_row *row)
{
    double current = finding_number(row, WI_LOOP_CURRENT, 0);
    double p99 = finding_number(row, WI_LOOP_ITERATION_P99, 0);
    double late = finding_number(row, WI_LOOP_LATENESS_P99, 0);
    double period = finding_number(row, WI_LOOP_PERIOD, 0);
    double limit = period > LOOP_LATE ? period : LOOP_LATE;
    bool is_slow = current >= LOOP_HANGS || p99 >= LOOP_LONG;
    bool is_late = late >= (limit < LOOP_LATEST ? limit : LOOP_LATEST);
    struct finding_watch_state *watch =
        wi_watch_state_get(finding, WI_LOOP, row->id, 0, is_slow || is_late);
    if (watch) {
        watch->slow = is_slow ? watch->slow + 1 : 0;
        watch->late = is_late ? watch->late + 1 : 0;
        if (is_slow && (watch->slow >= LOOP_SAMPLES || current >= LOOP_HANGS)) {
            loop_long(finding, row, current, p99);
        }
        if (watch->late >= LOOP_SAMPLES) {
            loop_late(finding, row, late, period);
        }
    }
    if (period > 0 && period <= LOOP_TICK) {
        loop_tick(finding, row, period);
    }
}
