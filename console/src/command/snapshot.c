/* SPDX-License-Identifier: MIT */
/*
 * `weir snapshot`: all numbers once. Programs get the pages as they arrive (snapshot_writer.c),
 * people get tables of all of them (summary.c).
 */
#include "command/command.h"
#include "command/lints.h"
#include "command/report.h"
#include "command/snapshot.h"
#include "command/snapshot_feed.h"
#include "command/snapshot_writer.h"
#include "emit/row.h"
#include "command/summary.h"
#include "link/link.h"

#include "base/memory.h"
#include "weir/nanos.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define SNAPSHOT_QUIET_NANOS UINT64_C(10000000000) /* between two messages */
#define SNAPSHOT_POLL_MILLIS 200
#define SNAPSHOT_MAX_ROWS    4000000u
#define SNAPSHOT_MAX_PAGES   20000u
#define SNAPSHOT_MAX_GLOBS   64u
#define SNAPSHOT_BUFFER      (1u << 16)
#define SNAPSHOT_SLOW_NANOS  UINT64_C(1000000000) /* a slower snapshot is noted */

enum {
    SNAPSHOT_TARGET = 1,
    SNAPSHOT_INCLUDE,
    SNAPSHOT_EXCLUDE,
    SNAPSHOT_OUTPUT,
    SNAPSHOT_AT,
    SNAPSHOT_LINT
};

static const struct wc_option snapshot_options[] = {
    {SNAPSHOT_TARGET, 't', "target", WC_OPTION_TEXT, "TARGET", NULL, false, "the process to read"},
    {SNAPSHOT_INCLUDE, 'I', "include", WC_OPTION_TEXT, "GLOB", NULL, true,
     "only names that match this (* and ?, or a part)"},
    {SNAPSHOT_EXCLUDE, 'X', "exclude", WC_OPTION_TEXT, "GLOB", NULL, true,
     "no names that match this"},
    {SNAPSHOT_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", WC_FORMAT_CHOICES, false,
     "form of the output"},
    {SNAPSHOT_AT, 0, "at", WC_OPTION_MOMENT, "SECS", NULL, false,
     "second of a recording to show (its end)"},
    {SNAPSHOT_LINT, 0, "lint", WC_OPTION_TEXT, "LINTS", NULL, false, WC_LINTS_HELP},
};

/* ---- pages ------------------------------------------------------------------------------- */

enum wc_status wc_snapshot_pages(struct wc_link *link, wc_snapshot_page_fn *take, void *context,
                                 struct wc_error *ret_error)
{
    size_t n_pages = 0;
    size_t n_rows = 0;
    uint64_t last = wi_nanos(CLOCK_MONOTONIC);
    for (;;) {
        enum wc_status code = wc_link_step(link, ret_error);
        Weir__V1__Update *update = NULL;
        while ((update = wc_link_take_update(link)) != NULL) {
            for (size_t i = 0; i < update->n_tables; i++) {
                n_rows += update->tables[i]->n_rows;
            }
            if (++n_pages > SNAPSHOT_MAX_PAGES || n_rows > SNAPSHOT_MAX_ROWS) {
                weir__v1__update__free_unpacked(update, NULL);
                return wc_error_set(
                    ret_error, WC_INCOMPLETE,
                    "the server sends more than %u rows or %u pages: select fewer names with -I",
                    SNAPSHOT_MAX_ROWS, SNAPSHOT_MAX_PAGES);
            }
            enum wc_status taken = take(context, update, ret_error);
            if (taken != WC_OK) {
                return taken;
            }
            last = wi_nanos(CLOCK_MONOTONIC);
        }
        if (wc_link_is_complete(link)) {
            return WC_OK;
        }
        if (code != WC_OK) {
            return code;
        }
        if (wi_nanos(CLOCK_MONOTONIC) - last > SNAPSHOT_QUIET_NANOS) {
            return wc_error_set(ret_error, WC_INCOMPLETE,
                                "the server stopped in the middle of its snapshot: try again, or "
                                "give the segment's path to read it without the server");
        }
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, SNAPSHOT_POLL_MILLIS);
    }
}

/* ---- output ------------------------------------------------------------------------------ */

/* The use of the pages: printed as they arrive, or kept, since tables for people are as wide as
 * their widest row. */
struct snapshot_output {
    const struct wc_link *link;
    struct wc_snapshot_writer *writer; /* NULL: for people */
    struct wc_snapshot_feed *feed;     /* NULL: for people, or finished */
    struct wc_pages pages;             /* for people */
    bool has_names;                    /* there is a row that -I could have left out */
    bool has_told;                     /* the link's notice */
    uint64_t began;
    double rested; /* seconds for which the exporter rested */
};

/* The notes about a table, printed at the end. */
static void snapshot_look(struct snapshot_output *output, const Weir__V1__Table *table)
{
    if (table->n_rows == 0 || table->kind == WEIR__V1__KIND__KIND_PROCESS ||
        table->kind == WEIR__V1__KIND__KIND_WARNING) {
        return;
    }
    if (table->kind != WEIR__V1__KIND__KIND_AGENT) {
        output->has_names = true;
        return;
    }
    int rested = wc_link_metric(output->link, WEIR__V1__KIND__KIND_AGENT, "rested");
    struct wc_value value = wc_row_value(table, table->rows[0], rested);
    output->rested = wc_value_number(&value);
}

/* Notes how the process is read, once, when a page of it has arrived. */
static void snapshot_tell_notice(struct snapshot_output *output)
{
    if (!output->has_told && wc_link_notice(output->link)[0]) {
        wc_report_note(wc_link_notice(output->link));
    }
    output->has_told = true;
}

static enum wc_status snapshot_take_page(void *context, Weir__V1__Update *taken_update,
                                         struct wc_error *ret_error)
{
    struct snapshot_output *output = context;
    snapshot_tell_notice(output);
    for (size_t i = 0; i < taken_update->n_tables; i++) {
        snapshot_look(output, taken_update->tables[i]);
    }
    if (!output->writer) {
        struct wc_pages *pages = &output->pages;
        pages->updates = wc_resize(pages->updates, pages->n + 1, sizeof(*pages->updates));
        pages->updates[pages->n++] = taken_update;
        for (size_t i = 0; i < taken_update->n_tables; i++) {
            pages->n_rows += taken_update->tables[i]->n_rows;
        }
        return WC_OK;
    }
    return wc_snapshot_feed_page(output->feed, taken_update, ret_error);
}

static void snapshot_output_start(struct snapshot_output *output, const struct wc_link *link,
                                  enum wc_format format)
{
    static char buffer[SNAPSHOT_BUFFER];
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    output->link = link;
    output->began = wi_nanos(CLOCK_MONOTONIC);
    output->writer =
        format == WC_FORMAT_HUMAN ? NULL : wc_snapshot_writer_create(link, format, stdout);
    output->feed = output->writer ? wc_snapshot_feed_start(output->writer) : NULL;
}

/* Why it took long, if the exporter reports that it rested. */
static void snapshot_tell_wait(const struct snapshot_output *output)
{
    char text[160];
    uint64_t took = wi_nanos(CLOCK_MONOTONIC) - output->began;
    if (took >= SNAPSHOT_SLOW_NANOS && output->rested > 0) {
        snprintf(text, sizeof(text),
                 "the snapshot took %.1f s: the exporter keeps to its share of a processor "
                 "(WEIR_AGENT_CPU) and has stood still for %.1f s since its start",
                 (double)took / 1e9, output->rested);
        wc_report_note(text);
    }
}

static void snapshot_output_end(struct snapshot_output *output, const struct wc_args *args)
{
    snapshot_tell_notice(output);
    const char *include[SNAPSHOT_MAX_GLOBS];
    size_t n_include = wc_args_list(args, SNAPSHOT_INCLUDE, include, SNAPSHOT_MAX_GLOBS);
    if (n_include > 0 && !output->has_names) {
        wc_report_unmatched(include, n_include);
    }
    snapshot_tell_wait(output);
    if (output->writer) {
        wc_snapshot_writer_end(output->writer);
    } else {
        wc_summary_print(output->link, &output->pages, stdout);
    }
}

static void snapshot_output_finish(struct snapshot_output *output)
{
    for (size_t i = 0; i < output->pages.n; i++) {
        weir__v1__update__free_unpacked(output->pages.updates[i], NULL);
    }
    free(output->pages.updates);
    wc_snapshot_writer_destroy(output->writer);
}

/* ---- the command ------------------------------------------------------------------------- */

static enum wc_status snapshot_take(struct wc_link *link, const struct wc_args *args,
                                    struct snapshot_output *output, struct wc_error *ret_error)
{
    const char *include[SNAPSHOT_MAX_GLOBS], *exclude[SNAPSHOT_MAX_GLOBS];
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    request.n_include = wc_args_list(args, SNAPSHOT_INCLUDE, include, SNAPSHOT_MAX_GLOBS);
    request.n_exclude = wc_args_list(args, SNAPSHOT_EXCLUDE, exclude, SNAPSHOT_MAX_GLOBS);
    /* protobuf-c has no const strings; packing does not write to them. */
    request.include = (char **)(uintptr_t)include;
    request.exclude = (char **)(uintptr_t)exclude;
    enum wc_status code = wc_link_snapshot(link, &request, ret_error);
    if (code == WC_OK) {
        code = wc_snapshot_pages(link, snapshot_take_page, output, ret_error);
    }
    if (output->feed) {
        struct wc_error error;
        enum wc_status written = wc_snapshot_feed_end(output->feed, &error);
        output->feed = NULL;
        if (code == WC_OK && written != WC_OK) {
            *ret_error = error;
            return written;
        }
    }
    return code;
}

static enum wc_status snapshot_seek(struct wc_link *link, double seconds,
                                    struct wc_error *ret_error)
{
    struct wc_playback playback;
    struct wc_replay *replay = wc_link_replay(link);
    if (!replay) {
        return wc_error_set(ret_error, WC_USAGE, "snapshot: --at is for a recording");
    }
    wc_replay_playback(replay, &playback);
    uint64_t at = wi_nanos_of(seconds);
    if (at > playback.length) {
        return wc_error_set(ret_error, WC_USAGE, "snapshot: --at %g: the recording has %.3f s",
                            seconds, (double)playback.length / 1e9);
    }
    wc_replay_seek(replay, at);
    return WC_OK;
}

static enum wc_status snapshot_run(const struct wc_args *args)
{
    struct wc_error error;
    struct wc_target target;
    struct wc_link *link = NULL;
    struct snapshot_output output = {.link = NULL};
    const char *word = args->n_words ? args->words[0] : NULL;
    const char *text = wc_args_text(args, SNAPSHOT_TARGET, word);
    if (word && text != word) {
        wc_error_set(&error, WC_USAGE, "snapshot: give one target, not both %s and -t %s", word,
                     text);
        return wc_report_fail(&error);
    }
    enum wc_status code = wc_target_resolve(text, &target, &error);
    if (code == WC_OK) {
        code = wc_lints_take(args, SNAPSHOT_LINT, &target, &error);
    }
    if (code == WC_OK) {
        code = wc_link_open(&target, &link, &error);
    }
    if (code == WC_OK && wc_args_has(args, SNAPSHOT_AT)) {
        code = snapshot_seek(link, wc_args_number(args, SNAPSHOT_AT, 0), &error);
    }
    if (code == WC_OK) {
        snapshot_output_start(
            &output, link, (enum wc_format)wc_args_number(args, SNAPSHOT_OUTPUT, WC_FORMAT_HUMAN));
        code = snapshot_take(link, args, &output, &error);
    }
    if (code == WC_OK) {
        snapshot_output_end(&output, args);
    }
    snapshot_output_finish(&output);
    wc_link_close(link);
    if (code != WC_OK) {
        return wc_report_fail(&error);
    }
    return wc_report_end();
}

const struct wc_command wc_command_snapshot = {
    .name = "snapshot",
    .usage = "[TARGET] [-I GLOB]... [-X GLOB]... [-o FORM] [--at SECS] [--lint LINTS]",
    .summary = "print every number of a running process, a dead one or a recording once",
    .syntax.options = snapshot_options,
    .syntax.n_options = sizeof(snapshot_options) / sizeof(snapshot_options[0]),
    .syntax.max_words = 1,
    .run = snapshot_run,
};
