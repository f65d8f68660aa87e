/* SPDX-License-Identifier: MIT */
/* How the server meets more moves than it can serve: the four modes and their spelling. */
#ifndef GAME_MODE_H
#define GAME_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mode_kind {
    MODE_UNBOUNDED,    /* everything is queued: the leak */
    MODE_BOUNDED,      /* the queue holds so many; more are refused */
    MODE_AS_PUBLISHED, /* the consumer waits for a permit: its queue still grows */
    MODE_ADMISSION     /* a permit is tried at the door; without one a move is refused */
};

struct mode {
    enum mode_kind kind;
    uint64_t bound; /* MODE_BOUNDED: messages */
};

#define MODE_TEXT_MAX  40
#define MODE_BOUND_MAX UINT64_C(1000000000)
#define MODE_HELP      "unbounded, bounded:N, as-published or admission"

/* False: no such mode, `ret_mode` untouched. */
bool mode_read(const char *text, struct mode *ret_mode);

/* Writes its spelling, with a terminator, into MODE_TEXT_MAX bytes. */
void mode_write(struct mode mode, char *ret_text);

#endif
