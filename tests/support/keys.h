/* SPDX-License-Identifier: MIT */
/*
 * A screen of a hundred channels and one row of each other kind, and keys pressed on it. Header only;
 * one screen per test program.
 */
#ifndef KEYS_H
#define KEYS_H

#include "input/input.h"
#include "screen.h"

static struct screen screen;

static inline int setup(void **state)
{
    (void)state;
    char name[32];
    screen_init(&screen);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "%s-%02d", i % 10 == 7 ? "Rare" : "often", i);
        screen_set(&screen, WI_CHANNEL, name, "depth", i);
    }
    screen_set(&screen, WI_SEMAPHORE, "permits", "available", 1);
    screen_set(&screen, WI_TASK, "handler", "pending", 1);
    screen_set(&screen, WI_COUNTER, "joins", "value", 1);
    screen_show(&screen, 24, 80);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    screen_finish(&screen);
    return 0;
}

/* Presses a key, and lets the screen catch up. */
static inline void press(uint32_t key)
{
    wc_input_key(&screen.ui, &screen.model, &screen.layout, key);
    screen_show(&screen, 24, 80);
}

static inline void type(const char *text)
{
    while (*text) {
        press((uint32_t)(unsigned char)*text++);
    }
}

static inline struct wc_list *list(void)
{
    return &screen.ui.list[screen.ui.tab];
}

#endif
