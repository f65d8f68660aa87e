/* SPDX-License-Identifier: MIT */
/* ctest: own-program */
/*
 * A segment's file from a process that is not to be trusted: the image of a real one, made by the
 * library when the program begins, with changes; some of them come between two readings, or in the
 * middle of one. Changes name a place by what lies there (the third slot's head, the second thread's
 * cell), so that inputs outlive changes of the layout. fuzz: max_len=512
 */
#include "encode/prometheus.h"
#include "encode/tokio.h"
#include "encode/weir.h"
#include "fuzz.h"
#include "fuzz_handles.h"
#include "segment/layout.h"
#include "segment/segment.h"
#include "session/process_views.h"
#include "session/tokio.h"
#include "snapshot/process_view.h"
#include "tokio_model.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECOND      UINT64_C(1000000000)
#define READINGS    2
#define ITEMS_MAX   64
#define PAGES_MAX   8
#define TURNS_MAX   200 /* of a round */
#define ROWS_READ   64  /* of a kind */
#define MEMORY_BASE ((uint64_t)1 << 20)

/* The input: a byte of habits, then changes. */
enum habit {
    HABIT_LIVE = 1,  /* somebody holds the file's lock */
    HABIT_SHORT = 2, /* readings come in pieces */
    HABIT_RAW = 4,   /* the file is the rest of the input, and nothing else */
    HABIT_EACH = 8,  /* the rows are used after each reading, not only after the last */
    HABIT_USES = 16  /* from here on: enum use */
};

/* What is done with the rows beside looking at them. */
enum use { USE_NOTHING, USE_PAGES, USE_QUERY, USE_TEXT, USE_OPENMETRICS, USE_TOKIO, N_USES };

/* A change: region, width and way in a byte, then the place, then the value. The first regions hold
 * items that are alike. */
enum region {
    REGION_HEADER,
    REGION_COUNTS, /* the header's part that changes while hooks run */
    REGION_SHARD,
    REGION_SLAB,
    REGION_HEAD, /* of a slot */
    REGION_SLOT,
    REGION_INDEX,
    REGION_CELL,
    REGION_HISTOGRAM,
    REGION_STRING,
    REGION_BLOCKS, /* the slabs of senders, single tasks and objects, and the header's word on them */
    REGION_SENDER, /* also objects and their layouts */
    REGION_SINGLE,
    N_REGIONS,
    REGION_ANYWHERE = N_REGIONS, /* u8 and u16: an offset */
    REGION_CUT,                  /* u32: the file's new length */
    REGION_LATER                 /* u8: what follows happens so many readings of bytes later */
};

struct places {
    size_t item; /* bytes of each */
    size_t n;
    uint32_t at[ITEMS_MAX];
};

static struct places places[N_REGIONS];
static unsigned char *good; /* the image */
static unsigned char *image;
static size_t good_bytes, file_bytes;
static char path[256];
static int file = -1;
static bool is_locked;
static struct wi_buffer buffer;

/* What is left of the changes while a process view reads. */
static struct fuzz_input changes;
static unsigned patience; /* readings until they go on */
static bool is_short;
static bool is_reading;

/* ---- the image ------------------------------------------------------------------------------ */

static void place_add(enum region region, size_t item, uint64_t at)
{
    struct places *place = &places[region];
    place->item = item;
    if (place->n < ITEMS_MAX && at > 0 && at + item <= good_bytes) {
        place->at[place->n++] = (uint32_t)at;
    }
}

/* Latencies differ from one run to the next: here they are always the same. */
static void histogram_add(uint32_t line)
{
    uint64_t at = (uint64_t)line * WEIR_LINE;
    if (line) {
        struct weir_histogram *histogram = (struct weir_histogram *)(void *)(good + at);
        memset(histogram, 0, sizeof(*histogram));
        for (size_t i = 0; i < WEIR_HISTOGRAM_BUCKETS; i += 3) {
            histogram->bucket[i] = i;
        }
        histogram->sum = 1000000;
        histogram->max = 123456;
        place_add(REGION_HISTOGRAM, sizeof(*histogram), at);
    }
}

static void places_find_slots(const struct wi_header *header)
{
    const uint32_t *slabs = (const uint32_t *)(void *)(good + WI_SLABS_LINE * WEIR_LINE);
    size_t first = (size_t)slabs[0] * WEIR_LINE;
    for (uint32_t i = 0; i <= header->n_slabs; i++) {
        place_add(REGION_SLAB, sizeof(uint32_t), WI_SLABS_LINE * WEIR_LINE + i * sizeof(uint32_t));
    }
    for (uint32_t i = 0; i <= header->n_slots; i++) {
        size_t at = first + i * sizeof(struct wi_slot);
        struct wi_slot *slot = (struct wi_slot *)(void *)(good + at);
        slot->head.opened_at = SECOND;
        place_add(REGION_HEAD, sizeof(slot->head), at);
        place_add(REGION_SLOT, sizeof(*slot), at);
        place_add(REGION_STRING, WI_STRING_UNIT, (size_t)slot->head.name * WI_STRING_UNIT);
        histogram_add(slot->head.histogram[0]);
        histogram_add(slot->head.histogram[1]);
    }
}

static void places_find_cells(const struct wi_header *header)
{
    for (uint32_t s = 0; s <= header->n_shards; s++) {
        size_t at = WI_SHARDS_LINE * WEIR_LINE + s * sizeof(struct wi_shard);
        struct wi_shard *shard = (struct wi_shard *)(void *)(good + at);
        shard->tid = s;
        place_add(REGION_SHARD, sizeof(*shard), at);
        for (uint32_t i = 0; i < shard->n_chunks && i < 4; i++) {
            size_t index = (size_t)shard->index * WEIR_LINE + i * sizeof(uint32_t);
            uint32_t line = *(uint32_t *)(void *)(good + index);
            place_add(REGION_INDEX, sizeof(uint32_t), index);
            for (int c = 0; line && c < WEIR_CHUNK_CELLS; c++) {
                size_t cell_at = ((size_t)line + (size_t)c) * WEIR_LINE;
                struct weir_cell *cell = (struct weir_cell *)(void *)(good + cell_at);
                cell->last = 0;
                if (i == 0 && c > 0 && c < 4) {
                    cell->u.channel.check = cell->u.channel.pause = cell->u.channel.looked = 0;
                    histogram_add(cell->u.channel.histogram);
                }
                place_add(REGION_CELL, sizeof(*cell), cell_at);
            }
        }
    }
}

/* The i-th block of a table, in its first slab. */
static size_t block_place(enum wi_table_id table, uint32_t i)
{
    const struct wi_header *header = (const struct wi_header *)(void *)good;
    size_t slabs = (size_t)header->tables[table].slabs * WEIR_LINE;
    return *(uint32_t *)(void *)(good + slabs) * (size_t)WEIR_LINE +
           i * (size_t)header->tables[table].block_bytes;
}

static void places_find_blocks(const struct wi_header *header)
{
    for (int t = 0; t < WI_N_TABLES; t++) {
        const struct wi_table *table = &header->tables[t];
        size_t word = offsetof(struct wi_header, tables) + (size_t)t * sizeof(*table);
        for (size_t at = word; at < word + sizeof(*table); at += sizeof(uint32_t)) {
            place_add(REGION_BLOCKS, sizeof(uint32_t), at);
        }
        for (uint32_t i = 0; i <= table->n_slabs; i++) {
            place_add(REGION_BLOCKS, sizeof(uint32_t),
                      (size_t)table->slabs * WEIR_LINE + i * sizeof(uint32_t));
        }
    }
    for (uint32_t i = 0; i <= header->tables[WI_SENDERS].n_blocks; i++) {
        size_t at = block_place(WI_SENDERS, i);
        ((struct wi_sender *)(void *)(good + at))->out.opened_at = SECOND;
        place_add(REGION_SENDER, sizeof(struct wi_sender), at);
    }
    for (uint32_t i = 0; i <= header->tables[WI_TASK_INSTANCES].n_blocks; i++) {
        size_t at = block_place(WI_TASK_INSTANCES, i);
        struct wi_task_instance *single = (struct wi_task_instance *)(void *)(good + at);
        single->self.opened_at = SECOND;
        single->self.spawned = single->run.rested = 1000;
        single->run.busy = single->run.idle = single->run.scheduled = 1000000;
        single->run.began = single->run.began ? 2000 : 0;
        single->wake.woken = single->wake.woken ? 1500 : 0;
        single->self.done = single->self.done ? 3000 : 0;
        place_add(REGION_SINGLE, sizeof(*single), at);
        histogram_add(single->self.histogram[0]);
        histogram_add(single->self.histogram[1]);
    }
}

/* The words on objects are among those on blocks; objects and layouts are among the senders, whose size they about
 * have: so earlier inputs keep their meaning. */
static void places_find_objects(const struct wi_header *header)
{
    size_t slabs = (size_t)header->objects.slabs * WEIR_LINE;
    size_t first = *(uint32_t *)(void *)(good + slabs) * (size_t)WEIR_LINE;
    for (size_t at = offsetof(struct wi_header, objects); at < sizeof(*header);
         at += sizeof(uint32_t)) {
        place_add(REGION_BLOCKS, sizeof(uint32_t), at);
    }
    place_add(REGION_BLOCKS, sizeof(uint32_t), slabs);
    for (uint32_t i = 0; i < 4; i++) {
        struct wi_object *object = (struct wi_object *)(void *)(good + first) + i;
        object->address = object->address ? 0x1000 * (i + 1) : 0;
        place_add(REGION_SENDER, sizeof(struct wi_sender), first + i * sizeof(*object));
    }
    place_add(REGION_SENDER, sizeof(struct wi_sender), (size_t)header->layouts * WEIR_LINE);
}

static void remove_file(void)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

void fuzz_begin(void)
{
    const char *top = getenv("TMPDIR");
    char dir[200];
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    snprintf(dir, sizeof(dir), "%s/segment-XXXXXX", top ? top : "/tmp");
    FUZZ_CHECK(mkdtemp(dir) != NULL);
    unsetenv("WEIR_OFF");
    unsetenv("WEIR_LIMIT");
    setenv("WEIR_DIR", dir, 1);
    options.name = "game";
    options.limit_bytes = WI_MIN_LIMIT;
    FUZZ_CHECK(weir_start(&options, &error) <= WEIR_DEGRADED);
    make_handles();
    struct wi_header *header = wi_segment_header();
    good_bytes = header->used_bytes;
    good = fuzz_copy(wi_segment.base, good_bytes);
    image = fuzz_copy(good, good_bytes);
    weir_stop();
    header = (struct wi_header *)(void *)good;
    header->pid = 1;
    header->start_ticks = 1;
    header->pid_namespace = 1;
    header->multiplier = UINT64_C(1) << 32;
    header->started_unix_nanos = header->opened_unix_nanos = (int64_t)SECOND;
    memset(header->program, 0, sizeof(header->program));
    strcpy(header->program, "/usr/bin/game");
    places_find_slots(header);
    places_find_cells(header);
    places_find_blocks(header);
    places_find_objects(header);
    places[REGION_HEADER] = (struct places){sizeof(*header), 1, {0}};
    places[REGION_COUNTS] =
        (struct places){sizeof(*header) - offsetof(struct wi_header, reserved_bytes),
                        1,
                        {offsetof(struct wi_header, reserved_bytes)}};
    memcpy(image, good, good_bytes);
    snprintf(path, sizeof(path), "%s/segment", dir);
    file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    FUZZ_CHECK(file >= 0);
    atexit(remove_file);
    wi_buffer_init(&buffer, (size_t)32 << 20);
}

/* ---- changes -------------------------------------------------------------------------------- */

static void change(size_t at, size_t width, uint8_t way)
{
    static const uint64_t edges[16] = {0,
                                       1,
                                       2,
                                       0x7f,
                                       0xff,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       0xfffffffe,
                                       0x100000,
                                       0x1000,
                                       UINT64_MAX,
                                       UINT64_MAX / 2,
                                       UINT64_MAX - 1,
                                       UINT64_C(1) << 32,
                                       0x40};
    uint64_t number = 0;
    if (at > good_bytes - width) {
        return;
    }
    memcpy(&number, image + at, width);
    if (way == 0) {
        number = width == 1   ? fuzz_u8(&changes)
                 : width == 2 ? fuzz_u16(&changes)
                 : width == 4 ? fuzz_u32(&changes)
                              : fuzz_u64(&changes);
    } else if (way == 1) {
        number = edges[fuzz_u8(&changes) % 16];
    } else if (way == 2) {
        number += (uint64_t)(int64_t)(int8_t)fuzz_u8(&changes);
    } else {
        number ^= (uint64_t)fuzz_u8(&changes) << 8 * (width - 1);
    }
    memcpy(image + at, &number, width);
}

static void cut(size_t length)
{
    file_bytes = length < good_bytes ? length : good_bytes;
    FUZZ_CHECK(ftruncate(file, (off_t)file_bytes) == 0);
}

/* Makes changes until one is to come later. */
static void make_changes(void)
{
    while (changes.left > 0) {
        uint8_t what = fuzz_u8(&changes);
        enum region region = (enum region)(what & 15);
        size_t width = (size_t)1 << (what >> 4 & 3);
        if (region < N_REGIONS) {
            const struct places *place = &places[region];
            size_t item = fuzz_u8(&changes) % place->n;
            size_t offset = fuzz_u8(&changes) * width % place->item;
            change(place->at[item] + offset, width, what >> 6);
        } else if (region == REGION_CUT) {
            cut(fuzz_u32(&changes));
        } else if (region == REGION_LATER) {
            patience = 1U + fuzz_u8(&changes) % 32;
            return;
        } else {
            size_t high = fuzz_u8(&changes);
            change(high << 16 | fuzz_u16(&changes), width, what >> 6);
        }
    }
}

/* In place of the kernel's: the reader's only way to the bytes. */
ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    if (!is_reading) {
        return syscall(SYS_pread64, fd, bytes, n, at);
    }
    if (patience > 0 && --patience == 0) {
        make_changes();
    }
    if ((size_t)at >= file_bytes) {
        return 0;
    }
    n = n < file_bytes - (size_t)at ? n : file_bytes - (size_t)at;
    n = is_short && n > 1 ? n / 2 + 1 : n;
    memcpy(bytes, image + at, n);
    return (ssize_t)n;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void use_text(const char *text)
{
    FUZZ_CHECK(text != NULL);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        FUZZ_CHECK(*c >= ' ' && *c != 0x7F);
    }
}

static void use_histogram(struct wi_process_view *view, enum wi_kind kind, const struct wi_row *row,
                          int metric)
{
    const struct weir_histogram *histogram = wi_process_view_histogram(view, kind, row, metric);
    if (histogram) {
        uint64_t half = wi_histogram_quantile(histogram, 0.5);
        FUZZ_CHECK(half <= wi_histogram_quantile(histogram, 1) || histogram->max == 0);
    }
}

static void use_rows(struct wi_process_view *view)
{
    size_t n_rows = 0;
    for (int k = 0; k < WI_N_KINDS; k++) {
        enum wi_kind kind = (enum wi_kind)k;
        const struct wi_metric_table *table = wi_metric_table(kind);
        size_t n = wi_process_view_count(view, kind);
        n_rows += wi_kind_has_slots(k) ? n : 0;
        for (size_t i = 0; i < n && i < ROWS_READ; i++) {
            const struct wi_row *row = wi_process_view_row(view, kind, i);
            FUZZ_CHECK(row != NULL);
            use_text(row->name);
            for (size_t m = 0; m < table->n_metrics; m++) {
                if (row->value[m].type == WI_TEXT) {
                    use_text(row->value[m].u.text);
                }
                if (table->metrics[m].type == WI_TYPE_HISTOGRAM) {
                    use_histogram(view, kind, row, (int)m);
                }
            }
        }
        FUZZ_CHECK(wi_process_view_row(view, kind, n) == NULL);
    }
    /* No file makes more rows than it has bytes for, nor a reader that grows by much. */
    FUZZ_CHECK(n_rows <= good_bytes / sizeof(struct wi_slot));
    const struct wi_row *agent = wi_process_view_row(view, WI_AGENT, 0);
    FUZZ_CHECK(!agent || agent->value[WI_AGENT_MEMORY].u.u64 <= 8 * good_bytes + MEMORY_BASE);
}

static void use_pages(struct wi_process_view *view)
{
    struct wi_snapshot snapshot = {.n_done = 0};
    for (int i = 0; i < PAGES_MAX && snapshot.n_done != WI_N_KINDS; i++) {
        wi_buffer_clear(&buffer);
        FUZZ_CHECK(wi_weir_page(view, &snapshot, &buffer) == WEIR_OK);
        FUZZ_CHECK(buffer.length <= WI_MESSAGE_MAX);
    }
}

static void use_query(struct wi_process_view *view, int reading)
{
    struct wi_memory memory = {.limit = UINT64_MAX};
    struct wi_query query[WI_N_KINDS];
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        query[kind] = (struct wi_query){
            .kind = (enum wi_kind)kind, .filter = reading ? "*e*" : "", .limit = 20};
        query[kind].sort = kind % 2 ? -1 : reading % 2;
        query[kind].n_columns = 2;
        query[kind].columns[1] = 1;
    }
    wi_buffer_clear(&buffer);
    FUZZ_CHECK(wi_weir_update(view, query, WI_N_KINDS, 0, &memory, &buffer) == WEIR_OK);
    FUZZ_CHECK(memory.bytes == 0);
}

static void use_exposition(struct wi_process_view *view, enum wi_format format)
{
    wi_buffer_clear(&buffer);
    FUZZ_CHECK(wi_prometheus_encode(view, format, false, &buffer) == WEIR_OK);
}

/* A tokio-console's stream over all readings, and what its client makes of it. */
struct watch {
    struct wi_process_views views;
    struct wi_served served;
    struct wi_memory memory;
    struct wi_call_context context;
    struct wi_peer peer;
    struct wi_call *call;
    struct tokio_model model;
};

static void watch_begin(struct watch *watch, struct wi_process_view *view)
{
    struct wi_fault fault;
    memset(watch, 0, sizeof(*watch));
    watch->served.view = view;
    watch->views = (struct wi_process_views){.first = &watch->served, .self = &watch->views.own};
    watch->memory.limit = UINT64_MAX;
    watch->context = (struct wi_call_context){
        .views = &watch->views, .memory = &watch->memory, .scratch = &buffer};
    watch->peer.memory = &watch->memory;
    struct wi_call_start start = {
        .context = &watch->context, .served = &watch->served, .peer = &watch->peer};
    watch->call = wi_tokio_watch_updates(&start, &fault);
    FUZZ_CHECK(watch->call);
}

static void watch_hear(struct watch *watch, uint64_t now, enum weir_status status)
{
    struct wi_fault fault;
    watch->served.status = status;
    for (int i = 0; i < TURNS_MAX; i++) {
        wi_buffer_clear(&buffer);
        enum wi_call_next next = watch->call->type->next(watch->call, now, &buffer, &fault);
        FUZZ_CHECK(next != WI_CALL_END);
        if (next == WI_CALL_MESSAGE) {
            FUZZ_CHECK(buffer.length <= WI_TOKIO_MESSAGE_MAX);
            tokio_model_take(&watch->model, buffer.bytes, buffer.length);
        }
        if (watch->call->due_nanos > now + 1) {
            return;
        }
    }
    FUZZ_CHECK(!"a round ends");
}

/* The histograms of the first tasks. */
static void watch_details(struct wi_process_view *view)
{
    for (size_t slot_index = 0;
         slot_index < ROWS_READ && slot_index < wi_process_view_n_slots(view, WI_TASK_INSTANCE);
         slot_index++) {
        struct wi_task_sample look;
        if (wi_process_view_task(view, slot_index, &look)) {
            wi_buffer_clear(&buffer);
            wi_tokio_details(&buffer, view, look.id, wi_process_view_unix_nanos(view));
            FUZZ_CHECK(!buffer.has_failed && buffer.length < WI_TOKIO_ROOM);
        }
    }
}

static void watch_end(struct watch *watch)
{
    if (watch->call) {
        watch->call->type->destroy(watch->call);
        tokio_model_finish(&watch->model);
        FUZZ_CHECK(watch->memory.bytes == 0);
    }
}

static void use(struct wi_process_view *view, enum use what, int reading)
{
    switch (what) {
    case USE_PAGES:
        use_pages(view);
        break;
    case USE_QUERY:
        use_query(view, reading);
        break;
    case USE_TEXT:
        use_exposition(view, WI_FORMAT_TEXT);
        break;
    case USE_OPENMETRICS:
        use_exposition(view, WI_FORMAT_OPENMETRICS);
        break;
    default:
        break;
    }
}

static void check_status(enum weir_status status, const struct weir_error *error)
{
    if (status != WEIR_OK) {
        FUZZ_CHECK(status == WEIR_E_CORRUPT || status == WEIR_E_VERSION || status == WEIR_E_LIMIT);
        FUZZ_CHECK(error->text[0]);
        use_text(error->text);
    }
}

static void read_view(uint8_t habits)
{
    struct weir_error error = {""};
    struct wi_process_view *view = NULL;
    struct wi_process_views views;
    wi_process_views_init(&views, false);
    enum weir_status status = wi_process_view_open_file(path, &view, &error);
    check_status(status, &error);
    if (status != WEIR_OK) {
        return;
    }
    FUZZ_CHECK(wi_process_views_add(&views, view) == WEIR_OK);
    enum use what = (enum use)(habits / HABIT_USES % N_USES);
    bool is_each = habits & HABIT_EACH;
    struct watch watch = {.call = NULL};
    if (what == USE_TOKIO) {
        watch_begin(&watch, view);
    }
    use_text(wi_process_view_facts(view)->name);
    use_text(wi_process_view_facts(view)->program);
    use_text(wi_process_view_facts(view)->version);
    for (int i = 0; i < READINGS; i++) {
        status = wi_process_views_refresh(&views, views.first, (uint64_t)(i + 1) * SECOND, &error);
        check_status(status, &error);
        use_rows(view);
        if (is_each || i == READINGS - 1) {
            use(view, what, i);
        }
        if (what == USE_TOKIO) {
            watch_hear(&watch, (uint64_t)(i + 1) * SECOND, status);
            watch_details(view);
        }
    }
    watch_end(&watch);
    wi_process_views_finish(&views);
}

static void lock_file(bool is_wanted)
{
    struct flock lock = {.l_type = is_wanted ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_len = 1};
    if (is_wanted != is_locked) {
        FUZZ_CHECK(fcntl(file, F_OFD_SETLK, &lock) == 0);
        is_locked = is_wanted;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    changes = (struct fuzz_input){bytes, n};
    uint8_t habits = fuzz_u8(&changes);
    patience = 0;
    is_short = habits & HABIT_SHORT;
    lock_file(habits & HABIT_LIVE);
    if (file_bytes != good_bytes) {
        cut(good_bytes);
    }
    if (habits & HABIT_RAW) {
        memcpy(image, changes.at, changes.left);
        cut(changes.left);
        changes.left = 0;
    }
    make_changes();
    is_reading = true;
    read_view(habits);
    is_reading = false;
    memcpy(image, good, good_bytes);
    return 0;
}

/* ---- seeds ---------------------------------------------------------------------------------- */

/* `head`: the region, and the way from bit 6 on. */
static void put_change(struct fuzz_output *output, unsigned head, unsigned width, uint8_t item,
                       size_t offset, uint64_t number)
{
    static const uint8_t codes[] = {0, 0, 1, 0, 2, 0, 0, 0, 3};
    fuzz_put_u8(output, (uint8_t)(head | codes[width] << 4));
    fuzz_put_u8(output, item);
    fuzz_put_u8(output, (uint8_t)(offset / width));
    for (unsigned i = 0; i < (head >> 6 ? 1 : width); i++) {
        fuzz_put_u8(output, (uint8_t)(number >> 8 * i));
    }
}

/* Each region, item by item, in every way; before and while it is read. */
static void seed_region(enum region region, const char *name)
{
    for (uint8_t habits = 0; habits < 2; habits++) {
        struct fuzz_output output = {.n = 0};
        char file_name[64];
        fuzz_put_u8(&output, (uint8_t)(habits | (habits ? USE_PAGES : USE_TEXT) * HABIT_USES));
        for (uint8_t i = 0; i < 8; i++) {
            put_change(&output, (unsigned)region | (i % 4U) << 6, 4, i, 4U * i, 0x102U + i);
            if (habits) {
                fuzz_put_u8(&output, REGION_LATER);
                fuzz_put_u8(&output, i);
            }
        }
        snprintf(file_name, sizeof(file_name), "%s-%s", name, habits ? "live" : "dead");
        fuzz_seed(file_name, output.bytes, output.n);
    }
}

static void put_anywhere(struct fuzz_output *output, size_t at, uint32_t number)
{
    fuzz_put_u8(output, REGION_ANYWHERE | 2 << 4);
    fuzz_put_u8(output, (uint8_t)(at >> 16));
    fuzz_put_u16(output, (uint16_t)at);
    fuzz_put_u32(output, number);
}

/* Slabs that all lie in one place, and as many slots as they would have. */
static void seed_slabs(bool is_live)
{
    struct fuzz_output output = {.n = 0};
    uint32_t slab = *(uint32_t *)(void *)(good + WI_SLABS_LINE * WEIR_LINE);
    fuzz_put_u8(&output, is_live ? HABIT_LIVE : 0);
    put_anywhere(&output, offsetof(struct wi_header, n_slabs), WI_MAX_SLABS);
    put_anywhere(&output, offsetof(struct wi_header, n_slots), WI_MAX_SLOTS);
    for (size_t i = 1; i < 40; i++) {
        put_anywhere(&output, WI_SLABS_LINE * WEIR_LINE + i * sizeof(slab), slab);
    }
    fuzz_seed(is_live ? "slabs-live" : "slabs-dead", output.bytes, output.n);
}

/* A slot that is closed, one of another kind, and one that opens while it is read. */
static void seed_slots(void)
{
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, HABIT_LIVE | USE_QUERY * HABIT_USES);
    put_change(&output, REGION_HEAD, 4, 1, offsetof(struct weir_slot_head, state), WI_SLOT_CLOSING);
    for (uint8_t kind = 0; kind < 16; kind++) {
        put_change(&output, REGION_HEAD, 1, kind, offsetof(struct weir_slot_head, kind), kind);
    }
    fuzz_put_u8(&output, REGION_LATER);
    fuzz_put_u8(&output, 4);
    put_change(&output, REGION_HEAD | 2U << 6, 4, 2, offsetof(struct weir_slot_head, generation),
               2);
    put_change(&output, REGION_HEAD, 4, 1, offsetof(struct weir_slot_head, state), WI_SLOT_READY);
    fuzz_seed("slots", output.bytes, output.n);
}

void fuzz_seeds(void)
{
    static const char *const names[N_REGIONS] = {"header", "counts", "shard", "slab",      "head",
                                                 "slot",   "index",  "cell",  "histogram", "string",
                                                 "blocks", "sender", "single"};
    for (int region = 0; region < N_REGIONS; region++) {
        seed_region((enum region)region, names[region]);
    }
    for (int i = 0; i < 2 * N_USES; i++) {
        char name[32];
        uint8_t habits = (uint8_t)(i * HABIT_EACH | (i & 3));
        snprintf(name, sizeof(name), "unchanged-%d", i);
        fuzz_seed(name, &habits, 1);
    }
    seed_slabs(false);
    seed_slabs(true);
    seed_slots();
    struct fuzz_output output = {.n = 0};
    fuzz_put_u8(&output, 0);
    fuzz_put_u8(&output, REGION_CUT);
    fuzz_put_u32(&output, 60000);
    fuzz_seed("cut", output.bytes, output.n);
    output.n = 0;
    fuzz_put_u8(&output, HABIT_LIVE);
    fuzz_put_u8(&output, REGION_LATER);
    fuzz_put_u8(&output, 5);
    fuzz_put_u8(&output, REGION_CUT);
    fuzz_put_u32(&output, 4096);
    fuzz_seed("cut-later", output.bytes, output.n);
    output.n = 0;
    fuzz_put_u8(&output, HABIT_RAW);
    fuzz_put(&output, good, 256);
    fuzz_seed("raw", output.bytes, output.n);
}
