/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target is made of. A target is one file, tests/fuzz/NAME.c, that defines
 * LLVMFuzzerTestOneInput and, where they are of use, fuzz_begin and fuzz_seeds; its inputs lie in
 * tests/fuzz/corpus/NAME. The same file is linked with libFuzzer (tests/fuzz/run) and with
 * support/replay.c, which goes through the corpus as a plain test.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One input. Returns 0; whatever is wrong ends the program. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Called by libFuzzer before the first input: fuzz_begin, and what the command line asks of
 * fuzz_seeds. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Once, before the first input. Optional. */
void fuzz_begin(void);

/* Calls fuzz_seed for each input to begin with, when the program is asked for them: NAME --seeds
 * FOLDER. Optional. */
void fuzz_seeds(void);
void fuzz_seed(const char *name, const void *bytes, size_t n);

/* A condition that no input may break. */
#define FUZZ_CHECK(is_so)                                                                          \
    do {                                                                                           \
        if (!(is_so)) {                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #is_so);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- reading an input ----------------------------------------------------------------------- */

/* What is left of an input. Numbers are little-endian, and 0 past its end. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

uint8_t fuzz_u8(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);
uint32_t fuzz_u32(struct fuzz_input *input);
uint64_t fuzz_u64(struct fuzz_input *input);

/* At most `n` bytes; *ret_n: how many there are. Borrowed. */
const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t n, size_t *ret_n);

/* Up to the next byte `end` (which is taken, too) as a string in memory of its own size, so that one
 * byte too many is seen; a zero ends it as well. Owns: the caller's, free. */
char *fuzz_text(struct fuzz_input *input, uint8_t end);

/* A copy in memory of its own size. Owns: the caller's, free. */
void *fuzz_copy(const void *bytes, size_t n);

/* ---- writing one ---------------------------------------------------------------------------- */

struct fuzz_output {
    uint8_t bytes[16384];
    size_t n;
};

void fuzz_put(struct fuzz_output *output, const void *bytes, size_t n);
void fuzz_put_u8(struct fuzz_output *output, uint8_t number);
void fuzz_put_u16(struct fuzz_output *output, uint16_t number);
void fuzz_put_u32(struct fuzz_output *output, uint32_t number);
void fuzz_put_u64(struct fuzz_output *output, uint64_t number);

/* The text with its zero. */
void fuzz_put_text(struct fuzz_output *output, const char *text);

#endif
