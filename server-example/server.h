/* SPDX-License-Identifier: MIT */
/*
 * The server: the main thread's loop with the socket, the sessions, the door and the operator's
 * commands. Everything here belongs to the main thread but for what moves, permits, handlers and
 * gameloop share among themselves.
 */
#ifndef GAME_SERVER_H
#define GAME_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "mode.h"

struct server_options {
    uint64_t port; /* 0: the kernel chooses */
    struct mode mode;
    bool has_then;
    struct mode then;
    uint64_t after_nanos;   /* when `then` comes */
    uint64_t silence_nanos; /* a player not heard for so long has left */
    uint64_t for_nanos;     /* 0: until a signal */
    uint64_t serve_rate;
    uint64_t permits;
    uint64_t n_workers;
    uint64_t n_players_max;
    uint64_t n_entities;
    bool is_burning;
    bool without_weir;
    bool is_json; /* the last report */
};

/* Serves until the time is over or a signal comes; prints what it came to. Ends the program with one
 * line when the port is taken. */
void server_run(const struct server_options *options);

#endif
