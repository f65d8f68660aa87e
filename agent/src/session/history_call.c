/* SPDX-License-Identifier: MIT */
/*
 * The call History: the past of rows, from the history's file, or from a provider that knows it without
 * one (a recording).
 *
 * The request is checked against its limits and turned into lines: the process, or the tracks that
 * it names, each with a metric. Then rows are read in slices of 64, the oldest first, into a table
 * of values, so that no turn of the exporter's thread reads more than a quarter of a MiB. Then each
 * line is one message, which waits for its peer.
 *
 * The tracks do not change during the call: later rows are not read, and earlier ones stay as they
 * are. A row that is torn or missing is a gap (NaN); one that was left out between two others takes
 * the next one's value. The time before a line's first value is not sent. The call owns lines and
 * values, in the session's memory; without room it ends with RESOURCE_EXHAUSTED. A process without
 * a history gives an empty answer. The exporter's thread.
 */
#include "session/history_call.h"

#include "encode/series.h"
#include "weir/provider.h"
#include "weir/topic.h"
#include "weir/text.h"
#include "snapshot/history.h"

#include "weir/v1/agent.pb-c.h"

#include <math.h>
#include <string.h>

#define HISTORY_FILTER_MAX 256

/* A row that was left out: it has the next row's value. */
#define HISTORY_BRIDGE_STEPS 2

struct history_line {
    int track; /* -1: the process */
    int metric;
    uint64_t id;
    char name[WEIR_NAME_MAX + 1];
};

struct history_call {
    struct wi_call call; /* first */
    const struct wi_process_view *view;
    enum wi_kind kind;
    int metrics[WI_MAX_METRICS];
    size_t n_metrics;
    enum wi_history_ring ring;
    struct history_line *lines;
    size_t n_lines;
    double *values;       /* by line, then by step */
    size_t n_steps;       /* of each line */
    uint64_t first, next; /* sequences: of the first step, and of the next row to read */
    int64_t last_unix_nanos;
    uint64_t last_read_nanos;
    size_t n_sent;                          /* lines that were sent */
    bool has_row;                           /* row[0] holds one */
    const struct wi_provider_ops *provider; /* that knows the past itself; NULL: there is a file */
    void *context, *past; /* its own, and what it reads for this call; NULL: nothing */
    struct wi_history_row row[2];
};

static struct history_call *history_self(struct wi_call *call)
{
    return (struct history_call *)(void *)call;
}

static void history_destroy(struct wi_call *call)
{
    struct history_call *self = history_self(call);
    wi_memory_return(call->memory, self->lines);
    wi_memory_return(call->memory, self->values);
    if (self->past) {
        self->provider->past_close(self->context, self->past);
    }
    wi_call_free(call);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Puts a row's values into the table. `before`: the row before it, or NULL. */
static void history_take(struct history_call *self, const struct wi_history *history,
                         const struct wi_history_row *before, const struct wi_history_row *row)
{
    size_t at = (size_t)(row->sequence - self->first);
    bool is_bridge = before && row->sequence - before->sequence == HISTORY_BRIDGE_STEPS && at > 0;
    for (size_t i = 0; i < self->n_lines; i++) {
        double *values = self->values + i * self->n_steps;
        values[at] = wi_history_value(history, self->lines[i].track, self->kind,
                                      self->lines[i].metric, before, row);
        if (is_bridge) {
            values[at - 1] = values[at];
        }
    }
}

static void history_read_slice(struct history_call *self, const struct wi_history *history)
{
    uint64_t end = self->first + self->n_steps;
    for (int i = 0; i < WI_HISTORY_WRITER_SLICE_ROWS && self->next < end; i++, self->next++) {
        if (wi_history_row(history, self->ring, self->next, &self->row[1])) {
            if (self->next >= self->first) {
                history_take(self, history, self->has_row ? &self->row[0] : NULL, &self->row[1]);
            }
            self->row[0] = self->row[1];
            self->has_row = true;
        }
    }
}

/* ---- the call ---------------------------------------------------------------------------- */

/* The next line that has a value, without the time before its first one. */
static enum wi_call_next history_send(struct history_call *self, struct wi_buffer *buffer,
                                      struct wi_fault *ret_fault)
{
    while (self->n_sent < self->n_lines) {
        const struct history_line *line = &self->lines[self->n_sent];
        const double *values = self->values + self->n_sent++ * self->n_steps;
        size_t n = self->n_steps;
        for (; n > 0 && isnan(*values); n--) {
            values++;
        }
        if (n == 0) {
            continue;
        }
        struct wi_series series = {line->id,
                                   line->name,
                                   self->kind,
                                   line->metric,
                                   self->last_unix_nanos,
                                   self->last_read_nanos,
                                   wi_history_step_nanos(self->ring),
                                   values,
                                   n};
        wi_weir_series(&series, buffer);
        return wi_call_tell(buffer, ret_fault);
    }
    return wi_call_end(ret_fault);
}

/* The provider's own series, one after the other. */
static enum wi_call_next history_past_next(struct wi_call *call, uint64_t now_nanos,
                                           struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct history_call *self = history_self(call);
    struct wi_series series;
    (void)now_nanos;
    if (!self->past || !self->provider->past_next(self->context, self->past, &series)) {
        return wi_call_end(ret_fault);
    }
    wi_weir_series(&series, buffer);
    return wi_call_tell(buffer, ret_fault);
}

static enum wi_call_next history_next(struct wi_call *call, uint64_t now_nanos,
                                      struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct history_call *self = history_self(call);
    const struct wi_history *history = wi_process_view_history(self->view);
    if (self->n_lines == 0 || !history) {
        return wi_call_end(ret_fault);
    }
    if (self->next < self->first + self->n_steps) {
        history_read_slice(self, history);
        call->due_nanos = now_nanos + 1; /* other calls get their turn */
        return WI_CALL_QUIET;
    }
    call->due_nanos = 0;
    return history_send(self, buffer, ret_fault);
}

/* ---- the request ------------------------------------------------------------------------- */

static bool history_has(const struct history_call *self, int metric)
{
    return self->provider ? self->provider->has_past(self->context, self->kind, metric)
                          : wi_history_has(self->kind, metric);
}

/* The requested metrics: none of a kind that has no history. */
static bool history_metrics(struct history_call *self, bool is_all, const char *field,
                            struct wi_fault *ret_fault)
{
    int metric = wi_history_trend(self->kind);
    size_t n = wi_metric_table(self->kind)->n_metrics;
    for (size_t i = 0; is_all && i < n; i++) {
        if (history_has(self, (int)i)) {
            self->metrics[self->n_metrics++] = (int)i;
        }
    }
    if (is_all || (!field[0] && metric < 0)) {
        return true;
    }
    metric = field[0] ? wi_metric_find(self->kind, field) : metric;
    self->metrics[self->n_metrics++] = metric;
    if (metric < 0 || !history_has(self, metric)) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "there is no history of %s",
                     wi_text_is_utf8(field) ? field : "this");
        return false;
    }
    return true;
}

/* A line for each requested metric of a row. */
static void history_add_lines(struct history_call *self, int track, uint64_t id, const char *name,
                              const Weir__V1__HistoryRequest *asked)
{
    if ((asked->id && asked->id != id) ||
        (asked->filter[0] && !wi_glob_matches(asked->filter, name))) {
        return;
    }
    for (size_t i = 0; i < self->n_metrics; i++) {
        struct history_line *line = &self->lines[self->n_lines++];
        line->track = track;
        line->metric = self->metrics[i];
        line->id = id;
        size_t n = strnlen(name, WEIR_NAME_MAX);
        memcpy(line->name, name, n);
        line->name[n] = '\0';
    }
}

static void history_list(struct history_call *self, const struct wi_history *history,
                         const Weir__V1__HistoryRequest *asked)
{
    if (self->kind == WI_PROCESS) {
        history_add_lines(self, -1, 0, wi_process_view_facts(self->view)->name, asked);
        return;
    }
    for (int i = 0; i < WI_HISTORY_TRACKS; i++) {
        const struct wi_history_track *track = &history->head.tracks[i];
        if (track->generation && track->kind == self->kind) {
            history_add_lines(self, i, (uint64_t)track->generation << 32 | track->slot, track->name,
                              asked);
        }
    }
}

/* The range of rows to be read. Returns false when there are none. */
static bool history_span(struct history_call *self, const struct wi_history *history,
                         uint32_t seconds)
{
    const struct wi_process_view *view = self->view;
    enum wi_state state = wi_process_view_state(view);
    bool has_ended = state == WI_STATE_DEAD || state == WI_STATE_ORPHANED;
    uint64_t step = wi_history_step_nanos(self->ring);
    uint64_t n = wi_history_n_rows(self->ring);
    struct wi_history_row last;
    if (!wi_history_last(history, self->ring,
                         has_ended ? UINT64_MAX : wi_process_view_monotonic_nanos(view) / step,
                         &last)) {
        return false;
    }
    uint64_t asked = (seconds * UINT64_C(1000000000) + step - 1) / step;
    n = asked && asked < n ? asked : n;
    n = n < last.sequence ? n : last.sequence;
    self->n_steps = (size_t)n;
    self->first = last.sequence - n + 1;
    /* One more row, for the first rate. */
    self->next = self->first > 1 ? self->first - 1 : self->first;
    self->last_unix_nanos = last.unix_nanos;
    self->last_read_nanos = has_ended ? 0 : last.nanos;
    return true;
}

static bool history_fill(struct history_call *self, const Weir__V1__HistoryRequest *asked,
                         struct wi_fault *ret_fault)
{
    const struct wi_history *history = wi_process_view_history(self->view);
    if ((unsigned)asked->kind >= WI_N_KINDS) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "there is no kind %d", (int)asked->kind);
        return false;
    }
    if (strlen(asked->filter) > HISTORY_FILTER_MAX || strlen(asked->field) > HISTORY_FILTER_MAX) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "a filter is longer than %d bytes",
                     HISTORY_FILTER_MAX);
        return false;
    }
    self->kind = (enum wi_kind)asked->kind;
    self->ring = asked->minutes ? WI_HISTORY_MINUTES : WI_HISTORY_SECONDS;
    if (!history_metrics(self, asked->all, asked->field, ret_fault)) {
        return false;
    }
    if (self->provider) {
        const struct wi_past_query query = {self->kind, self->metrics, self->n_metrics, asked->id,
                                            asked->filter};
        self->past = asked->minutes ? NULL : self->provider->past_open(self->context, &query);
        return true;
    }
    if (self->n_metrics == 0 || !history || !history_span(self, history, asked->seconds)) {
        return true;
    }
    self->lines = wi_memory_take_zeroed(self->call.memory,
                                        WI_HISTORY_TRACKS * self->n_metrics * sizeof(*self->lines));
    if (self->lines) {
        history_list(self, history, asked);
        self->values =
            wi_memory_take(self->call.memory, (self->n_lines * self->n_steps + 1) * sizeof(double));
    }
    if (!self->values) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the history");
        return false;
    }
    for (size_t i = 0; i < self->n_lines * self->n_steps; i++) {
        self->values[i] = NAN;
    }
    return true;
}

struct wi_call *wi_history_call_begin(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {history_next, NULL, history_destroy, NULL};
    static const struct wi_call_type past = {history_past_next, NULL, history_destroy, NULL};
    struct history_call *self = wi_call_create(start, &type, sizeof(*self), ret_fault);
    if (!self) {
        return NULL;
    }
    self->view = start->served->view;
    self->provider = wi_process_view_past(self->view, &self->context);
    self->call.type = self->provider ? &past : &type;
    ProtobufCMessage *asked =
        wi_call_unpack(start, &weir__v1__history_request__descriptor, ret_fault);
    bool is_good = asked && history_fill(self, (const void *)asked, ret_fault);
    wi_call_free_request(self->call.memory, asked);
    if (!is_good) {
        history_destroy(&self->call);
        return NULL;
    }
    return &self->call;
}
