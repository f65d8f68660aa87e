/* SPDX-License-Identifier: MIT */
/* ctest: own-program */
/*
 * A hostile server, from its bytes to what the commands print: `weir snapshot`, `weir subscribe` and
 * the screen run over a socketpair whose other end plays the input. It comes in pieces, one whenever
 * the console waits; then the server falls silent for good. fuzz: max_len=1200
 */
#include "command/command.h"
#include "encode/weir.h"
#include "fuzz.h"
#include "fuzz_screen.h"
#include "fuzz_view.h"
#include "link/connect.h"
#include "link/attach.h"
#include "link/link.h"

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS_MAX   12 /* of the screen */
#define METRICS_MAX 4096
#define TABLES_MAX  64

/* The script: a byte of habits, then events. */
enum event {
    EVENT_MESSAGE, /* u16 n, n bytes of protobuf: a message on the stream */
    EVENT_WAIT,    /* the rest comes when the console waits again */
    EVENT_STREAM,  /* u8: which the next events are about; first the one that was asked for first */
    EVENT_HEAD,    /* the stream's answer begins */
    EVENT_TRAILER, /* u8 status, a text: it ends */
    EVENT_FRAME,   /* type, flags, stream, u8 n, n bytes */
    EVENT_RAW,     /* u8 n, n bytes */
    N_EVENTS
};

enum habit {
    HABIT_UNDESCRIBED = 1, /* Describe is answered by the script, too */
    HABIT_COMMAND = 2      /* from here on: what the console does */
};

enum { DO_SCREEN, DO_SNAPSHOT, DO_SUBSCRIBE = DO_SNAPSHOT + 4, N_DOINGS = DO_SUBSCRIBE + 4 };

static struct fuzz_input script;
static int server = -1; /* its end */
static bool has_described;
static uint32_t asked_stream;
static uint8_t description[65536];
static size_t n_description;

/* ---- what the console finds in place of the process view ------------------------------------------- */

static void server_say(const void *bytes, size_t n)
{
    ssize_t sent = send(server, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* what does not fit is lost: a server may well break off */
}

static void say_frame(uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t n)
{
    uint8_t head[9] = {(uint8_t)(n >> 16),
                       (uint8_t)(n >> 8),
                       (uint8_t)n,
                       type,
                       flags,
                       (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16),
                       (uint8_t)(stream >> 8),
                       (uint8_t)stream};
    server_say(head, sizeof(head));
    server_say(payload, n);
}

static void say_head(uint32_t stream)
{
    static const char block[] = "\x88\0\x0c"
                                "content-type\x10"
                                "application/grpc";
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, block, sizeof(block) - 1);
}

static void say_message(uint32_t stream, const void *bytes, size_t n)
{
    uint8_t prefix[5] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    say_frame(NGHTTP2_DATA, 0, stream, prefix, sizeof(prefix));
    for (size_t at = 0; at < n; at += 16384) {
        size_t part = n - at < 16384 ? n - at : 16384;
        say_frame(NGHTTP2_DATA, 0, stream, (const uint8_t *)bytes + at, part);
    }
}

static void say_trailer(uint32_t stream, uint8_t status, const char *text)
{
    struct fuzz_output block = {.n = 0};
    char number[8];
    size_t n = strlen(text) < 100 ? strlen(text) : 100;
    snprintf(number, sizeof(number), "%u", status);
    fuzz_put(&block, "\0\x0bgrpc-status", 13);
    fuzz_put_u8(&block, (uint8_t)strlen(number));
    fuzz_put(&block, number, strlen(number));
    fuzz_put(&block, "\0\x0cgrpc-message", 14);
    fuzz_put_u8(&block, (uint8_t)n);
    fuzz_put(&block, text, n);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, stream,
              block.bytes, block.n);
}

/* Plays the script up to where the console must wait once more. */
static void server_play(void)
{
    uint32_t stream = has_described ? asked_stream : 1;
    uint8_t type, flags;
    size_t n;
    const uint8_t *bytes;
    char *text;
    while (script.left > 0) {
        switch (fuzz_u8(&script) % N_EVENTS) {
        case EVENT_MESSAGE:
            bytes = fuzz_bytes(&script, fuzz_u16(&script), &n);
            say_message(stream, bytes, n);
            break;
        case EVENT_WAIT:
            return;
        case EVENT_STREAM:
            stream = asked_stream = 1 + 2 * (fuzz_u8(&script) % 8);
            break;
        case EVENT_HEAD:
            say_head(stream);
            break;
        case EVENT_TRAILER:
            flags = fuzz_u8(&script);
            text = fuzz_text(&script, '\n');
            say_trailer(stream, flags, text);
            free(text);
            break;
        case EVENT_FRAME:
            type = fuzz_u8(&script);
            flags = fuzz_u8(&script);
            stream = fuzz_u8(&script);
            bytes = fuzz_bytes(&script, fuzz_u8(&script), &n);
            say_frame(type, flags, stream, bytes, n);
            break;
        default:
            bytes = fuzz_bytes(&script, fuzz_u8(&script), &n);
            server_say(bytes, n);
            break;
        }
    }
}

/* The console waits: the server goes on, or has nothing more to say. */
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    (void)timeout;
    for (nfds_t i = 0; i < n; i++) {
        fds[i].revents = 0;
    }
    if (!has_described) {
        say_head(1);
        say_message(1, description, n_description);
        say_trailer(1, 0, "");
        has_described = true;
    } else if (script.left > 0) {
        server_play();
    } else {
        shutdown(server, SHUT_WR);
    }
    fds[0].revents = POLLIN;
    return 1;
}

enum wc_status wc_connect(const char *path, uint64_t deadline_nanos, int *ret_fd,
                          struct wc_error *ret_error)
{
    int pair[2];
    (void)path;
    (void)deadline_nanos;
    (void)ret_error;
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    if (server >= 0) {
        close(server); /* the console tries once more */
    }
    server = pair[0];
    *ret_fd = pair[1];
    say_frame(NGHTTP2_SETTINGS, 0, 0, "", 0);
    return WC_OK;
}

enum wc_status wc_connect_tcp(const char *host, const char *port, uint64_t deadline_nanos,
                              int *ret_fd, struct wc_error *ret_error)
{
    (void)host;
    (void)port;
    return wc_connect("", deadline_nanos, ret_fd, ret_error);
}

/* Nothing lies beside the socket. */
enum wc_status wc_serve(const char *path, int *ret_fd, struct wi_exporter **ret_exporter,
                        struct wc_error *ret_error)
{
    (void)ret_fd;
    (void)ret_exporter;
    return wc_error_set(ret_error, WC_NO_TARGET, "%s: nothing is there", path);
}

enum wc_status wc_serve_view(struct wi_process_view *taken_view, int *ret_fd,
                             struct wi_exporter **ret_exporter, struct wc_error *ret_error)
{
    (void)taken_view;
    return wc_serve("", ret_fd, ret_exporter, ret_error);
}

/* Nor is it a server of Tokio's: those are tests/fuzz/tokio.c's. */
enum wc_status wc_tokio_open(int taken_fd, const char *authority, const struct wc_lints *lints,
                             uint64_t deadline_nanos, struct wc_attachment *ret_attachment,
                             struct wc_error *ret_error)
{
    (void)authority;
    (void)lints;
    (void)deadline_nanos;
    (void)ret_attachment;
    close(taken_fd);
    return wc_error_set(ret_error, WC_MISMATCH, "no such service");
}

enum wc_status wc_tokio_check(struct wc_tokio *tokio, struct wc_error *ret_error)
{
    (void)tokio;
    (void)ret_error;
    return WC_OK;
}

/* Errors and notes: lines of plain text. */
static void check_told(const char *told)
{
    static const char prefix[] = "weir: ";
    while (*told) {
        FUZZ_CHECK(strncmp(told, prefix, strlen(prefix)) == 0);
        told += strlen(prefix);
        FUZZ_CHECK(*told != '\n');
        for (; *told != '\n'; told++) {
            FUZZ_CHECK((unsigned char)*told >= ' ' && *told != 0x7F);
        }
        told++;
    }
}

void fuzz_begin(void)
{
    struct wi_process_view *view = fuzz_view_create();
    struct wi_buffer buffer;
    wi_buffer_init(&buffer, WI_MESSAGE_ROOM);
    FUZZ_CHECK(wi_weir_description(view, "", "", "", &buffer) == WEIR_OK);
    FUZZ_CHECK(buffer.length <= sizeof(description));
    memcpy(description, buffer.bytes, buffer.length);
    n_description = buffer.length;
    wi_buffer_finish(&buffer);
    wi_process_view_close(view);
    /* What the commands print is for nobody, and nothing waits for a key. */
    FUZZ_CHECK(freopen("/dev/null", "w", stdout) != NULL);
    signal(SIGINT, SIG_IGN);
    unsetenv("WEIR_TARGET");
}

/* ---- what the console does ------------------------------------------------------------------ */

static void run_command(const struct wc_command *command, int format, const char *word)
{
    static const char *const formats[] = {"human", "json", "ndjson", "csv"};
    char *arguments[] = {(char *)(uintptr_t) "-t", (char *)(uintptr_t) "unix:/nowhere/x",
                         (char *)(uintptr_t) "-o", (char *)(uintptr_t)formats[format],
                         (char *)(uintptr_t)word};
    struct wc_args args;
    struct wc_error error;
    FUZZ_CHECK(wc_args_parse(&command->syntax, word ? 5 : 4, arguments, &args, &error) == WC_OK);
    char *told = NULL;
    size_t n_told = 0;
    FILE *own = stderr, *telling = open_memstream(&told, &n_told);
    FUZZ_CHECK(telling != NULL);
    stderr = telling;
    command->run(&args);
    stderr = own;
    FUZZ_CHECK(fclose(telling) == 0);
    check_told(told);
    free(told);
}

/* As command/top.c does it, without a terminal. */
static void run_screen(void)
{
    static struct fuzz_screen screen;
    struct wc_target target = {.socket = "/nowhere/x", .state = WI_STATE_UNKNOWN};
    struct wc_link *link = NULL;
    struct wc_error error;
    if (wc_link_open(&target, &link, &error) != WC_OK) {
        return;
    }
    FUZZ_CHECK(wc_link_description(link)->n_metrics <= METRICS_MAX);
    memset(&screen, 0, sizeof(screen));
    fuzz_screen_init(&screen);
    wc_model_describe(&screen.model, wc_link_described(link), wc_link_notice(link), 1);
    fuzz_screen_ask(&screen);
    enum wc_status code = wc_link_watch(link, &screen.query.request, &error);
    wc_model_watch(&screen.model, &screen.query.plan);
    for (int i = 0; i < STEPS_MAX && code == WC_OK; i++) {
        Weir__V1__Update *update;
        Weir__V1__Series *series;
        code = wc_link_step(link, &error);
        while ((update = wc_link_take_update(link)) != NULL) {
            FUZZ_CHECK(update->n_tables <= TABLES_MAX);
            wc_model_update(&screen.model, update, screen.now_nanos);
        }
        while ((series = wc_link_take_series(link)) != NULL) {
            wc_model_series(&screen.model, series);
        }
        if (wc_model_wants_past(&screen.model)) {
            wc_link_history(link, WEIR__V1__KIND__KIND_CHANNEL, "depth", 0, "");
        }
        fuzz_screen_settle(&screen);
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, 0);
    }
    fuzz_screen_draw(&screen, WC_TIER_BLOCK);
    fuzz_screen_finish(&screen);
    wc_link_close(link);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    script = (struct fuzz_input){bytes, n};
    uint8_t habits = fuzz_u8(&script);
    int doing = habits / HABIT_COMMAND % N_DOINGS;
    has_described = habits & HABIT_UNDESCRIBED;
    asked_stream = has_described ? 1 : 3;
    if (doing < DO_SNAPSHOT) {
        run_screen();
    } else if (doing < DO_SUBSCRIBE) {
        run_command(&wc_command_snapshot, doing - DO_SNAPSHOT, NULL);
    } else {
        run_command(&wc_command_subscribe, doing - DO_SUBSCRIBE, "game/channel/size/moves");
    }
    if (server >= 0) {
        close(server);
        server = -1;
    }
    return 0;
}

/* ---- seeds ---------------------------------------------------------------------------------- */

static void put_message(struct fuzz_output *output, const void *message)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    FUZZ_CHECK(n + 3 < sizeof(output->bytes) - output->n);
    fuzz_put_u8(output, EVENT_MESSAGE);
    fuzz_put_u16(output, (uint16_t)n);
    output->n += protobuf_c_message_pack(message, output->bytes + output->n);
}

static void seed_stream(const char *name, int doing, const void *message)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, (uint8_t)(doing * HABIT_COMMAND));
    fuzz_put_u8(&output, EVENT_HEAD);
    put_message(&output, message);
    fuzz_put_u8(&output, EVENT_WAIT);
    put_message(&output, message);
    fuzz_put_u8(&output, EVENT_TRAILER);
    fuzz_put_u8(&output, doing == DO_SUBSCRIBE ? 3 : 0);
    fuzz_put(&output, "no%20such%0atopic\n", 18);
    fuzz_seed(name, output.bytes, output.n);
}

static void seed_updates(void)
{
    char name[32], moves[] = "moves", state[] = "running", flavor[] = "mpsc\n";
    Weir__V1__Value values[3] = {WEIR__V1__VALUE__INIT, WEIR__V1__VALUE__INIT,
                                 WEIR__V1__VALUE__INIT};
    Weir__V1__Value *pointers[] = {&values[0], &values[1], &values[2]};
    Weir__V1__Row row = WEIR__V1__ROW__INIT;
    Weir__V1__Row *rows[] = {&row};
    Weir__V1__Table table = WEIR__V1__TABLE__INIT;
    Weir__V1__Table *tables[] = {&table};
    Weir__V1__Update update = WEIR__V1__UPDATE__INIT;
    uint32_t columns[] = {0, 1, 2};
    values[0].value_case = WEIR__V1__VALUE__VALUE_U64;
    values[0].u64 = UINT64_MAX;
    values[1].value_case = WEIR__V1__VALUE__VALUE_F64;
    values[1].f64 = -1e300;
    values[2].value_case = WEIR__V1__VALUE__VALUE_TEXT;
    values[2].text = flavor;
    row.id = 1;
    row.name = moves;
    row.n_values = 3;
    row.values = pointers;
    table.total = table.matching = 1;
    table.n_columns = 3;
    table.columns = columns;
    table.n_rows = 1;
    table.rows = rows;
    update.n_tables = 1;
    update.tables = tables;
    update.state = state;
    update.unix_nanos = INT64_C(1700000000000000000);
    for (int doing = DO_SCREEN; doing < DO_SUBSCRIBE; doing++) {
        table.kind = (Weir__V1__Kind)doing;
        snprintf(name, sizeof(name), "update-%d", doing);
        seed_stream(name, doing, &update);
    }
}

static void seed_lines(void)
{
    char name[32], topic[] = "game/channel/size/moves", unit[] = "messages";
    Weir__V1__Value value = WEIR__V1__VALUE__INIT;
    Weir__V1__Line line = WEIR__V1__LINE__INIT;
    Weir__V1__Line *pointers[] = {&line, &line};
    char *waiting[] = {topic};
    Weir__V1__Lines lines = WEIR__V1__LINES__INIT;
    value.value_case = WEIR__V1__VALUE__VALUE_I64;
    value.i64 = INT64_MIN;
    line.topic = topic;
    line.unit = unit;
    line.value = &value;
    lines.n_lines = 2;
    lines.lines = pointers;
    lines.n_waiting = 1;
    lines.waiting = waiting;
    for (int doing = DO_SUBSCRIBE; doing < N_DOINGS; doing++) {
        snprintf(name, sizeof(name), "lines-%d", doing);
        seed_stream(name, doing, &lines);
    }
}

/* More metrics, and more tables, than are gone through in time. */
static void seed_too_many(size_t n_metrics, size_t n_tables)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, HABIT_UNDESCRIBED | DO_SCREEN * HABIT_COMMAND);
    fuzz_put_u8(&output, EVENT_HEAD);
    fuzz_put_u8(&output, EVENT_MESSAGE);
    fuzz_put_u16(&output, (uint16_t)(2 + 2 * n_metrics));
    fuzz_put(&output, "\x08\x01", 2);
    for (size_t i = 0; i < n_metrics; i++) {
        fuzz_put(&output, "\x4a\0", 2);
    }
    fuzz_put_u8(&output, EVENT_TRAILER);
    fuzz_put(&output, "\0\n", 2);
    fuzz_put_u8(&output, EVENT_WAIT);
    fuzz_put_u8(&output, EVENT_STREAM);
    fuzz_put_u8(&output, 1);
    fuzz_put_u8(&output, EVENT_HEAD);
    fuzz_put_u8(&output, EVENT_MESSAGE);
    fuzz_put_u16(&output, (uint16_t)(2 * n_tables));
    for (size_t i = 0; i < n_tables; i++) {
        fuzz_put(&output, "\x12\0", 2);
    }
    fuzz_seed(n_metrics > METRICS_MAX ? "metrics" : "tables", output.bytes, output.n);
}

void fuzz_seeds(void)
{
    seed_too_many(METRICS_MAX + 1, 1);
    seed_too_many(1, TABLES_MAX + 1);
    seed_updates();
    seed_lines();
    struct fuzz_output output = {.n = 0};
    Weir__V1__Description small = WEIR__V1__DESCRIPTION__INIT;
    char evil[] = "game\x1b[2J";
    small.protocol = 1;
    small.name = evil;
    fuzz_put_u8(&output, HABIT_UNDESCRIBED | DO_SNAPSHOT * HABIT_COMMAND);
    fuzz_put_u8(&output, EVENT_FRAME);
    fuzz_put(&output, "\1\4\1\1\x88", 5);
    fuzz_put_u8(&output, EVENT_RAW);
    fuzz_put_u8(&output, 9);
    fuzz_put(&output, "\0\0\0\7\0\0\0\0\0", 9);
    put_message(&output, &small);
    fuzz_seed("undescribed", output.bytes, output.n);
}
