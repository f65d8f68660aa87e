/* SPDX-License-Identifier: MIT */
/* The only place where the console ends for lack of memory. */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_FIRST 16

_Noreturn void wc_give_up(void)
{
    fputs("weir: out of memory: select fewer names (-I, -X, --filter) or raise the limit\n",
          stderr);
    exit(7);
}

void *wc_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) {
        wc_give_up();
    }
    return memory;
}

void *wc_resize(void *memory, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size) {
        wc_give_up();
    }
    void *resized = realloc(memory, n && size ? n * size : 1);
    if (!resized) {
        wc_give_up();
    }
    return resized;
}

void *wc_grow(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room) {
        return array;
    }
    *room = *room ? 2 * *room : MEMORY_FIRST;
    return wc_resize(array, *room, size);
}

char *wc_copy(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(wc_alloc(n), text, n);
}
