/* SPDX-License-Identifier: MIT */
/*
 * A reading of all objects.
 *
 * The objects of a slab are read in batches: which are open, and where; then the kernel copies their fields in one
 * call; then which are still open. An object that was closed in between does not count, whatever was read: its memory may
 * already be another's. Each field that was read of an object that was open all the time must be plausible. If one is not,
 * or its memory is gone, the object was freed without a close, or its layout lies: it is dropped, and its
 * generation is remembered, so that it is not read again.
 *
 * Where each object lies and how it is read comes from private memory in the own process, and from the image
 * outside. A reading takes at most 50 ms of processor time; objects beyond that are counted as open and not
 * as read, and the next reading begins with them. After one that took long the sums stay for ten times as long.
 *
 * Memory is bounded by the segment: 4 bytes for each place of an object, and a site for each channel that has some.
 */
#include "snapshot/objects.h"

#include "segment/object.h"
#include "snapshot/peek.h"
#include "weir/atomic.h"
#include "weir/kind.h"
#include "weir/nanos.h"
#include "weir/text.h"

#include <stdlib.h>
#include <string.h>

#define OBJECTS_BATCH 128
#define OBJECTS_SPAN                                                                               \
    64 /* fields that lie so close together are copied at once, with what is between */
#define OBJECTS_MOST     (50 * UINT64_C(1000000))
#define OBJECTS_SHORT    UINT64_C(1000000)
#define OBJECTS_REST     10
#define OBJECTS_ADDRESS  (UINT64_C(1) << 56) /* beyond all addresses of processes */
#define OBJECTS_TOO_MANY UINT32_MAX
#define OBJECTS_TRIES    8 /* further readings of a ring that turns */

_Static_assert(OBJECTS_BATCH *WEIR_LAYOUT_FIELDS <= WI_PEEK_PARTS, "a batch is one call");

/* An open object, before its memory is read. */
struct objects_entry {
    const struct wi_object *block;
    const struct weir_object *own; /* NULL: outside */
    const struct wi_layout_row *row;
    uint64_t life, address, check;
    uint32_t number;
    uint32_t site;
    uint16_t first_part, n_parts;
    uint32_t at; /* of its bytes in the batch */
};

struct objects_batch {
    struct wi_layout_row rows[WI_MAX_LAYOUTS]; /* outside: copies that were checked */
    bool has_row[WI_MAX_LAYOUTS];
    struct objects_entry entries[OBJECTS_BATCH];
    size_t n;
    struct wi_peek_part parts[OBJECTS_BATCH * WEIR_LAYOUT_FIELDS];
    size_t n_parts;
    size_t n_bytes;
    unsigned char bytes[OBJECTS_BATCH * OBJECTS_SPAN];
};

/* An object's fields hold its numbers, or they are another's memory, or the words of a ring do not fit together, since they
 * were not read at one moment. */
enum objects_verdict { OBJECTS_HOLDS, OBJECTS_DIFFERS, OBJECTS_LIES };

/* The numbers of one object. */
struct objects_sum {
    uint64_t depth, bytes, capacity;
    bool has_bytes, has_capacity;
};

/* A reading under way. */
struct objects_look {
    struct wi_objects *objects;
    struct wi_source *source;
    const struct wi_image *image;
    bool is_own;  /* the objects are this process's */
    uint32_t pid; /* 0: their memory cannot be read */
    uint32_t n_slabs;
    uint64_t began;
};

static enum weir_status objects_no_memory(struct weir_error *ret_error)
{
    wi_error_set(ret_error, "no memory for the sums of objects");
    return WEIR_E_MEMORY;
}

/* ---- the tables ---------------------------------------------------------------------------- */

/* How many slabs may be read. */
static enum weir_status objects_count(const struct wi_image *image, uint32_t *ret_n,
                                      struct weir_error *ret_error)
{
    const struct wi_table *table = &image->header->objects;
    uint32_t fit = (uint32_t)(image->length / (WI_OBJECT_SLAB * sizeof(struct wi_object)));
    /* Pairs with object_grow. */
    uint32_t n = wi_load_acquire(&table->n_slabs);
    *ret_n = 0;
    if (n > WI_MAX_OBJECT_SLABS || (image->is_still && n > fit)) {
        return wi_image_corrupt("object slab", n, ret_error);
    }
    bool is_shape = wi_load_relaxed(&table->slab_blocks) == WI_OBJECT_SLAB &&
                    wi_load_relaxed(&table->block_bytes) == sizeof(struct wi_object);
    *ret_n = !is_shape ? 0 : n < fit ? n : fit;
    return WEIR_OK;
}

/* The objects of a slab; NULL: there are none. */
static const struct wi_object *objects_slab(const struct wi_image *image, uint32_t s)
{
    uint32_t at = wi_load_relaxed(&image->header->objects.slabs);
    const uint32_t *slabs = wi_image_at(image, at, WI_MAX_OBJECT_SLABS * sizeof(uint32_t));
    /* Pairs with object_grow. */
    uint32_t line = slabs ? wi_load_acquire(&slabs[s]) : 0;
    return wi_image_at(image, line, WI_OBJECT_SLAB * sizeof(struct wi_object));
}

/* Copies the layouts that the file has, those that are possible. */
static void objects_take_layouts(struct objects_batch *batch, const struct wi_image *image)
{
    const struct wi_header *header = image->header;
    /* Pairs with layout_add. */
    uint32_t n = wi_load_acquire(&header->n_layouts);
    const uint64_t *from = wi_image_at(image, wi_load_relaxed(&header->layouts),
                                       WI_MAX_LAYOUTS * sizeof(struct wi_layout_row));
    memset(batch->has_row, 0, sizeof(batch->has_row));
    for (uint32_t i = 0; from && i < n && i < WI_MAX_LAYOUTS; i++) {
        uint64_t words[sizeof(struct wi_layout_row) / sizeof(uint64_t)];
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
            words[w] = wi_load_relaxed(&from[i * (sizeof(words) / sizeof(words[0])) + w]);
        }
        memcpy(&batch->rows[i], words, sizeof(words));
        batch->has_row[i] = wi_layout_is_possible(&batch->rows[i]);
    }
}

static const struct wi_layout_row *objects_layout(const struct objects_batch *batch,
                                                  const struct weir_object *own, uint64_t life)
{
    uint32_t layout = (uint32_t)life >> WI_OBJECT_LAYOUT_SHIFT;
    if (own) {
        return layout ? wi_layout_at(layout) : NULL;
    }
    return layout > 0 && layout <= WI_MAX_LAYOUTS && batch->has_row[layout - 1]
               ? &batch->rows[layout - 1]
               : NULL;
}

/* ---- sites --------------------------------------------------------------------------------- */

static uint64_t objects_key(uint32_t slot, uint32_t generation)
{
    return (uint64_t)generation << 32 | slot;
}

static struct wi_site *objects_find(const struct wi_objects *objects, uint32_t slot,
                                    uint32_t generation)
{
    const struct wi_map_slot *found =
        wi_map_next(&objects->by_slot, objects_key(slot, generation), NULL);
    return found ? &objects->sites[found->value] : NULL;
}

const struct wi_site *wi_objects_site(const struct wi_objects *objects, uint32_t slot,
                                      uint32_t generation)
{
    return objects->n ? objects_find(objects, slot, generation) : NULL;
}

/* Whether a channel of that generation is open: so there are at most as many sites as channels. */
static bool objects_is_channel(const struct wi_image *image, uint32_t slot_index,
                               uint32_t generation)
{
    const struct wi_slot *slot =
        slot_index < WI_MAX_SLOTS ? wi_image_slot(image, slot_index) : NULL;
    /* Pairs with slot_claim. */
    return slot && generation & 1 && wi_load_acquire(&slot->head.generation) == generation &&
           wi_load_relaxed(&slot->head.kind) == WI_CHANNEL;
}

/* Makes room for one more site. */
static bool objects_make_room(struct wi_objects *objects)
{
    if (objects->n == objects->room) {
        size_t room = objects->room ? 2 * objects->room : 8;
        struct wi_site *sites = realloc(objects->sites, room * sizeof(*sites));
        if (!sites) {
            return false;
        }
        objects->sites = sites;
        objects->room = room;
    }
    if (wi_map_is_full(&objects->by_slot)) {
        size_t n = objects->by_slot.n ? 2 * (size_t)objects->by_slot.n : 8;
        void *memory = malloc(wi_map_bytes(n));
        if (!memory) {
            return false;
        }
        free(wi_map_move(&objects->by_slot, memory, n));
    }
    return true;
}

/* The number of a channel's site, made if it has none; UINT32_MAX: there is no such channel, or no memory. */
static uint32_t objects_reach(const struct objects_look *look, uint32_t slot, uint32_t generation)
{
    struct wi_objects *objects = look->objects;
    const struct wi_site *site = objects_find(objects, slot, generation);
    if (site) {
        return (uint32_t)(site - objects->sites);
    }
    if (!objects_is_channel(look->image, slot, generation) || !objects_make_room(objects)) {
        return OBJECTS_TOO_MANY;
    }
    uint32_t number = (uint32_t)objects->n++;
    objects->sites[number] = (struct wi_site){.slot = slot, .generation = generation};
    wi_map_add(&objects->by_slot, objects_key(slot, generation), number);
    return number;
}

/* ---- before the memory is read ------------------------------------------------------------- */

/* The parts of an object that are to be copied: all from its first field to its last, or each of them. */
static void objects_ask(struct objects_batch *batch, struct objects_entry *entry)
{
    const struct wi_layout_row *row = entry->row;
    uint32_t first = UINT32_MAX;
    uint32_t end = 0;
    for (uint32_t i = 0; i < row->n_fields; i++) {
        uint32_t field_end = row->fields[i].offset + row->fields[i].width;
        first = row->fields[i].offset < first ? row->fields[i].offset : first;
        end = field_end > end ? field_end : end;
    }
    entry->at = (uint32_t)batch->n_bytes;
    entry->first_part = (uint16_t)batch->n_parts;
    if (end - first <= OBJECTS_SPAN) {
        batch->parts[batch->n_parts++] = (struct wi_peek_part){entry->address + first, end - first};
        batch->n_bytes += end - first;
    } else {
        for (uint32_t i = 0; i < row->n_fields; i++) {
            batch->parts[batch->n_parts++] =
                (struct wi_peek_part){entry->address + row->fields[i].offset, row->fields[i].width};
            batch->n_bytes += row->fields[i].width;
        }
    }
    entry->n_parts = (uint16_t)(batch->n_parts - entry->first_part);
}

static void objects_drop(struct wi_objects *objects, const struct objects_entry *entry)
{
    uint32_t generation = (uint32_t)(entry->life >> 32);
    objects->n_dropped += objects->dropped[entry->number] != generation;
    objects->dropped[entry->number] = generation;
}

/* Adds an object to the batch, if it is open and not dropped. */
static void objects_begin(const struct objects_look *look, uint32_t number,
                          const struct wi_object *block)
{
    struct objects_batch *batch = look->objects->batch;
    struct objects_entry *entry = &batch->entries[batch->n];
    const struct weir_object *own = look->is_own ? wi_object_at(number) : NULL;
    *entry = (struct objects_entry){.block = block, .own = own, .number = number};
    /* These pair with object_fill and weir_object_close. */
    entry->life = wi_load_acquire(own ? &own->life : &block->life);
    if (!(entry->life & WI_OBJECT_IS_OPEN) ||
        look->objects->dropped[number] == (uint32_t)(entry->life >> 32)) {
        return;
    }
    entry->address = wi_load_acquire(own ? &own->address : &block->address);
    entry->check = wi_load_acquire(own ? &own->check : &block->check);
    entry->site = objects_reach(look, wi_load_acquire(&block->channel),
                                wi_load_acquire(&block->channel_generation));
    entry->row = objects_layout(batch, own, entry->life);
    if (entry->site == OBJECTS_TOO_MANY) {
        return; /* its channel is closed */
    }
    if (!entry->row || entry->address >= OBJECTS_ADDRESS) {
        objects_drop(look->objects, entry);
        return;
    }
    if (look->pid) {
        objects_ask(batch, entry);
        batch->n++;
    } else {
        look->objects->sites[entry->site].open++;
        look->objects->open++;
    }
}

/* ---- after it was read --------------------------------------------------------------------- */

/* Whether the object was open all the time. The fence keeps this load after those of the object's words. */
static bool objects_is_same(const struct objects_entry *entry)
{
    wi_fence_acquire();
    /* Pairs with object_fill and weir_object_close. */
    return wi_load_acquire(entry->own ? &entry->own->life : &entry->block->life) == entry->life;
}

static uint64_t objects_mask(const struct weir_field *field)
{
    return field->width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * field->width) - 1;
}

static void objects_add(uint64_t *sum, uint64_t n)
{
    *sum = *sum > UINT64_MAX - n ? UINT64_MAX : *sum + n;
}

/* Puts the values of the fields in the order of the layout. */
static void objects_values(const struct objects_batch *batch, const struct objects_entry *entry,
                           uint64_t values[WEIR_LAYOUT_FIELDS])
{
    const struct wi_layout_row *row = entry->row;
    const unsigned char *bytes = batch->bytes + entry->at;
    uint64_t base = batch->parts[entry->first_part].address - entry->address;
    size_t at = 0;
    for (uint32_t i = 0; i < row->n_fields; i++) {
        bool is_span = entry->n_parts == 1 && row->n_fields > 1;
        values[i] = 0;
        memcpy(&values[i], bytes + (is_span ? row->fields[i].offset - base : at),
               row->fields[i].width);
        at += row->fields[i].width;
    }
}

/* The depth from what was put in and taken out, which were not read at one moment: it may be a little below 0, which
 * the words show as almost all that they can hold. */
static bool objects_difference(const struct weir_field *field, uint64_t in, uint64_t out,
                               uint64_t *ret_depth)
{
    uint64_t mask = objects_mask(field);
    uint64_t limit = field->limit < mask ? field->limit : mask >> 1;
    *ret_depth = (in - out) & mask;
    if (*ret_depth > limit && ((out - in) & mask) <= limit) {
        *ret_depth = 0;
    }
    return *ret_depth <= limit;
}

/* Checks one field that is no part of a difference, and adds it. Returns false when it is implausible. */
static bool objects_take(const struct objects_entry *entry, const struct weir_field *field,
                         uint64_t value, struct objects_sum *sum)
{
    switch (field->kind) {
    case WEIR_FIELD_DEPTH:
        objects_add(&sum->depth, value);
        return value <= field->limit;
    case WEIR_FIELD_BYTES:
        sum->has_bytes = true;
        objects_add(&sum->bytes, value);
        return value <= field->limit;
    case WEIR_FIELD_CAPACITY:
        sum->has_capacity = true;
        objects_add(&sum->capacity, value);
        return value <= field->limit;
    case WEIR_FIELD_SAME:
        return value == (entry->check & objects_mask(field));
    case WEIR_FIELD_SELF:
        return value == (entry->address & objects_mask(field));
    case WEIR_FIELD_MAGIC:
        return value == (field->limit & objects_mask(field));
    default:
        return false;
    }
}

/* The numbers that an object holds. */
static enum objects_verdict objects_judge(const struct objects_entry *entry,
                                          const uint64_t values[WEIR_LAYOUT_FIELDS],
                                          struct objects_sum *ret_sum)
{
    const struct wi_layout_row *row = entry->row;
    const struct weir_field *ring = NULL; /* the first DEPTH, if there is a LESS */
    uint64_t in = 0;
    uint64_t out = 0;
    bool has_less = false;
    *ret_sum = (struct objects_sum){0};
    for (uint32_t i = 0; i < row->n_fields; i++) {
        has_less |= row->fields[i].kind == WEIR_FIELD_LESS;
        if (row->fields[i].kind == WEIR_FIELD_DEPTH && !ring) {
            ring = &row->fields[i];
        }
    }
    for (uint32_t i = 0; i < row->n_fields; i++) {
        const struct weir_field *field = &row->fields[i];
        if (has_less && field->kind == WEIR_FIELD_DEPTH) {
            in += values[i];
        } else if (field->kind == WEIR_FIELD_LESS) {
            out += values[i];
        } else if (!objects_take(entry, field, values[i], ret_sum)) {
            return OBJECTS_LIES;
        }
    }
    return !has_less || objects_difference(ring, in, out, &ret_sum->depth) ? OBJECTS_HOLDS
                                                                           : OBJECTS_DIFFERS;
}

/* A ring may turn many times between the copies of its two words. It is read again, until they fit together; if
 * they do not move, they lie. */
static enum objects_verdict objects_judge_again(const struct objects_look *look,
                                                const struct objects_entry *entry,
                                                uint64_t values[WEIR_LAYOUT_FIELDS],
                                                struct objects_sum *ret_sum)
{
    struct objects_batch *batch = look->objects->batch;
    enum objects_verdict verdict = OBJECTS_DIFFERS;
    for (int i = 0; i < OBJECTS_TRIES && verdict == OBJECTS_DIFFERS; i++) {
        uint64_t before[WEIR_LAYOUT_FIELDS];
        const char *why = NULL;
        size_t n = wi_peek_copy(look->pid, batch->parts + entry->first_part, entry->n_parts,
                                batch->bytes + entry->at, &why);
        if (n < entry->n_parts) {
            return why ? OBJECTS_DIFFERS : OBJECTS_LIES;
        }
        memcpy(before, values, entry->row->n_fields * sizeof(*values));
        objects_values(batch, entry, values);
        verdict = memcmp(before, values, entry->row->n_fields * sizeof(*values)) == 0
                      ? OBJECTS_LIES
                      : objects_judge(entry, values, ret_sum);
    }
    return verdict;
}

/* The label of an object that is the largest so far; a reader inside reads it while it may change. */
static void objects_label(const struct objects_entry *entry, char text[WEIR_OBJECT_LABEL_MAX + 1])
{
    uint64_t words[(WEIR_OBJECT_LABEL_MAX + 1) / sizeof(uint64_t)];
    const uint64_t *from = (const uint64_t *)(const void *)entry->block->label;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        words[i] = wi_load_relaxed(&from[i]);
    }
    memcpy(text, words, WEIR_OBJECT_LABEL_MAX + 1);
    text[WEIR_OBJECT_LABEL_MAX] = '\0';
}

/* Takes what was copied of an object; `is_there`: it could be copied. */
static void objects_end(const struct objects_look *look, const struct objects_entry *entry,
                        bool is_there)
{
    struct wi_objects *objects = look->objects;
    struct wi_site *site = &objects->sites[entry->site];
    uint64_t values[WEIR_LAYOUT_FIELDS];
    struct objects_sum sum = {0};
    char label[WEIR_OBJECT_LABEL_MAX + 1] = "";
    enum objects_verdict verdict = OBJECTS_LIES;
    if (is_there) {
        objects_values(objects->batch, entry, values);
        verdict = objects_judge(entry, values, &sum);
    }
    if (verdict == OBJECTS_DIFFERS) {
        verdict = objects_judge_again(look, entry, values, &sum);
    }
    bool is_largest = verdict == OBJECTS_HOLDS && (!site->read || sum.depth > site->largest);
    if (is_largest) {
        objects_label(entry, label);
    }
    if (!objects_is_same(entry)) {
        return;
    }
    if (verdict == OBJECTS_LIES) {
        objects_drop(objects, entry);
        return;
    }
    site->open++;
    objects->open++;
    if (verdict == OBJECTS_DIFFERS) {
        return; /* it moves too fast to be read now */
    }
    site->read++;
    objects->read++;
    objects_add(&site->depth, sum.depth);
    objects_add(&site->bytes, sum.bytes);
    objects_add(&site->capacity, sum.capacity);
    site->has_bytes |= sum.has_bytes;
    site->has_capacity |= sum.has_capacity;
    if (is_largest) {
        site->largest = sum.depth;
        wi_text_clean(label, site->label, sizeof(site->label));
    }
}

/* Copies the memory of a batch. An object whose memory is gone ends a call of the kernel's: the next call
 * begins behind it. */
static void objects_copy(struct objects_look *look, bool is_there[OBJECTS_BATCH])
{
    struct objects_batch *batch = look->objects->batch;
    size_t i = 0;
    while (i < batch->n) {
        const struct objects_entry *entry = &batch->entries[i];
        size_t first = entry->first_part;
        const char *why = NULL;
        size_t n = wi_peek_copy(look->pid, batch->parts + first, batch->n_parts - first,
                                batch->bytes + entry->at, &why);
        if (why) {
            look->objects->why_unread = why;
            look->pid = 0;
            return;
        }
        while (i < batch->n &&
               batch->entries[i].first_part + batch->entries[i].n_parts <= first + n) {
            is_there[i++] = true;
        }
        if (i < batch->n) {
            is_there[i++] = false;
        }
    }
}

/* Reads a batch, and empties it. `slab`: where its objects are in the image. */
static enum weir_status objects_read(struct objects_look *look, const struct wi_object *slab,
                                     struct weir_error *ret_error)
{
    struct objects_batch *batch = look->objects->batch;
    bool is_there[OBJECTS_BATCH] = {false};
    enum weir_status status = WEIR_OK;
    if (batch->n) {
        objects_copy(look, is_there);
        status = wi_source_read_again(look->source, look->image, slab,
                                      WI_OBJECT_SLAB * sizeof(*slab), ret_error);
    }
    for (size_t i = 0; status == WEIR_OK && i < batch->n; i++) {
        if (look->pid) {
            objects_end(look, &batch->entries[i], is_there[i]);
        } else if (objects_is_same(&batch->entries[i])) {
            look->objects->sites[batch->entries[i].site].open++;
            look->objects->open++;
        }
    }
    batch->n = batch->n_parts = batch->n_bytes = 0;
    return status;
}

/* ---- the reading ------------------------------------------------------------------------------ */

static enum weir_status objects_look_at_slab(struct objects_look *look, uint32_t s,
                                             struct weir_error *ret_error)
{
    const struct wi_object *slab = objects_slab(look->image, s);
    enum weir_status status = WEIR_OK;
    /* Pairs with object_grow. */
    if (!slab || (look->is_own && s * WI_OBJECT_SLAB >= wi_load_acquire(&wi_index.n_objects))) {
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < WI_OBJECT_SLAB && status == WEIR_OK; i++) {
        objects_begin(look, s * WI_OBJECT_SLAB + i, &slab[i]);
        if (look->objects->batch->n == OBJECTS_BATCH || i + 1 == WI_OBJECT_SLAB) {
            status = objects_read(look, slab, ret_error);
        }
    }
    return status;
}

static bool objects_make_memory(struct wi_objects *objects, uint32_t n_slabs)
{
    size_t n = (size_t)n_slabs * WI_OBJECT_SLAB;
    if (!objects->batch) {
        objects->batch = calloc(1, sizeof(*objects->batch));
    }
    if (n > objects->room_dropped) {
        uint32_t *dropped = realloc(objects->dropped, n * sizeof(*dropped));
        if (!dropped) {
            return false;
        }
        memset(dropped + objects->room_dropped, 0, (n - objects->room_dropped) * sizeof(*dropped));
        objects->dropped = dropped;
        objects->room_dropped = n;
    }
    return objects->batch != NULL;
}

static enum weir_status objects_look_at_all(struct objects_look *look, struct weir_error *ret_error)
{
    struct wi_objects *objects = look->objects;
    enum weir_status status = WEIR_OK;
    uint32_t first = objects->next < look->n_slabs ? objects->next : 0;
    uint32_t read_up_to = look->n_slabs;
    for (uint32_t i = 0; i < look->n_slabs && status == WEIR_OK; i++) {
        bool is_long = wi_nanos(CLOCK_THREAD_CPUTIME_ID) - look->began > OBJECTS_MOST;
        if (is_long && look->pid) {
            look->pid = 0; /* the rest is only counted */
            read_up_to = i;
        }
        status = objects_look_at_slab(look, (first + i) % look->n_slabs, ret_error);
    }
    objects->next = look->n_slabs ? (first + read_up_to) % look->n_slabs : 0;
    return status;
}

enum weir_status wi_objects_look(struct wi_objects *objects, struct wi_source *source,
                                 const struct wi_image *image, struct weir_error *ret_error)
{
    struct objects_look look = {
        .objects = objects, .source = source, .image = image, .is_own = wi_source_is_self(source)};
    enum weir_status status = objects_count(image, &look.n_slabs, ret_error);
    if (status != WEIR_OK || !look.n_slabs) {
        return status;
    }
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
    if (objects->rest && now - objects->looked_at < objects->rest) {
        return WEIR_OK;
    }
    if (!objects_make_memory(objects, look.n_slabs)) {
        return objects_no_memory(ret_error);
    }
    objects->n = 0;
    objects->open = objects->read = 0;
    wi_map_clear(&objects->by_slot);
    look.began = wi_nanos(CLOCK_THREAD_CPUTIME_ID);
    look.pid = wi_peek_pid(source, &objects->why_unread);
    if (!look.is_own) {
        objects_take_layouts(objects->batch, image);
    }
    status = objects_look_at_all(&look, ret_error);
    uint64_t spent = wi_nanos(CLOCK_THREAD_CPUTIME_ID) - look.began;
    objects->rest = spent > OBJECTS_SHORT ? OBJECTS_REST * spent : 0;
    objects->looked_at = wi_nanos(CLOCK_MONOTONIC);
    return status;
}

void wi_objects_finish(struct wi_objects *objects)
{
    free(objects->sites);
    free(objects->by_slot.slots);
    free(objects->dropped);
    free(objects->batch);
    memset(objects, 0, sizeof(*objects));
}

size_t wi_objects_memory(const struct wi_objects *objects)
{
    return objects->room * sizeof(*objects->sites) +
           objects->by_slot.n_slots * sizeof(struct wi_map_slot) +
           objects->room_dropped * sizeof(*objects->dropped) +
           (objects->batch ? sizeof(*objects->batch) : 0);
}
