/* SPDX-License-Identifier: MIT */
/* Lints as a table: each is a test of a task, and a sentence. */
#include "tokio/lint.h"

#include "tokio/times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINT_SHOWN 5u /* tasks of one lint; the others are counted */

static const char *const lint_names[WC_N_LINTS] = {"self-wakes", "lost-waker", "never-yielded",
                                                   "auto-boxed-future", "large-future"};

void wc_lints_init(struct wc_lints *lints)
{
    *lints = (struct wc_lints){.self_wakes = 0.5, .never_yielded = 1, .large_future = 1024};
}

/* ---- thresholds ------------------------------------------------------------------------------ */

static int lint_find(const char *name, size_t n)
{
    for (int lint = 0; lint < WC_N_LINTS; lint++) {
        if (strlen(lint_names[lint]) == n && memcmp(lint_names[lint], name, n) == 0) {
            return lint;
        }
    }
    return -1;
}

/* "50%", "0.5"; "1s", "500ms"; "1024", "4k". */
static bool lint_take(struct wc_lints *lints, int lint, const char *value)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || !(number >= 0) || number > 1e15) {
        return false;
    }
    switch (lint) {
    case WC_LINT_SELF_WAKES:
        lints->self_wakes = strcmp(end, "%") == 0 ? number / 100 : number;
        return (!end[0] || strcmp(end, "%") == 0) && lints->self_wakes <= 1;
    case WC_LINT_NEVER_YIELDED:
        lints->never_yielded = strcmp(end, "ms") == 0 ? number / 1000 : number;
        return !end[0] || strcmp(end, "s") == 0 || strcmp(end, "ms") == 0;
    case WC_LINT_LARGE_FUTURE:
        lints->large_future = (uint64_t)(strcmp(end, "k") == 0 ? number * 1024 : number);
        return !end[0] || strcmp(end, "k") == 0;
    default:
        return false;
    }
}

static bool lint_set(struct wc_lints *lints, const char *word)
{
    const char *equals = strchr(word, '=');
    if (strcmp(word, "off") == 0) {
        memset(lints->is_off, true, sizeof(lints->is_off));
        return true;
    }
    int lint = equals ? lint_find(word, (size_t)(equals - word)) : -1;
    if (lint < 0) {
        return false;
    }
    bool is_off = strcmp(equals + 1, "off") == 0;
    bool is_on = strcmp(equals + 1, "on") == 0;
    lints->is_off[lint] = is_off;
    return is_off || is_on || lint_take(lints, lint, equals + 1);
}

bool wc_lints_parse(struct wc_lints *lints, const char *text, char *ret_problem, size_t room)
{
    char word[64];
    while (*text) {
        size_t n = strcspn(text, ",");
        snprintf(word, sizeof(word), "%.*s", n < sizeof(word) ? (int)n : (int)sizeof(word) - 1,
                 text);
        if (n >= sizeof(word) || !lint_set(lints, word)) {
            snprintf(ret_problem, room,
                     "\"%s\" is not a lint: give self-wakes=50%%, never-yielded=1s, "
                     "large-future=1024, lost-waker=off, auto-boxed-future=off, or off for all",
                     word);
            return false;
        }
        text += n + (text[n] == ',');
    }
    return true;
}

/* ---- tests ------------------------------------------------------------------------------------ */

static bool lint_is_lost(const struct wc_item *item)
{
    const struct wc_task *task = &item->u.task;
    bool has_no_waker = task->waker_clones <= task->waker_drops;
    bool is_awake = wc_times_is_polling(&task->polled) || task->last_wake > task->polled.started;
    return task->polled.polls > 0 && has_no_waker && !is_awake;
}

static bool lint_is_stuck(const struct wc_lints *lints, const struct wc_store *store,
                          const struct wc_item *item)
{
    const struct wc_polled *polled = &item->u.task.polled;
    return polled->polls <= 1 && wc_times_is_polling(polled) &&
           (double)wc_times_task(item, store->now).busy / 1e9 >= lints->never_yielded;
}

/* Whether a lint applies to a task now. */
static bool lint_finds(const struct wc_lints *lints, enum wc_lint lint,
                       const struct wc_store *store, const struct wc_item *item)
{
    const struct wc_task *task = &item->u.task;
    if (lints->is_off[lint] || !item->is_told || !item->is_counted) {
        return false;
    }
    switch (lint) {
    case WC_LINT_SELF_WAKES:
        return !task->is_blocking && task->wakes > 0 &&
               (double)task->self_wakes > lints->self_wakes * (double)task->wakes;
    case WC_LINT_LOST_WAKER:
        return !task->is_blocking && !item->dropped && lint_is_lost(item);
    case WC_LINT_NEVER_YIELDED:
        return !task->is_blocking && !item->dropped && lint_is_stuck(lints, store, item);
    case WC_LINT_AUTO_BOXED:
        return task->bytes && task->original_bytes && task->original_bytes != task->bytes;
    case WC_LINT_LARGE_FUTURE:
        return !task->is_blocking && lints->large_future && task->bytes >= lints->large_future;
    default:
        return false;
    }
}

/* ---- sentences ------------------------------------------------------------------------------- */

static void lint_text(enum wc_lint lint, const struct wc_store *store, const struct wc_item *item,
                      char *ret_text, size_t room)
{
    const struct wc_task *task = &item->u.task;
    const char *name = item->name ? item->name : "";
    switch (lint) {
    case WC_LINT_SELF_WAKES:
        snprintf(ret_text, room, "%s: %.0f %% of its %llu wakes are its own (self-wakes)", name,
                 (double)task->self_wakes * 100 / (double)task->wakes,
                 (unsigned long long)task->wakes);
        break;
    case WC_LINT_LOST_WAKER:
        snprintf(ret_text, room, "%s: it has no waker, so it cannot continue (lost-waker)", name);
        break;
    case WC_LINT_NEVER_YIELDED:
        snprintf(ret_text, room,
                 "%s: has not yielded since its first poll %.1f s ago "
                 "(never-yielded)",
                 name, (double)wc_times_task(item, store->now).busy / 1e9);
        break;
    case WC_LINT_AUTO_BOXED:
        snprintf(ret_text, room,
                 "%s: its future of %llu bytes was boxed by the runtime (auto-boxed-future)", name,
                 (unsigned long long)task->original_bytes);
        break;
    default:
        snprintf(ret_text, room, "%s: its future takes %llu bytes (large-future)", name,
                 (unsigned long long)task->bytes);
        break;
    }
}

static void lint_add(struct wc_tokio_warnings *warnings, const struct wi_warning *warning)
{
    if (warnings->n == WI_WARNINGS_MAX) {
        return;
    }
    struct wc_tokio_warning *item = &warnings->item[warnings->n++];
    snprintf(item->subject, sizeof(item->subject), "%s", warning->subject);
    snprintf(item->text, sizeof(item->text), "%s", warning->text);
    item->warning = *warning;
    item->warning.subject = item->subject;
    item->warning.text = item->text;
    for (int n = 0; n < WI_WARNING_N_NUMBERS; n++) {
        item->warning.number[n] = NAN;
    }
}

void wc_tokio_warn(struct wc_tokio_warnings *warnings, const char *severity, const char *kind,
                   const char *subject, const char *text, const char *action)
{
    lint_add(warnings, &(struct wi_warning){.severity = severity,
                                            .kind = kind,
                                            .subject = subject,
                                            .text = text,
                                            .action = action});
}

static void lint_warn(const struct wc_lints *lints, enum wc_lint lint, const struct wc_store *store,
                      struct wc_tokio_warnings *warnings)
{
    static const char *const severities[WC_N_LINTS] = {"warning", "critical", "critical", "info",
                                                       "info"};
    static const char *const actions[WC_N_LINTS] = {
        "Let another task or event wake it: a task that wakes itself is polled again at once.",
        "Find the future that it waits for and returns Pending without keeping a waker.",
        "Let it await between steps, or move computing and blocking code to spawn_blocking.",
        "Box it where it is made, or keep less data across an await.",
        "Box it, or keep less data across an await."};
    const struct wc_items *tasks = &store->items[WC_SORT_TASK];
    size_t n = 0;
    char text[256];
    for (size_t i = 0; i < tasks->n; i++) {
        const struct wc_item *item = &tasks->item[i];
        if (lint_finds(lints, lint, store, item) && n++ < LINT_SHOWN) {
            lint_text(lint, store, item, text, sizeof(text));
            lint_add(warnings, &(struct wi_warning){.severity = severities[lint],
                                                    .kind = lint_names[lint],
                                                    .has_row = true,
                                                    .row_kind = WI_TASK_INSTANCE,
                                                    .row_id = item->serial,
                                                    .subject = item->name ? item->name : "",
                                                    .text = text,
                                                    .action = actions[lint]});
        }
    }
    if (n > LINT_SHOWN) {
        snprintf(text, sizeof(text), "%s: %zu more tasks", lint_names[lint], n - LINT_SHOWN);
        wc_tokio_warn(warnings, severities[lint], lint_names[lint], lint_names[lint], text,
                      actions[lint]);
    }
}

void wc_lints_warn(const struct wc_lints *lints, const struct wc_store *store,
                   struct wc_tokio_warnings *warnings)
{
    for (int lint = 0; lint < WC_N_LINTS; lint++) {
        lint_warn(lints, (enum wc_lint)lint, store, warnings);
    }
}
