/* SPDX-License-Identifier: MIT */
/*
 * Plays a recording in the place of a server.
 *
 *     link -> bytes -> loopback (the exporter's engine) -> process view <- provider.c <- file
 *
 * A clock and a speed decide which moment is shown. When the next frame's moment has come, and the
 * caller has received everything about the frame before, the provider shows it and the engine sends
 * it. So each frame is sent, and a slow caller needs no memory. The timer, which the caller polls,
 * is set to the next frame's moment, and to now while bytes are left to be received.
 *
 * A change of speed, a pause or a jump notes the present moment, and time runs again from there. It
 * begins to run when a Watch or a Subscribe runs. In a hurry there is no clock. The reader checks
 * the file: the replay ends where the reader says that it ends. One thread.
 */
#include "record/replay.h"

#include "base/memory.h"
#include "record/provider.h"
#include "weir/loopback.h"
#include "weir/nanos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define REPLAY_BUNDLE_NANOS UINT64_C(50000000) /* fast playback advances in steps of so much time */
#define REPLAY_AT_ONCE      64 /* frames without a message: then the caller has its turn */
#define REPLAY_FAR_NANOS    UINT64_C(3600000000000)
#define REPLAY_SLOWEST      0.01
#define REPLAY_FASTEST      1e6

struct wc_replay {
    struct wc_recorded *recorded; /* the process view's, which is the loopback's */
    struct wc_reader *reader;
    struct wi_loopback *loopback;
    const uint8_t *output; /* not yet received */
    size_t n_output;
    uint64_t base_position, base_nanos; /* the moment at a time of the clock */
    double speed;
    bool is_paused, is_watched, is_hurried;
    bool is_over; /* the last frame has been sent and received */
    int timer;
};

/* ---- time --------------------------------------------------------------------------------- */

static uint64_t replay_position(const struct wc_replay *replay)
{
    uint64_t length = wc_reader_length(replay->reader);
    double gone = replay->is_paused || !replay->is_watched
                      ? 0
                      : (double)(wi_nanos(CLOCK_MONOTONIC) - replay->base_nanos) * replay->speed;
    double left = (double)(length - replay->base_position);
    return gone < left ? replay->base_position + (uint64_t)gone : length;
}

/* From here on time runs again: after a change of speed, a pause, a jump. */
static void replay_rebase(struct wc_replay *replay, uint64_t position)
{
    replay->base_position = position;
    replay->base_nanos = wi_nanos(CLOCK_MONOTONIC);
}

/* Nanoseconds until the next frame; 0: its moment has come. */
static uint64_t replay_patience(const struct wc_replay *replay)
{
    uint64_t next = wc_reader_peek(replay->reader), position = replay_position(replay);
    if (next == UINT64_MAX || !replay->is_watched || (replay->is_paused && !replay->is_hurried)) {
        return REPLAY_FAR_NANOS;
    }
    if (next <= position || replay->is_hurried) {
        return 0;
    }
    double wait = (double)(next - position) / replay->speed;
    return wait < (double)REPLAY_FAR_NANOS ? (uint64_t)wait + 1 : REPLAY_FAR_NANOS;
}

static void replay_arm(struct wc_replay *replay, uint64_t nanos)
{
    nanos = nanos > 0 ? nanos : 1;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(nanos / WI_SECOND), .tv_nsec = (long)(nanos % WI_SECOND)}};
    timerfd_settime(replay->timer, 0, &when, NULL);
}

/* ---- the connection ----------------------------------------------------------------------- */

ssize_t wc_replay_send(struct wc_replay *replay, const uint8_t *bytes, size_t n)
{
    if (wi_loopback_receive(replay->loopback, bytes, n) != WEIR_OK) {
        errno = EPIPE;
        return -1;
    }
    replay_arm(replay, 0);
    return (ssize_t)n;
}

/* Shows the next frame, when its moment has come and the one before was received. */
static bool replay_advance(struct wc_replay *replay)
{
    bool is_watched = wi_loopback_is_watched(replay->loopback);
    if (is_watched && !replay->is_watched) {
        replay_rebase(replay, replay->base_position);
    }
    replay->is_watched |= is_watched;
    bool is_ready = wi_loopback_is_ready(replay->loopback);
    bool is_next = is_ready && replay_patience(replay) == 0 && wc_recorded_next(replay->recorded);
    replay->is_over = is_ready && !is_next && wc_reader_peek(replay->reader) == UINT64_MAX;
    return is_next && wi_loopback_refresh(replay->loopback, NULL) == WEIR_OK;
}

ssize_t wc_replay_receive(struct wc_replay *replay, uint8_t *ret_bytes, size_t room)
{
    size_t n = 0;
    uint64_t expired;
    int n_frames = 0;
    enum weir_status status = WEIR_OK;
    (void)!read(replay->timer, &expired, sizeof(expired));
    while (n < room && status == WEIR_OK) {
        if (replay->n_output == 0) {
            status = wi_loopback_send(replay->loopback, &replay->output, &replay->n_output);
        }
        if (replay->n_output == 0) {
            if (n > 0 || n_frames++ == REPLAY_AT_ONCE || status != WEIR_OK ||
                !replay_advance(replay)) {
                break;
            }
            continue;
        }
        size_t part = replay->n_output < room - n ? replay->n_output : room - n;
        memcpy(ret_bytes + n, replay->output, part);
        replay->output += part;
        replay->n_output -= part;
        n += part;
    }
    if (n > 0 || status != WEIR_OK) {
        replay_arm(replay, 0);
        return (ssize_t)n;
    }
    uint64_t patience = replay_patience(replay);
    bool is_fast = patience < REPLAY_BUNDLE_NANOS && !replay->is_hurried;
    replay_arm(replay, is_fast ? REPLAY_BUNDLE_NANOS : patience);
    errno = EAGAIN;
    return -1;
}

int wc_replay_fd(const struct wc_replay *replay)
{
    return replay->timer;
}

/* ---- opening ------------------------------------------------------------------------------ */

enum wc_status wc_replay_open(const char *path, struct wc_replay **ret_replay,
                              struct wc_error *ret_error)
{
    struct wi_process_view *view = NULL;
    struct wc_recorded *recorded = NULL;
    enum wc_status code = wc_recorded_open(path, &view, &recorded, ret_error);
    if (code != WC_OK) {
        return code;
    }
    struct wc_replay *replay = wc_alloc(sizeof(*replay));
    replay->recorded = recorded;
    replay->reader = wc_recorded_reader(recorded);
    replay->speed = 1;
    const Weir__V1__Description *description = wc_reader_opening(replay->reader)->description;
    struct wi_loopback_texts texts = {description->http_address, description->grpc_address,
                                      description->notice};
    if (wi_loopback_open(view, &texts, &replay->loopback) != WEIR_OK) {
        wc_give_up();
    }
    (void)wi_loopback_refresh(replay->loopback, NULL);
    replay->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (replay->timer < 0) {
        wc_replay_close(replay);
        return wc_error_set(ret_error, WC_INCOMPLETE, "no timer: too many files are open");
    }
    *ret_replay = replay;
    return WC_OK;
}

void wc_replay_close(struct wc_replay *replay)
{
    if (!replay) {
        return;
    }
    wi_loopback_close(replay->loopback);
    if (replay->timer >= 0) {
        close(replay->timer);
    }
    free(replay);
}

/* ---- control ------------------------------------------------------------------------------ */

void wc_replay_seek(struct wc_replay *replay, uint64_t position)
{
    uint64_t length = wc_reader_length(replay->reader);
    replay_rebase(replay, position < length ? position : length);
    (void)wc_recorded_seek(replay->recorded, replay->base_position);
    (void)wi_loopback_refresh(replay->loopback, NULL);
    replay->is_over = false;
    replay_arm(replay, 0);
}

void wc_replay_pause(struct wc_replay *replay, bool is_paused)
{
    replay_rebase(replay, replay_position(replay));
    replay->is_paused = is_paused;
    replay_arm(replay, 0);
}

void wc_replay_speed(struct wc_replay *replay, double speed)
{
    replay_rebase(replay, replay_position(replay));
    replay->speed = speed < REPLAY_SLOWEST   ? REPLAY_SLOWEST
                    : speed > REPLAY_FASTEST ? REPLAY_FASTEST
                                             : speed;
    replay_arm(replay, 0);
}

void wc_replay_hurry(struct wc_replay *replay)
{
    replay->is_hurried = true;
    replay_arm(replay, 0);
}

bool wc_replay_is_over(const struct wc_replay *replay)
{
    return replay->is_over;
}

/* ---- facts --------------------------------------------------------------------------------- */

void wc_replay_playback(const struct wc_replay *replay, struct wc_playback *ret_playback)
{
    uint64_t length = wc_reader_length(replay->reader);
    uint64_t position = replay_position(replay);
    *ret_playback = (struct wc_playback){
        .is_on = true,
        .is_paused = replay->is_paused,
        .is_at_end = position >= length,
        .speed = replay->speed,
        .position = position,
        .length = length,
        .interval_millis = wc_reader_opening(replay->reader)->interval_millis,
    };
}

const char *wc_replay_notice(const struct wc_replay *replay)
{
    return wc_reader_notice(replay->reader);
}
