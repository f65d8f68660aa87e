/* SPDX-License-Identifier: MIT */
/*
 * What both programs of the example need to read a command line: numbers within a range, one-line
 * complaints, and memory that ends the program when there is none.
 */
#ifndef GAME_FLAGS_H
#define GAME_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The phone keypad's spelling of "weir"; below the ports that the kernel hands out by itself. */
#define GAME_PORT 9347

enum { EXIT_LOST_SERVER = 1, EXIT_USAGE = 2, EXIT_NO_SERVER = 3 };

/* Prints "PROGRAM: MESSAGE" on one line of stderr and exits with `status`. */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole number from `low` to `high`, or a complaint that names the flag, and exit 2. */
uint64_t flag_number(const char *flag, const char *text, uint64_t low, uint64_t high);

/* Seconds, decimals allowed, from 0 to a year; in nanoseconds. Complains as flag_number. */
uint64_t flag_seconds(const char *flag, const char *text);

/* Complains about the flag that getopt_long has just refused, and exits 2. */
_Noreturn void flag_refuse(int option, int index, char **words);

/* "human" or "json", for -o: whether it is json. Complains as flag_number. */
bool flag_is_json(const char *text);

/* Zeroed memory; without memory the program ends. */
void *xcalloc(size_t n, size_t size);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_nanos(void);

#endif
