/* SPDX-License-Identifier: MIT */
/*
 * The set of served processes, and the choice of the one that a request names.
 *
 * The set owns each process view together with its findings. Only this file knows both: it
 * refreshes the view, and once a second has the findings judge the new numbers. So snapshot/ need
 * not know the findings.
 *
 * There are at most 64. The longest served stands first. The exporter's own numbers are kept once,
 * and are copied into each view before it is read.
 *
 * A call holds its process by wi_process_views_choose and wi_process_views_release. Where processes
 * come and go, one that has ended can no longer be chosen, and is closed by wi_process_views_prune
 * when nobody holds it. A request that matches none or several gets a line that lists up to five of
 * the processes. The exporter's thread.
 */
#include "session/process_views.h"

#include "weir/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEWS_LISTED 5 /* processes named in one answer */

void wi_process_views_init(struct wi_process_views *views, bool is_changing)
{
    memset(views, 0, sizeof(*views));
    views->is_changing = is_changing;
    views->self = &views->own;
}

static void views_close(struct wi_served *served)
{
    wi_process_view_close(served->view);
    wi_finding_destroy(served->finding);
    free(served);
}

void wi_process_views_finish(struct wi_process_views *views)
{
    while (views->first) {
        (void)WI_EXPECT(views->first->n_holders == 0); /* the sessions have ended before */
        struct wi_served *next = views->first->next;
        views_close(views->first);
        views->first = next;
    }
    views->n = 0;
    views->self = &views->own;
}

enum weir_status wi_process_views_add(struct wi_process_views *views,
                                      struct wi_process_view *taken_view)
{
    struct wi_served **end = &views->first;
    struct wi_served *served = NULL;
    enum weir_status status = WEIR_E_LIMIT;
    if (views->n < WI_PROCESS_VIEWS_MAX) {
        served = calloc(1, sizeof(*served));
        status = served ? WEIR_OK : WEIR_E_MEMORY;
    }
    if (served) {
        status = wi_finding_create(&served->finding);
    }
    if (status != WEIR_OK) {
        wi_process_view_close(taken_view);
        free(served);
        return status;
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = served;
    served->view = taken_view;
    wi_process_view_show(taken_view, wi_finding_verdict(served->finding));
    views->n++;
    if (!views->is_changing) {
        views->self = wi_process_view_self(taken_view);
    }
    return WEIR_OK;
}

enum weir_status wi_process_views_refresh(struct wi_process_views *views, struct wi_served *served,
                                          uint64_t now_nanos, struct weir_error *ret_error)
{
    struct wi_self *self = wi_process_view_self(served->view);
    if (views->self != self) {
        *self = *views->self;
    }
    served->status = wi_process_view_refresh(served->view, now_nanos, ret_error);
    if (served->status == WEIR_OK && wi_process_view_has_ticked(served->view)) {
        wi_finding_update(served->finding, served->view);
    }
    served->refreshed_nanos = now_nanos;
    served->has_refreshed = true;
    enum wi_state state = wi_process_view_state(served->view);
    if (views->is_changing && (state == WI_STATE_DEAD || state == WI_STATE_ORPHANED)) {
        served->has_ended = true;
    }
    return served->status;
}

bool wi_served_is_there(const struct wi_served *served)
{
    return !served->has_ended;
}

/* Whether a process comes before another one of its name, in the order of `weir list`. */
static bool views_precedes(const struct wi_facts *facts, const struct wi_facts *other)
{
    const struct wi_stem *one = &facts->own;
    const struct wi_stem *two = &other->own;
    if (one->start_ticks != two->start_ticks) {
        return one->start_ticks < two->start_ticks;
    }
    return facts->pid != other->pid ? facts->pid < other->pid : one->id < two->id;
}

/* The number of a process among the served ones of its name. ret_n: how many there are. */
static unsigned views_replica(const struct wi_process_views *views, const struct wi_served *one,
                              unsigned *ret_n)
{
    const struct wi_facts *facts = wi_process_view_facts(one->view);
    unsigned number = 1;
    *ret_n = 0;
    for (const struct wi_served *served = views->first; served; served = served->next) {
        const struct wi_facts *other = wi_process_view_facts(served->view);
        if (wi_served_is_there(served) && strcmp(other->name, facts->name) == 0) {
            *ret_n += 1;
            number += views_precedes(other, facts);
        }
    }
    return number;
}

/* "game", "game/2", "4821" or "game:4821". */
static bool views_fits(const struct wi_process_views *views, const struct wi_served *served,
                       const char *wanted)
{
    char text[WEIR_NAME_MAX + 16];
    unsigned n;
    const struct wi_facts *facts = wi_process_view_facts(served->view);
    if (!wi_served_is_there(served)) {
        return false;
    }
    if (!wanted || !wanted[0] || strcmp(wanted, facts->name) == 0) {
        return true;
    }
    snprintf(text, sizeof(text), "%s:%u", facts->name, (unsigned)facts->pid);
    if (strcmp(wanted, text) == 0 || strcmp(wanted, text + strlen(facts->name) + 1) == 0) {
        return true;
    }
    snprintf(text, sizeof(text), "%s/%u", facts->name, views_replica(views, served, &n));
    return strcmp(wanted, text) == 0;
}

/* "game/1 (pid 4821), lobby (pid 4822)": the processes that match. */
static void views_list(const struct wi_process_views *views, const char *wanted, char *ret_text,
                       size_t room)
{
    size_t n_listed = 0;
    size_t n_left = 0;
    size_t length = 0;
    ret_text[0] = '\0';
    for (const struct wi_served *served = views->first; served; served = served->next) {
        const struct wi_facts *facts = wi_process_view_facts(served->view);
        char number[16] = "";
        unsigned n_twins;
        if (!views_fits(views, served, wanted)) {
            continue;
        }
        if (n_listed == VIEWS_LISTED || length + strlen(facts->name) + 48 > room) {
            n_left++;
            continue;
        }
        unsigned replica = views_replica(views, served, &n_twins);
        if (n_twins > 1) {
            snprintf(number, sizeof(number), "/%u", replica);
        }
        length += (size_t)snprintf(ret_text + length, room - length, "%s%s%s (pid %u)",
                                   n_listed ? ", " : "", facts->name, number, (unsigned)facts->pid);
        n_listed++;
    }
    if (n_left > 0) {
        snprintf(ret_text + length, room - length, " and %zu more", n_left);
    }
}

bool wi_process_views_choose(struct wi_process_views *views, const char *wanted,
                             struct wi_served **ret_served, struct wi_fault *ret_fault)
{
    char list[180];
    struct wi_served *found = NULL;
    size_t n_found = 0;
    for (struct wi_served *served = views->first; served; served = served->next) {
        if (views_fits(views, served, wanted)) {
            found = served;
            n_found++;
        }
    }
    if (n_found == 1) {
        found->n_holders++;
        *ret_served = found;
        return true;
    }
    views_list(views, n_found ? wanted : NULL, list, sizeof(list));
    if (n_found > 1) {
        wi_fault_set(ret_fault, WI_RPC_FAILED_PRECONDITION,
                     "several processes match: %s: give one of these names, or a pid", list);
    } else if (!list[0]) {
        wi_fault_set(ret_fault, WI_RPC_NOT_FOUND, "no process is served now");
    } else {
        wi_fault_set(ret_fault, WI_RPC_NOT_FOUND, "%.40s is not served here; there are: %s", wanted,
                     list);
    }
    return false;
}

void wi_process_views_release(struct wi_served *served)
{
    if (served && WI_EXPECT(served->n_holders > 0)) {
        served->n_holders--;
    }
}

bool wi_process_views_prune(struct wi_process_views *views)
{
    size_t n = views->n;
    for (struct wi_served **at = &views->first; *at;) {
        struct wi_served *served = *at;
        if (served->has_ended && served->n_holders == 0) {
            *at = served->next;
            views->n -= WI_EXPECT(views->n > 0);
            views_close(served);
        } else {
            at = &served->next;
        }
    }
    return views->n != n;
}
