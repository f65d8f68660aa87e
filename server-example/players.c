/* SPDX-License-Identifier: MIT */
/* weir-players: the command line and the report of the example's load. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "flags.h"

#define PLAYERS_MAX UINT64_C(1000000)
#define RATE_MAX    UINT64_C(1000000)

static const char help[] =
    "weir-players [FLAGS]       play against weir-game on this machine\n"
    "\n"
    "  --players N        players (2000)\n"
    "  --rate N           moves per second, all players together (12000)\n"
    "  --churn N          departures per second; every other one vanishes (20)\n"
    "  --for SECONDS      end by itself (play until a signal)\n"
    "  --wait SECONDS     wait so long for the server (5)\n"
    "  --linger SECONDS   wait so long for answers at the end (2)\n"
    "  --port N           the server's UDP port (9347)\n"
    "  -o human|json      how the report is printed (human)\n"
    "\n"
    "Latency counts from the time a move was due, not from when it could be sent.\n";

enum { FLAG_PLAYERS = 256, FLAG_RATE, FLAG_CHURN, FLAG_FOR, FLAG_WAIT, FLAG_LINGER, FLAG_PORT };

static const struct option flags[] = {
    {"players", required_argument, NULL, FLAG_PLAYERS},
    {"rate", required_argument, NULL, FLAG_RATE},
    {"churn", required_argument, NULL, FLAG_CHURN},
    {"for", required_argument, NULL, FLAG_FOR},
    {"wait", required_argument, NULL, FLAG_WAIT},
    {"linger", required_argument, NULL, FLAG_LINGER},
    {"port", required_argument, NULL, FLAG_PORT},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static volatile sig_atomic_t n_signals;

static void players_on_signal(int number)
{
    (void)number;
    n_signals++;
}

static void players_flag(struct crowd_options *options, int flag, const char *text)
{
    switch (flag) {
    case FLAG_PLAYERS:
        options->n_players = flag_number("--players", text, 1, PLAYERS_MAX);
        break;
    case FLAG_RATE:
        options->move_rate = flag_number("--rate", text, 1, RATE_MAX);
        break;
    case FLAG_CHURN:
        options->churn_rate = flag_number("--churn", text, 0, RATE_MAX);
        break;
    case FLAG_FOR:
        options->for_nanos = flag_seconds("--for", text);
        break;
    case FLAG_WAIT:
        options->wait_nanos = flag_seconds("--wait", text);
        break;
    case FLAG_LINGER:
        options->linger_nanos = flag_seconds("--linger", text);
        break;
    case FLAG_PORT:
        options->port = flag_number("--port", text, 1, UINT16_MAX);
        break;
    default:
        break;
    }
}

static double players_seconds(const struct latency *latency, double quantile)
{
    return (double)latency_quantile(latency, quantile) / 1e9;
}

static void players_print_json(const struct crowd *crowd)
{
    printf("{\"schema\":\"weir.players/1\",\"data\":{\"players\":%zu,\"seconds\":%.3f,",
           (size_t)crowd->options.n_players, (double)(crowd->ended_at - crowd->started_at) / 1e9);
    printf("\"sent\":%" PRIu64 ",\"served\":%" PRIu64 ",\"refused\":%" PRIu64
           ",\"unknown\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"idle\":%" PRIu64 ",",
           crowd->n_sent, crowd->n_served, crowd->n_refused, crowd->n_unknown, crowd_lost(crowd),
           crowd->n_idle);
    printf("\"joins\":%" PRIu64 ",\"joins_refused\":%" PRIu64 ",\"leaves\":%" PRIu64
           ",\"vanished\":%" PRIu64 ",\"players_served\":%" PRIu64 ",\"kicked\":%" PRIu64 ",",
           crowd->n_joins, crowd->n_joins_refused, crowd->n_leaves, crowd->n_vanished,
           crowd->n_players_served, crowd->n_kicked);
    printf("\"latency_seconds\":{\"p50\":%.6f,\"p99\":%.6f,\"max\":%.6f},",
           players_seconds(&crowd->served, 0.5), players_seconds(&crowd->served, 0.99),
           (double)crowd->served.max / 1e9);
    printf("\"refusal_seconds\":{\"p50\":%.6f,\"p99\":%.6f,\"max\":%.6f}}}\n",
           players_seconds(&crowd->refused, 0.5), players_seconds(&crowd->refused, 0.99),
           (double)crowd->refused.max / 1e9);
}

static void players_print_row(const char *name, uint64_t n, double seconds)
{
    printf("%-9s %10" PRIu64 "  %9.1f/s\n", name, n, seconds > 0 ? (double)n / seconds : 0.0);
}

static void players_print_latency(const char *name, const struct latency *latency)
{
    if (latency->count > 0) {
        printf("%-9s p50 %.2f ms  p99 %.2f ms  max %.2f ms\n", name,
               players_seconds(latency, 0.5) * 1e3, players_seconds(latency, 0.99) * 1e3,
               (double)latency->max / 1e6);
    }
}

static void players_print(const struct crowd *crowd)
{
    double seconds = (double)(crowd->ended_at - crowd->started_at) / 1e9;
    printf("%" PRIu64 " players for %.1f s: %" PRIu64 " joins, %" PRIu64 " left, %" PRIu64
           " vanished",
           crowd->options.n_players, seconds, crowd->n_joins, crowd->n_leaves, crowd->n_vanished);
    if (crowd->n_joins_refused > 0) {
        printf(", %" PRIu64 " joins refused", crowd->n_joins_refused);
    }
    putchar('\n');
    players_print_row("sent", crowd->n_sent, seconds);
    players_print_row("served", crowd->n_served, seconds);
    players_print_row("refused", crowd->n_refused, seconds);
    if (crowd->n_unknown > 0) {
        players_print_row("unknown", crowd->n_unknown, seconds);
    }
    if (crowd->n_kicked > 0) {
        players_print_row("kicked", crowd->n_kicked, seconds);
    }
    players_print_row("lost", crowd_lost(crowd), seconds);
    players_print_latency("latency", &crowd->served);
    players_print_latency("refusal", &crowd->refused);
}

static void players_handle_signals(void)
{
    struct sigaction action = {.sa_handler = players_on_signal};
    struct sigaction before;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        sigaction(SIGHUP, &action, NULL); /* after nohup it ends nothing */
    }
}

static int players_play(const struct crowd_options *options, bool is_json)
{
    struct crowd *crowd = xcalloc(1, sizeof(*crowd));
    players_handle_signals();
    enum crowd_end end = crowd_run(crowd, options, &n_signals);
    if (end == CROWD_NO_SERVER) {
        die(EXIT_NO_SERVER,
            "no server answers on 127.0.0.1:%" PRIu64 ": start weir-game, or give --port",
            options->port);
    }
    if (is_json) {
        players_print_json(crowd);
    } else {
        players_print(crowd);
    }
    crowd_finish(crowd);
    free(crowd);
    if (end == CROWD_LOST_SERVER) {
        fflush(stdout);
        die(EXIT_LOST_SERVER, "the server on 127.0.0.1:%" PRIu64 " is gone", options->port);
    }
    return EXIT_SUCCESS;
}

int main(int n_words, char **words)
{
    struct crowd_options options = {.port = GAME_PORT,
                                    .n_players = 2000,
                                    .move_rate = 12000,
                                    .churn_rate = 20,
                                    .wait_nanos = UINT64_C(5000000000),
                                    .linger_nanos = UINT64_C(2000000000)};
    bool is_json = false;
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
        if (flag == 'o') {
            is_json = flag_is_json(optarg);
        }
        players_flag(&options, flag, optarg);
    }
    if (optind < n_words) {
        die(EXIT_USAGE, "no such word: '%s'; --help shows the flags", words[optind]);
    }
    return players_play(&options, is_json);
}
