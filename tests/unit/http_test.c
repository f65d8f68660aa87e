/* SPDX-License-Identifier: MIT */
/* ctest: own-program */
/* HTTP, driven by hand: client sockets and wi_http_run in one thread, time given. */
#include "fake_view.h"
#include "wire/address.h"
#include "wire/http.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define SECOND UINT64_C(1000000000)

static struct wi_process_view *view;
static struct wi_process_views views;
static struct wi_http *http;
static uint64_t now;
static MHD_PanicCallback panic;
static bool must_panic;

/* These two stand before the library's: a test can make MHD find itself broken. */
void MHD_set_panic_func(MHD_PanicCallback callback, void *context)
{
    void (*real)(MHD_PanicCallback callback, void *context);
    *(void **)&real = dlsym(RTLD_NEXT, "MHD_set_panic_func");
    panic = callback;
    real(callback, context);
}

enum MHD_Result MHD_run(struct MHD_Daemon *daemon)
{
    enum MHD_Result (*real)(struct MHD_Daemon * daemon);
    *(void **)&real = dlsym(RTLD_NEXT, "MHD_run");
    if (must_panic) {
        panic(NULL, "daemon.c", 1, "broken");
    }
    return real(daemon);
}

static unsigned n_compressions;
static bool must_lack_memory;

/* Stands before zlib's own: compressions are counted, or have no memory. */
int deflateInit2_(z_streamp stream, int level, int method, int window, int memory, int strategy,
                  const char *version, int size)
{
    int (*real)(z_streamp, int, int, int, int, int, const char *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "deflateInit2_");
    n_compressions++;
    return must_lack_memory ? Z_MEM_ERROR
                            : real(stream, level, method, window, memory, strategy, version, size);
}

static int setup(void **state)
{
    (void)state;
    struct wi_http_options options = {.address = "127.0.0.1:0", .hosts = "game.test, Other.Test"};
    struct weir_error error;
    view = fake_view_create("game");
    fake_view_add_channel(view, "moves", 5000, 904, WEIR_UNBOUNDED);
    now = 1000 * SECOND;
    fake_view_set_monotonic_nanos(view, 0);
    wi_process_views_init(&views, false);
    assert_int_equal(wi_process_views_add(&views, view), WEIR_OK);
    must_panic = false;
    must_lack_memory = false;
    n_compressions = 0;
    return wi_http_create(&options, &views, &http, &error) == WEIR_OK ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    wi_http_destroy(http);
    wi_process_views_finish(&views);
    return 0;
}

static int client_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)wi_http_port(http));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void client_send(int fd, const char *text)
{
    size_t length = strlen(text);
    ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
    (void)n; /* a server that has closed is seen when reading */
}

static size_t n_answer; /* bytes that the last client_read has read */

/* Runs the server until this client has `stop` in what it read, or its end. Returns whether the
 * server closed. */
static bool client_read(int fd, char *text, size_t room, const char *stop)
{
    size_t length = 0;
    time_t deadline = time(NULL) + 20;
    text[0] = 0;
    while (time(NULL) < deadline) {
        wi_http_run(http, now);
        ssize_t n = recv(fd, text + length, room - 1 - length, 0);
        if (n > 0) {
            length += (size_t)n;
            text[length] = 0;
            n_answer = length;
        }
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return true;
        }
        if (stop && strstr(text, stop)) {
            return false;
        }
        struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                                {.fd = wi_http_fd(http), .events = POLLIN}};
        if (n < 0) {
            poll(fds, 2, 50);
        }
    }
    fail_msg("no end of <%s>", text);
    return false;
}

static char answer[1 << 20];

/* One request on a connection of its own, read to its end. */
static const char *ask(const char *request)
{
    int fd = client_open();
    client_send(fd, request);
    client_read(fd, answer, sizeof(answer), NULL);
    close(fd);
    return answer;
}

static void assert_answer(const char *request, const char *status, const char *part)
{
    const char *text = ask(request);
    if (strncmp(text + 9, status, strlen(status)) != 0 || !strstr(text, part)) {
        fail_msg("<%s> was answered by <%.400s>, expected <%s> and <%s>", request, text, status,
                 part);
    }
}

#define GET(path, headers) "GET " path " HTTP/1.1\r\nConnection: close\r\n" headers "\r\n"

static void metrics_in_both_formats(void **state)
{
    (void)state;
    assert_answer(GET("/metrics", "Host: localhost\r\n"), "200",
                  "\nweir_channel_depth{channel=\"moves\"} 4096\n");
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    assert_answer(GET("/metrics", "Host: localhost\r\nAccept: application/openmetrics-text\r\n"),
                  "200", "\n# EOF\n");
    assert_non_null(strstr(answer, "Content-Type: application/openmetrics-text; version=1.0.0"));
    assert_int_equal(wi_process_view_self(view)->scrapes, 2);
}

static void head_has_no_body(void **state)
{
    (void)state;
    assert_answer("HEAD /metrics HTTP/1.1\r\nHost: [::1]:9\r\nConnection: close\r\n\r\n", "200",
                  "Content-Length: ");
    assert_null(strstr(answer, "weir_"));
}

static void health_follows_the_last_reading(void **state)
{
    (void)state;
    assert_answer(GET("/healthz", "Host: 127.0.0.1\r\n"), "200", "\r\n\r\nok\n");
    fake_view_fail_refresh(view, WEIR_E_CORRUPT, "broken");
    now += SECOND;
    assert_answer(GET("/healthz", "Host: 127.0.0.1\r\n"), "503", "cannot be read");
    assert_answer(GET("/metrics", "Host: 127.0.0.1\r\n"), "503", "cannot be read");
}

static void other_paths_and_methods_are_told_what_there_is(void **state)
{
    (void)state;
    assert_answer(GET("/", "Host: 127.0.0.1\r\n"), "404", "/metrics and /healthz");
    assert_answer(GET("/metrics/", "Host: 127.0.0.1\r\n"), "404", "");
    assert_answer("POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello",
                  "405", "Allow: GET, HEAD");
    assert_answer("DELETE /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", "405",
                  "");
    assert_answer("BREW /x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", "405", "");
}

static void foreign_hosts_are_refused(void **state)
{
    (void)state;
    static const char *const passes[] = {
        "localhost", "LOCALHOST:9464", "127.0.0.1",   "127.0.0.1:80", "[::1]",        "[::1]:9464",
        "10.1.2.3",  "localhost.",     "game.test:1", "other.test",   "ip6-localhost"};
    static const char *const fails[] = {"evil.example",
                                        "localhost.evil.example",
                                        "game.testx",
                                        "game",
                                        "",
                                        "[::1",
                                        "127.0.0.1:x",
                                        "127.0.0.1.evil",
                                        "a b",
                                        "localhost:80:80",
                                        "[localhost",
                                        ":80",
                                        "game.test,"};
    for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
        if (!wi_host_passes(passes[i], "game.test, Other.Test")) {
            fail_msg("%s should pass", passes[i]);
        }
    }
    for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
        if (wi_host_passes(fails[i], "game.test, Other.Test")) {
            fail_msg("%s should not pass", fails[i]);
        }
    }
    assert_answer(GET("/metrics", "Host: evil.example\r\n"), "403", "WEIR_HTTP_HOSTS");
    assert_answer(GET("/metrics", "Host: localhost\r\nHost: evil.example\r\n"), "40", "");
    assert_answer(GET("/metrics", ""), "40", "");
    assert_answer(GET("/metrics", "Host: other.test\r\n"), "200", "weir_");
    assert_answer("GET /healthz HTTP/1.0\r\n\r\n", "200", "ok");
    assert_true(wi_process_view_self(view)->http_rejected >= 2);
}

#define TOKEN "0123456789abcdef"

/* HTTP again, with a token in a file that the caller has made. */
static struct wi_token *ask_for_token(const char *path)
{
    struct weir_error error;
    struct wi_token *token;
    assert_int_equal(wi_token_open(path, NULL, NULL, &token, &error), WEIR_OK);
    struct wi_http_options options = {.address = "127.0.0.1:0", .token = token};
    wi_http_destroy(http);
    assert_int_equal(wi_http_create(&options, &views, &http, &error), WEIR_OK);
    return token;
}

static void whoever_does_not_show_the_token_gets_401(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof(path), "/dev/shm/weir-http-%d", (int)getpid());
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, TOKEN, sizeof(TOKEN) - 1), sizeof(TOKEN) - 1);
    close(fd);
    struct wi_token *token = ask_for_token(path);
    unlink(path);
    /* The file is looked at each time; without it nobody passes. */
    assert_answer(GET("/metrics", "Host: localhost\r\nAuthorization: Bearer " TOKEN "\r\n"), "401",
                  "");
    wi_token_close(token);

    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, TOKEN "\n", sizeof(TOKEN)), sizeof(TOKEN));
    close(fd);
    token = ask_for_token(path);
    uint64_t rejected = wi_process_view_self(view)->http_rejected;
    assert_answer(GET("/metrics", "Host: localhost\r\n"), "401", "WWW-Authenticate: Bearer\r\n");
    assert_null(strstr(answer, "weir_"));
    assert_answer(GET("/nothing", "Host: localhost\r\n"), "401", "");
    assert_answer("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "401",
                  "");
    assert_answer(GET("/metrics", "Host: localhost\r\nAuthorization: Bearer 0123456789abcdeg\r\n"),
                  "401", "");
    assert_answer(GET("/metrics", "Host: localhost\r\nAuthorization: Bearer " TOKEN
                                  "\r\nAuthorization: Bearer x\r\n"),
                  "401", "");
    assert_int_equal(wi_process_view_self(view)->http_rejected, rejected + 5);
    assert_answer(GET("/metrics", "Host: localhost\r\nAuthorization: Bearer " TOKEN "\r\n"), "200",
                  "weir_channel_depth");
    assert_answer(GET("/metrics", "Host: evil.example\r\nAuthorization: Bearer " TOKEN "\r\n"),
                  "403", "");
    unlink(path);
    wi_http_destroy(http);
    http = NULL;
    wi_token_close(token);
}

/* A probe has no token; it learns that the process lives and nothing else. */
static void health_is_told_without_the_token(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof(path), "/dev/shm/weir-http-%d", (int)getpid());
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, TOKEN, sizeof(TOKEN) - 1), sizeof(TOKEN) - 1);
    close(fd);
    struct wi_token *token = ask_for_token(path);
    assert_answer(GET("/healthz", "Host: localhost\r\n"), "200", "\r\n\r\nok\n");
    assert_answer(GET("/healthz?verbose", "Host: 127.0.0.1\r\n"), "200", "\r\n\r\nok\n");
    assert_answer(GET("/healthz", "Host: localhost\r\nAuthorization: Bearer wrong\r\n"), "200",
                  "\r\n\r\nok\n");
    assert_answer(GET("http://localhost/healthz", "Host: x\r\n"), "200", "\r\n\r\nok\n");
    assert_answer("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200",
                  "Content-Length: 3\r\n");
    assert_answer("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi", "405",
                  "");
    assert_answer(GET("/healthz", "Host: evil.example\r\n"), "403", "");
    static const char *const others[] = {"/healthz/", "/healthz/metrics",  "/HEALTHZ",
                                         "//healthz", "/metrics?/healthz", "/metrics/../healthz"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char request[256];
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", others[i]);
        assert_answer(request, "401", "");
        assert_null(strstr(answer, "weir_"));
    }
    fake_view_fail_refresh(view, WEIR_E_CORRUPT, "a secret reason");
    now += SECOND;
    assert_answer(GET("/healthz", "Host: localhost\r\n"), "503", "cannot be read");
    assert_null(strstr(answer, "secret"));
    unlink(path);
    wi_http_destroy(http);
    http = NULL;
    wi_token_close(token);
}

/* RFC 9112, 3.2.2: a proxy is asked so; its target's authority goes before Host. */
static void absolute_targets_are_answered_by_their_authority(void **state)
{
    (void)state;
    static const char *const good[] = {
        "http://localhost/metrics", "http://127.0.0.1:9464/metrics", "HTTP://LOCALHOST:80/metrics",
        "http://[::1]:9464/metrics?x=http://evil.example/", "http://game.test/metrics"};
    static const char *const bad[] = {"http://evil.example/metrics",
                                      "http:///metrics",
                                      "http://user@localhost/metrics",
                                      "http://localhost:80@evil.example/metrics",
                                      "http://localhost.evil.example:80/metrics",
                                      "http://?localhost/metrics"};
    char request[256];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        /* Whatever Host says: it is not looked at. */
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", good[i],
                 i % 2 ? "evil.example" : "localhost");
        assert_answer(request, "200", "weir_channel_depth");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", bad[i]);
        assert_answer(request, "40", "");
        assert_null(strstr(answer, "weir_channel"));
    }
    assert_answer(GET("http://localhost", "Host: localhost\r\n"), "404", "/metrics and /healthz");
    assert_answer(GET("http://localhost?/metrics", "Host: localhost\r\n"), "404", "");
    assert_answer(GET("https://localhost/metrics", "Host: localhost\r\n"), "404", "");
    assert_answer(GET("http://localhost/metrics", "Host: localhost\r\nHost: localhost\r\n"), "403",
                  "");
    assert_answer(GET("http://localhost/metrics", ""), "40", "");
    assert_answer("GET http://localhost/metrics HTTP/1.0\r\n\r\n", "200", "weir_channel_depth");
    assert_answer("GET http://evil.example/metrics HTTP/1.0\r\n\r\n", "403", "");
    assert_answer(
        "POST http://localhost/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "405", "");
}

/* What the head shows to be wrong is answered while the body has not come. */
static void a_request_whose_body_never_comes_is_answered_at_its_head(void **state)
{
    (void)state;
    static const struct {
        const char *head, *status;
    } cases[] = {
        {"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", "405"},
        {"PUT /metrics HTTP/1.1\r\nHost: evil.example\r\nTransfer-Encoding: chunked\r\n\r\n",
         "403"},
        {"GET /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", "404"},
        {"POST /x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
         "405"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_answer(cases[i].head, cases[i].status, "");
    }
}

/* The body of the last answer, unpacked. Owns: the caller's. */
static char *unpacked(void)
{
    char *body = strstr(answer, "\r\n\r\n") + 4;
    z_stream stream = {.next_in = (Bytef *)body};
    stream.avail_in = (uInt)(n_answer - (size_t)(body - answer));
    char *text = calloc(1, sizeof(answer));
    stream.next_out = (Bytef *)text;
    stream.avail_out = sizeof(answer) - 1;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    return text;
}

static void gzip_comes_where_it_is_asked_for(void **state)
{
    (void)state;
    ask(GET("/metrics", "Host: localhost\r\n"));
    char *plain = strdup(strstr(answer, "\r\n\r\n") + 4);
    assert_non_null(strstr(answer, "Vary: Accept, Accept-Encoding\r\n"));
    assert_null(strstr(answer, "Content-Encoding"));
    ask(GET("/metrics", "Host: localhost\r\nAccept-Encoding: deflate, gzip;q=0.8\r\n"));
    assert_non_null(strstr(answer, "200 OK"));
    assert_non_null(strstr(answer, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(answer, "Vary: Accept, Accept-Encoding\r\n"));
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    char *text = unpacked();
    assert_true(n_answer < strlen(plain));
    assert_string_equal(text, plain);
    assert_int_equal(fake_view_refreshes(view), 1);
    free(text);
    free(plain);

    ask(GET("/metrics", "Host: localhost\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\n"
                        "Accept: application/openmetrics-text\r\n"));
    assert_non_null(strstr(answer, "Content-Encoding: gzip\r\n"));
    text = unpacked();
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    free(text);
    now += SECOND; /* a new rendering */
    ask(GET("/metrics", "Host: localhost\r\nAccept-Encoding: gzip\r\n"));
    text = unpacked();
    assert_non_null(strstr(text, "weir_channel_depth"));
    free(text);
    assert_int_equal(fake_view_refreshes(view), 2);

    assert_answer("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n"
                  "Connection: close\r\n\r\n",
                  "200", "Content-Encoding: gzip\r\n");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void a_rendering_is_compressed_once_and_only_when_asked_for(void **state)
{
    (void)state;
    ask(GET("/metrics", "Host: localhost\r\n"));
    ask(GET("/metrics", "Host: localhost\r\nAccept-Encoding: gzip;q=0\r\n"));
    assert_int_equal(n_compressions, 0);
    for (unsigned i = 0; i < 20; i++) {
        ask(GET("/metrics", "Host: localhost\r\nAccept-Encoding: gzip\r\n"));
        assert_non_null(strstr(answer, "Content-Encoding: gzip"));
    }
    assert_int_equal(n_compressions, 1);
    ask(GET("/metrics", "Host: localhost\r\nAccept-Encoding: gzip\r\n"
                        "Accept: application/openmetrics-text\r\n"));
    assert_int_equal(n_compressions, 2);
    ask(GET("/healthz", "Host: localhost\r\nAccept-Encoding: gzip\r\n"));
    ask(GET("/nothing", "Host: localhost\r\nAccept-Encoding: gzip\r\n"));
    assert_int_equal(n_compressions, 2);
}

static void without_memory_to_compress_the_answer_comes_as_it_is(void **state)
{
    (void)state;
    must_lack_memory = true;
    assert_answer(GET("/metrics", "Host: localhost\r\nAccept-Encoding: gzip\r\n"), "200",
                  "weir_channel_depth");
    assert_null(strstr(answer, "Content-Encoding"));
    must_lack_memory = false;
    ask(GET("/metrics", "Host: localhost\r\nAccept-Encoding: gzip\r\n"));
    assert_non_null(strstr(answer, "Content-Encoding: gzip"));
}

static void what_takes_no_coding_that_there_is_gets_406(void **state)
{
    (void)state;
    assert_answer(GET("/metrics", "Host: localhost\r\nAccept-Encoding: br, identity;q=0\r\n"),
                  "406", "gzip and identity");
    assert_answer(GET("/metrics", "Host: localhost\r\nAccept-Encoding: *;q=0\r\n"), "406", "");
    assert_answer(GET("/metrics", "Host: localhost\r\nAccept-Encoding: gzip, *;q=0\r\n"), "200",
                  "Content-Encoding: gzip\r\n");
    assert_answer(GET("/healthz", "Host: localhost\r\nAccept-Encoding: *;q=0\r\n"), "200", "ok\n");
}

static void oversized_heads_are_refused(void **state)
{
    (void)state;
    static char request[64 * 1024];
    int n = snprintf(request, sizeof(request), "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ");
    memset(request + n, 'x', 40000);
    strcpy(request + n + 40000, "\r\n\r\n");
    int fd = client_open();
    client_send(fd, request);

    assert_true(client_read(fd, answer, sizeof(answer), NULL));

    close(fd);
    assert_null(strstr(answer, "weir_channel"));
    assert_int_equal(wi_process_view_self(view)->protocol_errors, 1);
}

static void garbage_is_counted(void **state)
{
    (void)state;
    assert_null(strstr(ask("\x16\x03\x01 not http at all\r\n\r\n"), " 200 "));
    assert_int_equal(wi_process_view_self(view)->protocol_errors, 1);
}

static void scrapes_within_a_quarter_second_share_one_rendering(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        ask(GET("/metrics", "Host: localhost\r\n"));
    }
    assert_int_equal(fake_view_refreshes(view), 1);
    now += 300 * 1000000;
    ask(GET("/metrics", "Host: localhost\r\n"));
    assert_int_equal(fake_view_refreshes(view), 2);
    assert_int_equal(wi_process_view_self(view)->scrapes, 21);
}

static void connection_is_kept_for_the_next_scrape(void **state)
{
    (void)state;
    int fd = client_open();
    for (unsigned i = 0; i < 15; i++) {
        client_send(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_false(client_read(fd, answer, sizeof(answer), "ok\n"));
        now += 3 * SECOND; /* 45 s in all: the deadline is one request's */
    }
    close(fd);
}

static void half_requests_do_not_keep_others_out(void **state)
{
    (void)state;
    int half[300];
    for (unsigned i = 0; i < 300; i++) {
        half[i] = client_open();
        client_send(half[i], "GET /metrics HTTP/1.1\r\nHost: loc");
        if (i % 8 == 7) {
            wi_http_run(http, now);
        }
    }
    assert_answer(GET("/healthz", "Host: localhost\r\n"), "200", "ok");
    for (unsigned i = 0; i < 300; i++) {
        close(half[i]);
    }
    assert_true(wi_process_view_self(view)->http_rejected >= 300 - 32);
}

static void request_that_trickles_in_meets_the_deadline(void **state)
{
    (void)state;
    int fd = client_open();
    client_send(fd, "GET /met");
    for (unsigned i = 0; i < 12; i++) {
        client_send(fd, "r");
        wi_http_run(http, now);
        now += SECOND;
    }

    assert_true(client_read(fd, answer, sizeof(answer), NULL));

    close(fd);
    assert_string_equal(answer, "");
    assert_int_equal(wi_process_view_self(view)->http_rejected, 1);
}

static void readers_that_stop_give_way(void **state)
{
    (void)state;
    char name[64];
    struct weir_histogram histogram = {.sum = 1};
    histogram.bucket[3] = 1;
    for (unsigned i = 0; i < 250; i++) {
        snprintf(name, sizeof(name), "a rather long name of a channel, number %u", i);
        struct wi_row *row = fake_view_add_channel(view, name, 9, 1, 100);
        fake_view_set_histogram(view, row, WI_CHANNEL_WAIT, &histogram);
    }
    int stopped[40];
    for (unsigned i = 0; i < 40; i++) {
        int room = 4096;
        stopped[i] = client_open();
        setsockopt(stopped[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
        client_send(stopped[i], "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wi_http_run(http, now);
        now += SECOND / 10;
    }
    assert_answer(GET("/healthz", "Host: localhost\r\n"), "200", "ok");
    for (unsigned i = 0; i < 40; i++) {
        close(stopped[i]);
    }
}

static void resets_are_survived(void **state)
{
    (void)state;
    struct linger linger = {1, 0};
    for (unsigned i = 0; i < 200; i++) {
        int fd = client_open();
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        client_send(fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        if (i % 3) {
            wi_http_run(http, now);
        }
        close(fd);
        wi_http_run(http, now);
    }
    assert_answer(GET("/healthz", "Host: localhost\r\n"), "200", "ok");
}

/* What MHD holds when it panics is lost on purpose. */
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

static int setup_to_be_lost(void **state)
{
    if (__lsan_disable) {
        __lsan_disable();
    }
    return setup(state);
}

static int teardown_lost(void **state)
{
    int result = teardown(state);
    if (__lsan_enable) {
        __lsan_enable();
    }
    return result;
}

static void panic_of_the_library_ends_http_only(void **state)
{
    (void)state;
    ask(GET("/healthz", "Host: localhost\r\n"));
    int fd = client_open();
    must_panic = true;

    assert_int_equal(wi_http_run(http, now), -1);
    assert_int_equal(wi_http_run(http, now), -1);

    close(fd);
    must_panic = false;
}

static void addresses(void **state)
{
    (void)state;
    struct wi_address address;
    struct weir_error error;
    int fd = -1;
    static const char *const malformed[] = {"",
                                            "9464",
                                            ":9464",
                                            "localhost",
                                            "game:9464",
                                            "127.0.0.1:x",
                                            "127.0.0.1:",
                                            "[::1:80",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:-1",
                                            "127.0.0.1:999999"};
    static const char *const foreign[] = {"0.0.0.0:0", "10.0.0.1:80", "[::]:0", "[fe80::1]:80"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        assert_int_equal(wi_address_listen(malformed[i], "HTTP", true, &address, &fd, &error),
                         WEIR_E_ARGUMENT);
        assert_non_null(strstr(error.text, "ADDRESS:PORT"));
    }
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        assert_int_equal(wi_address_listen(foreign[i], "HTTP", false, &address, &fd, &error),
                         WEIR_E_ARGUMENT);
        assert_non_null(strstr(error.text, "beyond loopback"));
    }
    assert_int_equal(fd, -1);
    assert_int_equal(wi_address_listen("0.0.0.0:0", "HTTP", true, &address, &fd, &error), WEIR_OK);
    assert_false(address.is_loopback);
    close(fd);

    assert_int_equal(wi_address_listen(wi_http_address(http), "HTTP", false, &address, &fd, &error),
                     WEIR_E_SYSTEM);
    assert_non_null(strstr(error.text, wi_http_address(http)));
    assert_non_null(strstr(error.text, "another port"));

    assert_int_equal(wi_address_listen("localhost:0", "HTTP", false, &address, &fd, NULL), WEIR_OK);
    assert_true(address.port > 0);
    assert_true(address.is_loopback);
    assert_true(strncmp(address.text, "127.0.0.1:", 10) == 0);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(metrics_in_both_formats),
        TEST(head_has_no_body),
        TEST(health_follows_the_last_reading),
        TEST(other_paths_and_methods_are_told_what_there_is),
        TEST(foreign_hosts_are_refused),
        TEST(whoever_does_not_show_the_token_gets_401),
        TEST(health_is_told_without_the_token),
        TEST(absolute_targets_are_answered_by_their_authority),
        TEST(a_request_whose_body_never_comes_is_answered_at_its_head),
        TEST(gzip_comes_where_it_is_asked_for),
        TEST(a_rendering_is_compressed_once_and_only_when_asked_for),
        TEST(without_memory_to_compress_the_answer_comes_as_it_is),
        TEST(what_takes_no_coding_that_there_is_gets_406),
        TEST(oversized_heads_are_refused),
        TEST(garbage_is_counted),
        TEST(scrapes_within_a_quarter_second_share_one_rendering),
        TEST(connection_is_kept_for_the_next_scrape),
        TEST(half_requests_do_not_keep_others_out),
        TEST(request_that_trickles_in_meets_the_deadline),
        TEST(readers_that_stop_give_way),
        TEST(resets_are_survived),
        cmocka_unit_test_setup_teardown(panic_of_the_library_ends_http_only, setup_to_be_lost,
                                        teardown_lost),
        TEST(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
