/* SPDX-License-Identifier: MIT */
/* Each block has its size in front, so that returning it gives back the right number of bytes. */
#include "weir/memory.h"

#include "weir/expect.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct memory_block {
    _Alignas(max_align_t) size_t n;
};

/* A refusal counts for the part that asked, and for the whole from which it draws. */
static void memory_refuse(struct wi_memory *memory)
{
    for (struct wi_memory *m = memory; m; m = m->parent) {
        m->refusals++;
    }
}

static bool memory_admit(struct wi_memory *memory, size_t n)
{
    bool has_room = true;
    for (struct wi_memory *m = memory; m; m = m->parent) {
        if (m->countdown > 0 && --m->countdown == 0) {
            has_room = false;
        }
        if (m->bytes > m->limit || n > m->limit - m->bytes) {
            has_room = false;
        }
    }
    if (!has_room) {
        memory_refuse(memory);
    }
    return has_room;
}

static void memory_account(struct wi_memory *memory, size_t added, size_t removed)
{
    for (struct wi_memory *m = memory; m; m = m->parent) {
        m->bytes += added;
        m->bytes -= WI_EXPECT(removed <= m->bytes) ? removed : m->bytes;
    }
}

void *wi_memory_resize(struct wi_memory *memory, void *block, size_t n)
{
    struct memory_block *old = block ? (struct memory_block *)block - 1 : NULL;
    size_t held = old ? sizeof(*old) + old->n : 0;
    if (n > SIZE_MAX / 2) {
        memory_refuse(memory);
        return NULL;
    }
    size_t wanted = sizeof(*old) + n;
    if (!memory_admit(memory, wanted > held ? wanted - held : 0)) {
        return NULL;
    }
    struct memory_block *new = realloc(old, wanted);
    if (!new) {
        memory_refuse(memory);
        return NULL;
    }
    new->n = n;
    memory_account(memory, wanted, held);
    return new + 1;
}

void *wi_memory_take(struct wi_memory *memory, size_t n)
{
    return wi_memory_resize(memory, NULL, n);
}

void *wi_memory_take_zeroed(struct wi_memory *memory, size_t n)
{
    void *block = wi_memory_resize(memory, NULL, n);
    if (block) {
        memset(block, 0, n);
    }
    return block;
}

void wi_memory_return(struct wi_memory *memory, void *block)
{
    if (!block) {
        return;
    }
    struct memory_block *old = (struct memory_block *)block - 1;
    memory_account(memory, 0, sizeof(*old) + old->n);
    free(old);
}
