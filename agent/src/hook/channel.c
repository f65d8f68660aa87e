/* SPDX-License-Identifier: MIT */
/*
 * Channels: open, close, and the halves of the hooks that are not inline.
 *
 * The inline hooks count in the calling thread's cell. They come here if the thread has none: then
 * the message counts in the cell of the processor (cpu.h), else in the slot's shared words, by
 * atomic adds. Refusals and discards always use the shared words, since they are rare. The order is
 * the same on all paths: a message is counted in before it is counted out, and readers rely on that.
 *
 * The high-water mark is kept here, too. Depth falls only by receives, so every K-th receive sums
 * all cells, first what has left, then what has entered, and raises the mark. K grows if checks
 * would take more than a hundredth of the thread's time; where bytes are counted, K is a number of bytes.
 * The mark of a channel that is observed is the highest depth that was told. Nothing waits; any thread,
 * also in a signal handler.
 */
#include "hook/channel.h"
#include "hook/cpu.h"
#include "hook/options.h"
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/kind.h"

#include <string.h>

#define CHANNEL_CHECK_LEAST 16U
#define CHANNEL_CHECK_SHIFT 4 /* one sixteenth of the mark: 6.25 % */
#define CHANNEL_CHECK_MOST  (1U << 20)
#define CHANNEL_CHECK_SHARE 128U

/* For functions that the short path of a hook calls last: so it saves no register for them. */
#define CHANNEL_APART __attribute__((noinline))

static struct wi_slot *channel_slot(struct weir_channel *channel)
{
    return (struct wi_slot *)(void *)channel;
}

/* A call with an impossible number, and one that mixes counting and observing: they count nothing and are told. */
static CHANNEL_APART void channel_refuse_call(void)
{
    if (wi_segment_counts()) {
        wi_add_relaxed(&wi_segment_header()->calls_refused, 1);
    }
}

void wi_channel_refuse_mixing(void)
{
    if (wi_segment_counts()) {
        wi_add_relaxed(&wi_segment_header()->calls_mixed, 1);
    }
}

struct weir_channel *weir_channel_open(const struct weir_channel_options *options)
{
    struct weir_channel_options asked = WEIR_CHANNEL_INIT(NULL, WEIR_UNBOUNDED);
    if (!options) {
        return NULL;
    }
    wi_options_read_for("channel", &asked, sizeof(asked), options);
    bool is_bytes = asked.unit == WEIR_UNIT_BYTES;
    bool has_text = asked.source_text && asked.source_text[0];
    if ((asked.initial | asked.initial_bytes) >> 63) {
        asked.initial = asked.initial_bytes = 0;
        channel_refuse_call();
    }
    const struct wi_opening opening = {
        .kind = WI_CHANNEL,
        .flags = (asked.is_unordered ? WI_SLOT_UNORDERED : 0) | (is_bytes ? WI_SLOT_BYTES : 0),
        .flavor = (unsigned)asked.kind <= WEIR_CHANNEL_MPMC ? (uint8_t)asked.kind : 0,
        .name = asked.name,
        .capacity = asked.capacity,
        .latency = asked.latency,
        .storage = asked.storage,
        .source_file = has_text ? asked.source_text : asked.source_file,
        .source_line = has_text ? 0 : asked.source_line,
        .label = asked.label,
        .party = asked.party == WEIR_PARTY_RECEIVERS ? WEIR_PARTY_RECEIVERS : WEIR_PARTY_SENDERS,
        .initial = {is_bytes ? 0 : asked.initial, is_bytes ? asked.initial : asked.initial_bytes},
    };
    return (struct weir_channel *)wi_slot_open(&opening);
}

void weir_channel_close(struct weir_channel *channel)
{
    wi_slot_close(channel ? &channel->head : NULL);
}

void weir_channel_resize(struct weir_channel *channel, uint64_t capacity)
{
    if (channel && wi_slot_counts()) {
        wi_store_relaxed(&channel->head.capacity, capacity);
    }
}

static bool channel_is(const struct weir_channel *channel, enum wi_slot_flag flag)
{
    return wi_load_relaxed(&channel->head.flags) & flag;
}

/* All that counts in a channel that is observed comes here, since no thread has cells of it. */
static bool channel_may_count(const struct weir_channel *channel)
{
    if (!wi_slot_counts()) {
        return false;
    }
    if (channel_is(channel, WI_SLOT_OBSERVED)) {
        wi_channel_refuse_mixing();
        return false;
    }
    return true;
}

/* A step towards the next sample in a cell that other threads of this processor count down, too: no state between two
 * stores says anything else than 0 or what is left. */
static CHANNEL_APART weir_ticket channel_sample(struct weir_channel *channel,
                                                struct weir_cell *cell)
{
    return weir_sample_n(&channel->head, cell, 1);
}

static CHANNEL_APART weir_ticket channel_send_shared(struct weir_channel *channel, uint64_t n,
                                                     uint64_t bytes)
{
    if (!channel_may_count(channel)) {
        return 0;
    }
    struct wi_slot *slot = channel_slot(channel);
    /* These pair with channel_entered, and with pass_entering_slot of readers. */
    uint64_t sent = wi_add_release(wi_slot_word(slot, WEIR_WORD_SENT), n);
    wi_add_release(wi_slot_word(slot, WEIR_WORD_BYTES_IN), bytes);
    return wi_sample_shared(&channel->head, sent, n);
}

static CHANNEL_APART weir_ticket channel_send_on_cpu(struct weir_channel *channel, size_t bytes)
{
    struct wi_cpu_cell at;
    if (!wi_cpu_reach(&channel->head, &at)) {
        return channel_send_shared(channel, 1, bytes);
    }
    wi_cpu_add(&channel->head, WEIR_WORD_SENT, 1);
    wi_cpu_add(&channel->head, WEIR_WORD_BYTES_IN, bytes);
    return channel_sample(channel, at.cell);
}

static CHANNEL_APART weir_ticket channel_send_apart(struct weir_channel *channel, size_t bytes)
{
    struct weir_cell *cell = wi_thread_touch(&channel->head);
    if (!cell) {
        return wi_cpu_is_any() ? channel_send_on_cpu(channel, bytes)
                               : channel_send_shared(channel, 1, bytes);
    }
    weir_cell_add(&cell->u.channel.sent, 1);
    weir_cell_add(&cell->u.channel.bytes_in, bytes);
    return weir_sample(&channel->head, cell);
}

/* The message is counted, and its bytes are not. */
static CHANNEL_APART weir_ticket channel_send_bytes(struct weir_channel *channel,
                                                    struct weir_cell *cell, size_t bytes)
{
    wi_cpu_add(&channel->head, WEIR_WORD_BYTES_IN, bytes);
    return channel_sample(channel, cell);
}

weir_ticket weir_channel_send_slow(struct weir_channel *channel, size_t bytes)
{
    struct wi_cpu_cell at;
    if (!wi_cpu_find(&channel->head, &at) || !wi_cpu_try(&at, WEIR_WORD_SENT, 1)) {
        return channel_send_apart(channel, bytes);
    }
    if (!wi_cpu_try(&at, WEIR_WORD_BYTES_IN, bytes)) {
        return channel_send_bytes(channel, at.cell, bytes);
    }
    wi_cpu_leave(&at);
    return WEIR_LIKELY(weir_cell_pass(&at.cell->left, 1)) ? 0 : channel_sample(channel, at.cell);
}

/* A word of a slot, over all threads. */
static uint64_t channel_sum(const struct wi_slot *slot, unsigned word, bool has_cells)
{
    /* It is loaded in each pass: between two a new thread may start, and receive what others send. Pairs with wi_shard_claim. */
    uint32_t n_shards = has_cells ? wi_load_acquire(&wi_index.n_shards) : 0;
    uint32_t id = weir_slot_id(&slot->head) & ~WEIR_ID_SHARED;
    /* These pair with the hooks that count in shared words, and with weir_cell_add of the inline hooks: a thread that
     * sees a receive sees its send. */
    uint64_t sum =
        wi_load_acquire(word & 1U ? &slot->out.shared[word >> 1] : &slot->in.shared[word >> 1]);
    for (uint32_t s = 0; s < n_shards; s++) {
        const struct weir_cell *cell = wi_index_cell(&wi_index.shards[s], id);
        sum += cell ? wi_load_acquire(&cell->u.word[word]) : 0;
    }
    return sum;
}

/* All that has left, in the channel's unit; and all that has entered. Discarded bytes and those taken back are among the
 * bytes out, too. */
static uint64_t channel_left(const struct wi_slot *slot, bool is_bytes, bool has_cells)
{
    if (is_bytes) {
        return channel_sum(slot, WEIR_WORD_BYTES_OUT, has_cells);
    }
    /* These pair with channel_unsend and weir_channel_discard. */
    uint64_t left = wi_load_acquire(&slot->in.other);
    for (int i = 0; i < 3; i++) {
        left += wi_load_acquire(&slot->out.discarded[i]);
    }
    return left + channel_sum(slot, WEIR_WORD_RECEIVED, has_cells);
}

static uint64_t channel_entered(const struct wi_slot *slot, bool is_bytes, bool has_cells)
{
    return channel_sum(slot, is_bytes ? WEIR_WORD_BYTES_IN : WEIR_WORD_SENT, has_cells);
}

/* Raises the mark to a depth that there was. */
static void channel_raise(struct wi_slot *slot, uint64_t mark, uint64_t depth)
{
    while (depth > mark && !wi_try_replace_relaxed(&slot->out.other, &mark, depth)) {
    }
}

/* Raises the mark to a depth that the queue really had. Messages that left before the check make
 * the depth too high by those that came and went meanwhile, so it is only a candidate. Messages
 * that left after the check make it at most too low. */
static void channel_mark(struct wi_slot *slot, bool has_cells)
{
    bool is_bytes = wi_load_relaxed(&slot->head.flags) & WI_SLOT_BYTES;
    uint64_t mark = wi_load_relaxed(&slot->out.other);
    uint64_t left = channel_left(slot, is_bytes, has_cells);
    uint64_t entered = channel_entered(slot, is_bytes, has_cells);
    if (entered <= left || entered - left <= mark) {
        return;
    }
    left = channel_left(slot, is_bytes, has_cells);
    channel_raise(slot, mark, entered > left ? entered - left : 0);
}

/*
 * How many receives to pass before the next check: 16, or a sixteenth of the mark; more if checks
 * come so close together that they take over a hundredth of the thread's time. The check itself
 * costs little, but it moves the cache lines of all counting threads to this one, and they move
 * back.
 */
static uint32_t channel_pause(uint64_t mark, uint32_t before, uint32_t since, uint32_t cost)
{
    uint64_t least = mark >> CHANNEL_CHECK_SHIFT;
    least = least > CHANNEL_CHECK_LEAST ? least : CHANNEL_CHECK_LEAST;
    least = least < CHANNEL_CHECK_MOST ? least : CHANNEL_CHECK_MOST;
    uint64_t pause = before;
    if (since < CHANNEL_CHECK_SHARE * (uint64_t)cost) {
        pause = 2 * pause < CHANNEL_CHECK_MOST ? 2 * pause : CHANNEL_CHECK_MOST;
    } else if (since > 2 * CHANNEL_CHECK_SHARE * (uint64_t)cost) {
        pause /= 2;
    }
    return (uint32_t)(pause > least ? pause : least);
}

/* Depth falls only by receives, so its peak is visible just before one: every K-th receive checks
 * first. */
void weir_channel_check_slow(struct weir_channel *channel, struct weir_cell *cell)
{
    if (!wi_segment_counts()) {
        return;
    }
    if (wi_segment_is_family()) { /* no process of it can find the cells of all */
        wi_store_relaxed(&cell->u.channel.check, UINT32_MAX);
        return;
    }
    struct wi_slot *slot = channel_slot(channel);
    uint32_t begin = (uint32_t)weir_ticks();
    channel_mark(slot, true);
    uint32_t end = (uint32_t)weir_ticks();
    uint32_t pause = channel_pause(wi_load_relaxed(&slot->out.other), cell->u.channel.pause,
                                   begin - cell->u.channel.looked, end - begin);
    wi_store_relaxed(&cell->u.channel.pause, pause);
    wi_store_relaxed(&cell->u.channel.looked, end);
    wi_store_relaxed(&cell->u.channel.check, pause - 1);
}

static CHANNEL_APART void channel_waited(struct weir_channel *channel, weir_ticket ticket)
{
    weir_wait_slow(&channel->head, NULL, 0, ticket, weir_ticks());
}

/* Where the shared words are all that there is, each receive checks: that is cheap. */
static void channel_mark_shared(struct weir_channel *channel)
{
    if ((weir_slot_id(&channel->head) & WEIR_ID_SHARED) || !wi_segment_counts()) {
        channel_mark(channel_slot(channel), false);
    }
}

static CHANNEL_APART void channel_receive_shared(struct weir_channel *channel, weir_ticket ticket,
                                                 uint64_t n, uint64_t bytes)
{
    if (!channel_may_count(channel)) {
        return;
    }
    struct wi_slot *slot = channel_slot(channel);
    channel_mark_shared(channel);
    /* These pair with channel_left, and with pass_leaving_slot of readers. */
    wi_add_release(wi_slot_word(slot, WEIR_WORD_RECEIVED), n);
    wi_add_release(wi_slot_word(slot, WEIR_WORD_BYTES_OUT), bytes);
    if (ticket) {
        channel_waited(channel, ticket);
    }
}

static CHANNEL_APART void channel_receive_on_cpu(struct weir_channel *channel, weir_ticket ticket,
                                                 uint64_t n, uint64_t bytes)
{
    struct wi_cpu_cell at;
    if (!wi_cpu_reach(&channel->head, &at)) {
        channel_receive_shared(channel, ticket, n, bytes);
        return;
    }
    if (!weir_cell_pass(&at.cell->u.channel.check, n)) {
        weir_channel_check_slow(channel, at.cell);
    }
    wi_cpu_add(&channel->head, WEIR_WORD_RECEIVED, n);
    wi_cpu_add(&channel->head, WEIR_WORD_BYTES_OUT, bytes);
    if (ticket) {
        channel_waited(channel, ticket);
    }
}

/* Counts messages out in a cell that is not the thread's own. */
static inline void channel_receive_elsewhere(struct weir_channel *channel, weir_ticket ticket,
                                             uint64_t n, uint64_t bytes)
{
    if (wi_cpu_is_any()) {
        channel_receive_on_cpu(channel, ticket, n, bytes);
    } else {
        channel_receive_shared(channel, ticket, n, bytes);
    }
}

static CHANNEL_APART void channel_receive_apart(struct weir_channel *channel, weir_ticket ticket,
                                                size_t bytes)
{
    if (wi_thread_touch(&channel->head)) {
        weir_channel_receive(channel, ticket, bytes);
    } else {
        channel_receive_elsewhere(channel, ticket, 1, bytes);
    }
}

/* The message is counted, and its bytes are not. */
static CHANNEL_APART void channel_receive_bytes(struct weir_channel *channel, weir_ticket ticket,
                                                size_t bytes)
{
    wi_cpu_add(&channel->head, WEIR_WORD_BYTES_OUT, bytes);
    if (ticket) {
        channel_waited(channel, ticket);
    }
}

void weir_channel_receive_slow(struct weir_channel *channel, weir_ticket ticket, size_t bytes)
{
    struct wi_cpu_cell at;
    if (!wi_cpu_find(&channel->head, &at) || WEIR_UNLIKELY(!at.cell->u.channel.check) ||
        !wi_cpu_try(&at, WEIR_WORD_RECEIVED, 1)) {
        channel_receive_apart(channel, ticket, bytes);
    } else if (!wi_cpu_try(&at, WEIR_WORD_BYTES_OUT, bytes)) {
        channel_receive_bytes(channel, ticket, bytes);
    } else {
        /* Other threads of this processor count it down, too: it stays at 0 until the next check. */
        (void)weir_cell_pass(&at.cell->u.channel.check, 1);
        wi_cpu_leave(&at);
        if (WEIR_UNLIKELY(ticket != 0)) {
            channel_waited(channel, ticket);
        }
    }
}

/* ---- batches ------------------------------------------------------------------------------------ */

/* Whether a batch counts: it has messages, and no number is negative by mistake, which is told. */
static bool channel_takes(uint64_t n, uint64_t bytes)
{
    bool is_possible = (n | bytes) >> 63 == 0;
    if (!is_possible) {
        channel_refuse_call();
    }
    return is_possible && n > 0;
}

weir_ticket weir_channel_send_n_slow(struct weir_channel *channel, uint64_t n, uint64_t bytes)
{
    struct wi_cpu_cell at;
    if (!channel_takes(n, bytes)) {
        return 0;
    }
    if (wi_thread_touch(&channel->head)) {
        return weir_channel_send_n(channel, n, bytes);
    }
    if (wi_cpu_reach(&channel->head, &at)) {
        wi_cpu_add(&channel->head, WEIR_WORD_SENT, n);
        wi_cpu_add(&channel->head, WEIR_WORD_BYTES_IN, bytes);
        return weir_sample_n(&channel->head, at.cell, n);
    }
    return channel_send_shared(channel, n, bytes);
}

void weir_channel_receive_n_slow(struct weir_channel *channel, weir_ticket ticket, uint64_t n,
                                 uint64_t bytes)
{
    if (!channel_takes(n, bytes)) {
        return;
    }
    if (wi_thread_touch(&channel->head)) {
        weir_channel_receive_n(channel, ticket, n, bytes);
    } else {
        channel_receive_elsewhere(channel, ticket, n, bytes);
    }
}

/* ---- bytes -------------------------------------------------------------------------------------- */

static CHANNEL_APART void channel_bytes_shared(struct weir_channel *channel, uint64_t in,
                                               uint64_t out)
{
    if (!channel_may_count(channel)) {
        return;
    }
    struct wi_slot *slot = channel_slot(channel);
    /* These pair with channel_sum, and with pass_entering_slot and pass_leaving_slot of readers. */
    wi_add_release(wi_slot_word(slot, WEIR_WORD_BYTES_IN), in);
    if (out > 0) {
        channel_mark_shared(channel);
        wi_add_release(wi_slot_word(slot, WEIR_WORD_BYTES_OUT), out);
    }
}

void weir_channel_bytes_slow(struct weir_channel *channel, uint64_t in, uint64_t out)
{
    struct wi_cpu_cell at;
    if ((in | out) >> 63) {
        channel_refuse_call();
    } else if (wi_thread_touch(&channel->head)) {
        weir_channel_bytes(channel, in, out);
    } else if (wi_cpu_reach(&channel->head, &at)) {
        wi_cpu_add(&channel->head, WEIR_WORD_BYTES_IN, in);
        if (!weir_cell_pass(&at.cell->u.channel.check, out)) {
            weir_channel_check_slow(channel, at.cell);
        }
        wi_cpu_add(&channel->head, WEIR_WORD_BYTES_OUT, out);
    } else {
        channel_bytes_shared(channel, in, out);
    }
}

/* ---- observed ----------------------------------------------------------------------------------- */

/* The first call makes a channel an observed one, unless it has counted. No thread has cells of it from then on, so
 * hooks that count take the slow path, which refuses them. A thread that counts at this very moment may still
 * do so: readers leave it out. */
bool wi_channel_begin_observing(struct weir_channel *channel, uint8_t flags)
{
    struct wi_slot *slot = channel_slot(channel);
    uint64_t counted = 0;
    for (unsigned word = WEIR_WORD_SENT; word <= WEIR_WORD_BYTES_OUT; word++) {
        counted |= channel_sum(slot, word, wi_segment_counts());
    }
    if (counted) {
        wi_channel_refuse_mixing();
        return false;
    }
    wi_store_relaxed(&channel->head.flags,
                     (uint8_t)(wi_load_relaxed(&channel->head.flags) | WI_SLOT_OBSERVED | flags));
    wi_store_relaxed(&channel->head.id, weir_slot_id(&channel->head) | WEIR_ID_SHARED);
    return true;
}

/* The objects of a channel are its depth, and nothing else is. */
static CHANNEL_APART bool channel_may_observe(struct weir_channel *channel)
{
    if (channel_is(channel, WI_SLOT_OBJECTS)) {
        wi_channel_refuse_mixing();
        return false;
    }
    return wi_channel_begin_observing(channel, 0);
}

void weir_channel_observe(struct weir_channel *channel, uint64_t depth, uint64_t bytes)
{
    if (!channel || !wi_slot_counts()) {
        return;
    }
    if (WEIR_UNLIKELY((depth | bytes) >> 63)) {
        channel_refuse_call();
        return;
    }
    uint8_t flags = wi_load_relaxed(&channel->head.flags);
    if (WEIR_UNLIKELY((flags & (WI_SLOT_OBSERVED | WI_SLOT_OBJECTS)) != WI_SLOT_OBSERVED) &&
        !channel_may_observe(channel)) {
        return;
    }
    struct wi_slot *slot = channel_slot(channel);
    uint64_t mark = wi_load_relaxed(&slot->out.other);
    wi_store_relaxed(wi_slot_word(slot, WI_WORD_DEPTH), depth);
    wi_store_relaxed(wi_slot_word(slot, WI_WORD_BYTES), bytes);
    if (WEIR_UNLIKELY(depth > mark)) {
        channel_raise(slot, mark, depth);
    }
}

/* ---- refusals ----------------------------------------------------------------------------------- */

static unsigned channel_reason(enum weir_reject why)
{
    return (unsigned)why <= WEIR_REJECT_SHED ? (unsigned)why : WEIR_REJECT_FULL;
}

void weir_channel_reject(struct weir_channel *channel, enum weir_reject why)
{
    if (channel && wi_slot_counts()) {
        wi_add_relaxed(&channel_slot(channel)->in.rejects[channel_reason(why)], 1);
    }
}

static void channel_unsend(struct weir_channel *channel, uint64_t n, uint64_t bytes,
                           enum weir_reject why)
{
    if (channel && channel_may_count(channel)) {
        struct wi_slot *slot = channel_slot(channel);
        /* These pair with channel_left, and with pass_entering_slot of readers. */
        wi_add_release(wi_slot_word(slot, WEIR_WORD_BYTES_OUT), bytes);
        wi_add_relaxed(&slot->in.rejects[channel_reason(why)], n);
        wi_add_release(&slot->in.other, channel_is(channel, WI_SLOT_BYTES) ? bytes : n);
    }
}

void weir_channel_unsend(struct weir_channel *channel, size_t bytes, enum weir_reject why)
{
    channel_unsend(channel, 1, bytes, why);
}

void weir_channel_unsend_n(struct weir_channel *channel, uint64_t n, uint64_t bytes,
                           enum weir_reject why)
{
    if (channel && channel_takes(n, bytes)) {
        channel_unsend(channel, n, bytes, why);
    }
}

void weir_channel_discard(struct weir_channel *channel, uint64_t messages, size_t bytes,
                          enum weir_discard why)
{
    if (channel && channel_may_count(channel)) {
        struct wi_slot *slot = channel_slot(channel);
        unsigned reason = (unsigned)why <= WEIR_DISCARD_EXPIRED ? (unsigned)why : 0;
        /* These pair with channel_left, and with pass_leaving_slot of readers. */
        wi_add_release(wi_slot_word(slot, WEIR_WORD_BYTES_OUT), bytes);
        wi_add_release(&slot->out.discarded[reason],
                       channel_is(channel, WI_SLOT_BYTES) ? bytes : messages);
    }
}
