/* SPDX-License-Identifier: MIT */
/* A state machine with one state for each form of sequence. A pause ends each state, so that a
 * broken sequence does not block the keyboard. */
#include "input/escape.h"

#define ESCAPE_MILLION     UINT64_C(1000000)
#define ESCAPE_PAUSE_NANOS (500 * ESCAPE_MILLION) /* longer within a sequence: that is broken */
#define ESCAPE_LATE_NANOS                                                                          \
    (50 * ESCAPE_MILLION) /* between ESC and `[` on a slow line; no person types so fast */
#define ESCAPE_MOUSE_CHARS 3u

enum { BELL = 0x07, CANCEL = 0x18, SUBSTITUTE = 0x1a, ESC = 0x1b };

/* The state that a character begins after ESC, or as one of C1. */
static enum wc_escape_state escape_of(uint32_t ch)
{
    switch (ch) {
    case '[':
    case 0x9b:
        return WC_ESCAPE_CONTROL;
    case 'O':
        return WC_ESCAPE_SHIFT;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
    case 0x90:
    case 0x98:
    case 0x9d:
    case 0x9e:
    case 0x9f:
        return WC_ESCAPE_STRING;
    default:
        return WC_ESCAPE_NONE;
    }
}

static void escape_enter(struct wc_escape *escape, enum wc_escape_state state)
{
    escape->state = state;
    escape->n = 0;
}

static void escape_control(struct wc_escape *escape, uint32_t ch)
{
    if (ch == ESC) {
        escape_enter(escape, WC_ESCAPE_STRING_END); /* another one begins */
    } else if (ch == 'M' && escape->n == 0) {
        escape_enter(escape, WC_ESCAPE_MOUSE);
    } else if (ch == CANCEL || ch == SUBSTITUTE || ch >= 0x40) {
        escape_enter(escape, WC_ESCAPE_NONE);
    } else {
        escape->n++;
    }
}

/* Steps over a character within a sequence. False: the character begins a new one, or is a key. */
static bool escape_step(struct wc_escape *escape, uint32_t ch)
{
    switch (escape->state) {
    case WC_ESCAPE_NONE:
        return false;
    case WC_ESCAPE_CONTROL:
        escape_control(escape, ch);
        return true;
    case WC_ESCAPE_MOUSE:
        escape->n++;
        if (escape->n == ESCAPE_MOUSE_CHARS) {
            escape_enter(escape, WC_ESCAPE_NONE);
        }
        return true;
    case WC_ESCAPE_SHIFT:
        escape_enter(escape, WC_ESCAPE_NONE);
        return true;
    case WC_ESCAPE_STRING:
        if (ch == ESC) {
            escape_enter(escape, WC_ESCAPE_STRING_END);
        } else if (ch == BELL || ch == CANCEL || ch == SUBSTITUTE || ch == 0x9c) {
            escape_enter(escape, WC_ESCAPE_NONE);
        }
        return true;
    case WC_ESCAPE_STRING_END:
        escape_enter(escape, escape_of(ch));
        return ch == '\\' || escape->state != WC_ESCAPE_NONE;
    }
    return false;
}

bool wc_escape_take(struct wc_escape *escape, uint32_t ch, bool is_after_escape, uint64_t now_nanos)
{
    bool is_late = escape->has_escape && now_nanos - escape->escape_nanos < ESCAPE_LATE_NANOS;
    escape->has_escape = false;
    if (escape->state != WC_ESCAPE_NONE && now_nanos - escape->nanos > ESCAPE_PAUSE_NANOS) {
        escape_enter(escape, WC_ESCAPE_NONE);
    }
    escape->nanos = now_nanos;
    if (is_after_escape && escape->state != WC_ESCAPE_NONE) {
        escape_step(escape, ESC);
    }
    if (escape->state != WC_ESCAPE_NONE) {
        return escape_step(escape, ch);
    }
    if (is_after_escape || is_late || (ch >= 0x80 && ch < 0xa0)) {
        escape_enter(escape, escape_of(ch));
    }
    return escape->state != WC_ESCAPE_NONE;
}

void wc_escape_alone(struct wc_escape *escape, uint64_t now_nanos)
{
    escape->has_escape = true;
    escape->escape_nanos = now_nanos;
}
