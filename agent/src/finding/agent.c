/* SPDX-License-Identifier: MIT */
/*
 * Findings about weir itself: its memory, and its failed assertions. A handle without room counts
 * nothing, and a thread without cells of its own is exact but slower. The user must see both.
 */
#include "finding/state.h"

#include "segment/layout.h"

#include <string.h>

static const char agent_raise[] = "Raise WEIR_LIMIT.";

static const char agent_fewer[] =
    "Let fewer threads send and receive, or open the handles that they share with "
    "WEIR_STORAGE_SHARED: these need no cells for each thread.";

static const char agent_nothing[] =
    "Nothing has to be done, unless a few nanoseconds a message matter to these threads.";

static const char agent_other_limit[] =
    "Raise the limit that the program's log names: RLIMIT_AS, RLIMIT_MEMLOCK (after mlockall), the "
    "memory cgroup's limit, or the file system's size.";

static bool agent_is_full(const struct wi_row *row)
{
    return wi_finding_count(row, WI_AGENT_SEGMENT_BYTES) + WI_GRANULE >
           wi_finding_count(row, WI_AGENT_SEGMENT_LIMIT);
}

static void agent_handles(struct wi_finding *finding, const struct wi_row *row)
{
    char count[WI_WORDS_MAX];
    char limit[WI_WORDS_MAX];
    uint64_t refused = wi_finding_count(row, WI_AGENT_HANDLES_REFUSED);
    bool is_full = agent_is_full(row);
    if (refused == 0) {
        return;
    }
    struct finding_entry *entry =
        wi_entry_add(finding, FINDING_WARNING, (double)refused, "agent_full", "agent",
                     is_full ? agent_raise : agent_other_limit);
    if (is_full) {
        wi_entry_write(entry->text,
                       "agent: %s opens refused, the segment's limit of %s is reached; raise "
                       "WEIR_LIMIT",
                       wi_words_count(count, refused),
                       wi_words_bytes(limit, wi_finding_count(row, WI_AGENT_SEGMENT_LIMIT)));
    } else {
        wi_entry_write(entry->text,
                       "agent: %s opens refused, the segment cannot grow past %s: a limit other "
                       "than WEIR_LIMIT is near",
                       wi_words_count(count, refused),
                       wi_words_bytes(limit, wi_finding_count(row, WI_AGENT_SEGMENT_BYTES)));
    }
}

/* Either the segment is full, or all shards are taken. In the second case a larger segment does not
 * help. In per-CPU cells a hook costs a few nanoseconds more; in shared ones ten times as much. */
static void agent_threads(struct wi_finding *finding, const struct wi_row *row)
{
    char count[WI_WORDS_MAX];
    char most[WI_WORDS_MAX];
    uint64_t refused = wi_finding_count(row, WI_AGENT_CELLS_REFUSED);
    uint64_t limit = wi_finding_count(row, WI_AGENT_THREADS_LIMIT);
    bool has_cpu_cells = wi_finding_count(row, WI_AGENT_CPU_CELLS) > 0;
    bool is_full = agent_is_full(row);
    if (refused == 0) {
        return;
    }
    struct finding_entry *entry =
        wi_entry_add(finding, has_cpu_cells ? FINDING_INFO : FINDING_WARNING, (double)refused,
                     "threads_refused", "agent",
                     is_full         ? agent_raise
                     : has_cpu_cells ? agent_nothing
                                     : agent_fewer);
    wi_entry_write(entry->text, "agent: %s threads have no cells of their own: they count in %s",
                   wi_words_count(count, refused),
                   has_cpu_cells ? "per-CPU cells, exactly and a little more slowly"
                                 : "shared cells, exactly but more slowly");
    if (is_full) {
        wi_entry_write(entry->evidence, "the segment's limit of %s is reached",
                       wi_words_bytes(most, wi_finding_count(row, WI_AGENT_SEGMENT_LIMIT)));
    } else {
        wi_entry_write(entry->evidence,
                       "the segment is below its limit: there are more than %s threads at a "
                       "time, or the log names another limit",
                       wi_words_count(most, limit ? limit : WI_MAX_SHARDS));
    }
}

/* A number of the row that counts failures, and its finding. The sentence is "agent: BEFORE n AFTER". */
struct agent_miss {
    int metric;
    enum finding_severity severity;
    const char *kind, *action;
    const char *before, *after;
};

static const struct agent_miss agent_misses[] = {
    {WI_AGENT_SENDERS_REFUSED, FINDING_INFO, "senders_refused", agent_raise,
     "the segment has no room for ",
     " senders: their messages count only in the channel, and never as orphans"},
    {WI_AGENT_CALLS_MIXED, FINDING_WARNING, "calls_mixed",
     "Either count what enters and leaves a channel, or call weir_channel_observe on it, never "
     "both.",
     "",
     " calls count on a channel that is observed, or observe one that has counted: they do "
     "nothing"},
    {WI_AGENT_CALLS_REFUSED, FINDING_WARNING, "calls_refused",
     "Look for a length or a count that may be negative where weir_channel_send_n, "
     "weir_channel_receive_n, weir_channel_unsend_n, weir_channel_bytes or weir_channel_observe is "
     "called, and in `initial` of a channel's options.",
     "",
     " calls for batches or bytes had a negative number of messages or bytes: they count nothing, "
     "so "
     "depths are wrong from then on"},
    {WI_AGENT_SAMPLES_LOST, FINDING_INFO, "agent_samples_lost", agent_raise,
     "the segment has no room for ", " measured waits: they are missing from the histograms"},
    {WI_AGENT_OBJECTS_DROPPED, FINDING_WARNING, "objects_dropped",
     "Call weir_object_close before an object is freed, and check the offsets and limits of its "
     "layout.",
     "",
     " objects hold implausible values and are not read any more: they were freed without a close, "
     "or their layout is wrong"},
};

static void agent_rest(struct wi_finding *finding, const struct wi_row *row)
{
    char count[WI_WORDS_MAX];
    for (size_t i = 0; i < sizeof(agent_misses) / sizeof(agent_misses[0]); i++) {
        const struct agent_miss *miss = &agent_misses[i];
        uint64_t n = wi_finding_count(row, miss->metric);
        if (n > 0) {
            struct finding_entry *entry =
                wi_entry_add(finding, miss->severity, (double)n, miss->kind, "agent", miss->action);
            wi_entry_write(entry->text, "agent: %s%s%s", miss->before, wi_words_count(count, n),
                           miss->after);
        }
    }
}

/* Objects that are missing from their channel's depth, but for those that were dropped: each reason is told once. */
static void agent_objects(struct wi_finding *finding, const struct wi_row *row)
{
    char count[WI_WORDS_MAX];
    const struct wi_value *state = &row->value[WI_AGENT_OBJECTS_STATE];
    uint64_t refused = wi_finding_count(row, WI_AGENT_OBJECTS_REFUSED);
    if (refused > 0) {
        struct finding_entry *entry = wi_entry_add(
            finding, FINDING_INFO, (double)refused, "objects_refused", "agent",
            agent_is_full(row) ? agent_raise : "Look for weir_object_open in the program's log.");
        wi_entry_write(
            entry->text,
            "agent: %s objects were not entered: they are missing from the depth of their "
            "channel",
            wi_words_count(count, refused));
    }
    if (state->type == WI_TEXT && wi_finding_count(row, WI_AGENT_OBJECTS) > 0 &&
        strcmp(state->u.text, "read") != 0 && strcmp(state->u.text, "in part") != 0) {
        struct finding_entry *entry = wi_entry_add(
            finding, FINDING_INFO, 1, "objects_unread", "agent",
            "Start the exporter in the process (weir_agent_start), or read it as root.");
        wi_entry_write(entry->text,
                       "agent: objects cannot be read, so their depth is not known: %s",
                       state->u.text);
    }
}

/* An assertion of weir's own code did not hold. The numbers may still be right; that is not known. */
static void agent_broken(struct wi_finding *finding, const struct wi_row *row)
{
    char count[WI_WORDS_MAX];
    const struct wi_value *place = &row->value[WI_AGENT_BROKEN_AT];
    uint64_t broken = wi_finding_count(row, WI_AGENT_BROKEN);
    if (broken == 0) {
        return;
    }
    struct finding_entry *entry = wi_entry_add(
        finding, FINDING_WARNING, (double)broken, "agent_broken", "agent",
        "Report it to weir's developers with this line and the output of `weir version`.");
    wi_entry_write(entry->text, "agent: weir found %s contradiction%s in its own state",
                   wi_words_count(count, broken), broken == 1 ? "" : "s");
    if (place->type == WI_TEXT) {
        wi_entry_write(entry->text, ", first at %s", place->u.text);
    }
    wi_entry_write(entry->text, ": please report it");
    wi_entry_write(entry->evidence, "weir went on by a safe way, but numbers may be wrong");
}

void wi_finding_agent(struct wi_finding *finding, const struct wi_row *row)
{
    agent_handles(finding, row);
    agent_threads(finding, row);
    agent_rest(finding, row);
    agent_objects(finding, row);
    agent_broken(finding, row);
}
