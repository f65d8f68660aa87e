/* SPDX-License-Identifier: MIT */
/* The set of served processes, and which one a request means. */
#include "session/worlds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLDS_LISTED 5 /* processes named in one answer */

void wi_worlds_init(struct wi_worlds *worlds, bool is_changing)
{
    memset(worlds, 0, sizeof(*worlds));
    worlds->is_changing = is_changing;
    worlds->self = &worlds->own;
}

static void worlds_close(struct wi_served *served)
{
    wi_tally_destroy(served->tally);
    wi_world_close(served->world);
    free(served);
}

void wi_worlds_finish(struct wi_worlds *worlds)
{
    while (worlds->first) {
        struct wi_served *next = worlds->first->next;
        worlds_close(worlds->first);
        worlds->first = next;
    }
    worlds->n = 0;
    worlds->self = &worlds->own;
}

enum weir_status wi_worlds_add(struct wi_worlds *worlds, struct wi_world *taken_world)
{
    struct wi_served **end = &worlds->first;
    struct wi_served *served = NULL;
    enum weir_status status = WEIR_E_LIMIT;
    if (worlds->n < WI_WORLDS_MAX) {
        served = calloc(1, sizeof(*served));
        status = served ? WEIR_OK : WEIR_E_MEMORY;
    }
    if (!served) {
        wi_world_close(taken_world);
        return status;
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = served;
    served->world = taken_world;
    worlds->n++;
    if (!worlds->is_changing) {
        worlds->self = wi_world_self(taken_world);
    }
    return WEIR_OK;
}

enum weir_status wi_worlds_refresh(struct wi_worlds *worlds, struct wi_served *served,
                                   uint64_t now_nanos, struct weir_error *ret_error)
{
    struct wi_self *self = wi_world_self(served->world);
    if (worlds->self != self) {
        *self = *worlds->self;
    }
    served->status = wi_world_refresh(served->world, now_nanos, ret_error);
    served->refreshed_nanos = now_nanos;
    served->has_refreshed = true;
    enum wi_state state = wi_world_state(served->world);
    if (worlds->is_changing && (state == WI_STATE_DEAD || state == WI_STATE_ORPHANED)) {
        served->has_ended = true;
    }
    return served->status;
}

bool wi_served_is_there(const struct wi_served *served)
{
    return !served->has_ended;
}

/* Whether a process comes before another of its name: as `weir list` numbers them. */
static bool worlds_precedes(const struct wi_facts *facts, const struct wi_facts *other)
{
    const struct wi_stem *one = &facts->own;
    const struct wi_stem *two = &other->own;
    if (one->start_ticks != two->start_ticks) {
        return one->start_ticks < two->start_ticks;
    }
    return facts->pid != other->pid ? facts->pid < other->pid : one->id < two->id;
}

/* The number of a process among those of its name that are served. ret_n: how many these are. */
static unsigned worlds_replica(const struct wi_worlds *worlds, const struct wi_served *one,
                               unsigned *ret_n)
{
    const struct wi_facts *facts = wi_world_facts(one->world);
    unsigned number = 1;
    *ret_n = 0;
    for (const struct wi_served *served = worlds->first; served; served = served->next) {
        const struct wi_facts *other = wi_world_facts(served->world);
        if (wi_served_is_there(served) && strcmp(other->name, facts->name) == 0) {
            *ret_n += 1;
            number += worlds_precedes(other, facts);
        }
    }
    return number;
}

/* "game", "game/2", "4821" or "game:4821". */
static bool worlds_fits(const struct wi_worlds *worlds, const struct wi_served *served,
                        const char *wanted)
{
    char text[WEIR_NAME_MAX + 16];
    unsigned n;
    const struct wi_facts *facts = wi_world_facts(served->world);
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
    snprintf(text, sizeof(text), "%s/%u", facts->name, worlds_replica(worlds, served, &n));
    return strcmp(wanted, text) == 0;
}

/* "game/1 (pid 4821), lobby (pid 4822)" of those that fit. */
static void worlds_list(const struct wi_worlds *worlds, const char *wanted, char *ret_text,
                        size_t room)
{
    size_t n_listed = 0;
    size_t n_left = 0;
    size_t length = 0;
    ret_text[0] = '\0';
    for (const struct wi_served *served = worlds->first; served; served = served->next) {
        const struct wi_facts *facts = wi_world_facts(served->world);
        char number[16] = "";
        unsigned n_twins;
        if (!worlds_fits(worlds, served, wanted)) {
            continue;
        }
        if (n_listed == WORLDS_LISTED || length + strlen(facts->name) + 48 > room) {
            n_left++;
            continue;
        }
        unsigned replica = worlds_replica(worlds, served, &n_twins);
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

bool wi_worlds_choose(struct wi_worlds *worlds, const char *wanted, struct wi_served **ret_served,
                      struct wi_fault *ret_fault)
{
    char list[180];
    struct wi_served *found = NULL;
    size_t n_found = 0;
    for (struct wi_served *served = worlds->first; served; served = served->next) {
        if (worlds_fits(worlds, served, wanted)) {
            found = served;
            n_found++;
        }
    }
    if (n_found == 1) {
        found->n_holders++;
        *ret_served = found;
        return true;
    }
    worlds_list(worlds, n_found ? wanted : NULL, list, sizeof(list));
    if (n_found > 1) {
        wi_fault_set(ret_fault, WI_RPC_FAILED_PRECONDITION,
                     "several processes fit: %s: name one as it stands here, or by its pid", list);
    } else if (!list[0]) {
        wi_fault_set(ret_fault, WI_RPC_NOT_FOUND, "no process is served now");
    } else {
        wi_fault_set(ret_fault, WI_RPC_NOT_FOUND, "%.40s is not served here; there are: %s", wanted,
                     list);
    }
    return false;
}

void wi_worlds_release(struct wi_served *served)
{
    if (served) {
        served->n_holders--;
    }
}

bool wi_worlds_prune(struct wi_worlds *worlds)
{
    size_t n = worlds->n;
    for (struct wi_served **at = &worlds->first; *at;) {
        struct wi_served *served = *at;
        if (served->has_ended && served->n_holders == 0) {
            *at = served->next;
            worlds->n--;
            worlds_close(served);
        } else {
            at = &served->next;
        }
    }
    return worlds->n != n;
}
