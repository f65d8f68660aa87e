/* SPDX-License-Identifier: MIT */
/*
 * Totals of closed handles. They are read after the slots. A slot that was used again before it was
 * read has its counts in the totals. A slot that was used again between the two readings would
 * count twice, but the log names it. So each count is found once, whichever handles open and close
 * meanwhile.
 */
#include "segment/retired.h"

#include "segment/file.h"
#include "snapshot/collect.h"
#include "weir/atomic.h"

#include <stdlib.h>
#include <string.h>

#define RETIRED_TRIES 100 /* tries to read a part that is being written */

/* A copy of a part, which begins with its stamp and its check. Returns the number of its stamp; 0:
 * the copy is not valid. */
static uint64_t retired_copy(const uint64_t *part, size_t n, uint64_t *ret_stamp,
                             uint64_t *ret_words)
{
    /* These pair with retired_add. */
    *ret_stamp = wi_load_acquire(&part[0]);
    for (size_t i = 0; i < n; i++) {
        ret_words[i] = wi_load_acquire(&part[2 + i]);
    }
    return wi_load_acquire(&part[1]) == wi_retired_check(*ret_stamp, ret_words, n)
               ? wi_retired_stamped(*ret_stamp)
               : 0;
}

/* Whether the other copy fits the one with this number as the newest: it is not used yet, or is
 * being filled from this one. If it does not fit, the writer wrote twice meanwhile, and a newer
 * copy was missed. */
static bool retired_is_newest(uint64_t number, uint64_t other_stamp)
{
    return other_stamp == 0 || other_stamp == (number << 1 | 1);
}

/* The newer of the two copies, and its number; words of 0 and number 0 if nothing was ever written.
 * *ret_is_torn, which is only set: it could not be determined. */
static uint64_t retired_newest(const struct wi_image *image, const uint64_t *first,
                               const uint64_t *second, size_t n, uint64_t *ret_words,
                               bool *ret_is_torn)
{
    uint64_t words[WI_OCTAVES + 2];
    int tries = image->is_copy ? 1 : RETIRED_TRIES;
    for (int i = 0; i < tries; i++) {
        uint64_t stamps[2];
        uint64_t number = retired_copy(first, n, &stamps[0], ret_words);
        uint64_t other = retired_copy(second, n, &stamps[1], words);
        bool is_newest = other ? number || retired_is_newest(other, stamps[0])
                               : retired_is_newest(number, stamps[1]) &&
                                     (number || retired_is_newest(0, stamps[0]));
        if (is_newest && !number && !other) {
            memset(ret_words, 0, n * sizeof(*ret_words));
            return 0;
        }
        if (is_newest && other > number) {
            memcpy(ret_words, words, n * sizeof(*words));
            return other;
        }
        if (is_newest) {
            return number;
        }
    }
    *ret_is_torn = true;
    memset(ret_words, 0, n * sizeof(*ret_words));
    return 0;
}

/* As wi_collect_retired_waits, of totals whose place is known; NULL: they have none. */
static uint64_t retired_waits(const struct wi_image *image, const struct wi_retired *totals,
                              unsigned which, uint64_t ret_words[WI_OCTAVES + 2], bool *ret_is_torn)
{
    /* Pairs with retired_add_waits. */
    uint32_t line = totals ? wi_load_acquire(&totals->waits[which]) : 0;
    const struct wi_retired_waits *waits = wi_image_at(image, line, 2 * sizeof(*waits));
    if (!waits) {
        *ret_is_torn |= line != 0;
        memset(ret_words, 0, (WI_OCTAVES + 2) * sizeof(*ret_words));
        return 0;
    }
    return retired_newest(image, &waits[0].stamp, &waits[1].stamp, WI_OCTAVES + 2, ret_words,
                          ret_is_torn);
}

uint64_t wi_collect_retired_waits(const struct wi_image *image, size_t number, unsigned which,
                                  uint64_t ret_words[WI_OCTAVES + 2], bool *ret_is_torn)
{
    return retired_waits(image, wi_image_retired(image, number), which, ret_words, ret_is_torn);
}

bool wi_collect_folds(const struct wi_image *image, uint64_t first, wi_fold_fn *take, void *context)
{
    const struct wi_header *header = image->header;
    /* These pair with wi_retired_fold and wi_retired_make. */
    const uint64_t *log =
        wi_image_at(image, wi_load_acquire(&header->retired_log), WI_RETIRED_LOG * sizeof(*log));
    uint64_t last = wi_load_acquire(&header->n_folds);
    if (!log || first > last || last - first > WI_RETIRED_LOG) {
        return !log;
    }
    for (uint64_t i = 0; i <= last - first; i++) { /* the last may be the highest number there is */
        take(context, first + i, wi_load_acquire(&log[(first + i) % WI_RETIRED_LOG]));
    }
    /* The entry after the last may have replaced the first already. */
    return wi_load_acquire(&header->n_folds) - first + 1 < WI_RETIRED_LOG;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static enum weir_status retired_room(struct wi_collection *collection, struct weir_error *ret_error)
{
    /* Pairs with retired_place. */
    uint32_t n = wi_load_acquire(&collection->image.header->n_retired);
    collection->n_retired = 0;
    if (n > WI_RETIRED_MAX) {
        wi_error_set(ret_error, "the segment is corrupt: it has totals of %u names", (unsigned)n);
        return WEIR_E_CORRUPT;
    }
    if (n > collection->room_retired) {
        void *grown = realloc(collection->retired, n * sizeof(*collection->retired));
        if (!grown) {
            wi_error_set(ret_error, "no memory for totals of %u names", (unsigned)n);
            return WEIR_E_MEMORY;
        }
        collection->retired = grown;
        collection->room_retired = n;
    }
    collection->n_retired = n;
    return WEIR_OK;
}

/* *ret_is_whole: nothing was being written. For a copy this includes the waits; in a live mapping
 * they are read when they are needed. */
static enum weir_status retired_take(struct wi_collection *collection, bool *ret_is_whole,
                                     struct weir_error *ret_error)
{
    const struct wi_image *image = &collection->image;
    bool is_torn = false;
    for (size_t i = 0; i < collection->n_retired; i++) {
        const struct wi_retired *totals = wi_image_retired(image, i);
        struct wi_raw_retired *raw = &collection->retired[i];
        if (!totals) {
            collection->n_retired = i;
            if (image->is_still) {
                wi_error_set(ret_error,
                             "the segment is corrupt: the totals of name %zu lie outside", i);
                return WEIR_E_CORRUPT;
            }
            is_torn = true;
            break;
        }
        /* Pairs with retired_place. */
        raw->kind = wi_load_acquire(&totals->kind);
        raw->name = wi_load_acquire(&totals->name);
        raw->stamp = retired_newest(image, &totals->totals[0].stamp, &totals->totals[1].stamp,
                                    WI_RETIRED_WORDS, raw->word, &is_torn);
        for (unsigned which = 0; which < 2 && image->is_copy; which++) {
            uint64_t waits[WI_OCTAVES + 2];
            retired_waits(image, totals, which, waits, &is_torn);
        }
    }
    collection->is_torn = is_torn;
    *ret_is_whole = !is_torn;
    return WEIR_OK;
}

/* Whether a slot was read before it was folded, and its counts are in the totals. */
static void retired_leave_out(void *context, uint64_t number, uint64_t entry)
{
    struct wi_collection *collection = context;
    uint32_t id = wi_retired_entry_slot(entry);
    uint32_t i = wi_retired_entry_number(entry);
    const struct wi_raw *raw = id < collection->n ? wi_collect_raw(collection, id) : NULL;
    if (raw && raw->life && raw->life == wi_retired_entry_life(entry) &&
        i < collection->n_retired && number <= collection->retired[i].stamp) {
        wi_collect_leave_out(collection, id);
    }
}

/* Adds the counts of closed handles whose slots were not used again. */
static void retired_add_closed(struct wi_collection *collection)
{
    for (size_t id = 0; collection->n_closed && id < collection->n; id++) {
        const struct wi_raw *raw = wi_collect_raw(collection, id);
        if (!wi_raw_is_closed(raw) || raw->retired > collection->n_retired ||
            collection->retired[raw->retired - 1].kind != raw->kind) {
            continue;
        }
        struct wi_slot_counts counts = {
            .word = {raw->entering[0], raw->kind == WI_TASK ? raw->entering[1] : raw->leaving[1],
                     raw->entering[2], raw->leaving[3], raw->leaving[4], raw->leaving[5]},
            .in_other = raw->kind == WI_CHANNEL ? raw->unsent : raw->in_other,
            .flags = raw->flags,
        };
        uint64_t words[WI_RETIRED_WORDS];
        memcpy(counts.rejects, raw->rejects, sizeof(counts.rejects));
        memcpy(counts.discarded, raw->discarded, sizeof(counts.discarded));
        wi_retired_words((enum wi_kind)raw->kind, &counts, words);
        for (int w = 0; w < WI_RETIRED_WORDS; w++) {
            collection->retired[raw->retired - 1].word[w] += words[w];
        }
    }
}

enum weir_status wi_collect_retired(struct wi_collection *collection, bool *ret_is_whole,
                                    struct weir_error *ret_error)
{
    enum weir_status status = retired_room(collection, ret_error);
    *ret_is_whole = true;
    if (status != WEIR_OK || collection->n_retired == 0) {
        return status;
    }
    status = retired_take(collection, ret_is_whole, ret_error);
    if (status == WEIR_OK) {
        *ret_is_whole &= wi_collect_folds(&collection->image, collection->first_fold,
                                          retired_leave_out, collection);
        retired_add_closed(collection);
    }
    return status;
}
