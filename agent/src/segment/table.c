/* SPDX-License-Identifier: MIT */
/*
 * Tables of blocks: senders and single tasks. They come and go by the thousand, so a block that is
 * free is used again before a new one is made, the one that has rested longest first. It comes back
 * without a lock: hooks push it on a stack that one taker at a time, the lock's holder, empties whole.
 */
#include "segment/segment.h"

#include <string.h>

struct wi_block *wi_table_block(enum wi_table_id table, uint32_t line)
{
    unsigned char *at = wi_segment_line(line);
    size_t offset = table == WI_SENDERS ? offsetof(struct wi_sender, out.block)
                                        : offsetof(struct wi_single, self.block);
    return (struct wi_block *)(void *)(at + offset);
}

static struct wi_table *table_head(enum wi_table_id table)
{
    return &wi_segment_header()->tables[table];
}

uint32_t wi_table_line(enum wi_table_id table, uint32_t i)
{
    const struct wi_table *head = table_head(table);
    const uint32_t *slabs = wi_segment_line(head->slabs);
    return slabs[i / head->slab_blocks] + i % head->slab_blocks * (head->block_bytes / WEIR_LINE);
}

void wi_table_give_back(enum wi_table_id table, uint32_t line)
{
    struct wi_free *list = &wi_segment.free_blocks[table];
    struct wi_block *block = wi_table_block(table, line);
    uint32_t next = __atomic_load_n(&list->pushed, __ATOMIC_RELAXED);
    do {
        __atomic_store_n(&block->next, next, __ATOMIC_RELAXED);
    } while (!__atomic_compare_exchange_n(&list->pushed, &next, line, true, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}

/* Puts what was pushed behind the list: the last one pushed comes last. */
static void table_gather(enum wi_table_id table)
{
    struct wi_free *list = &wi_segment.free_blocks[table];
    uint32_t line = __atomic_exchange_n(&list->pushed, 0, __ATOMIC_ACQUIRE);
    uint32_t newest = line;
    uint32_t after = 0;
    while (line) {
        struct wi_block *block = wi_table_block(table, line);
        uint32_t before = __atomic_load_n(&block->next, __ATOMIC_RELAXED);
        __atomic_store_n(&block->next, after, __ATOMIC_RELAXED);
        after = line;
        line = before;
    }
    if (newest && list->last) {
        __atomic_store_n(&wi_table_block(table, list->last)->next, after, __ATOMIC_RELAXED);
    } else if (newest) {
        list->first = after;
    }
    list->last = newest ? newest : list->last;
}

static uint32_t table_pop(enum wi_table_id table)
{
    struct wi_free *list = &wi_segment.free_blocks[table];
    if (!list->first) {
        table_gather(table);
    }
    uint32_t line = list->first;
    if (line) {
        list->first = __atomic_load_n(&wi_table_block(table, line)->next, __ATOMIC_RELAXED);
        list->last = list->first ? list->last : 0;
    }
    return line;
}

uint32_t wi_table_take(enum wi_table_id table, uint32_t most)
{
    struct wi_table *head = table_head(table);
    uint32_t line = table_pop(table);
    if (line) {
        return line;
    }
    uint32_t i = head->n_blocks;
    if (i >= most) {
        return 0;
    }
    if (i / head->slab_blocks >= head->n_slabs) {
        uint32_t *slabs = wi_segment_line(head->slabs);
        uint32_t slab =
            head->n_slabs < head->max_slabs
                ? wi_segment_take((size_t)head->slab_blocks * head->block_bytes / WEIR_LINE)
                : 0;
        if (!slab) {
            return 0;
        }
        __atomic_store_n(&slabs[head->n_slabs], slab, __ATOMIC_RELEASE);
        __atomic_store_n(&head->n_slabs, head->n_slabs + 1, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&head->n_blocks, i + 1, __ATOMIC_RELEASE);
    return wi_table_line(table, i);
}

/* A single task that is done may be used again, a sender that is gone only when its messages are. */
void wi_table_settle(enum wi_table_id table)
{
    memset(&wi_segment.free_blocks[table], 0, sizeof(wi_segment.free_blocks[table]));
    uint32_t n = table_head(table)->n_blocks;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t line = wi_table_line(table, i);
        uint32_t state = wi_table_block(table, line)->state;
        if (state == WI_BLOCK_FREE || (state == WI_BLOCK_GONE && table == WI_SINGLES)) {
            wi_table_give_back(table, line);
        }
    }
}
