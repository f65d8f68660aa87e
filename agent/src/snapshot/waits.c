/* SPDX-License-Identifier: MIT */
/*
 * The histograms of a segment, read when a row is built: few rows are looked at, and a histogram is
 * fourteen lines. A slot's is the sum of what lies in several places, and a slot that is used again
 * has its next generation before its histograms are given away. The exporter's thread.
 */
#include "snapshot/collect.h"

#include "segment/retired.h"
#include "weir/atomic.h"

#include <string.h>

bool wi_collect_add(const struct wi_image *image, uint32_t line, struct weir_histogram *sum)
{
    const struct weir_histogram *part = wi_image_at(image, line, sizeof(*part));
    if (!part) {
        return false;
    }
    /* These pair with weir_cell_add of the inline hooks; shared histograms need no order (wi_sample_measure). */
    for (size_t b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        sum->bucket[b] += wi_load_acquire(&part->bucket[b]);
    }
    sum->sum += wi_load_acquire(&part->sum);
    uint64_t max = wi_load_acquire(&part->max);
    sum->max = max > sum->max ? max : sum->max;
    return true;
}

static bool waits_add_all(const struct wi_collection *collection, size_t id, unsigned which,
                          struct weir_histogram *ret_histogram)
{
    const struct wi_image *image = &collection->image;
    const struct wi_raw *raw = wi_collect_raw(collection, id);
    const struct weir_slot_head *head = wi_collect_head(collection, id);
    /* Pairs with sampler_make and slot_fill. */
    uint32_t line = head ? wi_load_acquire(&head->histogram[which]) : 0;
    bool has_own = raw->kind == WI_CHANNEL && raw->sampling == WEIR_SAMPLING_ALL && which == 0;
    if (!line && !has_own) {
        return false; /* most have none: nothing is made empty for them */
    }
    memset(ret_histogram, 0, sizeof(*ret_histogram));
    bool has_any = wi_collect_add(image, line, ret_histogram);
    if (!has_own) {
        return has_any;
    }
    const struct wi_shard *shards = image->shards;
    /* Pairs with wi_shard_claim. */
    uint32_t n_shards = wi_load_acquire(&image->header->n_shards);
    for (uint32_t s = 0; s < n_shards && s < WI_MAX_SHARDS; s++) {
        const struct weir_cell *cells;
        if (wi_image_cells(image, &shards[s], id >> WEIR_CHUNK_SHIFT, &cells, NULL) == WEIR_OK &&
            cells) {
            const struct weir_cell *cell = &cells[id & (WEIR_CHUNK_CELLS - 1)];
            /* Pairs with sampler_own. */
            has_any |=
                wi_collect_add(image, wi_load_acquire(&cell->u.channel.histogram), ret_histogram);
        }
    }
    return has_any;
}

/* The generation pairs with slot_claim. */
bool wi_collect_histogram(const struct wi_collection *collection, size_t id, unsigned which,
                          struct weir_histogram *ret_histogram)
{
    const struct weir_slot_head *head = wi_collect_head(collection, id);
    return waits_add_all(collection, id, which, ret_histogram) && head &&
           wi_slot_life(wi_load_acquire(&head->generation)) == wi_collect_raw(collection, id)->life;
}

bool wi_collect_task_instance_histogram(const struct wi_collection *collection, size_t i,
                                        unsigned which, struct weir_histogram *ret_histogram)
{
    const struct wi_task_instance *block = wi_image_block(&collection->image, WI_TASK_INSTANCES, i);
    memset(ret_histogram, 0, sizeof(*ret_histogram));
    /* Pairs with instance_histograms, by the store of OPEN in instance_open. */
    return block &&
           wi_collect_add(&collection->image, wi_load_acquire(&block->self.histogram[which & 1U]),
                          ret_histogram);
}
