/* SPDX-License-Identifier: MIT */
/*
 * Totals of names. The index has the names and finds them by hash; the segment has the numbers. The
 * "other" of each kind comes first, then the names in the order of their first opening. So a reader
 * can give the first names series of their own for as long as the process lives.
 */
#include "segment/retired.h"

#include "segment/segment.h"
#include "weir/atomic.h"
#include "weir/expect.h"
#include "weir/text.h"

#include <string.h>

#define RETIRED_BUCKETS 4096u /* a power of two */

/* A name. */
struct retired_name {
    char *text;
    uint64_t *early; /* counts from before there was a segment; NULL: none */
    uint32_t next;   /* 1 + number of the next in its bucket */
    uint32_t unit;   /* of its string in the segment */
    uint8_t kind;
};

static struct {
    struct retired_name *names[WI_MAX_RETIRED_SLABS]; /* in slabs, too */
    struct wi_retired *slabs[WI_MAX_RETIRED_SLABS];
    struct wi_retired_waits *waits[WI_RETIRED_MAX][2];
    uint32_t buckets[RETIRED_BUCKETS];
    uint32_t n;        /* names, those of the others included */
    uint32_t n_placed; /* that have totals in the segment */
    uint64_t *log;
    uint64_t n_folds;
} retired;

/* ---- shared with readers ------------------------------------------------------------------------ */

uint64_t wi_retired_check(uint64_t stamp, const uint64_t *words, size_t n)
{
    uint64_t check = stamp ^ UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < n; i++) {
        check = (check ^ words[i]) * UINT64_C(0x2545f4914f6cdd1d);
        check ^= check >> 29;
    }
    return check;
}

static uint64_t retired_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Channels of one name may have different units, which are never added. */
static void retired_channel_words(const struct wi_slot_counts *counts, uint64_t *to)
{
    bool is_bytes = counts->flags & WI_SLOT_BYTES;
    uint64_t *flow = &to[is_bytes ? WI_RETIRED_SENT_BYTES : WI_RETIRED_SENT];
    uint64_t sent = retired_minus(counts->word[WEIR_WORD_SENT], counts->in_other);
    uint64_t left = counts->word[WEIR_WORD_RECEIVED] + counts->discarded[0] + counts->discarded[1] +
                    counts->discarded[2];
    flow[WI_RETIRED_SENT] = sent > left ? sent : left;
    flow[WI_RETIRED_RECEIVED] = counts->word[WEIR_WORD_RECEIVED];
    memcpy(&flow[WI_RETIRED_DISCARDED], counts->discarded, sizeof(counts->discarded));
    memcpy(&to[WI_RETIRED_REJECTS], counts->rejects, sizeof(counts->rejects));
}

void wi_retired_words(enum wi_kind kind, const struct wi_slot_counts *counts,
                      uint64_t ret_words[WI_RETIRED_WORDS])
{
    uint64_t *to = ret_words;
    const uint64_t *word = counts->word;
    memset(to, 0, WI_RETIRED_WORDS * sizeof(*to));
    switch (kind) {
    case WI_CHANNEL:
        retired_channel_words(counts, to);
        break;
    case WI_SEMAPHORE:
        to[WI_RETIRED_ACQUIRES] = word[2];
        to[WI_RETIRED_ACQUIRED] = word[0];
        to[WI_RETIRED_RELEASED] = word[1];
        memcpy(&to[WI_RETIRED_REJECTS], counts->rejects, sizeof(counts->rejects));
        break;
    case WI_TASK:
        to[WI_RETIRED_SPAWNED] = word[0];
        to[WI_RETIRED_RUNS] = word[1];
        memcpy(&to[WI_RETIRED_FINISHED], &word[3], 3 * sizeof(word[0]));
        memcpy(&to[WI_RETIRED_INSTANCES], counts->rejects, sizeof(counts->rejects));
        to[WI_RETIRED_INSTANCES + 4] = counts->in_other;
        break;
    case WI_LOOP:
        to[WI_RETIRED_ITERATIONS] = word[WI_LOOP_WORD_ITERATIONS];
        to[WI_RETIRED_BUSY] = word[WI_LOOP_WORD_BUSY];
        to[WI_RETIRED_IDLE] = word[WI_LOOP_WORD_IDLE];
        to[WI_RETIRED_TIMERS] = word[WI_LOOP_WORD_TIMERS];
        break;
    case WI_COUNTER:
        to[WI_RETIRED_VALUE] = word[0];
        break;
    default:
        break;
    }
}

void wi_octaves_add_buckets(uint64_t *octaves, const struct weir_histogram *histogram)
{
    for (size_t bucket = 0; bucket < WEIR_HISTOGRAM_BUCKETS; bucket++) {
        /* Bucket 0; then 1 to 4, 5 to 8, ... */
        /* Pairs with weir_cell_add of the inline hooks. */
        octaves[(bucket + 3) / 4] += wi_load_acquire(&histogram->bucket[bucket]);
    }
}

/* ---- names ------------------------------------------------------------------------------------ */

/* The number of a kind's "other"; WI_RETIRED_OTHERS: it has no totals. */
static uint32_t retired_other(uint8_t kind)
{
    return kind < WI_GAUGE ? kind : kind == WI_LOOP ? WI_GAUGE : WI_RETIRED_OTHERS;
}

static struct retired_name *retired_name(uint32_t i)
{
    return &retired.names[i / WI_RETIRED_SLAB][i % WI_RETIRED_SLAB];
}

static struct wi_retired *retired_at(uint32_t i)
{
    return &retired.slabs[i / WI_RETIRED_SLAB][i % WI_RETIRED_SLAB];
}

/* The exporter's map allocates memory, which an opening must not do. */
static uint32_t *retired_bucket(uint8_t kind, const char *text)
{
    uint32_t hash = kind;
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT32_C(0x9e3779b1);
        hash ^= hash >> 15;
    }
    return &retired.buckets[hash % RETIRED_BUCKETS];
}

/* Room for one more name, its text NULL. Returns false when there is no memory. */
static bool retired_grow(void)
{
    uint32_t slab = retired.n / WI_RETIRED_SLAB;
    if (!retired.names[slab]) {
        /* The first ones are static, so that a segment needs no further memory for them. */
        static struct retired_name first[WI_RETIRED_SLAB];
        retired.names[slab] = slab == 0 ? first : wi_index_take(sizeof(first));
    }
    return retired.names[slab];
}

/* The names of the "other" totals, which hold only their kind. */
static bool retired_begin(void)
{
    static const uint8_t kinds[WI_RETIRED_OTHERS] = {WI_CHANNEL, WI_SEMAPHORE, WI_TASK, WI_COUNTER,
                                                     WI_LOOP};
    if (retired.n == 0 && retired_grow()) {
        for (; retired.n < WI_RETIRED_OTHERS; retired.n++) {
            *retired_name(retired.n) = (struct retired_name){.kind = kinds[retired.n]};
        }
    }
    return retired.n > 0;
}

/* ---- totals in the segment
 * ------------------------------------------------------------------------ */

/* Totals for the next name that has none. Returns false when there is no room. */
static bool retired_place(void)
{
    uint32_t i = retired.n_placed;
    uint32_t slab = i / WI_RETIRED_SLAB;
    struct retired_name *name = retired_name(i);
    struct wi_header *header = wi_segment_header();
    if (!retired.slabs[slab]) {
        uint32_t line = wi_segment_take(WI_RETIRED_SLAB * sizeof(struct wi_retired) / WEIR_LINE);
        if (!line) {
            return false;
        }
        retired.slabs[slab] = wi_segment_line(line);
        /* Pairs with wi_image_retired of readers. */
        wi_store_release(&header->retired_slabs[slab], line);
    }
    uint8_t class;
    name->unit = name->text ? wi_segment_take_string(name->text, &class) : 0;
    if (name->text && !name->unit) {
        return false;
    }
    /* These pair with retired_room and wi_collect_retired of readers: the name before the number of names. */
    wi_store_release(&retired_at(i)->kind, name->kind);
    wi_store_release(&retired_at(i)->name, name->unit);
    retired.n_placed++;
    wi_store_release(&header->n_retired, retired.n_placed);
    return true;
}

uint16_t wi_retired_placed(uint16_t number)
{
    return number && wi_segment.base && number > retired.n_placed
               ? (uint16_t)(1 + retired_other(retired_name(number - 1)->kind))
               : number;
}

/* 1 + the number of a name that is there; 0: it is not. *ret_bucket: where it would be entered. */
static uint32_t retired_find(uint8_t kind, const char *text, uint32_t **ret_bucket)
{
    *ret_bucket = retired_bucket(kind, text);
    uint32_t number = **ret_bucket;
    while (number && (retired_name(number - 1)->kind != kind ||
                      strcmp(retired_name(number - 1)->text, text) != 0)) {
        number = retired_name(number - 1)->next;
    }
    return number;
}

/* The same of a name that is entered where it is not there; the number of "other" where there is no room. Names are
 * kept clean: one that is there as it is need not be cleaned to be found. */
static uint32_t retired_enter(uint8_t kind, const char *text)
{
    char clean[WEIR_NAME_MAX + 1];
    uint32_t *bucket;
    uint32_t number = retired_find(kind, text, &bucket);
    if (number) {
        return number;
    }
    size_t length = wi_text_clean(text, clean, sizeof(clean));
    number = retired_find(kind, clean, &bucket);
    if (number || retired.n == WI_RETIRED_MAX || !retired_grow()) {
        return number ? number : 1 + retired_other(kind);
    }
    char *copy = wi_index_take(length + 1);
    struct retired_name *name = retired_name(retired.n);
    if (!copy) {
        return 1 + retired_other(kind);
    }
    *name = (struct retired_name){.text = copy, .next = *bucket, .kind = kind};
    memcpy(copy, clean, length + 1);
    number = ++retired.n;
    /* Needs no partner: the lock is held. */
    wi_store_release(bucket, number);
    return number;
}

uint16_t wi_retired_of(uint8_t kind, const char *text, uint32_t *ret_name)
{
    *ret_name = 0;
    if (retired_other(kind) == WI_RETIRED_OTHERS || !retired_begin()) {
        return 0;
    }
    uint32_t number = retired_enter(kind, text);
    while (wi_segment.base && number > retired.n_placed && retired_place()) {
    }
    number = wi_retired_placed((uint16_t)number);
    *ret_name = wi_segment.base ? retired_name(number - 1)->unit : 0;
    return (uint16_t)number;
}

/* ---- numbers ----------------------------------------------------------------------------------- */

/* A part has two copies, each a stamp, a check and n words. The older copy becomes the newer one
 * plus the new counts. A part that has this fold already stays as it is. */
static void retired_add(uint64_t *first, uint64_t *second, size_t n, const uint64_t *more,
                        uint64_t number)
{
    /* The stores pair with retired_copy of readers. The loads pair with nothing: the lock is held. */
    uint64_t newest[2] = {wi_retired_stamped(wi_load_acquire(&first[0])),
                          wi_retired_stamped(wi_load_acquire(&second[0]))};
    if (newest[0] >= number || newest[1] >= number) {
        return;
    }
    uint64_t *from = newest[0] > newest[1] ? first : second;
    uint64_t *to = from == first ? second : first;
    uint64_t words[WI_OCTAVES + 2];
    wi_store_release(&to[0], (newest[0] > newest[1] ? newest[0] : newest[1]) << 1 | 1);
    for (size_t i = 0; i < n; i++) {
        words[i] = wi_load_acquire(&from[2 + i]) + more[i];
        wi_store_release(&to[2 + i], words[i]);
    }
    wi_store_release(&to[1], wi_retired_check(number << 1, words, n));
    wi_store_release(&to[0], number << 1);
}

static void retired_add_totals(uint32_t i, const uint64_t words[WI_RETIRED_WORDS], uint64_t stamp)
{
    struct wi_retired *totals = retired_at(i);
    retired_add(&totals->totals[0].stamp, &totals->totals[1].stamp, WI_RETIRED_WORDS, words, stamp);
}

static bool retired_has_any(const uint64_t *words, size_t n)
{
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= words[i];
    }
    return any != 0;
}

/* Waits without room count as lost, like a sample that found no histogram. */
static void retired_add_waits(uint32_t i, unsigned which, const uint64_t words[WI_OCTAVES + 2],
                              uint64_t stamp)
{
    struct wi_retired_waits **waits = &retired.waits[i][which];
    if (!*waits) {
        uint32_t line = wi_segment_take(2 * sizeof(**waits) / WEIR_LINE);
        *waits = line ? wi_segment_line(line) : (void *)wi_segment_take_histogram();
        /* Pairs with wi_collect_retired_waits of readers. */
        wi_store_release(&retired_at(i)->waits[which], wi_segment_line_of(*waits));
    }
    if (*waits) {
        retired_add(&(*waits)[0].stamp, &(*waits)[1].stamp, WI_OCTAVES + 2, words, stamp);
        return;
    }
    uint64_t lost = 0;
    for (size_t octave = 0; octave <= WI_OCTAVES; octave++) {
        lost += words[octave];
    }
    wi_add_relaxed(&wi_segment_header()->samples_lost, lost);
}

static void retired_count(uint32_t id, struct wi_slot_counts *ret_counts)
{
    struct wi_slot *slot = wi_segment_slot(id);
    /* These pair with the hooks, which may count on while the handle is closed (weir_cell_add). */
    for (unsigned w = 0; w < 6; w++) {
        ret_counts->word[w] = wi_load_acquire(wi_slot_word(slot, w));
    }
    for (uint32_t s = 0; s < wi_index.n_shards; s++) {
        const struct weir_cell *cell = wi_index_cell(&wi_index.shards[s], id);
        for (unsigned w = 0; cell && w < 6; w++) {
            ret_counts->word[w] += wi_load_acquire(&cell->u.word[w]);
        }
    }
    for (int i = 0; i < 4; i++) {
        ret_counts->rejects[i] = wi_load_acquire(&slot->in.rejects[i]);
    }
    for (int i = 0; i < 3; i++) {
        ret_counts->discarded[i] = wi_load_acquire(&slot->out.discarded[i]);
    }
    ret_counts->in_other = wi_load_acquire(&slot->in.other);
    ret_counts->flags = wi_load_relaxed(&slot->head.flags);
    if (wi_index_slot(id)->kind == WI_CHANNEL) {
        wi_slot_in_unit(ret_counts->flags, ret_counts->discarded, ret_counts->in_other,
                        ret_counts->word);
    }
}

/* Adds a histogram to a sum, which begins with the first. Returns whether there is a sum. */
static bool retired_measure_one(const struct weir_histogram *histogram, bool has_any,
                                uint64_t words[WI_OCTAVES + 2])
{
    if (!histogram) {
        return has_any;
    }
    if (!has_any) {
        memset(words, 0, (WI_OCTAVES + 2) * sizeof(*words));
    }
    wi_octaves_add_buckets(words, histogram);
    /* Pairs with weir_cell_add of the inline hooks. */
    words[WI_OCTAVES + 1] += wi_load_acquire(&histogram->sum);
    return true;
}

/* Returns false, and no words, where nothing was measured: of most handles that come and go. */
static bool retired_measure(uint32_t id, unsigned which, uint64_t ret_words[WI_OCTAVES + 2])
{
    bool has_any = retired_measure_one(wi_index_slot(id)->histogram[which], false, ret_words);
    for (uint32_t s = 0; which == 0 && s < wi_index.n_shards; s++) {
        struct weir_histogram **own = wi_index_own_histogram(&wi_index.shards[s], id);
        has_any = retired_measure_one(own ? *own : NULL, has_any, ret_words);
    }
    return has_any && retired_has_any(ret_words, WI_OCTAVES + 2);
}

/* Before there is a segment all counts are in the slots' shared words. */
static void retired_fold_early(uint32_t i, const uint64_t words[WI_RETIRED_WORDS])
{
    struct retired_name *name = retired_name(i);
    name->early = name->early ? name->early : wi_index_take(WI_RETIRED_WORDS * sizeof(uint64_t));
    for (int w = 0; name->early && w < WI_RETIRED_WORDS; w++) {
        name->early[w] += words[w];
    }
}

/* Adds what a slot has counted to its totals: to each part that does not have this fold yet. */
static void retired_add_slot(uint32_t id, uint32_t i, uint64_t number)
{
    struct wi_slot_counts counts;
    uint64_t words[WI_RETIRED_WORDS];
    uint64_t waits[WI_OCTAVES + 2];
    for (unsigned which = 0; which < 2; which++) {
        if (retired_measure(id, which, waits)) {
            retired_add_waits(i, which, waits, number);
        }
    }
    retired_count(id, &counts);
    wi_retired_words((enum wi_kind)wi_index_slot(id)->kind, &counts, words);
    retired_add_totals(i, words, number);
}

void wi_retired_fold(uint32_t id)
{
    const struct wi_slot_entry *entry = wi_index_slot(id);
    if (!entry->retired) {
        return;
    }
    uint32_t i = wi_retired_placed(entry->retired) - 1;
    if (!WI_EXPECT(wi_segment_is_locked() && entry->state == WI_SLOT_CLOSED) ||
        !WI_EXPECT(i < (wi_segment.base ? retired.n_placed : retired.n))) {
        return;
    }
    if (!wi_segment.base) {
        struct wi_slot_counts counts;
        uint64_t words[WI_RETIRED_WORDS];
        retired_count(id, &counts);
        wi_retired_words((enum wi_kind)entry->kind, &counts, words);
        retired_fold_early(i, words);
        return;
    }
    /* Done even if there is nothing to add: a reader that copied this slot's head may have copied
     * the next handle's counts. */
    uint64_t number = ++retired.n_folds;
    /* These pair with wi_collect_folds of readers: the entry before its number. */
    wi_store_release(&retired.log[number % WI_RETIRED_LOG],
                     wi_retired_entry(id, wi_slot_life(entry->generation), i));
    wi_store_release(&wi_segment_header()->n_folds, number);
    retired_add_slot(id, i, number);
}

/* ---- a new segment, and a copy ------------------------------------------------------------------ */

bool wi_retired_make(bool is_counted)
{
    struct wi_header *header = wi_segment_header();
    memset(retired.slabs, 0, sizeof(retired.slabs));
    memset(retired.waits, 0, sizeof(retired.waits));
    retired.n_placed = 0;
    retired.n_folds = 1; /* no totals have the stamp 0 */
    uint32_t log =
        retired_begin() ? wi_segment_take(WI_RETIRED_LOG * sizeof(uint64_t) / WEIR_LINE) : 0;
    if (!log) {
        return false;
    }
    retired.log = wi_segment_line(log);
    /* These pair with wi_collect_folds of readers. */
    wi_store_release(&header->retired_log, log);
    while (retired.n_placed < retired.n && retired_place()) {
    }
    if (retired.n_placed < WI_RETIRED_OTHERS) {
        return false;
    }
    for (uint32_t i = 0; i < retired.n; i++) {
        struct retired_name *name = retired_name(i);
        if (name->early && is_counted) {
            /* One number for each: several names may share their totals. */
            retired_add_totals(wi_retired_placed((uint16_t)(i + 1)) - 1, name->early,
                               ++retired.n_folds);
        }
    }
    wi_store_release(&header->n_folds, retired.n_folds);
    return true;
}

bool wi_retired_finish(uint32_t id)
{
    const struct wi_slot_entry *entry = wi_index_slot(id);
    uint64_t last = retired.log[retired.n_folds % WI_RETIRED_LOG];
    if (!entry->retired || wi_retired_entry_slot(last) != id ||
        wi_retired_entry_life(last) != wi_slot_life(entry->generation)) {
        return false;
    }
    retired_add_slot(id, wi_retired_placed(entry->retired) - 1, retired.n_folds);
    return true;
}

void wi_retired_begin(void)
{
    uint64_t number = ++retired.n_folds;
    /* These pair with wi_collect_folds of readers, as those of wi_retired_fold. */
    wi_store_release(&retired.log[number % WI_RETIRED_LOG], 0);
    wi_store_release(&wi_segment_header()->n_folds, number);
}

void wi_retired_zero(void)
{
    for (uint32_t i = 0; i < retired.n_placed; i++) {
        memset(retired_at(i)->totals, 0, sizeof(retired_at(i)->totals));
        for (unsigned which = 0; which < 2; which++) {
            if (retired.waits[i][which]) {
                memset(retired.waits[i][which], 0, 2 * sizeof(struct wi_retired_waits));
            }
        }
    }
}

void wi_retired_write(void)
{
    struct wi_header *header = wi_segment_header();
    header->n_retired = retired.n_placed;
    header->retired_log = wi_segment_line_of(retired.log);
    /* The parent's threads may have folded on since the fork: the totals have their numbers. */
    retired.n_folds = header->n_folds > retired.n_folds ? header->n_folds : retired.n_folds;
    header->n_folds = retired.n_folds;
    for (uint32_t s = 0; s < WI_MAX_RETIRED_SLABS; s++) {
        header->retired_slabs[s] = wi_segment_line_of(retired.slabs[s]);
    }
    for (uint32_t i = 0; i < retired.n_placed; i++) {
        struct wi_retired *totals = retired_at(i);
        totals->kind = retired_name(i)->kind;
        totals->name = retired_name(i)->unit;
        for (unsigned which = 0; which < 2; which++) {
            totals->waits[which] = wi_segment_line_of(retired.waits[i][which]);
        }
    }
    /* Names that the parent has placed since the fork: their totals are not those of this process's next names. */
    for (uint32_t i = retired.n_placed; i < WI_RETIRED_MAX && retired.slabs[i / WI_RETIRED_SLAB];
         i++) {
        memset(retired_at(i), 0, sizeof(struct wi_retired));
    }
}
