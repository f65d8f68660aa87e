/* SPDX-License-Identifier: MIT */
/*
 * Totals by name: the counts of closed handles, as rows with counters only, and the sums of
 * histograms over open and closed handles.
 *
 * Histograms of a live mapping are read when a caller asks for them, long after the slots, so slots
 * may be used again meanwhile. If a slot is used again before its histogram is read, its life has
 * changed, and its waits are in those of its name. If it is used again after that, its waits are in
 * both. Then all is read again; later tries also keep each slot's share, to subtract it again.
 */
#include "snapshot/state.h"

#include "segment/file.h"
#include "segment/retired.h"
#include "weir/atomic.h"
#include "weir/expect.h"

#include <stdlib.h>
#include <string.h>

#define TOTALS_TRIES 8 /* tries to read a changing part; the second half of them keeps shares */

/* ---- rows ------------------------------------------------------------------------------------- */

enum weir_status wi_view_meet_retired(struct segment_view *view, struct weir_error *ret_error)
{
    for (size_t i = 0; i < view->collection.n_retired; i++) {
        char name[WEIR_NAME_MAX + 1] = "other";
        uint32_t unit = view->collection.retired[i].name;
        if (view->retired[i].name) {
            continue;
        }
        enum weir_status status =
            unit ? wi_collect_string(&view->collection.image, unit, name, sizeof(name), ret_error)
                 : WEIR_OK;
        if (status != WEIR_OK) {
            return status;
        }
        size_t length = strlen(name) + 1;
        view->retired[i].name = malloc(length);
        if (!view->retired[i].name) {
            wi_error_set(ret_error, "no memory for a name");
            return WEIR_E_MEMORY;
        }
        memcpy(view->retired[i].name, name, length);
    }
    return WEIR_OK;
}

void wi_view_forget_retired(struct segment_view *view)
{
    for (size_t i = 0; i < view->room_retired; i++) {
        free(view->retired[i].name);
    }
    free(view->retired);
}

static void totals_put(struct wi_row *row, int metric, const uint64_t *words, int n)
{
    for (int i = 0; i < n; i++) {
        wi_row_put_u64(row, metric + i, words[i]);
    }
}

static void totals_build_task(struct wi_row *row, const uint64_t *words)
{
    const uint64_t *instances = &words[WI_RETIRED_INSTANCES];
    wi_row_put_u64(row, WI_TASK_SPAWNED, words[WI_RETIRED_SPAWNED]);
    wi_row_put_u64(row, WI_TASK_RUNS, words[WI_RETIRED_RUNS]);
    totals_put(row, WI_TASK_FINISHED_OK, &words[WI_RETIRED_FINISHED], 3);
    if (instances[INSTANCE_POLLS] || instances[INSTANCE_IDLE]) {
        wi_row_put_u64(row, WI_TASK_POLLS, instances[INSTANCE_POLLS]);
        wi_row_put_nanos(row, WI_TASK_BUSY, instances[INSTANCE_BUSY]);
        wi_row_put_nanos(row, WI_TASK_SCHEDULED, instances[INSTANCE_SCHEDULED]);
        wi_row_put_nanos(row, WI_TASK_IDLE, instances[INSTANCE_IDLE]);
        wi_row_put_u64(row, WI_TASK_WAKES, instances[INSTANCE_WAKES]);
    }
}

/* The counts in a channel's unit, from the first of their words. */
static void totals_build_flow(struct wi_row *row, const uint64_t *words)
{
    wi_row_put_u64(row, WI_CHANNEL_SENT, words[WI_RETIRED_SENT]);
    wi_row_put_u64(row, WI_CHANNEL_RECEIVED, words[WI_RETIRED_RECEIVED]);
    totals_put(row, WI_CHANNEL_DISCARDED_OVERWRITE, &words[WI_RETIRED_DISCARDED], 3);
}

static void totals_build(struct wi_row *row, uint32_t kind, const uint64_t *words,
                         double limit_seconds)
{
    switch (kind) {
    case WI_CHANNEL:
        totals_build_flow(row, words);
        totals_put(row, WI_CHANNEL_REJECTS_FULL, &words[WI_RETIRED_REJECTS], 4);
        wi_row_put_f64(row, WI_CHANNEL_FULL_SECONDS, limit_seconds);
        break;
    case WI_SEMAPHORE:
        wi_row_put_u64(row, WI_SEMAPHORE_ACQUIRES, words[WI_RETIRED_ACQUIRES]);
        wi_row_put_u64(row, WI_SEMAPHORE_ACQUIRED, words[WI_RETIRED_ACQUIRED]);
        wi_row_put_u64(row, WI_SEMAPHORE_RELEASED, words[WI_RETIRED_RELEASED]);
        totals_put(row, WI_SEMAPHORE_REJECTS_EXHAUSTED, &words[WI_RETIRED_REJECTS], 3);
        wi_row_put_f64(row, WI_SEMAPHORE_EXHAUSTED_SECONDS, limit_seconds);
        break;
    case WI_TASK:
        totals_build_task(row, words);
        break;
    case WI_LOOP:
        wi_row_put_u64(row, WI_LOOP_ITERATIONS, words[WI_RETIRED_ITERATIONS]);
        wi_row_put_nanos(row, WI_LOOP_BUSY, words[WI_RETIRED_BUSY]);
        wi_row_put_nanos(row, WI_LOOP_IDLE, words[WI_RETIRED_IDLE]);
        break;
    default:
        wi_row_put_u64(row, WI_COUNTER_VALUE, words[WI_RETIRED_VALUE]);
        break;
    }
}

bool wi_view_retired(struct segment_view *view, size_t i, enum wi_kind *ret_kind,
                     struct wi_row *row)
{
    const struct wi_raw_retired *raw = &view->collection.retired[i];
    if (!wi_kind_has_slots(raw->kind) || raw->kind == WI_GAUGE) {
        return false;
    }
    row->name = view->retired[i].name;
    totals_build(row, raw->kind, raw->word, view->retired[i].limit_seconds);
    *ret_kind = (enum wi_kind)raw->kind;
    return true;
}

bool wi_view_retired_bytes(struct segment_view *view, size_t i, struct wi_row *row)
{
    const struct wi_raw_retired *raw = &view->collection.retired[i];
    if (raw->kind != WI_CHANNEL || !raw->word[WI_RETIRED_SENT_BYTES]) {
        return false;
    }
    row->name = view->retired[i].name;
    totals_build_flow(row, &raw->word[WI_RETIRED_SENT_BYTES]);
    wi_row_put_text(row, WI_CHANNEL_UNIT, "bytes");
    return true;
}

/* ---- histograms --------------------------------------------------------------------------------- */

/* One slot's share of a sum, kept to subtract it again. */
struct totals_share {
    uint32_t id, life;
    uint16_t group;
    struct wi_octaves octaves;
};

/* A sum that is being made. */
struct totals_sum {
    struct segment_view *view;
    enum wi_kind kind;
    unsigned which;
    const struct wi_octave_groups *groups;
    uint64_t *stamps;            /* of the waits of each name */
    struct totals_share *shares; /* NULL: no shares are kept */
    size_t n_shares, most_shares;
    bool is_doubled; /* some waits are included twice */
    bool is_torn;
};

/* Adds a slot's histograms, unless its counts have left it. Those in a copied file do not change. */
static void totals_add_slot(struct totals_sum *sum, size_t id, uint16_t group)
{
    const struct wi_collection *collection = &sum->view->collection;
    const struct weir_slot_head *head = wi_collect_head(collection, id);
    uint32_t life = (uint32_t)wi_collect_raw(collection, id)->life;
    struct weir_histogram *all = &sum->view->scratch;
    /* The load pairs with slot_claim. */
    if (!head || !wi_collect_histogram(collection, id, sum->which, all) ||
        wi_slot_life(wi_load_acquire(&head->generation)) != life) {
        return;
    }
    if (!WI_EXPECT(group < sum->groups->n)) {
        return;
    }
    wi_octaves_add(&sum->groups->sums[group], all);
    if (sum->shares && WI_EXPECT(sum->n_shares < sum->most_shares)) {
        struct totals_share *share = &sum->shares[sum->n_shares++];
        *share = (struct totals_share){.id = (uint32_t)id, .life = life, .group = group};
        wi_octaves_add(&share->octaves, all);
    }
}

static void totals_add_slots(struct totals_sum *sum)
{
    const struct segment_view *view = sum->view;
    for (size_t i = 0; i < view->n_order[sum->kind]; i++) {
        totals_add_slot(sum, view->order[sum->kind][i], sum->groups->of_row[i]);
    }
    for (size_t id = 0; view->collection.n_closed && id < view->collection.n; id++) {
        const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
        if (wi_raw_is_closed(raw) && raw->retired <= view->collection.n_retired &&
            raw->kind == sum->kind) {
            totals_add_slot(sum, id, sum->groups->of_retired[raw->retired - 1]);
        }
    }
}

static void totals_add_retired(struct totals_sum *sum)
{
    const struct wi_collection *collection = &sum->view->collection;
    for (size_t i = 0; i < collection->n_retired; i++) {
        uint64_t words[WI_OCTAVES + 2];
        if (collection->retired[i].kind != sum->kind ||
            !WI_EXPECT(sum->groups->of_retired[i] < sum->groups->n)) {
            continue;
        }
        sum->stamps[i] =
            wi_collect_retired_waits(&collection->image, i, sum->which, words, &sum->is_torn);
        struct wi_octaves *group = &sum->groups->sums[sum->groups->of_retired[i]];
        for (size_t octave = 0; sum->stamps[i] && octave <= WI_OCTAVES; octave++) {
            group->count[octave] += words[octave];
        }
        group->sum += words[WI_OCTAVES + 1];
        group->is_measured |= sum->stamps[i] != 0;
    }
}

static void totals_take_out(struct wi_octaves *from, const struct wi_octaves *less)
{
    from->sum -= less->sum;
    for (size_t octave = 0; octave <= WI_OCTAVES; octave++) {
        from->count[octave] -= less->count[octave];
    }
}

static void totals_see_fold(void *context, uint64_t number, uint64_t entry)
{
    struct totals_sum *sum = context;
    const struct wi_collection *collection = &sum->view->collection;
    uint32_t id = wi_retired_entry_slot(entry);
    uint32_t i = wi_retired_entry_number(entry);
    if (id >= collection->n || i >= collection->n_retired || number > sum->stamps[i] ||
        wi_collect_raw(collection, id)->kind != sum->kind ||
        wi_collect_raw(collection, id)->life != wi_retired_entry_life(entry)) {
        return;
    }
    sum->is_doubled = true;
    for (size_t s = 0; s < sum->n_shares; s++) {
        if (sum->shares[s].id == id && sum->shares[s].life == wi_retired_entry_life(entry)) {
            totals_take_out(&sum->groups->sums[sum->shares[s].group], &sum->shares[s].octaves);
            sum->shares[s].life = 0;
        }
    }
}

/* Returns false when some slots may be included twice. */
static bool totals_sum(struct totals_sum *sum)
{
    const struct wi_collection *collection = &sum->view->collection;
    const struct wi_header *header = collection->image.header;
    bool is_live = wi_source_is_self(sum->view->source);
    /* Pairs with wi_retired_fold. */
    uint64_t first = is_live ? wi_load_acquire(&header->n_folds) : collection->first_fold;
    memset(sum->groups->sums, 0, sum->groups->n * sizeof(*sum->groups->sums));
    sum->n_shares = 0;
    sum->is_doubled = sum->is_torn = false;
    totals_add_slots(sum);
    totals_add_retired(sum);
    bool is_whole = collection->n_retired == 0 ||
                    wi_collect_folds(&collection->image, first, totals_see_fold, sum);
    is_whole &= !sum->is_torn || collection->image.is_still;
    return is_whole && (!sum->is_doubled || sum->shares);
}

enum weir_status wi_view_octaves(struct segment_view *view, enum wi_kind kind, int metric,
                                 const struct wi_octave_groups *groups)
{
    struct totals_sum all = {
        .view = view, .kind = kind, .which = wi_view_measure(kind, metric), .groups = groups};
    struct totals_sum *sum = &all;
    sum->most_shares = view->n_order[sum->kind] + view->collection.n_closed + 1;
    bool is_exact = false;
    sum->stamps = calloc(view->collection.n_retired + 1, sizeof(*sum->stamps));
    if (!sum->stamps) {
        return WEIR_E_MEMORY;
    }
    int first = view->collection.image.is_copy ? TOTALS_TRIES - 1
                                               : 0; /* to read a copy again gives the same */
    for (int i = first; i < TOTALS_TRIES && !is_exact; i++) {
        if (!sum->shares && i >= TOTALS_TRIES / 2) {
            sum->shares = malloc(sum->most_shares * sizeof(*sum->shares));
        }
        is_exact = totals_sum(sum);
    }
    free(sum->shares);
    free(sum->stamps);
    return is_exact ? WEIR_OK : WEIR_E_LIMIT;
}
