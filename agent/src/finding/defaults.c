/* SPDX-License-Identifier: MIT */
/*
 * The audit of defaults: channels that have no bound, or one that is so far away that it limits nothing. No I/O; the
 * process view's thread.
 */
#include "finding/state.h"

#include <stdio.h>

#define DEFAULTS_FAR      100 /* times the highest depth: a bound that limits nothing */
#define DEFAULTS_FAR_SENT 1000U
#define DEFAULTS_FAR_SEEN (600 * FINDING_SECOND)

bool wi_finding_deepest(struct wi_finding *finding, uint64_t deep, bool is_bytes)
{
    bool is_first = finding->unbounded.n++ == 0;
    bool is_alike = is_bytes == finding->unbounded.is_bytes;
    bool is_deepest = is_first || (is_alike ? deep > finding->unbounded.deep : !is_bytes);
    if (is_deepest) {
        finding->unbounded.deep = deep;
        finding->unbounded.is_bytes = is_bytes;
    }
    return is_deepest;
}

void wi_finding_name_deepest(struct wi_finding *finding, const char *name)
{
    snprintf(finding->unbounded.name, sizeof(finding->unbounded.name), "%s", name);
}

void wi_finding_unbounded(struct wi_finding *finding, const struct wi_row *row)
{
    uint64_t deep = wi_finding_count(row, WI_CHANNEL_HIGH_WATER);
    bool is_bytes = wi_row_is_bytes(WI_CHANNEL, row);
    bool is_used =
        wi_row_is_observed(WI_CHANNEL, row) ? deep > 0 : wi_finding_count(row, WI_CHANNEL_SENT) > 0;
    if (!finding_has(row, WI_CHANNEL_DEPTH) || !is_used) {
        return;
    }
    if (wi_finding_deepest(finding, deep, is_bytes)) {
        wi_finding_name_deepest(finding, row->name);
    }
}

void wi_finding_bound_far(struct wi_finding *finding, const struct wi_row *row,
                          const struct finding_watch_state *watch)
{
    char bound[WI_WORDS_MAX], deep[WI_WORDS_MAX], sent[WI_WORDS_MAX];
    double capacity = finding_number(row, WI_CHANNEL_CAPACITY, 0);
    uint64_t high = wi_finding_count(row, WI_CHANNEL_HIGH_WATER);
    if (finding->now - watch->first < DEFAULTS_FAR_SEEN || watch->came < DEFAULTS_FAR_SENT ||
        capacity < DEFAULTS_FAR || capacity < DEFAULTS_FAR * (double)high) {
        return;
    }
    struct finding_entry *entry = wi_entry_add(
        finding, FINDING_INFO, -1, "default_bound_far", watch->name,
        "Choose the bound by the time that a message may wait: bound = seconds * messages (or "
        "bytes) served a second.");
    finding_put(entry, WI_WARNING_DEPTH, (double)watch->depth);
    wi_entry_write(
        entry->text, "%s: a bound of %s, never deeper than %s", watch->name,
        wi_words_amount(bound, wi_finding_count(row, WI_CHANNEL_CAPACITY), watch->is_bytes),
        wi_words_amount(deep, high, watch->is_bytes));
    wi_entry_write(entry->evidence, "%s%s sent",
                   wi_words_amount(sent, watch->came, watch->is_bytes),
                   watch->is_bytes ? "" : " messages");
    wi_limit_write_bound(entry, high, watch->is_bytes, "so far");
}

void wi_finding_defaults(struct wi_finding *finding)
{
    char deep[WI_WORDS_MAX], more[WI_WORDS_MAX];
    if (finding->unbounded.n == 0) {
        return;
    }
    struct finding_entry *entry =
        wi_entry_add(finding, FINDING_INFO, -2, "default_unbounded", finding->unbounded.name,
                     "Set a bound, or require a permit for each message: nothing else limits it "
                     "when its receiver is slow.");
    wi_entry_write(entry->text, "%s: no bound, never deeper than %s so far",
                   finding->unbounded.name,
                   wi_words_amount(deep, finding->unbounded.deep, finding->unbounded.is_bytes));
    if (finding->unbounded.n > 1) {
        wi_entry_write(entry->text, "; %s more unbounded channel%s",
                       wi_words_count(more, finding->unbounded.n - 1),
                       finding->unbounded.n > 2 ? "s" : "");
    }
    finding_put(entry, WI_WARNING_DEPTH, (double)finding->unbounded.deep);
}
