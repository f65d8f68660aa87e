/* SPDX-License-Identifier: MIT */
/* Allocation functions that fail on request, and count what is not freed. */
#include "failing_malloc.h"

#include <stdint.h>
#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t n);
void __real_free(void *memory);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t n);
void __wrap_free(void *memory);

static size_t failing_left; /* allocations until one fails; 0: none does */
static bool failing_once;
static bool failing_now;
static bool failing_has_failed;
static long failing_blocks;

void failing_malloc_arm(size_t n)
{
    failing_left = n;
    failing_once = false;
    failing_now = false;
    failing_has_failed = false;
}

void failing_malloc_arm_once(size_t n)
{
    failing_malloc_arm(n);
    failing_once = true;
}

bool failing_malloc_disarm(void)
{
    failing_left = 0;
    failing_now = false;
    return failing_has_failed;
}

long failing_malloc_blocks(void)
{
    return failing_blocks;
}

static bool failing_fails(void)
{
    if (failing_left > 0 && --failing_left == 0) {
        failing_now = !failing_once;
        failing_has_failed = true;
        return true;
    }
    return failing_now;
}

static void *failing_count(void *memory)
{
    failing_blocks += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t n)
{
    return failing_fails() ? NULL : failing_count(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return failing_fails() ? NULL : failing_count(__real_calloc(n, size));
}

void *__wrap_realloc(void *memory, size_t n)
{
    if (failing_fails()) {
        return NULL;
    }
    void *result = __real_realloc(memory, n);
    if (!memory) {
        failing_count(result);
    }
    return result;
}

void __wrap_free(void *memory)
{
    failing_blocks -= memory != NULL;
    __real_free(memory);
}
