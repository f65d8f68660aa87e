/* SPDX-License-Identifier: MIT */
/* The small parts of messages: texts, times, fields, places in the source. */
#include "tokio/update_reader.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE_NANOS    INT64_C(1000000000)
#define UPDATE_MAX_SPAN (INT64_MAX / UPDATE_NANOS)
#define FIELD_NAMES     64u /* of the fields of one place */

/* ---- texts and times ------------------------------------------------------------------------- */

void wc_update_reader_text(const struct wi_unpack *bytes, char *ret_text, size_t room)
{
    char raw[UPDATE_TEXT];
    size_t n =
        wi_unpack_length(bytes) < sizeof(raw) - 1 ? wi_unpack_length(bytes) : sizeof(raw) - 1;
    memcpy(raw, bytes->at, n);
    raw[n] = '\0';
    for (size_t i = 0; i < n; i++) {
        raw[i] = raw[i] ? raw[i] : '?';
    }
    wc_text_clean(raw, ret_text, room);
}

/* Seconds and nanoseconds; 0 for a time that no clock shows. */
int64_t wc_update_reader_nanos(struct wi_unpack wire)
{
    struct wi_field field;
    int64_t seconds = 0, nanos = 0;
    while (wi_unpack_next(&wire, &field)) {
        if (field.type == WI_FIELD_NUMBER && field.number == 1) {
            seconds = (int64_t)field.value;
        } else if (field.type == WI_FIELD_NUMBER && field.number == 2) {
            nanos = (int64_t)field.value;
        }
    }
    bool is_odd = seconds < 0 || seconds >= UPDATE_MAX_SPAN || nanos < 0 || nanos >= UPDATE_NANOS;
    return is_odd ? 0 : seconds * UPDATE_NANOS + nanos;
}

void wc_update_reader_add(char *text, size_t room, const char *more)
{
    size_t length = strlen(text);
    size_t n = strlen(more);
    if (length + n < room) {
        memcpy(text + length, more, n + 1);
    }
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* The name of a number, among those of the place in the source. */
static void field_name(const struct wc_store *store, uint64_t metadata, uint64_t index,
                       char *ret_name, size_t room)
{
    const struct wc_store_meta *meta = wc_store_meta(store, metadata);
    const char *name = meta && index < meta->n_names ? meta->names : NULL;
    for (uint64_t i = 0; name && i < index; i++) {
        name += strlen(name) + 1;
    }
    snprintf(ret_name, room, "%s", name ? name : "");
}

/* False: it has no name or no value. */
bool wc_update_reader_field(const struct wc_store *store, struct wi_unpack wire,
                            struct update_field *ret_field)
{
    struct wi_field field;
    uint64_t index = 0, metadata = 0;
    bool has_value = false, has_index = false;
    memset(ret_field, 0, sizeof(*ret_field));
    while (wi_unpack_next(&wire, &field)) {
        bool is_bytes = field.type == WI_FIELD_BYTES;
        char *value = ret_field->value;
        switch (field.number) {
        case 1:
            is_bytes ? wc_update_reader_text(&field.bytes, ret_field->name, UPDATE_WORD) : (void)0;
            continue;
        case 2:
            has_index = true;
            index = field.value;
            continue;
        case 3:
        case 4:
            is_bytes ? wc_update_reader_text(&field.bytes, value, UPDATE_WORD) : (void)0;
            break;
        case 5:
            ret_field->is_number = true;
            ret_field->number = field.value;
            snprintf(value, UPDATE_WORD, "%llu", (unsigned long long)field.value);
            break;
        case 6:
            snprintf(value, UPDATE_WORD, "%lld", (long long)wi_unpack_zigzag(field.value));
            break;
        case 7:
            snprintf(value, UPDATE_WORD, "%s", field.value ? "true" : "false");
            break;
        case 8:
            metadata = is_bytes ? wi_unpack_number(field.bytes, 1) : 0;
            continue;
        default:
            continue;
        }
        has_value = true;
    }
    if (has_index && !ret_field->name[0]) {
        field_name(store, metadata, index, ret_field->name, UPDATE_WORD);
    }
    return has_value && ret_field->name[0];
}

/* "src/main.rs:12:5"; "" if nothing is known. The module only if there is no file. */
void wc_update_reader_location(struct wi_unpack wire, char *ret_text, size_t room)
{
    char file[UPDATE_WORD] = "", module[UPDATE_WORD] = "";
    struct wi_field field;
    uint64_t line = 0, column = 0;
    while (wi_unpack_next(&wire, &field)) {
        if (field.number == 1 && field.type == WI_FIELD_BYTES) {
            wc_update_reader_text(&field.bytes, file, sizeof(file));
        } else if (field.number == 2 && field.type == WI_FIELD_BYTES) {
            wc_update_reader_text(&field.bytes, module, sizeof(module));
        } else if (field.number == 3) {
            line = field.value;
        } else if (field.number == 4) {
            column = field.value;
        }
    }
    /* For a crate from the registry: its name and version, and the file in it. */
    static const char registry[] = ".cargo/registry/src/";
    const char *crate = strstr(file, registry);
    crate = crate ? strchr(crate + strlen(registry), '/') : NULL;
    const char *what = crate ? crate + 1 : file[0] ? file : module;
    if (!what[0]) {
        ret_text[0] = '\0';
    } else if (line && column) {
        snprintf(ret_text, room, "%s:%u:%u", what, (unsigned)line, (unsigned)column);
    } else if (line) {
        snprintf(ret_text, room, "%s:%u", what, (unsigned)line);
    } else {
        snprintf(ret_text, room, "%s", what);
    }
}

/* ---- places in the source -------------------------------------------------------------------- */

static void field_meta(struct wc_store *store, uint64_t id, struct wi_unpack wire)
{
    char names[FIELD_NAMES * 32], text[UPDATE_WORD];
    struct wi_field field;
    size_t length = 0, n_names = 0;
    bool has_room = true;
    struct wc_store_meta *meta = wc_store_add_meta(store, id);
    while (meta && wi_unpack_next(&wire, &field)) {
        if (field.type != WI_FIELD_BYTES || (field.number != 2 && field.number != 7)) {
            continue;
        }
        wc_update_reader_text(&field.bytes, text, sizeof(text));
        size_t n = strlen(text) + 1;
        if (field.number == 2) {
            free(meta->target);
            meta->target = wc_copy(text);
            continue;
        }
        has_room = has_room && n_names < FIELD_NAMES && length + n <= sizeof(names);
        if (has_room) {
            memcpy(names + length, text, n);
            length += n;
            n_names++;
        }
    }
    if (meta && n_names > 0) {
        meta->names = wc_alloc(length);
        memcpy(meta->names, names, length);
        meta->n_names = n_names;
    }
}

void wc_update_reader_metas(struct wc_store *store, struct wi_unpack wire)
{
    struct wi_field field, part;
    while (wi_unpack_next(&wire, &field)) {
        struct wi_unpack id = {0}, meta = {0};
        if (field.number != 1 || field.type != WI_FIELD_BYTES) {
            continue;
        }
        while (wi_unpack_next(&field.bytes, &part)) {
            if (part.number == 1 && part.type == WI_FIELD_BYTES) {
                id = part.bytes;
            } else if (part.number == 2 && part.type == WI_FIELD_BYTES) {
                meta = part.bytes;
            }
        }
        if (id.at && meta.at) {
            field_meta(store, wi_unpack_number(id, 1), meta);
        }
    }
}
