/* SPDX-License-Identifier: MIT */
/* ctest: labels=slow */
/*
 * A reader trusts nothing: a segment with any byte changed, cut off anywhere, of another version or
 * no segment at all is read or refused with one line, and never crashes the reader.
 */
#include "child.h"
#include "segment/file.h"
#include "segment/layout.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One thread reads one file: with TSan a part of the bytes says as much, and takes a minute as it is. */
#if defined(__SANITIZE_THREAD__)
#define STEP 11
#else
#define STEP 1
#endif

static char dir[64];
static char path[256]; /* a copy that the tests may write to */
static unsigned char *good;
static size_t good_bytes;

/* Leaves a segment with something of everything in it. */
static void die_with_everything(const char *unused)
{
    (void)unused;
    struct weir_error error;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    for (int i = 0; i < 20; i++) {
        char name[100];
        snprintf(name, sizeof(name), "channel %d %s", i,
                 i % 2 ? "" : "with a name of more than 32 bytes");
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, i % 3 ? 100 : WEIR_UNBOUNDED);
        options.latency = i % 2 ? WEIR_LATENCY_FULL : WEIR_LATENCY_SAMPLED;
        options.label = i == 3 ? "client-7" : NULL;
        struct weir_channel *channel = weir_channel_open(&options);
        for (int k = 0; k < 10; k++) {
            weir_channel_receive(channel, weir_channel_send(channel, 8), 8);
            weir_channel_send(channel, 8);
        }
    }
    struct weir_semaphore_options semaphore = WEIR_SEMAPHORE_INIT("slots", 10);
    weir_semaphore_acquire(weir_semaphore_open(&semaphore), 3);
    struct weir_task_options task = WEIR_TASK_INIT("handler");
    struct weir_task_kind *kind = weir_task_kind_open(&task);
    weir_task_end(kind, weir_task_begin(kind, weir_task_spawn(kind)));
    struct weir_value_options value = WEIR_VALUE_INIT("backpressure_rejects");
    value.unit = "messages";
    value.help = "Messages that were refused.";
    value.capacity = 7;
    weir_counter_add(weir_counter_open(&value), 5);
    weir_gauge_set(weir_gauge_open(&value), -5);
    struct weir_channel_options channel = WEIR_CHANNEL_INIT("of senders", 10);
    struct weir_channel *moves = weir_channel_open(&channel);
    for (int i = 0; i < 3; i++) {
        struct weir_sender *sender = weir_sender_open(moves, i ? "a player" : NULL);
        weir_channel_send_from(moves, sender, 8);
        weir_sender_close(i == 1 ? sender : NULL);
    }
    struct weir_task single[3];
    for (int i = 0; i < 3; i++) {
        weir_task_open(&single[i], kind, i ? "a connection" : NULL);
        weir_task_poll(&single[i]);
        weir_task_waits_for_channel(&single[i], moves);
        weir_task_polled(&single[i]);
    }
    weir_task_close(&single[2], WEIR_OUTCOME_OK);
    struct weir_loop_options loop = WEIR_LOOP_INIT("network");
    struct weir_loop *network = weir_loop_open(&loop);
    weir_loop_begin(network);
    weir_loop_timer(network, 5000);
    weir_loop_end(network);
    raise(SIGKILL);
}

static void write_at(size_t offset, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, bytes, n, (off_t)offset) != (ssize_t)n) {
        fail_msg("cannot write the copy: %s", strerror(errno));
    }
    close(fd);
}

static int make_copy(void **state)
{
    (void)state;
    char original[256];
    child_dir_make(dir, sizeof(dir));
    if (child_run_in(dir, die_with_everything) != 128 + SIGKILL ||
        child_count(dir, ".weir", original, sizeof(original)) != 1) {
        return -1;
    }
    int fd = open(original, O_RDONLY | O_CLOEXEC);
    struct wi_header header;
    if (fd < 0 || pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        return -1;
    }
    good_bytes = header.used_bytes;
    good = malloc(good_bytes);
    if (!good || pread(fd, good, good_bytes, 0) != (ssize_t)good_bytes) {
        return -1;
    }
    close(fd);
    snprintf(path, sizeof(path), "%s/copy", dir);
    int copy = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(copy);
    write_at(0, good, good_bytes);
    return 0;
}

static int drop_copy(void **state)
{
    (void)state;
    free(good);
    child_dir_remove(dir);
    return 0;
}

/* Reads everything there is; whatever comes out, every text of it is looked at. */
static enum weir_status read_all(struct weir_error *ret_error)
{
    struct wi_process_view *view;
    ret_error->text[0] = '\0';
    enum weir_status status = wi_process_view_open_file(path, &view, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    status = wi_process_view_refresh(view, 1, ret_error);
    size_t seen =
        strlen(wi_process_view_facts(view)->name) + strlen(wi_process_view_facts(view)->program);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        for (size_t i = 0; i < wi_process_view_count(view, kind); i++) {
            const struct wi_row *row = wi_process_view_row(view, kind, i);
            seen += strlen(row->name);
            for (size_t m = 0; m < wi_metric_table(kind)->n_metrics; m++) {
                seen += row->value[m].type == WI_TEXT ? strlen(row->value[m].u.text) : 0;
            }
        }
    }
    wi_process_view_close(view);
    return seen < SIZE_MAX ? status : WEIR_E_MEMORY;
}

static void expect_answer(size_t offset)
{
    struct weir_error error;
    enum weir_status status = read_all(&error);
    bool is_fine = status == WEIR_OK || ((status == WEIR_E_CORRUPT || status == WEIR_E_VERSION) &&
                                         error.text[0] && !strchr(error.text, '\n'));
    if (!is_fine) {
        fail_msg("byte %zu: status %d, text <%s>", offset, status, error.text);
    }
}

/* Every byte that means something, or every n-th of them. */
static void change_every_byte(size_t step)
{
    static const unsigned char masks[] = {0x81, 0xff};
    /* The unused ends of the tables are zero and are not looked at. */
    size_t shards_end = WI_HEADER_BYTES + 4 * sizeof(struct wi_shard);
    const size_t slabs_at[] = {WI_SLABS_LINE * WEIR_LINE, WI_SENDERS_LINE * WEIR_LINE,
                               WI_TASK_INSTANCES_LINE * WEIR_LINE};
    size_t first = WI_FIRST_LINE * WEIR_LINE;
    for (size_t offset = 0; offset < good_bytes; offset += step) {
        if ((offset >= sizeof(struct wi_header) && offset < WI_HEADER_BYTES) ||
            (offset >= shards_end && offset < slabs_at[0]) ||
            (offset >= slabs_at[0] + 16 && offset < slabs_at[1]) ||
            (offset >= slabs_at[1] + 16 && offset < slabs_at[2]) ||
            (offset >= slabs_at[2] + 16 && offset < first) ||
            (offset > first + 28 * sizeof(struct wi_slot) && offset % 61 != 0 &&
             good[offset] == 0)) {
            continue;
        }
        for (size_t m = 0; m < sizeof(masks); m++) {
            unsigned char byte = good[offset] ^ masks[m];
            write_at(offset, &byte, 1);
            expect_answer(offset);
        }
        write_at(offset, &good[offset], 1);
    }
}

static void any_byte_may_be_wrong_in_a_dead_segment(void **state)
{
    (void)state;
    struct weir_error error;
    assert_int_equal(read_all(&error), WEIR_OK);
    change_every_byte(STEP);
}

/* Makes the copy one of a living process, this one. Returns the descriptor that holds its lock; what
 * the header was is in ret_dead. */
static int bring_to_life(struct wi_header *ret_dead)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    struct wi_header header;
    struct stat facts;
    memcpy(ret_dead, good, sizeof(*ret_dead));
    memcpy(&header, good, sizeof(header));
    header.pid = (uint32_t)getpid();
    header.start_ticks = wi_file_start_ticks(0);
    assert_int_equal(stat("/proc/self/ns/pid", &facts), 0);
    header.pid_namespace = facts.st_ino;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    memcpy(good, &header, sizeof(header));
    write_at(0, good, good_bytes);
    struct wi_found found;
    assert_int_equal(wi_find_one(path, &found), WEIR_OK);
    assert_int_equal(found.state, WI_STATE_RUNNING);
    return fd;
}

static void end_life(int fd, const struct wi_header *dead)
{
    memcpy(good, dead, sizeof(*dead));
    write_at(0, good, good_bytes);
    close(fd);
}

static void any_byte_may_be_wrong_in_a_living_one(void **state)
{
    (void)state;
    struct wi_header dead;
    int fd = bring_to_life(&dead);
    change_every_byte(5 * STEP);
    end_life(fd, &dead);
}

/* Where the totals of the i-th name lie. */
static size_t totals_at(size_t i)
{
    struct wi_header header;
    memcpy(&header, good, sizeof(header));
    return (size_t)header.retired_slabs[0] * WEIR_LINE +
           (WI_RETIRED_OTHERS + i) * sizeof(struct wi_retired);
}

/* Each of them in a dead file and in one of a living process; the log's place and length change nothing that a
 * reader looks at. */
static void totals_that_lie_outside_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t word;
    } changes[] = {
        {offsetof(struct wi_header, n_retired), WI_RETIRED_MAX + 1},
        {offsetof(struct wi_header, n_retired), UINT32_MAX},
        {offsetof(struct wi_header, retired_slabs), UINT32_MAX},
        {offsetof(struct wi_header, retired_slabs), 1},
    };
    struct weir_error error;
    for (size_t i = 0; i < 2 * sizeof(changes) / sizeof(changes[0]); i++) {
        struct wi_header dead;
        int fd = i % 2 ? bring_to_life(&dead) : -1;
        write_at(changes[i / 2].at, &changes[i / 2].word, sizeof(uint32_t));
        assert_int_equal(read_all(&error), WEIR_E_CORRUPT);
        assert_non_null(strstr(error.text, "totals"));
        if (fd >= 0) {
            end_life(fd, &dead);
        }
        write_at(0, good, good_bytes);
    }
}

/* The log is looked through once, wherever its numbers begin and end: SIGALRM ends a reader that does not come back. */
static void a_log_of_folds_may_have_any_number(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, WI_RETIRED_LOG, UINT64_MAX - 1, UINT64_MAX};
    struct weir_error error;
    for (size_t i = 0; i < 2 * sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct wi_header dead;
        int fd = i % 2 ? bring_to_life(&dead) : -1;
        write_at(offsetof(struct wi_header, n_folds), &numbers[i / 2], sizeof(numbers[0]));
        alarm(60);
        assert_int_equal(read_all(&error), WEIR_OK);
        alarm(0);
        if (fd >= 0) {
            end_life(fd, &dead);
        }
        write_at(0, good, good_bytes);
    }
}

/* What a segment says of contradictions is shown, as a text that harms no terminal, also where it has no end. */
static void a_place_of_a_contradiction_may_be_any_bytes(void **state)
{
    (void)state;
    uint64_t broken[8] = {3};
    memset(broken + 1, 'a', sizeof(broken) - sizeof(broken[0]));
    memcpy(broken + 1, "\x1b[2J\xff", 5);
    write_at(offsetof(struct wi_header, broken), broken, sizeof(broken));
    struct weir_error error;
    struct wi_process_view *view;
    assert_int_equal(wi_process_view_open_file(path, &view, &error), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 1, &error), WEIR_OK);
    const struct wi_row *row = wi_process_view_row(view, WI_AGENT, 0);
    assert_int_equal(row->value[WI_AGENT_BROKEN].u.u64, 3);
    const char *place = row->value[WI_AGENT_BROKEN_AT].u.text;
    assert_int_equal(strlen(place), sizeof(broken) - sizeof(broken[0]));
    assert_memory_equal(place, "?[2J?aaa", 8);
    wi_process_view_close(view);
    write_at(0, good, good_bytes);
}

/* Nothing is known of the second before: what was counted since the start is no rate. */
static void after_a_refused_reading_there_are_no_rates(void **state)
{
    (void)state;
    struct wi_header dead;
    struct wi_process_view *view;
    uint32_t too_many = WI_RETIRED_MAX + 1;
    uint64_t second = UINT64_C(1000000000);
    int fd = bring_to_life(&dead);
    uint32_t n_retired = ((const struct wi_header *)(const void *)good)->n_retired;
    assert_int_equal(wi_process_view_open_file(path, &view, NULL), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, second, NULL), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 2 * second, NULL), WEIR_OK);
    assert_int_equal(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_IN_RATE].type,
                     WI_F64);
    write_at(offsetof(struct wi_header, n_retired), &too_many, sizeof(too_many));
    assert_int_equal(wi_process_view_refresh(view, 3 * second, NULL), WEIR_E_CORRUPT);
    write_at(offsetof(struct wi_header, n_retired), &n_retired, sizeof(n_retired));
    assert_int_equal(wi_process_view_refresh(view, 4 * second, NULL), WEIR_OK);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 0);
    assert_true(row->value[WI_CHANNEL_SENT].u.u64 > 0);
    assert_int_equal(row->value[WI_CHANNEL_IN_RATE].type, WI_ABSENT);
    assert_int_equal(wi_process_view_refresh(view, 5 * second, NULL), WEIR_OK);
    row = wi_process_view_row(view, WI_CHANNEL, 0);
    assert_true(row->value[WI_CHANNEL_IN_RATE].type == WI_F64 &&
                row->value[WI_CHANNEL_IN_RATE].u.f64 == 0);
    wi_process_view_close(view);
    end_life(fd, &dead);
}

static void a_name_outside_a_living_one_is_empty(void **state)
{
    (void)state;
    struct wi_header dead;
    struct wi_process_view *view;
    uint32_t slab;
    uint32_t outside = UINT32_MAX / WI_STRING_UNIT;
    int fd = bring_to_life(&dead);
    memcpy(&slab, good + WI_SLABS_LINE * WEIR_LINE, sizeof(slab));
    size_t slot = (size_t)slab * WEIR_LINE + 3 * sizeof(struct wi_slot);
    write_at(slot + offsetof(struct weir_slot_head, name), &outside, sizeof(outside));
    size_t totals = totals_at(3);
    write_at(totals + offsetof(struct wi_retired, name), &outside, sizeof(outside));
    assert_int_equal(wi_process_view_open_file(path, &view, NULL), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 1, NULL), WEIR_OK);
    assert_string_equal(wi_process_view_row(view, WI_CHANNEL, 3)->name, "");
    wi_process_view_close(view);
    end_life(fd, &dead);
}

static void a_label_outside_is_none_of_a_living_one_and_refused_of_a_dead_one(void **state)
{
    (void)state;
    struct wi_header dead;
    struct wi_process_view *view;
    struct weir_error error;
    uint32_t slab;
    uint32_t outside = UINT32_MAX;
    memcpy(&slab, good + WI_SLABS_LINE * WEIR_LINE, sizeof(slab));
    size_t more = (size_t)slab * WEIR_LINE + 3 * sizeof(struct wi_slot) +
                  offsetof(struct weir_slot_head, more);
    int fd = bring_to_life(&dead);
    write_at(more, &outside, sizeof(outside));
    assert_int_equal(wi_process_view_open_file(path, &view, NULL), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 1, NULL), WEIR_OK);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 3);
    assert_string_equal(row->name, "channel 3 ");
    assert_int_equal(row->value[WI_CHANNEL_LABEL].type, WI_ABSENT);
    write_at(0, good, good_bytes); /* as a reading of a moment later has it */
    assert_int_equal(wi_process_view_refresh(view, 2, NULL), WEIR_OK);
    row = wi_process_view_row(view, WI_CHANNEL, 3);
    assert_string_equal(row->value[WI_CHANNEL_LABEL].u.text, "client-7");
    wi_process_view_close(view);
    end_life(fd, &dead);
    write_at(more, &outside, sizeof(outside));
    assert_int_equal(read_all(&error), WEIR_E_CORRUPT);
    assert_non_null(strstr(error.text, "texts of slot 3"));
    write_at(0, good, good_bytes);
}

/* The counter's slot: there are 20 channels, a semaphore and a task kind before it. */
static void a_unit_that_lies_outside_the_file_is_an_error(void **state)
{
    (void)state;
    struct weir_error error;
    uint32_t slab, line;
    uint32_t outside = UINT32_MAX;
    memcpy(&slab, good + WI_SLABS_LINE * WEIR_LINE, sizeof(slab));
    memcpy(&line,
           good + (size_t)slab * WEIR_LINE + 22 * sizeof(struct wi_slot) +
               offsetof(struct weir_slot_head, more),
           sizeof(line));
    assert_int_not_equal(line, 0);
    size_t unit = (size_t)line * WEIR_LINE + offsetof(struct wi_slot_more, unit);
    write_at(unit, &outside, sizeof(outside));
    assert_int_equal(read_all(&error), WEIR_E_CORRUPT);
    write_at(0, good, good_bytes);
    assert_int_equal(read_all(&error), WEIR_OK);
}

/* Else a small file would be a million rows. */
static void slabs_that_share_their_bytes_make_no_rows(void **state)
{
    (void)state;
    struct wi_header dead;
    struct wi_process_view *view;
    uint32_t counts[2] = {WI_MAX_SLABS, WI_MAX_SLOTS};
    static uint32_t slabs[WI_MAX_SLABS];
    for (size_t i = 0; i < WI_MAX_SLABS; i++) {
        memcpy(&slabs[i], good + WI_SLABS_LINE * WEIR_LINE, sizeof(slabs[i]));
    }
    int fd = bring_to_life(&dead);
    write_at(offsetof(struct wi_header, n_slabs), counts, sizeof(counts));
    write_at(WI_SLABS_LINE * WEIR_LINE, slabs, sizeof(slabs));
    assert_int_equal(wi_process_view_open_file(path, &view, NULL), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 1, NULL), WEIR_OK);
    assert_true(wi_process_view_count(view, WI_CHANNEL) <= good_bytes / sizeof(struct wi_slot));
    wi_process_view_close(view);
    end_life(fd, &dead);

    struct weir_error error;
    write_at(offsetof(struct wi_header, n_slabs), counts, sizeof(counts));
    write_at(WI_SLABS_LINE * WEIR_LINE, slabs, sizeof(slabs));
    assert_int_equal(read_all(&error), WEIR_E_CORRUPT);
    write_at(0, good, good_bytes);
}

/* The same for the tables of senders and single tasks. */
static void blocks_that_share_their_bytes_make_no_rows(void **state)
{
    (void)state;
    struct wi_process_view *view;
    for (int t = 0; t < WI_N_TABLES; t++) {
        struct wi_header dead;
        struct wi_header header;
        struct weir_error error;
        int fd = bring_to_life(&dead);
        memcpy(&header, good, sizeof(header));
        header.tables[t].n_slabs = header.tables[t].max_slabs;
        header.tables[t].n_blocks = header.tables[t].max_slabs * header.tables[t].slab_blocks;
        write_at(0, &header, sizeof(header));
        assert_int_equal(wi_process_view_open_file(path, &view, NULL), WEIR_OK);
        assert_int_equal(wi_process_view_refresh(view, 1, NULL), WEIR_OK);
        const struct wi_row *agent = wi_process_view_row(view, WI_AGENT, 0);
        assert_true(agent->value[WI_AGENT_MEMORY].u.u64 < 8 * good_bytes + (1 << 20));
        wi_process_view_close(view);
        end_life(fd, &dead);
        memcpy(&dead, good, sizeof(dead));
        dead.tables[t] = header.tables[t];
        write_at(0, &dead, sizeof(dead));
        assert_int_equal(read_all(&error), WEIR_E_CORRUPT);
        write_at(0, good, good_bytes);
    }
}

static void a_cut_off_segment_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < good_bytes; length += length < 8192 ? 512 : 4096) {
        struct weir_error error;
        assert_int_equal(truncate(path, (off_t)length), 0);
        if (read_all(&error) != WEIR_E_CORRUPT || !error.text[0]) {
            fail_msg("cut at %zu: <%s>", length, error.text);
        }
    }
    write_at(0, good, good_bytes);
}

static uint64_t is_done;

static void *keep_cutting(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_done, __ATOMIC_ACQUIRE)) {
        if (truncate(path, 4096) != 0) {
            break;
        }
        write_at(0, good, good_bytes);
    }
    return NULL;
}

static void a_segment_may_be_cut_off_while_it_is_read(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_cutting, NULL), 0);
    for (int i = 0; i < 500; i++) {
        expect_answer(0);
    }
    __atomic_store_n(&is_done, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    write_at(0, good, good_bytes);
}

static void what_is_no_segment_is_said_to_be_none(void **state)
{
    (void)state;
    struct weir_error error;
    struct wi_process_view *view;
    uint32_t layout = WI_LAYOUT_VERSION + 1;
    write_at(offsetof(struct wi_header, layout), &layout, sizeof(layout));
    assert_int_equal(read_all(&error), WEIR_E_VERSION);
    assert_non_null(strstr(error.text, "version 3"));
    write_at(0, good, sizeof(struct wi_header));
    assert_int_equal(wi_process_view_open_file("/etc/passwd", &view, &error), WEIR_E_CORRUPT);
    assert_int_equal(wi_process_view_open_file("/dev/zero", &view, &error), WEIR_E_CORRUPT);
    assert_int_equal(wi_process_view_open_file("/dev/shm", &view, &error), WEIR_E_CORRUPT);
    assert_int_equal(wi_process_view_open_file("/nowhere", &view, &error), WEIR_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_byte_may_be_wrong_in_a_dead_segment),
        cmocka_unit_test(any_byte_may_be_wrong_in_a_living_one),
        cmocka_unit_test(totals_that_lie_outside_are_refused),
        cmocka_unit_test(a_log_of_folds_may_have_any_number),
        cmocka_unit_test(a_place_of_a_contradiction_may_be_any_bytes),
        cmocka_unit_test(a_name_outside_a_living_one_is_empty),
        cmocka_unit_test(after_a_refused_reading_there_are_no_rates),
        cmocka_unit_test(a_label_outside_is_none_of_a_living_one_and_refused_of_a_dead_one),
        cmocka_unit_test(a_unit_that_lies_outside_the_file_is_an_error),
        cmocka_unit_test(slabs_that_share_their_bytes_make_no_rows),
        cmocka_unit_test(blocks_that_share_their_bytes_make_no_rows),
        cmocka_unit_test(a_cut_off_segment_is_refused),
        cmocka_unit_test(a_segment_may_be_cut_off_while_it_is_read),
        cmocka_unit_test(what_is_no_segment_is_said_to_be_none),
    };
    return cmocka_run_group_tests(tests, make_copy, drop_copy);
}
