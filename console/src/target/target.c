/* SPDX-License-Identifier: MIT */
/*
 * Resolving a TARGET. A living process is preferred to a dead one, a newer to an older. Between two
 * living ones of one name the person must choose.
 */
#include "target/target.h"

#include "record/reader.h"
#include "target/pick.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static void target_fill(const struct wi_found *found, struct wc_target *ret_target)
{
    struct wc_target target = {.pid = found->pid,
                               .owner = found->owner,
                               .device = found->device,
                               .inode = found->inode,
                               .state = found->state};
    snprintf(target.path, sizeof(target.path), "%s", found->path);
    snprintf(target.name, sizeof(target.name), "%s", found->name);
    if (wi_find_lives(found)) {
        snprintf(target.socket, sizeof(target.socket), "%s", found->socket);
    }
    *ret_target = target;
}

static enum wc_status target_exit_of(enum weir_status status)
{
    switch (status) {
    case WEIR_E_DENIED:
        return WC_DENIED;
    case WEIR_E_CORRUPT:
    case WEIR_E_VERSION:
        return WC_MISMATCH;
    default:
        return WC_NO_TARGET;
    }
}

static enum wc_status target_take(const struct wi_found *found, struct wc_target *ret_target,
                                  struct wc_error *ret_error)
{
    if (found->status != WEIR_OK) {
        const char *problem = found->problem[0] ? found->problem : weir_status_name(found->status);
        bool names_itself = strncmp(problem, found->path, strlen(found->path)) == 0;
        return wc_error_set(ret_error, target_exit_of(found->status), "%s%s%s",
                            names_itself ? "" : found->path, names_itself ? "" : ": ", problem);
    }
    target_fill(found, ret_target);
    return WC_OK;
}

static bool target_is_socket(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

static enum wc_status target_by_path(const char *path, struct wc_target *ret_target,
                                     struct wc_error *ret_error)
{
    if (strlen(path) >= WI_PATH_MAX) {
        return wc_error_set(ret_error, WC_NO_TARGET, "%s: longer than any segment's path", path);
    }
    if (wc_reader_is_recording(path)) {
        *ret_target = (struct wc_target){.is_recording = true, .state = WI_STATE_UNKNOWN};
        snprintf(ret_target->path, sizeof(ret_target->path), "%s", path);
        return WC_OK;
    }
    struct wi_found found;
    memset(&found, 0, sizeof(found));
    enum weir_status status = wi_find_with_owner(path, &found);
    if (status == WEIR_E_NOT_FOUND) {
        return wc_error_set(ret_error, WC_NO_TARGET, "%s: no such file: see `weir list`", path);
    }
    snprintf(found.path, sizeof(found.path), "%s", path);
    found.status = status;
    return target_take(&found, ret_target, ret_error);
}

/* Splits "/run/weir/serve.sock/game" or ".../game/2": a socket that serves several processes, and
 * the name of one. */
static bool target_split_socket(struct wc_target *target)
{
    struct stat facts;
    char *end = target->socket + strlen(target->socket);
    char *slash = end;
    if (lstat(target->socket, &facts) == 0) {
        return false;
    }
    for (int level = 0; level < 2; level++) {
        slash = memrchr(target->socket, '/', (size_t)(slash - target->socket));
        if (!slash || slash == target->socket || (size_t)(end - slash) > sizeof(target->process)) {
            return false;
        }
        *slash = '\0';
        if (lstat(target->socket, &facts) == 0 && S_ISSOCK(facts.st_mode)) {
            memcpy(target->process, slash + 1, (size_t)(end - slash));
            return true;
        }
        *slash = '/';
    }
    return false;
}

/* The socket alone, and the segment beside it if the names are weir's own. */
static enum wc_status target_by_socket(const char *path, struct wc_target *ret_target,
                                       struct wc_error *ret_error)
{
    struct wc_target target = {.state = WI_STATE_UNKNOWN};
    if (path[0] == '\0' || strlen(path) >= sizeof(target.socket)) {
        return wc_error_set(ret_error, WC_USAGE,
                            "unix:%s: give the path of a socket, as unix:/path", path);
    }
    snprintf(target.socket, sizeof(target.socket), "%s", path);
    static const char ending[] = ".sock";
    size_t n = strlen(path);
    bool is_split = target_split_socket(&target);
    if (!is_split && n > strlen(ending) && strcmp(path + n - strlen(ending), ending) == 0) {
        snprintf(target.path, sizeof(target.path), "%.*s.weir", (int)(n - strlen(ending)), path);
        struct wi_found found;
        if (wi_find_with_owner(target.path, &found) == WEIR_OK) {
            target.pid = found.pid;
            target.owner = found.owner;
            target.device = found.device;
            target.inode = found.inode;
        } else if (access(target.path, F_OK) != 0) {
            target.path[0] = '\0';
        }
    }
    *ret_target = target;
    return WC_OK;
}

/* The text behind a prefix, whose letters may be of either case as in any URL; or NULL. */
static const char *target_after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncasecmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* Whether it looks like a path rather than a name. */
static bool target_is_path(const char *text)
{
    static const char ending[] = ".weir";
    size_t n = strlen(text);
    return text[0] == '/' || target_after(text, "./") || target_after(text, "../") ||
           (n > strlen(ending) && strcmp(text + n - strlen(ending), ending) == 0);
}

/* "host:port" or "host:port/NAME", with a port of digits. */
static bool target_is_address(const char *text)
{
    size_t n = strcspn(text, "/");
    size_t n_digits = 0;
    while (n_digits < n && text[n - n_digits - 1] >= '0' && text[n - n_digits - 1] <= '9') {
        n_digits++;
    }
    return n_digits > 0 && n_digits < n && text[n - n_digits - 1] == ':';
}

/* Takes HOST:PORT or [ADDRESS]:PORT of `n` characters. */
static bool target_take_host(const char *text, size_t n, struct wc_target *target)
{
    const char *end = text + n;
    const char *colon = end;
    while (colon > text && colon[-1] != ':') {
        colon--;
    }
    if (colon == text) {
        return false;
    }
    size_t n_port = (size_t)(end - colon);
    size_t n_host = (size_t)(colon - 1 - text);
    bool is_bracketed = n_host > 2 && text[0] == '[' && text[n_host - 1] == ']';
    text += is_bracketed;
    n_host -= is_bracketed ? 2 : 0;
    if (n_port == 0 || n_port > 5 || strspn(colon, "0123456789") < n_port || n_host == 0 ||
        n_host >= sizeof(target->host) ||
        (!is_bracketed && (text[0] == '[' || memchr(text, ':', n_host)))) {
        return false;
    }
    memcpy(target->host, text, n_host);
    memcpy(target->port, colon, n_port);
    unsigned long port = strtoul(target->port, NULL, 10);
    return port > 0 && port < 65536;
}

/* "host:port" or "http://host:port", with or without "/NAME" behind it. A slash at the end means
 * nothing. */
static enum wc_status target_by_address(const char *text, struct wc_target *ret_target,
                                        struct wc_error *ret_error)
{
    struct wc_target target = {.state = WI_STATE_UNKNOWN};
    if (target_after(text, "https://")) {
        return wc_error_set(
            ret_error, WC_USAGE,
            "%s: weir speaks no TLS: forward the port by ssh -L or a tunnel, and use "
            "http://",
            text);
    }
    const char *url = target_after(text, "http://");
    const char *place = url ? url : text;
    size_t n = strcspn(place, "/");
    const char *process = place[n] == '/' ? place + n + 1 : "";
    size_t n_process = strlen(process);
    while (n_process > 0 && process[n_process - 1] == '/') {
        n_process--;
    }
    if (!target_take_host(place, n, &target) || n_process >= sizeof(target.process)) {
        return wc_error_set(ret_error, WC_USAGE,
                            "%s: no address: give HOST:PORT or http://HOST:PORT/NAME", text);
    }
    memcpy(target.process, process, n_process);
    *ret_target = target;
    return WC_OK;
}

/* Whether a bare word names a segment or a recording here. Any other file of that name, for example
 * the program itself, does not match a service's name. */
static bool target_is_readable(const char *text)
{
    return wi_find_is_segment(text) || wc_reader_is_recording(text);
}

static bool target_is_closed(const char *text)
{
    char *end;
    unsigned long pid = strtoul(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && !*end && pid <= UINT32_MAX &&
           wi_changed_is_closed((uint32_t)pid);
}

static enum wc_status target_among(const char *text, bool is_preference,
                                   struct wc_target *ret_target, struct wc_error *ret_error)
{
    struct wi_found *found = NULL;
    size_t n = 0;
    enum weir_status status = wi_find_all(&found, &n);
    if (status != WEIR_OK) {
        return wc_error_set(ret_error, WC_NO_TARGET, "cannot look for segments: %s",
                            weir_status_name(status));
    }
    size_t picked = 0;
    enum wc_status code = wc_pick(found, n, text, is_preference, &picked, ret_error);
    if (code == WC_OK) {
        code = target_take(&found[picked], ret_target, ret_error);
    } else if (code == WC_NO_TARGET && text && !is_preference && target_is_address(text)) {
        code = target_by_address(text, ret_target, ret_error);
    } else if (code == WC_NO_TARGET && text && !is_preference && target_is_readable(text)) {
        code = target_by_path(text, ret_target, ret_error);
    } else if (code == WC_NO_TARGET && text && !is_preference && target_is_closed(text)) {
        code = wc_error_set(
            ret_error, WC_DENIED,
            "process %s has changed its user to uid %u, and only root can see whether it has weir: "
            "run weir as root, or let the process start weir after setuid",
            text, (unsigned)geteuid());
    }
    free(found);
    return code;
}

enum wc_status wc_target_resolve(const char *text, struct wc_target *ret_target,
                                 struct wc_error *ret_error)
{
    if (text && text[0] == '\0') {
        /* Probably an unset variable of a script: no other target is tried. */
        return wc_error_set(ret_error, WC_USAGE,
                            "the TARGET is empty: give one, or leave it out for the only running "
                            "process");
    }
    text = text ? text : getenv("WEIR_TARGET");
    if (!text || text[0] == '\0') {
        return target_among(NULL, false, ret_target, ret_error);
    }
    const char *path = target_after(text, "unix://");
    if (path || (path = target_after(text, "unix:")) != NULL) {
        return target_by_socket(path, ret_target, ret_error);
    }
    if (target_after(text, "http://") || target_after(text, "https://")) {
        return target_by_address(text, ret_target, ret_error);
    }
    /* Users of tokio-console write a socket's path as a file URL. */
    path = target_after(text, "file://localhost/") ? text + strlen("file://localhost")
                                                   : target_after(text, "file://");
    if (path || target_is_path(text)) {
        path = path ? path : text;
        return target_is_socket(path) ? target_by_socket(path, ret_target, ret_error)
                                      : target_by_path(path, ret_target, ret_error);
    }
    return target_among(text, false, ret_target, ret_error);
}

enum wc_status wc_target_resolve_named(const char *domain, struct wc_target *ret_target,
                                       struct wc_error *ret_error)
{
    const char *text = getenv("WEIR_TARGET");
    if (text && text[0]) {
        return wc_target_resolve(text, ret_target, ret_error);
    }
    return target_among(domain, true, ret_target, ret_error);
}

enum wi_state wc_target_state(const struct wc_target *target)
{
    if (!target->path[0] || target->is_recording) {
        return WI_STATE_UNKNOWN;
    }
    struct wi_found found;
    memset(&found, 0, sizeof(found));
    bool is_there = wi_owner_is_there(&target->owner);
    if (wi_find_one(target->path, &found) != WEIR_OK) {
        return is_there ? WI_STATE_RUNNING : WI_STATE_DEAD; /* its files may have been removed */
    }
    bool is_same = target->inode ? found.inode == target->inode && found.device == target->device
                                 : !target->pid || found.pid == target->pid;
    if (!is_same) {
        return WI_STATE_DEAD;
    }
    return found.state == WI_STATE_RUNNING && target->owner.pid && !is_there ? WI_STATE_ORPHANED
                                                                             : found.state;
}

void wc_target_place(const struct wc_target *target, char *ret_text, size_t room)
{
    bool is_six = strchr(target->host, ':') != NULL;
    if (target->host[0]) {
        snprintf(ret_text, room, "%s%s%s:%s", is_six ? "[" : "", target->host, is_six ? "]" : "",
                 target->port);
    } else {
        snprintf(ret_text, room, "%s", target->socket);
    }
}
