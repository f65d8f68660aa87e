/* SPDX-License-Identifier: MIT */
/*
 * One exporter's access to the history's file: it finds and reads it, and writes it if it may and
 * no other one does. The lock on the file decides who writes; when it is free, the first exporter
 * that takes it continues the file. One pwrite a second, never a mapping: a full file system is an
 * error that is counted, not a signal. One thread at a time.
 */
#ifndef WI_SNAPSHOT_RECORDER_H
#define WI_SNAPSHOT_RECORDER_H

#include "segment/find.h"
#include "segment/stem.h"
#include "snapshot/history.h"

#include <sys/types.h>

enum wi_recorder_state {
    WI_RECORDER_NONE,    /* there is no file */
    WI_RECORDER_WRITING, /* by this exporter */
    WI_RECORDER_READING  /* another exporter writes it, or none does any more */
};

struct wi_recorder {
    char path[WI_PATH_MAX]; /* "": the segment has no file to lie beside */
    char segment[WI_PATH_MAX];
    char name[WEIR_NAME_MAX + 1];
    struct wi_stem own;
    bool may_write;
    bool is_own; /* of the process that runs this exporter */
    enum wi_recorder_state state;
    int fd; /* -1: none */
    dev_t device;
    ino_t inode;
    uint64_t file_bytes;       /* that it holds */
    uint64_t lost;             /* rows that could not be written */
    char problem[160];         /* why there is no history, or none is written; "" when there is no
                                  problem */
    uint64_t room_until;       /* fresh pages for which the memory cgroup has room */
    uint64_t last_minute;      /* sequence of the last row of a minute */
    struct wi_history history; /* while state is not NONE */
    /* The parts of history.head that have changed since it was written. */
    bool is_head_due;
    bool is_track_due[WI_HISTORY_TRACKS];
};

/* `segment` is a path that ends in ".weir", else there is no history. */
void wi_recorder_init(struct wi_recorder *recorder, const char *segment, const char *name,
                      const struct wi_stem *own);

/* Gives the lock back. The file stays: it goes with the segment. */
void wi_recorder_finish(struct wi_recorder *recorder);

/* In a forked child: closes the inherited descriptors, and leaves the lock to the parent. */
void wi_recorder_abandon(struct wi_recorder *recorder);

/* Once a second: opens an existing file, creates one if it may, takes the lock if it is free, and
 * reads the head if another exporter writes. `is_alive`: the process runs. */
void wi_recorder_step(struct wi_recorder *recorder, bool is_alive);

/* Writes the changed parts of the head, then the row, whose sequence is filled in here, for its
 * second; and the same row for its minute, if that has none yet. */
void wi_recorder_write(struct wi_recorder *recorder, struct wi_history_row *row);

#endif
