/* SPDX-License-Identifier: MIT */
/* Chooses the segment that a person means among those that were found. No I/O. No state; any
 * thread. */
#ifndef WC_TARGET_PICK_H
#define WC_TARGET_PICK_H

#include "base/error.h"
#include "weir/find.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Picks by pid (all digits), service name or NAME/N; NULL: the only running one. With is_preference
 * the name decides only when several run. `found` is newest first. Fails: WC_USAGE when several
 * match: the text lists them; WC_NO_TARGET.
 */
enum wc_status wc_pick(const struct wi_found *found, size_t n, const char *text, bool is_preference,
                       size_t *ret_picked, struct wc_error *ret_error);

#endif
