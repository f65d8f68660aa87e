/* SPDX-License-Identifier: MIT */
/*
 * Plays a recording in the place of a server.
 *
 * A request sets the mode; a clock and a speed say which moment is shown. An answer is made when
 * it is taken, not before: so a slow taker holds nothing up in memory. At most 64 are taken
 * between two steps, so that a fast replay lets the keyboard have its turn. The timer, which the
 * caller polls, is set to the next frame's moment, and at once while anything is owed.
 *
 * A change of speed, a pause or a jump notes where it was when, and time runs anew from there. A
 * Watch is answered anew after a jump; a Subscribe goes through to the end as fast as it is taken;
 * a Snapshot is one answer, of the last frame unless another was sought.
 *
 * The replay owns the reader, the frame that is shown, and copies of what was asked. What is wrong
 * with the file is the reader's matter: the replay ends where the reader says that it ends. One
 * thread.
 */
#include "record/replay.h"

#include "base/memory.h"
#include "record/replay_server.h"
#include "record/replay_history.h"
#include "record/reader.h"
#include "weir/nanos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define REPLAY_AT_ONCE    64                 /* looks taken between two steps */
#define REPLAY_BEAT_NANOS UINT64_C(50000000) /* fast playing comes in bundles of so much time */
#define REPLAY_FAR_NANOS  UINT64_C(3600000000000)
#define REPLAY_SLOWEST    0.01
#define REPLAY_FASTEST    1e6
#define REPLAY_TOPICS     64u

enum replay_mode { REPLAY_IDLE, REPLAY_WATCH, REPLAY_SNAPSHOT, REPLAY_LINES };

struct wc_replay {
    struct wc_reader *reader;
    struct wc_frame frame;
    uint64_t at; /* of the look that is shown */
    uint64_t now_nanos;
    uint64_t base_position, base_nanos; /* where it was when */
    double speed;
    bool is_paused, has_sought;
    enum replay_mode mode;
    bool is_owed; /* an answer of the look that is shown */
    bool is_complete;
    int n_taken; /* since the last step */
    Weir__V1__WatchRequest *watch;
    struct wc_replay_server_state answers;
    Weir__V1__SnapshotRequest *snapshot;
    struct wc_topics topics;
    struct wi_catalog catalog; /* what the recorded process had at all */
    struct wc_frame before;    /* of topics of which only changes are wanted */
    bool has_before;
    struct wc_replay_history_metric asked[WC_REPLAY_HISTORY_ASKED];
    size_t n_asked;
    struct wc_replay_history past;
    size_t next_series;
    int timer;
};

/* ---- time --------------------------------------------------------------------------------- */

static uint64_t replay_position(const struct wc_replay *replay)
{
    uint64_t length = wc_reader_length(replay->reader);
    double gone = replay->is_paused || replay->mode != REPLAY_WATCH
                      ? 0
                      : (double)(replay->now_nanos - replay->base_nanos) * replay->speed;
    double left = (double)(length - replay->base_position);
    return gone < left ? replay->base_position + (uint64_t)gone : length;
}

/* From here on time runs anew: after a change of speed, a pause, a jump. */
static void replay_rebase(struct wc_replay *replay)
{
    replay->now_nanos = wi_nanos(CLOCK_MONOTONIC);
    replay->base_position = replay_position(replay);
    replay->base_nanos = replay->now_nanos;
}

static bool replay_owes(const struct wc_replay *replay)
{
    return replay->is_owed || replay->n_asked > 0 || replay->next_series < replay->past.n_series ||
           (replay->mode == REPLAY_LINES && !replay->is_complete);
}

/* Nanoseconds until there is something to take. */
static uint64_t replay_patience(struct wc_replay *replay)
{
    if (replay_owes(replay)) {
        return 1;
    }
    uint64_t next = wc_reader_peek(replay->reader);
    if (replay->mode != REPLAY_WATCH || replay->is_paused || next == UINT64_MAX) {
        return REPLAY_FAR_NANOS;
    }
    uint64_t position = replay_position(replay);
    double wait = next > position ? (double)(next - position) / replay->speed : 1;
    wait = wait < (double)REPLAY_FAR_NANOS ? wait : (double)REPLAY_FAR_NANOS;
    bool is_fast = wait < (double)REPLAY_BEAT_NANOS && replay->n_taken < REPLAY_AT_ONCE;
    return is_fast ? REPLAY_BEAT_NANOS : (uint64_t)wait + 1;
}

static void replay_arm(struct wc_replay *replay)
{
    uint64_t nanos = replay_patience(replay);
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(nanos / WI_SECOND), .tv_nsec = (long)(nanos % WI_SECOND)}};
    timerfd_settime(replay->timer, 0, &when, NULL);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* A recording's topics are those of the metrics that its process described, as far as they are known. */
static void replay_catalog(struct wi_catalog *catalog, const Weir__V1__Description *description)
{
    for (size_t i = 0; i < description->n_metrics; i++) {
        const Weir__V1__Metric *metric = description->metrics[i];
        if ((unsigned)metric->kind < WI_N_KINDS &&
            metric->index < wi_metric_table((enum wi_kind)metric->kind)->n_metrics) {
            catalog->fields[metric->kind] |= UINT64_C(1) << metric->index;
        }
    }
    for (size_t i = 0; i < description->n_absences; i++) {
        const Weir__V1__Absence *absence = description->absences[i];
        if ((unsigned)absence->kind < WI_N_KINDS && catalog->fields[absence->kind] == 0) {
            catalog->absence[absence->kind] = absence->text;
        }
    }
}

enum wc_status wc_replay_open(const char *path, struct wc_replay **ret_replay,
                              struct wc_error *ret_error)
{
    struct wc_reader *reader = NULL;
    enum wc_status code = wc_reader_open(path, &reader, ret_error);
    if (code != WC_OK) {
        return code;
    }
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0) {
        wc_reader_close(reader);
        return wc_error_set(ret_error, WC_INCOMPLETE, "no timer: too many files are open");
    }
    struct wc_replay *replay = wc_alloc(sizeof(*replay));
    replay->reader = reader;
    replay->timer = timer;
    replay->speed = 1;
    wc_frame_init(&replay->frame);
    wc_frame_init(&replay->before);
    (void)wc_reader_seek(reader, 0, &replay->frame, &replay->at);
    replay_catalog(&replay->catalog, wc_reader_opening(reader)->description);
    *ret_replay = replay;
    return WC_OK;
}

static void replay_forget_topics(struct wc_replay *replay)
{
    free(replay->topics.topics);
    free(replay->topics.except);
    replay->topics = (struct wc_topics){0};
    wc_frame_finish(&replay->before);
    replay->has_before = false;
}

/* Nothing is asked for any more. */
static void replay_idle(struct wc_replay *replay)
{
    replay_rebase(replay);
    if (replay->watch) {
        weir__v1__watch_request__free_unpacked(replay->watch, NULL);
    }
    if (replay->snapshot) {
        weir__v1__snapshot_request__free_unpacked(replay->snapshot, NULL);
    }
    replay->watch = NULL;
    replay->snapshot = NULL;
    wc_replay_server_forget(&replay->answers);
    replay_forget_topics(replay);
    replay->mode = REPLAY_IDLE;
    replay->is_complete = replay->is_owed = false;
}

static void replay_forget_past(struct wc_replay *replay)
{
    for (size_t i = replay->next_series; i < replay->past.n_series; i++) {
        weir__v1__series__free_unpacked(replay->past.series[i], NULL);
    }
    replay->past.n_series = replay->next_series = replay->n_asked = 0;
}

void wc_replay_close(struct wc_replay *replay)
{
    if (!replay) {
        return;
    }
    replay_idle(replay);
    replay_forget_past(replay);
    free(replay->past.series);
    close(replay->timer);
    wc_frame_finish(&replay->frame);
    wc_reader_close(replay->reader);
    free(replay);
}

/* ---- requests ----------------------------------------------------------------------------- */

static void replay_begin(struct wc_replay *replay, enum replay_mode mode)
{
    replay->mode = mode;
    replay->is_owed = true;
    replay_rebase(replay);
    replay_arm(replay);
}

void wc_replay_watch(struct wc_replay *replay, const Weir__V1__WatchRequest *request)
{
    size_t n = weir__v1__watch_request__get_packed_size(request);
    uint8_t *bytes = wc_alloc(n);
    weir__v1__watch_request__pack(request, bytes);
    replay_idle(replay);
    replay->watch = weir__v1__watch_request__unpack(NULL, n, bytes);
    free(bytes);
    if (!replay->watch) {
        wc_give_up();
    }
    replay_begin(replay, REPLAY_WATCH);
}

void wc_replay_snapshot(struct wc_replay *replay, const Weir__V1__SnapshotRequest *request)
{
    size_t n = weir__v1__snapshot_request__get_packed_size(request);
    uint8_t *bytes = wc_alloc(n);
    weir__v1__snapshot_request__pack(request, bytes);
    replay_idle(replay);
    if (!replay->has_sought) {
        wc_replay_seek(replay, UINT64_MAX);
    }
    replay->snapshot = weir__v1__snapshot_request__unpack(NULL, n, bytes);
    free(bytes);
    if (!replay->snapshot) {
        wc_give_up();
    }
    replay_begin(replay, REPLAY_SNAPSHOT);
}

static enum wc_status replay_topics(const struct wc_replay *replay, char *const *texts, size_t n,
                                    struct wi_topic *topics, struct wc_error *ret_error)
{
    for (size_t i = 0; i < n; i++) {
        struct weir_error error = {{0}};
        if (wi_topic_parse(texts[i], replay->topics.domain, &replay->catalog, &topics[i], &error) !=
            WEIR_OK) {
            return wc_error_set(ret_error, WC_USAGE, "%s", error.text);
        }
    }
    return WC_OK;
}

enum wc_status wc_replay_subscribe(struct wc_replay *replay,
                                   const Weir__V1__SubscribeRequest *request,
                                   struct wc_error *ret_error)
{
    replay_idle(replay);
    if (request->n_topics > REPLAY_TOPICS || request->n_except > REPLAY_TOPICS) {
        return wc_error_set(ret_error, WC_USAGE, "more than %u topics", REPLAY_TOPICS);
    }
    struct wc_topics *topics = &replay->topics;
    topics->domain = wc_reader_opening(replay->reader)->description->name;
    topics->topics = wc_alloc((request->n_topics + 1) * sizeof(*topics->topics));
    topics->except = wc_alloc((request->n_except + 1) * sizeof(*topics->except));
    topics->n_topics = request->n_topics;
    topics->n_except = request->n_except;
    topics->changes_only = request->changes_only;
    enum wc_status code =
        replay_topics(replay, request->topics, request->n_topics, topics->topics, ret_error);
    if (code == WC_OK) {
        code = replay_topics(replay, request->except, request->n_except, topics->except, ret_error);
    }
    if (code == WC_OK) {
        replay_begin(replay, REPLAY_LINES);
    }
    return code;
}

static void replay_ask(struct wc_replay *replay, int kind, int metric, uint64_t id)
{
    if (replay->n_asked < WC_REPLAY_HISTORY_ASKED && kind >= 0 && kind < WC_FRAME_KINDS &&
        metric >= 0) {
        replay->asked[replay->n_asked++] =
            (struct wc_replay_history_metric){kind, (uint32_t)metric, id};
    }
}

void wc_replay_history(struct wc_replay *replay, int kind, int metric, uint64_t id)
{
    const Weir__V1__Description *description = wc_reader_opening(replay->reader)->description;
    for (size_t i = 0; metric == WC_REPLAY_ALL && i < description->n_metrics; i++) {
        const Weir__V1__Metric *one = description->metrics[i];
        bool is_number = one->type == WEIR__V1__METRIC_TYPE__METRIC_GAUGE ||
                         one->type == WEIR__V1__METRIC_TYPE__METRIC_COUNTER;
        if ((int)one->kind == kind && is_number && one->index <= INT32_MAX) {
            replay_ask(replay, kind, (int)one->index, id);
        }
    }
    replay_ask(replay, kind, metric, id);
}

/* ---- control ------------------------------------------------------------------------------ */

void wc_replay_seek(struct wc_replay *replay, uint64_t position)
{
    uint64_t length = wc_reader_length(replay->reader);
    replay_rebase(replay);
    replay->has_sought = true;
    replay->base_position = position < length ? position : length;
    (void)wc_reader_seek(replay->reader, replay->base_position, &replay->frame, &replay->at);
    replay_forget_past(replay);
    wc_replay_server_forget(&replay->answers);
    replay->has_before = false;
    replay->is_owed = replay->mode != REPLAY_IDLE;
    replay_arm(replay);
}

void wc_replay_pause(struct wc_replay *replay, bool is_paused)
{
    replay_rebase(replay);
    replay->is_paused = is_paused;
    replay_arm(replay);
}

void wc_replay_speed(struct wc_replay *replay, double speed)
{
    replay_rebase(replay);
    replay->speed = speed < REPLAY_SLOWEST   ? REPLAY_SLOWEST
                    : speed > REPLAY_FASTEST ? REPLAY_FASTEST
                                             : speed;
    replay_arm(replay);
}

void wc_replay_step(struct wc_replay *replay, uint64_t now_nanos)
{
    uint64_t expired;
    (void)!read(replay->timer, &expired, sizeof(expired));
    replay->now_nanos = now_nanos > replay->base_nanos ? now_nanos : replay->base_nanos;
    replay->n_taken = 0;
    if (replay->n_asked > 0) {
        wc_replay_history_read(replay->reader, &replay->frame, replay->at, replay->asked,
                               replay->n_asked, &replay->past);
        replay->n_asked = 0;
    }
    replay_arm(replay);
}

/* ---- taking ------------------------------------------------------------------------------- */

/* The next look becomes the one that is shown, when its time has come. */
static bool replay_advance(struct wc_replay *replay)
{
    bool is_due =
        replay->mode == REPLAY_LINES ||
        (replay->mode == REPLAY_WATCH && !replay->is_paused && replay->n_taken < REPLAY_AT_ONCE &&
         wc_reader_peek(replay->reader) <= replay_position(replay));
    return is_due && wc_reader_next(replay->reader, &replay->frame, &replay->at);
}

Weir__V1__Update *wc_replay_take_update(struct wc_replay *replay)
{
    Weir__V1__Update *update = NULL;
    if (replay->mode == REPLAY_SNAPSHOT && replay->is_owed) {
        update = wc_replay_server_snapshot(&replay->frame, replay->snapshot);
        replay->is_complete = true;
    } else if (replay->mode == REPLAY_WATCH && (replay->is_owed || replay_advance(replay))) {
        update =
            wc_replay_server_watch(&replay->frame, wc_reader_opening(replay->reader)->description,
                                   replay->watch, &replay->answers);
        replay->n_taken++;
    }
    replay->is_owed = replay->is_owed && !update;
    replay_arm(replay);
    return update;
}

/* Remembers the look for the comparison with the next. */
static void replay_remember(struct wc_replay *replay)
{
    size_t n;
    uint8_t *bytes = wc_frame_pack(&replay->frame, &n);
    Weir__V1__Update *update = weir__v1__update__unpack(NULL, n, bytes);
    free(bytes);
    replay->has_before = update && wc_frame_set(&replay->before, update);
}

Weir__V1__Lines *wc_replay_take_lines(struct wc_replay *replay)
{
    if (replay->mode != REPLAY_LINES || replay->is_complete) {
        return NULL;
    }
    if (!replay->is_owed) {
        if (replay->topics.changes_only) {
            replay_remember(replay);
        }
        if (!replay_advance(replay)) {
            replay->is_complete = true;
            replay_arm(replay);
            return NULL;
        }
    }
    replay->is_owed = false;
    return wc_replay_server_lines(&replay->frame, replay->has_before ? &replay->before : NULL,
                                  &replay->topics);
}

Weir__V1__Series *wc_replay_take_series(struct wc_replay *replay)
{
    if (replay->next_series == replay->past.n_series) {
        return NULL;
    }
    Weir__V1__Series *series = replay->past.series[replay->next_series++];
    if (replay->next_series == replay->past.n_series) {
        replay->past.n_series = replay->next_series = 0;
        replay_arm(replay);
    }
    return series;
}

bool wc_replay_is_complete(const struct wc_replay *replay)
{
    return replay->is_complete;
}

/* ---- what is known ------------------------------------------------------------------------ */

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

const Weir__V1__Opening *wc_replay_opening(const struct wc_replay *replay)
{
    return wc_reader_opening(replay->reader);
}

const char *wc_replay_notice(const struct wc_replay *replay)
{
    return wc_reader_notice(replay->reader);
}

int wc_replay_fd(const struct wc_replay *replay)
{
    return replay->timer;
}
