/* SPDX-License-Identifier: MIT */
/* The spelling of the modes. Pure; any thread. */
#include "mode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char bounded_prefix[] = "bounded:";

bool mode_read(const char *text, struct mode *ret_mode)
{
    static const struct {
        const char *name;
        enum mode_kind kind;
    } names[] = {{"unbounded", MODE_UNBOUNDED},
                 {"as-published", MODE_AS_PUBLISHED},
                 {"admission", MODE_ADMISSION}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i].name) == 0) {
            *ret_mode = (struct mode){names[i].kind, 0};
            return true;
        }
    }
    if (strncmp(text, bounded_prefix, sizeof(bounded_prefix) - 1) != 0) {
        return false;
    }
    const char *digits = text + sizeof(bounded_prefix) - 1;
    char *end = NULL;
    errno = 0;
    unsigned long long bound = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0 || bound < 1 ||
        bound > MODE_BOUND_MAX) {
        return false;
    }
    *ret_mode = (struct mode){MODE_BOUNDED, bound};
    return true;
}

void mode_write(struct mode mode, char *ret_text)
{
    switch (mode.kind) {
    case MODE_BOUNDED:
        snprintf(ret_text, MODE_TEXT_MAX, "%s%" PRIu64, bounded_prefix, mode.bound);
        return;
    case MODE_AS_PUBLISHED:
        snprintf(ret_text, MODE_TEXT_MAX, "as-published");
        return;
    case MODE_ADMISSION:
        snprintf(ret_text, MODE_TEXT_MAX, "admission");
        return;
    case MODE_UNBOUNDED:
        break;
    }
    snprintf(ret_text, MODE_TEXT_MAX, "unbounded");
}
