/* SPDX-License-Identifier: MIT */
/*
 * What the server says of itself: lines of "key value", in a report datagram and at its end. The
 * numbers are the game's own, kept apart from weir's, so that a test can hold one against the other.
 */
#ifndef GAME_REPORT_H
#define GAME_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mode.h"

struct report {
    struct mode mode;
    const char *state; /* running, paused, resting */
    uint64_t players, sessions;
    uint64_t queued, queued_bytes, sent, taken; /* the moves channel */
    uint64_t orphaned, orphaned_bytes;          /* of players who have left */
    uint64_t permits, permits_taken;
    uint64_t handling, served, stale; /* handed over or being handled; done */
    uint64_t players_served;          /* sessions of which a move was served while they were open */
    uint64_t refused, unknown, ignored, malformed;
    uint64_t joins, leaves, timeouts;
    uint64_t ticks; /* of the game loop */
    uint64_t replies_lost, kernel_drops;
    double cpu_seconds, uptime_seconds;
};

/* Writes the lines with a terminator, at most `n` bytes. Returns their length. */
size_t report_write(const struct report *report, char *ret_text, size_t n);

/* Prints such lines for a person, or as one JSON object. */
void report_print(const char *text, bool is_json);

/* Finds a key's value in such lines: copies it with a terminator. False: not there. */
bool report_find(const char *text, const char *key, char *ret_value, size_t n);

#endif
