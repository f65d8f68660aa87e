/* SPDX-License-Identifier: MIT */
/*
 * The calls List, Describe, Watch, Subscribe and Snapshot, and the table of all methods, those of
 * other files included.
 *
 * A call begins with a request of a peer. It is unpacked into the session's bounded memory and
 * checked against the limits before it is used; one that exceeds them gets one line and a gRPC
 * status. The call owns the unpacked request, because its queries, topics and globs point into it.
 *
 * Each `next` makes one message from the process view as it stands, in a buffer that all sessions
 * share. It reads no segment: the exporter has refreshed the view before, if a message was due.
 * List and Describe answer once. Watch and Subscribe follow a fixed schedule. A message that is due
 * while another is in flight is left out and counted, so a slow peer costs no memory. Snapshot goes
 * through all rows page by page and waits for its peer. The exporter's thread.
 */
#include "session/service.h"

#include "encode/pack.h"
#include "encode/weir.h"
#include "weir/expect.h"
#include "weir/text.h"
#include "session/health.h"
#include "session/history_call.h"
#include "session/tokio.h"

#include "weir/v1/agent.pb-c.h"

#include <string.h>

#define SERVICE_NANOS_PER_MILLI UINT64_C(1000000)
#define SERVICE_LIMIT_DEFAULT   1000
#define SERVICE_FILTER_MAX      256

struct service_call {
    struct wi_call call; /* first */
    const struct wi_call_context *context;
    struct wi_process_view *view; /* NULL: the call is about all processes */
    ProtobufCMessage *request;
    uint64_t interval_nanos;
    uint64_t skipped;
    struct wi_query queries[WI_QUERIES_MAX];
    size_t n_queries;
    struct wi_ranks ranks[WI_QUERIES_MAX]; /* of each query */
    struct wi_topic *topics;               /* then the excluded ones */
    struct wi_lines lines;
    struct wi_snapshot snapshot;
};

static struct service_call *service_self(struct wi_call *call)
{
    return (struct service_call *)(void *)call;
}

static void service_destroy(struct wi_call *call)
{
    struct service_call *self = service_self(call);
    wi_lines_finish(&self->lines);
    for (size_t i = 0; i < WI_QUERIES_MAX; i++) {
        wi_ranks_finish(&self->ranks[i], call->memory);
    }
    wi_memory_return(call->memory, self->topics);
    wi_call_free_request(call->memory, self->request);
    wi_call_free(call);
}

/* Checks a request and takes what it asks for. False: ret_fault says what is wrong with it. */
typedef bool service_fill(struct service_call *self, struct wi_fault *ret_fault);

/* A new call with its request unpacked. `fill`: NULL: there is nothing in it. */
static struct wi_call *service_begin(const struct wi_call_start *start,
                                     const struct wi_call_type *type,
                                     const ProtobufCMessageDescriptor *descriptor,
                                     service_fill *fill, struct wi_fault *ret_fault)
{
    struct service_call *self = wi_call_create(start, type, sizeof(*self), ret_fault);
    if (!self) {
        return NULL;
    }
    self->context = start->context;
    self->view = start->served ? start->served->view : NULL;
    self->lines.memory = self->call.memory;
    self->request = wi_call_unpack(start, descriptor, ret_fault);
    if (!self->request || (fill && !fill(self, ret_fault))) {
        service_destroy(&self->call);
        return NULL;
    }
    return &self->call;
}

/* A status of the encoders as the end of a call. */
static enum wi_call_next service_fail(enum weir_status status, struct wi_fault *ret_fault)
{
    if (status == WEIR_E_MEMORY) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
    } else if (status == WEIR_E_LIMIT) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "the answer is too long: request less");
    } else {
        wi_fault_set(ret_fault, WI_RPC_INTERNAL, "the answer cannot be made");
    }
    return WI_CALL_END;
}

static bool service_interval(uint32_t millis, uint64_t *ret_nanos, struct wi_fault *ret_fault)
{
    if (millis == 0) {
        millis = WI_INTERVAL_DEFAULT_MILLIS;
    }
    if (millis < WI_INTERVAL_MIN_MILLIS || millis > WI_INTERVAL_MAX_MILLIS) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT,
                     "interval_millis is %u: give %d to %d, or 0 for %d", (unsigned)millis,
                     WI_INTERVAL_MIN_MILLIS, WI_INTERVAL_MAX_MILLIS, WI_INTERVAL_DEFAULT_MILLIS);
        return false;
    }
    *ret_nanos = millis * SERVICE_NANOS_PER_MILLI;
    return true;
}

static void service_count_skipped(struct service_call *self, uint64_t n)
{
    self->skipped += n;
    self->context->views->self->updates_skipped += n;
}

/* Sets the time of the next message: the first one of the schedule that has not passed. Counts
 * those that have. */
static void service_advance(struct service_call *self, uint64_t now_nanos)
{
    uint64_t interval = WI_EXPECT(self->interval_nanos > 0)
                            ? self->interval_nanos
                            : WI_INTERVAL_MAX_MILLIS * SERVICE_NANOS_PER_MILLI;
    uint64_t due = self->call.due_nanos ? self->call.due_nanos : now_nanos;
    uint64_t late = now_nanos > due ? now_nanos - due : 0;
    uint64_t missed = late / interval;
    self->call.due_nanos = due + (missed + 1) * interval;
    self->call.bell = self->context->refreshes;
    self->call.heard = self->call.bell ? *self->call.bell : 0;
    service_count_skipped(self, missed);
}

static void service_skip(struct wi_call *call, uint64_t now_nanos)
{
    struct service_call *self = service_self(call);
    service_count_skipped(self, 1);
    service_advance(self, now_nanos);
}

/* ---- List -------------------------------------------------------------------------------- */

static void service_list_one(struct wi_buffer *buffer, const struct wi_process_view *view)
{
    const struct wi_facts *facts = wi_process_view_facts(view);
    size_t mark = wi_pack_begin(buffer, 1);
    wi_pack_text(buffer, 1, facts->name);
    wi_pack_u64(buffer, 2, facts->pid);
    wi_pack_text(buffer, 3, wi_state_name(wi_process_view_state(view)));
    wi_pack_u64(buffer, 4, (uint64_t)facts->started_unix_nanos);
    wi_pack_text(buffer, 5, facts->path);
    wi_pack_end(buffer, mark);
}

static enum wi_call_next service_list_next(struct wi_call *call, uint64_t now_nanos,
                                           struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    (void)now_nanos;
    struct service_call *self = service_self(call);
    if (wi_call_is_answered(call)) {
        return wi_call_end(ret_fault);
    }
    for (const struct wi_served *served = self->context->views->first; served;
         served = served->next) {
        if (wi_served_is_there(served)) {
            service_list_one(buffer, served->view);
        }
    }
    return wi_call_tell(buffer, ret_fault);
}

static struct wi_call *service_list(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {service_list_next, NULL, service_destroy, NULL};
    return service_begin(start, &type, &weir__v1__list_request__descriptor, NULL, ret_fault);
}

/* ---- Describe ---------------------------------------------------------------------------- */

static enum wi_call_next service_describe_next(struct wi_call *call, uint64_t now_nanos,
                                               struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    (void)now_nanos;
    struct service_call *self = service_self(call);
    if (wi_call_is_answered(call)) {
        return wi_call_end(ret_fault);
    }
    const struct wi_call_context *context = self->context;
    enum weir_status status = wi_weir_description(self->view, context->http_address,
                                                  context->grpc_address, context->notice, buffer);
    return status == WEIR_OK ? WI_CALL_MESSAGE : service_fail(status, ret_fault);
}

static struct wi_call *service_describe(const struct wi_call_start *start,
                                        struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {service_describe_next, NULL, service_destroy, NULL};
    return service_begin(start, &type, &weir__v1__describe_request__descriptor, NULL, ret_fault);
}

/* ---- Watch ------------------------------------------------------------------------------- */

static bool service_query_columns(const struct wi_process_view *view, const Weir__V1__Query *asked,
                                  size_t n_metrics, struct wi_query *query,
                                  struct wi_fault *ret_fault)
{
    if (asked->n_columns > WI_MAX_METRICS) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "%zu columns: at most %d",
                     asked->n_columns, WI_MAX_METRICS);
        return false;
    }
    if (asked->n_columns == 0) {
        query->n_columns =
            wi_catalog_columns(wi_process_view_catalog(view), query->kind, query->columns);
        return true;
    }
    query->n_columns = asked->n_columns;
    for (size_t i = 0; i < query->n_columns; i++) {
        uint32_t column = asked->columns[i];
        if (column >= n_metrics) {
            wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "there is no column %u",
                         (unsigned)column);
            return false;
        }
        query->columns[i] = (uint8_t)column;
    }
    return true;
}

static bool service_query(const struct wi_process_view *view, const Weir__V1__Query *asked,
                          struct wi_query *query, struct wi_fault *ret_fault)
{
    const struct wi_metric_table *table =
        (unsigned)asked->kind < WI_N_KINDS ? wi_metric_table((enum wi_kind)asked->kind) : NULL;
    if (!table) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "there is no kind %d", (int)asked->kind);
        return false;
    }
    if (strlen(asked->filter) > SERVICE_FILTER_MAX) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "a filter is longer than %d bytes",
                     SERVICE_FILTER_MAX);
        return false;
    }
    if (!asked->sort_by_name && asked->sort >= table->n_metrics) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "there is no column %u to sort by",
                     (unsigned)asked->sort);
        return false;
    }
    if (asked->where >= table->n_metrics || asked->n_then > 1 ||
        (asked->n_then > 0 && asked->then[0] >= table->n_metrics)) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT,
                     "where and then each take a column below %zu", table->n_metrics);
        return false;
    }
    if (asked->limit > WI_ROWS_MAX) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "limit %u: at most %d rows",
                     (unsigned)asked->limit, WI_ROWS_MAX);
        return false;
    }
    query->kind = table->kind;
    query->filter = asked->filter;
    query->sort = asked->sort_by_name ? -1 : (int)asked->sort;
    query->is_descending = asked->descending;
    query->limit = asked->limit ? asked->limit : SERVICE_LIMIT_DEFAULT;
    query->offset = asked->offset;
    query->has_histograms = asked->histograms;
    query->id = asked->id;
    query->is_worst_first = asked->worst_first;
    query->follow = asked->follow;
    query->where = (uint8_t)asked->where;
    query->equals = asked->equals;
    query->has_then = asked->n_then > 0;
    query->then = (uint8_t)(asked->n_then > 0 ? asked->then[0] : 0);
    return service_query_columns(view, asked, table->n_metrics, query, ret_fault);
}

static enum wi_call_next service_watch_next(struct wi_call *call, uint64_t now_nanos,
                                            struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct service_call *self = service_self(call);
    service_advance(self, now_nanos);
    enum weir_status status = wi_weir_update(self->view, self->queries, self->n_queries,
                                             self->skipped, self->call.memory, buffer);
    return status == WEIR_OK ? WI_CALL_MESSAGE : service_fail(status, ret_fault);
}

static bool service_watch_fill(struct service_call *self, struct wi_fault *ret_fault)
{
    const Weir__V1__WatchRequest *asked = (const Weir__V1__WatchRequest *)(void *)self->request;
    if (!service_interval(asked->interval_millis, &self->interval_nanos, ret_fault)) {
        return false;
    }
    if (asked->n_queries > WI_QUERIES_MAX) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "%zu queries: at most %d",
                     asked->n_queries, WI_QUERIES_MAX);
        return false;
    }
    for (size_t i = 0; i < asked->n_queries; i++) {
        if (!service_query(self->view, asked->queries[i], &self->queries[i], ret_fault)) {
            return false;
        }
        self->queries[i].ranks = &self->ranks[i];
    }
    self->n_queries = asked->n_queries;
    return true;
}

static struct wi_call *service_watch(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {service_watch_next, service_skip, service_destroy,
                                             NULL};
    return service_begin(start, &type, &weir__v1__watch_request__descriptor, service_watch_fill,
                         ret_fault);
}

/* ---- Subscribe --------------------------------------------------------------------------- */

static enum wi_call_next service_subscribe_next(struct wi_call *call, uint64_t now_nanos,
                                                struct wi_buffer *buffer,
                                                struct wi_fault *ret_fault)
{
    struct service_call *self = service_self(call);
    bool is_first = !call->has_answered;
    size_t n_lines = 0;
    enum weir_status status = wi_weir_lines(self->view, &self->lines, buffer, &n_lines);
    if (status != WEIR_OK) {
        return service_fail(status, ret_fault);
    }
    call->has_answered = true;
    if (self->lines.is_under_way) {
        call->due_nanos = 0;
    } else {
        service_advance(self, now_nanos);
    }
    bool is_said = n_lines > 0 || is_first || !self->lines.changes_only;
    return is_said ? WI_CALL_MESSAGE : WI_CALL_QUIET;
}

static bool service_topics(struct service_call *self, char **texts, size_t n_texts,
                           struct wi_topic *ret_topics, struct wi_fault *ret_fault)
{
    const char *domain = wi_process_view_facts(self->view)->name;
    for (size_t i = 0; i < n_texts; i++) {
        struct weir_error error = {""};
        if (!wi_text_is_utf8(texts[i])) {
            wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "a topic is not UTF-8");
            return false;
        }
        enum weir_status status = wi_topic_parse(
            texts[i], domain, wi_process_view_catalog(self->view), &ret_topics[i], &error);
        if (status != WEIR_OK) {
            wi_fault_set(ret_fault,
                         status == WEIR_E_NOT_FOUND ? WI_RPC_NOT_FOUND : WI_RPC_INVALID_ARGUMENT,
                         "%s", error.text);
            return false;
        }
    }
    return true;
}

static bool service_subscribe_fill(struct service_call *self, struct wi_fault *ret_fault)
{
    const Weir__V1__SubscribeRequest *asked =
        (const Weir__V1__SubscribeRequest *)(void *)self->request;
    if (!service_interval(asked->interval_millis, &self->interval_nanos, ret_fault)) {
        return false;
    }
    if (asked->n_topics == 0) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "the request has no topic");
        return false;
    }
    if (asked->n_topics > WI_TOPICS_MAX || asked->n_except > WI_TOPICS_MAX) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "more than %d topics", WI_TOPICS_MAX);
        return false;
    }
    self->topics = wi_memory_take_zeroed(self->call.memory, (asked->n_topics + asked->n_except) *
                                                                sizeof(struct wi_topic));
    if (!self->topics) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the topics");
        return false;
    }
    struct wi_topic *except = self->topics + asked->n_topics;
    if (!service_topics(self, asked->topics, asked->n_topics, self->topics, ret_fault) ||
        !service_topics(self, asked->except, asked->n_except, except, ret_fault)) {
        return false;
    }
    self->lines.topics = self->topics;
    self->lines.n_topics = asked->n_topics;
    self->lines.except = except;
    self->lines.n_except = asked->n_except;
    self->lines.changes_only = asked->changes_only;
    return true;
}

static struct wi_call *service_subscribe(const struct wi_call_start *start,
                                         struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {service_subscribe_next, service_skip, service_destroy,
                                             NULL};
    return service_begin(start, &type, &weir__v1__subscribe_request__descriptor,
                         service_subscribe_fill, ret_fault);
}

/* ---- Snapshot ---------------------------------------------------------------------------- */

static enum wi_call_next service_snapshot_next(struct wi_call *call, uint64_t now_nanos,
                                               struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    (void)now_nanos;
    struct service_call *self = service_self(call);
    if (self->snapshot.n_done == WI_N_KINDS) {
        return wi_call_end(ret_fault);
    }
    enum weir_status status = wi_weir_page(self->view, &self->snapshot, buffer);
    return status == WEIR_OK ? WI_CALL_MESSAGE : service_fail(status, ret_fault);
}

static bool service_globs_fit(char **globs, size_t n_globs, struct wi_fault *ret_fault)
{
    if (n_globs > WI_GLOBS_MAX) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "more than %d globs", WI_GLOBS_MAX);
        return false;
    }
    for (size_t i = 0; i < n_globs; i++) {
        if (strlen(globs[i]) > SERVICE_FILTER_MAX) {
            wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "a glob is longer than %d bytes",
                         SERVICE_FILTER_MAX);
            return false;
        }
    }
    return true;
}

static bool service_snapshot_fill(struct service_call *self, struct wi_fault *ret_fault)
{
    const Weir__V1__SnapshotRequest *asked =
        (const Weir__V1__SnapshotRequest *)(void *)self->request;
    self->snapshot.include = (const char *const *)asked->include;
    self->snapshot.n_include = asked->n_include;
    self->snapshot.exclude = (const char *const *)asked->exclude;
    self->snapshot.n_exclude = asked->n_exclude;
    return service_globs_fit(asked->include, asked->n_include, ret_fault) &&
           service_globs_fit(asked->exclude, asked->n_exclude, ret_fault);
}

static struct wi_call *service_snapshot(const struct wi_call_start *start,
                                        struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {service_snapshot_next, NULL, service_destroy, NULL};
    return service_begin(start, &type, &weir__v1__snapshot_request__descriptor,
                         service_snapshot_fill, ret_fault);
}

const struct wi_method wi_service_methods[] = {
    {"/weir.v1.Agent/List", true, service_list},
    {"/weir.v1.Agent/Describe", false, service_describe},
    {"/weir.v1.Agent/Watch", false, service_watch},
    {"/weir.v1.Agent/Subscribe", false, service_subscribe},
    {"/weir.v1.Agent/Snapshot", false, service_snapshot},
    {"/weir.v1.Agent/History", false, wi_history_call_begin},
    {"/grpc.health.v1.Health/Check", true, wi_health_check},
    {"/grpc.health.v1.Health/Watch", true, wi_health_watch},
    {"/grpc.health.v1.Health/List", true, wi_health_list},
    {"/rs.tokio.console.instrument.Instrument/WatchUpdates", false, wi_tokio_watch_updates},
    {"/rs.tokio.console.instrument.Instrument/WatchTaskDetails", false,
     wi_tokio_watch_task_details},
    {"/rs.tokio.console.instrument.Instrument/WatchState", true, wi_tokio_watch_state},
    {"/rs.tokio.console.instrument.Instrument/Pause", true, wi_tokio_pause},
    {"/rs.tokio.console.instrument.Instrument/Resume", true, wi_tokio_resume},
};
const size_t wi_service_n_methods = sizeof(wi_service_methods) / sizeof(wi_service_methods[0]);
