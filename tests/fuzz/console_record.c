/* SPDX-License-Identifier: MIT */
/* ctest: own-program */
/*
 * A recording that nobody may trust, as a file of any bytes or as records whose checksums hold: all its
 * looks, forwards and sought; steps made of them; and every answer of a player. fuzz: max_len=4096
 */
#include "fuzz.h"
#include "link/link.h"
#include "record/format.h"
#include "record/reader.h"
#include "weir/kind.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOOKS   24 /* that are gone through, of one input */
#define STORED  5  /* bytes before what is deflated as it is */
#define RECORDS 64

static struct {
    int fd;
    char path[64];
    uint8_t bytes[1 << 16];
    size_t n;
} file;

void fuzz_begin(void)
{
    file.fd = memfd_create("recording", MFD_CLOEXEC);
    FUZZ_CHECK(file.fd >= 0);
    snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
}

/* ---- the file --------------------------------------------------------------------------------- */

/* A record with a checksum that holds. `is_packed`: the bytes are deflated already, or so they say. */
static void file_record(uint32_t type, uint64_t at, const uint8_t *bytes, size_t n, bool is_packed,
                        uint32_t plain)
{
    uint8_t *record = file.bytes + file.n, *to = record + WC_RECORD_HEAD;
    bool is_last = type != WC_RECORD_KEY && type != WC_RECORD_STEP;
    struct wc_record_head head = {.type = type, .at = at, .plain = (uint32_t)n};
    if (file.n + WC_RECORD_HEAD + STORED + n > sizeof(file.bytes)) {
        return;
    }
    if (is_packed) {
        head.plain = plain;
    } else {
        const uint8_t stored[STORED] = {is_last, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n,
                                        (uint8_t)(~n >> 8)};
        memcpy(to, stored, STORED);
        to += STORED;
    }
    memcpy(to, bytes, n);
    head.length = (uint32_t)(to + n - record - WC_RECORD_HEAD);
    wc_record_put(&head, record);
    file.n += WC_RECORD_HEAD + head.length;
}

static void file_message(uint32_t type, uint64_t at, const ProtobufCMessage *message)
{
    uint8_t bytes[4096];
    FUZZ_CHECK(protobuf_c_message_get_packed_size(message) <= sizeof(bytes));
    size_t n = protobuf_c_message_pack(message, bytes);
    file_record(type, at, bytes, n, false, 0);
}

static void file_opening(void)
{
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    Weir__V1__Description description = WEIR__V1__DESCRIPTION__INIT;
    Weir__V1__Metric depth = WEIR__V1__METRIC__INIT, name = WEIR__V1__METRIC__INIT;
    Weir__V1__Metric *metrics[] = {&depth, &name};
    depth.kind = WEIR__V1__KIND__KIND_CHANNEL;
    depth.field = (char *)"depth";
    name.kind = WEIR__V1__KIND__KIND_SENDER;
    name.field = (char *)"channel";
    description.name = (char *)"game";
    description.metrics = metrics;
    description.n_metrics = 2;
    opening.description = &description;
    opening.interval_millis = 1000;
    file_message(WC_RECORD_OPENING, 0, &opening.base);
}

/* How the input tells a record: type and whether its bytes are packed, time since the one before, length. */
static void file_records(struct fuzz_input *input)
{
    uint64_t at = 0;
    for (int i = 0; i < RECORDS && input->left > 0; i++) {
        uint8_t kind = fuzz_u8(input);
        bool is_packed = kind & 0x80;
        uint32_t plain = is_packed ? fuzz_u16(input) : 0;
        at += (uint64_t)fuzz_u8(input) * UINT64_C(100000000);
        size_t n;
        const uint8_t *bytes = fuzz_bytes(input, fuzz_u16(input), &n);
        file_record(kind % 5 + 1, at, bytes, n, is_packed, plain);
    }
}

static void file_make(const uint8_t *bytes, size_t n)
{
    struct fuzz_input input = {bytes, n};
    uint8_t mode = fuzz_u8(&input);
    if (mode % 3 == 0) {
        memcpy(file.bytes, input.at, input.left);
        file.n = input.left;
    } else {
        wc_record_put_file_head(file.bytes);
        file.n = WC_FILE_HEAD;
        if (mode % 3 == 1) {
            file_opening();
        }
        file_records(&input);
    }
    FUZZ_CHECK(ftruncate(file.fd, (off_t)file.n) == 0);
}

/* In place of the kernel's, which would take most of the time: the reader's only way to the bytes. */
ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    (void)fd;
    if ((size_t)at >= file.n) {
        return 0;
    }
    n = n < file.n - (size_t)at ? n : file.n - (size_t)at;
    memcpy(bytes, file.bytes + at, n);
    return (ssize_t)n;
}

/* ---- looks ------------------------------------------------------------------------------------ */

static void check_frame(const struct wc_frame *frame)
{
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        const struct wc_frame_table *table = &frame->tables[kind];
        for (size_t i = 0; i < table->n_rows; i++) {
            const Weir__V1__Row *row = table->rows[i];
            FUZZ_CHECK(i == 0 || table->rows[i - 1]->id < row->id);
            FUZZ_CHECK(row->n_values <= table->n_columns);
            FUZZ_CHECK(wc_frame_row(table, row->id) == row);
            for (size_t k = 0; k < row->n_histograms; k++) {
                FUZZ_CHECK(row->histograms[k]->n_bounds == row->histograms[k]->n_counts);
            }
        }
    }
}

static bool is_same(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b)
{
    return n_a == n_b && memcmp(a, b, n_a) == 0;
}

static bool row_is_known(const Weir__V1__Row *row)
{
    bool is_known = row->base.n_unknown_fields == 0;
    for (size_t i = 0; i < row->n_values; i++) {
        is_known &= row->values[i]->base.n_unknown_fields == 0;
    }
    for (size_t i = 0; i < row->n_histograms; i++) {
        is_known &= row->histograms[i]->base.n_unknown_fields == 0;
    }
    return is_known;
}

/* Of what a later weir may say of a row a step tells nothing. */
static bool frame_is_known(const struct wc_frame *frame)
{
    bool is_known = true;
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        for (size_t i = 0; i < frame->tables[kind].n_rows; i++) {
            is_known &= row_is_known(frame->tables[kind].rows[i]);
        }
    }
    return is_known;
}

/* The step from the look before to this one, applied to the one before, is this one. */
static void check_step(const uint8_t *before, size_t n_before, const struct wc_frame *frame,
                       const uint8_t *packed, size_t n_packed)
{
    struct wc_frame old;
    size_t n;
    wc_frame_init(&old);
    Weir__V1__Update *update = weir__v1__update__unpack(NULL, n_before, before);
    FUZZ_CHECK(update && wc_frame_set(&old, update));
    if (wc_frame_is_like(&old, frame) && frame_is_known(&old) && frame_is_known(frame)) {
        uint8_t *bytes = wc_frame_step(&old, frame, &n);
        Weir__V1__Step *step = weir__v1__step__unpack(NULL, n, bytes);
        free(bytes);
        FUZZ_CHECK(step && wc_frame_apply(&old, step));
        bytes = wc_frame_pack(&old, &n);
        FUZZ_CHECK(is_same(bytes, n, packed, n_packed));
        free(bytes);
    }
    wc_frame_finish(&old);
}

struct look {
    uint64_t at;
    uint8_t *bytes;
    size_t n;
};

/* Every look that was read is found again; of several at one moment the last. */
static void check_seeks(struct wc_reader *reader, const struct look *looks, size_t n_looks,
                        struct wc_frame *frame)
{
    for (size_t i = n_looks; i-- > 0;) {
        uint64_t at;
        size_t n;
        if (i + 1 == n_looks ? wc_reader_peek(reader) <= looks[i].at
                             : looks[i + 1].at == looks[i].at) {
            continue;
        }
        FUZZ_CHECK(wc_reader_seek(reader, looks[i].at, frame, &at));
        FUZZ_CHECK(at == looks[i].at);
        uint8_t *bytes = wc_frame_pack(frame, &n);
        FUZZ_CHECK(is_same(bytes, n, looks[i].bytes, looks[i].n));
        free(bytes);
    }
}

static void read_all(struct wc_reader *reader)
{
    struct look looks[LOOKS];
    struct wc_frame frame;
    size_t n = 0;
    uint64_t at = 0;
    wc_frame_init(&frame);
    /* A reader that could be opened has a first look. */
    FUZZ_CHECK(wc_reader_seek(reader, 0, &frame, &at));
    bool has_look = true;
    while (has_look && n < LOOKS) {
        FUZZ_CHECK(at <= wc_reader_length(reader) && (n == 0 || looks[n - 1].at <= at));
        check_frame(&frame);
        looks[n].at = at;
        looks[n].bytes = wc_frame_pack(&frame, &looks[n].n);
        if (n > 0) {
            check_step(looks[n - 1].bytes, looks[n - 1].n, &frame, looks[n].bytes, looks[n].n);
        }
        n++;
        has_look = n < LOOKS && wc_reader_next(reader, &frame, &at);
    }
    check_seeks(reader, looks, n, &frame);
    for (size_t i = 0; i < n; i++) {
        free(looks[i].bytes);
    }
    for (size_t i = 0; i < wc_reader_n_series(reader) && i < LOOKS; i++) {
        Weir__V1__Series *series = wc_reader_series(reader, i);
        if (series) {
            weir__v1__series__free_unpacked(series, NULL);
        }
    }
    wc_frame_finish(&frame);
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void check_update(Weir__V1__Update *taken_update, size_t n_tables)
{
    FUZZ_CHECK(taken_update && taken_update->n_tables <= n_tables);
    for (size_t i = 0; i < taken_update->n_tables; i++) {
        const Weir__V1__Table *table = taken_update->tables[i];
        FUZZ_CHECK(table->matching >= table->n_rows);
        for (size_t k = 0; k < table->n_rows; k++) {
            FUZZ_CHECK(table->rows[k]->n_values == table->n_columns);
        }
    }
    weir__v1__update__free_unpacked(taken_update, NULL);
}

/* Reads all that there is now. */
static size_t take_all(struct wc_link *link, size_t n_tables)
{
    Weir__V1__Update *update;
    Weir__V1__Lines *lines;
    Weir__V1__Series *series;
    size_t n = 0, before;
    do {
        before = n;
        FUZZ_CHECK(wc_link_step(link, NULL) == WC_OK);
        for (; (update = wc_link_take_update(link)) != NULL; n++) {
            check_update(update, n_tables);
        }
        for (; (lines = wc_link_take_lines(link)) != NULL; n++) {
            weir__v1__lines__free_unpacked(lines, NULL);
        }
        for (; (series = wc_link_take_series(link)) != NULL; n++) {
            weir__v1__series__free_unpacked(series, NULL);
        }
    } while (n > before);
    return n;
}

static void ask_watch(struct wc_link *link)
{
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    Weir__V1__Query all = WEIR__V1__QUERY__INIT, some = WEIR__V1__QUERY__INIT;
    Weir__V1__Query *queries[] = {&all, &some};
    uint32_t columns[] = {1, 0, 3};
    request.queries = queries;
    request.n_queries = 2;
    all.kind = WEIR__V1__KIND__KIND_CHANNEL;
    all.histograms = true;
    all.worst_first = true;
    some.kind = WEIR__V1__KIND__KIND_SENDER;
    some.sort_by_name = true;
    some.where = 0;
    some.equals = (char *)"a";
    some.columns = columns;
    some.n_columns = 3;
    wc_replay_pause(wc_link_replay(link), true);
    FUZZ_CHECK(wc_link_watch(link, &request, NULL) == WC_OK);
    wc_link_history(link, WEIR__V1__KIND__KIND_CHANNEL, "", 0, "");
    for (int i = 0; i < 3; i++) {
        wc_replay_seek(wc_link_replay(link), (uint64_t)(2 - i) * UINT64_C(3000000000));
        FUZZ_CHECK(take_all(link, 2) > 0);
    }
}

static void ask_topics(struct wc_link *link)
{
    char *topics[] = {(char *)"game/#"};
    Weir__V1__SubscribeRequest request = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    request.topics = topics;
    request.n_topics = 1;
    request.changes_only = true;
    wc_replay_seek(wc_link_replay(link), 0);
    wc_replay_hurry(wc_link_replay(link));
    FUZZ_CHECK(wc_link_subscribe(link, &request, NULL) == WC_OK);
    if (wc_link_step(link, NULL) == WC_OK) {
        for (int i = 0; i < RECORDS && !wc_replay_is_over(wc_link_replay(link)); i++) {
            (void)take_all(link, 0);
        }
        FUZZ_CHECK(wc_replay_is_over(wc_link_replay(link)));
    }
}

static void ask_all(void)
{
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    struct wc_target target = {.is_recording = true};
    struct wc_link *link = NULL;
    snprintf(target.path, sizeof(target.path), "%s", file.path);
    FUZZ_CHECK(wc_link_open(&target, &link, NULL) == WC_OK);
    ask_watch(link);
    wc_replay_seek(wc_link_replay(link), UINT64_MAX);
    FUZZ_CHECK(wc_link_snapshot(link, &request, NULL) == WC_OK);
    FUZZ_CHECK(take_all(link, WI_N_KINDS) > 0);
    FUZZ_CHECK(wc_link_is_complete(link));
    ask_topics(link);
    wc_link_close(link);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct wc_reader *reader = NULL;
    struct wc_error error = {0};
    if (n > sizeof(file.bytes)) {
        return 0;
    }
    file_make(bytes, n);
    enum wc_status code = wc_reader_open(file.path, &reader, &error);
    if (code != WC_OK) {
        FUZZ_CHECK(code == WC_MISMATCH && error.text[0] && !strchr(error.text, '\n'));
        return 0;
    }
    read_all(reader);
    wc_reader_close(reader);
    if (n > 0 && bytes[0] / 3 % 4 == 0) { /* of some: a player has a timer, which takes its time */
        ask_all();
    }
    return 0;
}

/* ---- seeds ------------------------------------------------------------------------------------ */

static void seed_add(struct fuzz_output *output, enum wc_record_type type, uint8_t tenths,
                     const ProtobufCMessage *message)
{
    uint8_t bytes[4096];
    size_t n = protobuf_c_message_pack(message, bytes);
    fuzz_put_u8(output, (uint8_t)(type - 1));
    fuzz_put_u8(output, tenths);
    fuzz_put_u16(output, (uint16_t)n);
    fuzz_put(output, bytes, n);
}

static void seed_step(struct fuzz_output *output)
{
    Weir__V1__Step step = WEIR__V1__STEP__INIT;
    Weir__V1__TableChange table = WEIR__V1__TABLE_CHANGE__INIT, *tables[] = {&table};
    Weir__V1__Change change = WEIR__V1__CHANGE__INIT, *changes[] = {&change};
    Weir__V1__Value text = WEIR__V1__VALUE__INIT, *values[] = {&text};
    Weir__V1__Histogram histogram = WEIR__V1__HISTOGRAM__INIT, *histograms[] = {&histogram};
    Weir__V1__Row row = WEIR__V1__ROW__INIT, *rows[] = {&row};
    uint32_t moved[] = {0, 1}, places[] = {2};
    int64_t moves[] = {3, -5};
    uint64_t numbers[] = {1, 2}, gone[] = {2};
    text.value_case = WEIR__V1__VALUE__VALUE_TEXT;
    text.text = (char *)"closed";
    histogram.bounds = histogram.counts = numbers;
    histogram.n_bounds = histogram.n_counts = 2;
    change.id = 1;
    change.moved = moved;
    change.moves = moves;
    change.n_moved = change.n_moves = 2;
    change.places = places;
    change.values = values;
    change.n_places = change.n_values = 1;
    change.histograms = histograms;
    change.n_histograms = 1;
    row.id = 7;
    row.name = (char *)"new";
    table.kind = WEIR__V1__KIND__KIND_CHANNEL;
    table.changes = changes;
    table.n_changes = 1;
    table.rows = rows;
    table.n_rows = 1;
    table.gone = gone;
    table.n_gone = 1;
    step.tables = tables;
    step.n_tables = 1;
    step.state = (char *)"running";
    step.read_nanos = 6000000000;
    seed_add(output, WC_RECORD_STEP, 10, &step.base);
}

static void seed_key(struct fuzz_output *output)
{
    Weir__V1__Update update = WEIR__V1__UPDATE__INIT;
    Weir__V1__Table channels = WEIR__V1__TABLE__INIT, senders = WEIR__V1__TABLE__INIT;
    Weir__V1__Table *tables[] = {&channels, &senders};
    Weir__V1__Row a = WEIR__V1__ROW__INIT, b = WEIR__V1__ROW__INIT, *rows[] = {&a, &b};
    Weir__V1__Value depth = WEIR__V1__VALUE__INIT, age = WEIR__V1__VALUE__INIT,
                    state = WEIR__V1__VALUE__INIT, *values[] = {&depth, &age, &state};
    uint32_t columns[] = {0, 1, 2};
    depth.value_case = WEIR__V1__VALUE__VALUE_U64;
    depth.u64 = 12;
    age.value_case = WEIR__V1__VALUE__VALUE_F64;
    age.f64 = 0.25;
    state.value_case = WEIR__V1__VALUE__VALUE_TEXT;
    state.text = (char *)"a";
    a.id = 1;
    a.name = (char *)"moves";
    b.id = 2;
    b.name = (char *)"chat";
    a.values = b.values = values;
    a.n_values = 3;
    b.n_values = 2;
    channels.rows = senders.rows = rows;
    channels.n_rows = senders.n_rows = 2;
    channels.columns = senders.columns = columns;
    channels.n_columns = senders.n_columns = 3;
    senders.kind = WEIR__V1__KIND__KIND_SENDER;
    update.tables = tables;
    update.n_tables = 2;
    update.state = (char *)"running";
    update.read_nanos = 5000000000;
    seed_add(output, WC_RECORD_KEY, 0, &update.base);
}

static void seed_series(struct fuzz_output *output)
{
    double values[] = {1, 2, 3};
    Weir__V1__Series series = WEIR__V1__SERIES__INIT;
    series.id = 1;
    series.name = (char *)"moves";
    series.step_nanos = 1000000000;
    series.last_read_nanos = 4000000000;
    series.values = values;
    series.n_values = 3;
    seed_add(output, WC_RECORD_SERIES, 0, &series.base);
}

void fuzz_seeds(void)
{
    struct fuzz_output output = {.n = 0};
    Weir__V1__Closing closing = WEIR__V1__CLOSING__INIT;
    fuzz_put_u8(&output, 1);
    seed_key(&output);
    seed_series(&output);
    seed_step(&output);
    seed_key(&output);
    seed_step(&output);
    seed_add(&output, WC_RECORD_CLOSING, 0, &closing.base);
    fuzz_seed("records", output.bytes, output.n);

    /* And what comes of it as a file. */
    file_make(output.bytes, output.n);
    output.n = 0;
    fuzz_put_u8(&output, 0);
    fuzz_put(&output, file.bytes, file.n);
    fuzz_seed("file", output.bytes, output.n);
}
