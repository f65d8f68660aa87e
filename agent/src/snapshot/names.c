/* SPDX-License-Identifier: MIT */
/*
 * The names and labels of handles, and the lines where they are opened.
 *
 * They lie side by side in one piece of memory, since as many allocations would take more room than the texts. A slot
 * knows where its texts begin. A handle whose name has totals of its own has that name from there; a source line is
 * there once for all handles that are opened at it. Texts of closed handles stay until as much again has been added as
 * was in use: then those that are in use move together. So texts move only when handles are met, and rows may borrow
 * them until the next refresh. When there is no memory to tidy, all stays as it is. The exporter's thread.
 */
#include "snapshot/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SLACK ((size_t)64 << 10) /* that is added before anything is tidied */

/* Appends a text; 0: there is no memory. */
static uint32_t names_put(struct view_names *names, const char *text)
{
    size_t bytes = strlen(text) + 1;
    size_t begin = names->length ? names->length : 1;
    if (begin + bytes > names->room) {
        size_t room = begin + bytes + begin / 8 + 256;
        char *grown = room <= UINT32_MAX ? realloc(names->bytes, room) : NULL;
        if (!grown) {
            return 0;
        }
        names->bytes = grown;
        names->room = room;
    }
    memcpy(names->bytes + begin, text, bytes);
    names->length = begin + bytes;
    return (uint32_t)begin;
}

static void names_finish(struct view_names *names)
{
    free(names->bytes);
    free(names->sources.slots);
}

/* Remembers where the text of a key lies. */
static bool names_enter(struct wi_map *map, uint64_t key, uint32_t at)
{
    if (wi_map_is_full(map)) {
        size_t n = 2 * (size_t)map->n + 8;
        void *memory = malloc(wi_map_bytes(n));
        if (!memory) {
            return false;
        }
        free(wi_map_move(map, memory, n));
    }
    wi_map_add(map, key, at);
    return true;
}

const char *wi_view_name(const struct segment_view *view, size_t id)
{
    const struct view_slot *slot = &view->slots[id];
    return slot->name      ? view->names.bytes + slot->name
           : slot->retired ? view->retired[slot->retired - 1].name
                           : NULL;
}

const char *wi_view_source(const struct segment_view *view, size_t id)
{
    return view->slots[id].source ? view->names.bytes + view->slots[id].source : NULL;
}

const char *wi_view_label(const struct segment_view *view, size_t id)
{
    return view->slots[id].label ? view->names.bytes + view->slots[id].label : NULL;
}

const char *wi_view_help(const struct segment_view *view, size_t id)
{
    return view->slots[id].help ? view->names.bytes + view->slots[id].help : NULL;
}

static bool names_keep(struct view_names *names, uint32_t *at, const char *text)
{
    *at = *at ? *at : names_put(names, text);
    return *at;
}

/* Keeps a source line, which may be there already, of another handle. */
static bool names_keep_source(struct view_names *names, uint32_t *at,
                              const struct wi_slot_texts *texts)
{
    char source[sizeof(texts->file) + sizeof(":4294967295")];
    const struct wi_map_slot *found = wi_map_next(&names->sources, texts->place, NULL);
    if (found) {
        *at = (uint32_t)found->value;
        return true;
    }
    if (texts->line) {
        snprintf(source, sizeof(source), "%s:%" PRIu32, texts->file, texts->line);
    } else { /* the application names the place */
        snprintf(source, sizeof(source), "%s", texts->file);
    }
    uint32_t put = names_put(names, source);
    /* Only a source that is entered counts when the texts are tidied. */
    *at = put && names_enter(&names->sources, texts->place, put) ? put : 0;
    return *at;
}

bool wi_view_keep_texts(struct segment_view *view, struct view_slot *slot,
                        const struct wi_slot_texts *texts)
{
    struct view_names *names = &view->names;
    return (!texts->has_name || names_keep(names, &slot->name, texts->name)) &&
           (!texts->place || slot->source || names_keep_source(names, &slot->source, texts)) &&
           (!texts->label[0] || names_keep(names, &slot->label, texts->label)) &&
           (!texts->help[0] || names_keep(names, &slot->help, texts->help));
}

/* ---- tidying ------------------------------------------------------------------------------- */

/* Puts the texts of a slot among the fresh ones, which have room for all; `moved`: from where a source line lay to where
 * it lies now. */
static void names_take(const struct view_names *names, struct view_names *fresh,
                       struct wi_map *moved, struct view_slot *slot)
{
    if (slot->name) {
        slot->name = names_put(fresh, names->bytes + slot->name);
    }
    if (slot->label) {
        slot->label = names_put(fresh, names->bytes + slot->label);
    }
    if (slot->help) {
        slot->help = names_put(fresh, names->bytes + slot->help);
    }
    if (slot->source) {
        const struct wi_map_slot *found = wi_map_next(moved, slot->source, NULL);
        uint32_t source =
            found ? (uint32_t)found->value : names_put(fresh, names->bytes + slot->source);
        if (!found) {
            wi_map_add(moved, slot->source, source);
        }
        slot->source = source;
    }
}

static void names_move(struct segment_view *view, struct view_names *fresh, struct wi_map *moved)
{
    const struct view_names *names = &view->names;
    for (size_t id = 0; id < view->n_slots; id++) {
        names_take(names, fresh, moved, &view->slots[id]);
    }
    for (uint32_t i = 0; i < names->sources.n_slots; i++) {
        const struct wi_map_slot *source = &names->sources.slots[i];
        const struct wi_map_slot *found =
            source->key ? wi_map_next(moved, source->value, NULL) : NULL;
        if (found) {
            wi_map_add(&fresh->sources, source->key, found->value);
        }
    }
}

void wi_view_tidy_names(struct segment_view *view)
{
    struct view_names *names = &view->names;
    if (names->length < 2 * names->kept + NAMES_SLACK) {
        return;
    }
    size_t bytes = wi_map_bytes(names->sources.n);
    struct view_names fresh = {.bytes = malloc(names->length), .room = names->length};
    void *sources = malloc(bytes);
    void *memory = malloc(bytes);
    names->kept = names->length; /* without memory: another try when as much again was added */
    if (fresh.bytes && sources && memory) {
        struct wi_map moved = {0};
        wi_map_move(&fresh.sources, sources, names->sources.n);
        wi_map_move(&moved, memory, names->sources.n);
        names_move(view, &fresh, &moved);
        fresh.kept = fresh.length;
        names_finish(names);
        *names = fresh;
    } else {
        free(fresh.bytes);
        free(sources);
    }
    free(memory);
}

void wi_view_finish_names(struct segment_view *view)
{
    names_finish(&view->names);
}

size_t wi_view_names_memory(const struct segment_view *view)
{
    return view->names.room + view->names.sources.n_slots * sizeof(struct wi_map_slot);
}
