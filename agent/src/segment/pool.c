/* SPDX-License-Identifier: MIT */
/*
 * Room in the segment: blocks of lines, handed out one after the other.
 *
 * Before a block is handed out its pages are mapped, reserved in the file and touched, in steps of
 * 64 KiB. So a hook that stores into it later cannot meet a full file system, which would raise
 * SIGBUS in the server. If the limit is reached, the host would have too little left, or the disk
 * is full, the result is 0. The caller counts that; events are then counted elsewhere or not at
 * all. why_full keeps the reason.
 *
 * Blocks are never moved and the segment never shrinks, because hooks hold addresses. Returned
 * histograms and strings are given out again, from lists in the host's private memory, because
 * other processes could overwrite lists in the file. Readers may read at any time, so everything is
 * stored atomically. The segment's lock is held; a hook comes here only on its slow path.
 */
#include "segment/segment.h"

#include "segment/file.h"
#include "segment/mapping.h"
#include "segment/room.h"
#include "weir/atomic.h"
#include "weir/expect.h"
#include "weir/text.h"

#include <string.h>

static bool pool_map(uint64_t needed)
{
    /* The index grows with what is in the step, by less than half of it. */
    const struct wi_growth growth = {wi_segment.map_bytes, needed, wi_segment.limit_bytes,
                                     WI_MAPPING_SPARE + WI_MAPPING_STEP / 2};
    uint64_t mapped = wi_mapping_grow(wi_segment.base, &growth, &wi_segment.why_full);
    wi_segment.map_bytes = mapped ? mapped : wi_segment.map_bytes;
    return mapped != 0;
}

/* Reserves up to `needed` bytes, in granules. */
static bool pool_reserve(uint64_t needed)
{
    uint64_t reserved = wi_index.reserved_bytes;
    uint64_t wanted = (needed + WI_GRANULE - 1) / WI_GRANULE * WI_GRANULE;
    if (!WI_EXPECT(wanted > reserved)) {
        return false;
    }
    if (wanted > wi_segment.map_bytes && !pool_map(wanted)) {
        return false;
    }
    bool is_usable =
        wi_segment.fd < 0 || wi_file_is(wi_segment.fd, wi_segment.device, wi_segment.inode);
    if (is_usable ? !wi_file_reserve(wi_segment.fd, wi_segment.base, reserved, wanted - reserved)
                  : !wi_file_populate(wi_segment.base, reserved, wanted - reserved)) {
        wi_segment.why_full = "the file system is full; free some space, or set WEIR_DIR";
        return false;
    }
    /* The first pairs with wi_source_read: those pages may be touched. Other processes see the
     * second. */
    wi_store_release(&wi_index.reserved_bytes, wanted);
    wi_store_release(&wi_segment_header()->reserved_bytes, wanted);
    return true;
}

uint32_t wi_segment_take(size_t n_lines)
{
    if (wi_segment_is_family()) {
        return wi_room_take(n_lines);
    }
    uint64_t offset = wi_index.used_bytes;
    uint64_t end = offset + (uint64_t)n_lines * WEIR_LINE;
    if (!WI_EXPECT(wi_segment_is_locked()) || !WI_EXPECT(offset <= wi_index.reserved_bytes)) {
        return 0;
    }
    if (end > wi_index.reserved_bytes && !pool_reserve(end)) {
        return 0;
    }
    wi_index.used_bytes = end;
    /* Pairs with source_read_file of readers outside, which copies that much. */
    wi_store_release(&wi_segment_header()->used_bytes, end);
    return (uint32_t)(offset / WEIR_LINE);
}

/* Readers may read at any time, so even words that mean nothing to them are stored atomically. */
void wi_words_zero(void *at, size_t bytes)
{
    uint64_t *words = at;
    for (size_t i = 0; i < bytes / sizeof(*words); i++) {
        /* Pairs with readers, which load the generation again when they have the words (pass_entering_slot). */
        wi_store_release(&words[i], 0);
    }
}

/* Lists of returned blocks. If there is no memory for an entry, the block is not used again. */
static void pool_push(struct wi_spare **list, uint32_t where)
{
    struct wi_spare *spare = wi_segment.spares;
    if (!WI_EXPECT(where != 0)) {
        return; /* 0 says that the list is empty */
    }
    if (spare) {
        wi_segment.spares = spare->next;
    } else {
        spare = wi_index_take(sizeof(*spare));
    }
    if (spare) {
        *spare = (struct wi_spare){*list, where};
        *list = spare;
    }
}

static uint32_t pool_pop(struct wi_spare **list)
{
    struct wi_spare *spare = *list;
    if (!spare) {
        return 0;
    }
    *list = spare->next;
    spare->next = wi_segment.spares;
    wi_segment.spares = spare;
    return spare->where;
}

struct weir_histogram *wi_segment_take_histogram(void)
{
    uint32_t line = pool_pop(&wi_segment.free_histograms);
    if (line && WI_EXPECT((line + WI_HISTOGRAM_LINES) * WEIR_LINE <= wi_index.used_bytes)) {
        wi_words_zero(wi_segment_line(line), sizeof(struct weir_histogram));
    } else {
        line = wi_segment_take(WI_HISTOGRAM_LINES);
    }
    return line ? wi_segment_line(line) : NULL;
}

void wi_segment_return_histogram(struct weir_histogram *histogram)
{
    if (histogram && WI_EXPECT((const unsigned char *)histogram > wi_segment.base &&
                               (const unsigned char *)(histogram + 1) <=
                                   wi_segment.base + wi_index.used_bytes)) {
        pool_push(&wi_segment.free_histograms, wi_segment_line_of(histogram));
    }
}

/* Strings take 1, 2 or 4 half lines, terminator included; the class follows from the length. Their
 * offsets count half lines, so that a short name costs 32 bytes. */
static uint8_t pool_string_class(size_t length)
{
    if (length < WI_STRING_UNIT) {
        return 0;
    }
    return length < 2 * WI_STRING_UNIT ? 1 : 2;
}

static char *pool_string(uint32_t unit)
{
    return (char *)wi_segment.base + (size_t)unit * WI_STRING_UNIT;
}

static uint32_t pool_take_units(unsigned class)
{
    uint32_t unit = pool_pop(&wi_segment.free_strings[class]);
    if (unit) {
        return unit;
    }
    uint32_t line = wi_segment_take(class == 2 ? 2 : 1);
    if (line && class == 0) {
        pool_push(&wi_segment.free_strings[0], 2 * line + 1);
    }
    return 2 * line;
}

uint32_t wi_segment_take_string(const char *text, uint8_t *ret_class)
{
    char clean[WEIR_NAME_MAX + 1];
    size_t length = wi_text_clean(text, clean, sizeof(clean));
    *ret_class = pool_string_class(length);
    uint32_t unit = pool_take_units(*ret_class);
    for (size_t i = 0; unit && i <= length; i++) {
        wi_store_relaxed(pool_string(unit) + i, clean[i]);
    }
    return unit;
}

void wi_segment_return_string(uint32_t unit, uint8_t class)
{
    if (unit && WI_EXPECT(class < 3) &&
        WI_EXPECT(((uint64_t)unit + (1U << class)) * WI_STRING_UNIT <= wi_index.used_bytes)) {
        pool_push(&wi_segment.free_strings[class], unit);
    }
}

/* The string of a text that is stored once; 0: the text is empty, or there is no room. A string stays
 * where it is as long as the segment, so that a reader may take it at any time. */
static uint32_t pool_common(struct wi_common_text *texts, size_t n, const char *text)
{
    if (!text || !text[0]) {
        return 0;
    }
    char clean[WEIR_NAME_MAX + 1];
    size_t length = wi_text_clean(text, clean, sizeof(clean));
    size_t i = 0;
    while (i < n && texts[i].unit) {
        if (strcmp(texts[i].text, clean) == 0) {
            return texts[i].unit;
        }
        i++;
    }
    /* First in the segment: where that is full, asking again and again takes no memory of the process. */
    uint8_t class = 0;
    uint32_t unit = i < n ? wi_segment_take_string(clean, &class) : 0;
    char *own = unit ? wi_index_take(length + 1) : NULL;
    if (!own) {
        wi_segment_return_string(unit, class);
        return 0;
    }
    texts[i].text = memcpy(own, clean, length + 1);
    texts[i].unit = unit;
    return unit;
}

/* ---- texts of a slot ------------------------------------------------------------------------- */

uint8_t wi_slot_sampling(enum weir_latency latency)
{
    switch (latency) {
    case WEIR_LATENCY_OFF:
        return WEIR_SAMPLING_OFF;
    case WEIR_LATENCY_SAMPLED:
        return WEIR_SAMPLING_GAPS;
    case WEIR_LATENCY_FULL:
        return WEIR_SAMPLING_ALL;
    default:
        return (uint8_t)wi_segment.sampling;
    }
}

static bool slot_has_text(const char *text)
{
    return text && text[0];
}

static bool slot_needs_more(const struct wi_opening *opening)
{
    return slot_has_text(opening->label) || slot_has_text(opening->unit) ||
           slot_has_text(opening->help) || opening->party != WEIR_PARTY_SENDERS;
}

bool wi_slot_make_more(uint32_t id, const struct wi_opening *opening)
{
    struct wi_slot_slab *slab = wi_index.slabs[id / WI_SLAB_SLOTS];
    if (!wi_segment.base || !slot_needs_more(opening) || wi_index_more(id)) {
        return true;
    }
    slab->more = slab->more ? slab->more : wi_index_take(WI_SLAB_SLOTS * sizeof(*slab->more));
    uint32_t line = slab->more ? wi_segment_take(sizeof(struct wi_slot_more) / WEIR_LINE) : 0;
    if (line) {
        slab->more[id % WI_SLAB_SLOTS] = line;
    }
    return line;
}

uint32_t wi_slot_fill_more(uint32_t id, const struct wi_opening *opening)
{
    uint64_t words[sizeof(struct wi_slot_more) / sizeof(uint64_t)];
    struct wi_slot_more fresh = {.label = ""};
    uint32_t line = slot_needs_more(opening) ? wi_index_more(id) : 0;
    wi_index_slot(id)->has_more = line;
    if (!line) {
        return 0;
    }
    if (slot_has_text(opening->label)) {
        wi_text_clean(opening->label, fresh.label, sizeof(fresh.label));
    }
    fresh.unit = pool_common(wi_segment.value_texts, WI_N_VALUE_TEXTS, opening->unit);
    fresh.help = pool_common(wi_segment.value_texts, WI_N_VALUE_TEXTS, opening->help);
    fresh.party = opening->party;
    memcpy(words, &fresh, sizeof(words));
    uint64_t *to = wi_segment_line(line);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        /* Pairs with texts_more: who sees a word of this handle's sees its generation. */
        wi_store_release(&to[i], words[i]);
    }
    return line;
}

/* Handles that are opened in one source file share its name. */
uint32_t wi_slot_source(const char *file, uint32_t line)
{
    const char *slash = file && line ? strrchr(file, '/') : NULL;
    return pool_common(wi_segment.sources, WI_N_SOURCES, slash ? slash + 1 : file);
}
