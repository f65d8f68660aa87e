/* SPDX-License-Identifier: MIT */
/* The server's report as text, for a person and as JSON. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t report_write(const struct report *report, char *ret_text, size_t n)
{
    char mode[MODE_TEXT_MAX];
    mode_write(report->mode, mode);
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"players", report->players},
        {"sessions", report->sessions},
        {"queued", report->queued},
        {"queued_bytes", report->queued_bytes},
        {"orphaned", report->orphaned},
        {"orphaned_bytes", report->orphaned_bytes},
        {"sent", report->sent},
        {"taken", report->taken},
        {"handling", report->handling},
        {"served", report->served},
        {"stale", report->stale},
        {"players_served", report->players_served},
        {"refused", report->refused},
        {"unknown", report->unknown},
        {"ignored", report->ignored},
        {"malformed", report->malformed},
        {"permits", report->permits},
        {"permits_taken", report->permits_taken},
        {"joins", report->joins},
        {"leaves", report->leaves},
        {"timeouts", report->timeouts},
        {"ticks", report->ticks},
        {"replies_lost", report->replies_lost},
        {"kernel_drops", report->kernel_drops},
    };
    int length = snprintf(ret_text, n, "mode %s\nstate %s\n", mode, report->state);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && (size_t)length < n; i++) {
        length += snprintf(ret_text + length, n - (size_t)length, "%s %" PRIu64 "\n", rows[i].key,
                           rows[i].value);
    }
    if ((size_t)length < n) {
        length += snprintf(ret_text + length, n - (size_t)length,
                           "cpu_seconds %.6f\nuptime_seconds %.3f\n", report->cpu_seconds,
                           report->uptime_seconds);
    }
    return (size_t)length < n ? (size_t)length : n - 1;
}

/* The next "key value" line; false at the end. */
static bool report_next(const char **text, int *ret_n_key, const char **ret_value, int *ret_n_value)
{
    const char *line = *text;
    size_t n_line = strcspn(line, "\n");
    size_t n_key = strcspn(line, " \n");
    if (n_key == n_line) {
        return false;
    }
    *ret_n_key = (int)n_key;
    *ret_value = line + n_key + 1;
    *ret_n_value = (int)(n_line - n_key - 1);
    *text = line + n_line + (line[n_line] == '\n');
    return true;
}

void report_print(const char *text, bool is_json)
{
    const char *line = text;
    const char *value = NULL;
    const char *comma = "";
    int n_key = 0;
    int n_value = 0;
    fputs(is_json ? "{\"schema\":\"weir.game/1\",\"data\":{" : "", stdout);
    for (const char *key = line; report_next(&line, &n_key, &value, &n_value); key = line) {
        if (!is_json) {
            printf("%-15.*s %.*s\n", n_key, key, n_value, value);
            continue;
        }
        const char *quote = *value >= '0' && *value <= '9' ? "" : "\"";
        printf("%s\"%.*s\":%s%.*s%s", comma, n_key, key, quote, n_value, value, quote);
        comma = ",";
    }
    fputs(is_json ? "}}\n" : "", stdout);
    fflush(stdout);
}

bool report_find(const char *text, const char *key, char *ret_value, size_t n)
{
    const char *line = text;
    const char *value = NULL;
    int n_key = 0;
    int n_value = 0;
    for (const char *word = line; report_next(&line, &n_key, &value, &n_value); word = line) {
        if ((size_t)n_key == strlen(key) && memcmp(word, key, (size_t)n_key) == 0) {
            snprintf(ret_value, n, "%.*s", n_value, value);
            return true;
        }
    }
    return false;
}
