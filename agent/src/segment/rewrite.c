/* SPDX-License-Identifier: MIT */
/* The offsets that the file repeats of the index. */
#include "segment/rewrite.h"

#include "segment/object.h"
#include "segment/retired.h"
#include "segment/segment.h"
#include "weir/kind.h"

static void rewrite_slots(void)
{
    uint32_t *slabs = wi_segment_line(WI_SLABS_LINE);
    for (uint32_t s = 0; s < wi_index.n_slabs; s++) {
        slabs[s] = wi_index.slabs[s]->line;
    }
    for (uint32_t id = 0; id < wi_index.n_slots; id++) {
        struct weir_slot_head *head = &wi_segment_slot(id)->head;
        const struct wi_slot_entry *entry = wi_index_slot(id);
        head->id = wi_slot_id_in_file(id, entry, head->flags);
        head->kind = entry->kind;
        head->name = entry->name;
        head->retired = wi_retired_placed(entry->retired);
        head->more = entry->has_more ? wi_index_more(id) : 0;
        head->histogram[0] = wi_segment_line_of(entry->histogram[0]);
        head->histogram[1] = wi_segment_line_of(entry->histogram[1]);
    }
}

/* A thread's own histograms. One that the parent has made since the fork is not here. */
static void rewrite_chunk(const struct weir_chunk *chunk, uint32_t first_id)
{
    for (uint32_t i = 0; chunk->cells && i < WEIR_CHUNK_CELLS; i++) {
        if (first_id + i < wi_index.n_slots && wi_index_slot(first_id + i)->kind == WI_CHANNEL) {
            const struct weir_histogram *own = chunk->histograms ? chunk->histograms[i] : NULL;
            chunk->cells[i].u.channel.histogram = wi_segment_line_of(own);
        }
    }
}

static void rewrite_shards(void)
{
    struct wi_shard *shards = wi_segment_line(WI_SHARDS_LINE);
    for (uint32_t s = 0; s < WI_MAX_SHARDS; s++) {
        const struct wi_shard_entry *entry = &wi_index.shards[s];
        uint32_t n_chunks = s < wi_index.n_shards ? entry->n_chunks : 0;
        uint64_t claims = shards[s].claims;
        shards[s] = (struct wi_shard){
            .state = entry->state, .n_chunks = n_chunks, .index = entry->line, .claims = claims};
        uint32_t *lines = wi_segment_line(entry->line);
        for (uint32_t c = 0; c < n_chunks; c++) {
            lines[c] = wi_segment_line_of(entry->chunks[c].cells);
            rewrite_chunk(&entry->chunks[c], c * WEIR_CHUNK_CELLS);
        }
    }
}

static void rewrite_table(enum wi_table_id table)
{
    uint32_t *slabs = wi_segment_line(wi_table_shapes[table].slabs);
    for (uint32_t s = 0; s < wi_index.n_block_slabs[table]; s++) {
        slabs[s] = wi_segment_line_of(wi_table_slab(table, s)->blocks);
    }
    for (uint32_t i = 0; table == WI_TASK_INSTANCES && i < wi_index.n_blocks[table]; i++) {
        struct wi_task_instance *instance = wi_table_at(table, i);
        for (int which = 0; which < 2; which++) {
            instance->self.histogram[which] =
                wi_segment_line_of(wi_table_histograms(table, i)[which]);
        }
    }
}

void wi_segment_rewrite(void)
{
    struct wi_header *header = wi_segment_header();
    header->used_bytes = wi_index.used_bytes;
    header->reserved_bytes = wi_index.reserved_bytes;
    header->n_slabs = wi_index.n_slabs;
    header->n_slots = wi_index.n_slots;
    header->n_shards = wi_index.n_shards;
    header->thread_shards = WI_MAX_SHARDS - wi_index.n_cpus;
    header->cpu_shards = wi_index.n_cpu_shards;
    for (int t = 0; t < WI_N_TABLES; t++) {
        header->tables[t].n_slabs = wi_index.n_block_slabs[t];
        header->tables[t].n_blocks = wi_index.n_blocks[t];
        rewrite_table((enum wi_table_id)t);
    }
    wi_objects_rewrite();
    wi_retired_write();
    rewrite_slots();
    rewrite_shards();
}
