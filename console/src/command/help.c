/* SPDX-License-Identifier: MIT */
/* The output of `weir help`, made from the tables. */
#include "command/help.h"

#include "weir/metric.h"

#include <stdio.h>

void wc_help_command(const struct wc_command *command, FILE *out)
{
    fprintf(out, "usage: weir %s %s\n\n%s\n", command->name, command->usage, command->summary);
    if (command->details) {
        fprintf(out, "%s\n", command->details);
    }
    if (command->syntax.n_options > 0) {
        fputs("\noptions:\n", out);
        wc_args_print_help(&command->syntax, out);
    }
}

/* The kinds that topics name, each once: single tasks and task kinds are both tasks. */
static void help_kinds(FILE *out)
{
    fputs("\nkinds of rows, and KIND in topics:\n       ", out);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        if (kind != WI_TASK_INSTANCE) {
            fprintf(out, " %s", wi_metric_table((enum wi_kind)kind)->name);
        }
    }
    putc('\n', out);
}

void wc_help_overview(const struct wc_command *const *commands, size_t n, FILE *out)
{
    fputs("weir: live queues of C servers\n\n"
          "usage: weir [TARGET]             the screen of a running server\n"
          "       weir COMMAND [OPTIONS]\n\ncommands:\n",
          out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    help_kinds(out);
    fputs("\nTARGET: a pid, a service's name, NAME/N of several, unix:/path, host:port,\n"
          "        http://host:port/NAME, file:///path, or the path of a segment or a recording.\n"
          "        None given: $WEIR_TARGET, else the only running process.\n\n"
          "exit codes: 0 success, 1 doctor found a problem, 2 usage or unknown topic,\n"
          "        3 no such target or cannot connect, 4 other version or corrupt file, 5 denied,\n"
          "        6 target ended, 7 data incomplete, 124 -W ran out\n\n"
          "`weir help COMMAND` explains a command; `weir help environment` lists the variables.\n",
          out);
}

/* The environment takes precedence over the program's options. */
static const struct help_variable {
    const char *name, *value, *text;
} help_variables[] = {
    {"WEIR_OFF", "", "1: hooks do nothing, and there is no segment"},
    {"WEIR_NAME", "program", "the service's name, and the first level of its topics"},
    {"WEIR_DIR", "see below", "the directory for segments and sockets; mode 0700, on tmpfs"},
    {"WEIR_LIMIT", "16M", "the segment's largest size; a handle beyond it counts nothing"},
    {"WEIR_LATENCY", "sampled", "which messages are timed: off, sampled, full"},
    {"WEIR_TASKS", "4096", "single tasks that have a row at a time, 0 to 65,536"},
    {"WEIR_AGENT_CPU", "5", "per cent of one processor for the exporter in a host; off: no limit"},
    {"WEIR_GRPC", "off", "TCP address for consoles, as 127.0.0.1:6669"},
    {"WEIR_HTTP", "off", "address for /metrics, as 127.0.0.1:9464"},
    {"WEIR_HTTP_HOSTS", "", "further Host names that loopback accepts, with commas"},
    {"WEIR_TOKEN_FILE", "", "file with the token for TCP; needed beyond loopback"},
    {"WEIR_TARGET", "", "the console's TARGET if none is given"},
    {"WEIR_LINTS", "", "lints for Tokio servers, as --lint takes them"},
    {"NO_COLOR", "", "any value: no colours on the screen"},
};

void wc_help_environment(FILE *out)
{
    fputs("Variables of weir: libraries, `weir serve` and the console. They take precedence over "
          "the\n"
          "options that a program sets. Programs with more rights than their user (setuid) read "
          "only\n"
          "WEIR_OFF.\n\n",
          out);
    for (size_t i = 0; i < sizeof(help_variables) / sizeof(help_variables[0]); i++) {
        const struct help_variable *variable = &help_variables[i];
        fprintf(out, "  %-16s %-10s %s\n", variable->name,
                variable->value[0] ? variable->value : "-", variable->text);
    }
    fputs("\nThe second column is the default. Without WEIR_DIR it is $XDG_RUNTIME_DIR/weir, else\n"
          "/dev/shm/weir-UID. The console searches all of these. If server and console do not see "
          "the\n"
          "same directories, as in containers, set WEIR_DIR for both.\n",
          out);
}
