/* SPDX-License-Identifier: MIT */
/* Warnings name their row by kind and id; those of an older server by a text alone. */
#include "model/warning.h"

#include "weir/warning.h"

#include <string.h>

#define WARNING_AUDIT "default_"

static const char *const kind_names[WC_N_KINDS] = {
    "channel", "semaphore", "task",        "counter", "gauge",    "process",  "agent",
    "warning", "loop",      "single_task", "sender",  "resource", "operation"};

static enum wc_severity severity_of(const char *severity)
{
    return strcmp(severity, "critical") == 0  ? WC_SEVERE
           : strcmp(severity, "warning") == 0 ? WC_WARNING
                                              : WC_INFO;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* A subject is a name, or KIND/name if names of several kinds could be meant. */
static bool subject_is(const char *subject, int kind, const char *name)
{
    const char *word = kind == WEIR__V1__KIND__KIND_SINGLE ? "task" : kind_names[kind];
    size_t length = strlen(word);
    return strcmp(subject, name) == 0 || (strncmp(subject, word, length) == 0 &&
                                          (subject[length] == '/' || subject[length] == ' ') &&
                                          strcmp(subject + length + 1, name) == 0);
}

/* The first row of that name here: an old server means that one. */
static void subject_find(const struct wc_picture *picture, struct wc_warning *warning)
{
    for (int kind = 0; kind < WC_N_KINDS; kind++) {
        const Weir__V1__Table *table = picture->list[kind].table;
        bool is_other = kind != WEIR__V1__KIND__KIND_WARNING;
        for (size_t i = 0; is_other && table && i < table->n_rows; i++) {
            if (subject_is(warning->by_name, kind, table->rows[i]->name)) {
                warning->kind = kind;
                warning->id = table->rows[i]->id;
                return;
            }
        }
    }
}

static void subject_read(const struct wc_model *model, const struct wc_picture *picture,
                         struct wc_warning *warning)
{
    const int warnings = WEIR__V1__KIND__KIND_WARNING;
    const struct wc_rows *rows = &picture->list[warnings];
    const Weir__V1__Value *id =
        wc_model_value(rows, warning->row, wc_model_metric(model, warnings, "subject_id"));
    const char *about = wc_model_text(model, rows, warning->row, "subject_kind");
    if (!wc_model_metric(model, warnings, "subject_kind")) {
        warning->by_name = wc_model_text(model, rows, warning->row, "subject");
        subject_find(picture, warning);
        return;
    }
    warning->ids = wc_model_text(model, rows, warning->row, "subject_ids");
    for (int kind = 0; kind < WC_N_KINDS; kind++) {
        if (id && id->value_case == WEIR__V1__VALUE__VALUE_U64 &&
            strcmp(about, kind_names[kind]) == 0) {
            warning->kind = kind;
            warning->id = id->u64;
        }
    }
}

void wc_warnings_read(const struct wc_model *model, struct wc_picture *picture)
{
    const struct wc_rows *rows = &picture->list[WEIR__V1__KIND__KIND_WARNING];
    size_t n = 0;
    for (size_t i = 0; rows->table && i < rows->table->n_rows && n < WC_MAX_WARNINGS; i++) {
        const Weir__V1__Row *row = rows->table->rows[i];
        const char *kind = wc_model_text(model, rows, row, "kind");
        struct wc_warning warning = {.row = row,
                                     .severity =
                                         severity_of(wc_model_text(model, rows, row, "severity")),
                                     .kind = -1};
        if (strncmp(kind, WARNING_AUDIT, strlen(WARNING_AUDIT)) == 0) {
            continue;
        }
        subject_read(model, picture, &warning);
        size_t at = n++; /* behind those that are as bad */
        for (; at > 0 && picture->warning[at - 1].severity < warning.severity; at--) {
            picture->warning[at] = picture->warning[at - 1];
        }
        picture->warning[at] = warning;
    }
    picture->n_warnings = n;
}

/* ---- asking ------------------------------------------------------------------------------- */

const struct wc_warning *wc_model_warning(const struct wc_model *model, size_t i)
{
    const struct wc_picture *picture = wc_model_picture(model);
    return i < picture->n_warnings ? &picture->warning[i] : NULL;
}

size_t wc_model_n_warnings(const struct wc_model *model)
{
    return wc_model_picture(model)->n_warnings;
}

enum wc_severity wc_model_severity_of(const struct wc_model *model, int kind,
                                      const Weir__V1__Row *row)
{
    const struct wc_warning *warning;
    for (size_t i = 0; (warning = wc_model_warning(model, i)) != NULL; i++) {
        if (warning->by_name ? subject_is(warning->by_name, kind, row->name)
                             : warning->kind == kind && (warning->id == row->id ||
                                                         wi_warning_has(warning->ids, row->id))) {
            return warning->severity; /* the worst stand first */
        }
    }
    return WC_FINE;
}

enum wc_severity wc_model_severity_of_kind(const struct wc_model *model, int kind)
{
    const struct wc_warning *warning;
    for (size_t i = 0; (warning = wc_model_warning(model, i)) != NULL; i++) {
        if (warning->kind == kind) {
            return warning->severity;
        }
    }
    return WC_FINE;
}

enum wc_severity wc_model_severity(const struct wc_model *model, const Weir__V1__Row *warning)
{
    const struct wc_rows *rows = &wc_model_picture(model)->list[WEIR__V1__KIND__KIND_WARNING];
    return severity_of(wc_model_text(model, rows, warning, "severity"));
}
