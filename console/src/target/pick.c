/* SPDX-License-Identifier: MIT */
/* The rules of picking, without the directories, so that a test can call them. */
#include "target/pick.h"

#include "weir/word.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PICK_LISTED 8u /* processes named in one error */

static bool pick_is_pid(const char *text)
{
    return text && text[0] && strspn(text, "0123456789") == strlen(text);
}

/* "game/1 (pid 4821), lobby (pid 4822)": the processes that match, the living ones in the order of
 * their numbers. The text before a pid can be used as it is. */
static void pick_list(const struct wi_found *found, size_t n, const char *text, bool is_alive,
                      char *ret_text, size_t room)
{
    size_t length = 0, listed = 0, left = 0;
    char label[WI_LABEL_MAX];
    ret_text[0] = '\0';
    for (size_t k = 0; k < n; k++) {
        size_t i = is_alive ? n - 1 - k : k;
        if (wi_find_lives(&found[i]) != is_alive || found[i].status != WEIR_OK ||
            !wi_find_fits(&found[i], text)) {
            continue;
        }
        if (listed == PICK_LISTED || length + sizeof(label) + 32 > room) {
            left++;
            continue;
        }
        wi_find_label(&found[i], label, sizeof(label));
        length += (size_t)snprintf(ret_text + length, room - length, "%s%s (pid %u)",
                                   listed ? ", " : "", label, (unsigned)found[i].pid);
        listed++;
    }
    if (left > 0 && length + 48 < room) {
        snprintf(ret_text + length, room - length, " and %zu more (`weir list`)", left);
    }
}

/* The name of a running process that is a slip of the hand away, or NULL. */
static const char *pick_nearest(const struct wi_found *found, size_t n, const char *text)
{
    const char *nearest = NULL;
    unsigned least = WI_WORD_MAX;
    for (size_t i = 0; i < n; i++) {
        unsigned distance = wi_word_distance(text, strlen(text), found[i].name);
        if (wi_find_lives(&found[i]) && distance < least &&
            wi_word_is_near(strlen(text), distance)) {
            nearest = found[i].name;
            least = distance;
        }
    }
    return nearest;
}

static enum wc_status pick_nothing(const struct wi_found *found, size_t n, const char *text,
                                   struct wc_error *ret_error)
{
    char list[512];
    if (text && pick_is_pid(text)) {
        return wc_error_set(ret_error, WC_NO_TARGET,
                            "%s: no process of this pid has weir: `weir list` shows those that do",
                            text);
    }
    if (text) {
        const char *nearest = pick_nearest(found, n, text);
        pick_list(found, n, NULL, true, list, sizeof(list));
        return wc_error_set(ret_error, WC_NO_TARGET, "%s: no such target%s%s%s; running: %s", text,
                            nearest ? "; did you mean " : "", nearest ? nearest : "",
                            nearest ? "?" : "", list[0] ? list : "none");
    }
    pick_list(found, n, NULL, false, list, sizeof(list));
    return wc_error_set(ret_error, WC_NO_TARGET,
                        list[0] ? "no process with weir is running; dead ones that can be read by "
                                  "pid: %s"
                                : "no process with weir is running: start one that calls "
                                  "weir_start, as server-example/demo does",
                        list);
}

enum wc_status wc_pick(const struct wi_found *found, size_t n, const char *text, bool is_preference,
                       size_t *ret_picked, struct wc_error *ret_error)
{
    size_t n_alive = 0, alive = n, dead = n;
    size_t n_named = 0, named = n;
    for (size_t i = 0; i < n; i++) {
        bool is_alive = wi_find_lives(&found[i]);
        bool fits = wi_find_fits(&found[i], is_preference ? NULL : text);
        if (is_alive && fits) {
            n_alive++;
            alive = alive < n ? alive : i;
        } else if (fits && dead == n && text && !is_preference) {
            dead = i;
        }
        if (is_alive && is_preference && text && strcmp(found[i].name, text) == 0) {
            n_named++;
            named = named < n ? named : i;
        }
    }
    if (n_alive == 1 || (n_alive == 0 && dead < n)) {
        *ret_picked = n_alive == 1 ? alive : dead;
        return WC_OK;
    }
    if (n_alive > 1 && n_named == 1) {
        *ret_picked = named;
        return WC_OK;
    }
    if (n_alive == 0) {
        return pick_nothing(found, n, is_preference ? NULL : text, ret_error);
    }
    char list[512];
    pick_list(found, n, is_preference ? NULL : text, true, list, sizeof(list));
    return wc_error_set(ret_error, WC_USAGE,
                        "several processes match: %s: give one of these names, or a pid", list);
}
