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

/* Characters that a terminal must not get are escaped, so that JSON is as harmless as a table, and
 * still exact. */
static void json_string(struct wc_json *json, const char *text)
{
    putc_unlocked('"', json->out);
    while (*text) {
        const char *from = text;
        while (*text >= ' ' && *text <= '~' && *text != '"' && *text != '\\') {
            text++; /* the part that needs no escape, in one piece */
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

void wc_json_value(struct wc_json *json, const char *key, struct wc_value value)
{
    char room[WC_FORMAT_SIZE];
    const char *plain = wc_value_plain(&value, room);
    if (value.type == WC_TEXT || value.type == WC_TIME) {
        wc_json_text(json, key, plain);
    } else if (value.type == WC_ABSENT || plain[0] == '\0') {
        wc_json_null(json, key);
    } else {
        json_key(json, key);
        fputs_unlocked(plain, json->out);
    }
}

/* Members that are being written: their paths, "a.b" for b in an object a. */
struct json_members {
    struct wc_json *json;
    const char *const *paths;
    const struct wc_value *values;
    size_t n;
};

/* The members in `which`, a bit set, whose path begins like that of `first` up to `length`. */
static uint64_t json_alike(const struct json_members *members, uint64_t which, size_t first,
                           size_t length)
{
    uint64_t alike = 0;
    for (size_t i = first; i < members->n; i++) {
        if ((which >> i & 1) && strncmp(members->paths[i], members->paths[first], length) == 0) {
            alike |= UINT64_C(1) << i;
        }
    }
    return alike;
}

/* The members in `which`, whose objects are open as far as the first `offset` characters of their paths. */
static void json_level(const struct json_members *members, uint64_t which, size_t offset,
                       unsigned depth)
{
    for (size_t i = 0; i < members->n; i++) {
        if (!(which >> i & 1)) {
            continue;
        }
        const char *path = members->paths[i] + offset;
        size_t length = strcspn(path, ".");
        if (path[length] == '\0' || depth == JSON_MAX_DEPTH) {
            wc_json_value(members->json, path, members->values[i]);
            continue;
        }
        uint64_t inner = json_alike(members, which, i, offset + length + 1);
        char key[64];
        snprintf(key, sizeof(key), "%.*s", (int)length, path);
        wc_json_open(members->json, key, '{');
        json_level(members, inner, offset + length + 1, depth + 1);
        wc_json_close(members->json, '}');
        which &= ~inner;
    }
}

void wc_json_members(struct wc_json *json, const char *const *paths, const struct wc_value *values,
                     size_t n)
{
    n = n < JSON_MAX_MEMBERS ? n : JSON_MAX_MEMBERS;
    uint64_t all = n == JSON_MAX_MEMBERS ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    struct json_members members = {json, paths, values, n};
    json_level(&members, all, 0, 0);
}
