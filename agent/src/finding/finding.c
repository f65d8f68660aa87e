/* SPDX-License-Identifier: MIT */
/*
 * The findings. Each look goes over the rows once, remembers what must be remembered of those that
 * are in use (at most 1,024; when there are more, deep ones take the place of shallow ones), and
 * keeps the 64 worst findings, which become the world's warnings, worst first.
 */
#include "finding/finding.h"

#include "finding/trail.h"
#include "finding/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDING_SECOND       UINT64_C(1000000000)
#define FINDING_MAX_MEMORIES 1024U
#define FINDING_SLOTS        2048U
#define FINDING_NO_MEMORY    UINT16_MAX
#define FINDING_MAX          64U
#define FINDING_FORGET       120U                  /* looks at an idle row until it is forgotten */
#define FINDING_STALLED      (5 * FINDING_SECOND)  /* while messages come or are refused */
#define FINDING_RESTING      (60 * FINDING_SECOND) /* while nothing happens at all */
#define FINDING_CRITICAL     (60 * FINDING_SECOND) /* of growth */
#define FINDING_LOOKS        3U                    /* in a row that a queue must be nearly full */
#define FINDING_NEARLY_FULL  0.85
#define FINDING_REJECTS      0.01
#define FINDING_MANY_REJECTS 0.10

enum finding_severity { FINDING_INFO, FINDING_WARNING, FINDING_CRITICAL_NOW };

struct finding_entry {
    enum finding_severity severity;
    double weight; /* among equals, the heavier is shown first */
    char subject[WEIR_NAME_MAX + 1];
    char text[256];
};

/* Of one channel or semaphore. */
struct finding_memory {
    uint64_t id;
    uint32_t look; /* at which it was seen last */
    uint32_t idle; /* looks in a row with nothing to remember */
    uint32_t full; /* looks in a row that it was nearly full */
    enum wi_kind kind;
    uint64_t none_since;    /* no permit free; 0: not so */
    uint64_t refused_since; /* acquires or messages are being refused; 0: not so */
    uint64_t depth;
    struct wi_trail trail;
};

struct wi_finding {
    struct finding_memory *memories;
    uint32_t n_memories;
    uint32_t room;
    uint32_t look;
    struct {
        uint64_t id, depth;
        enum wi_kind kind;
    } newcomer; /* the deepest of this look for which there was no room */
    uint16_t slot[FINDING_SLOTS];
    struct finding_entry entry[FINDING_MAX];
    uint8_t rank[FINDING_MAX]; /* of the entries, worst first */
    uint32_t n_entries;
};

/* ---- values -------------------------------------------------------------------------------- */

static double finding_number(const struct wi_row *row, int metric, double otherwise)
{
    return wi_value_number(&row->value[metric], otherwise);
}

static uint64_t finding_count(const struct wi_row *row, int metric)
{
    const struct wi_value *value = &row->value[metric];
    if (value->type == WI_U64) {
        return value->u.u64;
    }
    double number = finding_number(row, metric, 0);
    return number > 0 && number < 1.8e19 ? (uint64_t)number : 0;
}

static bool finding_has(const struct wi_row *row, int metric)
{
    return row->value[metric].type != WI_ABSENT;
}

/* ---- what is remembered -------------------------------------------------------------------- */

static uint32_t finding_slot(enum wi_kind kind, uint64_t id)
{
    uint64_t mixed = (id ^ ((uint64_t)kind << 56)) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 40) % FINDING_SLOTS;
}

static struct finding_memory *finding_find(struct wi_finding *finding, enum wi_kind kind,
                                           uint64_t id)
{
    uint32_t at = finding_slot(kind, id);
    while (finding->slot[at] != FINDING_NO_MEMORY) {
        struct finding_memory *memory = &finding->memories[finding->slot[at]];
        if (memory->id == id && memory->kind == kind) {
            return memory;
        }
        at = (at + 1) % FINDING_SLOTS;
    }
    return NULL;
}

static void finding_enter(struct wi_finding *finding, uint32_t memory)
{
    uint32_t at = finding_slot(finding->memories[memory].kind, finding->memories[memory].id);
    while (finding->slot[at] != FINDING_NO_MEMORY) {
        at = (at + 1) % FINDING_SLOTS;
    }
    finding->slot[at] = (uint16_t)memory;
}

/* Room for one more memory; NULL when there is none. */
static struct finding_memory *finding_place(struct wi_finding *finding)
{
    if (finding->n_memories == finding->room && finding->room < FINDING_MAX_MEMORIES) {
        uint32_t room = finding->room ? 2 * finding->room : 16;
        struct finding_memory *memories =
            realloc(finding->memories, room * sizeof(*finding->memories));
        if (memories) {
            finding->memories = memories;
            finding->room = room;
        }
    }
    return finding->n_memories < finding->room ? &finding->memories[finding->n_memories] : NULL;
}

static void finding_index(struct wi_finding *finding)
{
    memset(finding->slot, 0xff, sizeof(finding->slot));
    for (uint32_t i = 0; i < finding->n_memories; i++) {
        finding_enter(finding, i);
    }
}

/* The memory of a row; NULL when it has none and needs none, or there is no room. */
static struct finding_memory *finding_remember(struct wi_finding *finding, enum wi_kind kind,
                                               const struct wi_row *row, uint64_t depth,
                                               bool is_in_use)
{
    struct finding_memory *memory = finding_find(finding, kind, row->id);
    if (!memory && is_in_use) {
        memory = finding_place(finding);
        if (!memory) {
            if (depth > finding->newcomer.depth) {
                finding->newcomer.id = row->id;
                finding->newcomer.depth = depth;
                finding->newcomer.kind = kind;
            }
            return NULL;
        }
        memset(memory, 0, sizeof(*memory));
        memory->id = row->id;
        memory->kind = kind;
        finding_enter(finding, finding->n_memories++);
    }
    if (memory) {
        memory->look = finding->look;
        memory->idle = is_in_use ? 0 : memory->idle + 1;
        memory->depth = depth;
    }
    return memory;
}

/* Lets the deepest newcomer have the place of the shallowest. One at a look: they come in the order
 * of their depth. */
static void finding_replace(struct wi_finding *finding)
{
    struct finding_memory *shallowest = finding->memories;
    if (finding->n_memories < finding->room || finding->newcomer.depth == 0) {
        return;
    }
    for (uint32_t i = 1; i < finding->n_memories; i++) {
        if (finding->memories[i].depth < shallowest->depth) {
            shallowest = &finding->memories[i];
        }
    }
    if (finding->n_memories > 0 && shallowest->depth < finding->newcomer.depth / 2) {
        memset(shallowest, 0, sizeof(*shallowest));
        shallowest->id = finding->newcomer.id;
        shallowest->kind = finding->newcomer.kind;
        shallowest->depth = finding->newcomer.depth;
        shallowest->look = finding->look;
    }
}

/* Forgets rows that have gone or have long been idle. */
static void finding_sweep(struct wi_finding *finding)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < finding->n_memories; i++) {
        struct finding_memory *memory = &finding->memories[i];
        if (memory->look == finding->look && memory->idle < FINDING_FORGET) {
            if (kept != i) {
                finding->memories[kept] = *memory;
            }
            kept++;
        }
    }
    finding->n_memories = kept;
    finding_replace(finding);
    finding_index(finding);
}

/* ---- what is found ------------------------------------------------------------------------- */

static bool finding_is_worse(const struct finding_entry *a, enum finding_severity severity,
                             double weight)
{
    return a->severity != severity ? a->severity > severity : a->weight >= weight;
}

/* Enters a finding at its rank; the least of 64 falls out. */
__attribute__((format(printf, 5, 6))) static void finding_add(struct wi_finding *finding,
                                                              enum finding_severity severity,
                                                              double weight, const char *subject,
                                                              const char *format, ...)
{
    uint32_t at = finding->n_entries;
    while (at > 0 && !finding_is_worse(&finding->entry[finding->rank[at - 1]], severity, weight)) {
        at--;
    }
    if (at == FINDING_MAX) {
        return;
    }
    uint8_t place = finding->n_entries < FINDING_MAX ? (uint8_t)finding->n_entries++
                                                     : finding->rank[FINDING_MAX - 1];
    memmove(&finding->rank[at + 1], &finding->rank[at], finding->n_entries - at - 1);
    finding->rank[at] = place;
    struct finding_entry *entry = &finding->entry[place];
    entry->severity = severity;
    entry->weight = weight;
    snprintf(entry->subject, sizeof(entry->subject), "%s", subject);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(entry->text, sizeof(entry->text), format, arguments);
    va_end(arguments);
}

/* "90,000 queued (18.7 MB)"; without bytes where the application declares none. */
static const char *finding_queued(char ret_text[2 * WI_WORDS_MAX + 16], const struct wi_row *row)
{
    char count[WI_WORDS_MAX];
    char bytes[WI_WORDS_MAX];
    uint64_t queued = finding_count(row, WI_CHANNEL_QUEUED_BYTES);
    wi_words_count(count, finding_count(row, WI_CHANNEL_DEPTH));
    if (queued > 0) {
        snprintf(ret_text, 2 * WI_WORDS_MAX + 16, "%s queued (%s)", count,
                 wi_words_bytes(bytes, queued));
    } else {
        snprintf(ret_text, 2 * WI_WORDS_MAX + 16, "%s queued", count);
    }
    return ret_text;
}

/* Somebody wants to send. */
static bool finding_is_pressed(const struct wi_row *row)
{
    return finding_number(row, WI_CHANNEL_IN_RATE, 0) > 0 ||
           finding_number(row, WI_CHANNEL_REJECT_RATE, 0) > 0;
}

/* Few messages in a quiet channel may be meant to rest there, so only time makes them a finding. */
static bool finding_is_stalled(const struct wi_row *row, const struct finding_memory *memory)
{
    return finding_number(row, WI_CHANNEL_DEPTH, 0) > 0 &&
           wi_trail_stalled(&memory->trail) >=
               (finding_is_pressed(row) ? FINDING_STALLED : FINDING_RESTING);
}

static void finding_stalled(struct wi_finding *finding, const struct wi_row *row,
                            const struct finding_memory *memory)
{
    char queued[2 * WI_WORDS_MAX + 16];
    char span[WI_WORDS_MAX];
    finding_add(finding, finding_is_pressed(row) ? FINDING_CRITICAL_NOW : FINDING_WARNING,
                finding_number(row, WI_CHANNEL_DEPTH, 0), row->name,
                "%s: stalled, nothing received for %s, %s", row->name,
                wi_words_duration(span, wi_trail_stalled(&memory->trail)),
                finding_queued(queued, row));
}

static void finding_growing(struct wi_finding *finding, const struct wi_row *row,
                            const struct finding_memory *memory, uint64_t now)
{
    char queued[2 * WI_WORDS_MAX + 16];
    char span[WI_WORDS_MAX];
    char rate[WI_WORDS_MAX];
    uint64_t since = now - memory->trail.growing_since;
    finding_add(finding, since >= FINDING_CRITICAL ? FINDING_CRITICAL_NOW : FINDING_WARNING,
                finding_number(row, WI_CHANNEL_DEPTH, 0), row->name,
                "%s: unbounded and growing, +%s messages/s for %s, %s", row->name,
                wi_words_rate(rate, wi_trail_slope(&memory->trail)), wi_words_duration(span, since),
                finding_queued(queued, row));
}

static void finding_settling(struct wi_finding *finding, const struct wi_row *row,
                             const struct finding_memory *memory)
{
    char queued[2 * WI_WORDS_MAX + 16];
    char rate[WI_WORDS_MAX];
    double slope = wi_trail_slope(&memory->trail);
    if (slope < 0) {
        finding_add(finding, FINDING_INFO, -slope, row->name, "%s: draining, -%s messages/s, %s",
                    row->name, wi_words_rate(rate, -slope), finding_queued(queued, row));
    } else {
        finding_add(finding, FINDING_INFO, 0, row->name, "%s: unbounded, no longer growing, %s",
                    row->name, finding_queued(queued, row));
    }
}

static void finding_full(struct wi_finding *finding, const struct wi_row *row, double fill)
{
    char depth[WI_WORDS_MAX];
    char capacity[WI_WORDS_MAX];
    finding_add(finding, FINDING_WARNING, finding_number(row, WI_CHANNEL_DEPTH, 0), row->name,
                "%s: %u %% full, %s of %s", row->name, (unsigned)(fill * 100),
                wi_words_count(depth, finding_count(row, WI_CHANNEL_DEPTH)),
                wi_words_count(capacity, finding_count(row, WI_CHANNEL_CAPACITY)));
}

/* "full", or whatever else is the only reason so far; "" when there are several. */
static const char *finding_reason(const struct wi_row *row)
{
    static const struct {
        int metric;
        const char *text;
    } reasons[] = {{WI_CHANNEL_REJECTS_FULL, ": full"},
                   {WI_CHANNEL_REJECTS_CLOSED, ": closed"},
                   {WI_CHANNEL_REJECTS_TIMEOUT, ": timed out"},
                   {WI_CHANNEL_REJECTS_SHED, ": shed"}};
    const char *only = "";
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (finding_count(row, reasons[i].metric) == 0) {
            continue;
        }
        if (*only) {
            return "";
        }
        only = reasons[i].text;
    }
    return only;
}

static void finding_rejecting(struct wi_finding *finding, const struct wi_row *row,
                              struct finding_memory *memory, uint64_t now)
{
    char rate_text[WI_WORDS_MAX];
    char span[WI_WORDS_MAX];
    double rejects = finding_number(row, WI_CHANNEL_REJECT_RATE, 0);
    double offered = rejects + finding_number(row, WI_CHANNEL_IN_RATE, 0);
    if (!(rejects > 0) || rejects <= FINDING_REJECTS * offered) {
        memory->refused_since = 0;
        return;
    }
    memory->refused_since = memory->refused_since ? memory->refused_since : now;
    double share = rejects / offered;
    finding_add(finding, share > FINDING_MANY_REJECTS ? FINDING_CRITICAL_NOW : FINDING_WARNING,
                rejects, row->name, "%s: %u %% of messages refused, %s/s for %s%s", row->name,
                (unsigned)(share * 100 + 0.5), wi_words_rate(rate_text, rejects),
                wi_words_duration(span, now - memory->refused_since), finding_reason(row));
}

static void finding_channel(struct wi_finding *finding, const struct wi_row *row, uint64_t now)
{
    uint64_t depth = finding_count(row, WI_CHANNEL_DEPTH);
    bool is_rejecting = finding_number(row, WI_CHANNEL_REJECT_RATE, 0) > 0;
    struct finding_memory *memory =
        finding_remember(finding, WI_CHANNEL, row, depth, depth > 0 || is_rejecting);
    if (!memory) {
        return;
    }
    bool is_unbounded = !finding_has(row, WI_CHANNEL_CAPACITY);
    double capacity = finding_number(row, WI_CHANNEL_CAPACITY, 0);
    double fill = capacity >= 2 ? (double)depth / capacity : 0;
    uint64_t gone =
        finding_count(row, WI_CHANNEL_RECEIVED) + finding_count(row, WI_CHANNEL_DISCARDED);
    wi_trail_add(&memory->trail, now, depth, gone);
    memory->full = fill >= FINDING_NEARLY_FULL ? memory->full + 1 : 0;
    if (finding_is_stalled(row, memory)) {
        finding_stalled(finding, row, memory);
    } else if (is_unbounded && memory->trail.phase == WI_TRAIL_GROWING) {
        finding_growing(finding, row, memory, now);
    } else if (is_unbounded && memory->trail.phase == WI_TRAIL_SETTLING) {
        finding_settling(finding, row, memory);
    } else if (memory->full >= FINDING_LOOKS) {
        finding_full(finding, row, fill < 1 ? fill : 1);
    }
    finding_rejecting(finding, row, memory, now);
}

static void finding_semaphore(struct wi_finding *finding, const struct wi_row *row, uint64_t now)
{
    double rejects = finding_number(row, WI_SEMAPHORE_REJECT_RATE, 0);
    bool is_gone = finding_has(row, WI_SEMAPHORE_AVAILABLE) &&
                   finding_number(row, WI_SEMAPHORE_AVAILABLE, 1) <= 0;
    struct finding_memory *memory =
        finding_remember(finding, WI_SEMAPHORE, row, 0, is_gone || rejects > 0);
    if (!memory) {
        return;
    }
    bool was_gone = memory->none_since != 0;
    bool was_refusing = memory->refused_since != 0;
    memory->none_since = !is_gone ? 0 : was_gone ? memory->none_since : now;
    memory->refused_since = !(rejects > 0) ? 0 : was_refusing ? memory->refused_since : now;
    bool is_exhausted = is_gone && was_gone;
    if (!is_exhausted && memory->refused_since == 0) {
        return;
    }
    char rate[WI_WORDS_MAX];
    char span[WI_WORDS_MAX];
    char waiting[WI_WORDS_MAX];
    uint64_t waiters = finding_count(row, WI_SEMAPHORE_WAITERS);
    uint64_t since = is_exhausted ? memory->none_since : memory->refused_since;
    if (is_exhausted && was_refusing && memory->refused_since &&
        memory->refused_since < memory->none_since) {
        since = memory->refused_since;
    }
    wi_words_rate(rate, rejects);
    wi_words_count(waiting, waiters);
    wi_words_duration(span, now - since);
    finding_add(finding, FINDING_WARNING, rejects + (double)waiters, row->name,
                "%s: %s %s%s%s%s%s%s", row->name,
                is_exhausted ? "no permit free for" : "permits run out, for", span,
                rejects > 0 ? ", " : "", rejects > 0 ? rate : "", rejects > 0 ? " refused/s" : "",
                waiters ? ", waiting: " : "", waiters ? waiting : "");
}

static void finding_agent(struct wi_finding *finding, const struct wi_row *row)
{
    char count[WI_WORDS_MAX];
    char limit[WI_WORDS_MAX];
    uint64_t refused = finding_count(row, WI_AGENT_HANDLES_REFUSED);
    uint64_t lost = finding_count(row, WI_AGENT_SAMPLES_LOST);
    if (refused > 0) {
        finding_add(finding, FINDING_WARNING, (double)refused, "agent",
                    "agent: %s opens refused, the segment's limit of %s is reached; raise "
                    "WEIR_LIMIT",
                    wi_words_count(count, refused),
                    wi_words_bytes(limit, finding_count(row, WI_AGENT_SEGMENT_LIMIT)));
    }
    if (lost > 0) {
        finding_add(finding, FINDING_INFO, (double)lost, "agent",
                    "agent: %s measured waits found no room in the segment and are missing from "
                    "the histograms",
                    wi_words_count(count, lost));
    }
}

/* ---- the face ------------------------------------------------------------------------------ */

enum weir_status wi_finding_create(struct wi_finding **ret_finding)
{
    struct wi_finding *finding = calloc(1, sizeof(*finding));
    if (!finding) {
        return WEIR_E_MEMORY;
    }
    memset(finding->slot, 0xff, sizeof(finding->slot));
    *ret_finding = finding;
    return WEIR_OK;
}

void wi_finding_destroy(struct wi_finding *finding)
{
    if (finding) {
        free(finding->memories);
        free(finding);
    }
}

static void finding_publish(const struct wi_finding *finding, struct wi_world *world)
{
    static const char *const severities[] = {"info", "warning", "critical"};
    wi_world_clear_warnings(world);
    for (uint32_t i = 0; i < finding->n_entries; i++) {
        const struct finding_entry *entry = &finding->entry[finding->rank[i]];
        if (wi_world_add_warning(world, severities[entry->severity], entry->subject, entry->text) !=
            WEIR_OK) {
            return; /* no memory: the worst are there */
        }
    }
}

void wi_finding_update(struct wi_finding *finding, struct wi_world *world)
{
    uint64_t now = wi_world_monotonic_nanos(world);
    finding->look++;
    finding->n_entries = 0;
    finding->newcomer.depth = 0;
    for (size_t i = 0; i < wi_world_count(world, WI_CHANNEL); i++) {
        finding_channel(finding, wi_world_row(world, WI_CHANNEL, i), now);
    }
    for (size_t i = 0; i < wi_world_count(world, WI_SEMAPHORE); i++) {
        finding_semaphore(finding, wi_world_row(world, WI_SEMAPHORE, i), now);
    }
    for (size_t i = 0; i < wi_world_count(world, WI_AGENT); i++) {
        finding_agent(finding, wi_world_row(world, WI_AGENT, i));
    }
    finding_sweep(finding);
    finding_publish(finding, world);
}
