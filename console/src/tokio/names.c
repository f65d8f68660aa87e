/* SPDX-License-Identifier: MIT */
/* An open hash over the plain names; what is dropped leaves a hole until the next growth. */
#include "tokio/names.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_FIRST 64

struct wc_names_entry {
    char *plain; /* NULL: unused */
    uint32_t hash;
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
    free(names->slot);
    wc_names_init(names);
}

uint32_t wc_names_hash(const char *text)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
    }
    return hash;
}

static void names_enter(struct wc_names *names, uint32_t entry)
{
    size_t at = names->entries[entry].hash & (names->n_slots - 1);
    while (names->slot[at]) {
        at = (at + 1) & (names->n_slots - 1);
    }
    names->slot[at] = entry + 1;
    names->n_used++;
}

/* Makes the hash anew, for what lives; large enough for one more. */
static void names_rehash(struct wc_names *names)
{
    size_t n_living = 0;
    for (size_t i = 0; i < names->n; i++) {
        n_living += names->entries[i].plain != NULL;
    }
    size_t n_slots = NAMES_FIRST;
    while (n_slots < 4 * (n_living + 1)) {
        n_slots *= 2;
    }
    free(names->slot);
    names->slot = wc_alloc(n_slots * sizeof(*names->slot));
    names->n_slots = n_slots;
    names->n_used = 0;
    for (size_t i = 0; i < names->n; i++) {
        if (names->entries[i].plain) {
            names_enter(names, (uint32_t)i);
        }
    }
}

static uint32_t names_find(const struct wc_names *names, const char *plain, uint32_t hash)
{
    size_t at = names->n_slots ? hash & (names->n_slots - 1) : 0;
    for (; names->n_slots && names->slot[at]; at = (at + 1) & (names->n_slots - 1)) {
        const struct wc_names_entry *entry = &names->entries[names->slot[at] - 1];
        if (entry->plain && entry->hash == hash && strcmp(entry->plain, plain) == 0) {
            return names->slot[at] - 1;
        }
    }
    return WC_NAMES_NONE;
}

static uint32_t names_add(struct wc_names *names, const char *plain, uint32_t hash)
{
    uint32_t at = names->free;
    if (at != WC_NAMES_NONE) {
        names->free = names->entries[at].n_living;
    } else {
        if (names->n == names->room) {
            names->room = names->room ? 2 * names->room : NAMES_FIRST;
            names->entries = wc_resize(names->entries, names->room, sizeof(*names->entries));
        }
        at = (uint32_t)names->n++;
    }
    names->entries[at] = (struct wc_names_entry){.plain = wc_copy(plain), .hash = hash};
    if (2 * (names->n_used + 1) > names->n_slots) {
        names_rehash(names); /* enters this one, too */
    } else {
        names_enter(names, at);
    }
    return at;
}

uint32_t wc_names_take(struct wc_names *names, const char *plain, char *ret_name, size_t room)
{
    uint32_t hash = wc_names_hash(plain);
    uint32_t at = names_find(names, plain, hash);
    char number[24] = "";
    if (at == WC_NAMES_NONE) {
        at = names_add(names, plain, hash);
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
    /* Its slot keeps pointing here: whoever takes the entry next is not found by another's hash, as
     * the plain name and the hash are compared. */
    free(names->entries[kind].plain);
    names->entries[kind] = (struct wc_names_entry){.n_living = names->free};
    names->free = kind;
}
