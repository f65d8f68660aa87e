/* SPDX-License-Identifier: MIT */
/* Per-CPU cells: whether there are any, and what a hook seldom needs of them. */
#include "hook/cpu.h"

#include "hook/thread.h"
#include "segment/file.h"

#include <stdlib.h>
#include <string.h>

/* Sequences that one addition may lose to interruptions before the shared cell is used: a debugger that steps
 * through one interrupts each. */
#define CPU_TRIES 16

#define CPU_USUAL 64 /* processors, if the kernel does not say how many there can be */

ptrdiff_t wi_cpu_offset;

#ifdef WI_CPU_HAS_SEQUENCES
/* glibc's, by their interface: where the area of a thread lies, and how much of it is registered. They are absent in
 * others and in earlier ones. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* All numbers that a processor can have here: one more than the last of "0-3,8-11". */
static uint32_t cpu_possible(void)
{
    char text[256];
    if (wi_file_read("/sys/devices/system/cpu/possible", text, sizeof(text)) <= 0) {
        return CPU_USUAL;
    }
    size_t length = strcspn(text, "\n");
    while (length > 0 && text[length - 1] >= '0' && text[length - 1] <= '9') {
        length--;
    }
    unsigned long last = strtoul(text + length, NULL, 10);
    return last < WI_MAX_CPU_SHARDS ? (uint32_t)last + 1 : WI_MAX_CPU_SHARDS;
}

uint32_t wi_cpu_count(void)
{
    if (!&__rseq_offset || !&__rseq_size || __rseq_size < sizeof(struct wi_cpu_area)) {
        return 0;
    }
    wi_cpu_offset = __rseq_offset;
    return cpu_possible();
}

/* The lock is only tried. False: there is no room, or not this time. */
static bool cpu_make(const struct weir_slot_head *head)
{
    uint32_t cpu = wi_load_relaxed(&wi_cpu_area()->cpu_id);
    /* Pairs with wi_shards_start. */
    uint32_t id = cpu < wi_load_acquire(&wi_index.n_cpus) ? wi_index_id(head) : UINT32_MAX;
    if (id == UINT32_MAX || !wi_thread_may_ask() || !wi_segment_trylock()) {
        return false;
    }
    uint32_t number = wi_shard_claim_for_cpu(cpu);
    bool has_room = number && wi_shard_chunk(number - 1, id >> WEIR_CHUNK_SHIFT);
    if (!has_room) {
        wi_thread_refuse();
    }
    wi_segment_unlock();
    return has_room;
}

bool wi_cpu_reach(const struct weir_slot_head *head, struct wi_cpu_cell *ret_at)
{
    if (!wi_segment_counts() || (weir_slot_id(head) & WEIR_ID_SHARED)) {
        return false;
    }
    return wi_cpu_look(head, ret_at) ||
           (wi_thread_is_counted && cpu_make(head) && wi_cpu_look(head, ret_at));
}
#else
uint32_t wi_cpu_count(void)
{
    return 0;
}

bool wi_cpu_reach(const struct weir_slot_head *head, struct wi_cpu_cell *ret_at)
{
    (void)head, (void)ret_at;
    return false;
}
#endif

void wi_cpu_add(struct weir_slot_head *head, unsigned word, uint64_t n)
{
    struct wi_cpu_cell at;
    for (int tries = wi_cpu_is_any() ? CPU_TRIES : 0; tries > 0 && wi_cpu_reach(head, &at);
         tries--) {
        bool is_done = wi_cpu_try(&at, word, n);
        wi_cpu_leave(&at);
        if (is_done) {
            return;
        }
    }
    if (wi_slot_counts()) {
        /* Pairs with the two passes of readers, pass_leaving_slot and pass_entering_slot. */
        wi_add_release(wi_slot_word((struct wi_slot *)(void *)head, word), n);
    }
}
