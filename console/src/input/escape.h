/* SPDX-License-Identifier: MIT */
/*
 * Swallows the sequences that a terminal sends unasked: reports of focus, mouse and cursor, answers
 * to a program that ran before, the marks around a paste. Each is taken whole, so that its letters
 * do not count as keys. The forms are those of ECMA-48 (5.4: CSI; 8.3: DCS, OSC, SOS, PM, APC, ST)
 * and xterm's mouse report. No I/O. The console's one thread.
 */
#ifndef WC_INPUT_ESCAPE_H
#define WC_INPUT_ESCAPE_H

#include <stdbool.h>
#include <stdint.h>

enum wc_escape_state {
    WC_ESCAPE_NONE,
    WC_ESCAPE_CONTROL,    /* CSI: up to a letter */
    WC_ESCAPE_MOUSE,      /* three characters behind CSI M */
    WC_ESCAPE_SHIFT,      /* SS3: one character */
    WC_ESCAPE_STRING,     /* OSC, DCS and their like: up to ST or BEL */
    WC_ESCAPE_STRING_END, /* ESC in a string: the first half of ST, or the start of something else */
};

/* One for each terminal; all zero at first. */
struct wc_escape {
    enum wc_escape_state state;
    unsigned n;            /* characters since the state began */
    uint64_t nanos;        /* of the last character */
    uint64_t escape_nanos; /* when ESC came alone */
    bool has_escape;       /* it has just been returned as a key */
};

/* Takes one character. `is_after_escape`: ESC came right before it and was not returned as a key.
 * `now_nanos`: of a monotonic clock. Returns whether it is part of a sequence, and no key. */
bool wc_escape_take(struct wc_escape *escape, uint32_t ch, bool is_after_escape,
                    uint64_t now_nanos);

/* ESC came with nothing after it, and is a key. */
void wc_escape_alone(struct wc_escape *escape, uint64_t now_nanos);

#endif
