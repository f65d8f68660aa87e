/* SPDX-License-Identifier: MIT */
/*
 * The gRPC session of the exporter under a script: frames come, well made or not, whole or in
 * pieces; time passes; what it has to say is taken, in part or not at all. fuzz: max_len=600
 */
#include "encode/weir.h"
#include "fake_view.h"
#include "fuzz.h"
#include "session/service.h"
#include "session/session.h"

#include "weir/v1/agent.pb-c.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#define MILLI     UINT64_C(1000000)
#define TOKIO     "/rs.tokio.console.instrument.Instrument/"
#define HEALTH    "/grpc.health.v1.Health/"
#define BEGIN     (1000000 * MILLI)
#define TAKEN_MAX 32 /* pieces of output in one event */

/* The script: a byte of habits, then events, each a byte and what it needs. */
enum event {
    EVENT_RAW,     /* u16 n, n bytes */
    EVENT_FRAME,   /* type, flags, stream, u8 n, n bytes */
    EVENT_REQUEST, /* method, flags, u8 n, n bytes of protobuf: on the next stream */
    EVENT_HEADER,  /* flags, fields of two texts, an empty name: on the next stream */
    EVENT_TIME,    /* u16: milliseconds; a tick at its end */
    EVENT_TAKE,    /* u8: pieces of output */
    EVENT_WINDOW,  /* stream, u32 */
    EVENT_RESET,   /* stream */
    EVENT_GOODBYE,
    N_EVENTS
};

enum habit { HABIT_NO_PREFACE = 1, HABIT_PIECES = 2, HABIT_POOR = 4, HABIT_TAKES = 8 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";

struct script {
    struct fuzz_input input;
    struct wi_memory memory;
    struct wi_call_context context;
    struct wi_session *session;
    uint64_t now;
    uint32_t next_stream;
    uint8_t habits;
};

static struct wi_process_views views;
static struct wi_buffer scratch;

void fuzz_begin(void)
{
    struct wi_process_view *view = fake_view_create("game");
    wi_process_views_init(&views, false);
    FUZZ_CHECK(wi_process_views_add(&views, view) == WEIR_OK);
    fake_view_add_channel(view, "moves", 100, 40, UINT64_MAX);
    fake_view_add(view, WI_TASK_INSTANCE, "c7");
    wi_buffer_init(&scratch, WI_MESSAGE_ROOM);
}

static void give(struct script *script, const uint8_t *bytes, size_t n)
{
    size_t piece = script->habits & HABIT_PIECES ? (size_t)1 + (script->habits >> 4) : n;
    for (size_t at = 0; at < n; at += piece) {
        size_t part = n - at < piece ? n - at : piece;
        uint8_t *copy = fuzz_copy(bytes + at, part);
        wi_session_receive(script->session, copy, part, script->now);
        free(copy);
    }
}

static void take(struct script *script, unsigned pieces)
{
    for (unsigned i = 0; i < pieces; i++) {
        const uint8_t *bytes;
        size_t n = 0;
        if (wi_session_send(script->session, script->now, &bytes, &n) != WEIR_OK || n == 0) {
            return;
        }
        uint8_t *copy = fuzz_copy(bytes, n);
        free(copy);
    }
}

static void give_frame(struct script *script, uint8_t type, uint8_t flags, uint32_t stream,
                       const uint8_t *payload, size_t n)
{
    struct fuzz_output frame = {.n = 0};
    uint8_t head[9] = {(uint8_t)(n >> 16),
                       (uint8_t)(n >> 8),
                       (uint8_t)n,
                       type,
                       flags,
                       (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16),
                       (uint8_t)(stream >> 8),
                       (uint8_t)stream};
    fuzz_put(&frame, head, sizeof(head));
    fuzz_put(&frame, payload, n);
    give(script, frame.bytes, frame.n);
}

/* A header field that HPACK keeps nowhere. */
static void put_field(struct fuzz_output *block, const char *name, const char *value)
{
    size_t n_name = strlen(name) < 100 ? strlen(name) : 100;
    size_t n_value = strlen(value) < 100 ? strlen(value) : 100;
    if (n_name + n_value + 3 > sizeof(block->bytes) - block->n - 256) {
        return;
    }
    fuzz_put_u8(block, 0);
    fuzz_put_u8(block, (uint8_t)n_name);
    fuzz_put(block, name, n_name);
    fuzz_put_u8(block, (uint8_t)n_value);
    fuzz_put(block, value, n_value);
}

static uint32_t open_stream(struct script *script)
{
    script->next_stream += 2;
    return script->next_stream - 2;
}

static void give_request(struct script *script)
{
    static const char *const paths[] = {"/weir.v1.Agent/Describe",
                                        "/weir.v1.Agent/Watch",
                                        "/weir.v1.Agent/Subscribe",
                                        "/weir.v1.Agent/Snapshot",
                                        "/weir.v1.Agent/Unknown",
                                        TOKIO "WatchUpdates",
                                        TOKIO "WatchState",
                                        TOKIO "WatchTaskDetails",
                                        TOKIO "Pause",
                                        TOKIO "Resume",
                                        HEALTH "Check",
                                        HEALTH "Watch",
                                        HEALTH "List"};
    struct fuzz_output block = {.n = 0};
    struct fuzz_output body = {.n = 0};
    uint8_t method = fuzz_u8(&script->input);
    uint8_t flags = fuzz_u8(&script->input);
    size_t n;
    const uint8_t *message = fuzz_bytes(&script->input, fuzz_u8(&script->input), &n);
    uint32_t stream = open_stream(script);
    fuzz_put(&block, "\x83\x86", 2); /* :method POST, :scheme http */
    put_field(&block, ":path", paths[method % (sizeof(paths) / sizeof(paths[0]))]);
    put_field(&block, ":authority", "localhost");
    put_field(&block, "content-type", "application/grpc");
    if (flags & 2) {
        put_field(&block, "grpc-timeout", "300m");
    }
    give_frame(script, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, block.bytes, block.n);
    fuzz_put(&body, "\0\0\0\0", 4);
    fuzz_put_u8(&body, (uint8_t)n);
    fuzz_put(&body, message, n);
    give_frame(script, NGHTTP2_DATA, flags & 1 ? 0 : NGHTTP2_FLAG_END_STREAM, stream, body.bytes,
               body.n);
}

static void give_header(struct script *script)
{
    struct fuzz_output block = {.n = 0};
    uint8_t flags = fuzz_u8(&script->input);
    for (int i = 0; i < 16; i++) {
        char *name = fuzz_text(&script->input, 0);
        char *value = fuzz_text(&script->input, 0);
        bool is_last = !name[0];
        if (!is_last) {
            put_field(&block, name, value);
        }
        free(name);
        free(value);
        if (is_last) {
            break;
        }
    }
    give_frame(script, NGHTTP2_HEADERS, flags, open_stream(script), block.bytes, block.n);
}

static void give_u32(struct script *script, uint8_t type, uint8_t stream, uint32_t number)
{
    uint8_t payload[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                          (uint8_t)number};
    give_frame(script, type, 0, stream, payload, sizeof(payload));
}

/* As a reactor does it: what was due is done, and nothing is due at once again. */
static void pass(struct script *script, uint64_t millis)
{
    script->now += millis * MILLI;
    wi_session_tick(script->session, script->now);
    FUZZ_CHECK(wi_session_is_over(script->session) ||
               wi_session_due(script->session) > script->now);
}

static void play(struct script *script, enum event event)
{
    struct fuzz_input *input = &script->input;
    size_t n;
    const uint8_t *bytes;
    uint8_t type, flags, stream;
    switch (event) {
    case EVENT_RAW:
        bytes = fuzz_bytes(input, fuzz_u16(input), &n);
        give(script, bytes, n);
        break;
    case EVENT_FRAME:
        type = fuzz_u8(input);
        flags = fuzz_u8(input);
        stream = fuzz_u8(input);
        bytes = fuzz_bytes(input, fuzz_u8(input), &n);
        give_frame(script, type, flags, stream, bytes, n);
        break;
    case EVENT_REQUEST:
        give_request(script);
        break;
    case EVENT_HEADER:
        give_header(script);
        break;
    case EVENT_TIME:
        pass(script, fuzz_u16(input));
        break;
    case EVENT_TAKE:
        take(script, fuzz_u8(input) % TAKEN_MAX);
        break;
    case EVENT_WINDOW:
        stream = fuzz_u8(input);
        give_u32(script, NGHTTP2_WINDOW_UPDATE, stream, fuzz_u32(input));
        break;
    case EVENT_RESET:
        give_u32(script, NGHTTP2_RST_STREAM, fuzz_u8(input), NGHTTP2_CANCEL);
        break;
    default:
        wi_session_goodbye(script->session, script->now);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct script script = {.input = {bytes, n}, .now = BEGIN, .next_stream = 1};
    script.habits = fuzz_u8(&script.input);
    script.memory.limit = script.habits & HABIT_POOR ? 40000 : (uint64_t)64 << 20;
    script.context = (struct wi_call_context){&views, &script.memory, &scratch, "", "", "", NULL};
    if (wi_session_create(&script.context, wi_service_methods, wi_service_n_methods, script.now,
                          &script.session) != WEIR_OK) {
        FUZZ_CHECK(script.habits & HABIT_POOR && script.memory.bytes == 0);
        return 0;
    }
    if (!(script.habits & HABIT_NO_PREFACE)) {
        give(&script, (const uint8_t *)preface, sizeof(preface));
    }
    while (script.input.left > 0) {
        play(&script, (enum event)(fuzz_u8(&script.input) % N_EVENTS));
        if (script.habits & HABIT_TAKES) {
            take(&script, TAKEN_MAX);
        }
        FUZZ_CHECK(script.memory.bytes <= WI_SESSION_MEMORY_BYTES + ((uint64_t)1 << 16));
    }
    take(&script, TAKEN_MAX);
    pass(&script, 500);
    take(&script, TAKEN_MAX);
    wi_session_destroy(script.session);
    FUZZ_CHECK(script.memory.bytes == 0);
    return 0;
}

/* ---- seeds ---------------------------------------------------------------------------------- */

static struct fuzz_output request_bytes;

static ssize_t read_request(nghttp2_session *http, int32_t id, uint8_t *bytes, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)http;
    (void)id;
    (void)room;
    (void)source;
    (void)user;
    memcpy(bytes, request_bytes.bytes, request_bytes.n);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)request_bytes.n;
}

static nghttp2_nv field(const char *name, const char *value)
{
    nghttp2_nv f = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                    strlen(value), NGHTTP2_NV_FLAG_NONE};
    return f;
}

/* What nghttp2's own client sends for each method: preface, HPACK with its table, Huffman. */
static void seed_client(void)
{
    static const char *const paths[] = {"/weir.v1.Agent/Describe", "/weir.v1.Agent/Watch",
                                        "/weir.v1.Agent/Snapshot"};
    struct fuzz_output output = {.n = 0};
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *http;
    nghttp2_session_callbacks_new(&callbacks);
    FUZZ_CHECK(nghttp2_session_client_new(&http, callbacks, NULL) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(http, 0, NULL, 0);
    fuzz_put(&request_bytes, "\0\0\0\0\0", 5);
    for (int i = 0; i < 3; i++) {
        nghttp2_nv fields[] = {field(":method", "POST"), field(":scheme", "http"),
                               field(":path", paths[i]), field(":authority", "localhost"),
                               field("te", "trailers"),  field("content-type", "application/grpc")};
        nghttp2_data_provider provider = {.read_callback = read_request};
        nghttp2_submit_request(http, NULL, fields, 6, &provider, NULL);
    }
    nghttp2_submit_ping(http, 0, NULL);
    fuzz_put_u8(&output, HABIT_NO_PREFACE);
    const uint8_t *bytes;
    for (ssize_t n; (n = nghttp2_session_mem_send(http, &bytes)) > 0;) {
        fuzz_put_u8(&output, EVENT_RAW);
        fuzz_put_u16(&output, (uint16_t)n);
        fuzz_put(&output, bytes, (size_t)n);
    }
    nghttp2_session_del(http);
    fuzz_put_u8(&output, EVENT_TAKE);
    fuzz_put_u8(&output, 31);
    fuzz_put_u8(&output, EVENT_TIME);
    fuzz_put_u16(&output, 1000);
    fuzz_seed("client", output.bytes, output.n);
    output.bytes[0] |= HABIT_PIECES;
    fuzz_seed("client-in-pieces", output.bytes, output.n);
}

/* A call on a stream of its own with that message, and what becomes of it. */
static void seed_call(const char *name, uint8_t method, uint8_t habits, const void *message)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, habits);
    fuzz_put_u8(&output, EVENT_REQUEST);
    fuzz_put_u8(&output, method);
    fuzz_put_u8(&output, method == 1 ? 2 : 0);
    fuzz_put_u8(&output, (uint8_t)protobuf_c_message_get_packed_size(message));
    output.n += protobuf_c_message_pack(message, output.bytes + output.n);
    for (int i = 0; i < 3; i++) {
        fuzz_put_u8(&output, EVENT_TAKE);
        fuzz_put_u8(&output, (uint8_t)(3 * i));
        fuzz_put_u8(&output, EVENT_TIME);
        fuzz_put_u16(&output, (uint16_t)(i == 2 ? 10000 : 150));
    }
    fuzz_put_u8(&output, EVENT_WINDOW);
    fuzz_put_u8(&output, 1);
    fuzz_put_u32(&output, 1);
    fuzz_put_u8(&output, EVENT_RESET);
    fuzz_put_u8(&output, 1);
    fuzz_put_u8(&output, EVENT_GOODBYE);
    fuzz_seed(name, output.bytes, output.n);
}

/* A tokio-console on one connection: it watches, pauses and goes on. */
static void seed_tokio(const char *name, uint8_t habits)
{
    static const uint8_t methods[] = {5, 6, 7, 8, 8, 9};
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, habits);
    for (size_t i = 0; i < sizeof(methods); i++) {
        bool is_details = methods[i] == 7;
        fuzz_put_u8(&output, EVENT_REQUEST);
        fuzz_put_u8(&output, methods[i]);
        fuzz_put_u8(&output, 0);
        fuzz_put_u8(&output, is_details ? 4 : 0);
        fuzz_put(&output, "\x0a\x02\x08\x04", is_details ? 4 : 0); /* its id */
        fuzz_put_u8(&output, EVENT_TAKE);
        fuzz_put_u8(&output, 9);
        fuzz_put_u8(&output, EVENT_TIME);
        fuzz_put_u16(&output, 1000);
    }
    fuzz_put_u8(&output, EVENT_GOODBYE);
    fuzz_seed(name, output.bytes, output.n);
}

/* A probe: for a service that there is, for one that there is not; a watch that goes on to the end. */
static void seed_health(const char *name, uint8_t habits)
{
    static const uint8_t methods[] = {10, 11, 12, 11, 10};
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, habits);
    for (size_t i = 0; i < sizeof(methods); i++) {
        fuzz_put_u8(&output, EVENT_REQUEST);
        fuzz_put_u8(&output, methods[i]);
        fuzz_put_u8(&output, 0);
        fuzz_put_u8(&output, i < 2 ? 15 : i == 3 ? 5 : 0);
        fuzz_put(&output, "\x0a\x0dweir.v1.Agent", i < 2 ? 15 : 0);
        fuzz_put(&output, "\x0a\x03nix", i == 3 ? 5 : 0);
        fuzz_put_u8(&output, EVENT_TIME);
        fuzz_put_u16(&output, 1000);
    }
    fuzz_put_u8(&output, EVENT_GOODBYE);
    fuzz_seed(name, output.bytes, output.n);
}

/* Calls that are answered at their header, and go on all the same. */
static void seed_early(void)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, HABIT_TAKES);
    for (uint8_t stream = 1; stream < 6; stream += 2) {
        fuzz_put_u8(&output, EVENT_REQUEST);
        fuzz_put_u8(&output, stream == 5 ? 1 : 4); /* the last one waits for its end */
        fuzz_put_u8(&output, 1);
        fuzz_put_u8(&output, 0);
        fuzz_put_u8(&output, EVENT_FRAME);
        fuzz_put_u8(&output, NGHTTP2_DATA);
        fuzz_put_u8(&output, stream == 3 ? NGHTTP2_FLAG_END_STREAM : 0);
        fuzz_put_u8(&output, stream);
        fuzz_put_u8(&output, 9);
        fuzz_put(&output, "more of it", 9);
    }
    fuzz_put_u8(&output, EVENT_TIME);
    fuzz_put_u16(&output, 10000);
    fuzz_seed("early", output.bytes, output.n);
}

static void seed_header(void)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, HABIT_TAKES);
    fuzz_put_u8(&output, EVENT_HEADER);
    fuzz_put_u8(&output, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM);
    static const char *const fields[] = {
        ":method",      "GET",          ":scheme", "http",     ":path",        "/",
        "grpc-timeout", "99999999H",    "te",      "trailers", "content-type", "text/plain",
        "x-long",       "a long value", "",        ""};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        fuzz_put_text(&output, fields[i]);
    }
    fuzz_put_u8(&output, EVENT_FRAME);
    fuzz_put_u8(&output, NGHTTP2_SETTINGS);
    fuzz_put_u8(&output, 0);
    fuzz_put_u8(&output, 0);
    fuzz_put_u8(&output, 6);
    fuzz_put(&output, "\0\4\0\0\0\7", 6);
    fuzz_put_u8(&output, EVENT_TIME);
    fuzz_put_u16(&output, 60000);
    fuzz_seed("header", output.bytes, output.n);
}

void fuzz_seeds(void)
{
    seed_client();
    seed_header();
    Weir__V1__DescribeRequest describe = WEIR__V1__DESCRIBE_REQUEST__INIT;
    seed_call("describe", 0, 0, &describe);
    Weir__V1__WatchRequest watch = WEIR__V1__WATCH_REQUEST__INIT;
    Weir__V1__Query query = WEIR__V1__QUERY__INIT;
    Weir__V1__Query *queries[] = {&query};
    watch.queries = queries;
    watch.n_queries = 1;
    watch.interval_millis = 100;
    seed_call("watch", 1, 0, &watch);
    seed_call("watch-poor", 1, HABIT_POOR | HABIT_TAKES, &watch);
    Weir__V1__SubscribeRequest subscribe = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    char *topics[] = {"game/#", "game/channel/size/+"};
    subscribe.topics = topics;
    subscribe.n_topics = 2;
    subscribe.changes_only = true;
    seed_call("subscribe", 2, HABIT_TAKES, &subscribe);
    Weir__V1__SnapshotRequest snapshot = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    seed_call("snapshot", 3, HABIT_PIECES | 0x70, &snapshot);
    seed_call("unknown", 4, 0, &snapshot);
    seed_early();
    seed_health("health", HABIT_TAKES);
    seed_health("health-untaken", 0);
    seed_health("health-poor", HABIT_POOR | HABIT_TAKES);
    seed_tokio("tokio", HABIT_TAKES);
    seed_tokio("tokio-untaken", 0);
    seed_tokio("tokio-poor", HABIT_POOR | HABIT_TAKES);
}
