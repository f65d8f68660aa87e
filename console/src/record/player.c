/* SPDX-License-Identifier: MIT */
/*
 * A look is answered when it is taken, not before: so a slow taker holds nothing up in memory. The timer
 * is set to the next look's moment, and at once while anything is owed.
 */
#include "record/player.h"

#include "base/memory.h"
#include "record/answer.h"
#include "record/replay_history.h"
#include "record/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PLAYER_NANOS      UINT64_C(1000000000)
#define PLAYER_AT_ONCE    64                 /* looks taken between two steps */
#define PLAYER_BEAT_NANOS UINT64_C(50000000) /* fast playing comes in bundles of so much time */
#define PLAYER_FAR_NANOS  UINT64_C(3600000000000)
#define PLAYER_SLOWEST    0.01
#define PLAYER_FASTEST    1e6
#define PLAYER_TOPICS     64u

enum player_mode { PLAYER_IDLE, PLAYER_WATCH, PLAYER_SNAPSHOT, PLAYER_LINES };

struct wc_player {
    struct wc_reader *reader;
    struct wc_tape tape;
    uint64_t at; /* of the look that is shown */
    uint64_t now_nanos;
    uint64_t base_position, base_nanos; /* where it was when */
    double speed;
    bool is_paused, has_sought;
    enum player_mode mode;
    bool is_owed; /* an answer of the look that is shown */
    bool is_complete;
    int n_taken; /* since the last step */
    Weir__V1__WatchRequest *watch;
    struct wc_answer_state answers;
    Weir__V1__SnapshotRequest *snapshot;
    struct wc_topics topics;
    struct wi_catalog catalog; /* what the recorded process had at all */
    struct wc_tape before;     /* of topics of which only changes are wanted */
    bool has_before;
    struct wc_replay_history_metric asked[WC_REPLAY_HISTORY_ASKED];
    size_t n_asked;
    struct wc_replay_history past;
    size_t next_series;
    int timer;
};

static uint64_t player_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * PLAYER_NANOS + (uint64_t)now.tv_nsec;
}

/* ---- time --------------------------------------------------------------------------------- */

static uint64_t player_position(const struct wc_player *player)
{
    uint64_t length = wc_reader_length(player->reader);
    double gone = player->is_paused || player->mode != PLAYER_WATCH
                      ? 0
                      : (double)(player->now_nanos - player->base_nanos) * player->speed;
    double left = (double)(length - player->base_position);
    return gone < left ? player->base_position + (uint64_t)gone : length;
}

/* From here on time runs anew: after a change of speed, a pause, a jump. */
static void player_rebase(struct wc_player *player)
{
    player->now_nanos = player_clock();
    player->base_position = player_position(player);
    player->base_nanos = player->now_nanos;
}

static bool player_owes(const struct wc_player *player)
{
    return player->is_owed || player->n_asked > 0 || player->next_series < player->past.n_series ||
           (player->mode == PLAYER_LINES && !player->is_complete);
}

/* Nanoseconds until there is something to take. */
static uint64_t player_patience(struct wc_player *player)
{
    if (player_owes(player)) {
        return 1;
    }
    uint64_t next = wc_reader_peek(player->reader);
    if (player->mode != PLAYER_WATCH || player->is_paused || next == UINT64_MAX) {
        return PLAYER_FAR_NANOS;
    }
    uint64_t position = player_position(player);
    double wait = next > position ? (double)(next - position) / player->speed : 1;
    wait = wait < (double)PLAYER_FAR_NANOS ? wait : (double)PLAYER_FAR_NANOS;
    bool is_fast = wait < (double)PLAYER_BEAT_NANOS && player->n_taken < PLAYER_AT_ONCE;
    return is_fast ? PLAYER_BEAT_NANOS : (uint64_t)wait + 1;
}

static void player_arm(struct wc_player *player)
{
    uint64_t nanos = player_patience(player);
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(nanos / PLAYER_NANOS),
                                           .tv_nsec = (long)(nanos % PLAYER_NANOS)}};
    timerfd_settime(player->timer, 0, &when, NULL);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* A recording's topics are those of the metrics that its process described, as far as they are known. */
static void player_catalog(struct wi_catalog *catalog, const Weir__V1__Description *description)
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

enum wc_exit wc_player_open(const char *path, struct wc_player **ret_player,
                            struct wc_error *ret_error)
{
    struct wc_reader *reader = NULL;
    enum wc_exit code = wc_reader_open(path, &reader, ret_error);
    if (code != WC_OK) {
        return code;
    }
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0) {
        wc_reader_close(reader);
        return wc_error_set(ret_error, WC_INCOMPLETE, "no timer: too many files are open");
    }
    struct wc_player *player = wc_alloc(sizeof(*player));
    player->reader = reader;
    player->timer = timer;
    player->speed = 1;
    wc_tape_init(&player->tape);
    wc_tape_init(&player->before);
    (void)wc_reader_seek(reader, 0, &player->tape, &player->at);
    player_catalog(&player->catalog, wc_reader_opening(reader)->description);
    *ret_player = player;
    return WC_OK;
}

static void player_forget_topics(struct wc_player *player)
{
    free(player->topics.topics);
    free(player->topics.except);
    player->topics = (struct wc_topics){0};
    wc_tape_finish(&player->before);
    player->has_before = false;
}

/* Nothing is asked for any more. */
static void player_idle(struct wc_player *player)
{
    player_rebase(player);
    if (player->watch) {
        weir__v1__watch_request__free_unpacked(player->watch, NULL);
    }
    if (player->snapshot) {
        weir__v1__snapshot_request__free_unpacked(player->snapshot, NULL);
    }
    player->watch = NULL;
    player->snapshot = NULL;
    wc_answer_forget(&player->answers);
    player_forget_topics(player);
    player->mode = PLAYER_IDLE;
    player->is_complete = player->is_owed = false;
}

static void player_forget_past(struct wc_player *player)
{
    for (size_t i = player->next_series; i < player->past.n_series; i++) {
        weir__v1__series__free_unpacked(player->past.series[i], NULL);
    }
    player->past.n_series = player->next_series = player->n_asked = 0;
}

void wc_player_close(struct wc_player *player)
{
    if (!player) {
        return;
    }
    player_idle(player);
    player_forget_past(player);
    free(player->past.series);
    close(player->timer);
    wc_tape_finish(&player->tape);
    wc_reader_close(player->reader);
    free(player);
}

/* ---- requests ----------------------------------------------------------------------------- */

static void player_begin(struct wc_player *player, enum player_mode mode)
{
    player->mode = mode;
    player->is_owed = true;
    player_rebase(player);
    player_arm(player);
}

void wc_player_watch(struct wc_player *player, const Weir__V1__WatchRequest *request)
{
    size_t n = weir__v1__watch_request__get_packed_size(request);
    uint8_t *bytes = wc_alloc(n);
    weir__v1__watch_request__pack(request, bytes);
    player_idle(player);
    player->watch = weir__v1__watch_request__unpack(NULL, n, bytes);
    free(bytes);
    if (!player->watch) {
        wc_give_up();
    }
    player_begin(player, PLAYER_WATCH);
}

void wc_player_snapshot(struct wc_player *player, const Weir__V1__SnapshotRequest *request)
{
    size_t n = weir__v1__snapshot_request__get_packed_size(request);
    uint8_t *bytes = wc_alloc(n);
    weir__v1__snapshot_request__pack(request, bytes);
    player_idle(player);
    if (!player->has_sought) {
        wc_player_seek(player, UINT64_MAX);
    }
    player->snapshot = weir__v1__snapshot_request__unpack(NULL, n, bytes);
    free(bytes);
    if (!player->snapshot) {
        wc_give_up();
    }
    player_begin(player, PLAYER_SNAPSHOT);
}

static enum wc_exit player_topics(const struct wc_player *player, char *const *texts, size_t n,
                                  struct wi_topic *topics, struct wc_error *ret_error)
{
    for (size_t i = 0; i < n; i++) {
        struct weir_error error = {{0}};
        if (wi_topic_parse(texts[i], player->topics.domain, &player->catalog, &topics[i], &error) !=
            WEIR_OK) {
            return wc_error_set(ret_error, WC_USAGE, "%s", error.text);
        }
    }
    return WC_OK;
}

enum wc_exit wc_player_subscribe(struct wc_player *player,
                                 const Weir__V1__SubscribeRequest *request,
                                 struct wc_error *ret_error)
{
    player_idle(player);
    if (request->n_topics > PLAYER_TOPICS || request->n_except > PLAYER_TOPICS) {
        return wc_error_set(ret_error, WC_USAGE, "more than %u topics", PLAYER_TOPICS);
    }
    struct wc_topics *topics = &player->topics;
    topics->domain = wc_reader_opening(player->reader)->description->name;
    topics->topics = wc_alloc((request->n_topics + 1) * sizeof(*topics->topics));
    topics->except = wc_alloc((request->n_except + 1) * sizeof(*topics->except));
    topics->n_topics = request->n_topics;
    topics->n_except = request->n_except;
    topics->changes_only = request->changes_only;
    enum wc_exit code =
        player_topics(player, request->topics, request->n_topics, topics->topics, ret_error);
    if (code == WC_OK) {
        code = player_topics(player, request->except, request->n_except, topics->except, ret_error);
    }
    if (code == WC_OK) {
        player_begin(player, PLAYER_LINES);
    }
    return code;
}

static void player_ask(struct wc_player *player, int kind, int metric, uint64_t id)
{
    if (player->n_asked < WC_REPLAY_HISTORY_ASKED && kind >= 0 && kind < WC_TAPE_KINDS &&
        metric >= 0) {
        player->asked[player->n_asked++] =
            (struct wc_replay_history_metric){kind, (uint32_t)metric, id};
    }
}

void wc_player_history(struct wc_player *player, int kind, int metric, uint64_t id)
{
    const Weir__V1__Description *description = wc_reader_opening(player->reader)->description;
    for (size_t i = 0; metric == WC_PLAYER_ALL && i < description->n_metrics; i++) {
        const Weir__V1__Metric *one = description->metrics[i];
        bool is_number = one->type == WEIR__V1__METRIC_TYPE__METRIC_GAUGE ||
                         one->type == WEIR__V1__METRIC_TYPE__METRIC_COUNTER;
        if ((int)one->kind == kind && is_number && one->index <= INT32_MAX) {
            player_ask(player, kind, (int)one->index, id);
        }
    }
    player_ask(player, kind, metric, id);
}

/* ---- control ------------------------------------------------------------------------------ */

void wc_player_seek(struct wc_player *player, uint64_t position)
{
    uint64_t length = wc_reader_length(player->reader);
    player_rebase(player);
    player->has_sought = true;
    player->base_position = position < length ? position : length;
    (void)wc_reader_seek(player->reader, player->base_position, &player->tape, &player->at);
    player_forget_past(player);
    wc_answer_forget(&player->answers);
    player->has_before = false;
    player->is_owed = player->mode != PLAYER_IDLE;
    player_arm(player);
}

void wc_player_pause(struct wc_player *player, bool is_paused)
{
    player_rebase(player);
    player->is_paused = is_paused;
    player_arm(player);
}

void wc_player_speed(struct wc_player *player, double speed)
{
    player_rebase(player);
    player->speed = speed < PLAYER_SLOWEST   ? PLAYER_SLOWEST
                    : speed > PLAYER_FASTEST ? PLAYER_FASTEST
                                             : speed;
    player_arm(player);
}

void wc_player_step(struct wc_player *player, uint64_t now_nanos)
{
    uint64_t expired;
    (void)!read(player->timer, &expired, sizeof(expired));
    player->now_nanos = now_nanos > player->base_nanos ? now_nanos : player->base_nanos;
    player->n_taken = 0;
    if (player->n_asked > 0) {
        wc_replay_history_read(player->reader, &player->tape, player->at, player->asked,
                               player->n_asked, &player->past);
        player->n_asked = 0;
    }
    player_arm(player);
}

/* ---- taking ------------------------------------------------------------------------------- */

/* The next look becomes the one that is shown, when its time has come. */
static bool player_advance(struct wc_player *player)
{
    bool is_due =
        player->mode == PLAYER_LINES ||
        (player->mode == PLAYER_WATCH && !player->is_paused && player->n_taken < PLAYER_AT_ONCE &&
         wc_reader_peek(player->reader) <= player_position(player));
    return is_due && wc_reader_next(player->reader, &player->tape, &player->at);
}

Weir__V1__Update *wc_player_take_update(struct wc_player *player)
{
    Weir__V1__Update *update = NULL;
    if (player->mode == PLAYER_SNAPSHOT && player->is_owed) {
        update = wc_answer_snapshot(&player->tape, player->snapshot);
        player->is_complete = true;
    } else if (player->mode == PLAYER_WATCH && (player->is_owed || player_advance(player))) {
        update = wc_answer_watch(&player->tape, wc_reader_opening(player->reader)->description,
                                 player->watch, &player->answers);
        player->n_taken++;
    }
    player->is_owed = player->is_owed && !update;
    player_arm(player);
    return update;
}

/* Remembers the look for the comparison with the next. */
static void player_remember(struct wc_player *player)
{
    size_t n;
    uint8_t *bytes = wc_tape_pack(&player->tape, &n);
    Weir__V1__Update *update = weir__v1__update__unpack(NULL, n, bytes);
    free(bytes);
    player->has_before = update && wc_tape_set(&player->before, update);
}

Weir__V1__Lines *wc_player_take_lines(struct wc_player *player)
{
    if (player->mode != PLAYER_LINES || player->is_complete) {
        return NULL;
    }
    if (!player->is_owed) {
        if (player->topics.changes_only) {
            player_remember(player);
        }
        if (!player_advance(player)) {
            player->is_complete = true;
            player_arm(player);
            return NULL;
        }
    }
    player->is_owed = false;
    return wc_answer_lines(&player->tape, player->has_before ? &player->before : NULL,
                           &player->topics);
}

Weir__V1__Series *wc_player_take_series(struct wc_player *player)
{
    if (player->next_series == player->past.n_series) {
        return NULL;
    }
    Weir__V1__Series *series = player->past.series[player->next_series++];
    if (player->next_series == player->past.n_series) {
        player->past.n_series = player->next_series = 0;
        player_arm(player);
    }
    return series;
}

bool wc_player_is_complete(const struct wc_player *player)
{
    return player->is_complete;
}

/* ---- what is known ------------------------------------------------------------------------ */

void wc_player_playback(const struct wc_player *player, struct wc_playback *ret_playback)
{
    uint64_t length = wc_reader_length(player->reader);
    uint64_t position = player_position(player);
    *ret_playback = (struct wc_playback){
        .is_on = true,
        .is_paused = player->is_paused,
        .is_at_end = position >= length,
        .speed = player->speed,
        .position = position,
        .length = length,
        .interval_millis = wc_reader_opening(player->reader)->interval_millis,
    };
}

const Weir__V1__Opening *wc_player_opening(const struct wc_player *player)
{
    return wc_reader_opening(player->reader);
}

const char *wc_player_notice(const struct wc_player *player)
{
    return wc_reader_notice(player->reader);
}

int wc_player_fd(const struct wc_player *player)
{
    return player->timer;
}
