/* SPDX-License-Identifier: MIT */
#include "tokio/names.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wc_names_entry {
    char *plain;       /* NULL: unused */
    uint32_t n_living; /* unused: the next unused entry */
    uint64_t n_given;
};

void wc_names_init(struct wc_names *names)
{
    *names = (struct wc_names){.free = WC_NAMES_NONE};
}

void wc_names_finish(struct wc_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->entries[i].plain);
    }
    free(names->entries);
    free(names->map.slots);
    wc_names_init(names);
}

static uint32_t names_find(const struct wc_names *names, const char *plain)
{
    struct wi_map_slot *slot = NULL;
    while ((slot = wi_map_next(&names->map, wi_map_text_key(0, plain), slot))) {
        if (strcmp(names->entries[slot->value].plain, plain) == 0) {
            return (uint32_t)slot->value;
        }
    }
    return WC_NAMES_NONE;
}

static uint32_t names_add(struct wc_names *names, const char *plain)
{
    uint32_t at = names->free;
    if (at != WC_NAMES_NONE) {
        names->free = names->entries[at].n_living;
    } else {
        names->entries = wc_grow(names->entries, names->n, &names->room, sizeof(*names->entries));
        at = (uint32_t)names->n++;
    }
    names->entries[at] = (struct wc_names_entry){.plain = wc_copy(plain)};
    wc_map_add(&names->map, wi_map_text_key(0, plain), at);
    return at;
}

uint32_t wc_names_take(struct wc_names *names, const char *plain, char *ret_name, size_t room)
{
    uint32_t at = names_find(names, plain);
    char number[24] = "";
    if (at == WC_NAMES_NONE) {
        at = names_add(names, plain);
    }
    struct wc_names_entry *entry = &names->entries[at];
    entry->n_living++;
    if (++entry->n_given > 1) {
        snprintf(number, sizeof(number), " #%llu", (unsigned long long)entry->n_given);
    }
    size_t n = strlen(number);
    wc_text_clean(plain, ret_name, room - n);
    memcpy(ret_name + strlen(ret_name), number, n + 1);
    return at;
}

void wc_names_drop(struct wc_names *names, uint32_t kind)
{
    if (kind == WC_NAMES_NONE || --names->entries[kind].n_living > 0) {
        return;
    }
    wi_map_remove(&names->map, wi_map_text_key(0, names->entries[kind].plain), kind);
    free(names->entries[kind].plain);
    names->entries[kind] = (struct wc_names_entry){.n_living = names->free};
    names->free = kind;
}
