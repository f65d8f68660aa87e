/* SPDX-License-Identifier: MIT */
/*
 * A JSON writer that goes straight to a stream. It writes commas, escapes and number forms; the
 * caller matches the brackets. Integers are numbers at any size, with all their digits. Numbers
 * that are not finite are null; bytes that are not UTF-8 become U+FFFD. Errors stay in the stream
 * (ferror). The console's one thread.
 */
#ifndef WC_EMIT_JSON_H
#define WC_EMIT_JSON_H

#include "emit/value.h"

#include <stdbool.h>
#include <stdio.h>

struct wc_json {
    FILE *out;
    bool needs_comma;
};

void wc_json_init(struct wc_json *json, FILE *out);

/* The key is NULL within an array and at the top. */
void wc_json_open(struct wc_json *json, const char *key, char bracket);
void wc_json_close(struct wc_json *json, char bracket);
void wc_json_text(struct wc_json *json, const char *key, const char *text);
void wc_json_null(struct wc_json *json, const char *key);
void wc_json_value(struct wc_json *json, const char *key, struct wc_value value);

/*
 * Members of an object from dotted paths: "wait_seconds.p50" is the member p50 of the object
 * wait_seconds. Paths that share a beginning need not stand together. At most 64 are written, 4 deep.
 */
void wc_json_members(struct wc_json *json, const char *const *paths, const struct wc_value *values,
                     size_t n);

#endif
