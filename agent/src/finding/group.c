/* SPDX-License-Identifier: MIT */
/*
 * Findings about rows of one name. A server has a queue for each client; when four clients are stuck, that is
 * one problem with four labels, not eight lines that differ in a number. So findings of one kind about
 * channels or semaphores of one name are one finding: it has the texts of its worst row, says how many rows
 * of the name it is about, and lists their labels, worst first. Two such findings about the same rows
 * become one as well ("stalled and refusing").
 *
 * Remarks are not joined with warnings: the count says how many rows are as bad as the sentence. The row
 * counts are exact. The 64 worst rows of a group are remembered, 256 of all groups, and as many are told as there is
 * room for.
 */
#include "finding/state.h"

#include <string.h>

static const struct group_word {
    const char *kind, *word;
    const char *remark; /* of a finding that is not a warning; NULL: the same */
} group_words[] = {
    {"channel_stalled", "stalled", "not seen to move yet"},
    {"channel_growing", "growing", NULL},
    {"channel_filling", "filling", NULL},
    {"channel_draining", "draining", NULL},
    {"channel_settled", "no longer growing", NULL},
    {"channel_left", "with messages left", NULL},
    {"channel_full", "full", NULL},
    {"channel_over_capacity", "over capacity", NULL},
    {"channel_rejecting", "refusing", NULL},
    {"channel_elsewhere", "received in forked processes", NULL},
    {"orphaned", "with orphaned messages", NULL},
    {"default_bound_far", "with a bound that is never nearly reached", NULL},
    {"permits_exhausted", "exhausted", NULL},
    {"permits_leaked", "with permits that do not come back", NULL},
    {"permits_none", "without permits", NULL},
};

const char *wi_group_word(const char *kind, enum finding_severity severity)
{
    for (size_t i = 0; i < sizeof(group_words) / sizeof(group_words[0]); i++) {
        const struct group_word *word = &group_words[i];
        if (strcmp(word->kind, kind) == 0) {
            return severity == FINDING_INFO && word->remark ? word->remark : word->word;
        }
    }
    return NULL;
}

static struct finding_group *group_find(struct wi_finding *finding, const char *kind,
                                        const char *name, bool is_remark)
{
    for (uint32_t i = 0; i < finding->n_groups; i++) {
        struct finding_group *group = &finding->group[i];
        if (group->about == finding->about.kind && group->is_remark == is_remark &&
            strcmp(group->kind, kind) == 0 && strcmp(group->name, name) == 0) {
            return group;
        }
    }
    if (finding->n_groups == FINDING_GROUPS) {
        return NULL;
    }
    struct finding_group *group = &finding->group[finding->n_groups++];
    *group = (struct finding_group){
        .kind = kind, .name = name, .about = finding->about.kind, .is_remark = is_remark};
    return group;
}

/* Room for one more member of a group, which says no group; if there is none, its mildest. NULL: it has no member. */
static struct finding_member *group_member(struct wi_finding *finding,
                                           const struct finding_group *group, uint8_t number)
{
    struct finding_member *mildest = NULL;
    if (group->n <= FINDING_EACH && finding->n_members < FINDING_MEMBERS) {
        finding->member[finding->n_members].group = 0;
        return &finding->member[finding->n_members++];
    }
    for (uint32_t i = 0; i < finding->n_members; i++) {
        struct finding_member *member = &finding->member[i];
        bool is_milder =
            member->group == number &&
            (!mildest || member->severity < mildest->severity ||
             (member->severity == mildest->severity && member->weight < mildest->weight));
        mildest = is_milder ? member : mildest;
    }
    return mildest;
}

uint8_t wi_group_join(struct wi_finding *finding, enum finding_severity severity, double weight,
                      const char *kind, const char *name)
{
    bool has_rows = finding->about.is_row &&
                    (finding->about.kind == WI_CHANNEL || finding->about.kind == WI_SEMAPHORE);
    struct finding_group *group = has_rows && wi_group_word(kind, severity)
                                      ? group_find(finding, kind, name, severity == FINDING_INFO)
                                      : NULL;
    if (!group || (group->n > 0 && group->last == finding->about.id)) {
        return 0;
    }
    uint8_t number = (uint8_t)(1 + (group - finding->group));
    group->n++;
    group->last = finding->about.id;
    struct finding_member *member = group_member(finding, group, number);
    bool is_worse = member && (!member->group || severity > member->severity ||
                               (severity == member->severity && weight > member->weight));
    if (is_worse) {
        *member = (struct finding_member){finding->about.id, finding->about.label, weight, severity,
                                          number};
    }
    return number;
}
