/* SPDX-License-Identifier: MIT */
/* The findings of one sample: the 64 worst, worst first. */
#include "finding/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool entry_is_worse(const struct finding_entry *a, enum finding_severity severity,
                           double weight)
{
    return a->severity != severity ? a->severity > severity : a->weight >= weight;
}

struct finding_entry *wi_entry_add(struct wi_finding *finding, enum finding_severity severity,
                                   double weight, const char *kind, const char *subject,
                                   const char *action)
{
    struct finding_entry *entry = &finding->scratch;
    uint32_t at = finding->n_entries;
    while (at > 0 && !entry_is_worse(&finding->entry[finding->rank[at - 1]], severity, weight)) {
        at--;
    }
    if (at < FINDING_MAX) {
        uint8_t place = finding->n_entries < FINDING_MAX ? (uint8_t)finding->n_entries++
                                                         : finding->rank[FINDING_MAX - 1];
        memmove(&finding->rank[at + 1], &finding->rank[at], finding->n_entries - at - 1);
        finding->rank[at] = place;
        entry = &finding->entry[place];
    }
    entry->severity = severity;
    entry->weight = weight;
    entry->kind = kind;
    entry->action = action;
    entry->about = finding->about;
    entry->text[0] = '\0';
    entry->evidence[0] = '\0';
    entry->estimate[0] = '\0';
    snprintf(entry->subject, sizeof(entry->subject), "%s", subject);
    for (int n = 0; n < WI_WARNING_N_NUMBERS; n++) {
        entry->number[n] = NAN;
    }
    return entry;
}

void wi_entry_write(char text[FINDING_TEXT], const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, FINDING_TEXT - n, format, arguments);
    va_end(arguments);
}
