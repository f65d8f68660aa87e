/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of rows that are in use: at most 1,024; when there are more, deep ones take the
 * place of shallow ones.
 */
#include "finding/state.h"

#include <stdlib.h>
#include <string.h>

#define NOTE_NONE   UINT16_MAX
#define NOTE_FORGET 120U /* looks at an idle row until it is forgotten */

static uint32_t note_slot(enum wi_kind kind, uint64_t id)
{
    uint64_t mixed = (id ^ ((uint64_t)kind << 56)) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 40) % FINDING_SLOTS;
}

static struct finding_note *note_find(struct wi_finding *finding, enum wi_kind kind, uint64_t id)
{
    uint32_t at = note_slot(kind, id);
    while (finding->slot[at] != NOTE_NONE) {
        struct finding_note *note = &finding->notes[finding->slot[at]];
        if (note->id == id && note->kind == kind) {
            return note;
        }
        at = (at + 1) % FINDING_SLOTS;
    }
    return NULL;
}

static void note_enter(struct wi_finding *finding, uint32_t note)
{
    uint32_t at = note_slot(finding->notes[note].kind, finding->notes[note].id);
    while (finding->slot[at] != NOTE_NONE) {
        at = (at + 1) % FINDING_SLOTS;
    }
    finding->slot[at] = (uint16_t)note;
}

/* Room for one more; NULL when there is none. */
static struct finding_note *note_place(struct wi_finding *finding)
{
    if (finding->n_notes == finding->room && finding->room < FINDING_MAX_NOTES) {
        uint32_t room = finding->room ? 2 * finding->room : 16;
        struct finding_note *notes = realloc(finding->notes, room * sizeof(*finding->notes));
        if (notes) {
            finding->notes = notes;
            finding->room = room;
        }
    }
    return finding->n_notes < finding->room ? &finding->notes[finding->n_notes] : NULL;
}

static void note_index(struct wi_finding *finding)
{
    memset(finding->slot, 0xff, sizeof(finding->slot));
    for (uint32_t i = 0; i < finding->n_notes; i++) {
        note_enter(finding, i);
    }
}

struct finding_note *wi_note_get(struct wi_finding *finding, enum wi_kind kind, uint64_t id,
                                 uint64_t depth, bool is_in_use)
{
    struct finding_note *note = note_find(finding, kind, id);
    if (!note && is_in_use) {
        note = note_place(finding);
        if (!note) {
            if (depth > finding->newcomer.depth) {
                finding->newcomer.id = id;
                finding->newcomer.depth = depth;
                finding->newcomer.kind = kind;
            }
            return NULL;
        }
        memset(note, 0, sizeof(*note));
        note->id = id;
        note->kind = kind;
        note_enter(finding, finding->n_notes++);
    }
    if (note) {
        note->look = finding->look;
        note->idle = is_in_use ? 0 : note->idle + 1;
    }
    return note;
}

static double note_rate(uint64_t now, uint64_t before, double seconds)
{
    return now > before ? (double)(now - before) / seconds : 0;
}

void wi_note_look(struct finding_note *note, const struct finding_look *look)
{
    uint64_t last =
        note->depth_window.n_samples ? wi_depth_window_at(&note->depth_window, 0).nanos : 0;
    note->depth = look->depth;
    note->bytes = look->bytes;
    if (last >= look->nanos) {
        return; /* a process that has ended: nothing moves any more */
    }
    if (last) {
        double seconds = (double)(look->nanos - last) / 1e9;
        note->in_rate = note_rate(look->came, note->came, seconds);
        note->out_rate = note_rate(look->gone, note->gone, seconds);
        note->refused_rate = note_rate(look->refused, note->refused, seconds);
    } else {
        note->first = look->nanos;
    }
    note->came = look->came;
    note->gone = look->gone;
    note->refused = look->refused;
    wi_depth_window_add(&note->depth_window, &(struct wi_depth_window_sample){.nanos = look->nanos,
                                                                              .depth = look->depth,
                                                                              .bytes = look->bytes,
                                                                              .gone = look->gone});
}

/* Lets the deepest newcomer have the place of the shallowest. One at a look: they come in the order
 * of their depth. */
static void note_replace(struct wi_finding *finding)
{
    struct finding_note *shallowest = finding->notes;
    if (finding->n_notes < finding->room || finding->newcomer.depth == 0) {
        return;
    }
    for (uint32_t i = 1; i < finding->n_notes; i++) {
        if (finding->notes[i].depth < shallowest->depth) {
            shallowest = &finding->notes[i];
        }
    }
    if (finding->n_notes > 0 && shallowest->depth < finding->newcomer.depth / 2) {
        memset(shallowest, 0, sizeof(*shallowest));
        shallowest->id = finding->newcomer.id;
        shallowest->kind = finding->newcomer.kind;
        shallowest->depth = finding->newcomer.depth;
        shallowest->look = finding->look;
    }
}

void wi_note_sweep(struct wi_finding *finding)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < finding->n_notes; i++) {
        struct finding_note *note = &finding->notes[i];
        if (note->look == finding->look && note->idle < NOTE_FORGET) {
            if (kept != i) {
                finding->notes[kept] = *note;
            }
            kept++;
        }
    }
    finding->n_notes = kept;
    note_replace(finding);
    note_index(finding);
}
