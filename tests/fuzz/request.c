/* SPDX-License-Identifier: MIT */
/*
 * Requests of weir.v1.Agent, of tokio-console's and of the health service: a byte that chooses the method, a few that choose how much memory there
 * is and how time passes, and the protobuf. Whatever it is, the call begins or is refused with a
 * text, makes messages that can be read back, and leaves no memory behind. fuzz: max_len=2048
 */
#include "encode/weir.h"
#include "fuzz.h"
#include "fuzz_view.h"
#include "session/service.h"

#include "grpc/health/v1/health.pb-c.h"
#include "tokio/console.pb-c.h"
#include "weir/v1/agent.pb-c.h"

#include <string.h>

#define ROUNDS 4
#define MILLI  UINT64_C(1000000)
#define TOKIO  "/rs.tokio.console.instrument.Instrument/"
#define HEALTH "/grpc.health.v1.Health/"

static struct wi_process_views views;
static struct wi_buffer scratch;

/* By the numbers that inputs name them by: append only. */
static const char *const paths[] = {"/weir.v1.Agent/Describe",
                                    "/weir.v1.Agent/Watch",
                                    "/weir.v1.Agent/Subscribe",
                                    "/weir.v1.Agent/Snapshot",
                                    "/weir.v1.Agent/List",
                                    "/weir.v1.Agent/History",
                                    TOKIO "WatchUpdates",
                                    TOKIO "WatchTaskDetails",
                                    TOKIO "WatchState",
                                    TOKIO "Pause",
                                    TOKIO "Resume",
                                    HEALTH "Check",
                                    HEALTH "Watch",
                                    HEALTH "List"};
#define N_PATHS (sizeof(paths) / sizeof(paths[0]))

void fuzz_begin(void)
{
    wi_process_views_init(&views, false);
    FUZZ_CHECK(wi_process_views_add(&views, fuzz_view_create()) == WEIR_OK);
    wi_buffer_init(&scratch, WI_MESSAGE_ROOM);
    FUZZ_CHECK(wi_service_n_methods == N_PATHS);
}

static const struct wi_method *method_of(size_t number)
{
    for (size_t i = 0; i < wi_service_n_methods; i++) {
        if (strcmp(wi_service_methods[i].path, paths[number]) == 0) {
            return &wi_service_methods[i];
        }
    }
    abort();
}

/* Whether a message of a method is what the proto says. */
static bool can_be_read(size_t method)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &weir__v1__description__descriptor,
        &weir__v1__update__descriptor,
        &weir__v1__lines__descriptor,
        &weir__v1__update__descriptor,
        &weir__v1__targets__descriptor,
        &weir__v1__series__descriptor,
        &tokio__console__update__descriptor,
        &tokio__console__task_details__descriptor,
        &tokio__console__state__descriptor,
        &tokio__console__state__descriptor,
        &tokio__console__state__descriptor,
        &grpc__health__v1__health_check_response__descriptor,
        &grpc__health__v1__health_check_response__descriptor,
        &grpc__health__v1__health_list_response__descriptor};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(types[method], NULL, scratch.length, scratch.bytes);
    if (!message) {
        return false;
    }
    protobuf_c_message_free_unpacked(message, NULL);
    return true;
}

static bool is_health(size_t method)
{
    return strncmp(paths[method], HEALTH, strlen(HEALTH)) == 0;
}

/* What protobuf-c can read, the reader by hand can. */
static bool is_health_request(const uint8_t *bytes, size_t n)
{
    Grpc__Health__V1__HealthCheckRequest *request =
        grpc__health__v1__health_check_request__unpack(NULL, n, bytes);
    if (request) {
        grpc__health__v1__health_check_request__free_unpacked(request, NULL);
    }
    return request;
}

/* Lets a call speak a few times, and sometimes leaves messages out. */
static void converse(struct wi_call *call, size_t method, uint8_t habits, uint64_t now)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct wi_fault fault = {WI_RPC_INTERNAL, ""};
        wi_buffer_clear(&scratch);
        enum wi_call_next next = call->type->next(call, now, &scratch, &fault);
        if (next == WI_CALL_END) {
            FUZZ_CHECK(fault.code == WI_RPC_OK || fault.text[0]);
            return;
        }
        FUZZ_CHECK(next == WI_CALL_QUIET || (!scratch.has_failed && can_be_read(method)));
        FUZZ_CHECK(scratch.length <= WI_MESSAGE_MAX);
        FUZZ_CHECK(call->due_nanos == 0 || call->due_nanos > now);
        now += habits & 1 ? 100 * MILLI : 3700 * MILLI;
        if (habits & 2 && call->type->skip && call->due_nanos <= now && call->due_nanos > 0) {
            call->type->skip(call, now);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_input input = {bytes, n};
    size_t method = fuzz_u8(&input) % N_PATHS;
    uint8_t habits = fuzz_u8(&input);
    struct wi_memory memory = {.limit = habits & 4 ? 64 * (uint64_t)(habits >> 3) : UINT64_MAX};
    struct wi_call_context context = {&views, &memory,    &scratch, "127.0.0.1:9464",
                                      "",     "a notice", NULL};
    struct wi_peer peer = {
        .memory = &memory, .methods = wi_service_methods, .n_methods = wi_service_n_methods};
    struct wi_fault fault = {WI_RPC_OK, ""};
    /* Of its own size, so that one byte too many is seen. */
    uint8_t *request = fuzz_copy(input.at, input.left);
    struct wi_call_start start = {&context, views.first, &peer, request, input.left};
    struct wi_call *call = method_of(method)->begin(&start, &fault);
    free(request);
    FUZZ_CHECK(!is_health(method) || fault.code != WI_RPC_INVALID_ARGUMENT ||
               !is_health_request(input.at, input.left));
    if (call) {
        converse(call, method, habits, 1000 * MILLI);
        call->type->destroy(call);
    } else {
        FUZZ_CHECK(fault.code != WI_RPC_OK && fault.text[0]);
    }
    FUZZ_CHECK(memory.bytes == 0);
    return 0;
}

/* ---- seeds ---------------------------------------------------------------------------------- */

static void seed(const char *name, uint8_t method, uint8_t habits, const void *message)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, method);
    fuzz_put_u8(&output, habits);
    FUZZ_CHECK(protobuf_c_message_get_packed_size(message) < sizeof(output.bytes) - output.n);
    output.n += protobuf_c_message_pack(message, output.bytes + output.n);
    fuzz_seed(name, output.bytes, output.n);
}

static void seed_watch(void)
{
    uint32_t columns[] = {0, 3, 1};
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        char name[32];
        Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
        Weir__V1__Query query[2] = {WEIR__V1__QUERY__INIT, WEIR__V1__QUERY__INIT};
        Weir__V1__Query *queries[] = {&query[0], &query[1]};
        query[0].kind = query[1].kind = (Weir__V1__Kind)kind;
        query[0].filter = "*e*";
        query[0].descending = true;
        query[0].limit = 2;
        query[1].columns = columns;
        query[1].n_columns = kind < WI_COUNTER ? 3 : 1;
        query[1].sort_by_name = true;
        query[1].offset = 1;
        request.queries = queries;
        request.n_queries = 2;
        request.interval_millis = kind % 2 ? 250 : 0;
        snprintf(name, sizeof(name), "watch-%d", kind);
        seed(name, 1, (uint8_t)kind, &request);
    }
}

void fuzz_seeds(void)
{
    Weir__V1__DescribeRequest describe = WEIR__V1__DESCRIBE_REQUEST__INIT;
    seed("describe", 0, 0, &describe);
    seed_watch();
    Weir__V1__SubscribeRequest subscribe = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    char *topics[] = {"game/channel/size", "game/#", "game/channel/+/a/+/c", "game/gauge/value/no"};
    char *except[] = {"game/agent/#"};
    subscribe.topics = topics;
    subscribe.n_topics = 4;
    seed("subscribe", 2, 3, &subscribe);
    subscribe.except = except;
    subscribe.n_except = 1;
    subscribe.changes_only = true;
    seed("subscribe-changes", 2, 0, &subscribe);
    seed("subscribe-poor", 2, 0xfc, &subscribe);
    char *unknown[] = {"tokio/channel/size"};
    subscribe.topics = unknown;
    subscribe.n_topics = 1;
    seed("subscribe-unknown", 2, 0, &subscribe);
    Weir__V1__SnapshotRequest snapshot = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    Weir__V1__ListRequest list = WEIR__V1__LIST_REQUEST__INIT;
    seed("list", 4, 0, &list);
    Weir__V1__HistoryRequest history = WEIR__V1__HISTORY_REQUEST__INIT;
    seed("history", 5, 0, &history);
    history.field = "depth";
    history.filter = "m*";
    history.minutes = true;
    seed("history-minutes", 5, 1, &history);
    seed("snapshot", 3, 0, &snapshot);
    char *include[] = {"m*s", "a/?/c", "xtr"};
    snapshot.include = include;
    snapshot.n_include = 3;
    snapshot.exclude = except;
    snapshot.n_exclude = 1;
    seed("snapshot-globs", 3, 1, &snapshot);
    seed("tokio-updates", 6, 0, &list);
    seed("tokio-updates-late", 6, 2, &list);
    seed("tokio-updates-poor", 6, 0xfc, &list);
    seed("tokio-state", 8, 0, &list);
    seed("tokio-pause", 9, 0, &list);
    seed("tokio-resume", 10, 0, &list);
    Tokio__Console__Id task = TOKIO__CONSOLE__ID__INIT;
    Tokio__Console__TaskDetailsRequest details = TOKIO__CONSOLE__TASK_DETAILS_REQUEST__INIT;
    seed("tokio-details-of-none", 7, 0, &details);
    details.id = &task;
    task.id = wi_process_view_row(views.first->view, WI_TASK_INSTANCE, 0)->id;
    seed("tokio-details", 7, 1, &details);
    Grpc__Health__V1__HealthCheckRequest check = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    seed("health-all", 11, 0, &check);
    seed("health-list", 13, 0, &list);
    seed("health-list-poor", 13, 0xfc, &list);
    check.service = "weir.v1.Agent";
    seed("health", 11, 0, &check);
    seed("health-watch", 12, 2, &check);
    check.service = "weir.v1.Agents";
    seed("health-unknown", 11, 0, &check);
    seed("health-watch-unknown", 12, 0, &check);
}
