/* SPDX-License-Identifier: MIT */
/*
 * The token of WEIR_TOKEN_FILE, which a peer over TCP shows as `authorization: Bearer TOKEN`. The file
 * is read again when it has changed, so that a token is replaced without a restart. One thread.
 */
#ifndef WI_TOKEN_H
#define WI_TOKEN_H

#include "weir/weir.h"

#define WI_TOKEN_MOST  4096
#define WI_TOKEN_LEAST 16

/*
 * Reads a token. The file must be a regular file of at most 4 KiB, owned by this user or root, and
 * nobody else may read or write it, except that mode 0440 lets a group of this process read it. It
 * holds 16 or more visible ASCII characters; one newline may follow. Fails: WEIR_E_DENIED: one line
 * that says what is wrong and what to do.
 */
enum weir_status wi_token_read(const char *path, char ret_text[WI_TOKEN_MOST + 1],
                               struct weir_error *ret_error);

struct wi_token;

/* Reads it for the first time. Owns: wi_token_close. Fails: as wi_token_read, WEIR_E_MEMORY. */
enum weir_status wi_token_open(const char *path, weir_log_fn log, void *log_context,
                               struct wi_token **ret_token, struct weir_error *ret_error);
void wi_token_close(struct wi_token *token);

/* Whether this value of an authorization header shows the token. The time that this takes does not
 * depend on how much of the value is right. While the file is missing or not valid, nobody is
 * admitted, which is logged once. */
bool wi_token_admits(struct wi_token *token, const char *authorization, size_t n);

#endif
