/* SPDX-License-Identifier: MIT */
/*
 * The sentences of findings about several rows of one name (group.c), and the labels in those about one. They are
 * written when all rows are judged, since only then is it known which row is the worst, and how many there are.
 * Texts of all groups lie in one memory of 8 KiB; the list that finds no more room there ends early.
 */
#include "finding/state.h"

#include "weir/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_LABELS  5U /* in the sentence */
#define SUMMARY_SLOTS 128

_Static_assert(3 * SUMMARY_SLOTS >= 4 * FINDING_GROUPS, "all groups fit");

static int member_compare(const void *a, const void *b)
{
    const struct finding_member *x = a, *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    if (x->severity != y->severity) {
        return x->severity > y->severity ? -1 : 1;
    }
    return x->weight != y->weight ? (x->weight > y->weight ? -1 : 1)
                                  : (x->id > y->id) - (x->id < y->id);
}

/* The members of a group, side by side, worst first. */
static const struct finding_member *group_members(const struct wi_finding *finding, uint8_t number,
                                                  uint32_t *ret_n)
{
    uint32_t first = 0;
    while (first < finding->n_members && finding->member[first].group != number) {
        first++;
    }
    uint32_t end = first;
    while (end < finding->n_members && finding->member[end].group == number) {
        end++;
    }
    *ret_n = end - first;
    return &finding->member[first];
}

/* Whether two groups are about the same rows, as far as these are remembered. */
static bool group_is_same(const struct wi_finding *finding, uint8_t a, uint8_t b)
{
    uint32_t n_a, n_b, n_found = 0;
    const struct finding_member *of_a = group_members(finding, a, &n_a);
    const struct finding_member *of_b = group_members(finding, b, &n_b);
    const struct finding_group *x = &finding->group[a - 1], *y = &finding->group[b - 1];
    if (x->n != y->n || n_a != x->n || n_b != y->n || x->about != y->about || x->is_remark ||
        y->is_remark || strcmp(x->name, y->name) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < n_a; i++) {
        for (uint32_t k = 0; k < n_b; k++) {
            n_found += of_a[i].id == of_b[k].id;
        }
    }
    return n_found == n_a;
}

/* Counts the open rows of the names of all groups that are told: all at once, since there may be very many rows. */
static void groups_count_rows(struct wi_finding *finding, const struct wi_process_view *view,
                              enum wi_kind kind)
{
    struct wi_map_slot slots[SUMMARY_SLOTS];
    struct wi_map told = {.n = 0};
    wi_map_move(&told, slots, FINDING_GROUPS);
    for (uint32_t i = 0; i < finding->n_groups; i++) {
        if (finding->group[i].about == kind && finding->group[i].n > 1) {
            wi_map_add(&told, wi_map_text_key(0, finding->group[i].name), i);
        }
    }
    for (size_t i = 0; told.n && i < wi_process_view_count(view, kind); i++) {
        const char *name = wi_process_view_part(view, kind, i, 0)->name;
        uint64_t key = wi_map_text_key(0, name);
        for (struct wi_map_slot *slot = NULL; (slot = wi_map_next(&told, key, slot));) {
            struct finding_group *group = &finding->group[slot->value];
            group->n_open += strcmp(group->name, name) == 0;
        }
    }
}

/* Adds a text behind the one before it, in the memory of all groups. Returns where it is; NULL: there is no room. */
static char *group_add_text(struct wi_finding *finding, const char *before, const char *text)
{
    char *at = finding->group_text + finding->n_group_text;
    size_t room = sizeof(finding->group_text) - finding->n_group_text;
    int n = snprintf(at, room, "%s%s", before, text);
    if (n < 0 || (size_t)n + 1 >= room) {
        *at = '\0';
        return NULL;
    }
    finding->n_group_text += (size_t)n;
    return at;
}

void wi_entry_label(struct wi_finding *finding, struct finding_entry *entry, const char *label)
{
    char *at = group_add_text(finding, entry->labels ? ", " : "", label);
    entry->labels = entry->labels ? entry->labels : at;
}

void wi_entry_end_labels(struct wi_finding *finding, const struct finding_entry *entry)
{
    finding->n_group_text += entry->labels != NULL;
}

/* Lists labels and rows, as many as there is room for. */
static void group_list(struct wi_finding *finding, struct finding_entry *entry,
                       const struct finding_member *members, uint32_t n)
{
    entry->labels = NULL; /* of one row's senders */
    for (uint32_t i = 0; i < n; i++) {
        if (members[i].label) {
            wi_entry_label(finding, entry, members[i].label);
        }
    }
    wi_entry_end_labels(finding, entry);
    for (uint32_t i = 0; i < n; i++) {
        char id[24];
        snprintf(id, sizeof(id), "%" PRIu64, members[i].id);
        char *at = group_add_text(finding, entry->ids ? " " : "", id);
        entry->ids = entry->ids ? entry->ids : at;
    }
    finding->n_group_text += entry->ids != NULL;
}

/* The rest of its sentence, behind the subject. */
static const char *group_predicate(const struct finding_entry *entry)
{
    size_t n = strlen(entry->subject);
    bool begins = strncmp(entry->text, entry->subject, n) == 0 && entry->text[n] == ':';
    return begins ? entry->text + n + 1 : entry->text;
}

/* Takes an entry about the same rows, at a later rank, out of the list. NULL: there is none. */
static const struct finding_entry *group_take_same(struct wi_finding *finding, uint32_t rank)
{
    const struct finding_entry *entry = &finding->entry[finding->rank[rank]];
    for (uint32_t r = rank + 1; r < finding->n_entries; r++) {
        const struct finding_entry *other = &finding->entry[finding->rank[r]];
        if (other->group && group_is_same(finding, entry->group, other->group)) {
            finding->n_entries--;
            memmove(&finding->rank[r], &finding->rank[r + 1], finding->n_entries - r);
            return other;
        }
    }
    return NULL;
}

static void group_write_labels(struct finding_entry *entry, const struct finding_member *members,
                               uint32_t n_members, uint32_t n)
{
    uint32_t n_told = 0;
    for (uint32_t i = 0; i < n_members && n_told < GROUP_LABELS; i++) {
        if (members[i].label) {
            wi_entry_write(entry->text, "%s%s", n_told++ ? ", " : " (", members[i].label);
        }
    }
    if (n_told) {
        wi_entry_write(entry->text, "%s)", n_told < n ? ", ..." : "");
    }
}

/* "writes: 4 of 5 stalled and refusing (client-7, client-2, ...)" */
static void group_tell(struct wi_finding *finding, uint32_t rank)
{
    struct finding_entry *entry = &finding->entry[finding->rank[rank]];
    const struct finding_group *group = &finding->group[entry->group - 1];
    uint32_t n_members;
    const struct finding_member *members = group_members(finding, entry->group, &n_members);
    const struct finding_entry *other = group_take_same(finding, rank);
    char worst[FINDING_TEXT] = "", evidence[FINDING_TEXT];
    memcpy(evidence, entry->evidence, sizeof(evidence));
    wi_entry_write(worst, "%s:%s", entry->about.label ? entry->about.label : "the worst",
                   group_predicate(entry));
    entry->text[0] = entry->evidence[0] = '\0';
    wi_entry_write(entry->text, "%s: %u of %zu %s", group->name, (unsigned)group->n, group->n_open,
                   wi_group_word(entry->kind, entry->severity));
    if (other) {
        wi_entry_write(entry->text, " and %s", wi_group_word(other->kind, other->severity));
        wi_entry_write(worst, ";%s", group_predicate(other));
    }
    group_write_labels(entry, members, n_members, group->n);
    wi_entry_write(entry->evidence, "%s%s%s", worst, evidence[0] ? "; " : "", evidence);
    group_list(finding, entry, members, n_members);
    finding_put(entry, WI_WARNING_ROWS, group->n);
    finding_put(entry, WI_WARNING_ROWS_OF, (double)group->n_open);
}

/* A finding about one row names it by its label, too. */
static void group_name_one(struct wi_finding *finding, struct finding_entry *entry)
{
    char title[WI_ROW_TITLE_MAX], text[FINDING_TEXT] = "";
    wi_row_title(entry->subject, entry->about.label, title);
    wi_entry_write(text, "%s:%s", title, group_predicate(entry));
    memcpy(entry->text, text, sizeof(text));
    snprintf(entry->subject, sizeof(entry->subject), "%s", title);
    if (!entry->labels) { /* else it names senders */
        wi_entry_label(finding, entry, entry->about.label);
        wi_entry_end_labels(finding, entry);
    }
}

void wi_groups_tell(struct wi_finding *finding, const struct wi_process_view *view)
{
    groups_count_rows(finding, view, WI_CHANNEL);
    groups_count_rows(finding, view, WI_SEMAPHORE);
    qsort(finding->member, finding->n_members, sizeof(finding->member[0]), member_compare);
    for (uint32_t rank = 0; rank < finding->n_entries; rank++) {
        struct finding_entry *entry = &finding->entry[finding->rank[rank]];
        if (entry->group && finding->group[entry->group - 1].n > 1) {
            group_tell(finding, rank);
        } else if (entry->about.is_row && entry->about.label) {
            group_name_one(finding, entry);
        }
    }
}
