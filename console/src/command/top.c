/* SPDX-License-Identifier: MIT */
/*
 * `weir [TARGET]`: the screen.
 *
 *     keys and signals -> input/ -> ui    link -> model    model, ui -> layout -> view/ -> grid -> term/
 *                                   ^------ Watch request, when the screen shows something else ------
 *
 * One loop and one poll: keyboard, signals, the link's descriptor, an attempt to connect. model/,
 * input/ and view/ make all decisions. Each turn takes all keys, then all messages, draws, and
 * sends a new request if the screen now needs other rows. There is a turn at least once a second,
 * for the clock.
 *
 * A server that is slow or stopped never blocks the keyboard: the link does not wait, and a thread
 * connects again. When the link breaks and the process lives, top tries again each second. When the
 * process has ended, its last numbers stay, read once more from its segment.
 *
 * The struct top owns everything and is freed at the only exit, which restores the terminal first.
 * A replay is the same screen over a link to a file.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/connect_attempt.h"
#include "command/lints.h"
#include "command/report.h"
#include "input/input.h"
#include "model/model.h"
#include "model/query.h"
#include "record/reader.h"
#include "link/link.h"
#include "weir/nanos.h"
#include "weir/wall.h"
#include "term/term.h"
#include "view/view.h"

#define NANOS        INT64_C(1000000000)
#define REDIAL_NANOS NANOS

enum {
    TOP_INTERVAL = 1,
    TOP_SORT,
    TOP_FILTER,
    TOP_ASCII,
    TOP_BRAILLE,
    TOP_COLOR,
    TOP_FOR,
    TOP_LINT,
    TOP_AT,
    TOP_SPEED,
    TOP_STOPPED
};

/* The options of the screen, live or replayed. */
/* clang-format off */
#define TOP_SCREEN_OPTIONS \
    {TOP_SORT, 's', "sort", WC_OPTION_TEXT, "FIELD", NULL, false, \
     "sort by a metric: depth, in_rate, wait_p99, ...; name; or severity"}, \
    {TOP_FILTER, 'f', "filter", WC_OPTION_TEXT, "GLOB", NULL, false, \
     "only names that contain or match it"}, \
    {TOP_ASCII, 0, "ascii", WC_OPTION_FLAG, NULL, NULL, false, "draw with ASCII characters only"}, \
    {TOP_BRAILLE, 0, "braille", WC_OPTION_FLAG, NULL, NULL, false, \
     "draw graphs with braille dots: twice the resolution, if the font has them"}, \
    {TOP_COLOR, 0, "color", WC_OPTION_CHOICE, "WHEN", "auto|always|never", false, \
     "colours; auto: if the terminal has them and NO_COLOR is not set"}, \
    {TOP_FOR, 0, "for", WC_OPTION_SECONDS, "SECS", NULL, false, "exit after SECS seconds"}
/* clang-format on */

static const struct wc_option top_options[] = {
    {TOP_INTERVAL, 'i', "interval", WC_OPTION_INTERVAL, "SECS", NULL, false,
     "time between two samples, 0.1 to 60 (1)"},
    TOP_SCREEN_OPTIONS,
    {TOP_LINT, 0, "lint", WC_OPTION_TEXT, "LINTS", NULL, false, WC_LINTS_HELP},
};

struct top {
    struct wc_model model;
    struct wc_ui ui;
    struct wc_layout layout;
    struct wc_grid grid;
    struct wc_query query, sent;
    struct wc_target target;
    struct wc_link *link;               /* NULL while there is none */
    struct wc_connect_attempt *attempt; /* a connection attempt under way */
    int64_t redial_nanos;               /* when to try again; 0: not */
    enum wc_tier tier;
    bool ascii;
    bool has_sent;
    bool has_begun;  /* the first numbers have come */
    bool has_chosen; /* a key was pressed */
    bool was_live;   /* the process has been seen alive */
    bool has_ended;  /* it ended while the screen ran */
};

static void top_connected(struct top *top)
{
    const Weir__V1__Description *description = wc_link_description(top->link);
    bool is_dead = strcmp(description->state, "dead") == 0;

    top->has_ended = top->has_ended || (is_dead && top->was_live);
    top->was_live = top->was_live || !is_dead;
    /* The end of a process that was dead before is not known. */
    wc_model_describe(&top->model, wc_link_described(top->link), wc_link_notice(top->link),
                      is_dead && !top->has_ended ? 0 : wi_wall_now());
    top->has_sent = false;
    if (wc_link_replay(top->link)) {
        wc_replay_playback(wc_link_replay(top->link), &top->model.playback);
        top->ui.interval_millis = top->model.playback.interval_millis;
    }
}

/* The link broke: connects again to a process that lives, and reads the segment once more of one
 * that has ended. */
static void top_lost(struct top *top, const struct wc_error *error)
{
    enum wi_state state = wc_target_state(&top->target);
    bool was_read = top->target.state == WI_STATE_DEAD;

    wc_link_close(top->link);
    top->link = NULL;
    top->redial_nanos = 0;
    top->ui.locate = 0;
    if (state != WI_STATE_DEAD) {
        wc_model_connection(&top->model, WC_LOST, wi_wall_now());
        snprintf(top->ui.message, sizeof(top->ui.message), "%.180s", error->text);
        top->redial_nanos = (int64_t)wi_nanos(CLOCK_MONOTONIC) + REDIAL_NANOS;
        return;
    }
    top->has_ended = top->has_ended || top->was_live;
    wc_model_connection(&top->model, WC_DEAD, wi_wall_now());
    if (top->target.path[0] && !was_read) {
        top->target.state = WI_STATE_DEAD;
        top->target.socket[0] = '\0';
        top->redial_nanos = (int64_t)wi_nanos(CLOCK_MONOTONIC);
    }
}

static void top_dialled(struct top *top)
{
    struct wc_error error;
    enum wc_status code = wc_connect_attempt_finish(top->attempt, &top->link, &error);

    top->attempt = NULL;
    if (code == WC_OK) {
        top->ui.message[0] = '\0';
        top_connected(top);
        return;
    }
    top->link = NULL;
    top_lost(top, &error);
}

static void top_attempt(struct top *top, int64_t now)
{
    if (!top->attempt && !top->link && top->redial_nanos && now >= top->redial_nanos) {
        top->attempt = wc_connect_attempt_start(&top->target);
        top->redial_nanos = top->attempt ? 0 : now + REDIAL_NANOS;
    }
}

/* Requests the past, once the first Update has given the present time. */
static void top_ask_past(struct top *top)
{
    bool is_first = wc_model_wants_past(&top->model);
    uint32_t kinds = is_first ? UINT32_MAX : wc_model_take_holes(&top->model);
    for (int kind = 0; kind < WC_N_KINDS; kind++) {
        const char *field = wc_model_trend_field(&top->model, kind);
        if (kinds >> kind & 1U && field && wc_model_metric(&top->model, kind, field)) {
            wc_link_history(top->link, (Weir__V1__Kind)kind, field, 0, "");
        }
    }
    /* Requests all that is known of the row whose details are open. */
    const struct wc_rows *rows;
    const Weir__V1__Row *row =
        wc_ui_is_detail(&top->ui) ? wc_ui_detail(&top->ui, &top->model, &rows) : NULL;
    if (row && wc_model_wants_row(&top->model, (int)rows->table->kind, row->id)) {
        wc_link_history(top->link, rows->table->kind, "", row->id, row->name);
    }
}

/* The first numbers decide which table is in use, unless a key has done so. */
static void top_begin(struct top *top)
{
    if (!top->has_begun && wc_model_picture(&top->model)->update) {
        top->has_begun = true;
        if (!top->has_chosen) {
            wc_ui_start(&top->ui, &top->model);
        }
    }
}

/* Takes the series that have arrived. Returns whether there were any. */
static bool top_take_past(struct top *top)
{
    Weir__V1__Series *series;
    bool is_any = false;
    while ((series = wc_link_take_series(top->link)) != NULL) {
        wc_model_series(&top->model, series);
        is_any = true;
    }
    return is_any;
}

/* A recording answers at once, so no picture is drawn without the answer. */
static void top_step_replay(struct top *top)
{
    const struct wc_replay *replay = wc_link_replay(top->link);
    struct wc_error error;

    if (!replay) {
        return;
    }
    while (wc_link_step(top->link, &error) == WC_OK && top_take_past(top)) {
    }
    wc_replay_playback(replay, &top->model.playback);
    snprintf(top->model.notice, sizeof(top->model.notice), "%s", wc_replay_notice(replay));
}

/* Reads the messages, and sends a new request when the screen shows other rows. */
static void top_step(struct top *top, int64_t now)
{
    struct wc_error error;
    Weir__V1__Update *update;

    if (!top->link) {
        return;
    }
    enum wc_status code = wc_link_step(top->link, &error);
    bool was_live = top->model.connection == WC_LIVE;
    while ((update = wc_link_take_update(top->link)) != NULL) {
        wc_model_update(&top->model, update, now);
    }
    (void)top_take_past(top);
    top_begin(top);
    top_ask_past(top);
    top_step_replay(top);
    top->has_ended = top->has_ended || (was_live && top->model.connection == WC_DEAD);
    if (code != WC_OK) {
        top_lost(top, &error);
    }
}

static void top_watch(struct top *top)
{
    struct wc_error error;

    if (!top->link) {
        return;
    }
    wc_query_make(&top->model, &top->ui, &top->layout, &top->query);
    if (top->has_sent && wc_query_is_same(&top->query, &top->sent)) {
        return;
    }
    if (wc_link_watch(top->link, &top->query.request, &error) != WC_OK) {
        top_lost(top, &error);
        return;
    }
    wc_model_watch(&top->model, &top->query.plan);
    wc_query_make(&top->model, &top->ui, &top->layout, &top->sent);
    top->has_sent = true;
}

static void top_draw(struct top *top)
{
    int rows, cols;

    wc_term_size(&rows, &cols);
    if (rows != top->grid.rows || cols != top->grid.cols) {
        wc_grid_finish(&top->grid);
        wc_grid_init(&top->grid, rows, cols, top->ascii);
    }
    wc_ui_layout(&top->ui, &top->model, rows, cols, &top->layout);
    wc_ui_settle(&top->ui, &top->model, &top->layout);
    struct wc_view view = {&top->grid,   &top->model, &top->ui,
                           &top->layout, top->tier,   (int64_t)wi_nanos(CLOCK_MONOTONIC),
                           wi_wall_now()};
    wc_view_draw(&view);
    wc_term_show(&top->grid);
}

/* The next speed above or below. */
static double top_speed(double speed, int by)
{
    static const double speeds[] = {0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 600};
    const int n = sizeof(speeds) / sizeof(speeds[0]);
    int at = 0;
    while (at + 1 < n && speeds[at] < speed) {
        at++;
    }
    if (by > 0 && speeds[at] > speed) {
        by = 0;
    }
    at += by;
    return speeds[at < 0 ? 0 : at >= n ? n - 1 : at];
}

/* Goes to a moment of the recording. A new Watch drops the messages about the old moment. */
static void top_seek(struct top *top, int64_t position)
{
    wc_replay_seek(wc_link_replay(top->link), position > 0 ? (uint64_t)position : 0);
    wc_model_rewind(&top->model);
    top->has_sent = false;
    top_watch(top);
}

/* Does what a key has requested of the recording. */
static void top_replay(struct top *top)
{
    struct wc_playback_request request = top->ui.request;
    struct wc_replay *replay = top->link ? wc_link_replay(top->link) : NULL;
    struct wc_playback now;

    top->ui.request.request = WC_PLAYBACK_NONE;
    if (!replay || request.request == WC_PLAYBACK_NONE) {
        return;
    }
    wc_replay_playback(replay, &now);
    switch (request.request) {
    case WC_PLAYBACK_TOGGLE:
        if (now.is_at_end) {
            top_seek(top, 0); /* again */
        }
        wc_replay_pause(replay, !now.is_at_end && !now.is_paused);
        break;
    case WC_PLAYBACK_MOVE:
        top_seek(top, (int64_t)now.position + request.by * NANOS);
        break;
    case WC_PLAYBACK_START:
    case WC_PLAYBACK_END:
        top_seek(top, request.request == WC_PLAYBACK_END ? (int64_t)now.length : 0);
        break;
    case WC_PLAYBACK_SPEED:
        wc_replay_speed(replay, top_speed(now.speed, request.by));
        break;
    case WC_PLAYBACK_NONE:
        break;
    }
}

/* Takes all keys and signals that are there. False: the program ends. */
static bool top_input(struct top *top)
{
    for (;;) {
        uint32_t key = 0;
        switch (wc_term_take(&key)) {
        case WC_TERM_NONE:
            return !top->ui.wants_quit;
        case WC_TERM_HUNG_UP:
        case WC_TERM_TOLD:
            return false;
        case WC_TERM_RESIZED:
            break;
        case WC_TERM_KEY:
            wc_input_key(&top->ui, &top->model, &top->layout, key);
            top->has_chosen = true;
            top_replay(top);
            /* The next key acts on the screen that this one has made. */
            wc_ui_layout(&top->ui, &top->model, top->grid.rows, top->grid.cols, &top->layout);
            wc_ui_settle(&top->ui, &top->model, &top->layout);
            break;
        }
        if (top->ui.wants_quit) {
            return false;
        }
    }
}

/* Milliseconds until something changes without an event: the clock on the screen, a connection
 * attempt, the end. */
static int top_patience(const struct top *top, int64_t now, int64_t deadline)
{
    int64_t wait = NANOS - wi_wall_now() % NANOS;
    if (top->redial_nanos && top->redial_nanos - now < wait) {
        wait = top->redial_nanos - now;
    }
    if (deadline - now < wait) {
        wait = deadline - now;
    }
    return wait > 0 ? (int)(wait / 1000000) + 1 : 0;
}

static void top_wait(const struct top *top, int timeout)
{
    struct pollfd fds[4] = {{.fd = wc_term_key_fd(), .events = POLLIN},
                            {.fd = wc_term_signal_fd(), .events = POLLIN},
                            {.fd = -1},
                            {.fd = -1}};
    if (top->link) {
        fds[2].fd = wc_link_fd(top->link);
        fds[2].events = wc_link_events(top->link);
    }
    if (top->attempt) {
        fds[3].fd = wc_connect_attempt_fd(top->attempt);
        fds[3].events = POLLIN;
    }
    poll(fds, 4, timeout);
}

static bool top_attempt_is_over(const struct top *top)
{
    struct pollfd fd = {.fd = top->attempt ? wc_connect_attempt_fd(top->attempt) : -1,
                        .events = POLLIN};
    return top->attempt && poll(&fd, 1, 0) > 0;
}

static void top_run(struct top *top, int64_t deadline)
{
    for (;;) {
        int64_t now = (int64_t)wi_nanos(CLOCK_MONOTONIC);
        if (!top_input(top) || now >= deadline) {
            return;
        }
        if (top_attempt_is_over(top)) {
            top_dialled(top);
        }
        top_attempt(top, now);
        top_step(top, now);
        top_draw(top);
        top_watch(top);
        top_wait(top, top_patience(top, (int64_t)wi_nanos(CLOCK_MONOTONIC), deadline));
    }
}

/* The choices made by the options. */
static enum wc_status top_choose(struct top *top, const struct wc_args *args,
                                 struct wc_error *ret_error)
{
    double interval = wc_args_number(args, TOP_INTERVAL, 1);
    const char *sort = wc_args_text(args, TOP_SORT, NULL);

    wc_ui_init(&top->ui, (uint32_t)(interval * 1000 + 0.5));
    if (sort && !wc_ui_sort(&top->ui, sort)) {
        return wc_error_set(ret_error, WC_USAGE,
                            "no table has a column \"%s\": name, depth, in_rate, out_rate, "
                            "reject_rate, oldest_age, wait_p99, pending, available, ...",
                            sort);
    }
    snprintf(top->ui.filter, sizeof(top->ui.filter), "%s", wc_args_text(args, TOP_FILTER, ""));
    return WC_OK;
}

static void top_finish(struct top *top)
{
    struct wc_link *late = NULL;
    wc_term_stop();
    /* A connection attempt that still waits for a silent process ends with the program. */
    if (top_attempt_is_over(top) && wc_connect_attempt_finish(top->attempt, &late, NULL) == WC_OK) {
        wc_link_close(late);
    }
    wc_link_close(top->link);
    wc_grid_finish(&top->grid);
    wc_model_finish(&top->model);
    free(top);
}

static enum wc_status top_start(struct top *top, const struct wc_args *args,
                                struct wc_error *ret_error)
{
    enum wc_status code = top_choose(top, args, ret_error);
    if (code == WC_OK) {
        code = wc_term_check(ret_error);
    }
    if (code == WC_OK && wc_term_notice()[0]) {
        wc_report_note(wc_term_notice());
    }
    if (code == WC_OK) {
        code =
            wc_target_resolve(args->n_words > 0 ? args->words[0] : NULL, &top->target, ret_error);
    }
    if (code == WC_OK) {
        code = wc_lints_take(args, TOP_LINT, &top->target, ret_error);
    }
    if (code == WC_OK) {
        code = wc_link_open(&top->target, &top->link, ret_error);
    }
    if (code != WC_OK) {
        return code;
    }
    top->target = *wc_link_target(top->link);
    if (wc_link_replay(top->link)) {
        struct wc_replay *replay = wc_link_replay(top->link);
        wc_replay_seek(replay, wi_nanos_of(wc_args_number(args, TOP_AT, 0)));
        wc_replay_speed(replay, wc_args_number(args, TOP_SPEED, 1));
        wc_replay_pause(replay, wc_args_has(args, TOP_STOPPED));
    }
    top_connected(top);
    wc_ui_begin(&top->ui, &top->model);
    code = wc_term_start((enum wc_color)wc_args_number(args, TOP_COLOR, WC_COLOR_AUTO), ret_error);
    if (code == WC_OK) {
        bool is_plain = wc_args_has(args, TOP_ASCII) || !wc_term_is_unicode();
        top->ascii = is_plain;
        top->tier = is_plain                         ? WC_TIER_ASCII
                    : wc_args_has(args, TOP_BRAILLE) ? WC_TIER_BRAILLE
                                                     : WC_TIER_BLOCK;
    }
    return code;
}

static enum wc_status top_command(const struct wc_args *args)
{
    struct top *top = calloc(1, sizeof(*top));
    struct wc_error error;

    if (!top) {
        wc_error_set(&error, WC_INCOMPLETE, "out of memory");
        return wc_report_fail(&error);
    }
    wc_model_init(&top->model);
    enum wc_status code = top_start(top, args, &error);
    if (code != WC_OK) {
        top_finish(top);
        return wc_report_fail(&error);
    }
    double seconds = wc_args_number(args, TOP_FOR, 0);
    int64_t deadline =
        seconds > 0 ? (int64_t)wi_nanos(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9) : INT64_MAX;
    top_run(top, deadline);
    bool is_by_time = (int64_t)wi_nanos(CLOCK_MONOTONIC) >= deadline;
    /* A replay has no end that anybody watched. */
    code = top->has_ended && !is_by_time && !top->target.is_recording ? WC_ENDED : WC_OK;
    top_finish(top);
    return code;
}

const struct wc_command wc_command_top = {
    .name = "top",
    .usage = "[TARGET] [-i SECS] [-s FIELD] [-f GLOB] [--ascii|--braille] [--color WHEN] "
             "[--for SECS] [--lint LINTS]",
    .summary = "show the live screen: queues, permits, tasks, memory and warnings",
    .details =
        "`weir TARGET` and `weir attach TARGET` are the same.\n"
        "\n"
        "tables, by their keys:\n"
        "  1 channels     2 semaphores   3 task kinds  4 counters   5 warnings   6 gauges\n"
        "  7 event loops  8 tasks        9 senders     0 process    a the agent itself\n"
        "  r resources    o operations: of a Tokio server\n"
        "The line of tabs omits tables without rows; Tab goes to the next one. A tab has the\n"
        "colour of its most severe warning, and a ! for a warning or worse.\n"
        "\n"
        "The worst rows come first: by severity of their warnings, then by fill, then by depth.\n"
        "The cursor begins at the worst row and then stays with its row. < and > choose the\n"
        "column to sort by; before the first column is the worst first again (-s severity).\n"
        "Enter on a warning goes to the row that it is about.\n"
        "\n"
        "Enter opens a row's details: up and down select a field, which is explained below and\n"
        "drawn over time; < and > turn pages: overview, latency with percentiles, rejects by\n"
        "reason, the senders of a channel (or the tasks of a kind), all fields. [ and ] go to\n"
        "the neighbouring row, Esc goes back. Press ? on the screen for all keys.\n"
        "\n"
        "A server with Tokio's console-subscriber is also a TARGET: HOST:PORT, http://HOST:PORT,\n"
        "unix:/path or file:///path. weir never pauses it: Space freezes only this screen.\n"
        "--lint and WEIR_LINTS set its warnings, as self-wakes=30%,never-yielded=500ms,\n"
        "large-future=4k,lost-waker=off,auto-boxed-future=off; off alone turns all off.",
    .syntax.options = top_options,
    .syntax.n_options = sizeof(top_options) / sizeof(top_options[0]),
    .syntax.max_words = 1,
    .run = top_command,
};

static const struct wc_option replay_options[] = {
    {TOP_AT, 0, "at", WC_OPTION_MOMENT, "SECS", NULL, false,
     "begin at this second of the recording"},
    {TOP_SPEED, 0, "speed", WC_OPTION_SECONDS, "N", NULL, false,
     "seconds of the recording played in one second, 0.1 to 600 (1)"},
    {TOP_STOPPED, 0, "stopped", WC_OPTION_FLAG, NULL, NULL, false, "begin stopped; Space plays"},
    TOP_SCREEN_OPTIONS,
};

static enum wc_status replay_command(const struct wc_args *args)
{
    struct wc_error error;
    const char *path = args->n_words > 0 ? args->words[0] : "";
    double speed = wc_args_number(args, TOP_SPEED, 1);

    if (!path[0]) {
        wc_error_set(&error, WC_USAGE, "replay: give a recording: `weir record -o FILE` makes one");
        return wc_report_fail(&error);
    }
    if (speed < 0.1 || speed > 600) {
        wc_error_set(&error, WC_USAGE, "replay: --speed takes 0.1 to 600");
        return wc_report_fail(&error);
    }
    /* Errors in the terminal are reported before there is a screen. */
    struct wc_reader *reader = NULL;
    enum wc_status code = wc_reader_open(path, &reader, &error);
    wc_reader_close(reader);
    if (code != WC_OK) {
        return wc_report_fail(&error);
    }
    /* A file, even if a process has its name. */
    char text[WI_PATH_MAX + 8];
    struct wc_args file = *args;
    snprintf(text, sizeof(text), "file://%s", path);
    file.words[0] = text;
    return top_command(&file);
}

const struct wc_command wc_command_replay = {
    .name = "replay",
    .usage = "FILE [--at SECS] [--speed N] [--stopped] [-s FIELD] [-f GLOB] [--ascii|--braille]",
    .summary = "show a recording on the screen, as it was",
    .details =
        "The screen works as with a living process. These keys are added:\n"
        "  Space      stop; continue        , .   ten seconds back, on    { }  a minute\n"
        "  + -        faster, more slowly   ^ $   to the start, the end\n"
        "The first line shows the recording's time of day, the second its position and speed.",
    .syntax.options = replay_options,
    .syntax.n_options = sizeof(replay_options) / sizeof(replay_options[0]),
    .syntax.max_words = 1,
    .run = replay_command,
};
