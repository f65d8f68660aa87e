/* SPDX-License-Identifier: MIT */
/*
 * What the model holds of one process, and how it is read: by view/, by the warnings and by the model itself.
 * Nothing here changes it. Every number is found by its metric's FIELD in the Description, so that the console
 * needs no knowledge of metrics. No I/O; the console's one thread.
 */
#ifndef WC_MODEL_STATE_H
#define WC_MODEL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/history.h"
#include "model/playback.h"
#include "weir/v1/agent.pb-c.h"

#define WC_N_KINDS     13 /* as Weir__V1__Kind has */
#define WC_MAX_QUERIES 16
#define WC_MAX_METRICS 64 /* of a kind; a later exporter may have more: they are not shown */

enum wc_connection { WC_CONNECTING, WC_LIVE, WC_LOST, WC_DEAD };

/* What a query is for. */
enum wc_role {
    WC_ROLE_LIST,
    WC_ROLE_DETAIL, /* all of one row, beside the kind's list */
    WC_ROLE_PART    /* what belongs to that row */
};

/* What the tables of an Update answer: the queries of the Watch that runs. */
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
    const Weir__V1__Table *table;    /* NULL: not asked for, or not there yet */
    uint32_t offset;                 /* of the first row: as asked for, or where it was moved */
    uint32_t limit;                  /* as asked for */
    uint64_t follow;                 /* as asked for */
    int8_t position[WC_MAX_METRICS]; /* of a metric in a row's values, or -1 */
};

#define WC_MAX_WARNINGS 64 /* asked for, and kept by a server */

/* How bad a row is, by its warnings. */
enum wc_severity { WC_FINE, WC_INFO, WC_WARNING, WC_SEVERE };

/* What the server warns of, and the row that it is about. */
struct wc_warning {
    const Weir__V1__Row *row; /* of its table */
    enum wc_severity severity;
    int kind;            /* of the row that it is about; -1: of none */
    uint64_t id;         /* of that row */
    const char *by_name; /* a server of old tells no more of it than this; else NULL */
};

/* Everything as it was at one moment. */
struct wc_picture {
    Weir__V1__Update *update; /* owned; NULL before the first */
    struct wc_rows list[WC_N_KINDS];
    struct wc_rows detail, part;
    size_t n_warnings; /* the worst first, those of defaults left out */
    struct wc_warning warning[WC_MAX_WARNINGS];
    int64_t second; /* of the watched host's monotonic clock */
};

struct wc_model {
    Weir__V1__Description *description; /* owned; NULL before the first connection */
    struct wc_plan plan;
    struct wc_picture live;
    struct wc_picture frozen; /* what is shown while is_frozen */
    struct wc_histories histories, frozen_histories;
    bool is_frozen;
    bool has_lived;       /* an Update came while the process ran */
    bool has_past;        /* what was before has been asked for, on this connection */
    uint32_t holes;       /* bit set of kinds: rows of them were not seen for a while */
    int64_t holes_second; /* when they were asked for last */
    struct {
        bool is_asked; /* for all the past of this row, since it was open and without a hole */
        int kind;
        uint64_t id;
    } row;
    enum wc_connection connection;
    int64_t connection_unix_nanos; /* since when */
    int64_t heard_nanos;           /* of the console's clock, when the last Update came */
    char notice[256];              /* one line about the link, or "" */
    struct wc_playback playback;   /* where a recording stands; else all 0 */
};

/* What is to be drawn. Borrowed until the next change of the model. */
const struct wc_picture *wc_model_picture(const struct wc_model *model);

/* The history of the kind's trend for one row; NULL when there is none. */
const struct wc_history *wc_model_history(const struct wc_model *model, int kind, uint64_t id);
/* Under which kind the history of one number of a row is kept: the trend's under the row's own. */
int wc_model_history_kind(const struct wc_model *model, const Weir__V1__Metric *metric);

/* The history of any number of a row, kept while the row is shown in full; NULL when there is none. */
const struct wc_history *wc_model_history_of(const struct wc_model *model,
                                             const Weir__V1__Metric *metric, uint64_t id);

/* Seconds since the last Update, when that is longer than the interval explains; else 0. */
double wc_model_stale_seconds(const struct wc_model *model, int64_t now_nanos);

/* A kind's metric by its FIELD, or by its index; NULL when this process has none such. */
const Weir__V1__Metric *wc_model_metric(const struct wc_model *model, int kind, const char *field);
const Weir__V1__Metric *wc_model_metric_at(const struct wc_model *model, int kind, uint32_t index);

/* Whether this process has things of a kind at all; and if not, why, or "". Before the first
 * connection it has all. */
bool wc_model_has_kind(const struct wc_model *model, int kind);
const char *wc_model_absence(const struct wc_model *model, int kind);

/* The FIELD whose history a kind keeps for all its rows ("depth" for channels), or NULL. Where this
 * process has none such it may be another one. */
const char *wc_model_trend_field(const struct wc_model *model, int kind);

/* The same of a process that is only described; NULL: of one that is not known yet. */
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

/* The process's only row and numbers. */
bool wc_model_process(const struct wc_model *model, const char *field, double *ret_number);

/* The detail's row by id; NULL when it is not (or no longer) there. */
const Weir__V1__Row *wc_model_detail(const struct wc_model *model, uint64_t id);

#endif
