/* SPDX-License-Identifier: MIT */
/* The findings of one sample: the 64 worst, worst first. */
#include "finding/state.h"

#include "weir/expect.h"
#include "weir/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool entry_is_worse(const struct finding_entry *a, enum finding_severity severity,
                           double weight)
{
    return a->severity != severity ? a->severity > severity : a->weight >= weight;
}

/* Takes the entry of a group out of the list, if it is not as bad as this. Returns where it lies; -1: the group has no
 * entry yet; -2: its entry is worse. */
static int entry_take(struct wi_finding *finding, uint8_t group, enum finding_severity severity,
                      double weight)
{
    for (uint32_t r = 0; group && r < finding->n_entries; r++) {
        uint8_t place = finding->rank[r];
        if (finding->entry[place].group != group) {
            continue;
        }
        if (entry_is_worse(&finding->entry[place], severity, weight)) {
            return -2;
        }
        finding->n_entries--;
        memmove(&finding->rank[r], &finding->rank[r + 1], finding->n_entries - r);
        return place;
    }
    return -1;
}

/* Puts an entry into the list by its rank; -1: a new one. NULL: 64 are worse. */
static struct finding_entry *entry_place(struct wi_finding *finding, int taken,
                                         enum finding_severity severity, double weight)
{
    uint32_t at = finding->n_entries;
    while (at > 0 && !entry_is_worse(&finding->entry[finding->rank[at - 1]], severity, weight)) {
        at--;
    }
    if (at == FINDING_MAX) {
        return NULL;
    }
    uint8_t place = taken >= 0                         ? (uint8_t)taken
                    : finding->n_entries < FINDING_MAX ? (uint8_t)finding->n_entries
                                                       : finding->rank[FINDING_MAX - 1];
    if (!WI_EXPECT(place < FINDING_MAX)) {
        return NULL;
    }
    finding->n_entries += finding->n_entries < FINDING_MAX;
    memmove(&finding->rank[at + 1], &finding->rank[at], finding->n_entries - at - 1);
    finding->rank[at] = place;
    return &finding->entry[place];
}

struct finding_entry *wi_entry_add(struct wi_finding *finding, enum finding_severity severity,
                                   double weight, const char *kind, const char *subject,
                                   const char *action)
{
    uint8_t group = wi_group_join(finding, severity, weight, kind, subject);
    int taken = entry_take(finding, group, severity, weight);
    struct finding_entry *entry =
        taken == -2 ? NULL : entry_place(finding, taken, severity, weight);
    entry = entry ? entry : &finding->scratch;
    entry->severity = severity;
    entry->weight = weight;
    entry->kind = kind;
    entry->action = action;
    entry->about = finding->about;
    entry->group = group;
    entry->labels = entry->ids = NULL;
    entry->text[0] = '\0';
    entry->evidence[0] = '\0';
    entry->estimate[0] = '\0';
    snprintf(entry->subject, sizeof(entry->subject), "%s", subject);
    for (int n = 0; n < WI_WARNING_N_NUMBERS; n++) {
        entry->number[n] = NAN;
    }
    return entry;
}

/* The length of a text that was cut at `end`, without the character that the cut went through. */
static size_t entry_whole(const char *text, size_t end)
{
    size_t begin = end;
    while (begin > 0 && wi_text_continues(text[begin - 1])) {
        begin--;
    }
    return begin > 0 && !wi_text_is_utf8(text + begin - 1) ? begin - 1 : end;
}

void wi_entry_write(char text[FINDING_TEXT], const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text + n, FINDING_TEXT - n, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length >= FINDING_TEXT - n) {
        text[entry_whole(text, FINDING_TEXT - 1)] = '\0';
    }
}
