/* SPDX-License-Identifier: MIT */
/*
 * Fuzz targets without a fuzzer: PROGRAM TARGET FILE... goes once through the files, and through those
 * of the folders. The last name printed is that of the input which ended the program. The build gives
 * each target's functions names of their own (rules.cmake).
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define REPLAY_TARGET(name)                                                                        \
    int name##_input(const uint8_t *bytes, size_t n);                                              \
    __attribute__((weak)) void name##_begin(void);
#include "replay_targets.h"
#undef REPLAY_TARGET

static const struct replay_target {
    const char *name;
    int (*input)(const uint8_t *bytes, size_t n);
    void (*begin)(void);
} targets[] = {
#define REPLAY_TARGET(name) {#name, name##_input, name##_begin},
#include "replay_targets.h"
#undef REPLAY_TARGET
};

static const struct replay_target *target;
static size_t n_inputs;

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    if (!file || fstat(fileno(file), &facts) != 0) {
        perror(path);
        exit(1);
    }
    /* Of the file's own size, so that one byte too many is seen. */
    size_t n = (size_t)facts.st_size;
    uint8_t *bytes = malloc(n > 0 ? n : 1);
    if (!bytes || fread(bytes, 1, n, file) != n) {
        perror(path);
        exit(1);
    }
    fclose(file);
    fprintf(stderr, "%s\n", path);
    target->input(bytes, n);
    free(bytes);
    n_inputs++;
}

static void replay(const char *path)
{
    struct stat facts;
    struct dirent **names;
    if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
        replay_file(path);
        return;
    }
    int n = scandir(path, &names, NULL, alphasort);
    if (n < 0) {
        perror(path);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        char inside[1024];
        snprintf(inside, sizeof(inside), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            replay(inside);
        }
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (argc > 1 && strcmp(argv[1], targets[i].name) == 0) {
            target = &targets[i];
        }
    }
    if (!target) {
        fprintf(stderr, "usage: %s TARGET FILE...\n", argv[0]);
        return 2;
    }
    if (target->begin) {
        target->begin();
    }
    for (int i = 2; i < argc; i++) {
        replay(argv[i]);
    }
    fprintf(stderr, "%zu inputs\n", n_inputs);
    return n_inputs > 0 ? 0 : 1;
}
