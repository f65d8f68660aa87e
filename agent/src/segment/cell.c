/* SPDX-License-Identifier: MIT */
/* A cell, and a thread without any. */
#include "segment/cell.h"

#include <stddef.h>

WEIR_THREAD struct weir_thread weir_self WEIR_TLS_MODEL;

WEIR_THREAD bool wi_thread_is_counted WEIR_TLS_MODEL;

void wi_thread_forget(void)
{
    weir_self.n_chunks = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    weir_self.shard = 0;
    wi_thread_is_counted = false;
}

void wi_cell_reset(struct weir_cell *cell)
{
    for (size_t w = 0; w < sizeof(cell->u.word) / sizeof(cell->u.word[0]); w++) {
        __atomic_store_n(&cell->u.word[w], 0, __ATOMIC_RELEASE); /* after the slot's generation */
    }
    __atomic_store_n(&cell->left, 0, __ATOMIC_RELAXED);
    cell->gap = 0;
    cell->level = 0;
    cell->last = 0;
}
