/* SPDX-License-Identifier: MIT */
/*
 * Recordings: what is written is what is read, at any moment of it; what is cut, changed or made up is
 * read up to there and no further.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "record/format.h"
#include "record/reader.h"
#include "record/writer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define TEST_LOOKS   150
#define TEST_COLUMNS 5
#define SECOND       INT64_C(1000000000)

static char path[] = "/tmp/weir-record-XXXXXX";

/* What was written, look by look, as wc_frame_pack has it. */
static struct {
    uint8_t *bytes;
    size_t n;
} expected[TEST_LOOKS];

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

/* ---- looks -------------------------------------------------------------------------------- */

static Weir__V1__Value *value_new(int sort)
{
    Weir__V1__Value *value = wc_alloc(sizeof(*value));
    weir__v1__value__init(value);
    switch (sort) {
    case 0:
        value->value_case = WEIR__V1__VALUE__VALUE_U64;
        value->u64 = random_below(8) ? random_below(1000) : UINT64_MAX - random_below(3);
        break;
    case 1:
        value->value_case = WEIR__V1__VALUE__VALUE_F64;
        value->f64 = random_below(2) ? random_below(1000000) / 1e9 : random_below(1000) / 7.0;
        break;
    case 2:
        value->value_case = WEIR__V1__VALUE__VALUE_I64;
        value->i64 = (int64_t)random_below(100) - 50;
        break;
    case 3:
        value->value_case = WEIR__V1__VALUE__VALUE_TEXT;
        value->text = wc_copy(random_below(2) ? "open" : "");
        break;
    default:
        break; /* absent */
    }
    return value;
}

static Weir__V1__Histogram *histogram_new(uint32_t metric)
{
    Weir__V1__Histogram *histogram = wc_alloc(sizeof(*histogram));
    weir__v1__histogram__init(histogram);
    histogram->metric = metric;
    histogram->n_bounds = histogram->n_counts = 1 + random_below(4);
    histogram->bounds = wc_alloc(histogram->n_bounds * sizeof(uint64_t));
    histogram->counts = wc_alloc(histogram->n_counts * sizeof(uint64_t));
    for (size_t i = 0; i < histogram->n_bounds; i++) {
        histogram->bounds[i] = UINT64_C(1) << i;
        histogram->counts[i] = random_below(3);
    }
    return histogram;
}

static Weir__V1__Row *row_new(uint64_t id)
{
    char name[32];
    Weir__V1__Row *row = wc_alloc(sizeof(*row));
    weir__v1__row__init(row);
    row->id = id;
    /* Its name is now and then another. */
    snprintf(name, sizeof(name), "row%u%s", (unsigned)id, random_below(20) ? "" : "'");
    row->name = wc_copy(name);
    row->n_values = TEST_COLUMNS;
    row->values = wc_alloc(TEST_COLUMNS * sizeof(*row->values));
    for (int i = 0; i < TEST_COLUMNS; i++) {
        row->values[i] = value_new(random_below(10) ? i : (int)random_below(5));
    }
    row->n_histograms = random_below(3);
    row->histograms = wc_alloc(2 * sizeof(*row->histograms));
    for (size_t i = 0; i < row->n_histograms; i++) {
        row->histograms[i] = histogram_new((uint32_t)i);
    }
    return row;
}

static Weir__V1__Table *table_new(Weir__V1__Kind kind, size_t most)
{
    Weir__V1__Table *table = wc_alloc(sizeof(*table));
    weir__v1__table__init(table);
    table->kind = kind;
    table->columns = wc_alloc(TEST_COLUMNS * sizeof(*table->columns));
    table->n_columns = TEST_COLUMNS;
    for (uint32_t i = 0; i < TEST_COLUMNS; i++) {
        table->columns[i] = i;
    }
    table->rows = wc_alloc(most * sizeof(*table->rows));
    for (size_t i = 0; i < most; i++) {
        if (random_below(5)) {
            table->rows[table->n_rows++] = row_new((most - i) * 3);
        }
    }
    table->total = table->matching = (uint32_t)table->n_rows;
    return table;
}

static Weir__V1__Update *update_new(int look)
{
    Weir__V1__Update *update = wc_alloc(sizeof(*update));
    weir__v1__update__init(update);
    update->unix_nanos = INT64_C(1700000000) * SECOND + look * SECOND;
    update->read_nanos = 5 * SECOND + look * SECOND;
    update->state = wc_copy(look == TEST_LOOKS - 1 ? "dead" : "running");
    update->tables = wc_alloc(3 * sizeof(*update->tables));
    update->tables[update->n_tables++] = table_new(WEIR__V1__KIND__KIND_PROCESS, 1);
    update->tables[update->n_tables++] = table_new(WEIR__V1__KIND__KIND_CHANNEL, 12);
    if (look >= TEST_LOOKS / 2) {
        update->tables[update->n_tables++] = table_new(WEIR__V1__KIND__KIND_GAUGE, 3);
    }
    return update;
}

static Weir__V1__Update *update_copy(const Weir__V1__Update *from)
{
    size_t n = weir__v1__update__get_packed_size(from);
    uint8_t *bytes = wc_alloc(n);
    weir__v1__update__pack(from, bytes);
    Weir__V1__Update *copy = weir__v1__update__unpack(NULL, n, bytes);
    free(bytes);
    return copy;
}

/* ---- files -------------------------------------------------------------------------------- */

static struct wc_writer *writer_new(bool is_forced)
{
    struct wc_writer *writer = NULL;
    struct wc_error error = {0};
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    Weir__V1__Description description = WEIR__V1__DESCRIPTION__INIT;
    description.name = (char *)"game";
    description.pid = 4821;
    description.protocol = 1;
    opening.description = &description;
    opening.interval_millis = 1000;
    if (wc_writer_create(path, is_forced, &opening, &writer, &error) != WC_OK) {
        fail_msg("%s", error.text);
    }
    return writer;
}

/* A recording of random looks, which are expected from then on. */
static void record(int looks, bool is_closed)
{
    struct wc_error error = {0};
    struct wc_writer *writer = writer_new(true);
    for (int i = 0; i < looks; i++) {
        Weir__V1__Update *update = update_new(i);
        struct wc_frame frame;
        wc_frame_init(&frame);
        assert_true(wc_frame_set(&frame, update_copy(update)));
        free(expected[i].bytes);
        expected[i].bytes = wc_frame_pack(&frame, &expected[i].n);
        wc_frame_finish(&frame);
        assert_int_equal(wc_writer_look(writer, update, &error), WC_OK);
    }
    assert_int_equal(wc_writer_looks(writer), looks);
    if (is_closed) {
        assert_int_equal(wc_writer_close(writer, "as requested", &error), WC_OK);
    } else {
        uint64_t bytes = wc_writer_bytes(writer);
        assert_int_equal(wc_writer_close(writer, "", &error), WC_OK);
        assert_int_equal(truncate(path, (off_t)bytes), 0);
    }
}

static uint8_t *load(size_t *ret_n)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    uint8_t *bytes = wc_alloc((size_t)facts.st_size);
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, bytes, (size_t)facts.st_size), facts.st_size);
    close(fd);
    *ret_n = (size_t)facts.st_size;
    return bytes;
}

static void store(const uint8_t *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static bool is_as_written(const struct wc_frame *frame, size_t look)
{
    size_t n;
    uint8_t *bytes = wc_frame_pack(frame, &n);
    bool is_same = n == expected[look].n && memcmp(bytes, expected[look].bytes, n) == 0;
    free(bytes);
    return is_same;
}

/* Reads all looks, each of which must be as it was written; returns how many there are, -1: the file
 * cannot be opened. */
static int read_all(char *ret_notice, size_t room)
{
    struct wc_reader *reader = NULL;
    struct wc_error error = {0};
    struct wc_frame frame;
    uint64_t at = 0;
    int n = 0;
    if (wc_reader_open(path, &reader, &error) != WC_OK) {
        assert_int_equal(error.code, WC_MISMATCH);
        return -1;
    }
    wc_frame_init(&frame);
    bool has_look = wc_reader_seek(reader, 0, &frame, &at);
    while (has_look) {
        assert_int_equal(at, (uint64_t)n * (uint64_t)SECOND);
        assert_true(is_as_written(&frame, (size_t)n));
        n++;
        has_look = wc_reader_next(reader, &frame, &at);
    }
    snprintf(ret_notice, room, "%s", wc_reader_notice(reader));
    wc_frame_finish(&frame);
    wc_reader_close(reader);
    return n;
}

static void what_is_written_is_read(void **state)
{
    char notice[256];
    (void)state;
    record(TEST_LOOKS, true);
    assert_int_equal(read_all(notice, sizeof(notice)), TEST_LOOKS);
    assert_string_equal(notice, "");
}

static void any_moment_is_found(void **state)
{
    struct wc_reader *reader = NULL;
    struct wc_frame frame;
    uint64_t at;
    (void)state;
    record(TEST_LOOKS, true);
    assert_int_equal(wc_reader_open(path, &reader, NULL), WC_OK);
    assert_int_equal(wc_reader_length(reader), (TEST_LOOKS - 1) * SECOND);
    assert_int_equal(wc_reader_looks(reader), TEST_LOOKS);
    wc_frame_init(&frame);
    for (int i = 0; i < 400; i++) {
        uint32_t look = random_below(TEST_LOOKS);
        uint64_t within = random_below(2) ? 0 : (uint64_t)SECOND - 1;
        assert_true(wc_reader_seek(reader, look * (uint64_t)SECOND + within, &frame, &at));
        assert_int_equal(at, look * (uint64_t)SECOND);
        assert_true(is_as_written(&frame, look));
    }
    assert_true(wc_reader_seek(reader, UINT64_MAX, &frame, &at));
    assert_true(is_as_written(&frame, TEST_LOOKS - 1));
    assert_int_equal(wc_reader_peek(reader), UINT64_MAX);
    assert_false(wc_reader_next(reader, &frame, &at));
    wc_frame_finish(&frame);
    wc_reader_close(reader);
}

/* A file that is cut anywhere gives the looks before the cut, and says so. */
static void any_cut_is_told(void **state)
{
    char notice[256];
    size_t n;
    int before = -1;
    (void)state;
    record(8, true);
    uint8_t *bytes = load(&n);
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(truncate(path, 0), 0);
        store(bytes, cut);
        int looks = read_all(notice, sizeof(notice));
        assert_true(looks == before || looks == before + 1 || (before == -1 && looks == 1));
        assert_true(looks == -1 || strstr(notice, "the recording is cut"));
        before = looks;
    }
    assert_int_equal(before, 8);
    free(bytes);
}

/* Of a file with a changed byte no look is read that is not as it was written. */
static void any_changed_byte_is_found(void **state)
{
    char notice[256];
    size_t n;
    (void)state;
    record(8, true);
    uint8_t *bytes = load(&n);
    for (size_t i = 0; i < n; i++) {
        uint8_t by = (uint8_t)(1u << random_below(8));
        bytes[i] ^= by;
        store(bytes, n);
        int looks = read_all(notice, sizeof(notice));
        bool is_reserved = i >= 12 && i < WC_FILE_HEAD;
        assert_true(is_reserved ? looks == 8 : looks == -1 || notice[0] != '\0');
        assert_true(looks == -1 || looks <= 8);
        bytes[i] ^= by;
    }
    free(bytes);
}

static void one_without_a_closing_is_cut(void **state)
{
    char notice[256];
    (void)state;
    record(70, false);
    assert_int_equal(read_all(notice, sizeof(notice)), 70);
    assert_non_null(strstr(notice, "it ends after 0:01:09"));
}

static void a_file_that_exists_is_refused(void **state)
{
    struct wc_writer *writer = NULL;
    struct wc_error error = {0};
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    char notice[256];
    (void)state;
    record(3, true);
    assert_int_equal(wc_writer_create(path, false, &opening, &writer, &error), WC_USAGE);
    assert_non_null(strstr(error.text, "--force"));
    assert_int_equal(read_all(notice, sizeof(notice)), 3);

    struct wc_writer *first = writer_new(true);
    assert_int_equal(wc_writer_create(path, true, &opening, &writer, &error), WC_USAGE);
    assert_non_null(strstr(error.text, "another weir"));
    assert_int_equal(wc_writer_close(first, "", NULL), WC_OK);
    assert_int_equal(wc_writer_create("/dev/null", true, &opening, &writer, &error), WC_USAGE);
}

static void one_under_way_can_be_read(void **state)
{
    struct wc_reader *reader = NULL;
    (void)state;
    struct wc_writer *writer = writer_new(true);
    assert_int_equal(wc_writer_look(writer, update_new(0), NULL), WC_OK);
    assert_int_equal(wc_reader_open(path, &reader, NULL), WC_OK);
    assert_non_null(strstr(wc_reader_notice(reader), "still being recorded"));
    wc_reader_close(reader);
    assert_int_equal(wc_writer_close(writer, "", NULL), WC_OK);
}

/* A disk that is full: here a limit on the file's size. */
static void a_full_disk_loses_nothing(void **state)
{
    char notice[256];
    struct rlimit before, less;
    struct wc_error error = {0};
    int written = 0;
    (void)state;
    record(60, true);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    less = (struct rlimit){3000, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
    seed = 7;
    struct wc_writer *writer = writer_new(true);
    enum wc_status code = WC_OK;
    while (code == WC_OK && written < 60) {
        Weir__V1__Update *update = update_new(written);
        struct wc_frame frame;
        wc_frame_init(&frame);
        assert_true(wc_frame_set(&frame, update_copy(update)));
        free(expected[written].bytes);
        expected[written].bytes = wc_frame_pack(&frame, &expected[written].n);
        wc_frame_finish(&frame);
        code = wc_writer_look(writer, update, &error);
        written += code == WC_OK;
    }
    assert_int_equal(code, WC_INCOMPLETE);
    assert_non_null(strstr(error.text, "File too large"));
    assert_true(written > 3);
    (void)wc_writer_close(writer, "the disk is full", &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(read_all(notice, sizeof(notice)), written);
}

/* ---- files that are made up --------------------------------------------------------------- */

/* A file under construction. */
static struct {
    uint8_t bytes[1 << 20];
    size_t n;
    z_stream stream;
} made;

static void made_begin(void)
{
    memset(&made, 0, sizeof(made));
    wc_record_put_file_head(made.bytes);
    made.n = WC_FILE_HEAD;
    assert_int_equal(deflateInit2(&made.stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
}

/* Appends a record with a checksum that holds. `plain`: the length that its head tells; 0: the true one. */
static void made_bytes(enum wc_record_type type, uint64_t at, const uint8_t *bytes, size_t n,
                       uint32_t plain)
{
    uint8_t *record = made.bytes + made.n;
    bool is_single = type != WC_RECORD_KEY && type != WC_RECORD_STEP;
    if (type != WC_RECORD_STEP) {
        deflateReset(&made.stream);
    }
    made.stream.next_in = (Bytef *)(uintptr_t)bytes;
    made.stream.avail_in = (uInt)n;
    made.stream.next_out = record + WC_RECORD_HEAD;
    made.stream.avail_out = (uInt)(sizeof(made.bytes) - made.n - WC_RECORD_HEAD);
    deflate(&made.stream, is_single ? Z_FINISH : Z_SYNC_FLUSH);
    struct wc_record_head head = {.length =
                                      (uint32_t)(made.stream.next_out - record - WC_RECORD_HEAD),
                                  .plain = plain ? plain : (uint32_t)n,
                                  .type = type,
                                  .at = at};
    wc_record_put(&head, record);
    made.n += WC_RECORD_HEAD + head.length;
}

static void made_message(enum wc_record_type type, uint64_t at, const ProtobufCMessage *message)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = wc_alloc(n);
    protobuf_c_message_pack(message, bytes);
    made_bytes(type, at, bytes, n, 0);
    free(bytes);
}

static void made_opening(void)
{
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    Weir__V1__Description description = WEIR__V1__DESCRIPTION__INIT;
    opening.description = &description;
    made_message(WC_RECORD_OPENING, 0, &opening.base);
}

static void made_key(void)
{
    Weir__V1__Update *update = update_new(0);
    made_message(WC_RECORD_KEY, 0, &update->base);
    weir__v1__update__free_unpacked(update, NULL);
}

/* Stores it; how many looks can be read, -1: none. */
static int made_looks(void)
{
    struct wc_reader *reader = NULL;
    struct wc_frame frame;
    uint64_t at;
    int n = 0;
    deflateEnd(&made.stream);
    store(made.bytes, made.n);
    if (wc_reader_open(path, &reader, NULL) != WC_OK) {
        return -1;
    }
    wc_frame_init(&frame);
    for (bool has = wc_reader_seek(reader, 0, &frame, &at); has;
         has = wc_reader_next(reader, &frame, &at)) {
        n++;
    }
    wc_frame_finish(&frame);
    wc_reader_close(reader);
    return n;
}

static void looks_need_an_opening_and_a_key(void **state)
{
    Weir__V1__Step step = WEIR__V1__STEP__INIT;
    (void)state;
    made_begin();
    assert_int_equal(made_looks(), -1);
    made_begin();
    made_key();
    assert_int_equal(made_looks(), -1); /* no opening */
    made_begin();
    made_opening();
    assert_int_equal(made_looks(), -1); /* no look */
    made_begin();
    made_opening();
    made_message(WC_RECORD_STEP, 0, &step.base);
    made_key();
    assert_int_equal(made_looks(), -1); /* a step from nothing */
    made_begin();
    made_opening();
    made_key();
    made_message(WC_RECORD_STEP, 5, &step.base);
    made_message(WC_RECORD_STEP, 4, &step.base); /* back in time */
    assert_int_equal(made_looks(), 2);
}

static void lengths_that_lie_are_found(void **state)
{
    static uint8_t zeros[1 << 20];
    (void)state;
    made_begin();
    made_opening();
    made_key();
    made_bytes(WC_RECORD_STEP, 1, zeros, sizeof(zeros), 16); /* more than it says */
    assert_int_equal(made_looks(), 1);
    made_begin();
    made_opening();
    made_key();
    made_bytes(WC_RECORD_STEP, 1, zeros, 16, 17); /* less */
    assert_int_equal(made_looks(), 1);
    made_begin();
    made_opening();
    made_bytes(WC_RECORD_KEY, 0, zeros, 64, 0); /* no message */
    assert_int_equal(made_looks(), -1);
}

/* A key that holds nothing, between two good ones: to the left of it all can be read, and stays. */
static void damage_ends_what_is_before_it(void **state)
{
    static const uint8_t zeros[64];
    Weir__V1__Step step = WEIR__V1__STEP__INIT;
    struct wc_reader *reader = NULL;
    struct wc_frame frame;
    uint64_t at = 9;
    size_t n;
    (void)state;
    made_begin();
    made_opening();
    made_key();
    step.unix_nanos = 77;
    made_message(WC_RECORD_STEP, 1, &step.base);
    size_t damage = made.n;
    made_bytes(WC_RECORD_KEY, 2, zeros, sizeof(zeros), 0);
    Weir__V1__Update *update = update_new(1);
    made_message(WC_RECORD_KEY, 4, &update->base);
    weir__v1__update__free_unpacked(update, NULL);
    deflateEnd(&made.stream);
    store(made.bytes, made.n);

    assert_int_equal(wc_reader_open(path, &reader, NULL), WC_OK);
    wc_frame_init(&frame);
    assert_true(wc_reader_seek(reader, 4, &frame, &at)); /* nobody has come upon the damage yet */
    assert_int_equal(at, 4);
    assert_true(wc_reader_seek(reader, 2, &frame, &at));
    assert_int_equal(at, 1);
    assert_int_equal(frame.unix_nanos, 77);
    uint8_t *before = wc_frame_pack(&frame, &n);
    assert_int_equal(wc_reader_length(reader), 1);
    char notice[64];
    snprintf(notice, sizeof(notice), "damaged at byte %zu", damage);
    assert_non_null(strstr(wc_reader_notice(reader), notice));
    assert_true(wc_reader_seek(reader, UINT64_MAX, &frame, &at));
    assert_int_equal(at, 1);
    wc_reader_close(reader);

    assert_int_equal(wc_reader_open(path, &reader, NULL), WC_OK);
    assert_true(wc_reader_seek(reader, 0, &frame, &at));
    assert_true(wc_reader_next(reader, &frame, &at));
    assert_false(wc_reader_next(reader, &frame, &at));
    assert_int_equal(at, 1);
    size_t n_after;
    uint8_t *after = wc_frame_pack(&frame, &n_after);
    assert_int_equal(n_after, n);
    assert_memory_equal(after, before, n);
    free(after);
    free(before);
    wc_frame_finish(&frame);
    wc_reader_close(reader);
}

/* One change of the first channel's row: as it is told by `change`. */
static int looks_with(Weir__V1__Change *change, Weir__V1__Kind kind)
{
    Weir__V1__Step step = WEIR__V1__STEP__INIT;
    Weir__V1__TableChange table = WEIR__V1__TABLE_CHANGE__INIT;
    Weir__V1__TableChange *tables[] = {&table};
    Weir__V1__Change *changes[] = {change};
    step.tables = tables;
    step.n_tables = 1;
    table.kind = kind;
    table.changes = changes;
    table.n_changes = 1;
    made_begin();
    made_opening();
    seed = 1;
    made_key();
    made_message(WC_RECORD_STEP, 1, &step.base);
    return made_looks();
}

static uint64_t some_id(void)
{
    seed = 1;
    Weir__V1__Update *update = update_new(0);
    uint64_t id = update->tables[1]->rows[0]->id;
    weir__v1__update__free_unpacked(update, NULL);
    return id;
}

static void steps_that_do_not_fit_are_the_end(void **state)
{
    (void)state;
    uint64_t id = some_id();
    uint32_t places[] = {TEST_COLUMNS};
    int64_t moves[] = {INT64_MIN};
    Weir__V1__Value value = WEIR__V1__VALUE__INIT, *values[] = {&value};
    Weir__V1__Histogram histogram = WEIR__V1__HISTOGRAM__INIT, *histograms[] = {&histogram};
    uint64_t bounds[] = {1, 2};

    Weir__V1__Change good = WEIR__V1__CHANGE__INIT;
    good.id = id;
    assert_int_equal(looks_with(&good, WEIR__V1__KIND__KIND_CHANNEL), 2);
    assert_int_equal(looks_with(&good, WEIR__V1__KIND__KIND_LOOP), 1); /* no such table */
    assert_int_equal(looks_with(&good, (Weir__V1__Kind)1000), 2);      /* of a later weir */
    assert_int_equal(looks_with(&good, (Weir__V1__Kind)-1), 2);

    Weir__V1__Change change = good;
    change.id = 999999;
    assert_int_equal(looks_with(&change, WEIR__V1__KIND__KIND_CHANNEL), 1); /* no such row */
    change = good;
    change.places = places;
    change.n_places = 1;
    assert_int_equal(looks_with(&change, WEIR__V1__KIND__KIND_CHANNEL), 1); /* no value for it */
    change.values = values;
    change.n_values = 1;
    assert_int_equal(looks_with(&change, WEIR__V1__KIND__KIND_CHANNEL), 1); /* no such place */
    places[0] = TEST_COLUMNS - 1;
    assert_int_equal(looks_with(&change, WEIR__V1__KIND__KIND_CHANNEL), 2);
    change = good;
    change.moved = places;
    change.n_moved = 1;
    change.moves = moves;
    change.n_moves = 1;
    assert_int_equal(looks_with(&change, WEIR__V1__KIND__KIND_CHANNEL),
                     1); /* an absent one moves */
    change = good;
    change.histograms = histograms;
    change.n_histograms = 1;
    histogram.bounds = bounds;
    histogram.n_bounds = 2;
    assert_int_equal(looks_with(&change, WEIR__V1__KIND__KIND_CHANNEL),
                     1); /* bounds without counts */
}

/* Steps that add rows for ever: no more than a look may hold. */
static void a_look_has_an_end(void **state)
{
    enum { ROWS = 900, STEPS = 400 };
    Weir__V1__Step step = WEIR__V1__STEP__INIT;
    Weir__V1__TableChange table = WEIR__V1__TABLE_CHANGE__INIT, *tables[] = {&table};
    Weir__V1__Row rows[ROWS], *pointers[ROWS];
    struct rusage usage;
    (void)state;
    step.tables = tables;
    step.n_tables = 1;
    table.kind = WEIR__V1__KIND__KIND_CHANNEL;
    table.rows = pointers;
    table.n_rows = ROWS;
    made_begin();
    made_opening();
    made_key();
    for (int i = 0; i < STEPS; i++) {
        for (int k = 0; k < ROWS; k++) {
            weir__v1__row__init(&rows[k]);
            rows[k].id = 1000 + (uint64_t)(i * ROWS + k);
            rows[k].name = (char *)"a name that is a bit longer than most of the names are";
            pointers[k] = &rows[k];
        }
        if (made.n + 20000 < sizeof(made.bytes)) {
            made_message(WC_RECORD_STEP, 1, &step.base);
        }
    }
    int looks = made_looks();
    assert_true(looks > 10 && looks < 80);
    getrusage(RUSAGE_SELF, &usage);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    /* Their allocators keep what was freed. */
#else
    assert_true(usage.ru_maxrss < 256 << 10); /* kB */
#endif
}

static void make_file(void)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    seed = 42;
    make_file();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    snprintf(path, sizeof(path), "/tmp/weir-record-XXXXXX");
    for (size_t i = 0; i < TEST_LOOKS; i++) {
        free(expected[i].bytes);
        expected[i].bytes = NULL;
    }
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(any_moment_is_found),
        TEST(any_cut_is_told),
        TEST(any_changed_byte_is_found),
        TEST(one_without_a_closing_is_cut),
        TEST(a_file_that_exists_is_refused),
        TEST(one_under_way_can_be_read),
        TEST(a_full_disk_loses_nothing),
        TEST(looks_need_an_opening_and_a_key),
        TEST(lengths_that_lie_are_found),
        TEST(damage_ends_what_is_before_it),
        TEST(steps_that_do_not_fit_are_the_end),
        TEST(a_look_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
