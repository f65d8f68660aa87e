/* SPDX-License-Identifier: MIT */
/* ctest: own-program */
/*
 * What weir itself reads of HTTP: Accept, Host, the list of further hosts, the address to listen on,
 * Authorization, Accept-Encoding and the request target; and what it compresses. libmicrohttpd's own parsing is not in it. No socket is made: the calls below stand in for the
 * kernel's. fuzz: max_len=400
 */
#include "http/accept.h"
#include "http/gzip.h"
#include "fuzz.h"
#include "wire/address.h"
#include "wire/auth_check.h"
#include "http/head.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define NO_DESCRIPTOR 0x7ffffff0 /* what calls that are not replaced refuse */

static struct sockaddr_storage bound;
static socklen_t bound_length;
static bool is_taken;

#define TOKEN "token-of-16-chars"

static char token_path[300];
static struct wi_token *token;

static void remove_token(void)
{
    wi_token_close(token);
    unlink(token_path);
}

void fuzz_begin(void)
{
    const char *top = getenv("TMPDIR");
    struct weir_error error = {""};
    snprintf(token_path, sizeof(token_path), "%s/token-XXXXXX", top ? top : "/tmp");
    int fd = mkstemp(token_path);
    FUZZ_CHECK(fd >= 0 && write(fd, TOKEN, strlen(TOKEN)) == (ssize_t)strlen(TOKEN));
    close(fd);
    FUZZ_CHECK(wi_token_open(token_path, NULL, NULL, &token, &error) == WEIR_OK);
    atexit(remove_token);
}

/* Who is admitted has shown the token, and nothing beside it. */
static void authorize(const char *authorization)
{
    struct wi_auth_check auth_check = {.token = token};
    struct wi_auth_ops ops = wi_auth_check_ops(&auth_check);
    size_t n = strlen(authorization);
    char *bytes = fuzz_copy(authorization, n);
    if (ops.admits(ops.context, bytes, n)) {
        const char *at = strstr(authorization, TOKEN);
        FUZZ_CHECK(at && strncasecmp(authorization, "bearer ", 7) == 0);
        FUZZ_CHECK(strspn(authorization + 6, " ") == (size_t)(at - authorization) - 6);
        FUZZ_CHECK(strspn(at + strlen(TOKEN), " \t") == strlen(at) - strlen(TOKEN));
    } else {
        FUZZ_CHECK(strcmp(authorization, "Bearer " TOKEN) != 0);
    }
    FUZZ_CHECK(!ops.admits(ops.context, NULL, 0));
    free(bytes);
}

/* Nobody gets a coding that was not named, or named as not acceptable by all that name it. */
static void choose_coding(const char *accept_encoding)
{
    struct wi_codings codings = WI_CODINGS_NONE;
    wi_accept_codings(&codings, NULL);
    FUZZ_CHECK(!wi_accept_wants_gzip(&codings) && wi_accept_takes_identity(&codings));
    wi_accept_codings(&codings, accept_encoding);
    FUZZ_CHECK(!wi_accept_wants_gzip(&codings) || strcasestr(accept_encoding, "gzip") ||
               strchr(accept_encoding, '*'));
    FUZZ_CHECK(wi_accept_takes_identity(&codings) || strcasestr(accept_encoding, "identity") ||
               strchr(accept_encoding, '*'));
    int *const all[] = {&codings.gzip, &codings.identity, &codings.any};
    for (size_t i = 0; i < 3; i++) {
        FUZZ_CHECK(*all[i] >= -1 && *all[i] <= 1000);
    }
}

/* The parts of a target lie in it, one behind the other, and an authority that is answered is a host's name. */
static void split_target(const char *target)
{
    const char *authority;
    size_t n;
    const char *path = wi_target_path(target, &authority, &n);
    const char *end = target + strlen(target);
    if (!authority) {
        FUZZ_CHECK(path == target && n == 0);
        return;
    }
    FUZZ_CHECK(strncasecmp(target, "http://", 7) == 0 && authority == target + 7);
    FUZZ_CHECK(n <= (size_t)(end - authority) && !memchr(authority, '/', n));
    FUZZ_CHECK(path[0] == '/' && (path == authority + n || path[1] == '\0'));
    struct wi_auth_check auth_check = {.is_loopback = true};
    struct wi_auth_ops ops = wi_auth_check_ops(&auth_check);
    char *name = fuzz_copy(authority, n);
    FUZZ_CHECK(!ops.knows(ops.context, name, n) || !memchr(name, '@', n));
    free(name);
}

/* The bytes four times over are read back as they were, or were not made because that takes more. */
static void compress_all(const uint8_t *bytes, size_t n)
{
    static uint8_t plain[2048], again[2048];
    struct wi_buffer buffer;
    size_t length = 0;
    for (int i = 0; i < 4 && length + n <= sizeof(plain); i++) {
        memcpy(plain + length, bytes, n);
        length += n;
    }
    wi_buffer_init(&buffer, length);
    enum weir_status status = wi_gzip(plain, length, &buffer);
    FUZZ_CHECK(status == WEIR_OK || status == WEIR_E_LIMIT);
    if (status == WEIR_OK) {
        z_stream stream = {.next_in = buffer.bytes, .avail_in = (uInt)buffer.length};
        stream.next_out = again;
        stream.avail_out = sizeof(again);
        FUZZ_CHECK(buffer.length < length && inflateInit2(&stream, 15 + 16) == Z_OK);
        FUZZ_CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == length);
        FUZZ_CHECK(memcmp(plain, again, length) == 0);
        inflateEnd(&stream);
    }
    wi_buffer_finish(&buffer);
}

int socket(int domain, int type, int protocol)
{
    (void)type;
    (void)protocol;
    FUZZ_CHECK(domain == AF_INET || domain == AF_INET6);
    return NO_DESCRIPTOR;
}

int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    FUZZ_CHECK(fd == NO_DESCRIPTOR && length <= sizeof(bound));
    memcpy(&bound, address.__sockaddr__, length);
    bound_length = length;
    errno = EADDRINUSE;
    return is_taken ? -1 : 0;
}

int listen(int fd, int backlog)
{
    (void)backlog;
    FUZZ_CHECK(fd == NO_DESCRIPTOR);
    return 0;
}

int getsockname(int fd, __SOCKADDR_ARG address, socklen_t *restrict length)
{
    FUZZ_CHECK(fd == NO_DESCRIPTOR && *length >= bound_length);
    memcpy(address.__sockaddr__, &bound, bound_length);
    *length = bound_length;
    return 0;
}

/* Whether what was bound is this machine's own, seen without address.c's help. */
static bool is_loopback(void)
{
    char text[INET6_ADDRSTRLEN];
    if (bound.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&bound;
        return inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text)) &&
               strncmp(text, "127.", 4) == 0;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&bound;
    return bound.ss_family == AF_INET6 &&
           inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text)) &&
           (strcmp(text, "::1") == 0 || strncmp(text, "::ffff:127.", 11) == 0);
}

static void listen_on(const char *asked)
{
    struct wi_address address;
    struct weir_error error = {""};
    int fd = -1;
    memset(&bound, 0, sizeof(bound));
    is_taken = strlen(asked) % 8 == 7;
    enum weir_status status = wi_address_listen(asked, "HTTP", false, &address, &fd, &error);
    if (status == WEIR_OK) {
        FUZZ_CHECK(fd == NO_DESCRIPTOR && is_loopback() && !is_taken);
        FUZZ_CHECK(address.port <= 65535 && strrchr(address.text, ':'));
        FUZZ_CHECK(strtoul(strrchr(address.text, ':') + 1, NULL, 10) == address.port);
        /* What was written is read back as the same. */
        struct wi_address again;
        is_taken = false;
        FUZZ_CHECK(wi_address_listen(address.text, "HTTP", false, &again, &fd, NULL) == WEIR_OK);
        FUZZ_CHECK(strcmp(address.text, again.text) == 0);
    } else {
        FUZZ_CHECK(error.text[0]);
        FUZZ_CHECK(status == WEIR_E_ARGUMENT || (status == WEIR_E_SYSTEM && is_taken));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_input input = {bytes, n};
    char *accept = fuzz_text(&input, '\n');
    char *host = fuzz_text(&input, '\n');
    char *hosts = fuzz_text(&input, '\n');
    char *address = fuzz_text(&input, '\n');
    char *authorization = fuzz_text(&input, '\n');
    char *accept_encoding = fuzz_text(&input, '\n');
    char *target = fuzz_text(&input, '\n');
    enum wi_format format = wi_accept_format(accept);
    FUZZ_CHECK(format == WI_FORMAT_TEXT || format == WI_FORMAT_OPENMETRICS);
    FUZZ_CHECK(format == WI_FORMAT_TEXT ||
               strlen(accept) >= strlen("application/openmetrics-text"));
    bool passes = wi_host_passes(host, hosts);
    FUZZ_CHECK(passes || !wi_host_passes(host, NULL));
    /* A name that passes is a number, this machine's, or listed. */
    FUZZ_CHECK(!passes || hosts[0] || strpbrk(host, ".:]") ||
               strncasecmp(host, "localhost", 9) == 0 || strncasecmp(host, "ip6-lo", 6) == 0);
    listen_on(address);
    authorize(authorization);
    choose_coding(accept_encoding);
    split_target(target);
    if (input.left > 0) {
        compress_all(input.at, input.left);
    }
    free(target);
    free(accept_encoding);
    free(authorization);
    free(accept);
    free(host);
    free(hosts);
    free(address);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[][2] = {
        {"prometheus",
         "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
         "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2\nlocalhost:9464\n\n"
         "127.0.0.1:9464"},
        {"quoted",
         "text/plain; version=\"0.0.4\" ; q=1.000, text/*;q=0.001\n[::1]:9464\na,b\n[::1]:0"},
        {"browser", "text/html,application/xhtml+xml\nevil.example\ngood.example, other\tthird\n"
                    "localhost:9464"},
        {"listed", "\nGood.Example.:1\ngood.example\n0.0.0.0:80"},
        {"mapped", "*/*\n[::ffff:127.0.0.1]\n\n[::ffff:127.0.0.1]:65535"},
        {"beyond", "\n10.1.2.3\n\n[fe80::1]:1"},
        {"token", "\n\n\n\nBearer " TOKEN},
        {"token-small", "\n\n\n\nbearer  " TOKEN},
        {"token-long", "\n\n\n\nBearer " TOKEN "x"},
        {"token-basic", "\n\n\n\nBasic " TOKEN},
        {"coding", "\n\n\n\n\ngzip;q=0.5, identity;q=0, *;q=0.1"},
        {"coding-none", "\n\n\n\n\nbr, x-gzip ; q=0 ,*;q=0.000"},
        {"target", "\n\n\n\n\n\nhttp://localhost:9464/metrics"},
        {"target-short", "\n\n\n\n\n\nHTTP://[::1]?x"},
        {"target-user", "\n\n\n\n\n\nhttp://localhost@evil.example/healthz"},
        {"compress", "\n\n\n\n\n\n\nweir_channel_sent_total{channel=\"moves\"} 5000\n"},
        {"broken", ";;,q=,=\n[::1\n,, ,\n:99999"},
    };
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        fuzz_seed(seeds[i][0], seeds[i][1], strlen(seeds[i][1]));
    }
}
