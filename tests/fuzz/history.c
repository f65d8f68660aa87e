/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment */
/*
 * A history's file: one that is good, with some of its bytes changed, cut off anywhere, or any bytes at
 * all; then all that is asked of it. fuzz: max_len=512
 */
#include "fuzz.h"
#include "weir/kind.h"
#include "snapshot/history.h"
#include "weir/metric.h"

#include <stdio.h>
#include <string.h>

#define SECOND    UINT64_C(1000000000)
#define BEGIN     (UINT64_C(7200) * SECOND) /* of the first row */
#define N_ROWS    4
#define N_TRACKS  11
#define N_PATCHES 64

static uint8_t *bytes;
static struct wi_history *history;
static struct {
    size_t offset;
    uint64_t before;
} undo[N_PATCHES];
static size_t n_undo;

static uint64_t nanos_of(enum wi_history_ring ring, unsigned i)
{
    return BEGIN + i * wi_history_step_nanos(ring);
}

static size_t offset_of(enum wi_history_ring ring, unsigned i)
{
    return wi_history_offset(ring, nanos_of(ring, i) / wi_history_step_nanos(ring));
}

static void put_row(enum wi_history_ring ring, unsigned i)
{
    struct wi_history_row *row = (struct wi_history_row *)(void *)(bytes + offset_of(ring, i));
    row->sequence = row->sequence_end = nanos_of(ring, i) / wi_history_step_nanos(ring);
    row->nanos = nanos_of(ring, i);
    row->unix_nanos = (int64_t)row->nanos;
    row->has = UINT64_MAX;
    for (size_t t = 0; t < N_TRACKS; t++) {
        for (size_t w = 0; w < WI_HISTORY_WORDS; w++) {
            row->tracks[t][w] = i * 1000 * (w + 1);
        }
    }
}

void fuzz_begin(void)
{
    bytes = calloc(1, WI_HISTORY_BYTES);
    history = calloc(1, sizeof(*history));
    FUZZ_CHECK(bytes && history);
    struct wi_history_head *head = (struct wi_history_head *)(void *)bytes;
    wi_history_begin(head);
    for (uint32_t t = 0; t < N_TRACKS; t++) {
        struct wi_history_track *track = &head->tracks[t];
        track->since_nanos = track->since_nanos_end = BEGIN;
        track->slot = t;
        track->generation = 3;
        track->kind = t % WI_N_KINDS;
        snprintf(track->name, sizeof(track->name), "track-%u", (unsigned)t);
    }
    for (unsigned i = 0; i < N_ROWS; i++) {
        put_row(WI_HISTORY_SECONDS, i);
        put_row(WI_HISTORY_MINUTES, i);
    }
    FUZZ_CHECK(wi_history_read_bytes(bytes, WI_HISTORY_BYTES, history, NULL) == WEIR_OK);
}

/* A place of the head or of a row that is there, and what is to stand there. */
static void patch(struct fuzz_input *input)
{
    uint8_t where = fuzz_u8(input);
    size_t offset = fuzz_u16(input);
    uint64_t word = where & 0x40 ? fuzz_u8(input) : fuzz_u64(input);
    if (where & 0x80) {
        offset %= WI_HISTORY_HEAD_BYTES - sizeof(word);
    } else {
        enum wi_history_ring ring = where & 0x20 ? WI_HISTORY_MINUTES : WI_HISTORY_SECONDS;
        offset = offset_of(ring, (where & 0x1f) % N_ROWS) +
                 offset % (WI_HISTORY_ROW_BYTES - sizeof(word));
    }
    undo[n_undo].offset = offset;
    memcpy(&undo[n_undo++].before, bytes + offset, sizeof(word));
    memcpy(bytes + offset, &word, sizeof(word));
}

static void ask_row(const struct wi_history_row *before, const struct wi_history_row *row)
{
    for (int t = 0; t < WI_HISTORY_TRACKS; t += t < N_TRACKS ? 1 : 16) {
        const struct wi_history_track *track = &history->head.tracks[t];
        FUZZ_CHECK(memchr(track->name, 0, sizeof(track->name)));
        (void)wi_history_is_in(track, row);
        if (track->kind >= WI_N_KINDS) {
            continue;
        }
        enum wi_kind kind = (enum wi_kind)track->kind;
        for (int m = 0; m < (int)wi_metric_table(kind)->n_metrics; m++) {
            if (wi_history_has(kind, m)) {
                (void)wi_history_value(history, t, kind, m, before, row);
            }
        }
    }
    for (int m = 0; m < WI_PROCESS_N_METRICS; m++) {
        if (wi_history_has(WI_PROCESS, m)) {
            (void)wi_history_value(history, -1, WI_PROCESS, m, before, row);
        }
    }
}

static void ask_everything(void)
{
    static struct wi_history_row rows[2];
    for (int ring = 0; ring < WI_HISTORY_N_RINGS; ring++) {
        uint64_t first = BEGIN / wi_history_step_nanos((enum wi_history_ring)ring);
        const struct wi_history_row *before = NULL;
        for (unsigned i = 0; i < N_ROWS; i++) {
            struct wi_history_row *row = &rows[i % 2];
            if (!wi_history_row(history, (enum wi_history_ring)ring, first + i, row)) {
                before = NULL;
                continue;
            }
            FUZZ_CHECK(row->sequence == first + i && row->sequence_end == first + i);
            ask_row(before, row);
            before = row;
        }
        (void)wi_history_last(history, (enum wi_history_ring)ring, first + N_ROWS + 5, &rows[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input input = {data, n};
    struct weir_error error = {""};
    uint8_t mode = fuzz_u8(&input);
    enum weir_status status;
    if (mode % 16 == 15) {
        uint8_t *copy = fuzz_copy(input.at, input.left);
        status = wi_history_read_bytes(copy, input.left, history, &error);
        FUZZ_CHECK(status != WEIR_OK && error.text[0]);
        free(copy);
        return 0;
    }
    n_undo = 0;
    while (input.left > 0 && n_undo < N_PATCHES) {
        patch(&input);
    }
    size_t length = mode % 16 == 14 ? (size_t)mode * 4096 : WI_HISTORY_BYTES;
    status = wi_history_read_bytes(bytes, length, history, &error);
    if (status == WEIR_OK) {
        ask_everything();
    } else {
        FUZZ_CHECK(status == WEIR_E_CORRUPT || status == WEIR_E_VERSION);
        FUZZ_CHECK(error.text[0] && !strchr(error.text, '\n'));
    }
    while (n_undo > 0) {
        n_undo--;
        memcpy(bytes + undo[n_undo].offset, &undo[n_undo].before, sizeof(uint64_t));
    }
    return 0;
}

void fuzz_seeds(void)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, 0);
    fuzz_seed("good", output.bytes, output.n);
    static const uint8_t wheres[] = {0x80, 0xc0, 0x00, 0x45, 0x20, 0x6a};
    for (size_t i = 0; i < sizeof(wheres); i++) {
        char name[32];
        output.n = 0;
        fuzz_put_u8(&output, (uint8_t)(i == 3 ? 14 : 1));
        for (uint16_t k = 0; k < 6; k++) {
            fuzz_put_u8(&output, wheres[i]);
            fuzz_put_u16(&output, (uint16_t)(k * 8 + (i == 1 ? 64 : 0)));
            if (wheres[i] & 0x40) {
                fuzz_put_u8(&output, 0xff);
            } else {
                fuzz_put_u64(&output, k % 2 ? UINT64_MAX : k);
            }
        }
        snprintf(name, sizeof(name), "patched-%zu", i);
        fuzz_seed(name, output.bytes, output.n);
    }
    output.n = 0;
    fuzz_put_u8(&output, 15);
    fuzz_put_u64(&output, WI_HISTORY_MAGIC);
    fuzz_seed("short", output.bytes, output.n);
}
