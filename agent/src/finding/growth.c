/* SPDX-License-Identifier: MIT */
/*
 * Memory: whether the process grows, and how much of the growth the channels explain.
 *
 * The input is the last 64 samples of memory, its last hour by minutes, and the depth windows of
 * the watched channels. If memory rises in a straight line, more than noise and warming caches do,
 * attribution.c compares it with up to four channels that hold more than before. The output is a
 * finding on memory, with each channel's share, and findings on the channels that grow.
 *
 * The first candidate for the cause is a channel's depth. If no channel explains the growth, a
 * gauge may (gauge.c). A message that declares no bytes counts as the smallest block that an
 * allocator gives. The thresholds below have units; they keep a cache that warms up from being
 * called a leak. No I/O, no allocation; the process view's thread.
 */
#include "finding/state.h"
#include "weir/nanos.h"

#include <string.h>

#define GROWTH_LEAST       (double)(UINT64_C(1) << 20) /* bytes over the window */
#define GROWTH_LEAST_SHARE 0.005                       /* of the present memory */
#define GROWTH_STRAIGHT    0.8                         /* r2 */
#define GROWTH_STILL       0.5                         /* of the whole slope, in the last samples */
#define GROWTH_LATE        6U

#define GROWTH_SEEN      (20 * FINDING_SECOND)  /* below it, growth is not reported */
#define GROWTH_NO_CACHE  (300 * FINDING_SECOND) /* after it memory is no cache that warms up */
#define GROWTH_WARM      900.0                  /* s: caches of such a process are warm ... */
#define GROWTH_WARM_SEEN (60 * FINDING_SECOND)  /* ... so a shorter growth is enough */
#define GROWTH_ABOVE     0.25                   /* share of it that is above the maximum before */
#define GROWTH_LOW       0.1                    /* share of it within which samples are lowest */
#define GROWTH_LAPSE     5U
#define GROWTH_HORIZON   3600.0
#define GROWTH_EXPLAINED 0.5
#define GROWTH_FITS      0.9  /* r2 that a regression needs if the channel declares no bytes */
#define GROWTH_WORTH     0.02 /* a smaller share is not mentioned */
#define GROWTH_NEAR      0.90
#define GROWTH_OURS      0.5   /* of the charged memory; if less, it is cached files */
#define GROWTH_SOON      600.0 /* seconds until the limit */

void wi_memory_add(struct finding_memory *memory, uint64_t nanos, double bytes)
{
    uint32_t at = memory->n % WI_ATTRIBUTION_SAMPLES;
    if (memory->n > 0 && memory->nanos[(memory->n - 1) % WI_ATTRIBUTION_SAMPLES] >= nanos) {
        return;
    }
    memory->nanos[at] = nanos;
    memory->bytes[at] = bytes;
    memory->n++;
    wi_minute_window_add(&memory->minute_window, nanos, bytes, 0);
}

/* ---- series side by side ---- */

/* The channels to compare with memory: those that hold more than before, the largest increase
 * first. */
struct growth_suspects {
    size_t n;
    struct finding_watch_state *watch[WI_ATTRIBUTION_CHANNELS];
    double weight[WI_ATTRIBUTION_CHANNELS];
};

struct growth_point {
    double depth, bytes;
};

/* A channel's depth at a moment: that of the last sample not later than it; 0 before the first
 * sample. */
static struct growth_point growth_at(const struct finding_watch_state *watch, uint64_t nanos)
{
    for (uint32_t ago = 0; ago < wi_depth_window_count(&watch->depth_window); ago++) {
        struct wi_depth_window_sample sample = wi_depth_window_at(&watch->depth_window, ago);
        if (sample.nanos <= nanos) {
            return (struct growth_point){(double)sample.depth, (double)sample.bytes};
        }
    }
    return (struct growth_point){0, 0};
}

static struct growth_point growth_at_minute(const struct finding_watch_state *watch, uint64_t nanos)
{
    const struct wi_minute_window *minute_window = &watch->depth_window.minute_window;
    for (uint32_t ago = 0; ago < wi_minute_window_count(minute_window); ago++) {
        const struct wi_minute_window_minute *minute = wi_minute_window_at(minute_window, ago);
        if (minute->ended <= nanos) {
            return (struct growth_point){(double)minute->last, (double)minute->bytes};
        }
    }
    return (struct growth_point){0, 0};
}

static void growth_suspect(struct growth_suspects *suspects, struct finding_watch_state *watch,
                           double weight)
{
    size_t at = suspects->n < WI_ATTRIBUTION_CHANNELS ? suspects->n++ : suspects->n;
    while (at > 0 && suspects->weight[at - 1] < weight) {
        if (at < WI_ATTRIBUTION_CHANNELS) {
            suspects->watch[at] = suspects->watch[at - 1];
            suspects->weight[at] = suspects->weight[at - 1];
        }
        at--;
    }
    if (at < WI_ATTRIBUTION_CHANNELS) {
        suspects->watch[at] = watch;
        suspects->weight[at] = weight;
    }
}

/* A message that declares no bytes counts as the smallest block that an allocator gives. */
static void growth_find(struct wi_finding *finding, uint64_t from, bool is_slow,
                        struct growth_suspects *suspects)
{
    suspects->n = 0;
    for (uint32_t i = 0; i < finding->n_watches; i++) {
        struct finding_watch_state *watch = &finding->watches[i];
        if (watch->kind != WI_CHANNEL || watch->sample != finding->sample || !watch->name) {
            continue;
        }
        struct growth_point then = is_slow ? growth_at_minute(watch, from) : growth_at(watch, from);
        double messages = (double)watch->depth - then.depth;
        double bytes = (double)watch->bytes - then.bytes;
        if (messages > 0 && (bytes > 0 || watch->bytes == 0)) {
            growth_suspect(suspects, watch, watch->bytes ? bytes : 32 * messages);
        }
    }
}

/* The samples since `from`, second by second. */
static void growth_gather(const struct wi_finding *finding, uint64_t from,
                          const struct growth_suspects *suspects, struct wi_growth *growth)
{
    const struct finding_memory *memory = &finding->memory;
    uint32_t n = memory->n < WI_ATTRIBUTION_SAMPLES ? memory->n : WI_ATTRIBUTION_SAMPLES;
    memset(growth, 0, sizeof(*growth));
    growth->n_channels = suspects->n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (memory->n - n + i) % WI_ATTRIBUTION_SAMPLES;
        if (memory->nanos[at] < from) {
            continue;
        }
        growth->seconds[growth->n] = (double)(memory->nanos[at] - from) / 1e9;
        growth->memory[growth->n] = memory->bytes[at];
        for (size_t c = 0; c < suspects->n; c++) {
            struct growth_point point = growth_at(suspects->watch[c], memory->nanos[at]);
            growth->channel[c].depth[growth->n] = point.depth;
            growth->channel[c].bytes[growth->n] = point.bytes;
        }
        growth->n++;
    }
}

/* The same by minutes, for slow growth. */
static void growth_gather_minutes(const struct wi_finding *finding, uint64_t from,
                                  const struct growth_suspects *suspects, struct wi_growth *growth)
{
    const struct wi_minute_window *minute_window = &finding->memory.minute_window;
    uint32_t n = wi_minute_window_count(minute_window);
    memset(growth, 0, sizeof(*growth));
    growth->n_channels = suspects->n;
    for (uint32_t i = 0; i < n; i++) {
        const struct wi_minute_window_minute *minute =
            wi_minute_window_at(minute_window, n - 1 - i);
        if (minute->ended < from) {
            continue;
        }
        growth->seconds[growth->n] = (double)(minute->ended - from) / 1e9;
        growth->memory[growth->n] = (double)minute->last;
        for (size_t c = 0; c < suspects->n; c++) {
            struct growth_point point = growth_at_minute(suspects->watch[c], minute->ended);
            growth->channel[c].depth[growth->n] = point.depth;
            growth->channel[c].bytes[growth->n] = point.bytes;
        }
        growth->n++;
    }
}

/* ---- texts ---- */

struct growth_told {
    uint64_t from;
    struct wi_growth series;
    struct growth_suspects suspects;
    struct wi_attribution found;
    bool is_taken;
    bool is_slow; /* by minutes */
};

/* The cause of the growth: channels if they explain most of it, else perhaps a gauge. */
struct growth_cause {
    double explained; /* explained by channels, as a share */
    bool is_explained, is_named;
    bool has_gauge;
    struct finding_gauge_share gauge;
};

static void growth_take(struct wi_finding *finding, uint64_t from, bool is_slow,
                        struct growth_told *told)
{
    told->from = from;
    told->is_slow = is_slow;
    growth_find(finding, from, is_slow, &told->suspects);
    if (is_slow) {
        growth_gather_minutes(finding, from, &told->suspects, &told->series);
    } else {
        growth_gather(finding, from, &told->suspects, &told->series);
    }
    told->is_taken = wi_attribution_take(&told->series, &told->found);
}

/* Since when the channel that began to grow last has grown; at most a window back. */
static uint64_t growth_from(const struct wi_finding *finding)
{
    uint64_t from = finding->now > FINDING_WINDOW ? finding->now - FINDING_WINDOW : 0;
    for (uint32_t i = 0; i < finding->n_watches; i++) {
        const struct finding_watch_state *watch = &finding->watches[i];
        if (watch->kind == WI_CHANNEL && watch->is_unbounded && watch->sample == finding->sample &&
            watch->depth_window.phase == WI_DEPTH_WINDOW_GROWING &&
            watch->depth_window.growing_since > from) {
            from = watch->depth_window.growing_since;
        }
    }
    return from;
}

/* Whether memory grows, and still does. */
static bool growth_is_straight(const struct growth_told *told)
{
    const struct wi_growth *series = &told->series;
    struct wi_line late;
    size_t n = series->n < GROWTH_LATE ? series->n : GROWTH_LATE;
    double level = series->memory[series->n - 1];
    double grown = told->found.memory.slope * told->found.window;
    return grown >= GROWTH_LEAST && grown >= GROWTH_LEAST_SHARE * level &&
           told->found.memory.r2 >= GROWTH_STRAIGHT &&
           wi_line_fit(&series->seconds[series->n - n], &series->memory[series->n - n], n, &late) &&
           late.slope >= GROWTH_STILL * told->found.memory.slope;
}

/* The share that counts: the declared one, else that of a regression that fits. */
static double growth_share(const struct growth_told *told, size_t i)
{
    const struct wi_share *share = &told->found.share[i];
    if (isfinite(share->declared)) {
        return share->declared;
    }
    bool has_fit = told->suspects.n == 1 || told->found.is_joint;
    return has_fit && share->r2 >= GROWTH_FITS && share->fit > 0 ? share->fit : 0;
}

static const char *growth_title(const struct finding_watch_state *watch,
                                char room[WI_ROW_TITLE_MAX])
{
    return wi_row_title(watch->name, watch->label, room);
}

static void growth_write_channel(struct finding_entry *entry, const struct growth_told *told,
                                 size_t i)
{
    char part[WI_WORDS_MAX], rate[WI_WORDS_MAX], each[WI_WORDS_MAX], title[WI_ROW_TITLE_MAX];
    const struct wi_share *share = &told->found.share[i];
    char percent[WI_WORDS_MAX];
    double of_it = growth_share(told, i);
    double size = isfinite(share->each_declared) ? share->each_declared : share->each;
    bool is_bytes = told->suspects.watch[i]->is_bytes;
    const char *name = growth_title(told->suspects.watch[i], title);
    if (wi_words_is_beyond(of_it)) {
        wi_entry_write(entry->text, "; channel %s %s more than all of it", name,
                       isfinite(share->declared) ? "declares" : "by regression explains");
    } else {
        wi_entry_write(entry->text, "; channel %s explains %s/s (%s)", name,
                       wi_words_size(part, fmin(of_it, 1) * told->found.memory.slope),
                       wi_words_share(percent, of_it));
    }
    wi_entry_write(entry->text, ": +%s%s/s", wi_words_flow(rate, share->depth_rate, is_bytes),
                   is_bytes ? "" : " messages");
    if (!is_bytes) {
        wi_entry_write(entry->text, " of %s", wi_words_size(each, size));
    }
}

/* The certainty: the error of the growth, and the quality of the regression. */
static void growth_write_estimate(struct finding_entry *entry, const struct growth_told *told)
{
    char error[WI_WORDS_MAX], each[WI_WORDS_MAX], each_error[WI_WORDS_MAX];
    char title[WI_ROW_TITLE_MAX], percent[WI_WORDS_MAX];
    wi_entry_write(entry->estimate, "+- %s/s", wi_words_size(error, told->found.memory.error));
    for (size_t i = 0; i < told->suspects.n; i++) {
        const struct wi_share *share = &told->found.share[i];
        bool has_fit = told->suspects.n == 1 || told->found.is_joint;
        if (growth_share(told, i) >= GROWTH_WORTH && has_fit && isfinite(share->fit)) {
            wi_entry_write(entry->estimate, "; %s by regression %s, %s +- %s a %s",
                           growth_title(told->suspects.watch[i], title),
                           wi_words_share(percent, share->fit), wi_words_size(each, share->each),
                           wi_words_size(each_error, share->each_error),
                           told->suspects.watch[i]->is_bytes ? "byte" : "message");
        }
    }
    if (told->suspects.n > 1 && !told->found.is_joint) {
        wi_entry_write(entry->estimate,
                       "; the channels grow in step, so the regression cannot tell them apart: "
                       "shares are as declared");
    }
}

static void growth_write_gauge(struct finding_entry *entry, const struct finding_gauge_share *share)
{
    char rate[WI_WORDS_MAX], each[WI_WORDS_MAX], percent[WI_WORDS_MAX];
    if (share->is_bytes) {
        wi_entry_write(entry->text, "; gauge %s rises by as much: %s/s (%s)", share->gauge->name,
                       wi_words_growth(rate, share->rate), wi_words_share(percent, share->share));
    } else {
        wi_entry_write(entry->text, "; gauge %s rises in step, +%s/s: %s for each by regression",
                       share->gauge->name, wi_words_rate(rate, share->rate),
                       wi_words_size(each, share->each));
    }
}

/* Writes the cause, by name. */
static void growth_write_causes(struct finding_entry *entry, const struct growth_told *told,
                                const struct growth_cause *cause)
{
    for (size_t i = 0; i < told->suspects.n; i++) {
        if (growth_share(told, i) >= GROWTH_WORTH) {
            growth_write_channel(entry, told, i);
        }
    }
    if (cause->has_gauge) {
        growth_write_gauge(entry, &cause->gauge);
    } else if (!cause->is_explained) {
        wi_entry_write(entry->text, "%s",
                       told->suspects.n && cause->explained >= GROWTH_WORTH
                           ? "; no channel and no gauge explains the rest"
                           : "; no channel and no gauge explains it");
    }
}

static struct growth_cause growth_cause(const struct wi_finding *finding,
                                        const struct growth_told *told)
{
    struct growth_cause cause = {.explained = 0};
    for (size_t i = 0; i < told->suspects.n; i++) {
        cause.explained += fmax(growth_share(told, i), 0);
        cause.is_named = cause.is_named || (told->suspects.watch[i]->is_leaking &&
                                            growth_share(told, i) >= GROWTH_WORTH);
    }
    cause.is_explained = cause.explained >= GROWTH_EXPLAINED;
    cause.has_gauge = !cause.is_explained &&
                      wi_gauge_explain(finding, told->from, told->is_slow, &told->found.memory,
                                       told->found.window, &cause.gauge);
    return cause;
}

static void growth_put(struct finding_entry *entry, const struct growth_told *told,
                       const struct growth_cause *cause, uint64_t since)
{
    double by_gauge = cause->has_gauge && cause->gauge.is_bytes ? cause->gauge.share : 0;
    finding_put_since(entry, since);
    finding_put(entry, WI_WARNING_WINDOW, told->found.window);
    finding_put(entry, WI_WARNING_GROWTH, told->found.memory.slope);
    finding_put(entry, WI_WARNING_GROWTH_ERROR, told->found.memory.error);
    finding_put_share(entry, WI_WARNING_SHARE, cause->explained + by_gauge);
    finding_put_share(entry, WI_WARNING_SHARE_FIT, told->found.fit);
}

static void growth_entry(struct wi_finding *finding, const struct wi_process_view *view,
                         const struct growth_told *told, uint64_t since)
{
    char whole[WI_WORDS_MAX], span[WI_WORDS_MAX], level[WI_WORDS_MAX];
    const struct wi_row *process = wi_process_view_row(view, WI_PROCESS, 0);
    const char *what = finding->memory.is_heap ? "heap" : "memory";
    struct growth_cause cause = growth_cause(finding, told);
    double uptime = finding_number(process, WI_PROCESS_UPTIME, 0);
    bool is_long = since >= GROWTH_NO_CACHE ||
                   (uptime >= GROWTH_WARM && since >= GROWTH_WARM_SEEN) || told->is_slow;
    struct finding_entry *entry = wi_entry_add(
        finding, (cause.is_explained ? cause.is_named : is_long) ? FINDING_WARNING : FINDING_INFO,
        0.5, "memory_growing", what,
        cause.is_explained ? "Check the channels that it names: what they hold is what grows."
        : cause.has_gauge
            ? "Check what the gauge counts: a cache, a table, sessions that stay open."
            : "No channel and no gauge explains it: profile the allocator (jemalloc, heaptrack) to "
              "find what does.");
    wi_entry_write(entry->text, "%s %s/s over %s", what,
                   wi_words_growth(whole, told->found.memory.slope),
                   wi_words_duration(span, wi_nanos_of(told->found.window + 0.5)));
    growth_write_causes(entry, told, &cause);
    wi_entry_write(entry->evidence,
                   "%s %s at the end, r2 %.3f over %u samples, without weir's own memory", what,
                   wi_words_size(level, told->series.memory[told->series.n - 1]),
                   told->found.memory.r2, (unsigned)told->series.n);
    if (cause.has_gauge) {
        wi_entry_write(entry->evidence, "; r2 %.3f of memory on the gauge", cause.gauge.r2);
    }
    growth_write_estimate(entry, told);
    if (!finding->is_dead &&
        wi_limit_write(finding, entry, told->found.memory.slope) < GROWTH_SOON) {
        entry->severity = FINDING_WARNING;
    }
    if (entry->severity == FINDING_INFO && !cause.is_explained) {
        wi_entry_write(entry->estimate,
                       "; a cache that warms up looks the same for its first minutes");
    }
    growth_put(entry, told, &cause, since);
}

/* ---- near the limit ---- */

static void growth_limit(struct wi_finding *finding, const struct wi_row *process)
{
    char used_text[WI_WORDS_MAX], limit_text[WI_WORDS_MAX], anon_text[WI_WORDS_MAX];
    double limit = finding_number(process, WI_PROCESS_MEMORY_LIMIT, 0);
    double used = finding_number(process, WI_PROCESS_MEMORY_USED, 0);
    double anon = finding_number(process, WI_PROCESS_ANON, 0);
    if (!(limit > 0) || used < GROWTH_NEAR * limit || anon < GROWTH_OURS * limit) {
        return;
    }
    struct finding_entry *entry = wi_entry_add(
        finding, FINDING_CRITICAL_NOW, 0, "memory_limit", "memory",
        finding->is_dead ? "Find what grew; a larger limit only delays the end."
                         : "Free memory now: at the limit the kernel ends the process.");
    wi_entry_write(entry->text, "memory: %s of its cgroup's limit of %s %s",
                   wi_words_size(used_text, used), wi_words_size(limit_text, limit),
                   finding->is_dead
                       ? "when it was last seen: the kernel's OOM killer has probably ended it"
                       : "in use");
    wi_entry_write(entry->evidence, "%s of it this process's anonymous memory",
                   wi_words_size(anon_text, anon));
}

/* ---- public functions ---- */

/* Whether memory had reached this level before and fell again: then it comes and goes. */
static bool growth_has_been_here(const struct finding_memory *memory, double grown)
{
    double level = memory->bytes[(memory->n - 1) % WI_ATTRIBUTION_SAMPLES];
    double ceiling = wi_minute_window_ceiling(&memory->minute_window, memory->growing_since);
    return level <= ceiling + GROWTH_ABOVE * grown;
}

/* When growth began: after the last sample that was about as low as the lowest. */
static uint64_t growth_began(const struct wi_growth *series, uint64_t from)
{
    double low = series->memory[0];
    size_t at = series->n - 1;
    for (size_t i = 0; i < series->n; i++) {
        low = series->memory[i] < low ? series->memory[i] : low;
    }
    double rise = series->memory[at] - low;
    while (at > 0 && series->memory[at] > low + GROWTH_LOW * rise) {
        at--;
    }
    return from + wi_nanos_of(series->seconds[at]);
}

static bool growth_levels_off(struct wi_finding *finding, const struct growth_told *told)
{
    struct growth_suspects nobody = {.n = 0};
    struct wi_growth minutes;
    if (wi_attribution_levels_off(told->series.seconds, told->series.memory, told->series.n,
                                  GROWTH_HORIZON)) {
        return true;
    }
    growth_gather_minutes(finding, finding->memory.growing_since, &nobody, &minutes);
    return minutes.n >= 2 * WI_ATTRIBUTION_LEAST &&
           wi_attribution_levels_off(minutes.seconds, minutes.memory, minutes.n, GROWTH_HORIZON);
}

static void growth_follow(struct wi_finding *finding, const struct growth_told *told, uint64_t from)
{
    struct finding_memory *memory = &finding->memory;
    bool is_growing = told->is_taken && growth_is_straight(told);
    memory->lapse = is_growing ? 0 : memory->lapse + 1;
    if (is_growing && !memory->growing_since) {
        memory->growing_since = growth_began(&told->series, from);
    } else if (memory->lapse > GROWTH_LAPSE) {
        memory->growing_since = 0;
    }
}

/* Since when memory has grown enough to report; 0: it has not. */
static uint64_t growth_told_since(struct wi_finding *finding, const struct growth_told *told)
{
    const struct finding_memory *memory = &finding->memory;
    bool is_named = false;
    for (size_t i = 0; i < told->suspects.n; i++) {
        is_named = is_named || told->suspects.watch[i]->is_leaking;
    }
    uint64_t since = finding->now - memory->growing_since;
    double grown = told->found.memory.slope * (double)since / 1e9;
    bool is_told = memory->growing_since && memory->lapse == 0 &&
                   (is_named || (since >= GROWTH_SEEN && !growth_has_been_here(memory, grown) &&
                                 !growth_levels_off(finding, told)));
    return is_told ? memory->growing_since : 0;
}

/* The same by minutes, for growth that is too slow to be seen in seconds. */
static uint64_t growth_take_slow(struct wi_finding *finding, struct growth_told *told)
{
    const struct wi_minute_window *minute_window = &finding->memory.minute_window;
    if (!wi_minute_window_grows(minute_window)) {
        return 0;
    }
    uint64_t from =
        wi_minute_window_at(minute_window, wi_minute_window_count(minute_window) - 1)->ended;
    growth_take(finding, from, true, told);
    return told->is_taken && growth_is_straight(told) &&
                   !wi_attribution_levels_off(told->series.seconds, told->series.memory,
                                              told->series.n, 4 * GROWTH_HORIZON)
               ? from
               : 0;
}

/* The process's growth. All texts and rows take it from here: a few samples are enough. */
static void growth_keep(struct wi_finding *finding, const struct wi_growth *series)
{
    struct wi_line line;
    bool is_known = wi_line_fit(series->seconds, series->memory, series->n, &line);
    finding->verdict.growth.is_known = is_known;
    if (is_known) {
        finding->verdict.growth.slope = line.slope;
        finding->verdict.growth.window = series->seconds[series->n - 1] - series->seconds[0];
    }
}

static bool growth_is_judged(const struct wi_finding *finding,
                             const struct finding_watch_state *watch)
{
    return watch->kind == WI_CHANNEL && watch->sample == finding->sample && watch->name;
}

/* The reported fit: over seconds, or over minutes if memory grows only over minutes. */
static uint64_t growth_choose(struct wi_finding *finding, struct growth_told *ret_told)
{
    struct growth_told slow;
    uint64_t from = growth_from(finding);
    for (uint32_t i = 0; i < finding->n_watches; i++) {
        if (growth_is_judged(finding, &finding->watches[i])) {
            wi_finding_channel_leak(finding, &finding->watches[i]);
        }
    }
    growth_take(finding, from, false, ret_told);
    growth_follow(finding, ret_told, from);
    uint64_t since = growth_told_since(finding, ret_told);
    if (!since) {
        since = growth_take_slow(finding, &slow);
        *ret_told = since ? slow : *ret_told;
    }
    growth_keep(finding, &ret_told->series);
    return since;
}

void wi_finding_growth(struct wi_finding *finding, const struct wi_process_view *view)
{
    const struct wi_row *process = wi_process_view_row(view, WI_PROCESS, 0);
    struct growth_told told;
    uint64_t since = growth_choose(finding, &told);
    for (uint32_t i = 0; i < finding->n_watches; i++) {
        struct finding_watch_state *watch = &finding->watches[i];
        const struct wi_share *share = NULL;
        for (size_t c = 0; told.is_taken && c < told.suspects.n; c++) {
            share = told.suspects.watch[c] == watch ? &told.found.share[c] : share;
        }
        if (growth_is_judged(finding, watch)) {
            finding->about = (struct finding_subject){true, WI_CHANNEL, watch->id, watch->label};
            wi_finding_channel_growth(finding, watch, &told.found, share);
        }
    }
    finding->about =
        (struct finding_subject){process != NULL, WI_PROCESS, process ? process->id : 0, NULL};
    if (since) {
        growth_entry(finding, view, &told, finding->now - since);
    }
    if (process) {
        growth_limit(finding, process);
    }
    finding->about.is_row = false;
}
