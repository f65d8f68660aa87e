/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU cells: where threads count that have no shard. A processor's shard is one of the shards of the segment, so
 * readers add its cells to those of the threads.
 *
 * A word is added to by a restartable sequence of the kernel (rseq(2)), which glibc registers for each thread. The
 * sequence looks whether the thread still runs on the processor whose cell was found, and adds. If the kernel takes
 * the thread away or delivers a signal before the `add`, it lets the thread go on at the sequence's way out, and the
 * cell is looked up again. The `add` is the last instruction, and the only one that stores what others see: one
 * word in each sequence. Therefore a word is added once, and no two threads add to a word at a time.
 *
 * There are none where nothing is registered (another C library than glibc 2.35 and later, an old kernel, valgrind,
 * GLIBC_TUNABLES=glibc.pthread.rseq=0), under ThreadSanitizer, and on other processors than x86-64 and aarch64.
 *
 * Any thread, also in a signal handler. Nothing waits.
 */
#ifndef WI_HOOK_CPU_H
#define WI_HOOK_CPU_H

#include "hook/shard.h"
#include "segment/cell.h"
#include "segment/segment.h"

#include <stddef.h>

#if (defined(__x86_64__) && defined(__LP64__)) || (defined(__aarch64__) && defined(__AARCH64EL__))
#define WI_CPU_HAS_SEQUENCES 1
#endif
#if defined(__SANITIZE_THREAD__)
#undef WI_CPU_HAS_SEQUENCES
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef WI_CPU_HAS_SEQUENCES
#endif
#endif

/* The words that the kernel and a thread share, as rseq(2) has them. */
struct wi_cpu_area {
    uint32_t cpu_id_start;
    uint32_t cpu_id; /* kept by the kernel; not below wi_index.n_cpus: there is no cell */
    uint64_t rseq_cs;
};

/* A handle's cell of the processor that the thread ran on when it was found. */
struct wi_cpu_cell {
    struct weir_cell *cell;
    struct wi_cpu_area *area; /* the thread's */
    uint32_t cpu;
};

/* From the thread's pointer to that area; set before wi_index.n_cpus. */
extern __attribute__((visibility("hidden"))) ptrdiff_t wi_cpu_offset;

/* How many processors may have cells here: 0 to WI_MAX_CPU_SHARDS. Reads a file of the kernel: not for hooks. */
uint32_t wi_cpu_count(void);

/* Whether there may be any. */
static inline bool wi_cpu_is_any(void)
{
    return wi_load_acquire(&wi_index.n_cpus) > 0; /* pairs with wi_shards_start */
}

/* Finds the handle's cell of this processor; makes it if the thread was refused cells of its own. False: there is
 * none. */
bool wi_cpu_reach(const struct weir_slot_head *head, struct wi_cpu_cell *ret_at);

/* Adds to a word of whichever cell it is by now, or of the shared one. */
void wi_cpu_add(struct weir_slot_head *head, unsigned word, uint64_t n);

#ifdef WI_CPU_HAS_SEQUENCES
WEIR_INLINE struct wi_cpu_area *wi_cpu_area(void)
{
    unsigned char *thread;
#if defined(__x86_64__)
    __asm__("movq %%fs:0, %0" : "=r"(thread));
#else
    __asm__("mrs %0, tpidr_el0" : "=r"(thread));
#endif
    return (struct wi_cpu_area *)(void *)(thread + wi_cpu_offset);
}

/*
 * The sequence: from 2 to 3. 1 describes it to the kernel, which lets an interrupted thread go on at 4; the four bytes
 * before that are what glibc has registered as the mark of such a place. The store of rseq_cs must be the
 * instruction before 2. Returns false when nothing was added.
 */
WEIR_INLINE bool wi_cpu_sequence(const struct wi_cpu_cell *at, uint64_t *word, uint64_t n)
{
#if defined(__x86_64__)
    __asm__ goto volatile(".pushsection __rseq_cs, \"aw\"\n\t"
                          ".balign 32\n"
                          "1:\n\t"
                          ".long 0, 0\n\t"
                          ".quad 2f, 3f - 2f, 4f\n\t"
                          ".popsection\n\t"
                          "leaq 1b(%%rip), %%rax\n\t"
                          "movq %%rax, 8(%[area])\n"
                          "2:\n\t"
                          "cmpl %[cpu], 4(%[area])\n\t"
                          "jne %l[interrupted]\n\t"
                          "addq %[n], (%[word])\n"
                          "3:\n\t"
                          ".pushsection __rseq_failure, \"ax\"\n\t"
                          ".byte 0x0f, 0xb9, 0x3d\n\t"
                          ".long 0x53053053\n"
                          "4:\n\t"
                          "jmp %l[interrupted]\n\t"
                          ".popsection"
                          :
                          : [area] "r"(at->area), [cpu] "r"(at->cpu), [word] "r"(word), [n] "er"(n)
                          : "rax", "memory", "cc"
                          : interrupted);
#else
    __asm__ goto volatile(".pushsection __rseq_cs, \"aw\"\n\t"
                          ".balign 32\n"
                          "1:\n\t"
                          ".long 0, 0\n\t"
                          ".quad 2f, 3f - 2f, 4f\n\t"
                          ".popsection\n\t"
                          "adrp x9, 1b\n\t"
                          "add x9, x9, :lo12:1b\n\t"
                          "str x9, [%[area], #8]\n"
                          "2:\n\t"
                          "ldr w9, [%[area], #4]\n\t"
                          "cmp w9, %w[cpu]\n\t"
                          "b.ne %l[interrupted]\n\t"
                          "ldr x9, [%[word]]\n\t"
                          "add x9, x9, %[n]\n\t"
                          "stlr x9, [%[word]]\n"
                          "3:\n\t"
                          ".pushsection __rseq_failure, \"ax\"\n\t"
                          ".inst 0xd428bc00\n"
                          "4:\n\t"
                          "b %l[interrupted]\n\t"
                          ".popsection"
                          :
                          : [area] "r"(at->area), [cpu] "r"(at->cpu), [word] "r"(word), [n] "r"(n)
                          : "x9", "memory", "cc"
                          : interrupted);
#endif
    return true;
interrupted:
    wi_store_relaxed(&at->area->rseq_cs, 0);
    return false;
}

/* A cell that is there already. */
WEIR_INLINE bool wi_cpu_look(const struct weir_slot_head *head, struct wi_cpu_cell *ret_at)
{
    struct wi_cpu_area *area = wi_cpu_area();
    uint32_t cpu = wi_load_relaxed(&area->cpu_id);
    /* Pairs with wi_shards_start. */
    if (WEIR_UNLIKELY(cpu >= wi_load_acquire(&wi_index.n_cpus))) {
        return false;
    }
    /* Pairs with wi_shard_claim_for_cpu. */
    const struct wi_shard_entry *shard = wi_load_acquire(&wi_index.cpus[cpu]);
    ret_at->cell = WEIR_LIKELY(shard != NULL) ? wi_index_cell(shard, weir_slot_id(head)) : NULL;
    ret_at->area = area;
    ret_at->cpu = cpu;
    return ret_at->cell != NULL;
}
#else
WEIR_INLINE bool wi_cpu_sequence(const struct wi_cpu_cell *at, uint64_t *word, uint64_t n)
{
    (void)at, (void)word, (void)n;
    return false;
}

WEIR_INLINE bool wi_cpu_look(const struct weir_slot_head *head, struct wi_cpu_cell *ret_at)
{
    (void)head, (void)ret_at;
    return false;
}
#endif

/* The cell of a thread that was refused a shard, while there is none for it. False: the thread must ask. The hooks of
 * such a thread have a short path from here: straight on, and out by a last call, so that no register is saved. */
WEIR_INLINE bool wi_cpu_find(const struct weir_slot_head *head, struct wi_cpu_cell *ret_at)
{
    return WEIR_LIKELY(wi_thread_is_without) && !weir_self.shard && !wi_shard_is_left() &&
           wi_cpu_look(head, ret_at);
}

/* Adds to a word of a cell that was found just now. False: nothing was added. */
WEIR_INLINE bool wi_cpu_try(const struct wi_cpu_cell *at, unsigned word, uint64_t n)
{
    return WEIR_LIKELY(wi_cpu_sequence(at, &at->cell->u.word[word], n));
}

/* The last sequence of a hook is over. The kernel reads what rseq_cs points to whenever it takes the thread away, and
 * an archive of this code may be part of a plugin that is unloaded. */
WEIR_INLINE void wi_cpu_leave(const struct wi_cpu_cell *at)
{
    wi_store_relaxed(&at->area->rseq_cs, 0);
}

#endif
