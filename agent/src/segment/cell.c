/* SPDX-License-Identifier: MIT */
/* Cells, and the state of a thread without a shard. */
#include "segment/cell.h"

#include "weir/atomic.h"

#include <stddef.h>

WEIR_THREAD struct weir_thread weir_self WEIR_TLS_MODEL;

WEIR_THREAD bool wi_thread_is_counted WEIR_TLS_MODEL;

WEIR_THREAD bool wi_thread_is_without WEIR_TLS_MODEL;

void wi_thread_forget(void)
{
    weir_self.n_chunks = 0;
    /* Pairs with a hook in a signal handler, which must find no chunk first (weir_cell_find). */
    wi_fence_signal();
    weir_self.shard = 0;
    wi_thread_is_counted = false;
    wi_thread_is_without = false;
}

void wi_cell_reset(struct weir_cell *cell)
{
    for (size_t w = 0; w < sizeof(cell->u.word) / sizeof(cell->u.word[0]); w++) {
        /* Pairs with pass_drop_mixed and pass_entering_slot of readers, which load the generation again. */
        wi_store_release(&cell->u.word[w], 0); /* after the slot's generation */
    }
    wi_store_relaxed(&cell->left, 0);
    cell->gap = 0;
    cell->level = 0;
    cell->last = 0;
}
