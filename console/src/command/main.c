/* SPDX-License-Identifier: MIT */
/* The table of commands, and the choice of one. */
#include "command/main.h"

#include "command/help.h"
#include "command/report.h"
#include "weir/word.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct wc_command *const commands[] = {
    &wc_command_top,    &wc_command_list,   &wc_command_snapshot, &wc_command_subscribe,
    &wc_command_record, &wc_command_replay, &wc_command_diff,     &wc_command_doctor,
    &wc_command_prune,  &wc_command_serve,  &wc_command_version,  &wc_command_help,
};

#define COMMAND_SLIPS 2u
#define N_COMMANDS    (sizeof(commands) / sizeof(commands[0]))

const struct wc_command *wc_command_at(size_t i)
{
    return i < N_COMMANDS ? commands[i] : NULL;
}

const struct wc_command *wc_command_find(const char *name)
{
    if (strcmp(name, "attach") == 0) {
        return &wc_command_top;
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/* The command whose name differs from `word` by a typing error, or NULL. */
static const char *command_near(const char *word)
{
    const char *nearest = NULL;
    unsigned least = WI_WORD_MAX;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        unsigned distance = wi_word_distance(word, strlen(word), commands[i]->name);
        if (distance < least && distance <= COMMAND_SLIPS &&
            wi_word_is_near(strlen(word), distance)) {
            nearest = commands[i]->name;
            least = distance;
        }
    }
    return nearest;
}

/* Reports that `word` is no command, and which command is near it. */
static enum wc_status command_unknown(const char *word)
{
    struct wc_error error;
    const char *near = command_near(word);
    wc_error_set(&error, WC_USAGE, "%s: no such command%s%s%s: `weir help` lists them", word,
                 near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return wc_report_fail(&error);
}

/* ---- weir help ----------------------------------------------------------------------------- */

static enum wc_status help_run(const struct wc_args *args)
{
    const char *word = args->n_words > 0 ? args->words[0] : NULL;
    const struct wc_command *command = word ? wc_command_find(word) : NULL;
    if (!word) {
        wc_help_overview(commands, N_COMMANDS, stdout);
    } else if (strcmp(word, "environment") == 0) {
        wc_help_environment(stdout);
    } else if (command) {
        wc_help_command(command, stdout);
    } else {
        return command_unknown(word);
    }
    return wc_report_end();
}

const struct wc_command wc_command_help = {
    .name = "help",
    .usage = "[COMMAND|environment]",
    .summary = "explain weir, or one of its commands",
    .syntax.max_words = 1,
    .run = help_run,
};

/* ---- choosing a command -------------------------------------------------------------------- */

/* Whether the arguments request JSON, even if they cannot be parsed: then their error is printed as
 * JSON. */
static bool command_wants_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *format = NULL;
        if (strncmp(argv[i], "--output=", strlen("--output=")) == 0) {
            format = argv[i] + strlen("--output=");
        } else if (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0) {
            format = i + 1 < argc ? argv[i + 1] : NULL;
        } else if (strncmp(argv[i], "-o", 2) == 0) {
            format = argv[i] + 2;
        }
        if (format) {
            return strcmp(format, "json") == 0 || strcmp(format, "ndjson") == 0;
        }
    }
    return false;
}

/* The command that argv names, and the number of words before its own arguments. */
static const struct wc_command *command_choose(int argc, char *const *argv, int *ret_skip)
{
    *ret_skip = 1;
    if (argc < 2) {
        return &wc_command_top;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        *ret_skip = argc;
        return &wc_command_help;
    }
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
        *ret_skip = argc;
        return &wc_command_version;
    }
    const struct wc_command *command = wc_command_find(argv[1]);
    if (command) {
        *ret_skip = 2;
    }
    return command ? command : &wc_command_top;
}

/* Opens those of the descriptors 0, 1 and 2 that the caller left closed, so that no socket takes
 * their numbers. Writing to them fails, as it should. */
static void command_hold_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) {
            return;
        }
    }
}

enum wc_status wc_command_main(int argc, char *const *argv)
{
    /* Sets the locale for characters only: numbers stay as every script expects them. */
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    command_hold_descriptors();
    wc_report_begin(command_wants_json(argc, argv));

    int skip = 1;
    const struct wc_command *command = command_choose(argc, argv, &skip);
    struct wc_args args;
    struct wc_error error;
    enum wc_status code = wc_args_parse(&command->syntax, argc - skip, argv + skip, &args, &error);
    if (code != WC_OK && skip == 1 && argc > 2 && argv[1][0] != '-') {
        return command_unknown(argv[1]);
    }
    if (code != WC_OK) {
        struct wc_error whole;
        wc_error_set(&whole, code, "%s: %s: see `weir help %s`", command->name, error.text,
                     command->name);
        return wc_report_fail(&whole);
    }
    if (skip == 1 && args.n_words > 0) {
        wc_report_suggest(command_near(args.words[0]));
    }
    if (args.wants_help) {
        wc_help_command(command, stdout);
        return wc_report_end();
    }
    return command->run(&args);
}
