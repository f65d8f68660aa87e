/* SPDX-License-Identifier: MIT */
/* A client made of bytes: what a test needs to be somebody at the other end of a socket, and no more. */
#ifndef CALLER_H
#define CALLER_H

#include <stdbool.h>
#include <stddef.h>

/* PREFACE, SETTINGS with a window of 2^31 - 1, and one for the connection. */
extern const char caller_preface[];
extern const size_t caller_preface_bytes;

/* Connects to a socket by its path; -1: nobody is there. */
int caller_dial(const char *path);

/* Asks, after the preface, for channels every 100 ms on a stream. False: the peer has gone. */
bool caller_watch(int fd, int stream);

/* What becomes of a call on a stream within so many milliseconds of silence. */
enum caller_answer { CALLER_NOTHING, CALLER_MESSAGE, CALLER_STATUS, CALLER_CLOSED };
enum caller_answer caller_answer(int fd, int stream, int millis);

/* Whether there is something to read, or an end, within so many milliseconds. */
bool caller_has_input(int fd, int millis);

#endif
