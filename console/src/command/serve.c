/* SPDX-License-Identifier: MIT */
/*
 * `weir serve`: the exporter as a program of its own, for servers that must have no socket, or that
 * a fault in the exporter must not end.
 *
 * The targets are resolved first, so that a wrong one is an error at once. The socket lies in the
 * service manager's directory if there is one, else beside the segments; there the sockets of
 * earlier servers that were killed are removed. Then the exporter's parts are opened, and all of
 * them must succeed. Its loop runs in the main thread. A signal handler asks it to stop, which is
 * one flag and one byte in a pipe.
 *
 * The loop calls back once a second, which tells the service manager the state and feeds its
 * watchdog. The console's one thread.
 */
#include "command/command.h"
#include "command/notify.h"
#include "command/report.h"

#include "weir/text.h"
#include "weir/exporter.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SERVE_HEARTBEAT_NANOS UINT64_C(1000000000)

enum { SERVE_ALL = 1, SERVE_GRPC, SERVE_HTTP, SERVE_TOKEN_FILE, SERVE_HTTP_HOSTS };

static const struct wc_option serve_options[] = {
    {SERVE_ALL, 'a', "all", WC_OPTION_FLAG, NULL, NULL, false,
     "all of this user's processes (root: of all users'), whatever WEIR_TARGET says"},
    {SERVE_GRPC, 0, "grpc", WC_OPTION_TEXT, "ADDR", NULL, false,
     "address for consoles, as 127.0.0.1:6669; port 0: a free one (WEIR_GRPC)"},
    {SERVE_HTTP, 0, "http", WC_OPTION_TEXT, "ADDR", NULL, false,
     "address for /metrics, as 127.0.0.1:9464 (WEIR_HTTP)"},
    {SERVE_TOKEN_FILE, 0, "token-file", WC_OPTION_TEXT, "FILE", NULL, false,
     "a file with the token that both require; needed beyond loopback (WEIR_TOKEN_FILE)"},
    {SERVE_HTTP_HOSTS, 0, "http-hosts", WC_OPTION_TEXT, "LIST", NULL, false,
     "further Host names that loopback accepts, with commas (WEIR_HTTP_HOSTS)"},
};

struct serve {
    const char *targets[WC_MAX_ARGUMENTS];
    size_t n_targets;
    char paths[WC_MAX_ARGUMENTS][WI_PATH_MAX]; /* of targets that are files */
    char socket[WI_PATH_MAX];
    struct wi_exporter *exporter;
    uint64_t watchdog_nanos;
    uint64_t watched_nanos;
    size_t n_processes; /* as last reported; SIZE_MAX: nothing reported yet */
};

static struct wi_exporter *volatile serve_running; /* for the signal handler */

static void serve_on_signal(int number)
{
    (void)number;
    wi_exporter_ask_stop(serve_running);
}

static void serve_log(void *context, const char *line)
{
    char text[512];
    (void)context;
    wi_text_clean(line, text, sizeof(text));
    fprintf(stderr, "%s\n", text);
}

/* ---- the targets ------------------------------------------------------------------------- */

/* "game/2" is no file, but one of several processes of a name. */
static bool serve_is_replica(const char *text)
{
    const char *slash = strrchr(text, '/');
    return slash && slash > text && slash == strchr(text, '/') && text[0] != '.' && slash[1] &&
           strspn(slash + 1, "0123456789") == strlen(slash + 1);
}

static bool serve_is_file(const char *text)
{
    size_t n = strlen(text);
    return (strchr(text, '/') && !serve_is_replica(text)) ||
           (n > 5 && strcmp(text + n - 5, ".weir") == 0);
}

/* A target in the exporter's form: a file has a '/' in it. NAME/N has one, too; its segment's path
 * replaces it later. */
static enum wc_status serve_add_target(struct serve *serve, const char *text,
                                       struct wc_error *ret_error)
{
    static const char url[] = "file://";
    size_t i = serve->n_targets;
    if (!text[0]) {
        return wc_error_set(ret_error, WC_USAGE,
                            "serve: a TARGET is empty: give one, or none to serve all processes");
    }
    if (strncasecmp(text, "unix:", 5) == 0 || strncasecmp(text, "http:", 5) == 0 ||
        strncasecmp(text, "https:", 6) == 0) {
        return wc_error_set(ret_error, WC_USAGE,
                            "serve: %s: only processes of this machine can be served: give a pid, "
                            "a service's name, NAME/N or the path of a segment",
                            text);
    }
    if (strncasecmp(text, url, sizeof(url) - 1) == 0) {
        text += sizeof(url) - 1;
    }
    if (serve_is_file(text)) {
        int n = snprintf(serve->paths[i], sizeof(serve->paths[i]), "%s%s",
                         strchr(text, '/') ? "" : "./", text);
        if (n >= (int)sizeof(serve->paths[i])) {
            return wc_error_set(ret_error, WC_NO_TARGET,
                                "serve: %s: longer than any segment's path", text);
        }
        text = serve->paths[i];
    }
    serve->targets[serve->n_targets++] = text;
    return WC_OK;
}

/* Whether the target means a process that runs now. NAME/N means that process and no other: numbers
 * move up when one ends, so its segment's path replaces the target. */
static enum wc_status serve_check_target(struct serve *serve, size_t t,
                                         const struct wi_found *found, size_t n,
                                         struct wc_error *ret_error)
{
    struct wi_found one;
    const char *target = serve->targets[t];
    bool is_replica = serve_is_replica(target);
    for (size_t i = 0; i < n; i++) {
        if (!wi_process_registry_fits(&found[i], target)) {
            continue;
        }
        if (is_replica) {
            memcpy(serve->paths[t], found[i].path, sizeof(serve->paths[t]));
            serve->targets[t] = serve->paths[t];
        }
        return WC_OK;
    }
    if (!strchr(target, '/') || is_replica) {
        return wc_error_set(ret_error, WC_NO_TARGET,
                            "serve: %s: no such process runs: `weir list` shows those that do",
                            target);
    }
    enum weir_status status = wi_find_one(target, &one);
    if (status == WEIR_OK && wi_process_registry_fits(&one, target)) {
        return WC_OK;
    }
    if (status == WEIR_E_DENIED) {
        return wc_error_set(ret_error, WC_DENIED, "serve: %s", one.problem);
    }
    if (status == WEIR_OK) {
        return wc_error_set(ret_error, WC_NO_TARGET,
                            "serve: the process of %s is dead: `weir snapshot` reads it", target);
    }
    bool is_strange = status == WEIR_E_CORRUPT || status == WEIR_E_VERSION;
    return wc_error_set(ret_error, is_strange ? WC_MISMATCH : WC_NO_TARGET, "serve: %s: %s", target,
                        one.problem);
}

static enum wc_status serve_choose(struct serve *serve, const struct wc_args *args,
                                   struct wc_error *ret_error)
{
    const char *otherwise = getenv("WEIR_TARGET");
    bool is_all = wc_args_has(args, SERVE_ALL);
    enum wc_status code = WC_OK;
    if (is_all && args->n_words > 0) {
        return wc_error_set(ret_error, WC_USAGE, "serve: give either targets or --all");
    }
    for (size_t i = 0; code == WC_OK && i < args->n_words; i++) {
        code = serve_add_target(serve, args->words[i], ret_error);
    }
    if (args->n_words == 0 && !is_all && otherwise && otherwise[0]) {
        code = serve_add_target(serve, otherwise, ret_error);
    }
    if (code != WC_OK || serve->n_targets == 0) {
        return code;
    }
    struct wi_found *found = NULL;
    size_t n = 0;
    if (wi_find_all(&found, &n) != WEIR_OK) {
        return wc_error_set(ret_error, WC_INCOMPLETE, "serve: no memory to look for segments");
    }
    for (size_t i = 0; code == WC_OK && i < serve->n_targets; i++) {
        code = serve_check_target(serve, i, found, n, ret_error);
    }
    free(found);
    return code;
}

/* ---- the socket -------------------------------------------------------------------------- */

/* Removes the sockets of earlier servers that were killed. */
static void serve_sweep(const char *dir)
{
    DIR *entries = opendir(dir);
    for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;) {
        char path[WI_PATH_MAX];
        unsigned pid;
        int length = 0;
        if (sscanf(entry->d_name, "serve-%10u.sock%n", &pid, &length) == 1 && length > 0 &&
            !entry->d_name[length] &&
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path)) {
            (void)wi_listener_clear(path, NULL);
        }
    }
    if (entries) {
        closedir(entries);
    }
}

/* The manager's directory is for this service alone; the other is shared by all servers. */
static enum wc_status serve_place_socket(struct serve *serve, struct wc_error *ret_error)
{
    struct weir_error error = {""};
    char dir[WI_DIR_MAX + 1];
    const char *own = getenv("RUNTIME_DIRECTORY");
    if (own && own[0] == '/' && strcspn(own, ":") <= WI_DIR_MAX) {
        snprintf(serve->socket, sizeof(serve->socket), "%.*s/serve.sock", (int)strcspn(own, ":"),
                 own);
        return WC_OK;
    }
    enum weir_status status = wi_file_dir(getenv("WEIR_DIR"), dir, sizeof(dir), &error);
    if (status != WEIR_OK) {
        return wc_error_set(ret_error, status == WEIR_E_DENIED ? WC_DENIED : WC_NO_TARGET,
                            "serve: no place for a socket: %s", error.text);
    }
    serve_sweep(dir);
    snprintf(serve->socket, sizeof(serve->socket), "%s/serve-%d.sock", dir, (int)getpid());
    return WC_OK;
}

/* ---- serving ----------------------------------------------------------------------------- */

/* Once a second, and as often as the watchdog requires: reports the state to the manager. */
static void serve_on_heartbeat(void *context, uint64_t now_nanos)
{
    struct serve *serve = context;
    size_t n = wi_exporter_processes(serve->exporter);
    if (n != serve->n_processes) {
        char lines[96];
        snprintf(lines, sizeof(lines), "%sSTATUS=serving %zu process%s",
                 serve->n_processes == SIZE_MAX ? "READY=1\n" : "", n, n == 1 ? "" : "es");
        wc_notify(lines);
        serve->n_processes = n;
    }
    if (serve->watchdog_nanos && now_nanos - serve->watched_nanos >= serve->watchdog_nanos) {
        wc_notify("WATCHDOG=1");
        serve->watched_nanos = now_nanos;
    }
}

static const char *serve_setting(const struct wc_args *args, int option, const char *variable)
{
    return wc_args_text(args, option, getenv(variable));
}

static enum wc_status serve_open(struct serve *serve, const struct wc_args *args,
                                 struct wc_error *ret_error)
{
    struct weir_error error = {""};
    serve->watchdog_nanos = wc_notify_watchdog_nanos();
    bool is_hasty = serve->watchdog_nanos && serve->watchdog_nanos < SERVE_HEARTBEAT_NANOS;
    struct wi_exporter_options options = {
        .socket_path = serve->socket,
        .taken_fd = -1,
        .grpc = serve_setting(args, SERVE_GRPC, "WEIR_GRPC"),
        .http = serve_setting(args, SERVE_HTTP, "WEIR_HTTP"),
        .http_hosts = serve_setting(args, SERVE_HTTP_HOSTS, "WEIR_HTTP_HOSTS"),
        .token_file = serve_setting(args, SERVE_TOKEN_FILE, "WEIR_TOKEN_FILE"),
        .must_have_all = true,
        .is_finding = true,
        .targets = serve->targets,
        .n_targets = serve->n_targets,
        .log = serve_log,
        .on_heartbeat = serve_on_heartbeat,
        .heartbeat_context = serve,
        .heartbeat_nanos = is_hasty ? serve->watchdog_nanos : SERVE_HEARTBEAT_NANOS,
    };
    enum weir_status status = wi_exporter_open(NULL, &options, &serve->exporter, &error);
    if (status != WEIR_OK) {
        enum wc_status code = status == WEIR_E_ARGUMENT ? WC_USAGE
                              : status == WEIR_E_DENIED ? WC_DENIED
                                                        : WC_NO_TARGET;
        return wc_error_set(ret_error, code, "serve: %s", error.text);
    }
    return WC_OK;
}

static void serve_tell(const struct serve *serve)
{
    const char *grpc = wi_exporter_grpc_address(serve->exporter);
    const char *http = wi_exporter_http_address(serve->exporter);
    fprintf(stderr, "weir: serving unix:%s\n", serve->socket);
    if (grpc[0]) {
        fprintf(stderr, "weir: serving gRPC on %s\n", grpc);
    }
    if (http[0]) {
        fprintf(stderr, "weir: serving http://%s/metrics\n", http);
    }
}

/* An ignored signal stays ignored: after nohup, SIGHUP ends nothing. */
static void serve_catch(const int *signals, size_t n, void (*handler)(int))
{
    for (size_t i = 0; i < n; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            action = (struct sigaction){.sa_handler = handler, .sa_flags = SA_RESTART};
            sigaction(signals[i], &action, NULL);
        }
    }
}

static void serve_loop(struct serve *serve)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    serve_running = serve->exporter;
    serve_catch(signals, 3, serve_on_signal);
    serve_tell(serve);
    wi_exporter_loop(serve->exporter);
    wc_notify("STOPPING=1\nSTATUS=ending");
    serve_catch(signals, 3, SIG_IGN); /* it is ending already */
    wi_exporter_close(serve->exporter);
}

static enum wc_status serve_run(const struct wc_args *args)
{
    struct wc_error error;
    struct serve *serve = calloc(1, sizeof(*serve));
    if (!serve) {
        wc_error_set(&error, WC_INCOMPLETE, "out of memory");
        return wc_report_fail(&error);
    }
    serve->n_processes = SIZE_MAX;
    enum wc_status code = serve_choose(serve, args, &error);
    if (code == WC_OK) {
        code = serve_place_socket(serve, &error);
    }
    if (code == WC_OK) {
        code = serve_open(serve, args, &error);
    }
    if (code == WC_OK) {
        serve_loop(serve);
    }
    free(serve);
    return code == WC_OK ? WC_OK : wc_report_fail(&error);
}

const struct wc_command wc_command_serve = {
    .name = "serve",
    .usage =
        "[TARGET...|--all] [--grpc ADDR] [--http ADDR] [--token-file FILE] [--http-hosts LIST]",
    .summary = "serve consoles and Prometheus from a separate process",
    .details =
        "\n"
        "Serves the processes that the TARGETs name (pid, service's name, NAME/N, path of a "
        "segment), or\n"
        "all of this user's processes, also those that start later. SIGTERM and SIGINT end it.",
    .syntax.options = serve_options,
    .syntax.n_options = sizeof(serve_options) / sizeof(serve_options[0]),
    .syntax.max_words = WC_MAX_ARGUMENTS,
    .run = serve_run,
};
