/* SPDX-License-Identifier: MIT */
/*
 * The state of rows that are in use: at most 1,024. When there are more, deep ones replace shallow
 * ones.
 */
#include "finding/state.h"

#include "weir/expect.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_FORGET 120U /* samples of an idle row until its state is dropped */

static struct finding_watch_state *watch_find(struct wi_finding *finding, enum wi_kind kind,
                                              uint64_t id)
{
    struct wi_map_slot *slot = NULL;
    while ((slot = wi_map_next(&finding->map, wi_map_row_key(kind, id), slot))) {
        struct finding_watch_state *watch = &finding->watches[slot->value];
        if (!WI_EXPECT(slot->value < finding->n_watches)) {
            return NULL;
        }
        if (watch->id == id && watch->kind == kind) {
            return watch;
        }
    }
    return NULL;
}

/* Most rows have no state: a bit of their slot tells so at once. Several slots share a bit. */
static uint64_t *watch_mark(struct wi_finding *finding, uint64_t id, uint64_t *ret_bit)
{
    size_t place = id % FINDING_WATCH_MARKS;
    *ret_bit = UINT64_C(1) << place % 64;
    return &finding->marks[place / 64];
}

bool wi_watch_state_has(struct wi_finding *finding, enum wi_kind kind, uint64_t id)
{
    uint64_t bit;
    return *watch_mark(finding, id, &bit) & bit && watch_find(finding, kind, id) != NULL;
}

static void watch_enter(struct wi_finding *finding, uint32_t watch)
{
    const struct finding_watch_state *entered = &finding->watches[watch];
    uint64_t bit;
    wi_map_add(&finding->map, wi_map_row_key(entered->kind, entered->id), watch);
    *watch_mark(finding, entered->id, &bit) |= bit;
}

/* Room for one more state; NULL when there is none. */
static struct finding_watch_state *watch_place(struct wi_finding *finding)
{
    if (finding->n_watches == finding->room && finding->room < FINDING_MAX_WATCHES) {
        uint32_t room = finding->room ? 2 * finding->room : 16;
        struct finding_watch_state *watches =
            realloc(finding->watches, room * sizeof(*finding->watches));
        finding->watches = watches ? watches : finding->watches;
        void *memory = watches ? malloc(wi_map_bytes(room)) : NULL;
        if (memory) {
            free(wi_map_move(&finding->map, memory, room));
            finding->room = room;
        }
    }
    return finding->n_watches < finding->room ? &finding->watches[finding->n_watches] : NULL;
}

static void watch_index(struct wi_finding *finding)
{
    wi_map_clear(&finding->map);
    memset(finding->marks, 0, sizeof(finding->marks));
    for (uint32_t i = 0; i < finding->n_watches; i++) {
        watch_enter(finding, i);
    }
}

void wi_watch_state_without(struct wi_finding *finding, enum wi_kind kind, uint64_t id,
                            uint64_t depth)
{
    if (depth > finding->newcomer.depth) {
        finding->newcomer.id = id;
        finding->newcomer.depth = depth;
        finding->newcomer.kind = kind;
    }
}

struct finding_watch_state *wi_watch_state_get(struct wi_finding *finding, enum wi_kind kind,
                                               uint64_t id, uint64_t depth, bool is_in_use)
{
    struct finding_watch_state *watch = watch_find(finding, kind, id);
    if (!watch && is_in_use) {
        watch = watch_place(finding);
        if (!watch) {
            wi_watch_state_without(finding, kind, id, depth);
            return NULL;
        }
        memset(watch, 0, sizeof(*watch));
        watch->id = id;
        watch->kind = kind;
        watch_enter(finding, finding->n_watches++);
    }
    if (watch) {
        watch->sample = finding->sample;
        watch->idle = is_in_use ? 0 : watch->idle + 1;
    }
    return watch;
}

static double watch_rate(uint64_t now, uint64_t before, double seconds)
{
    return now > before ? (double)(now - before) / seconds : 0;
}

void wi_watch_state_add(struct finding_watch_state *watch, const struct finding_sample *sample)
{
    uint64_t last =
        watch->depth_window.n_samples ? wi_depth_window_at(&watch->depth_window, 0).nanos : 0;
    watch->depth = sample->depth;
    watch->bytes = sample->bytes;
    if (last >= sample->nanos) {
        return; /* a process that has ended: its numbers do not change any more */
    }
    if (last) {
        double seconds = (double)(sample->nanos - last) / 1e9;
        watch->in_rate = watch_rate(sample->came, watch->came, seconds);
        watch->out_rate = watch_rate(sample->gone, watch->gone, seconds);
        watch->refused_rate = watch_rate(sample->refused, watch->refused, seconds);
    } else {
        watch->first = sample->nanos;
    }
    watch->came = sample->came;
    watch->gone = sample->gone;
    watch->refused = sample->refused;
    wi_depth_window_add(&watch->depth_window,
                        &(struct wi_depth_window_sample){.nanos = sample->nanos,
                                                         .depth = sample->depth,
                                                         .bytes = sample->bytes,
                                                         .gone = sample->gone});
}

/* Gives the place of the shallowest row to the deepest new one. One a sample: they come in the
 * order of their depth. */
static void watch_replace(struct wi_finding *finding)
{
    struct finding_watch_state *shallowest = finding->watches;
    if (finding->n_watches < finding->room || finding->newcomer.depth == 0) {
        return;
    }
    for (uint32_t i = 1; i < finding->n_watches; i++) {
        if (finding->watches[i].depth < shallowest->depth) {
            shallowest = &finding->watches[i];
        }
    }
    if (finding->n_watches > 0 && shallowest->depth < finding->newcomer.depth / 2) {
        memset(shallowest, 0, sizeof(*shallowest));
        shallowest->id = finding->newcomer.id;
        shallowest->kind = finding->newcomer.kind;
        shallowest->depth = finding->newcomer.depth;
        shallowest->sample = finding->sample;
    }
}

void wi_watch_state_sweep(struct wi_finding *finding)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < finding->n_watches; i++) {
        struct finding_watch_state *watch = &finding->watches[i];
        if (watch->sample == finding->sample && watch->idle < WATCH_FORGET) {
            if (kept != i) {
                finding->watches[kept] = *watch;
            }
            kept++;
        }
    }
    finding->n_watches = kept;
    watch_replace(finding);
    watch_index(finding);
}
