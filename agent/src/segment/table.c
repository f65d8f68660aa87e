/* SPDX-License-Identifier: MIT */
/*
 * Tables of blocks: senders and single tasks. They come and go by the thousand, so a free block is
 * used again before a new one is made, the one that was returned first. A block is returned without
 * a lock: hooks push it on a stack, and the lock's holder takes the whole stack at once.
 */
#include "segment/segment.h"

#include "weir/atomic.h"
#include "weir/expect.h"

#include <string.h>

static struct wi_block_slab **table_slabs(enum wi_table_id table)
{
    return table == WI_SENDERS ? wi_index.senders : wi_index.instances;
}

struct wi_block_slab *wi_table_slab(enum wi_table_id table, uint32_t s)
{
    return table_slabs(table)[s];
}

void *wi_table_at(enum wi_table_id table, uint32_t number)
{
    const struct wi_block_slab *slab =
        wi_table_slab(table, number / wi_table_shapes[table].slab_blocks);
    return slab->blocks + (size_t)(number % wi_table_shapes[table].slab_blocks) *
                              wi_table_shapes[table].block_bytes;
}

/* The head of a block. */
static struct wi_block *table_block(enum wi_table_id table, uint32_t number)
{
    unsigned char *at = wi_table_at(table, number);
    size_t offset = table == WI_SENDERS ? offsetof(struct wi_sender, out.block)
                                        : offsetof(struct wi_task_instance, self.block);
    return (struct wi_block *)(void *)(at + offset);
}

struct weir_histogram **wi_table_histograms(enum wi_table_id table, uint32_t number)
{
    const struct wi_block_slab *slab =
        wi_table_slab(table, number / wi_table_shapes[table].slab_blocks);
    return &slab->histograms[2 * (size_t)(number % wi_table_shapes[table].slab_blocks)];
}

bool wi_table_is(enum wi_table_id table, uint32_t number, const void *at)
{
    /* Pairs with wi_table_take: the slab of the block is there. */
    return number < wi_load_acquire(&wi_index.n_blocks[table]) && wi_table_at(table, number) == at;
}

static struct wi_link *table_link(enum wi_table_id table, uint32_t number)
{
    struct wi_block_slab *slab = wi_table_slab(table, number / wi_table_shapes[table].slab_blocks);
    return &slab->links[number % wi_table_shapes[table].slab_blocks];
}

void wi_table_give_back(enum wi_table_id table, uint32_t number)
{
    struct wi_free *list = &wi_segment.free_blocks[table];
    if (!WI_EXPECT(number < wi_load_relaxed(&wi_index.n_blocks[table]))) {
        return;
    }
    if (!wi_segment_may_open()) {
        /* Pairs with table_take_left in the founder, which has the lists. */
        wi_store_release(&table_block(table, number)->is_left, 1);
        return;
    }
    struct wi_link *link = table_link(table, number);
    /* Pairs with itself in another thread, one of which lists the block, and with table_pop. */
    if (wi_exchange_acq_rel(&link->is_listed, 1)) {
        return;
    }
    uint32_t next = wi_load_relaxed(&list->pushed);
    /* Pairs with table_gather: the link is stored before the block is seen. */
    do {
        wi_store_relaxed(&link->next, next);
    } while (!wi_try_replace_release(&list->pushed, &next, 1 + number));
}

/* Appends the pushed blocks to the list: the last one pushed comes last. */
static void table_gather(enum wi_table_id table)
{
    struct wi_free *list = &wi_segment.free_blocks[table];
    /* Pairs with wi_table_give_back. */
    uint32_t at = wi_exchange_acquire(&list->pushed, 0);
    uint32_t newest = at;
    uint32_t after = 0;
    while (at) {
        struct wi_link *link = table_link(table, at - 1);
        uint32_t before = wi_load_relaxed(&link->next);
        wi_store_relaxed(&link->next, after);
        after = at;
        at = before;
    }
    if (newest && list->last) {
        wi_store_relaxed(&table_link(table, list->last - 1)->next, after);
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
    uint32_t at = list->first;
    if (at && !WI_EXPECT(at <= wi_index.n_blocks[table])) {
        list->first = list->last = 0;
        return 0;
    }
    if (at) {
        struct wi_link *link = table_link(table, at - 1);
        list->first = wi_load_relaxed(&link->next);
        list->last = list->first ? list->last : 0;
        /* Pairs with wi_table_give_back: from now on the block may be listed again. */
        wi_store_release(&link->is_listed, 0);
    }
    return at;
}

/* A finished single task may be used again, a closed sender only when its messages have left. */
static bool table_is_free(enum wi_table_id table, uint32_t state)
{
    return state == WI_BLOCK_FREE || (state == WI_BLOCK_GONE && table == WI_TASK_INSTANCES);
}

/* Lists the blocks that other processes of the family have freed. */
static void table_take_left(enum wi_table_id table)
{
    uint32_t n = wi_segment_is_family() ? wi_index.n_blocks[table] : 0;
    for (uint32_t i = 0; i < n; i++) {
        struct wi_block *block = table_block(table, i);
        /* Pairs with wi_table_give_back in another process. */
        if (wi_load_relaxed(&block->is_left) && wi_exchange_acquire(&block->is_left, 0) &&
            table_is_free(table, wi_load_relaxed(&block->state))) {
            wi_table_give_back(table, i);
        }
    }
}

/* Makes another slab. Returns false when there is no room for it, or for its entries in the index. */
static bool table_grow(enum wi_table_id table)
{
    struct wi_table *head = &wi_segment_header()->tables[table];
    uint32_t n = wi_index.n_block_slabs[table];
    uint32_t n_blocks = wi_table_shapes[table].slab_blocks;
    if (n >= wi_table_shapes[table].max_slabs) {
        return false;
    }
    struct wi_block_slab *slab = wi_index_take(sizeof(*slab) + n_blocks * sizeof(slab->links[0]));
    if (!slab) {
        return false;
    }
    if (table == WI_TASK_INSTANCES) {
        slab->histograms = wi_index_take(2 * n_blocks * sizeof(struct weir_histogram *));
    }
    uint32_t line =
        table == WI_TASK_INSTANCES && !slab->histograms
            ? 0
            : wi_segment_take((size_t)n_blocks * wi_table_shapes[table].block_bytes / WEIR_LINE);
    if (!line) {
        return false;
    }
    slab->blocks = wi_segment_line(line);
    uint32_t *lines = wi_segment_line(wi_table_shapes[table].slabs);
    table_slabs(table)[n] = slab;
    wi_index.n_block_slabs[table] = n + 1;
    /* Pairs with wi_image_block and collect_count_blocks of readers. */
    wi_store_release(&lines[n], line);
    wi_store_release(&head->n_slabs, n + 1);
    return true;
}

uint32_t wi_table_take(enum wi_table_id table, uint32_t most)
{
    bool may_take = WI_EXPECT(wi_segment_is_locked()) && wi_segment_may_open();
    uint32_t taken = may_take ? table_pop(table) : 0;
    uint32_t i = wi_index.n_blocks[table];
    if (may_take && !taken && (i % wi_table_shapes[table].slab_blocks == 0 || i >= most)) {
        table_take_left(table);
        taken = table_pop(table);
    }
    if (taken || !may_take) {
        return taken;
    }
    if (i >= most || (i / wi_table_shapes[table].slab_blocks >= wi_index.n_block_slabs[table] &&
                      !table_grow(table))) {
        return 0;
    }
    /* The first pairs with wi_table_is and weir_sender_left, the second with collect_count_blocks of readers. */
    wi_store_release(&wi_index.n_blocks[table], i + 1);
    wi_store_release(&wi_segment_header()->tables[table].n_blocks, i + 1);
    return i + 1;
}

void wi_table_settle(enum wi_table_id table)
{
    memset(&wi_segment.free_blocks[table], 0, sizeof(wi_segment.free_blocks[table]));
    uint32_t n = wi_index.n_blocks[table];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t state = table_block(table, i)->state;
        table_link(table, i)->is_listed = 0;
        if (table_is_free(table, state)) {
            wi_table_give_back(table, i);
        }
    }
}

/* ---- senders ------------------------------------------------------------------------------- */

/* State and generation in one word, as they lie in the segment. */
typedef uint64_t sender_word __attribute__((may_alias));
_Static_assert(offsetof(struct wi_block, state) == 0 && offsetof(struct wi_block, generation) == 4,
               "they are compared together");

static sender_word sender_state(uint32_t generation, uint32_t state)
{
    const struct wi_block block = {.state = state, .generation = generation};
    return *(const sender_word *)(const void *)&block;
}

/* Only one thread succeeds, and none that read the generation before the block was used again. */
bool wi_sender_turn(uint32_t number, uint32_t generation, uint32_t from, uint32_t to)
{
    struct wi_sender *sender = wi_table_at(WI_SENDERS, number);
    sender_word before = sender_state(generation, from);
    /* Pairs with itself in another thread, with weir_sender_close and with weir_sender_left. */
    return wi_replace_seq_cst((sender_word *)(void *)&sender->out.block, &before,
                              sender_state(generation, to));
}

/* Between a hook's count and this, other threads may have freed the block. */
void wi_sender_free(uint32_t number, uint32_t generation, uint32_t state)
{
    if (wi_sender_turn(number, generation, state, WI_BLOCK_FREE)) {
        wi_table_give_back(WI_SENDERS, number);
    }
}

void wi_senders_close(uint32_t channel, uint32_t generation)
{
    uint32_t n = wi_index.n_blocks[WI_SENDERS];
    for (uint32_t i = 0; i < n; i++) {
        struct wi_sender *sender = wi_table_at(WI_SENDERS, i);
        /* Pairs with sender_open and weir_sender_close. */
        uint32_t state = wi_load_acquire(&sender->out.block.state);
        if (state != WI_BLOCK_FREE && sender->in.channel == channel &&
            sender->in.channel_generation == generation) {
            /* Pairs with weir_sender_left, and with wi_collect_sender of readers. */
            uint32_t next = wi_add_acq_rel(&sender->out.block.generation, 1) + 1;
            wi_sender_free(i, next, WI_BLOCK_OPEN); /* it can no longer go away or come back ... */
            wi_sender_free(i, next, WI_BLOCK_AWAY);
            wi_sender_free(i, next, WI_BLOCK_GONE); /* ... but be closed meanwhile */
        }
    }
}

void wi_senders_zero(void)
{
    uint32_t n = wi_index.n_blocks[WI_SENDERS];
    for (uint32_t i = 0; i < n; i++) {
        struct wi_sender *sender = wi_table_at(WI_SENDERS, i);
        sender->out.block.generation++;
        sender->in.self = (uint64_t)sender->out.block.generation << 32 | (i + 1);
        sender->in.sent = sender->in.bytes_in = 0;
        sender->out.left = sender->out.bytes_out = 0;
        if (sender->out.block.state == WI_BLOCK_GONE) {
            sender->out.block.state = WI_BLOCK_FREE;
        }
    }
}

/* ---- single tasks -------------------------------------------------------------------------- */

void wi_task_instances_zero(void)
{
    uint32_t n = wi_index.n_blocks[WI_TASK_INSTANCES];
    for (uint32_t i = 0; i < n; i++) {
        struct wi_task_instance *instance = wi_table_at(WI_TASK_INSTANCES, i);
        instance->run.polls = instance->run.busy = instance->run.scheduled = instance->run.idle = 0;
        instance->wake.wakes = instance->wake.self_wakes = 0;
        for (int which = 0; which < 2; which++) {
            struct weir_histogram *histogram = wi_table_histograms(WI_TASK_INSTANCES, i)[which];
            if (histogram) {
                memset(histogram, 0, sizeof(*histogram));
            }
        }
    }
}
