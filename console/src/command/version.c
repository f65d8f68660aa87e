/* SPDX-License-Identifier: MIT */
/* `weir version`. */
#include "command/command.h"
#include "command/report.h"
#include "weir/wall.h"
#include "weir/weir.h"

#include <stdio.h>

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
        wc_report_open(&json, stdout, "weir.version/1", wi_wall_now(), NULL);
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

const struct wc_command wc_command_version = {
    .name = "version",
    .usage = "[-o FORM]",
    .summary = "print the version of this weir",
    .syntax.options = version_options,
    .syntax.n_options = sizeof(version_options) / sizeof(version_options[0]),
    .run = version_run,
};
