/* SPDX-License-Identifier: MIT */
/* `weir prune`: removes the files of dead processes of this user, never those of a living one. */
#include "command/command.h"
#include "command/report.h"
#include "emit/table.h"
#include "weir/wall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PRUNE_DRY = 1, PRUNE_OUTPUT };

#define PRUNE_FORMATS "human|json"

static const struct wc_option prune_options[] = {
    {PRUNE_DRY, 'n', "dry-run", WC_OPTION_FLAG, NULL, NULL, false,
     "only list what it would remove"},
    {PRUNE_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", PRUNE_FORMATS, false,
     "form of the output"},
};

enum { PRUNE_PID, PRUNE_NAME, PRUNE_SINCE, PRUNE_BYTES, PRUNE_PATH, PRUNE_N_COLUMNS };

static const struct wc_column prune_columns[PRUNE_N_COLUMNS] = {
    [PRUNE_PID] = {"PID", "pid", WC_SHAPE_EXACT, NULL, true},
    [PRUNE_NAME] = {"NAME", "name", WC_SHAPE_TEXT, NULL, true},
    [PRUNE_SINCE] = {"SINCE", "since", WC_SHAPE_TIME, NULL, true},
    [PRUNE_BYTES] = {"BYTES", "bytes", WC_SHAPE_BYTES, NULL, true},
    [PRUNE_PATH] = {"PATH", "path", WC_SHAPE_TEXT, NULL, false},
};

struct prune {
    struct wc_table *table;
    struct wi_found *going; /* segments that are removed, or would be */
    size_t n_going;
    bool is_dry;
};

static struct wc_value prune_number(uint64_t number)
{
    struct wc_value none = {.type = WC_ABSENT};
    return number ? wc_value_u64(number) : none;
}

static void prune_add_segment(struct prune *prune, const struct wi_found *found, uint64_t bytes)
{
    struct wc_value values[PRUNE_N_COLUMNS] = {
        [PRUNE_PID] = prune_number(found->pid),    [PRUNE_NAME] = wc_value_text(found->name),
        [PRUNE_SINCE] = {.type = WC_ABSENT},       [PRUNE_BYTES] = wc_value_u64(bytes),
        [PRUNE_PATH] = wc_value_text(found->path),
    };
    if (found->opened_unix_nanos) {
        values[PRUNE_SINCE] = wc_value_time(found->opened_unix_nanos);
    }
    wc_table_add(prune->table, values);
}

/* Whether a file belongs to a segment that was listed: in a dry run it still exists. */
static bool prune_is_told(const struct prune *prune, const char *path)
{
    for (size_t i = 0; i < prune->n_going; i++) {
        size_t stem = strlen(prune->going[i].path) - strlen("weir");
        if (strncmp(prune->going[i].path, path, stem) == 0) {
            return true;
        }
    }
    return false;
}

static void prune_add_leaving(void *context, const char *path)
{
    struct prune *prune = context;
    if (prune_is_told(prune, path)) {
        return;
    }
    struct wc_value values[PRUNE_N_COLUMNS] = {[PRUNE_PATH] = wc_value_text(path)};
    wc_table_add(prune->table, values);
}

static void prune_sweep(void *context, const char *dir)
{
    struct prune *prune = context;
    wi_find_sweep(dir, prune->is_dry, prune_add_leaving, prune);
}

/* Fails: WC_DENIED when a file cannot be removed. */
static enum wc_status prune_segments(struct prune *prune, struct wc_error *ret_error)
{
    size_t n = 0;
    enum weir_status status = wi_find_in_dirs(&prune->going, &n);
    struct wi_found *found = prune->going;
    enum wc_status code = WC_OK;
    if (status != WEIR_OK) {
        return wc_error_set(ret_error, WC_INCOMPLETE, "prune: cannot look for segments: %s",
                            weir_status_name(status));
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t bytes;
        if (!wi_find_remove(&found[i], prune->is_dry, &bytes)) {
            continue;
        }
        if (!prune->is_dry && access(found[i].path, F_OK) == 0) {
            code =
                wc_error_set(ret_error, WC_DENIED, "prune: %s could not be removed", found[i].path);
            continue;
        }
        prune_add_segment(prune, &found[i], bytes);
        found[prune->n_going++] = found[i];
    }
    return code;
}

static void prune_print(const struct prune *prune, bool is_json)
{
    struct wc_json json;
    size_t n = wc_table_count(prune->table);
    if (is_json) {
        wc_report_open(&json, stdout, "weir.prune/1", wi_wall_now(), NULL);
        wc_json_open(&json, "data", '{');
        wc_table_print_json(prune->table, &json, prune->is_dry ? "would_remove" : "removed");
        wc_json_close(&json, '}');
        wc_report_close(&json);
    } else if (n == 0) {
        wc_report_note("prune: nothing to remove: no dead process has left files");
    } else {
        puts(prune->is_dry ? "would remove, each with its history and socket:"
                           : "removed, each with its history and socket:");
        wc_table_print_human(prune->table, stdout);
    }
}

static enum wc_status prune_run(const struct wc_args *args)
{
    struct wc_error error;
    struct prune prune = {.is_dry = wc_args_has(args, PRUNE_DRY)};
    prune.table = wc_table_create(prune_columns, PRUNE_N_COLUMNS);
    enum wc_status code = prune_segments(&prune, &error);
    wi_find_each_dir(prune_sweep, &prune);
    bool is_json = wc_args_number(args, PRUNE_OUTPUT, 0) > 0;
    if (is_json || code == WC_OK || wc_table_count(prune.table) > 0) {
        prune_print(&prune, is_json);
    }
    free(prune.going);
    wc_table_destroy(prune.table);
    enum wc_status end = wc_report_end();
    return code != WC_OK ? wc_report_fail(&error) : end;
}

const struct wc_command wc_command_prune = {
    .name = "prune",
    .usage = "[-n] [-o FORM]",
    .summary = "remove the files of dead processes: segments, histories, sockets",
    .details = "\n"
               "It removes only files of this user, and never those of a living process. It does\n"
               "not ask; -n only lists them.",
    .syntax.options = prune_options,
    .syntax.n_options = sizeof(prune_options) / sizeof(prune_options[0]),
    .run = prune_run,
};
