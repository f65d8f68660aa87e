/* SPDX-License-Identifier: MIT */
/*
 * `weir doctor`: the problems of a process, for a person or a script. The exporter finds them (the
 * same rows as the screen's warnings); this file decides only how long to observe, how to print,
 * and the exit code. Several targets are observed at the same time.
 *
 * For people there are up to two reports: one at once, with the findings so far, and, if the
 * history is too short, another at the end of the observation. A script (-o json) gets the last one
 * alone. The exit code is that of the last one.
 */
#include "command/command.h"
#include "command/report.h"
#include "emit/row.h"
#include "link/link.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/format.h"
#include "weir/nanos.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOCTOR_COVERED     30.0             /* seconds of history that are enough */
#define DOCTOR_LOOK        (28 * WI_SECOND) /* else it observes for so long; done within 30 s */
#define DOCTOR_QUIET       (10 * WI_SECOND) /* between two messages */
#define DOCTOR_MOST        32U              /* targets */
#define DOCTOR_POLL_MILLIS 200
#define DOCTOR_AUDIT       "default_" /* how the kinds of audits begin */
#define DOCTOR_WRAP        96         /* columns of a line for people */

enum { DOCTOR_TARGET = 1, DOCTOR_FOR, DOCTOR_OUTPUT };

#define DOCTOR_FORMATS "human|json"

static const struct wc_option doctor_options[] = {
    {DOCTOR_TARGET, 't', "target", WC_OPTION_TEXT, "TARGET", NULL, true, "a process to examine"},
    {DOCTOR_FOR, 0, "for", WC_OPTION_SECONDS, "SECS", NULL, false,
     "observe for SECS seconds, whatever history there is"},
    {DOCTOR_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", DOCTOR_FORMATS, false,
     "form of the output"},
};

/* In the order of the queries. */
enum { DOCTOR_WARNINGS, DOCTOR_PROCESS, DOCTOR_AGENT, DOCTOR_N_TABLES };

struct doctor {
    struct wc_target target;
    struct wc_link *link;     /* NULL: it could not be opened */
    Weir__V1__Update *update; /* the newest */
    uint64_t began, heard;
    double seen;      /* seconds that the findings cover */
    bool has_history; /* ... of which the exporter saw these before doctor started */
    bool is_done, is_told;
    enum wc_status code;   /* of the findings that were reported */
    struct wc_error error; /* code WC_OK: none */
};

/* All targets. */
struct doctors {
    struct doctor *list;
    size_t n;
    uint64_t for_nanos; /* 0: until the history is long enough */
    bool is_json, has_printed;
    size_t n_begun;    /* of which a first report was printed */
    int progress_cols; /* of the line that shows the remaining time; 0: none */
};

/* ---- rows -------------------------------------------------------------------------------- */

static const Weir__V1__Table *doctor_table(const struct doctor *doctor, size_t which)
{
    return doctor->update && which < doctor->update->n_tables ? doctor->update->tables[which]
                                                              : NULL;
}

/* A row's value of a FIELD; absent if this server has no such field. */
static struct wc_value doctor_value(const struct doctor *doctor, const Weir__V1__Table *table,
                                    const Weir__V1__Row *row, const char *field)
{
    return wc_row_value(table, row, wc_link_metric(doctor->link, table->kind, field));
}

static struct wc_value doctor_single(const struct doctor *doctor, size_t which, const char *field)
{
    const Weir__V1__Table *table = doctor_table(doctor, which);
    return table && table->n_rows ? doctor_value(doctor, table, table->rows[0], field)
                                  : wc_value_of(NULL);
}

static const char *doctor_text(const struct doctor *doctor, const Weir__V1__Row *row,
                               const char *field)
{
    const Weir__V1__Table *table = doctor_table(doctor, DOCTOR_WARNINGS);
    struct wc_value value = doctor_value(doctor, table, row, field);
    return value.type == WC_TEXT ? value.u.text : "";
}

static bool doctor_is_bad(const struct doctor *doctor, const Weir__V1__Row *row)
{
    return strcmp(doctor_text(doctor, row, "severity"), "info") != 0;
}

static int doctor_rank(const struct doctor *doctor, const Weir__V1__Row *row)
{
    const char *severity = doctor_text(doctor, row, "severity");
    return strcmp(severity, "critical") == 0 ? 2 : strcmp(severity, "info") == 0 ? 0 : 1;
}

/* The worst first; among equals the order is the server's. */
static void doctor_sort(struct doctor *doctor)
{
    const Weir__V1__Table *table = doctor_table(doctor, DOCTOR_WARNINGS);
    for (size_t i = 1; table && i < table->n_rows; i++) {
        Weir__V1__Row *row = table->rows[i];
        size_t at = i;
        for (; at > 0 && doctor_rank(doctor, table->rows[at - 1]) < doctor_rank(doctor, row);
             at--) {
            table->rows[at] = table->rows[at - 1];
        }
        table->rows[at] = row;
    }
}

/* Findings that are more than a remark. */
static size_t doctor_count_bad(const struct doctor *doctor)
{
    const Weir__V1__Table *table = doctor_table(doctor, DOCTOR_WARNINGS);
    size_t n = 0;
    for (size_t i = 0; table && i < table->n_rows; i++) {
        n += doctor_is_bad(doctor, table->rows[i]);
    }
    return n;
}

/* ---- observing --------------------------------------------------------------------------- */

static enum wc_status doctor_begin(struct doctor *doctor, const char *text)
{
    Weir__V1__Query queries[DOCTOR_N_TABLES];
    Weir__V1__Query *list[DOCTOR_N_TABLES];
    static const Weir__V1__Kind kinds[DOCTOR_N_TABLES] = {
        WEIR__V1__KIND__KIND_WARNING, WEIR__V1__KIND__KIND_PROCESS, WEIR__V1__KIND__KIND_AGENT};
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    enum wc_status code = wc_target_resolve(text, &doctor->target, &doctor->error);
    if (code == WC_OK) {
        code = wc_link_open(&doctor->target, &doctor->link, &doctor->error);
    }
    if (code != WC_OK) {
        return code;
    }
    for (size_t i = 0; i < DOCTOR_N_TABLES; i++) {
        weir__v1__query__init(&queries[i]);
        queries[i].kind = kinds[i];
        list[i] = &queries[i];
    }
    request.queries = list;
    request.n_queries = DOCTOR_N_TABLES;
    request.interval_millis = 1000;
    doctor->began = wi_nanos(CLOCK_MONOTONIC);
    doctor->heard = doctor->began;
    return wc_link_watch(doctor->link, &request, &doctor->error);
}

static double doctor_looked(const struct doctor *doctor)
{
    return (double)(wi_nanos(CLOCK_MONOTONIC) - doctor->began) / 1e9;
}

/* The seconds of history that there are. */
static double doctor_history(const struct doctor *doctor)
{
    struct wc_value history = doctor_single(doctor, DOCTOR_AGENT, "history_seconds");
    return history.type == WC_ABSENT ? 0 : wc_value_number(&history);
}

/* The seconds to observe at most; 0: the history so far is enough. A process that has ended has no
 * further history. */
static double doctor_left(const struct doctor *doctor, uint64_t for_nanos)
{
    double left = (double)(for_nanos ? for_nanos : DOCTOR_LOOK) / 1e9 - doctor_looked(doctor);
    double uncovered = DOCTOR_COVERED - doctor_history(doctor);
    if (doctor->update && strcmp(doctor->update->state, "dead") == 0) {
        return 0;
    }
    left = !for_nanos && uncovered < left ? uncovered : left;
    return left > 0 ? left : 0;
}

static bool doctor_has_seen(struct doctor *doctor, uint64_t for_nanos)
{
    double looked = doctor_looked(doctor);
    double before = doctor_history(doctor);
    doctor->has_history = before > looked + 1;
    doctor->seen = before > looked ? before : looked;
    return !(doctor_left(doctor, for_nanos) > 0);
}

static void doctor_fail(struct doctor *doctor, enum wc_status code)
{
    /* The findings so far are reported before the end. */
    doctor->is_done = true;
    doctor->error.code = doctor->update && code == WC_ENDED ? WC_OK : code;
}

static void doctor_step(struct doctor *doctor, uint64_t for_nanos)
{
    Weir__V1__Update *update = NULL;
    enum wc_status code = wc_link_step(doctor->link, &doctor->error);
    while ((update = wc_link_take_update(doctor->link)) != NULL) {
        if (doctor->update) {
            weir__v1__update__free_unpacked(doctor->update, NULL);
        }
        doctor->update = update;
        doctor->heard = wi_nanos(CLOCK_MONOTONIC);
        doctor->is_done = doctor_has_seen(doctor, for_nanos);
    }
    if (!doctor->is_done && code != WC_OK) {
        doctor_fail(doctor, code);
    } else if (!doctor->is_done && wi_nanos(CLOCK_MONOTONIC) - doctor->heard > DOCTOR_QUIET) {
        doctor_fail(doctor, wc_error_set(&doctor->error, WC_INCOMPLETE,
                                         "the server no longer answers: give the segment's path to "
                                         "read it without the server"));
    }
}

/* When a process that has ended was last seen; absent for a live one, or if nobody saw it. */
static struct wc_value doctor_last_seen(const struct doctor *doctor)
{
    struct wc_value start = doctor_single(doctor, DOCTOR_PROCESS, "start_time");
    struct wc_value uptime = doctor_single(doctor, DOCTOR_PROCESS, "uptime");
    if (strcmp(doctor->update->state, "dead") != 0 || start.type == WC_ABSENT ||
        uptime.type == WC_ABSENT) {
        return wc_value_of(NULL);
    }
    return wc_value_time((int64_t)((wc_value_number(&start) + wc_value_number(&uptime)) * 1e9));
}

/* ---- for people -------------------------------------------------------------------------- */

/* A text after its caption, broken at spaces; further lines begin under the first. */
static void doctor_print_wrapped(const char *caption, const char *text)
{
    char clean[1024];
    int indent = (int)strlen(caption);
    wc_text_clean(text, clean, sizeof(clean));
    const char *rest = clean;
    fputs(caption, stdout);
    while (wc_text_width(rest) > (size_t)(DOCTOR_WRAP - indent)) {
        size_t n = wc_text_break(rest, DOCTOR_WRAP - indent);
        if (n == 0) {
            break;
        }
        printf("%.*s\n%*s", (int)n, rest, indent, "");
        rest += n + 1;
    }
    puts(rest);
}

static void doctor_print_finding(const struct doctor *doctor, const Weir__V1__Row *row)
{
    static const struct {
        const char *field, *caption;
    } parts[] = {{"evidence", "          seen: "},
                 {"estimate", "          estimate: "},
                 {"action", "          do: "}};
    char severity[10], caption[16];
    wc_text_clean(doctor_text(doctor, row, "severity"), severity, sizeof(severity));
    snprintf(caption, sizeof(caption), "%-9s ", severity);
    doctor_print_wrapped(caption, doctor_text(doctor, row, "text"));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *text = doctor_text(doctor, row, parts[i].field);
        if (text[0]) {
            doctor_print_wrapped(parts[i].caption, text);
        }
    }
}

/* game[4821] running, up 34s, RSS 52.1 MB, +1.25 MB/s over 33s; seen for 33s, by its history */
static void doctor_print_head(const struct doctor *doctor, double left)
{
    char text[WC_FORMAT_SIZE];
    const char *state = doctor->update->state;
    const struct wc_target *target = wc_link_target(doctor->link);
    struct wc_value uptime = doctor_single(doctor, DOCTOR_PROCESS, "uptime");
    struct wc_value anon = doctor_single(doctor, DOCTOR_PROCESS, "anon");
    if (target->pid) {
        wc_text_print(stdout, "%s[%u] %s", target->name, target->pid, state);
    } else { /* of another runtime: its address identifies it */
        char place[WI_PATH_MAX + 16];
        wc_target_place(target, place, sizeof(place));
        wc_text_print(stdout, "%s %s, %s", target->name, place, state);
    }
    if (uptime.type != WC_ABSENT) {
        wc_format_uptime(text, wc_value_number(&uptime));
        printf(", up %s", text);
    }
    if (anon.type != WC_ABSENT) {
        wc_format_bytes(text, wc_value_number(&anon));
        printf(", memory %s", text);
    }
    struct wc_value last = doctor_last_seen(doctor);
    if (last.type == WC_TIME) {
        printf(", last seen %s", wc_value_plain(&last, text));
    }
    wc_format_uptime(text, doctor->seen);
    printf("; seen for %s%s", text, doctor->has_history ? ", by its history" : "");
    if (left > 0) {
        printf(", looking for up to %.0f s more", left);
    }
    putchar('\n');
}

/* The line about a default that was not chosen: no fault, and not urgent. */
static bool doctor_is_audit(const struct doctor *doctor, const Weir__V1__Row *row)
{
    return strncmp(doctor_text(doctor, row, "kind"), DOCTOR_AUDIT, strlen(DOCTOR_AUDIT)) == 0;
}

/* `left`: seconds for which it still observes; 0: this is the last report. */
static void doctor_print_human(const struct doctor *doctor, double left)
{
    const Weir__V1__Table *table = doctor_table(doctor, DOCTOR_WARNINGS);
    size_t n_bad = doctor_count_bad(doctor), n_audits = 0;
    doctor_print_head(doctor, left);
    for (size_t i = 0; table && i < table->n_rows; i++) {
        if (!doctor_is_audit(doctor, table->rows[i])) {
            doctor_print_finding(doctor, table->rows[i]);
        }
    }
    if (n_bad == 0) {
        puts(left > 0 ? "no problem was found so far" : "no problem was found");
    }
    for (size_t i = 0; table && i < table->n_rows; i++) {
        if (doctor_is_audit(doctor, table->rows[i])) {
            fputs(n_audits++ == 0 ? "\ndefaults to review, not faults:\n" : "", stdout);
            doctor_print_finding(doctor, table->rows[i]);
        }
    }
}

/* ---- for scripts ------------------------------------------------------------------------- */

static void doctor_json_row(const struct doctor *doctor, struct wc_json *json,
                            const Weir__V1__Table *table, const Weir__V1__Row *row)
{
    const Weir__V1__Metric *metrics[WC_ROW_MAX_VALUES];
    size_t n = wc_row_metrics(wc_link_description(doctor->link), table, metrics);
    wc_row_members(json, metrics, n, row);
}

static void doctor_print_json(const struct doctor *doctor)
{
    struct wc_json json;
    const Weir__V1__Table *process = doctor_table(doctor, DOCTOR_PROCESS);
    const Weir__V1__Table *warnings = doctor_table(doctor, DOCTOR_WARNINGS);
    wc_report_open(&json, stdout, "weir.doctor/1", doctor->update->unix_nanos,
                   wc_link_target(doctor->link));
    wc_json_open(&json, "data", '{');
    wc_json_value(&json, "seen_seconds", wc_value_f64(doctor->seen));
    wc_json_text(&json, "seen_by", doctor->has_history ? "history" : "looking");
    wc_json_value(&json, "last_seen", doctor_last_seen(doctor));
    wc_json_value(&json, "found", wc_value_u64(doctor_count_bad(doctor)));
    wc_json_open(&json, "process", '{');
    if (process && process->n_rows) {
        doctor_json_row(doctor, &json, process, process->rows[0]);
    }
    wc_json_close(&json, '}');
    wc_json_open(&json, "findings", '[');
    for (size_t i = 0; warnings && i < warnings->n_rows; i++) {
        wc_json_open(&json, NULL, '{');
        doctor_json_row(doctor, &json, warnings, warnings->rows[i]);
        wc_json_close(&json, '}');
    }
    wc_json_close(&json, ']');
    wc_json_close(&json, '}');
    wc_report_close(&json);
}

/* ---- the command ------------------------------------------------------------------------- */

/* Makes room on the terminal for what is printed next. */
static void doctor_end_progress(struct doctors *doctors)
{
    if (doctors->progress_cols) {
        printf("\r%*s\r", doctors->progress_cols, "");
        doctors->progress_cols = 0;
    }
}

/* "looking: 12 s more", printed over itself, if a person is watching. */
static void doctor_show_progress(struct doctors *doctors)
{
    double left = 0;
    for (size_t i = 0; i < doctors->n; i++) {
        const struct doctor *doctor = &doctors->list[i];
        bool looks_on = doctor->update && !doctor->is_done;
        double more = looks_on ? doctor_left(doctor, doctors->for_nanos) : 0;
        left = more > left ? more : left;
    }
    if (!doctors->is_json && left > 0 && isatty(STDOUT_FILENO)) {
        int cols = printf("\rlooking for up to %.0f s more (Ctrl-C ends) ", left);
        doctors->progress_cols = cols > doctors->progress_cols ? cols : doctors->progress_cols;
        fflush(stdout);
    }
}

/* Reports one target: all findings, or those so far before the observation is over. */
static void doctor_tell(struct doctors *doctors, struct doctor *doctor)
{
    doctor_end_progress(doctors);
    doctor->is_told = doctor->is_done;
    if (doctor->error.code != WC_OK) {
        doctor->code = wc_report_fail(&doctor->error);
        return;
    }
    if (doctor->is_done && wc_link_notice(doctor->link)[0]) {
        wc_report_note(wc_link_notice(doctor->link));
    }
    doctor_sort(doctor);
    if (doctors->is_json) {
        doctor_print_json(doctor);
    } else {
        fputs(doctors->has_printed ? "\n" : "", stdout);
        doctor_print_human(doctor, doctor->is_done ? 0 : doctor_left(doctor, doctors->for_nanos));
        fflush(stdout);
    }
    doctors->has_printed = true;
    doctor->code = doctor_count_bad(doctor) ? WC_FOUND : WC_OK;
}

/* The reports before the observation is over, in the order of the targets. With a duration on the
 * command line there are none: the user waits for the last one. */
static void doctor_tell_early(struct doctors *doctors)
{
    for (; !doctors->is_json && doctors->n_begun < doctors->n; doctors->n_begun++) {
        struct doctor *doctor = &doctors->list[doctors->n_begun];
        if (!doctor->is_done && !doctor->update) {
            return; /* no message of it yet */
        }
        if (doctor->is_done || !doctors->for_nanos) {
            doctor_tell(doctors, doctor);
        }
    }
}

static size_t doctor_wait(const struct doctors *doctors)
{
    struct pollfd waits[DOCTOR_MOST];
    size_t n_open = 0;
    for (size_t i = 0; i < doctors->n; i++) {
        if (!doctors->list[i].is_done) {
            waits[n_open].fd = wc_link_fd(doctors->list[i].link);
            waits[n_open].events = wc_link_events(doctors->list[i].link);
            waits[n_open++].revents = 0;
        }
    }
    if (n_open) {
        poll(waits, n_open, DOCTOR_POLL_MILLIS);
    }
    return n_open;
}

static void doctor_look(struct doctors *doctors)
{
    do {
        for (size_t i = 0; i < doctors->n; i++) {
            if (!doctors->list[i].is_done) {
                doctor_step(&doctors->list[i], doctors->for_nanos);
            }
        }
        doctor_tell_early(doctors);
        doctor_show_progress(doctors);
    } while (doctor_wait(doctors) > 0);
}

/* An error comes before a finding, a finding before none. */
static enum wc_status doctor_worse(enum wc_status a, enum wc_status b)
{
    return a == WC_OK || (a == WC_FOUND && b != WC_OK) ? b : a;
}

static size_t doctor_words(const struct wc_args *args, const char *words[DOCTOR_MOST])
{
    size_t n = wc_args_list(args, DOCTOR_TARGET, words, DOCTOR_MOST);
    for (size_t i = 0; i < args->n_words && n < DOCTOR_MOST; i++) {
        words[n++] = args->words[i];
    }
    if (n == 0) {
        words[n++] = NULL; /* the only one */
    }
    return n;
}

static enum wc_status doctor_run(const struct wc_args *args)
{
    const char *words[DOCTOR_MOST];
    struct doctors doctors = {.n = doctor_words(args, words),
                              .for_nanos = wi_nanos_of(wc_args_number(args, DOCTOR_FOR, 0)),
                              .is_json = wc_args_number(args, DOCTOR_OUTPUT, 0) > 0};
    enum wc_status result = WC_OK;
    doctors.list = wc_resize(NULL, doctors.n, sizeof(*doctors.list));
    memset(doctors.list, 0, doctors.n * sizeof(*doctors.list));
    for (size_t i = 0; i < doctors.n; i++) {
        doctors.list[i].error.code = doctor_begin(&doctors.list[i], words[i]);
        doctors.list[i].is_done = doctors.list[i].error.code != WC_OK;
    }
    doctor_look(&doctors);
    for (size_t i = 0; i < doctors.n; i++) {
        struct doctor *doctor = &doctors.list[i];
        if (!doctor->is_told) {
            doctor_tell(&doctors, doctor);
        }
        result = doctor_worse(result, doctor->code);
        if (doctor->update) {
            weir__v1__update__free_unpacked(doctor->update, NULL);
        }
        wc_link_close(doctor->link);
    }
    free(doctors.list);
    enum wc_status end = wc_report_end();
    return end != WC_OK ? end : result;
}

const struct wc_command wc_command_doctor = {
    .name = "doctor",
    .usage = "[TARGET]... [--for SECS] [-o FORM]",
    .summary = "find problems of a process, running or dead, and say what to do",
    .details = "\n"
               "With half a minute of history the answer is complete at once. Otherwise there is a "
               "first report\n"
               "at once and a complete one after up to 28 s; with -o json or --for there is only "
               "the complete one.\n"
               "exit code: 0 no problem, 1 a warning or worse, others as in `weir help`.",
    .syntax.options = doctor_options,
    .syntax.n_options = sizeof(doctor_options) / sizeof(doctor_options[0]),
    .syntax.max_words = DOCTOR_MOST,
    .run = doctor_run,
};
