/* SPDX-License-Identifier: MIT */
/*
 * A recording on the screen: its position, and the user's requests. Plain data.
 */
#ifndef WC_MODEL_PLAYBACK_H
#define WC_MODEL_PLAYBACK_H

#include <stdbool.h>
#include <stdint.h>

/* The state of the recording. */
struct wc_playback {
    bool is_on;                /* there is a recording */
    bool is_paused, is_at_end; /* at the end nothing moves, paused or not */
    double speed;              /* seconds of the recording in one second */
    uint64_t position, length; /* nanoseconds from the first frame */
    uint32_t interval_millis;  /* between two frames, as they were recorded */
};

/* The request of a key; the player takes it. */
enum wc_playback_action {
    WC_PLAYBACK_NONE,
    WC_PLAYBACK_TOGGLE,
    WC_PLAYBACK_MOVE,
    WC_PLAYBACK_START,
    WC_PLAYBACK_END,
    WC_PLAYBACK_SPEED
};

struct wc_playback_request {
    enum wc_playback_action request;
    int by; /* seconds for MOVE, steps for SPEED */
};

#endif
