/* SPDX-License-Identifier: MIT */
/*
 * The past of a process view: the history that it writes or reads (history_writer.c), and the
 * numbers that it takes at its start from a history (warm_start.c). Internal to a process view, as
 * state.h is. The process view's thread.
 */
#ifndef WI_SNAPSHOT_HISTORY_WRITER_H
#define WI_SNAPSHOT_HISTORY_WRITER_H

#include "snapshot/collect.h"
#include "snapshot/recorder.h"

struct segment_view;
struct wi_facts;

struct history_writer {
    struct wi_recorder recorder;
    bool has_warm_start;
    bool was_writing;      /* at the tick before */
    uint64_t chosen_nanos; /* when the tracks were; 0: not yet */
    uint64_t
        *marks; /* by slot, how often its handle had been used then; NULL while all have a track */
    size_t n_marks;
    /* For a process that has ended, if it is known: the last time that it was seen alive. */
    bool has_ended;
    uint64_t as_of_nanos;
    int64_t as_of_unix_nanos;
};

/* Opens no file yet. Closing gives the lock of the file back and frees the marks. */
void wi_history_writer_open(struct segment_view *view, const struct wi_facts *facts);
void wi_history_writer_close(struct segment_view *view);

/* At the beginning of a tick: opens the file; and reads the facts of a process that cannot be read
 * itself. */
void wi_history_writer_begin_tick(struct segment_view *view);

/* At the end of a tick: the first one takes numbers from the history; then the row of this second
 * is written. */
void wi_history_writer_end_tick(struct segment_view *view);

/* The first reading of a process: rates, growth and ages as if this process view had existed
 * before. */
void wi_warm_start(struct segment_view *view);

/* The facts of a process that has ended, or is not visible, from the rows. */
void wi_history_writer_facts(struct segment_view *view);

#endif
