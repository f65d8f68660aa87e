/* SPDX-License-Identifier: MIT */
/*
 * `weir record`: everything that a screen could show of a process, frame by frame into a file.
 *
 *     link -> Update -> record/writer.h -> file
 *
 * For the process it is just one more console: a Watch of every kind that the server describes,
 * also of kinds that this program does not know. The server leaves out rows that a message cannot
 * hold, those of the last kinds first. The past is requested once, after the first frame.
 *
 * One loop polls the link and a signalfd. When the connection breaks and the process lives, record
 * connects again, until the requested time is over. Another start of the server is another
 * recording, so it ends the first. When the process has ended, its segment is read once more as the
 * last frame. A full disk ends the recording with one line; the file stays whole. The console's one
 * thread.
 */
#include "base/text.h"
#include "command/command.h"
#include "command/lints.h"
#include "command/report.h"
#include "model/state.h"
#include "record/frame.h"
#include "record/writer.h"
#include "link/link.h"
#include "base/format.h"
#include "weir/kind.h"
#include "weir/nanos.h"
#include "weir/wall.h"
#include "weir/weir.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define RECORD_MAX_GLOBS      64u
#define RECORD_MAX_KINDS      16u    /* queries of one Watch */
#define RECORD_MAX_ROWS       10000u /* of a kind; an exporter gives no more */
#define RECORD_PATIENCE_NANOS (2 * WI_SECOND)
#define RECORD_REDIAL_NANOS   (30 * WI_SECOND) /* for a server about which nothing else is known */
#define RECORD_REDIAL_MILLIS  500
#define RECORD_MAX_POLL       1000
#define RECORD_WHOM           512u

enum {
    RECORD_FILE = 1,
    RECORD_TARGET,
    RECORD_INTERVAL,
    RECORD_FOR,
    RECORD_INCLUDE,
    RECORD_EXCLUDE,
    RECORD_FORCE,
    RECORD_LINT
};

static const struct wc_option record_options[] = {
    {RECORD_FILE, 'o', "output", WC_OPTION_TEXT, "FILE", NULL, false,
     "the file to write, as game.weirrec; it must not exist"},
    {RECORD_TARGET, 't', "target", WC_OPTION_TEXT, "TARGET", NULL, false, "the process to record"},
    {RECORD_INTERVAL, 'i', "interval", WC_OPTION_INTERVAL, "SECS", NULL, false,
     "time between two samples, 0.1 to 60 (1)"},
    {RECORD_FOR, 0, "for", WC_OPTION_SECONDS, "SECS", NULL, false, "exit after SECS seconds"},
    {RECORD_INCLUDE, 'I', "include", WC_OPTION_TEXT, "GLOB", NULL, true,
     "only names that match this (* and ?, or a part)"},
    {RECORD_EXCLUDE, 'X', "exclude", WC_OPTION_TEXT, "GLOB", NULL, true,
     "no names that match this"},
    {RECORD_FORCE, 0, "force", WC_OPTION_FLAG, NULL, NULL, false, "overwrite an existing file"},
    {RECORD_LINT, 0, "lint", WC_OPTION_TEXT, "LINTS", NULL, false, WC_LINTS_HELP},
};

/* The order in which kinds are requested: if a frame is too large for a message, rows of the last
 * kinds are left out. `sort`: which rows come first; NULL: by name. */
static const struct record_kind {
    Weir__V1__Kind kind;
    const char *sort;
} record_kinds[] = {
    {WEIR__V1__KIND__KIND_PROCESS, NULL},        {WEIR__V1__KIND__KIND_AGENT, NULL},
    {WEIR__V1__KIND__KIND_WARNING, NULL},        {WEIR__V1__KIND__KIND_CHANNEL, NULL},
    {WEIR__V1__KIND__KIND_SEMAPHORE, NULL},      {WEIR__V1__KIND__KIND_TASK, NULL},
    {WEIR__V1__KIND__KIND_LOOP, NULL},           {WEIR__V1__KIND__KIND_COUNTER, NULL},
    {WEIR__V1__KIND__KIND_GAUGE, NULL},          {WEIR__V1__KIND__KIND_SENDER, "in_flight"},
    {WEIR__V1__KIND__KIND_SINGLE, "utilisation"}};

#define RECORD_N_KINDS (sizeof(record_kinds) / sizeof(record_kinds[0]))

struct recording {
    struct wc_target target;
    struct wc_link *link; /* NULL while there is none */
    struct wc_writer *writer;
    const char *path;
    const char *include[RECORD_MAX_GLOBS], *exclude[RECORD_MAX_GLOBS];
    size_t n_include, n_exclude;
    uint32_t interval_millis;
    double seconds; /* how long to record; 0: without end */
    uint64_t deadline_nanos;
    int64_t started_unix_nanos; /* of the process */
    bool has_asked_past;
    bool has_ended; /* the process has */
    int signal_fd;
};

/* ---- the request -------------------------------------------------------------------------- */

static bool record_has_kind(const Weir__V1__Description *description, Weir__V1__Kind kind,
                            bool *ret_has_histograms)
{
    bool is_there = false;
    for (size_t i = 0; i < description->n_metrics; i++) {
        if (description->metrics[i]->kind == kind) {
            is_there = true;
            *ret_has_histograms |=
                description->metrics[i]->type == WEIR__V1__METRIC_TYPE__METRIC_HISTOGRAM;
        }
    }
    return is_there;
}

/* The request of a frame: its queries, and the request that points to them. */
struct record_request {
    Weir__V1__WatchRequest request;
    Weir__V1__Query queries[RECORD_MAX_KINDS];
    Weir__V1__Query *pointers[RECORD_MAX_KINDS];
};

static void record_query(const struct recording *recording, int kind, const char *sort_field,
                         struct record_request *to)
{
    const Weir__V1__Description *description = wc_link_description(recording->link);
    bool has_histograms = false;
    bool is_one = wi_kind_has_one_row(kind);
    if (to->request.n_queries == RECORD_MAX_KINDS ||
        !record_has_kind(description, (Weir__V1__Kind)kind, &has_histograms)) {
        return;
    }
    int sort = sort_field ? wc_link_metric(recording->link, (Weir__V1__Kind)kind, sort_field) : -1;
    Weir__V1__Query *query = &to->queries[to->request.n_queries];
    weir__v1__query__init(query);
    query->kind = (Weir__V1__Kind)kind;
    query->limit = RECORD_MAX_ROWS;
    query->sort_by_name = sort < 0;
    query->sort = sort < 0 ? 0 : (uint32_t)sort;
    query->descending = sort >= 0;
    query->histograms = has_histograms;
    if (!is_one && recording->n_include == 1) {
        query->filter = (char *)(uintptr_t)recording->include[0];
    }
    to->pointers[to->request.n_queries++] = query;
}

static bool record_is_listed(int kind)
{
    for (size_t i = 0; i < RECORD_N_KINDS; i++) {
        if ((int)record_kinds[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static enum wc_status record_watch(struct recording *recording, struct wc_error *ret_error)
{
    struct record_request to;
    weir__v1__watch_request__init(&to.request);
    to.request.interval_millis = recording->interval_millis;
    to.request.queries = to.pointers;
    for (size_t i = 0; i < RECORD_N_KINDS; i++) {
        record_query(recording, (int)record_kinds[i].kind, record_kinds[i].sort, &to);
    }
    /* And the kinds that this weir does not know. */
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        if (!record_is_listed(kind)) {
            record_query(recording, kind, NULL, &to);
        }
    }
    return wc_link_watch(recording->link, &to.request, ret_error);
}

static void record_ask_past(struct recording *recording)
{
    for (size_t i = 0; i < RECORD_N_KINDS && !recording->has_asked_past; i++) {
        const char *field =
            wc_trend_field(wc_link_description(recording->link), (int)record_kinds[i].kind);
        if (field && wc_link_metric(recording->link, record_kinds[i].kind, field) >= 0) {
            wc_link_history(recording->link, record_kinds[i].kind, field, 0, "");
        }
    }
    recording->has_asked_past = true;
}

/* ---- the answers -------------------------------------------------------------------------- */

/* The pid and the start time: another start of the server is another recording. */
static bool record_is_same(const struct recording *recording)
{
    const Weir__V1__Description *description = wc_link_description(recording->link);
    return description->pid == recording->target.pid &&
           description->started_unix_nanos == recording->started_unix_nanos;
}

static enum wc_status record_take(struct recording *recording, struct wc_error *ret_error)
{
    enum wc_status code = WC_OK;
    Weir__V1__Update *update;
    Weir__V1__Series *series;
    while (code == WC_OK && (update = wc_link_take_update(recording->link)) != NULL) {
        code = wc_writer_look(recording->writer, update, ret_error);
        if (code == WC_OK && wc_writer_looks(recording->writer) == 1 && recording->n_include > 0 &&
            !wc_writer_has_names(recording->writer)) {
            wc_report_unmatched(recording->include, recording->n_include);
        }
        if (code == WC_OK && wc_writer_looks(recording->writer) == 1 && recording->seconds > 0) {
            recording->deadline_nanos = wi_nanos(CLOCK_MONOTONIC) +
                                        wi_nanos_of(recording->seconds) +
                                        recording->interval_millis * UINT64_C(500000);
        }
    }
    while (code == WC_OK && (series = wc_link_take_series(recording->link)) != NULL) {
        code = wc_writer_series(recording->writer, series, ret_error);
        weir__v1__series__free_unpacked(series, NULL);
    }
    if (code == WC_OK && wc_writer_looks(recording->writer) > 0) {
        record_ask_past(recording);
    }
    recording->has_ended = strcmp(wc_writer_state(recording->writer), "dead") == 0;
    return code;
}

/* Whether the requested time has been recorded. */
static bool record_is_done(const struct recording *recording)
{
    double slack = recording->interval_millis / 10000.0;
    return recording->has_ended || wi_nanos(CLOCK_MONOTONIC) >= recording->deadline_nanos ||
           (recording->seconds > 0 && wc_writer_looks(recording->writer) > 0 &&
            wc_writer_seconds(recording->writer) >= recording->seconds - slack);
}

/* Waits for the server, a signal or the time; true: a signal has come. */
static bool record_wait(const struct recording *recording, int millis)
{
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
    uint64_t left = recording->deadline_nanos > now ? recording->deadline_nanos - now : 0;
    struct pollfd waits[] = {
        {.fd = recording->signal_fd, .events = POLLIN},
        {.fd = recording->link ? wc_link_fd(recording->link) : -1,
         .events = (short)(recording->link ? wc_link_events(recording->link) : 0)},
    };
    int most = left / 1000000 < (uint64_t)millis ? (int)(left / 1000000) + 1 : millis;
    return poll(waits, 2, most) > 0 && (waits[0].revents & POLLIN);
}

/* The segment of a process that has ended gives the last frame. */
static void record_last_look(struct recording *recording)
{
    struct wc_target target = recording->target;
    struct wc_error error;
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + RECORD_PATIENCE_NANOS;
    uint64_t before = wc_writer_looks(recording->writer);
    target.socket[0] = '\0';
    if (!target.path[0] || target.host[0] ||
        wc_link_open_within(&target, RECORD_PATIENCE_NANOS, &recording->link, &error) != WC_OK) {
        return;
    }
    enum wc_status code =
        record_is_same(recording) ? record_watch(recording, &error) : WC_NO_TARGET;
    recording->has_asked_past = true;
    while (code == WC_OK && wc_writer_looks(recording->writer) == before &&
           wi_nanos(CLOCK_MONOTONIC) < end) {
        code = wc_link_step(recording->link, &error);
        code = code == WC_OK ? record_take(recording, &error) : code;
        if (code == WC_OK && wc_writer_looks(recording->writer) == before) {
            record_wait(recording, RECORD_REDIAL_MILLIS);
        }
    }
    wc_link_close(recording->link);
    recording->link = NULL;
}

/* The connection is broken. Connects again to a process that lives; true: there is a connection. */
static bool record_redial(struct recording *recording, bool *ret_is_told)
{
    struct wc_error error;
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + RECORD_REDIAL_NANOS;
    uint64_t patience = wi_nanos(CLOCK_MONOTONIC) + RECORD_PATIENCE_NANOS;
    wc_link_close(recording->link);
    recording->link = NULL;
    while (!*ret_is_told && wi_nanos(CLOCK_MONOTONIC) < recording->deadline_nanos) {
        enum wi_state state = wc_target_state(&recording->target);
        /* A process that is being killed is orphaned for a moment: its threads end one by one. */
        bool is_gone = state == WI_STATE_DEAD ||
                       (state == WI_STATE_ORPHANED && wi_nanos(CLOCK_MONOTONIC) >= patience);
        if (is_gone || (state != WI_STATE_RUNNING && wi_nanos(CLOCK_MONOTONIC) >= end)) {
            recording->has_ended = true;
            return false;
        }
        if (wc_link_open_within(&recording->target, RECORD_PATIENCE_NANOS, &recording->link,
                                &error) == WC_OK) {
            if (record_is_same(recording) && record_watch(recording, &error) == WC_OK) {
                return true;
            }
            wc_link_close(recording->link);
            recording->link = NULL;
            recording->has_ended = true;
            return false;
        }
        *ret_is_told = record_wait(recording, RECORD_REDIAL_MILLIS);
    }
    return false;
}

static enum wc_status record_loop(struct recording *recording, struct wc_error *ret_error)
{
    bool is_told = false;
    while (!is_told && !record_is_done(recording)) {
        struct wc_error lost;
        enum wc_status stepped = wc_link_step(recording->link, &lost);
        enum wc_status code = record_take(recording, ret_error);
        if (code != WC_OK || record_is_done(recording)) {
            return code;
        }
        if (stepped == WC_USAGE || stepped == WC_MISMATCH || stepped == WC_DENIED) {
            *ret_error = lost;
            return stepped;
        }
        if (stepped != WC_OK && !record_redial(recording, &is_told)) {
            if (recording->has_ended) {
                record_last_look(recording);
                recording->has_ended = true;
            }
            return WC_OK;
        }
        is_told = is_told || record_wait(recording, RECORD_MAX_POLL);
    }
    return WC_OK;
}

/* ---- the command -------------------------------------------------------------------------- */

/* The signals that end it, as a descriptor to poll; an ignored signal stays ignored. */
static int record_catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(&set, numbers[i]);
        }
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum wc_status record_check(const struct wc_args *args, struct recording *recording,
                                   const char **ret_target, struct wc_error *ret_error)
{
    const char *word = args->n_words ? args->words[0] : NULL;
    double interval = wc_args_number(args, RECORD_INTERVAL, 1);
    *ret_target = wc_args_text(args, RECORD_TARGET, word);
    recording->path = wc_args_text(args, RECORD_FILE, "");
    if (word && *ret_target != word) {
        return wc_error_set(ret_error, WC_USAGE, "record: give one target, not both %s and -t %s",
                            word, *ret_target);
    }
    if (!recording->path[0]) {
        return wc_error_set(ret_error, WC_USAGE,
                            "record: give a file to record into, as -o game.weirrec");
    }
    recording->interval_millis = (uint32_t)(interval * 1000 + 0.5);
    recording->seconds = wc_args_number(args, RECORD_FOR, 0);
    recording->deadline_nanos = UINT64_MAX;
    recording->n_include = wc_args_list(args, RECORD_INCLUDE, recording->include, RECORD_MAX_GLOBS);
    recording->n_exclude = wc_args_list(args, RECORD_EXCLUDE, recording->exclude, RECORD_MAX_GLOBS);
    return WC_OK;
}

static enum wc_status record_create(struct recording *recording, bool is_forced,
                                    struct wc_error *ret_error)
{
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    const Weir__V1__Description *description = wc_link_description(recording->link);
    opening.version = (char *)(uintptr_t)WEIR_VERSION;
    opening.unix_nanos = wi_wall_now();
    opening.interval_millis = recording->interval_millis;
    opening.description = (Weir__V1__Description *)(uintptr_t)description;
    /* protobuf-c has no const strings; packing does not write to them. */
    opening.include = (char **)(uintptr_t)recording->include;
    opening.n_include = recording->n_include;
    opening.exclude = (char **)(uintptr_t)recording->exclude;
    opening.n_exclude = recording->n_exclude;
    recording->target = *wc_link_target(recording->link);
    recording->started_unix_nanos = description->started_unix_nanos;
    return wc_writer_create(recording->path, is_forced, &opening, &recording->writer, ret_error);
}

/* "game (pid 4821)"; a Tokio server reports no pid. */
static const char *record_whom(const struct recording *recording, char *ret_text, size_t room)
{
    char place[WI_PATH_MAX + 16];
    if (recording->target.pid) {
        snprintf(ret_text, room, "%s (pid %u)", recording->target.name, recording->target.pid);
    } else {
        wc_target_place(&recording->target, place, sizeof(place));
        snprintf(ret_text, room, "%s (%s)", recording->target.name, place);
    }
    return ret_text;
}

static enum wc_status record_start(const struct wc_args *args, struct recording *recording,
                                   struct wc_error *ret_error)
{
    const char *text = NULL;
    enum wc_status code = record_check(args, recording, &text, ret_error);
    if (code == WC_OK) {
        code = wc_target_resolve(text, &recording->target, ret_error);
    }
    if (code == WC_OK) {
        code = wc_lints_take(args, RECORD_LINT, &recording->target, ret_error);
    }
    if (code == WC_OK && recording->target.is_recording) {
        return wc_error_set(ret_error, WC_USAGE, "%s is a recording already",
                            recording->target.path);
    }
    if (code == WC_OK) {
        code = wc_link_open(&recording->target, &recording->link, ret_error);
    }
    if (code == WC_OK) {
        code = record_create(recording, wc_args_has(args, RECORD_FORCE), ret_error);
    }
    if (code != WC_OK) {
        return code;
    }
    if (wc_link_notice(recording->link)[0]) {
        wc_report_note(wc_link_notice(recording->link));
    }
    if (isatty(STDERR_FILENO)) {
        char whom[RECORD_WHOM], text_of[2 * RECORD_WHOM];
        snprintf(text_of, sizeof(text_of), "recording %s into %s: Ctrl-C ends it",
                 record_whom(recording, whom, sizeof(whom)), recording->path);
        wc_report_note(text_of);
    }
    recording->signal_fd = record_catch_signals();
    return record_watch(recording, ret_error);
}

/* "recorded 60 s of game (pid 4821) into game.weirrec: 61 looks, 38.2 kB, 2.29 MB an hour" */
static void record_report(const struct recording *recording)
{
    char bytes[WC_FORMAT_SIZE], hourly[WC_FORMAT_SIZE], whom[RECORD_WHOM];
    double seconds = wc_writer_seconds(recording->writer);
    double size = (double)wc_writer_bytes(recording->writer);
    wc_format_bytes(bytes, size);
    unsigned long long looks = wc_writer_looks(recording->writer);
    wc_text_print(stdout, "recorded %.0f s of %s into %s: %llu look%s, %s", seconds,
                  record_whom(recording, whom, sizeof(whom)), recording->path, looks,
                  looks == 1 ? "" : "s", bytes);
    if (seconds >= 5) {
        wc_format_bytes(hourly, size / seconds * 3600);
        printf(", %s an hour", hourly);
    }
    putchar('\n');
    if (wc_writer_left_out(recording->writer) > 0) {
        char text[160];
        snprintf(text, sizeof(text),
                 "%llu rows are missing, because a frame has no room for them: record fewer names "
                 "with -I or -X",
                 (unsigned long long)wc_writer_left_out(recording->writer));
        wc_report_note(text);
    }
}

static enum wc_status record_end(struct recording *recording, enum wc_status code,
                                 const struct wc_error *error)
{
    struct wc_error closing;
    const char *reason = code != WC_OK          ? error->text
                         : recording->has_ended ? "the process has ended"
                                                : "as requested";
    if (recording->writer) {
        record_report(recording);
    }
    enum wc_status closed = wc_writer_close(recording->writer, reason, &closing);
    if (code == WC_OK && closed != WC_OK) {
        return wc_report_fail(&closing);
    }
    if (code != WC_OK) {
        return wc_report_fail(error);
    }
    code = wc_report_end();
    if (code == WC_OK && recording->has_ended) {
        struct wc_error ended;
        char whom[RECORD_WHOM];
        wc_error_set(&ended, WC_ENDED, "%s has ended: its last numbers are in %s",
                     record_whom(recording, whom, sizeof(whom)), recording->path);
        return wc_report_fail(&ended);
    }
    return code;
}

static enum wc_status record_run(const struct wc_args *args)
{
    struct recording recording = {.signal_fd = -1};
    struct wc_error error;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like any other */
    enum wc_status code = record_start(args, &recording, &error);
    if (code == WC_OK) {
        code = record_loop(&recording, &error);
    }
    code = record_end(&recording, code, &error);
    wc_link_close(recording.link);
    if (recording.signal_fd >= 0) {
        close(recording.signal_fd);
    }
    return code;
}

const struct wc_command wc_command_record = {
    .name = "record",
    .usage = "-o FILE [TARGET] [-i SECS] [--for SECS] [-I GLOB]... [-X GLOB]... [--force] "
             "[--lint LINTS]",
    .summary = "record what the screen shows into a file, for `weir replay` and `weir diff`",
    .details =
        "\n"
        "Each sample is written as it comes, so the file stays readable if the recorder is killed\n"
        "or the disk is full. Ctrl-C ends the recording. When the process ends, the recorder "
        "exits\n"
        "with 6. A recording is a TARGET like any other:\n"
        "`weir snapshot FILE --at 90`, `weir subscribe -t FILE game/channel/size/moves -v`.",
    .syntax.options = record_options,
    .syntax.n_options = sizeof(record_options) / sizeof(record_options[0]),
    .syntax.max_words = 1,
    .run = record_run,
};
