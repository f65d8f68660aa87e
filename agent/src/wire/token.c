/* SPDX-License-Identifier: MIT */
/*
 * One secret in a file, and whether a peer shows it.
 *
 * The file must be a regular one of this user or root, and nobody else may read or write it, except
 * a group of this process at mode 0440: a user who can read it can call as this user. Each request
 * compares the file's inode, times and mode with those of the last reading, and reads it again when
 * it has changed; so a token is replaced without a restart. While the file is missing or not valid,
 * nobody is admitted, which is logged once.
 *
 * The time of a comparison depends only on the length of the shown text, and there is no branch on
 * a secret byte. Copies of the secret are wiped when they are no longer needed. The holder owns the
 * token: wi_token_close. One thread.
 */
#include "weir/token.h"

#include "segment/descriptor.h"
#include "segment/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct wi_token {
    char *path;
    struct stat facts; /* of the file as it was read */
    bool is_good;
    size_t n;
    char text[WI_TOKEN_MOST + 1];
    weir_log_fn log;
    void *log_context;
};

/* Whether a group is one of this process's groups. */
static bool token_is_own_group(gid_t group)
{
    bool is_own = group == getegid();
    int n = is_own ? 0 : getgroups(0, NULL);
    gid_t *groups = n > 0 ? calloc((size_t)n, sizeof(*groups)) : NULL;
    n = groups ? getgroups(n, groups) : 0;
    for (int i = 0; i < n && !is_own; i++) {
        is_own = groups[i] == group;
    }
    free(groups);
    return is_own;
}

/* A group may know a token if somebody has decided so: by mode 0440, which no umask makes. */
static bool token_is_for_group(mode_t mode)
{
    return (mode & S_IRGRP) && (mode & ALLPERMS & ~(mode_t)(S_IRUSR | S_IRGRP)) == 0;
}

static enum weir_status token_check_file(int fd, const char *path, struct stat *ret_facts,
                                         struct weir_error *ret_error)
{
    if (fstat(fd, ret_facts) != 0 || !S_ISREG(ret_facts->st_mode)) {
        wi_error_set(ret_error, "%.140s is not a regular file: a token file must be one", path);
        return WEIR_E_DENIED;
    }
    if (ret_facts->st_uid != geteuid() && ret_facts->st_uid != 0) {
        wi_error_set(ret_error, "%.140s belongs to another user, who would know the token", path);
        return WEIR_E_DENIED;
    }
    if (token_is_for_group(ret_facts->st_mode)) {
        if (!token_is_own_group(ret_facts->st_gid)) {
            wi_error_set(
                ret_error,
                "%.140s may be read by group %u, which this process is not in: chmod 600 it", path,
                (unsigned)ret_facts->st_gid);
            return WEIR_E_DENIED;
        }
    } else if (ret_facts->st_mode & (S_IRWXG | S_IRWXO)) {
        wi_error_set(ret_error,
                     "%.140s may be read or changed by others: chmod 600 it, or 440 if its group "
                     "is to know the token",
                     path);
        return WEIR_E_DENIED;
    }
    return WEIR_OK;
}

static enum weir_status token_check_text(char *text, size_t n, const char *path,
                                         struct weir_error *ret_error)
{
    if (n > WI_TOKEN_MOST) {
        wi_error_set(ret_error, "%.140s is longer than %d bytes: it cannot be a token", path,
                     WI_TOKEN_MOST);
        return WEIR_E_DENIED;
    }
    n -= n > 0 && text[n - 1] == '\n';
    text[n] = '\0';
    if (n < WI_TOKEN_LEAST) {
        wi_error_set(ret_error,
                     "%.140s holds %zu characters, but a token has %d or more: make one with "
                     "`openssl rand -hex 32`",
                     path, n, WI_TOKEN_LEAST);
        return WEIR_E_DENIED;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            wi_error_set(ret_error, "%.140s: a token is one line of visible ASCII characters",
                         path);
            return WEIR_E_DENIED;
        }
    }
    return WEIR_OK;
}

static enum weir_status token_load(const char *path, char text[WI_TOKEN_MOST + 2],
                                   struct stat *ret_facts, struct weir_error *ret_error)
{
    ssize_t n = 0;
    int fd = wi_descriptor_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) {
        wi_error_set(ret_error, "the token file %.140s cannot be read: %s", path, strerror(errno));
        return WEIR_E_DENIED;
    }
    enum weir_status status = token_check_file(fd, path, ret_facts, ret_error);
    if (status == WEIR_OK) {
        n = wi_file_pread(fd, text, WI_TOKEN_MOST + 1, 0);
    }
    if (n < 0) {
        wi_error_set(ret_error, "the token file %.140s cannot be read: %s", path, strerror(errno));
        status = WEIR_E_DENIED;
    }
    close(fd);
    return status == WEIR_OK ? token_check_text(text, (size_t)n, path, ret_error) : status;
}

enum weir_status wi_token_read(const char *path, char ret_text[WI_TOKEN_MOST + 1],
                               struct weir_error *ret_error)
{
    struct stat facts;
    char text[WI_TOKEN_MOST + 2];
    enum weir_status status = token_load(path, text, &facts, ret_error);
    if (status == WEIR_OK) {
        memcpy(ret_text, text, strlen(text) + 1);
    }
    explicit_bzero(text, sizeof(text));
    return status;
}

/* Takes the file's content as it is now. */
static enum weir_status token_renew(struct wi_token *token, struct weir_error *ret_error)
{
    char text[WI_TOKEN_MOST + 2];
    enum weir_status status = token_load(token->path, text, &token->facts, ret_error);
    token->is_good = status == WEIR_OK;
    if (token->is_good) {
        token->n = strlen(text);
        memcpy(token->text, text, token->n + 1);
    }
    explicit_bzero(text, sizeof(text));
    return status;
}

enum weir_status wi_token_open(const char *path, weir_log_fn log, void *log_context,
                               struct wi_token **ret_token, struct weir_error *ret_error)
{
    struct wi_token *token = calloc(1, sizeof(*token));
    char *copy = strdup(path);
    if (!token || !copy) {
        free(token);
        free(copy);
        wi_error_set(ret_error, "no memory for the token");
        return WEIR_E_MEMORY;
    }
    token->path = copy;
    token->log = log;
    token->log_context = log_context;
    enum weir_status status = token_renew(token, ret_error);
    if (status != WEIR_OK) {
        wi_token_close(token);
        return status;
    }
    *ret_token = token;
    return WEIR_OK;
}

void wi_token_close(struct wi_token *token)
{
    if (token) {
        explicit_bzero(token->text, sizeof(token->text));
        free(token->path);
        free(token);
    }
}

static bool token_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Reads the file again if it has changed. */
static void token_freshen(struct wi_token *token)
{
    struct stat facts;
    struct weir_error error = {""};
    bool was_good = token->is_good;
    if (stat(token->path, &facts) != 0) {
        wi_error_set(&error, "%.140s: %s", token->path, strerror(errno));
        memset(&token->facts, 0, sizeof(token->facts));
        token->is_good = false;
    } else if (!token_is_same(&facts, &token->facts)) {
        (void)token_renew(token, &error);
    }
    if (was_good && !token->is_good && token->log) {
        char line[sizeof(error.text) + 64];
        snprintf(line, sizeof(line), "weir: all requests over TCP are refused now: %s", error.text);
        token->log(token->log_context, line);
    }
}

bool wi_token_admits(struct wi_token *token, const char *authorization, size_t n)
{
    static const char scheme[] = "Bearer ";
    size_t n_scheme = sizeof(scheme) - 1;
    token_freshen(token);
    if (!token->is_good || n <= n_scheme || strncasecmp(authorization, scheme, n_scheme) != 0) {
        return false;
    }
    const char *shown = authorization + n_scheme;
    size_t n_shown = n - n_scheme;
    /* The time depends only on the length of the shown text; no branch on a secret byte. */
    volatile unsigned difference = n_shown != token->n;
    for (size_t i = 0; i < n_shown; i++) {
        difference |= (unsigned char)shown[i] ^ (unsigned char)token->text[i % token->n];
    }
    return difference == 0;
}
