/* SPDX-License-Identifier: MIT */
/* Reading and writing inputs, and the seeds of a target. */
#include "fuzz.h"

#include <string.h>

static const char *seeds_folder;

__attribute__((weak)) void fuzz_begin(void)
{
}

__attribute__((weak)) void fuzz_seeds(void)
{
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_begin();
    if (*argc == 3 && strcmp((*argv)[1], "--seeds") == 0) {
        seeds_folder = (*argv)[2];
        fuzz_seeds();
        exit(0);
    }
    return 0;
}

void fuzz_seed(const char *name, const void *bytes, size_t n)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/seed-%s", seeds_folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

static uint64_t fuzz_number(struct fuzz_input *input, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n && input->left > 0; i++) {
        number |= (uint64_t)*input->at++ << (8 * i);
        input->left--;
    }
    return number;
}

uint8_t fuzz_u8(struct fuzz_input *input)
{
    return (uint8_t)fuzz_number(input, 1);
}

uint16_t fuzz_u16(struct fuzz_input *input)
{
    return (uint16_t)fuzz_number(input, 2);
}

uint32_t fuzz_u32(struct fuzz_input *input)
{
    return (uint32_t)fuzz_number(input, 4);
}

uint64_t fuzz_u64(struct fuzz_input *input)
{
    return fuzz_number(input, 8);
}

const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t n, size_t *ret_n)
{
    const uint8_t *bytes = input->at;
    *ret_n = n < input->left ? n : input->left;
    input->at += *ret_n;
    input->left -= *ret_n;
    return bytes;
}

char *fuzz_text(struct fuzz_input *input, uint8_t end)
{
    size_t n = 0;
    while (n < input->left && input->at[n] != end && input->at[n] != 0) {
        n++;
    }
    char *text = malloc(n + 1);
    FUZZ_CHECK(text != NULL);
    if (n > 0) {
        memcpy(text, input->at, n);
    }
    text[n] = '\0';
    size_t taken = n < input->left ? n + 1 : n;
    input->at += taken;
    input->left -= taken;
    return text;
}

void *fuzz_copy(const void *bytes, size_t n)
{
    void *copy = malloc(n > 0 ? n : 1);
    FUZZ_CHECK(copy != NULL);
    if (n > 0) {
        memcpy(copy, bytes, n);
    }
    return copy;
}

/* ---- writing -------------------------------------------------------------------------------- */

void fuzz_put(struct fuzz_output *output, const void *bytes, size_t n)
{
    FUZZ_CHECK(n <= sizeof(output->bytes) - output->n);
    if (n > 0) {
        memcpy(output->bytes + output->n, bytes, n);
    }
    output->n += n;
}

static void fuzz_put_number(struct fuzz_output *output, uint64_t number, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)(number >> (8 * i));
        fuzz_put(output, &byte, 1);
    }
}

void fuzz_put_u8(struct fuzz_output *output, uint8_t number)
{
    fuzz_put_number(output, number, 1);
}

void fuzz_put_u16(struct fuzz_output *output, uint16_t number)
{
    fuzz_put_number(output, number, 2);
}

void fuzz_put_u32(struct fuzz_output *output, uint32_t number)
{
    fuzz_put_number(output, number, 4);
}

void fuzz_put_u64(struct fuzz_output *output, uint64_t number)
{
    fuzz_put_number(output, number, 8);
}

void fuzz_put_text(struct fuzz_output *output, const char *text)
{
    fuzz_put(output, text, strlen(text) + 1);
}
