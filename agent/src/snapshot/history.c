/* SPDX-License-Identifier: MIT */
/*
 * Reading a history: every number is checked, or any value of it is harmless.
 *
 * The input is a file, read by pread, or a buffer. The head is checked against this version's
 * sizes, and the file must have the length that follows from them. Each track's entry is checked
 * alone; an invalid one counts as free, and the others are used. A row is valid only if it has the
 * same second at its begin and at its end, so a row that is being written, or was torn by a kill,
 * does not count.
 *
 * The rings are ordered by time: each second has its place, and a row with another second is a
 * hole. While an exporter writes, the newest row is found at once; else the seconds of all rows are
 * read. There are no rates across a hole. A history borrows its descriptor or bytes, owns nothing
 * and allocates nothing; its head stays as it was when reading it again fails. One thread at a time.
 */
#include "snapshot/history.h"

#include "segment/file.h"
#include "segment/layout.h"
#include "weir/text.h"
#include "weir/metric.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file's format, field by field: exporters of other versions go on with the same file. */
#define WI_IS_AT(type, field, offset)                                                              \
    _Static_assert(offsetof(struct type, field) == (offset), "a field of the file has moved")

/* clang-format off */
WI_IS_AT(wi_history_track, since_nanos, 0);
WI_IS_AT(wi_history_track, slot, 8);
WI_IS_AT(wi_history_track, generation, 12);
WI_IS_AT(wi_history_track, kind, 16);
WI_IS_AT(wi_history_track, name, 24);
WI_IS_AT(wi_history_track, since_nanos_end, 248);

WI_IS_AT(wi_history_head, magic, 0);
WI_IS_AT(wi_history_head, version, 8);
WI_IS_AT(wi_history_head, head_bytes, 12);
WI_IS_AT(wi_history_head, row_bytes, 16);
WI_IS_AT(wi_history_head, n_seconds, 20);
WI_IS_AT(wi_history_head, n_minutes, 24);
WI_IS_AT(wi_history_head, n_tracks, 28);
WI_IS_AT(wi_history_head, pid, 32);
WI_IS_AT(wi_history_head, writer_pid, 36);
WI_IS_AT(wi_history_head, start_ticks, 40);
WI_IS_AT(wi_history_head, first_nanos, 48);
WI_IS_AT(wi_history_head, n_handles, 56);
WI_IS_AT(wi_history_head, name, 64);
WI_IS_AT(wi_history_head, writer_version, 192);
WI_IS_AT(wi_history_head, id, 224);
WI_IS_AT(wi_history_head, tracks, 1024);

WI_IS_AT(wi_history_row, sequence, 0);
WI_IS_AT(wi_history_row, unix_nanos, 8);
WI_IS_AT(wi_history_row, nanos, 16);
WI_IS_AT(wi_history_row, has, 24);
WI_IS_AT(wi_history_row, facts, 32);
WI_IS_AT(wi_history_row, tracks, 120);
WI_IS_AT(wi_history_row, sequence_end, 4088);
/* clang-format on */

#define HISTORY_SECOND UINT64_C(1000000000)

/* Rows at the end of the file that may be torn: a writer that is killed leaves one. */
#define HISTORY_TORN_MAX 8

/* Rows further apart than this have a gap between them, and no rate. */
#define HISTORY_GAP_STEPS 2.5

void wi_history_begin(struct wi_history_head *ret_head)
{
    memset(ret_head, 0, sizeof(*ret_head));
    ret_head->magic = WI_HISTORY_MAGIC;
    ret_head->version = WI_HISTORY_VERSION;
    ret_head->head_bytes = WI_HISTORY_HEAD_BYTES;
    ret_head->row_bytes = WI_HISTORY_ROW_BYTES;
    ret_head->n_seconds = WI_HISTORY_N_SECONDS;
    ret_head->n_minutes = WI_HISTORY_N_MINUTES;
    ret_head->n_tracks = WI_HISTORY_TRACKS;
}

uint64_t wi_history_step_nanos(enum wi_history_ring ring)
{
    return ring == WI_HISTORY_SECONDS ? HISTORY_SECOND : 60 * HISTORY_SECOND;
}

uint64_t wi_history_n_rows(enum wi_history_ring ring)
{
    return ring == WI_HISTORY_SECONDS ? WI_HISTORY_N_SECONDS : WI_HISTORY_N_MINUTES;
}

uint64_t wi_history_offset(enum wi_history_ring ring, uint64_t sequence)
{
    uint64_t first = ring == WI_HISTORY_SECONDS ? 0 : WI_HISTORY_N_SECONDS;
    return WI_HISTORY_HEAD_BYTES +
           (first + sequence % wi_history_n_rows(ring)) * WI_HISTORY_ROW_BYTES;
}

/* Reads all of these bytes, or returns false. */
static bool history_pread(const struct wi_history *history, void *ret_bytes, size_t n,
                          uint64_t offset)
{
    if (history->fd < 0) {
        if (offset > history->n_bytes || n > history->n_bytes - offset) {
            return false;
        }
        memcpy(ret_bytes, history->bytes + offset, n);
        return true;
    }
    return wi_file_pread(history->fd, ret_bytes, n, offset) == (ssize_t)n;
}

/* ---- the head ------------------------------------------------------------------------------ */

/* A track with an invalid entry, or one that is being written, counts as free. */
static void history_clean_track(struct wi_history_track *track)
{
    char name[sizeof(track->name)];
    memcpy(name, track->name, sizeof(name));
    name[sizeof(name) - 1] = '\0';
    wi_text_clean(name, track->name, sizeof(track->name));
    if (track->since_nanos != track->since_nanos_end || track->slot >= WI_MAX_SLOTS ||
        track->kind >= WI_N_KINDS || !wi_kind_has_slots(track->kind)) {
        memset(track, 0, sizeof(*track));
    }
}

static enum weir_status history_check(struct wi_history_head *head, uint64_t n_bytes,
                                      struct weir_error *ret_error)
{
    if (head->magic != WI_HISTORY_MAGIC) {
        wi_error_set(ret_error, "not a weir history, or cut off at its start");
        return WEIR_E_CORRUPT;
    }
    if (head->version != WI_HISTORY_VERSION) {
        wi_error_set(
            ret_error,
            "history version %u, this weir reads %u: use the weir that came with the server",
            (unsigned)head->version, (unsigned)WI_HISTORY_VERSION);
        return WEIR_E_VERSION;
    }
    if (head->head_bytes != WI_HISTORY_HEAD_BYTES || head->row_bytes != WI_HISTORY_ROW_BYTES ||
        head->n_seconds != WI_HISTORY_N_SECONDS || head->n_minutes != WI_HISTORY_N_MINUTES ||
        head->n_tracks != WI_HISTORY_TRACKS) {
        wi_error_set(ret_error, "the history is corrupt: its sizes do not fit its version");
        return WEIR_E_CORRUPT;
    }
    if (n_bytes < WI_HISTORY_BYTES) {
        wi_error_set(ret_error, "the history is cut off: it ends at byte %llu of %llu",
                     (unsigned long long)n_bytes, (unsigned long long)WI_HISTORY_BYTES);
        return WEIR_E_CORRUPT;
    }
    head->name[sizeof(head->name) - 1] = '\0';
    head->writer_version[sizeof(head->writer_version) - 1] = '\0';
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        history_clean_track(&head->tracks[i]);
    }
    return WEIR_OK;
}

static enum weir_status history_read(struct wi_history *history, struct weir_error *ret_error)
{
    const struct wi_history_head before = history->head;
    enum weir_status status = WEIR_E_CORRUPT;
    if (history_pread(history, &history->head, sizeof(history->head), 0)) {
        status = history_check(&history->head, history->n_bytes, ret_error);
    } else {
        wi_error_set(ret_error, "not a weir history, or cut off at its start");
    }
    if (status != WEIR_OK) {
        history->head = before;
    }
    return status;
}

enum weir_status wi_history_read(int fd, struct wi_history *history, struct weir_error *ret_error)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0) {
        wi_error_set(ret_error, "the history cannot be read: %s", strerror(errno));
        return WEIR_E_SYSTEM;
    }
    history->fd = fd;
    history->n_bytes = (uint64_t)facts.st_size;
    return history_read(history, ret_error);
}

enum weir_status wi_history_read_bytes(const uint8_t *bytes, size_t n, struct wi_history *history,
                                       struct weir_error *ret_error)
{
    history->fd = -1;
    history->bytes = bytes;
    history->n_bytes = n;
    return history_read(history, ret_error);
}

/* ---- rows ---------------------------------------------------------------------------------- */

bool wi_history_row(const struct wi_history *history, enum wi_history_ring ring, uint64_t sequence,
                    struct wi_history_row *ret_row)
{
    /* No process is as old as this, and the difference of two such rows is a number of seconds. */
    return sequence > 0 && sequence < UINT32_MAX &&
           history_pread(history, ret_row, sizeof(*ret_row), wi_history_offset(ring, sequence)) &&
           ret_row->sequence == sequence && ret_row->sequence_end == sequence &&
           ret_row->nanos / wi_history_step_nanos(ring) == sequence;
}

/* The greatest number that a row at its own place has. */
static uint64_t history_scan(const struct wi_history *history, enum wi_history_ring ring,
                             uint64_t most)
{
    uint64_t found = 0;
    for (uint64_t i = 0; i < wi_history_n_rows(ring); i++) {
        uint64_t sequence = 0;
        if (history_pread(history, &sequence, sizeof(sequence), wi_history_offset(ring, i)) &&
            sequence % wi_history_n_rows(ring) == i && sequence <= most && sequence > found) {
            found = sequence;
        }
    }
    return found;
}

bool wi_history_last(const struct wi_history *history, enum wi_history_ring ring, uint64_t most,
                     struct wi_history_row *ret_row)
{
    most = most < UINT32_MAX ? most : UINT32_MAX - 1;
    /* While an exporter writes, it is one of the newest; else all of them are read. */
    for (uint64_t back = 0; back < 3 && back < most; back++) {
        if (wi_history_row(history, ring, most - back, ret_row)) {
            return true;
        }
    }
    for (int tries = 0; tries < HISTORY_TORN_MAX; tries++) {
        most = history_scan(history, ring, most);
        if (most == 0) {
            return false;
        }
        if (wi_history_row(history, ring, most, ret_row)) {
            return true;
        }
        most--; /* torn: the one before it */
    }
    return false;
}

bool wi_history_is_in(const struct wi_history_track *track, const struct wi_history_row *row)
{
    return track->generation && row->nanos >= track->since_nanos;
}

bool wi_history_flow(const struct wi_history *history, size_t track,
                     const struct wi_history_row *row, struct wi_flow *ret_flow)
{
    const uint64_t *words = row->tracks[track];
    memset(ret_flow, 0, sizeof(*ret_flow));
    memcpy(ret_flow->total, words, sizeof(row->tracks[track]));
    if (history->head.tracks[track].kind == WI_SEMAPHORE &&
        words[WI_TOTAL_ACQUIRES] > words[WI_TOTAL_TAKEN]) {
        ret_flow->total[WI_TOTAL_RELEASED] = words[WI_TOTAL_ACQUIRES] - words[WI_TOTAL_TAKEN];
    }
    return wi_history_is_in(&history->head.tracks[track], row);
}

/* ---- values -------------------------------------------------------------------------------- */

/* How a metric follows from the stored words; NULL: it does not. */
static const struct wi_metric_from *history_from(enum wi_kind kind, int metric)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    const struct wi_metric_from *from = table && metric >= 0 && (size_t)metric < table->n_metrics
                                            ? &table->metrics[metric].from
                                            : NULL;
    return from && from->how != WI_FROM_NONE && (kind == WI_PROCESS || from->a < WI_HISTORY_WORDS)
               ? from
               : NULL;
}

bool wi_history_has(enum wi_kind kind, int metric)
{
    return history_from(kind, metric) != NULL;
}

int wi_history_trend(enum wi_kind kind)
{
    int metric = wi_metric_graph(kind, WI_GRAPH_TREND);
    return wi_history_has(kind, metric) ? metric : -1;
}

/* The totals of a track in a row, or the facts; NULL when the row does not have them. `flow`: room. */
static const uint64_t *history_totals(const struct wi_history *history, int track,
                                      const struct wi_metric_from *from,
                                      const struct wi_history_row *row, struct wi_flow *flow)
{
    if (track < 0) {
        return row->has >> from->a & 1 ? row->facts : NULL;
    }
    return wi_history_flow(history, (size_t)track, row, flow) ? flow->total : NULL;
}

double wi_history_value(const struct wi_history *history, int track, enum wi_kind kind, int metric,
                        const struct wi_history_row *before, const struct wi_history_row *row)
{
    struct wi_flow flow, flow_before;
    const struct wi_metric_from *from = history_from(kind, metric);
    uint8_t flags = track < 0 ? 0 : (uint8_t)history->head.tracks[track].flags;
    const uint64_t *totals = from ? history_totals(history, track, from, row, &flow) : NULL;
    if (!totals || !wi_flow_has(kind, flags, metric)) {
        return NAN;
    }
    double seconds = before && row->nanos > before->nanos
                         ? (double)(row->nanos - before->nanos) / (double)HISTORY_SECOND
                         : NAN;
    double steps = before ? (double)(row->sequence - before->sequence) : 0;
    const uint64_t *totals_before = before && steps <= HISTORY_GAP_STEPS
                                        ? history_totals(history, track, from, before, &flow_before)
                                        : NULL;
    struct wi_value value = wi_from_value(from, totals_before, totals, seconds);
    return wi_value_number(&value, NAN);
}
