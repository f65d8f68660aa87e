/* SPDX-License-Identifier: MIT */
/*
 * Handles before weir_start, and how their counts come into the segment without a loss.
 *
 * A hook adds by one instruction at an address that never changes. One system call replaces the
 * slots' memory by the file's; when it has returned, no processor writes to the old memory any
 * more. So each addition is either in the old memory, which is read after that, or in the file.
 */
#include "segment/early.h"

#include "segment/environment.h"
#include "segment/file.h"
#include "segment/retired.h"
#include "weir/atomic.h"
#include "weir/kind.h"
#include "weir/text.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EARLY_SLOT_BYTES (WI_SLAB_SLOTS * sizeof(struct wi_slot))
#define EARLY_TEXT_STEP  32

_Static_assert(WI_HEADER_BYTES % 4096 == 0 && EARLY_SLOT_BYTES % 4096 == 0 &&
                   (size_t)WI_FIRST_LINE * WEIR_LINE % 4096 == 0,
               "the first slab can be mapped alone");

struct early_text {
    char *text;
    size_t room;
};

/* The parts of a slot that exist only in the segment. */
struct early_slot {
    struct early_text name, source, unit, help;
    char *label; /* WEIR_LABEL_MAX + 1 bytes; NULL: no handle of it has had one yet */
    enum weir_latency latency;
    bool has_histograms;
    uint8_t party;
};

static struct {
    unsigned char *base; /* the owner's page, then the slots; NULL: none */
    struct early_slot *slots;
    uint32_t refused;
} early;

static struct wi_slot *early_slots(void)
{
    return (struct wi_slot *)(void *)(early.base + WI_HEADER_BYTES);
}

bool wi_early_make(void)
{
    if (wi_environment_is_off()) {
        return false;
    }
    early.slots = early.slots ? early.slots : wi_index_take(WI_SLAB_SLOTS * sizeof(*early.slots));
    if (!early.slots) {
        return false;
    }
    void *base = mmap(NULL, WI_HEADER_BYTES + EARLY_SLOT_BYTES, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return false;
    }
    early.base = base;
    if (!wi_index_add_slab(early_slots(), 0)) {
        early.base = NULL;
        munmap(base, WI_HEADER_BYTES + EARLY_SLOT_BYTES);
        return false;
    }
    wi_segment_own(wi_early_owner(), wi_file_start_ticks(0));
    wi_segment.session = getsid(0);
    wi_segment_watch_forks();
    /* Pairs with wi_segment_state: the slots are there. */
    wi_store_release(&wi_segment.state, WI_SEGMENT_EARLY);
    return true;
}

struct wi_header *wi_early_owner(void)
{
    return (struct wi_header *)(void *)early.base;
}

/* The room of an earlier handle is used again: a program may open and close again and again. */
static bool early_copy(struct early_text *kept, const char *text)
{
    char clean[WEIR_NAME_MAX + 1];
    size_t length = wi_text_clean(text, clean, sizeof(clean));
    if (length >= kept->room) {
        size_t room = (length + EARLY_TEXT_STEP) / EARLY_TEXT_STEP * EARLY_TEXT_STEP;
        char *fresh = wi_index_take(room);
        if (!fresh) {
            return false;
        }
        *kept = (struct early_text){fresh, room};
    }
    memcpy(kept->text, clean, length + 1);
    return true;
}

/* A text that few handles have. */
static bool early_copy_rare(struct early_text *kept, const char *text)
{
    bool has_text = text && text[0];
    return (!has_text && !kept->room) || early_copy(kept, has_text ? text : "");
}

static bool early_label(struct early_slot *slot, const char *label)
{
    bool has_label = label && label[0];
    slot->label = slot->label || !has_label ? slot->label : wi_index_take(WEIR_LABEL_MAX + 1);
    if (slot->label) {
        wi_text_clean(has_label ? label : "", slot->label, WEIR_LABEL_MAX + 1);
    }
    return slot->label || !has_label;
}

bool wi_early_keep(uint32_t id, const struct wi_opening *opening)
{
    struct early_slot *slot = &early.slots[id];
    slot->latency = opening->latency;
    slot->has_histograms = opening->has_histograms;
    slot->party = opening->party;
    return early_copy(&slot->name, opening->name) &&
           early_copy(&slot->source, opening->source_file ? opening->source_file : "") &&
           early_copy_rare(&slot->unit, opening->unit) &&
           early_copy_rare(&slot->help, opening->help) && early_label(slot, opening->label);
}

void wi_early_refuse(void)
{
    wi_add_relaxed(&early.refused, 1);
}

uint32_t wi_early_refused(void)
{
    return wi_load_relaxed(&early.refused);
}

/* ---- into the segment ---------------------------------------------------------------------- */

/* Without room for it the handle goes without. */
static uint32_t early_more(uint32_t id)
{
    const struct early_slot *kept = &early.slots[id];
    const struct wi_opening opening = {.label = kept->label,
                                       .unit = kept->unit.text,
                                       .help = kept->help.text,
                                       .party = kept->party};
    uint32_t *more = wi_index.slabs[0]->more;
    if (more) {
        more[id] = 0; /* of a segment that could not be made */
    }
    wi_slot_make_more(id, &opening);
    return wi_slot_fill_more(id, &opening);
}

/* A slot's words when it was copied: a hook may have changed them while its memory was replaced. */
struct early_before {
    uint64_t other, capacity;
};

static void early_copy_slot(struct wi_slot *to, uint32_t id, bool is_counted,
                            struct early_before *ret_before)
{
    const struct wi_slot *from = &early_slots()[id];
    struct wi_slot_entry *entry = wi_index_slot(id);
    to->head = from->head;
    to->head.id = wi_slot_id_in_file(id, entry, from->head.flags);
    to->head.state = entry->state;
    to->head.generation = entry->generation;
    to->head.kind = entry->kind;
    to->head.more = entry->state == WI_SLOT_READY ? early_more(id) : 0;
    ret_before->capacity = to->head.capacity;
    ret_before->other = is_counted ? wi_load_relaxed(&from->in.other) : 0;
    if (entry->kind == WI_GAUGE) {
        to->in.other = ret_before->other;
    }
    /* This holds from now on, also if the name finds room later: else "other" would fall then. */
    entry->retired = wi_retired_placed(entry->retired);
    if (entry->state == WI_SLOT_READY) {
        const struct early_slot *kept = &early.slots[id];
        uint8_t class = WI_NAME_SHARED;
        entry->retired = wi_retired_of(entry->kind, kept->name.text, &entry->name);
        if (!entry->name) {
            entry->name = wi_segment_take_string(kept->name.text, &class);
        }
        entry->name_class = class & 3U;
        to->head.name = entry->name;
        to->head.source = wi_slot_source(kept->source.text, to->head.source_line);
        to->head.sampling = wi_slot_sampling(kept->latency);
        for (int which = 0; which < 2; which++) {
            entry->histogram[which] = kept->has_histograms ? wi_segment_take_histogram() : NULL;
            to->head.histogram[which] = wi_segment_line_of(entry->histogram[which]);
        }
    }
    to->head.retired = entry->retired;
}

static void early_add(uint64_t *to, const uint64_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wi_add_relaxed(&to[i], from[i]);
    }
}

/* Keeps the last depth of an observed channel, unless a later one was told meanwhile. It may have become one while
 * its memory was replaced. */
static void early_put_observed(struct wi_slot *to, const struct wi_slot *from)
{
    uint64_t depth = 0, bytes = 0;
    wi_store_relaxed(&to->head.flags, from->head.flags);
    wi_store_relaxed(&to->head.id, from->head.id);
    wi_replace_relaxed(wi_slot_word(to, WI_WORD_DEPTH), &depth, from->in.shared[WI_WORD_DEPTH / 2]);
    wi_replace_relaxed(wi_slot_word(to, WI_WORD_BYTES), &bytes,
                       from->out.shared[WI_WORD_BYTES / 2]);
}

/* Adds the counts in the old memory, in which no thread counts any more. */
static void early_add_slot(uint32_t id, const struct wi_slot *from, struct early_before *before)
{
    struct wi_slot *to = &early_slots()[id];
    uint8_t kind = wi_index_slot(id)->kind;
    if (kind == WI_CHANNEL && from->head.flags & WI_SLOT_OBSERVED) {
        early_put_observed(to, from);
    } else {
        early_add(to->in.shared, from->in.shared, 3);
        early_add(to->out.shared, from->out.shared, 3);
    }
    early_add(to->in.rejects, from->in.rejects, 4);
    early_add(to->out.discarded, from->out.discarded, 3);
    /* A gauge was copied; later additions to it are added here. If two threads set it at that
     * moment, it is wrong until it is set again. */
    uint64_t other = from->in.other - (kind == WI_GAUGE ? before->other : 0);
    early_add(&to->in.other, &other, 1);
    if (kind == WI_CHANNEL) {
        uint64_t mark = wi_load_relaxed(&to->out.other);
        while (mark < from->out.other &&
               !wi_try_replace_relaxed(&to->out.other, &mark, from->out.other)) {
        }
    } else {
        early_add(&to->out.other, &from->out.other, 1);
    }
    wi_replace_relaxed(&to->head.capacity, &before->capacity, from->head.capacity);
}

/* Another mapping of the same pages. */
static void *early_twin(void *slots)
{
    return mremap(slots, 0, EARLY_SLOT_BYTES, MREMAP_MAYMOVE);
}

void *wi_early_map(unsigned char *base)
{
    if (!early.base) {
        return NULL;
    }
    void *twin = early_twin(base + (size_t)wi_index.slabs[0]->line * WEIR_LINE);
    if (twin != MAP_FAILED) {
        wi_file_populate(twin, 0, EARLY_SLOT_BYTES); /* no later hook faults */
    }
    return twin;
}

bool wi_early_move(void *slots)
{
    return !slots || mremap(slots, EARLY_SLOT_BYTES, EARLY_SLOT_BYTES,
                            MREMAP_MAYMOVE | MREMAP_FIXED, early_slots()) != MAP_FAILED;
}

static void early_show(uint32_t line)
{
    struct wi_header *header = wi_segment_header();
    uint32_t *slabs = wi_segment_line(WI_SLABS_LINE);
    slabs[0] = line;
    header->n_slabs = 1;
    header->n_slots = wi_index.n_slots;
    header->n_handles = wi_index.n_handles;
    header->handles_refused = early.refused;
}

bool wi_early_lay(bool is_counted)
{
    struct early_before before[WI_SLAB_SLOTS];
    if (!early.base) {
        return wi_retired_make(is_counted);
    }
    uint32_t line = wi_segment_take(EARLY_SLOT_BYTES / WEIR_LINE);
    wi_index.slabs[0]->line = line;
    bool has_room = line && wi_retired_make(is_counted);
    void *old = has_room ? early_twin(early_slots()) : MAP_FAILED;
    if (old == MAP_FAILED) {
        return false;
    }
    struct wi_slot *slots = wi_segment_line(line);
    for (uint32_t id = 0; id < wi_index.n_slots; id++) {
        early_copy_slot(&slots[id], id, is_counted, &before[id]);
    }
    void *fresh = wi_early_map(wi_segment.base);
    bool is_laid = fresh != MAP_FAILED && wi_early_move(fresh);
    for (uint32_t id = 0; is_laid && is_counted && id < wi_index.n_slots; id++) {
        early_add_slot(id, (const struct wi_slot *)old + id, &before[id]);
    }
    munmap(old, EARLY_SLOT_BYTES);
    early_show(line);
    return is_laid;
}
