/* SPDX-License-Identifier: MIT */
/* The texts are checked here, so that an error is reported before a connection is made. */
#include "command/lints.h"

#include "tokio/lint.h"

#include <stdio.h>
#include <stdlib.h>

static enum wc_status lints_check(const char *where, const char *text, struct wc_error *ret_error)
{
    struct wc_lints lints;
    char problem[256];
    wc_lints_init(&lints);
    return wc_lints_parse(&lints, text, problem, sizeof(problem))
               ? WC_OK
               : wc_error_set(ret_error, WC_USAGE, "%s: %s", where, problem);
}

enum wc_status wc_lints_take(const struct wc_args *args, int option, struct wc_target *target,
                             struct wc_error *ret_error)
{
    const char *ours = wc_args_text(args, option, "");
    const char *all = getenv("WEIR_LINTS");
    all = all ? all : "";
    enum wc_status code = lints_check("WEIR_LINTS", all, ret_error);
    if (code == WC_OK) {
        code = lints_check("--lint", ours, ret_error);
    }
    int n = snprintf(target->lints, sizeof(target->lints), "%s%s%s", all,
                     all[0] && ours[0] ? "," : "", ours);
    if (code == WC_OK && (size_t)n >= sizeof(target->lints)) {
        return wc_error_set(ret_error, WC_USAGE, "--lint and WEIR_LINTS are longer than %zu bytes",
                            sizeof(target->lints) - 1);
    }
    return code;
}
