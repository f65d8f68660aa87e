/* SPDX-License-Identifier: MIT */
/*
 * Findings on the senders of a channel: nothing of one leaves while others flow, or one holds a large share of the
 * queue. And the names of those that have orphans.
 *
 * The rows that come in are those that the process view chooses, at most 256: senders with messages
 * queued. Their state is kept from sample to sample, and dropped when nothing of theirs is queued. Each channel judges
 * its own when it is judged itself, and tells one finding of a kind for all of them.
 *
 * A handle stands for who puts messages in or for who takes them out, as the channel's party says; each sentence
 * has its word. The thresholds below are reasoned in docs/doctor.md. No I/O; the process view's thread.
 */
#include "finding/state.h"

#include "weir/nanos.h"

#include <stdlib.h>
#include <string.h>

#define SENDER_STILL          (10 * FINDING_SECOND)
#define SENDER_STILL_MESSAGES 16U
#define SENDER_OTHERS         1.0 /* messages of others that leave in a second, at least */
#define SENDER_CALM           20U /* samples until one that moves again is no longer told */
#define SENDER_SHARE          0.50
#define SENDER_SHARE_ENDS     0.40
#define SENDER_SHARE_MESSAGES 100U
#define SENDER_SHARE_AFTER    (30 * FINDING_SECOND)
#define SENDER_FEW            3U /* of two senders one has always half */
#define SENDER_NAMES          5U

/* Some of a channel's senders. */
struct sender_list {
    const struct finding_sender *at[FINDING_SENDERS];
    size_t n;
    uint64_t queued, bytes;
};

static struct finding_sender *sender_find(struct wi_finding *finding, uint64_t id)
{
    for (uint32_t i = 0; i < finding->n_senders; i++) {
        if (finding->senders[i].id == id) {
            return &finding->senders[i];
        }
    }
    return NULL;
}

/* One that is seen for the first time has moved now. */
static struct finding_sender *sender_meet(struct wi_finding *finding, uint64_t id)
{
    struct finding_sender *sender = sender_find(finding, id);
    if (!sender && finding->n_senders < FINDING_SENDERS) {
        sender = &finding->senders[finding->n_senders++];
        *sender = (struct finding_sender){.id = id};
    }
    return sender;
}

static void sender_sample(struct wi_finding *finding, const struct wi_row *row)
{
    uint64_t queued = wi_finding_count(row, WI_SENDER_IN_FLIGHT);
    struct finding_sender *sender = queued ? sender_meet(finding, row->id) : NULL;
    if (!sender) {
        return;
    }
    const struct wi_value *state = &row->value[WI_SENDER_STATE];
    uint64_t left = wi_finding_count(row, WI_SENDER_LEFT);
    sender->has_moved = !sender->sample || left != sender->left;
    sender->moved_at = sender->has_moved ? finding->now : sender->moved_at;
    sender->sample = finding->sample;
    sender->channel = wi_finding_count(row, WI_SENDER_CHANNEL_ID);
    sender->is_open = state->type == WI_TEXT && strcmp(state->u.text, "open") == 0;
    sender->queued = queued;
    sender->bytes = wi_finding_count(row, WI_SENDER_IN_FLIGHT_BYTES);
    sender->left = left;
    sender->oldest = finding_number(row, WI_SENDER_OLDEST_AGE, NAN);
    sender->name = row->name;
}

void wi_finding_senders(struct wi_finding *finding, const struct wi_process_view *view)
{
    uint32_t rows[FINDING_SENDERS];
    size_t n = wi_process_view_worst(view, WI_SENDER, rows, FINDING_SENDERS);
    if (n && !finding->senders) {
        finding->senders = calloc(FINDING_SENDERS, sizeof(*finding->senders));
    }
    for (size_t i = 0; finding->senders && i < n; i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_SENDER, rows[i]);
        if (row) {
            sender_sample(finding, row);
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < finding->n_senders; i++) {
        if (finding->senders[i].sample == finding->sample) {
            finding->senders[kept++] = finding->senders[i];
        }
    }
    finding->n_senders = kept;
}

/* ---- sentences ---- */

static bool sender_is_receiver(const struct wi_row *row)
{
    const struct wi_value *party = &row->value[WI_CHANNEL_PARTY];
    return party->type == WI_TEXT && strcmp(party->u.text, "receiver") == 0;
}

const char *wi_finding_party(const struct wi_row *row)
{
    return sender_is_receiver(row) ? "receiver" : "sender";
}

const char *wi_finding_party_of(const struct wi_row *row)
{
    return sender_is_receiver(row) ? "for" : "from";
}

/* The deepest first. */
static int sender_compare(const void *a, const void *b)
{
    const struct finding_sender *x = *(const struct finding_sender *const *)a;
    const struct finding_sender *y = *(const struct finding_sender *const *)b;
    return x->queued != y->queued ? (x->queued < y->queued ? 1 : -1)
                                  : (x->id > y->id) - (x->id < y->id);
}

static void sender_list_add(struct sender_list *list, const struct finding_sender *sender)
{
    list->at[list->n++] = sender;
    list->queued += sender->queued;
    list->bytes += sender->bytes;
}

/* Their names: some in the sentence, if there are several, and all as labels of the finding. */
static void sender_list_tell(struct wi_finding *finding, struct finding_entry *entry,
                             struct sender_list *list, bool is_in_sentence)
{
    qsort(list->at, list->n, sizeof(list->at[0]), sender_compare);
    for (size_t i = 0; i < list->n; i++) {
        wi_entry_label(finding, entry, list->at[i]->name);
        if (is_in_sentence && i < SENDER_NAMES) {
            wi_entry_write(entry->text, "%s%s", i ? ", " : " (", list->at[i]->name);
        }
    }
    wi_entry_end_labels(finding, entry);
    if (is_in_sentence && list->n) {
        wi_entry_write(entry->text, "%s)", list->n > SENDER_NAMES ? ", ..." : "");
    }
}

void wi_finding_orphan_names(struct wi_finding *finding, struct finding_entry *entry,
                             uint64_t channel)
{
    struct sender_list list;
    list.n = 0;
    list.queued = list.bytes = 0;
    for (uint32_t i = 0; i < finding->n_senders; i++) {
        if (finding->senders[i].channel == channel && !finding->senders[i].is_open) {
            sender_list_add(&list, &finding->senders[i]);
        }
    }
    sender_list_tell(finding, entry, &list, true);
}

static void sender_write_oldest(struct finding_entry *entry, const struct finding_sender *sender)
{
    char span[WI_WORDS_MAX];
    if (sender->oldest >= 1) {
        wi_entry_write(entry->evidence, "; the oldest queued message is %s old",
                       wi_words_duration(span, wi_nanos_of(sender->oldest)));
    }
}

/* ---- nothing of it leaves ---- */

static bool sender_stands_still(const struct wi_finding *finding,
                                const struct finding_watch_state *watch,
                                const struct finding_sender *sender)
{
    uint64_t still = finding->now - sender->moved_at;
    double others = watch->gone > sender->others ? (double)(watch->gone - sender->others) : 0;
    return sender->is_open && sender->queued >= SENDER_STILL_MESSAGES && still >= SENDER_STILL &&
           others >= SENDER_OTHERS * (double)still / (double)FINDING_SECOND;
}

static void sender_judge_still(const struct wi_finding *finding,
                               const struct finding_watch_state *watch,
                               struct finding_sender *sender)
{
    sender->others = sender->has_moved ? watch->gone : sender->others;
    bool is_still = sender_stands_still(finding, watch, sender);
    sender->calm = is_still ? 0 : sender->calm + 1;
    sender->is_stalled =
        is_still || (sender->is_stalled && sender->is_open &&
                     sender->queued >= SENDER_STILL_MESSAGES / 2 && sender->calm <= SENDER_CALM);
}

static void sender_tell_stalled(struct wi_finding *finding, const struct wi_row *row,
                                const struct finding_watch_state *watch, struct sender_list *list)
{
    char count[WI_WORDS_MAX], span[WI_WORDS_MAX], queued[WI_QUEUED_MAX];
    char in[WI_WORDS_MAX], out[WI_WORDS_MAX];
    const char *party = wi_finding_party(row);
    uint64_t still = 0;
    for (size_t i = 0; i < list->n; i++) {
        uint64_t its = finding->now - list->at[i]->moved_at;
        still = its > still ? its : still;
    }
    struct finding_entry *entry = wi_entry_add(
        finding, FINDING_WARNING, (double)list->queued, "sender_stalled", watch->name,
        sender_is_receiver(row)
            ? "Check its connection, and limit what may be queued for it: at the limit discard "
              "messages or disconnect it."
            : "Find out what its messages wait for: a lock, an order, an answer from the sender "
              "itself.");
    wi_entry_write(entry->text, "%s: nothing %s ", watch->name, wi_finding_party_of(row));
    if (list->n == 1) {
        wi_entry_write(entry->text, "%s %s", party, list->at[0]->name);
    } else {
        wi_entry_write(entry->text, "%s %ss", wi_words_count(count, list->n), party);
    }
    wi_entry_write(entry->text, " has left for %s while others flow, %s",
                   wi_words_duration(span, still),
                   wi_words_queued(queued, list->queued, list->bytes, false));
    sender_list_tell(finding, entry, list, list->n > 1);
    wi_entry_write(
        entry->evidence, "%s sent/s, %s leave/s in all; %s of %s queued",
        wi_words_flow(in, watch->in_rate, watch->is_bytes),
        wi_words_flow(out, watch->out_rate, watch->is_bytes),
        wi_words_amount(count, watch->is_bytes ? list->bytes : list->queued, watch->is_bytes),
        wi_words_amount(span, watch->depth, watch->is_bytes));
    sender_write_oldest(entry, list->at[0]);
    finding_put(entry, WI_WARNING_DEPTH, (double)list->queued);
    finding_put_since(entry, still);
}

/* ---- it holds a large share ---- */

/* Its part of the depth, in the channel's unit. */
static double sender_share(const struct finding_watch_state *watch,
                           const struct finding_sender *sender)
{
    return (double)(watch->is_bytes ? sender->bytes : sender->queued) / (double)watch->depth;
}

/* Since when it holds its share without draining: one that halves is a burst, and begins again. */
static void sender_judge_share(const struct wi_finding *finding, const struct wi_row *row,
                               const struct finding_watch_state *watch,
                               struct finding_sender *sender)
{
    bool is_held = sender->holds_since != 0;
    double share = is_held ? SENDER_SHARE_ENDS : SENDER_SHARE;
    uint64_t least = is_held ? SENDER_SHARE_MESSAGES / 2 : SENDER_SHARE_MESSAGES;
    uint64_t others =
        wi_finding_count(row, WI_CHANNEL_SENDERS) + wi_finding_count(row, WI_CHANNEL_SENDERS_GONE);
    bool holds = sender->is_open && others >= SENDER_FEW && sender->queued >= least &&
                 sender_share(watch, sender) >= share && sender->queued >= sender->highest / 2;
    if (!holds) {
        sender->holds_since = 0;
        sender->highest = sender->queued;
        return;
    }
    sender->highest = sender->queued > sender->highest ? sender->queued : sender->highest;
    sender->holds_since = is_held ? sender->holds_since : finding->now;
}

static void sender_tell_share(struct wi_finding *finding, const struct wi_row *row,
                              const struct finding_watch_state *watch,
                              const struct finding_sender *sender)
{
    char count[WI_WORDS_MAX], whole[WI_WORDS_MAX], span[WI_WORDS_MAX], size[WI_WORDS_MAX];
    struct sender_list list = {.n = 0};
    bool is_receiver = sender_is_receiver(row);
    double percent = fmin(100 * sender_share(watch, sender), 100);
    struct finding_entry *entry = wi_entry_add(
        finding, FINDING_WARNING, (double)sender->queued, "sender_holds_share", watch->name,
        is_receiver ? "Limit what may be queued for one receiver, or give each a queue of its own."
                    : "Limit what one sender may have queued, or give each its turn: the others "
                      "wait behind its messages.");
    wi_entry_write(entry->text, "%s: %u %% of %s queued%s are %s %s %s", watch->name,
                   (unsigned)percent, wi_words_amount(whole, watch->depth, watch->is_bytes),
                   watch->is_bytes ? "" : " messages", wi_finding_party_of(row),
                   wi_finding_party(row), sender->name);
    wi_entry_write(entry->evidence, "%s (%s) of its own for %s, and never half as many",
                   wi_words_count(count, sender->queued), wi_words_bytes(size, sender->bytes),
                   wi_words_duration(span, finding->now - sender->holds_since));
    sender_write_oldest(entry, sender);
    sender_list_add(&list, sender);
    sender_list_tell(finding, entry, &list, false);
    finding_put(entry, WI_WARNING_DEPTH, (double)sender->queued);
    finding_put_since(entry, finding->now - sender->holds_since);
}

/* ---- the channel ---- */

/* In a process that has ended nothing moves any more, and a share is a share. */
void wi_finding_channel_senders(struct wi_finding *finding, const struct wi_row *row,
                                const struct finding_watch_state *watch)
{
    const struct finding_sender *holder = NULL;
    struct sender_list stalled;
    stalled.n = 0;
    stalled.queued = stalled.bytes = 0;
    for (uint32_t i = 0; i < finding->n_senders; i++) {
        struct finding_sender *sender = &finding->senders[i];
        if (sender->channel != row->id) {
            continue;
        }
        sender_judge_still(finding, watch, sender);
        sender_judge_share(finding, row, watch, sender);
        if (sender->is_stalled && !finding->is_dead) {
            sender_list_add(&stalled, sender);
        }
        bool is_long =
            finding->is_dead ||
            (sender->holds_since && finding->now - sender->holds_since >= SENDER_SHARE_AFTER);
        if (sender->holds_since && is_long && (!holder || sender->queued > holder->queued)) {
            holder = sender;
        }
    }
    if (wi_finding_is_stalled(watch)) {
        return; /* nothing leaves at all, and that is told */
    }
    if (stalled.n) {
        sender_tell_stalled(finding, row, watch, &stalled);
    }
    if (holder && !holder->is_stalled) {
        sender_tell_share(finding, row, watch, holder);
    }
}
