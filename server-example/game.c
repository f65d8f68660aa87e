/* SPDX-License-Identifier: MIT */
/* weir-game: the command line of the example server. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "flags.h"
#include "handlers.h"
#include "mode.h"
#include "server.h"

#define RATE_MAX     UINT64_C(1000000)
#define PERMITS_MAX  UINT64_C(1000000)
#define SEATS_MAX    UINT64_C(1000000)
#define ENTITIES_MAX UINT64_C(1000000)

static const char help[] =
    "weir-game [FLAGS]          serve a game over UDP on 127.0.0.1\n"
    "weir-game mode MODE        switch the running server\n"
    "weir-game status           what the running server counts by itself\n"
    "weir-game pause | resume   stop it taking and serving moves; go on\n"
    "\n"
    "MODE: " MODE_HELP "\n"
    "\n"
    "  --mode MODE        how to start (unbounded)\n"
    "  --then MODE        switch to MODE ...\n"
    "  --after SECONDS    ... after so long (15)\n"
    "  --for SECONDS      end by itself (serve until a signal)\n"
    "  --port N           UDP port; 0: the kernel chooses (9347)\n"
    "  --serve N          moves per second that the handlers manage (6000)\n"
    "  --workers N        handler threads (2)\n"
    "  --permits N        permits of modes as-published and admission (1024)\n"
    "  --seats N          players at most (100000)\n"
    "  --silence SECONDS  a player not heard for so long has left (10)\n"
    "  --entities N       entities that the loop moves each millisecond (0)\n"
    "  --burn             handlers compute instead of waiting\n"
    "  --no-weir          without instrumentation, as WEIR_OFF=1\n"
    "  -o human|json      how status and the last report are printed (human)\n"
    "\n"
    "weir-players is the load. WEIR_HTTP=127.0.0.1:9100 serves /metrics.\n";

enum {
    FLAG_MODE = 256,
    FLAG_THEN,
    FLAG_AFTER,
    FLAG_FOR,
    FLAG_PORT,
    FLAG_SERVE,
    FLAG_WORKERS,
    FLAG_PERMITS,
    FLAG_SEATS,
    FLAG_SILENCE,
    FLAG_ENTITIES,
    FLAG_BURN,
    FLAG_NO_WEIR
};

static const struct option flags[] = {
    {"mode", required_argument, NULL, FLAG_MODE},
    {"then", required_argument, NULL, FLAG_THEN},
    {"after", required_argument, NULL, FLAG_AFTER},
    {"for", required_argument, NULL, FLAG_FOR},
    {"port", required_argument, NULL, FLAG_PORT},
    {"serve", required_argument, NULL, FLAG_SERVE},
    {"workers", required_argument, NULL, FLAG_WORKERS},
    {"permits", required_argument, NULL, FLAG_PERMITS},
    {"seats", required_argument, NULL, FLAG_SEATS},
    {"silence", required_argument, NULL, FLAG_SILENCE},
    {"entities", required_argument, NULL, FLAG_ENTITIES},
    {"burn", no_argument, NULL, FLAG_BURN},
    {"no-weir", no_argument, NULL, FLAG_NO_WEIR},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static struct mode game_mode(const char *text)
{
    struct mode mode;
    if (!mode_read(text, &mode)) {
        die(EXIT_USAGE, "no such mode: '%s'; there are " MODE_HELP, text);
    }
    return mode;
}

static void game_flag(struct server_options *options, int flag, const char *text)
{
    switch (flag) {
    case FLAG_MODE:
        options->mode = game_mode(text);
        break;
    case FLAG_THEN:
        options->then = game_mode(text);
        options->has_then = true;
        break;
    case FLAG_AFTER:
        options->after_nanos = flag_seconds("--after", text);
        break;
    case FLAG_FOR:
        options->for_nanos = flag_seconds("--for", text);
        break;
    case FLAG_PORT:
        options->port = flag_number("--port", text, 0, UINT16_MAX);
        break;
    case FLAG_SERVE:
        options->serve_rate = flag_number("--serve", text, 1, RATE_MAX);
        break;
    case FLAG_WORKERS:
        options->n_workers = flag_number("--workers", text, 1, HANDLERS_THREADS_MAX);
        break;
    case FLAG_PERMITS:
        options->permits = flag_number("--permits", text, 1, PERMITS_MAX);
        break;
    case FLAG_SEATS:
        options->n_players_max = flag_number("--seats", text, 1, SEATS_MAX);
        break;
    case FLAG_SILENCE:
        options->silence_nanos = flag_seconds("--silence", text);
        break;
    case FLAG_ENTITIES:
        options->n_entities = flag_number("--entities", text, 0, ENTITIES_MAX);
        break;
    case FLAG_BURN:
        options->is_burning = true;
        break;
    case FLAG_NO_WEIR:
        options->without_weir = true;
        break;
    case 'o':
        options->is_json = flag_is_json(text);
        break;
    default:
        break;
    }
}

static void game_command(char **words, int n_words, const struct server_options *options)
{
    const char *command = words[0];
    bool is_mode = strcmp(command, "mode") == 0;
    if (n_words != (is_mode ? 2 : 1)) {
        die(EXIT_USAGE, is_mode ? "mode takes one MODE: " MODE_HELP : "too many words after '%s'",
            command);
    }
    if (is_mode) {
        game_mode(words[1]);
        control_mode(options->port, words[1]);
    } else if (strcmp(command, "status") == 0) {
        control_status(options->port, options->is_json);
    } else if (strcmp(command, "pause") == 0) {
        control_pause(options->port, options->is_json);
    } else if (strcmp(command, "resume") == 0) {
        control_resume(options->port, options->is_json);
    } else if (strcmp(command, "help") == 0) {
        fputs(help, stdout);
    } else {
        die(EXIT_USAGE, "no such command: '%s'; --help shows them", command);
    }
}

int main(int n_words, char **words)
{
    struct server_options options = {.port = GAME_PORT,
                                     .mode = {MODE_UNBOUNDED, 0},
                                     .after_nanos = UINT64_C(15000000000),
                                     .silence_nanos = UINT64_C(10000000000),
                                     .serve_rate = 6000,
                                     .permits = 1024,
                                     .n_workers = 2,
                                     .n_players_max = 100000};
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    opterr = 0;
    int flag = 0;
    while ((flag = getopt_long(n_words, words, ":o:h", flags, NULL)) != -1) {
        if (flag == 'h') {
            fputs(help, stdout);
            return EXIT_SUCCESS;
        }
        if (flag == '?' || flag == ':') {
            flag_refuse(flag, optind, words);
        }
        game_flag(&options, flag, optarg);
    }
    if (optind < n_words) {
        game_command(words + optind, n_words - optind, &options);
        return EXIT_SUCCESS;
    }
    server_run(&options);
    return EXIT_SUCCESS;
}
