/* SPDX-License-Identifier: MIT */
/* jemalloc: its numbers change only when its epoch is advanced, which takes some 20 us. */
#include "snapshot/heap.h"

#include <dlfcn.h>
#include <string.h>

/* Linked into the program, or found if the program starts with it in LD_PRELOAD. */
extern wi_mallctl_fn mallctl __attribute__((weak));

void wi_heap_sample(struct wi_heap *heap)
{
    static const char *const names[] = {"mallctl", "je_mallctl"};
    wi_mallctl_fn *found = mallctl;
    for (size_t i = 0; !found && i < sizeof(names) / sizeof(names[0]); i++) {
        void *symbol = dlsym(RTLD_DEFAULT, names[i]);
        memcpy(&found, &symbol, sizeof(found));
    }
    if (!found) {
        dlerror(); /* the host must not see an error of ours */
    }
    heap->mallctl = found;
}

static bool heap_number(const struct wi_heap *heap, const char *name, uint64_t *ret_number)
{
    size_t number = 0;
    size_t n = sizeof(number);
    if (heap->mallctl(name, &number, &n, NULL, 0) != 0 || n != sizeof(number)) {
        return false;
    }
    *ret_number = number;
    return true;
}

bool wi_heap_read(const struct wi_heap *heap, uint64_t *ret_allocated, uint64_t *ret_resident)
{
    uint64_t epoch = 1;
    return heap->mallctl && heap->mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0 &&
           heap_number(heap, "stats.allocated", ret_allocated) &&
           heap_number(heap, "stats.resident", ret_resident);
}
