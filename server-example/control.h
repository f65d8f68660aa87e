/* SPDX-License-Identifier: MIT */
/* The operator's side of a running server: one datagram there, one back. */
#ifndef GAME_CONTROL_H
#define GAME_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

/* Sends the command and prints the answer. Ends the program with one line when no server answers. */
void control_mode(uint64_t port, const char *mode);
void control_status(uint64_t port, bool is_json);
void control_resume(uint64_t port, bool is_json);

/* Pauses the server and waits until it rests: until no move is anywhere but in the channel. */
void control_pause(uint64_t port, bool is_json);

#endif
