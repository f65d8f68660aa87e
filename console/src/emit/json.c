/* SPDX-License-Identifier: MIT */
/* JSON of RFC 8259, one pass, no tree: a snapshot of 100,000 rows costs no memory here. */
#include "emit/json.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define JSON_MAX_MEMBERS 64u
#define JSON_MAX_DEPTH   4u

void wc_json_init(struct wc_json *json, FILE *out)
{
    json->out = out;
    json->needs_comma = false;
}

/* Writes a character as an escape, in two halves where it lies beyond 16 bits (RFC 8259, 7). */
static void json_escape(struct wc_json *json, uint32_t point)
{
    if (point >= 0x10000) {
        fprintf(json->out, "\\u%04" PRIx32, 0xd800 + ((point - 0x10000) >> 10));
        point = 0xdc00 + ((point - 0x10000) & 0x3ff);
    }
    fprintf(json->out, "\\u%04" PRIx32, point);
}

/* What a terminal must not get is escaped: so JSON is as harmless as a table, and still exact. */
static void json_string(struct wc_json *json, const char *text)
{
    putc_unlocked('"', json->out);
    while (*text) {
        const char *from = text;
        while (*text >= ' ' && *text <= '~' && *text != '"' && *text != '\\') {
            text++; /* what is as it stands, in one piece */
        }
        if (text != from) {
            fwrite_unlocked(from, 1, (size_t)(text - from), json->out);
            continue;
        }
        uint32_t point = wi_text_take(&text);
        if (point == '"' || point == '\\') {
            fprintf(json->out, "\\%c", (char)point);
        } else if (point == WI_TEXT_INVALID || wi_text_is_unsafe(point)) {
            json_escape(json, point);
        } else {
            fwrite_unlocked(from, 1, (size_t)(text - from), json->out);
        }
    }
    putc_unlocked('"', json->out);
}

static void json_key(struct wc_json *json, const char *key)
{
    if (json->needs_comma) {
        putc_unlocked(',', json->out);
    }
    if (key) {
        json_string(json, key);
        putc_unlocked(':', json->out);
    }
    json->needs_comma = true;
}

void wc_json_open(struct wc_json *json, const char *key, char bracket)
{
    json_key(json, key);
    putc_unlocked(bracket, json->out);
    json->needs_comma = false;
}

void wc_json_close(struct wc_json *json, char bracket)
{
    putc_unlocked(bracket, json->out);
    json->needs_comma = true;
}

void wc_json_text(struct wc_json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_string(json, text);
}

void wc_json_null(struct wc_json *json, const char *key)
{
    json_key(json, key);
    fputs_unlocked("null", json->out);
}

void wc_json_value(struct wc_json *json, const char *key, const struct wc_value *value)
{
    char room[WC_VALUE_TEXT];
    const char *plain = wc_value_plain(value, room);
    if (value->type == WC_TEXT || value->type == WC_TIME) {
        wc_json_text(json, key, plain);
    } else if (value->type == WC_ABSENT || plain[0] == '\0') {
        wc_json_null(json, key);
    } else {
        json_key(json, key);
        fputs_unlocked(plain, json->out);
    }
}

/* The members whose path begins with the one at `first` up to `length` characters. */
static bool json_shares(const char *path, const char *first, size_t length)
{
    return strncmp(path, first, length) == 0;
}

static void json_level(struct wc_json *json, const char *const *paths,
                       const struct wc_value *values, size_t n, uint64_t members, size_t offset,
                       unsigned depth)
{
    for (size_t i = 0; i < n; i++) {
        if (!(members >> i & 1)) {
            continue;
        }
        const char *path = paths[i] + offset;
        size_t length = strcspn(path, ".");
        if (path[length] == '\0' || depth == JSON_MAX_DEPTH) {
            wc_json_value(json, path, &values[i]);
            continue;
        }
        uint64_t inner = 0;
        for (size_t k = i; k < n; k++) {
            if ((members >> k & 1) && json_shares(paths[k], paths[i], offset + length + 1)) {
                inner |= UINT64_C(1) << k;
            }
        }
        char key[64];
        snprintf(key, sizeof(key), "%.*s", (int)length, path);
        wc_json_open(json, key, '{');
        json_level(json, paths, values, n, inner, offset + length + 1, depth + 1);
        wc_json_close(json, '}');
        members &= ~inner;
    }
}

void wc_json_members(struct wc_json *json, const char *const *paths, const struct wc_value *values,
                     size_t n)
{
    n = n < JSON_MAX_MEMBERS ? n : JSON_MAX_MEMBERS;
    uint64_t all = n == JSON_MAX_MEMBERS ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    json_level(json, paths, values, n, all, 0, 0);
}
