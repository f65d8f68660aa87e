/* SPDX-License-Identifier: MIT */
/* `weir help [COMMAND]` and `weir version`: printed from the tables. */
#include "command/command.h"
#include "command/report.h"

#include "snapshot/metric.h"
#include "weir/weir.h"

#include <stdio.h>
#include <string.h>

void wc_command_print_help(const struct wc_command *command, FILE *out)
{
    fprintf(out, "usage: weir %s %s\n\n%s\n", command->name, command->usage, command->summary);
    if (command->details) {
        fprintf(out, "%s\n", command->details);
    }
    if (command->n_options > 0) {
        fputs("\noptions:\n", out);
        wc_args_print_help(command->options, command->n_options, out);
    }
}

/* The kinds that topics name, each once: single tasks and task kinds are both tasks. */
static void help_kinds(void)
{
    fputs("\nkinds of rows, and KIND in topics:\n       ", stdout);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        if (kind != WI_TASK_INSTANCE) {
            printf(" %s", wi_metric_table((enum wi_kind)kind)->name);
        }
    }
    putchar('\n');
}

static void help_overview(void)
{
    puts("weir: live queues of C servers\n\n"
         "usage: weir [TARGET]             the screen of a running server\n"
         "       weir COMMAND [OPTIONS]\n\ncommands:");
    const struct wc_command *command = NULL;
    for (size_t i = 0; (command = wc_command_at(i)) != NULL; i++) {
        printf("  %-10s %s\n", command->name, command->summary);
    }
    help_kinds();
    puts("\nTARGET: a pid, a service's name, NAME/N of several, unix:/path, host:port,\n"
         "        http://host:port/NAME, file:///path, or the path of a segment or a recording.\n"
         "        None given: $WEIR_TARGET, else the only running process.\n\n"
         "exit codes: 0 fine, 1 doctor found something, 2 usage or unknown topic,\n"
         "        3 no such target or cannot connect, 4 other version or corrupt file, 5 denied,\n"
         "        6 target ended, 7 data incomplete, 124 -W ran out\n\n"
         "`weir help COMMAND` says more; `weir help environment` lists the variables.");
}

/* What the environment says goes before what the program says. */
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
    {"WEIR_HTTP_HOSTS", "", "further Host names that are answered on loopback, with commas"},
    {"WEIR_TOKEN_FILE", "", "file with the token for TCP; needed beyond loopback"},
    {"WEIR_TARGET", "", "the TARGET of the console where none is given"},
    {"WEIR_LINTS", "", "lints for Tokio servers, as --lint takes them"},
    {"NO_COLOR", "", "any value: the screen has no colours"},
};

static void help_environment(void)
{
    puts("Variables of weir: libraries, `weir serve` and the console. They go before what a "
         "program\n"
         "sets itself. Programs with more rights than their user (setuid) heed WEIR_OFF alone.\n");
    for (size_t i = 0; i < sizeof(help_variables) / sizeof(help_variables[0]); i++) {
        const struct help_variable *variable = &help_variables[i];
        printf("  %-16s %-10s %s\n", variable->name, variable->value[0] ? variable->value : "-",
               variable->text);
    }
    puts("\nThe second column is the default. WEIR_DIR: without it $XDG_RUNTIME_DIR/weir, else\n"
         "/dev/shm/weir-UID. The console looks in all of these; set WEIR_DIR for both, server and\n"
         "console, where they do not see the same directories, as in containers.");
}

static enum wc_status help_run(const struct wc_args *args)
{
    if (args->n_words == 0) {
        help_overview();
        return wc_report_end();
    }
    if (strcmp(args->words[0], "environment") == 0) {
        help_environment();
        return wc_report_end();
    }
    const struct wc_command *command = wc_command_find(args->words[0]);
    if (!command) {
        return wc_command_unknown(args->words[0]);
    }
    wc_command_print_help(command, stdout);
    return wc_report_end();
}

enum { VERSION_OUTPUT = 1 };

static const struct wc_option version_options[] = {
    {VERSION_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", WC_FORMAT_CHOICES, false,
     "form of the output"},
};

static enum wc_status version_run(const struct wc_args *args)
{
    struct wc_json json;
    switch ((enum wc_format)wc_args_number(args, VERSION_OUTPUT, WC_FORMAT_HUMAN)) {
    case WC_FORMAT_JSON:
    case WC_FORMAT_NDJSON:
        wc_report_open(&json, stdout, "weir.version/1", wc_report_now(), NULL);
        wc_json_open(&json, "data", '{');
        wc_json_text(&json, "version", WEIR_VERSION);
        wc_json_close(&json, '}');
        wc_report_close(&json);
        break;
    case WC_FORMAT_CSV:
        puts("version\n" WEIR_VERSION);
        break;
    case WC_FORMAT_HUMAN:
        puts("weir " WEIR_VERSION);
        break;
    }
    return wc_report_end();
}

const struct wc_command wc_command_help = {
    .name = "help",
    .usage = "[COMMAND|environment]",
    .summary = "how to use weir, or one command of it",
    .max_words = 1,
    .run = help_run,
};

const struct wc_command wc_command_version = {
    .name = "version",
    .usage = "[-o FORM]",
    .summary = "the version of this weir",
    .options = version_options,
    .n_options = sizeof(version_options) / sizeof(version_options[0]),
    .run = version_run,
};
