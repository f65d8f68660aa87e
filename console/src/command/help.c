/* SPDX-License-Identifier: MIT */
/* `weir help [COMMAND]` and `weir version`: printed from the tables. */
#include "command/command.h"
#include "command/report.h"

#include "weir/weir.h"

#include <stdio.h>

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

static void help_overview(void)
{
    puts("weir: live queues of C servers\n\n"
         "usage: weir [TARGET]             the screen of a running server\n"
         "       weir COMMAND [OPTIONS]\n\ncommands:");
    const struct wc_command *command = NULL;
    for (size_t i = 0; (command = wc_command_at(i)) != NULL; i++) {
        printf("  %-10s %s\n", command->name, command->summary);
    }
    puts("\nTARGET: a pid, a service's name, unix:/path, host:port, http://host:port/NAME,\n"
         "        file:///path or the path of a segment or a recording.\n"
         "        None given: $WEIR_TARGET, else the only running process.\n\n"
         "exit codes: 0 fine, 1 doctor found something, 2 usage or unknown topic,\n"
         "        3 no such target or cannot connect, 4 other version or corrupt file, 5 denied,\n"
         "        6 target ended, 7 data incomplete, 124 -W ran out\n\n"
         "`weir help COMMAND` says more.");
}

static enum wc_exit help_run(const struct wc_args *args)
{
    if (args->n_words == 0) {
        help_overview();
        return wc_report_end();
    }
    const struct wc_command *command = wc_command_find(args->words[0]);
    if (!command) {
        struct wc_error error;
        wc_error_set(&error, WC_USAGE, "%s: no such command: `weir help` lists them",
                     args->words[0]);
        return wc_command_fail(&error);
    }
    wc_command_print_help(command, stdout);
    return wc_report_end();
}

enum { VERSION_OUTPUT = 1 };

static const struct wc_option version_options[] = {
    {VERSION_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", WC_FORMAT_CHOICES, false,
     "form of the output"},
};

static enum wc_exit version_run(const struct wc_args *args)
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
    .usage = "[COMMAND]",
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
