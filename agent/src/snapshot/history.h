/* SPDX-License-Identifier: MIT */
/*
 * The history as it lies in its file, and its reader. One file beside each segment, written by one
 * exporter at a time (snapshot/recorder.h), read by any:
 *
 *     head: who, and which handle each of 124 tracks is | 600 rows of a second | 1,440 of a minute
 *
 * Both tables of rows are rings by time: the row of a second lies at that second's place and says
 * which second it is, so that old rows need not be cleared, and a new writer need not know where
 * the last one stopped. A reader trusts no value in it. No I/O but pread; one thread at a time.
 */
#ifndef WI_SNAPSHOT_HISTORY_H
#define WI_SNAPSHOT_HISTORY_H

#include "weir/kind.h"
#include "snapshot/flow.h"
#include "weir/weir.h"

#include <stddef.h>

#define WI_HISTORY_MAGIC   UINT64_C(0x0a53494852494557) /* "WEIRHIS\n" */
#define WI_HISTORY_VERSION 1
#define WI_HISTORY_TRACKS  124
#define WI_HISTORY_WORDS   4 /* of a track in a row */
#define WI_HISTORY_BYTES   (UINT64_C(8) << 20)

enum wi_history_ring { WI_HISTORY_SECONDS, WI_HISTORY_MINUTES, WI_HISTORY_N_RINGS };

#define WI_HISTORY_N_SECONDS 600
#define WI_HISTORY_N_MINUTES 1440

/* A handle that has a track. Written whole, and never across a page. */
struct wi_history_track {
    uint64_t since_nanos; /* rows before this belong to another handle; repeated at the end */
    uint32_t slot;
    uint32_t generation; /* 0: the track is free */
    uint32_t kind;       /* enum wi_kind */
    uint32_t flags;      /* of its slot, enum wi_slot_flag; 0 in a file of an earlier version */
    char name[WEIR_NAME_MAX + 1];
    uint8_t reserved[96];
    uint64_t since_nanos_end;
};

struct wi_history_head {
    uint64_t magic;
    uint32_t version;
    uint32_t head_bytes;
    uint32_t row_bytes;
    uint32_t n_seconds;
    uint32_t n_minutes;
    uint32_t n_tracks;
    uint32_t pid;
    uint32_t writer_pid;
    uint64_t start_ticks;
    uint64_t first_nanos; /* CLOCK_MONOTONIC of the first row ever */
    uint64_t n_handles;   /* handles that were open when the tracks were chosen last */
    char name[WEIR_NAME_MAX + 1];
    char writer_version[32];
    uint32_t id; /* of the segment; 0: made by an earlier version */
    uint8_t reserved[796];
    struct wi_history_track tracks[WI_HISTORY_TRACKS];
};

/* Facts of the process in a row. */
enum wi_history_fact {
    WI_HISTORY_RSS,
    WI_HISTORY_ANON,
    WI_HISTORY_VIRTUAL,
    WI_HISTORY_CPU, /* nanoseconds */
    WI_HISTORY_THREADS,
    WI_HISTORY_FDS,
    WI_HISTORY_HEAP,
    WI_HISTORY_HEAP_RESIDENT,
    WI_HISTORY_REJECTS,
    WI_HISTORY_MEMORY_LIMIT,
    WI_HISTORY_MEMORY_USED,
    WI_HISTORY_N_FACTS
};

/* A moment. The words of a track are the first totals of its flow. */
struct wi_history_row {
    uint64_t sequence; /* the second, or minute, of `nanos`; repeated at the end */
    int64_t unix_nanos;
    uint64_t nanos; /* CLOCK_MONOTONIC */
    uint64_t has;   /* which facts are known: a bit for each enum wi_history_fact */
    uint64_t facts[WI_HISTORY_N_FACTS];
    uint64_t tracks[WI_HISTORY_TRACKS][WI_HISTORY_WORDS];
    uint64_t sequence_end;
};

#define WI_HISTORY_HEAD_BYTES sizeof(struct wi_history_head)
#define WI_HISTORY_ROW_BYTES  sizeof(struct wi_history_row)

#define WI_HISTORY_TRACK_OFFSET(i)                                                                 \
    (offsetof(struct wi_history_head, tracks) + (i) * sizeof(struct wi_history_track))

_Static_assert(sizeof(struct wi_history_track) == 256, "tracks are 256 bytes");
_Static_assert(WI_HISTORY_TRACK_OFFSET(0) == 1024, "and no page cuts one");
_Static_assert(sizeof(struct wi_history_head) == 32768, "the head is eight pages");
_Static_assert(sizeof(struct wi_history_row) == 4096, "a row is a page");
_Static_assert(offsetof(struct wi_history_row, tracks) == 120, "a new fact needs another version");
_Static_assert(offsetof(struct wi_history_row, sequence_end) == 4088, "the row ends as it begins");
_Static_assert(offsetof(struct wi_history_track, since_nanos_end) == 248, "and so does a track");
_Static_assert(sizeof(struct wi_history_head) + (WI_HISTORY_N_SECONDS + WI_HISTORY_N_MINUTES) *
                                                    sizeof(struct wi_history_row) ==
                   WI_HISTORY_BYTES,
               "all of it is 8 MiB");

/* An open history: its head, checked, and where its rows come from. */
struct wi_history {
    int fd;               /* borrowed; -1: the bytes */
    const uint8_t *bytes; /* borrowed */
    uint64_t n_bytes;
    struct wi_history_head head;
};

/* The seconds of a row of this ring, its number of rows, and the place of one. */
uint64_t wi_history_step_nanos(enum wi_history_ring ring);
uint64_t wi_history_n_rows(enum wi_history_ring ring);
uint64_t wi_history_offset(enum wi_history_ring ring, uint64_t sequence);

/*
 * Reads and checks a head; or reads it again, to see the changes. `fd` and `bytes` stay the
 * caller's. Fails: WEIR_E_CORRUPT, WEIR_E_VERSION, WEIR_E_SYSTEM with one line; *history is then
 * unchanged.
 */
enum weir_status wi_history_read(int fd, struct wi_history *history, struct weir_error *ret_error);
enum weir_status wi_history_read_bytes(const uint8_t *bytes, size_t n, struct wi_history *history,
                                       struct weir_error *ret_error);

/* A head as a new file has it, of no process yet. */
void wi_history_begin(struct wi_history_head *ret_head);

/* One row; false if there is none of that second (or minute), or a torn one. */
bool wi_history_row(const struct wi_history *history, enum wi_history_ring ring, uint64_t sequence,
                    struct wi_history_row *ret_row);

/* The newest row not after `most`. Returns false when there is none. */
bool wi_history_last(const struct wi_history *history, enum wi_history_ring ring, uint64_t most,
                     struct wi_history_row *ret_row);

/* Whether a metric can be taken from the rows, and the one that a kind's trend shows (-1: none). */
bool wi_history_has(enum wi_kind kind, int metric);
int wi_history_trend(enum wi_kind kind);

/* A metric in a row; NaN when it is not known. `track`: -1 for the process. `before`: the row
 * before, for rates; NULL: none. */
double wi_history_value(const struct wi_history *history, int track, enum wi_kind kind, int metric,
                        const struct wi_history_row *before, const struct wi_history_row *row);

/*
 * The flow of a track in a row; false when the track did not belong to the handle then. The words
 * do not hold all totals: no message counts as discarded, and the permits that were acquired and
 * are not taken count as released.
 */
bool wi_history_flow(const struct wi_history *history, size_t track,
                     const struct wi_history_row *row, struct wi_flow *ret_flow);

/* Whether a track belongs to the handle in a row. */
bool wi_history_is_in(const struct wi_history_track *track, const struct wi_history_row *row);

#endif
