/* SPDX-License-Identifier: MIT */
/*
 * `weir list`: every process of this user that has weir, living or dead. The addresses are not in
 * the segments' headers: living exporters are asked for them, each for a moment only.
 */
#include "command/command.h"
#include "command/report.h"
#include "emit/table.h"
#include "link/link.h"
#include "weir/wall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_PATIENCE_NANOS UINT64_C(1000000000)

enum { LIST_OUTPUT = 1 };

static const struct wc_option list_options[] = {
    {LIST_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", WC_FORMAT_CHOICES, false,
     "form of the output"},
};

enum {
    LIST_PID,
    LIST_NAME,
    LIST_TARGET,
    LIST_STATE,
    LIST_SINCE,
    LIST_BYTES,
    LIST_HTTP,
    LIST_GRPC,
    LIST_PATH,
    LIST_PROBLEM,
    LIST_N_COLUMNS
};

static const struct wc_column list_columns[LIST_N_COLUMNS] = {
    [LIST_PID] = {"PID", "pid", WC_SHAPE_EXACT, NULL, false},
    [LIST_NAME] = {"NAME", "name", WC_SHAPE_TEXT, NULL, false},
    [LIST_TARGET] = {"TARGET", "target", WC_SHAPE_TEXT, NULL, true},
    [LIST_STATE] = {"STATE", "state", WC_SHAPE_TEXT, NULL, false},
    [LIST_SINCE] = {"SINCE", "since", WC_SHAPE_TIME, NULL, false},
    [LIST_BYTES] = {"SEGMENT", "segment_bytes", WC_SHAPE_BYTES, NULL, false},
    [LIST_HTTP] = {"HTTP", "http_address", WC_SHAPE_TEXT, NULL, true},
    [LIST_GRPC] = {"GRPC", "grpc_address", WC_SHAPE_TEXT, NULL, true},
    [LIST_PATH] = {"PATH", "path", WC_SHAPE_TEXT, NULL, false},
    [LIST_PROBLEM] = {"PROBLEM", "problem", WC_SHAPE_TEXT, "", true},
};

/* Asks a living exporter for its addresses; the link, which holds the texts, is the caller's. */
static struct wc_link *list_ask(const struct wi_found *found, const char **ret_http,
                                const char **ret_grpc, const char **ret_notice)
{
    struct wc_target target = {.pid = found->pid, .state = found->state};
    memcpy(target.socket, found->socket, sizeof(target.socket));
    struct wc_link *link = NULL;
    if (found->status != WEIR_OK || found->state != WI_STATE_RUNNING || !found->socket[0]) {
        return NULL;
    }
    if (wc_link_open_within(&target, LIST_PATIENCE_NANOS, &link, NULL) != WC_OK) {
        *ret_notice = "does not answer on its socket";
        return NULL;
    }
    *ret_http = wc_link_description(link)->http_address;
    *ret_grpc = wc_link_description(link)->grpc_address;
    *ret_notice = wc_link_description(link)->notice;
    return link;
}

static void list_add(struct wc_table *table, const struct wi_found *found)
{
    const char *http = NULL, *grpc = NULL, *notice = NULL;
    struct wc_link *link = list_ask(found, &http, &grpc, &notice);
    bool is_readable = found->status == WEIR_OK;
    const char *problem = is_readable ? notice : found->problem;
    char both[320];
    if (is_readable && found->is_nameless) {
        bool has_more = notice && notice[0];
        snprintf(both, sizeof(both), "its file was removed: a crash leaves nothing to read%s%s",
                 has_more ? "; " : "", has_more ? notice : "");
        problem = both;
    }
    if (!is_readable && !problem[0]) {
        problem = weir_status_name(found->status);
    }
    char label[WI_LABEL_MAX];
    wi_find_label(found, label, sizeof(label));
    struct wc_value values[LIST_N_COLUMNS] = {
        [LIST_PID] = wc_value_u64(found->pid),
        [LIST_NAME] = wc_value_text(found->name),
        [LIST_TARGET] = wc_value_text(found->has_twins ? label : NULL),
        [LIST_STATE] = wc_value_text(is_readable ? wi_found_state_name(found) : "unreadable"),
        [LIST_SINCE] = wc_value_time(found->opened_unix_nanos),
        [LIST_BYTES] = wc_value_u64(found->bytes),
        [LIST_HTTP] = wc_value_text(http),
        [LIST_GRPC] = wc_value_text(grpc),
        [LIST_PATH] = wc_value_text(found->path),
        [LIST_PROBLEM] = wc_value_text(problem),
    };
    if (!is_readable) {
        values[LIST_BYTES].type = WC_ABSENT;
    }
    wc_table_add(table, values);
    wc_link_close(link);
}

static void list_print(const struct wc_table *table, enum wc_format format)
{
    struct wc_json json;
    switch (format) {
    case WC_FORMAT_JSON:
        wc_report_open(&json, stdout, "weir.list/1", wi_wall_now(), NULL);
        wc_json_open(&json, "data", '{');
        wc_table_print_json(table, &json, "processes");
        wc_json_close(&json, '}');
        wc_report_close(&json);
        break;
    case WC_FORMAT_NDJSON:
        for (size_t i = 0; i < wc_table_count(table); i++) {
            wc_report_open(&json, stdout, "weir.list/1", wi_wall_now(), NULL);
            wc_json_open(&json, "data", '{');
            wc_table_print_members(table, &json, i);
            wc_json_close(&json, '}');
            wc_report_close(&json);
        }
        break;
    case WC_FORMAT_CSV:
        wc_table_print_csv(table, stdout);
        break;
    case WC_FORMAT_HUMAN:
        if (wc_table_count(table) == 0) {
            wc_report_note("no process with weir was found, running or dead");
        } else {
            wc_table_print_human(table, stdout);
        }
        break;
    }
}

static enum wc_status list_run(const struct wc_args *args)
{
    struct wi_found *found = NULL;
    size_t n = 0;
    enum weir_status status = wi_find_all(&found, &n);
    if (status != WEIR_OK) {
        struct wc_error error;
        wc_error_set(&error, WC_INCOMPLETE, "list: cannot look for segments: %s",
                     weir_status_name(status));
        return wc_report_fail(&error);
    }
    struct wc_table *table = wc_table_create(list_columns, LIST_N_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        list_add(table, &found[i]);
    }
    free(found);
    list_print(table, (enum wc_format)wc_args_number(args, LIST_OUTPUT, WC_FORMAT_HUMAN));
    wc_table_destroy(table);
    return wc_report_end();
}

const struct wc_command wc_command_list = {
    .name = "list",
    .usage = "[-o FORM]",
    .summary = "list the processes that have weir, running and dead",
    .details = "\n"
               "A dead process stays in the list until newer ones replace it; `weir snapshot PID` "
               "reads it.\n"
               "If several with one name run, TARGET names one of them as `weir game/2`.",
    .syntax.options = list_options,
    .syntax.n_options = sizeof(list_options) / sizeof(list_options[0]),
    .run = list_run,
};
