/* SPDX-License-Identifier: MIT */
/* The environment and the options. A value that cannot be used is reported once, and its default is
 * used. */
#include "hook/settings.h"

#include "segment/environment.h"
#include "segment/file.h"
#include "weir/atomic.h"
#include "weir/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void settings_note(struct wi_settings *settings, const char *variable, const char *value,
                          const char *remedy)
{
    wi_error_set(&settings->problem, "%s=%.60s is not understood; %s", variable, value, remedy);
}

static uint64_t settings_limit(struct wi_settings *settings, uint64_t asked)
{
    uint64_t limit = asked ? asked : WI_DEFAULT_LIMIT;
    const char *text = secure_getenv("WEIR_LIMIT");
    if (text && text[0]) {
        char *end;
        errno = 0;
        unsigned long long number = strtoull(text, &end, 10);
        unsigned shift = *end == 'k' || *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
        const char *rest = shift ? end + 1 : end;
        if (errno || end == text || text[0] == '-' || *rest || number > WI_MAX_LIMIT >> shift ||
            number << shift < WI_MIN_LIMIT) {
            settings_note(settings, "WEIR_LIMIT", text, "give 1M to 4G; 16M is used");
            return WI_DEFAULT_LIMIT;
        }
        limit = (uint64_t)number << shift;
    }
    if (limit < WI_MIN_LIMIT || limit > WI_MAX_LIMIT) {
        limit = limit < WI_MIN_LIMIT ? WI_MIN_LIMIT : WI_MAX_LIMIT;
    }
    return limit / WI_GRANULE * WI_GRANULE;
}

static uint32_t settings_instances(struct wi_settings *settings)
{
    const char *text = secure_getenv("WEIR_TASKS");
    if (!text || !text[0]) {
        return WI_DEFAULT_SINGLES;
    }
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || number > WI_MAX_SINGLES) {
        settings_note(settings, "WEIR_TASKS", text, "give 0 to 65536; 4096 is used");
        return WI_DEFAULT_SINGLES;
    }
    return (uint32_t)number;
}

static uint32_t settings_sampling(struct wi_settings *settings, enum weir_latency asked)
{
    static const struct {
        const char *word;
        uint32_t sampling;
    } words[] = {
        {"off", WEIR_SAMPLING_OFF}, {"sampled", WEIR_SAMPLING_GAPS}, {"full", WEIR_SAMPLING_ALL}};
    const char *text = secure_getenv("WEIR_LATENCY");
    if (text && text[0]) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (strcmp(text, words[i].word) == 0) {
                return words[i].sampling;
            }
        }
        settings_note(settings, "WEIR_LATENCY", text, "give off, sampled or full; sampled is used");
        return WEIR_SAMPLING_GAPS;
    }
    return asked == WEIR_LATENCY_OFF    ? WEIR_SAMPLING_OFF
           : asked == WEIR_LATENCY_FULL ? WEIR_SAMPLING_ALL
                                        : WEIR_SAMPLING_GAPS;
}

/* Reported once in a process; none of the others can be misunderstood then. */
static void settings_note_ignored(struct wi_settings *settings)
{
    static const char *const names[] = {"WEIR_NAME", "WEIR_DIR", "WEIR_LIMIT", "WEIR_LATENCY",
                                        "WEIR_TASKS"};
    static bool has_told;
    char line[sizeof(settings->problem.text)];
    if (!settings->is_off &&
        wi_environment_ignored(names, sizeof(names) / sizeof(names[0]), line, sizeof(line)) &&
        !wi_exchange_relaxed(&has_told, true)) {
        wi_error_set(&settings->problem, "%s", line);
    }
}

void wi_settings_read(struct wi_settings *settings, const struct weir_options *options)
{
    memset(settings, 0, sizeof(*settings));
    settings->is_off = wi_environment_is_off();
    const char *dir = secure_getenv("WEIR_DIR");
    settings->dir = dir && dir[0] ? dir : options->dir;
    ssize_t n = readlink("/proc/self/exe", settings->program, sizeof(settings->program) - 1);
    settings->program[n > 0 ? n : 0] = '\0';
    const char *name = secure_getenv("WEIR_NAME");
    if (!name || !name[0]) {
        name = options->name && options->name[0] ? options->name : program_invocation_short_name;
    }
    if (wi_text_clean(name, settings->name, sizeof(settings->name)) == 0) {
        snprintf(settings->name, sizeof(settings->name), "server");
    }
    /* The name is one level of a topic, and topics use these three characters. */
    for (char *at = settings->name; *at; at++) {
        if (*at == '/' || *at == '+' || *at == '#') {
            *at = '-';
        }
    }
    settings->start_ticks = wi_file_start_ticks(0);
    settings->scope = options->scope == WEIR_SCOPE_FAMILY ? WEIR_SCOPE_FAMILY : WEIR_SCOPE_PROCESS;
    settings->limit_bytes = settings_limit(settings, options->limit_bytes);
    settings->sampling = settings_sampling(settings, options->latency);
    settings->max_instances = settings_instances(settings);
    settings_note_ignored(settings);
}
