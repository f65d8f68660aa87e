/* SPDX-License-Identifier: MIT */
/* JSON of RFC 8259, one pass, no tree: a snapshot of 100,000 rows costs no memory here. */
#include "emit/json.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define JSON_EXACT_MAX   9007199254740992.0 /* 2^53: what every reader of JSON keeps exact */
#define JSON_MAX_MEMBERS 64u
#define JSON_MAX_DEPTH   4u

void wc_json_init(struct wc_json *json, FILE *out)
{
    json->out = out;
    json->needs_comma = false;
}

/* The bytes from `text` on that stand in JSON as they are. */
static size_t json_plain(const char *text)
{
    size_t length = 0;
    for (;;) {
        unsigned char byte = (unsigned char)text[length];
        size_t n = byte ? wc_text_length(text + length) : 0;
        bool is_c1 = n == 2 && byte == 0xc2 && (unsigned char)text[length + 1] < 0xa0;
        if (n == 0 || byte == '"' || byte == '\\' || byte < 0x20 || byte == 0x7f || is_c1) {
            return length;
        }
        length += n;
    }
}

static void json_string(struct wc_json *json, const char *text)
{
    putc('"', json->out);
    for (;;) {
        size_t plain = json_plain(text);
        fwrite(text, 1, plain, json->out);
        text += plain;
        unsigned char byte = (unsigned char)*text;
        if (byte == '\0') {
            break;
        }
        if (byte == '"' || byte == '\\') {
            fprintf(json->out, "\\%c", byte);
        } else if (byte < 0x80) {
            fprintf(json->out, "\\u%04x", byte);
        } else if (wc_text_length(text) == 0) {
            fputs("\\ufffd", json->out);
        } else {
            fprintf(json->out, "\\u%04x", (unsigned char)*++text);
        }
        text++;
    }
    putc('"', json->out);
}

static void json_key(struct wc_json *json, const char *key)
{
    if (json->needs_comma) {
        putc(',', json->out);
    }
    if (key) {
        json_string(json, key);
        putc(':', json->out);
    }
    json->needs_comma = true;
}

void wc_json_open(struct wc_json *json, const char *key, char bracket)
{
    json_key(json, key);
    putc(bracket, json->out);
    json->needs_comma = false;
}

void wc_json_close(struct wc_json *json, char bracket)
{
    putc(bracket, json->out);
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
    fputs("null", json->out);
}

void wc_json_value(struct wc_json *json, const char *key, const struct wc_value *value)
{
    char room[WC_VALUE_TEXT];
    const char *plain = wc_value_plain(value, room);
    double number = wc_value_number(value);
    if (value->type == WC_TEXT || value->type == WC_TIME) {
        wc_json_text(json, key, plain);
    } else if (value->type == WC_ABSENT || plain[0] == '\0') {
        wc_json_null(json, key);
    } else {
        bool is_exact =
            value->type == WC_F64 || (number <= JSON_EXACT_MAX && number >= -JSON_EXACT_MAX);
        json_key(json, key);
        fprintf(json->out, is_exact ? "%s" : "\"%s\"", plain);
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
