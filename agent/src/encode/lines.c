/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: the lines that match some topics, in the order of the topics, each line once.
 *
 * A row's line belongs to the first topic that it matches, so that topics that overlap do not
 * repeat it. Lines that do not fit into one message go into the next: the position is kept as
 * topic, kind and a cursor in the rows, which stays valid although rows come and go. A topic that
 * matches nothing yet is named, so that a misspelt one is seen.
 *
 * With changes_only a table of fingerprints says what the peer has. It is in the session's memory
 * and doubles up to 262,144 slots. When rows come and go for long enough to fill it, it is emptied,
 * and every line is sent once more; when one pass alone fills it, the call ends with WEIR_E_LIMIT.
 * Two values with one fingerprint would hide a change; at 64 bits that is accepted. The call owns
 * the lines and the table; texts are the view's. The exporter's thread.
 */
#include "encode/pack.h"
#include "encode/weir.h"

#include <string.h>

#define LINES_SEEN_FIRST 48
#define LINES_SEEN_MAX   (UINT32_C(1) << 18)
#define LINES_TAIL_ROOM  ((size_t)40 << 10)
#define LINES_TOPIC_ROOM 640

static uint64_t lines_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

static uint64_t lines_fingerprint(const struct wi_value *value)
{
    uint64_t bits = 0;
    if (value->type == WI_TEXT) {
        bits = wi_map_text_key(0, value->u.text ? value->u.text : "");
    } else if (value->type != WI_ABSENT) {
        memcpy(&bits, &value->u, sizeof(bits));
    }
    return lines_mix(bits) + value->type;
}

static enum weir_status lines_seen_grow(struct wi_lines *lines)
{
    struct wi_seen *seen = &lines->seen;
    if (seen->map.n_slots >= LINES_SEEN_MAX) {
        if (seen->was_cleared) {
            return WEIR_E_LIMIT;
        }
        wi_map_clear(&seen->map);
        seen->was_cleared = true;
        return WEIR_OK;
    }
    size_t room = seen->map.n ? 2 * (size_t)seen->map.n : LINES_SEEN_FIRST;
    void *memory = wi_memory_take(lines->memory, wi_map_bytes(room));
    if (!memory) {
        return WEIR_E_MEMORY;
    }
    wi_memory_return(lines->memory, wi_map_move(&seen->map, memory, room));
    return WEIR_OK;
}

/* Whether a value differs from the value that the peer has; remembers it. */
static enum weir_status lines_seen_note(struct wi_lines *lines, enum wi_kind kind, uint64_t id,
                                        int metric, const struct wi_value *value, bool *ret_is_new)
{
    struct wi_map *map = &lines->seen.map;
    uint64_t key = lines_mix(id) ^ ((uint64_t)kind << 8 | (uint64_t)metric) << 40;
    uint64_t fingerprint = lines_fingerprint(value);
    struct wi_map_slot *slot = wi_map_next(map, key, NULL);
    *ret_is_new = !slot || slot->value != fingerprint;
    if (slot) {
        slot->value = fingerprint;
        return WEIR_OK;
    }
    enum weir_status status = wi_map_is_full(map) ? lines_seen_grow(lines) : WEIR_OK;
    if (status == WEIR_OK) {
        wi_map_add(map, key, fingerprint);
    }
    return status;
}

static bool lines_any_matches(const struct wi_topic *topics, size_t n_topics,
                              const struct wi_topic_line *line)
{
    for (size_t i = 0; i < n_topics; i++) {
        if (wi_topic_matches(&topics[i], line)) {
            return true;
        }
    }
    return false;
}

static void lines_write(const struct wi_topic *topic, const struct wi_topic_line *line,
                        const struct wi_row *row, struct wi_buffer *buffer)
{
    char text[LINES_TOPIC_ROOM];
    size_t n = wi_topic_write(topic, line, text, sizeof(text));
    size_t mark = wi_pack_begin(buffer, 2);
    wi_pack_bytes_always(buffer, 1, text, n < sizeof(text) ? n : sizeof(text) - 1);
    wi_weir_value(buffer, 2, &row->value[line->metric]);
    wi_pack_text(buffer, 3, wi_unit_name(wi_row_unit(line->kind, row, line->metric)));
    wi_pack_end(buffer, mark);
}

/* One row's lines for the topic under way. */
static enum weir_status lines_row(struct wi_lines *lines, const struct wi_row *row,
                                  struct wi_buffer *buffer, size_t *ret_n_lines)
{
    const struct wi_topic *topic = &lines->topics[lines->topic];
    enum wi_kind kind = (enum wi_kind)lines->kind;
    uint64_t fields = topic->fields[kind];
    for (int metric = 0; fields != 0; metric++, fields >>= 1) {
        const struct wi_topic_line line = {kind, metric, row->name, wi_row_label(kind, row)};
        if (!(fields & 1)) {
            continue;
        }
        if (!wi_topic_matches(topic, &line)) {
            return WEIR_OK; /* the name is the same for all fields */
        }
        lines->has_matched = true;
        if (lines_any_matches(lines->topics, lines->topic, &line) ||
            lines_any_matches(lines->except, lines->n_except, &line)) {
            continue;
        }
        bool is_new = true;
        if (lines->changes_only) {
            enum weir_status status =
                lines_seen_note(lines, kind, row->id, metric, &row->value[metric], &is_new);
            if (status != WEIR_OK) {
                return status;
            }
        }
        if (is_new) {
            lines_write(topic, &line, row, buffer);
            ++*ret_n_lines;
        }
    }
    return WEIR_OK;
}

static bool lines_has_room(const struct wi_buffer *buffer)
{
    return buffer->length + WI_ROW_ROOM + LINES_TAIL_ROOM <= WI_MESSAGE_MAX;
}

/* Continues with the topic under way; *ret_is_full: the message holds no more. */
static enum weir_status lines_topic(const struct wi_process_view *view, struct wi_lines *lines,
                                    struct wi_buffer *buffer, size_t *ret_n_lines,
                                    bool *ret_is_full)
{
    const struct wi_topic *topic = &lines->topics[lines->topic];
    for (; lines->kind < WI_N_KINDS; lines->kind++) {
        enum wi_kind kind = (enum wi_kind)lines->kind;
        size_t n = topic->kinds >> kind & 1 ? wi_process_view_count(view, kind) : 0;
        for (size_t i = wi_cursor_find(view, kind, &lines->cursor); i < n; i++) {
            if (!lines_has_room(buffer)) {
                *ret_is_full = true;
                return WEIR_OK;
            }
            const struct wi_row *row = wi_process_view_row(view, kind, i);
            enum weir_status status = lines_row(lines, row, buffer, ret_n_lines);
            if (status != WEIR_OK) {
                return status;
            }
            wi_cursor_pass(&lines->cursor, i, row);
        }
        memset(&lines->cursor, 0, sizeof(lines->cursor));
    }
    *ret_is_full = false;
    return WEIR_OK;
}

enum weir_status wi_weir_lines(const struct wi_process_view *view, struct wi_lines *lines,
                               struct wi_buffer *buffer, size_t *ret_n_lines)
{
    uint8_t waiting[64] = {0};
    size_t n_lines = 0;
    bool is_full = false;
    wi_pack_u64(buffer, 1, (uint64_t)wi_process_view_unix_nanos(view));
    while (lines->topic < lines->n_topics) {
        enum weir_status status = lines_topic(view, lines, buffer, &n_lines, &is_full);
        if (status != WEIR_OK) {
            return status;
        }
        if (is_full) {
            break;
        }
        if (!lines->has_matched && lines->topic < sizeof(waiting)) {
            waiting[lines->topic] = 1;
        }
        lines->topic++;
        lines->kind = 0;
        lines->has_matched = false;
    }
    for (size_t i = 0; i < sizeof(waiting) && i < lines->n_topics; i++) {
        if (waiting[i]) {
            wi_pack_text(buffer, 3, lines->topics[i].text);
            n_lines++;
        }
    }
    lines->is_under_way = is_full;
    if (!is_full) {
        lines->topic = 0;
        lines->seen.was_cleared = false;
    }
    if (buffer->has_failed) {
        return WEIR_E_MEMORY;
    }
    *ret_n_lines = n_lines;
    return buffer->length <= WI_MESSAGE_MAX ? WEIR_OK : WEIR_E_LIMIT;
}

void wi_lines_finish(struct wi_lines *lines)
{
    wi_memory_return(lines->memory, lines->seen.map.slots);
    memset(&lines->seen, 0, sizeof(lines->seen));
}
