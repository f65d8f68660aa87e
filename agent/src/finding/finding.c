/* SPDX-License-Identifier: MIT */
/*
 * The findings: what is wrong, judged again once a second.
 *
 * In go the rows of a process view; out comes the verdict, whose warnings stand worst first. Each
 * update goes over the rows once, updates what is remembered of those that are in use
 * (watch_state.c), has each kind judged by its own file, and keeps the 64 worst findings. Channels
 * that grow are put beside the process's memory at the end (growth.c), when all are known.
 *
 * The state is bounded: 1,024 rows, 256 senders, 32 gauges, 64 samples of memory. Rows are read in brief,
 * without the waits, and of channels only what tells whether they are in use, unless they are or
 * may be watched: of many rows most are neither. An exporter that starts late takes the earlier
 * samples from the history (hindsight.c), so that a finding does not depend on how long an exporter
 * has run.
 *
 * Nothing here does I/O, waits or fails; without memory for a watch state a row is not watched. The
 * finding owns the texts, which change in place at each update. The process view's thread.
 */
#include "finding/state.h"

#include "weir/expect.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The process's memory without the memory of weir itself: that of the exporter, if it runs in the
 * process. */
static void finding_memory(struct wi_finding *finding, const struct wi_process_view *view)
{
    const struct wi_row *process = wi_process_view_row(view, WI_PROCESS, 0);
    const struct wi_row *agent = wi_process_view_row(view, WI_AGENT, 0);
    struct finding_memory *memory = &finding->memory;
    finding->uptime = process ? finding_number(process, WI_PROCESS_UPTIME, NAN) : NAN;
    wi_limit_take(finding, process);
    bool is_own = wi_process_view_facts(view)->pid == (uint32_t)getpid();
    finding->has_children = wi_process_view_facts(view)->has_children;
    memory->own = agent && is_own ? finding_number(agent, WI_AGENT_MEMORY, 0) : 0;
    if (finding->sample == 1) {
        memory->is_heap = process && finding_has(process, WI_PROCESS_HEAP);
        wi_hindsight_take(finding, view);
    }
    int metric = memory->is_heap ? WI_PROCESS_HEAP : WI_PROCESS_ANON;
    if (process && finding_has(process, metric)) {
        wi_memory_add(memory, finding->now, finding_number(process, metric, 0) - memory->own);
    }
}

/* Bytes that it holds. */
static size_t finding_bytes(const struct wi_finding *finding)
{
    return sizeof(*finding) + finding->room * sizeof(*finding->watches) +
           finding->map.n_slots * sizeof(*finding->map.slots) +
           (finding->senders ? FINDING_SENDERS * sizeof(*finding->senders) : 0);
}

/* ---- public functions ------------------------------------------------------------------------ */

enum weir_status wi_finding_create(struct wi_finding **ret_finding)
{
    struct wi_finding *finding = calloc(1, sizeof(*finding));
    if (!finding) {
        return WEIR_E_MEMORY;
    }
    finding->verdict.warnings = finding->warnings;
    finding->verdict.bytes = finding_bytes(finding);
    *ret_finding = finding;
    return WEIR_OK;
}

void wi_finding_destroy(struct wi_finding *finding)
{
    if (finding) {
        free(finding->watches);
        free(finding->senders);
        free(finding->map.slots);
        free(finding);
    }
}

const struct wi_verdict *wi_finding_verdict(const struct wi_finding *finding)
{
    return &finding->verdict;
}

static void finding_publish(struct wi_finding *finding)
{
    static const char *const severities[] = {"info", "warning", "critical"};
    for (uint32_t i = 0; i < finding->n_entries; i++) {
        const struct finding_entry *entry = &finding->entry[finding->rank[i]];
        struct wi_warning *warning = &finding->warnings[i];
        (void)WI_EXPECT(entry->kind && entry->action && entry->text[0]); /* shown without, too */
        *warning = (struct wi_warning){.severity = severities[entry->severity],
                                       .kind = entry->kind,
                                       .subject = entry->subject,
                                       .has_row = entry->about.is_row,
                                       .row_kind = entry->about.kind,
                                       .row_id = entry->about.id,
                                       .text = entry->text,
                                       .evidence = entry->evidence[0] ? entry->evidence : NULL,
                                       .estimate = entry->estimate[0] ? entry->estimate : NULL,
                                       .action = entry->action,
                                       .labels = entry->labels,
                                       .ids = entry->ids};
        memcpy(warning->number, entry->number, sizeof(warning->number));
    }
    finding->verdict.n_warnings = finding->n_entries;
    finding->verdict.bytes = finding_bytes(finding);
}

/* A row that has no watch state, and may need none. For a channel it has few metrics, since there
 * may be very many channels. */
static const struct wi_row *finding_glance(const struct wi_process_view *view, enum wi_kind kind,
                                           size_t i)
{
    static const int metrics[] = {WI_CHANNEL_DEPTH, WI_CHANNEL_CAPACITY, WI_CHANNEL_HIGH_WATER,
                                  WI_CHANNEL_SENT,  WI_CHANNEL_IN_RATE,  WI_CHANNEL_REJECT_RATE,
                                  WI_CHANNEL_LABEL};
    uint64_t fields = 0;
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        fields |= UINT64_C(1) << metrics[m];
    }
    return kind == WI_CHANNEL ? wi_process_view_part(view, kind, i, fields)
                              : wi_process_view_brief(view, kind, i);
}

/* The waits of a row are needed only if it has a watch state, or will get one. */
static bool finding_wants_waits(struct wi_finding *finding, enum wi_kind kind,
                                const struct wi_row *row)
{
    return wi_watch_state_has(finding, kind, row->id) ||
           (finding->n_watches < FINDING_MAX_WATCHES &&
            (kind == WI_LOOP || (kind == WI_CHANNEL && wi_finding_is_in_use(row))));
}

static void finding_read(struct wi_finding *finding, const struct wi_process_view *view,
                         enum wi_kind kind, size_t i,
                         void (*judge)(struct wi_finding *finding, const struct wi_row *row))
{
    const struct wi_row *row = finding_glance(view, kind, i);
    if (finding_wants_waits(finding, kind, row)) {
        row = wi_process_view_row(view, kind, i);
    }
    finding->about = (struct finding_subject){true, kind, row->id, wi_row_label(kind, row)};
    judge(finding, row);
    finding->about.is_row = false;
}

static void finding_each(struct wi_finding *finding, const struct wi_process_view *view,
                         enum wi_kind kind,
                         void (*judge)(struct wi_finding *finding, const struct wi_row *row))
{
    for (size_t i = 0; i < wi_process_view_count(view, kind); i++) {
        finding_read(finding, view, kind, i, judge);
    }
}

static void finding_channels(struct wi_finding *finding, const struct wi_process_view *view)
{
    size_t n_rows = wi_process_view_count(view, WI_CHANNEL);
    struct wi_numbers numbers;
    size_t n;
    for (size_t first = 0; first < n_rows; first += n) {
        n = n_rows - first < WI_NUMBERS_ROWS ? n_rows - first : WI_NUMBERS_ROWS;
        if (!wi_glance_read(view, first, n, &numbers)) {
            finding_each(finding, view, WI_CHANNEL,
                         wi_finding_channel); /* the first time, or never */
            return;
        }
        for (size_t i = 0; i < n; i++) {
            if (wi_glance_wants(finding, &numbers, i)) {
                finding_read(finding, view, WI_CHANNEL, first + i, wi_finding_channel);
            } else {
                wi_glance_take(finding, view, &numbers, first, i);
            }
        }
    }
}

void wi_finding_update(struct wi_finding *finding, const struct wi_process_view *view)
{
    finding->sample++;
    finding->now = wi_process_view_as_of_nanos(view);
    finding->is_dead = wi_process_view_state(view) == WI_STATE_DEAD;
    finding->n_entries = finding->n_groups = finding->n_members = 0;
    finding->n_group_text = 0;
    finding->newcomer.depth = 0;
    finding->unbounded.n = 0;
    finding->unbounded.deep = 0;
    finding_memory(finding, view);
    finding_each(finding, view, WI_GAUGE, wi_finding_gauge);
    wi_finding_senders(finding, view);
    finding_channels(finding, view);
    finding_each(finding, view, WI_SEMAPHORE, wi_finding_semaphore);
    finding_each(finding, view, WI_TASK, wi_finding_task);
    if (!finding->is_dead) { /* how long a loop's iteration has run is not known for a process that
                                has ended */
        finding_each(finding, view, WI_LOOP, wi_finding_loop);
    }
    finding_each(finding, view, WI_AGENT, wi_finding_agent);
    wi_finding_growth(finding, view);
    wi_finding_defaults(finding);
    wi_watch_state_sweep(finding);
    wi_groups_tell(finding, view);
    finding_publish(finding);
}
