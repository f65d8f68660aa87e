/* SPDX-License-Identifier: MIT */
/* Command lines, complaints, memory and the clock of the example's programs. */
#include "flags.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NANOS_PER_SECOND UINT64_C(1000000000)
#define SECONDS_MAX      31536000.0

_Noreturn void die(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(status);
}

uint64_t flag_number(const char *flag, const char *text, uint64_t low, uint64_t high)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool is_number = *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
    if (!is_number || number < low || number > high) {
        die(EXIT_USAGE, "%s takes a whole number from %llu to %llu, not '%s'", flag,
            (unsigned long long)low, (unsigned long long)high, text);
    }
    return number;
}

uint64_t flag_seconds(const char *flag, const char *text)
{
    char *end = NULL;
    double seconds = strtod(text, &end);
    bool is_number = ((*text >= '0' && *text <= '9') || *text == '.') && *end == '\0';
    if (!is_number || !(seconds >= 0 && seconds <= SECONDS_MAX)) {
        die(EXIT_USAGE, "%s takes seconds, such as 15 or 0.5, not '%s'", flag, text);
    }
    return (uint64_t)(seconds * (double)NANOS_PER_SECOND);
}

_Noreturn void flag_refuse(int option, int index, char **words)
{
    const char *word = words[index - 1];
    char letter[3] = {'-', (char)optopt, '\0'};
    if (word[0] != '-' || word[1] != '-') {
        word = optopt ? letter : word;
    }
    if (option == ':') {
        die(EXIT_USAGE, "%s needs a value; --help shows the flags", word);
    }
    die(EXIT_USAGE, "no such flag: %s; --help shows the flags", word);
}

bool flag_is_json(const char *text)
{
    if (strcmp(text, "json") != 0 && strcmp(text, "human") != 0) {
        die(EXIT_USAGE, "-o takes human or json, not '%s'", text);
    }
    return strcmp(text, "json") == 0;
}

void *xcalloc(size_t n, size_t size)
{
    void *memory = calloc(n, size);
    if (!memory) {
        die(EXIT_FAILURE, "no memory");
    }
    return memory;
}

uint64_t now_nanos(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOS_PER_SECOND + (uint64_t)now.tv_nsec;
}
