/* SPDX-License-Identifier: MIT */
/*
 * The model's data of one process, and the functions that read them, for view/, the warnings and
 * the model itself. Nothing here changes them. Every number is found by its metric's FIELD in the
 * Description, so that the console needs no knowledge of metrics. No I/O; the console's one thread.
 */
#ifndef WC_MODEL_STATE_H
#define WC_MODEL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/shared.h"
#include "model/history.h"
#include "model/playback.h"
#include "weir/v1/agent.pb-c.h"

#define WC_N_KINDS     13 /* as Weir__V1__Kind has */
#define WC_MAX_QUERIES 16
#define WC_MAX_METRICS 64 /* of a kind; a later exporter may have more: they are not shown */

enum wc_connection { WC_CONNECTING, WC_LIVE, WC_LOST, WC_DEAD };

/* The purpose of a query. */
enum wc_role {
    WC_ROLE_LIST,
    WC_ROLE_DETAIL, /* everything of one row, beside the kind's list */
    WC_ROLE_PART    /* the rows that belong to that row */
};

/* The queries of the Watch that runs: each table of an Update answers one. */
struct wc_plan {
    size_t n;
    struct {
        int kind;
        enum wc_role role;
        uint32_t offset, limit;
        uint64_t follow; /* the row with this id moves the window; 0: none */
    } query[WC_MAX_QUERIES];
    uint32_t interval_millis;
};

/* One table of an Update with its columns found. */
struct wc_rows {
    const Weir__V1__Table *table;    /* NULL: not requested, or not there yet */
    uint32_t offset;                 /* of the first row: as requested, or as the server moved it */
    uint32_t limit;                  /* as requested */
    uint64_t follow;                 /* as requested */
    int8_t position[WC_MAX_METRICS]; /* of a metric in a row's values, or -1 */
};

#define WC_MAX_WARNINGS 64 /* requested, and kept by a server */

/* The severity of a row, from its warnings. */
enum wc_severity { WC_FINE, WC_INFO, WC_WARNING, WC_SEVERE };

/* A warning of the server, and the row that it is about. */
struct wc_warning {
    const Weir__V1__Row *row; /* of its table */
    enum wc_severity severity;
    int kind;            /* of the row that it is about; -1: of none */
    uint64_t id;         /* of that row */
    const char *ids;     /* of all rows that it is about, if they are several; else "" */
    const char *by_name; /* the row's name, for an old server that sends no id; else NULL */
};

/* All data of one moment. */
struct wc_picture {
    struct wc_shared *shared;       /* holds the Update; NULL before the first */
    const Weir__V1__Update *update; /* its message */
    struct wc_rows list[WC_N_KINDS];
    struct wc_rows detail, part;
    size_t n_warnings; /* the worst first, without those about defaults */
    struct wc_warning warning[WC_MAX_WARNINGS];
    int64_t second; /* of the watched host's monotonic clock */
};

struct wc_model {
    struct wc_shared *described; /* holds the Description; NULL before the first connection */
    const Weir__V1__Description *description; /* its message */
    struct wc_plan plan;
    struct wc_picture live;
    struct wc_picture frozen; /* shown while is_frozen */
    struct wc_histories histories, frozen_histories;
    bool is_frozen;
    bool has_lived;       /* an Update came while the process ran */
    bool has_past;        /* the past has been requested on this connection */
    uint32_t holes;       /* bit set of kinds: rows of them were not seen for a while */
    int64_t holes_second; /* when they were last requested */
    struct {
        bool
            is_asked; /* all the past of this row was requested, and there has been no hole since */
        int kind;
        uint64_t id;
    } row;
    enum wc_connection connection;
    int64_t connection_unix_nanos; /* since when */
    int64_t heard_nanos;           /* of the console's clock, when the last Update came */
    char notice[256];              /* one line about the link, or "" */
    struct wc_playback playback;   /* the position of a recording; else all 0 */
};

/* The picture to draw. Borrowed until the next change of the model. */
const struct wc_picture *wc_model_picture(const struct wc_model *model);

/* The history of the kind's trend for one row; NULL when there is none. */
const struct wc_history *wc_model_history(const struct wc_model *model, int kind, uint64_t id);
/* The kind under which the history of one number of a row is kept: the row's own for the trend. */
int wc_model_history_kind(const struct wc_model *model, const Weir__V1__Metric *metric);

/* The history of any number of a row, kept while the row is shown in full; NULL when there is none. */
const struct wc_history *wc_model_history_of(const struct wc_model *model,
                                             const Weir__V1__Metric *metric, uint64_t id);

/* Seconds since the last Update, if that is longer than the interval explains; else 0. */
double wc_model_stale_seconds(const struct wc_model *model, int64_t now_nanos);

/* A kind's metric by its FIELD, or by its index; NULL when this process does not have it. */
const Weir__V1__Metric *wc_model_metric(const struct wc_model *model, int kind, const char *field);
const Weir__V1__Metric *wc_model_metric_at(const struct wc_model *model, int kind, uint32_t index);

/* Whether this process has a kind at all; and if not, why, or "". Before the first connection it
 * has all. */
bool wc_model_has_kind(const struct wc_model *model, int kind);
const char *wc_model_absence(const struct wc_model *model, int kind);

/* The FIELD whose history a kind keeps for all its rows ("depth" for channels), or NULL. If this
 * process does not have it, it may be another one. */
const char *wc_model_trend_field(const struct wc_model *model, int kind);

/* The same for a process that is only described; NULL: for one that is not known yet. */
const char *wc_trend_field(const Weir__V1__Description *description, int kind);

/* The value of a metric in a row; NULL when absent. */
const Weir__V1__Value *wc_model_value(const struct wc_rows *table, const Weir__V1__Row *row,
                                      const Weir__V1__Metric *metric);
/* The same by FIELD; false, "" when absent. */
bool wc_model_number(const struct wc_model *model, const struct wc_rows *table,
                     const Weir__V1__Row *row, const char *field, double *ret_number);
const char *wc_model_text(const struct wc_model *model, const struct wc_rows *table,
                          const Weir__V1__Row *row, const char *field);
bool wc_model_as_number(const Weir__V1__Value *value, double *ret_number);

/* A number of the process's only row. */
bool wc_model_process(const struct wc_model *model, const char *field, double *ret_number);

/* The detail's row by id; NULL when it is not (or no longer) there. */
const Weir__V1__Row *wc_model_detail(const struct wc_model *model, uint64_t id);

#endif
