/* SPDX-License-Identifier: MIT */
/*
 * What a server may send, on the screen: Descriptions and Updates of any content, mixed with keys and
 * with screens of any size. fuzz: max_len=1400
 */
#include "encode/weir.h"
#include "fuzz.h"
#include "fuzz_screen.h"
#include "fuzz_view.h"
#include "input/input.h"

#include <string.h>

/* The script: events, each a byte and what it needs. */
enum event {
    EVENT_UPDATE,      /* u16 n, n bytes of protobuf, then it is drawn */
    EVENT_KEY,         /* u8: which of the keys that mean something, or else a character */
    EVENT_DESCRIPTION, /* u16 n, n bytes of protobuf */
    EVENT_SIZE,        /* rows, columns */
    EVENT_TIME,        /* u8: seconds */
    EVENT_LINK,        /* enum wc_connection */
    EVENT_SERIES,      /* u16 n, n bytes of protobuf: what was before of a row */
    N_EVENTS
};

static struct wc_shared *shared;    /* holds it */
static Weir__V1__Description *real; /* of a real exporter */
static const uint32_t keys[] = {'j', 'k', 'g', 'G', '\r', 27,  '\t', '/',  'n',   'N',
                                'f', '<', '>', 'i', 'p',  '+', '-',  'w',  '?',   '1',
                                '2', '3', '4', '5', '6',  ' ', 'h',  'l',  'q',   'a',
                                'm', 's', '*', 8,   127,  4,   21,   0xfc, 0x20ac};

void fuzz_begin(void)
{
    struct wi_process_view *view = fuzz_view_create();
    struct wi_buffer buffer;
    wi_buffer_init(&buffer, WI_MESSAGE_ROOM);
    FUZZ_CHECK(wi_weir_description(view, "", "", "", &buffer) == WEIR_OK);
    real = weir__v1__description__unpack(NULL, buffer.length, buffer.bytes);
    FUZZ_CHECK(real != NULL);
    shared = wc_shared_create(&real->base);
    wi_buffer_finish(&buffer);
    wi_process_view_close(view);
}

static void watch(struct fuzz_screen *screen)
{
    fuzz_screen_ask(screen);
    wc_model_watch(&screen->model, &screen->query.plan);
}

static void update(struct fuzz_screen *screen, struct fuzz_input *input)
{
    size_t n;
    watch(screen);
    const uint8_t *bytes = fuzz_bytes(input, fuzz_u16(input), &n);
    Weir__V1__Update *update = weir__v1__update__unpack(NULL, n, bytes);
    if (update) {
        wc_model_update(&screen->model, update, screen->now_nanos);
        fuzz_screen_draw(screen, (enum wc_tier)(n % 3));
    }
}

static void describe(struct fuzz_screen *screen, struct fuzz_input *input)
{
    size_t n;
    const uint8_t *bytes = fuzz_bytes(input, fuzz_u16(input), &n);
    Weir__V1__Description *description = weir__v1__description__unpack(NULL, n, bytes);
    if (description) {
        struct wc_shared *described = wc_shared_create(&description->base);
        wc_model_describe(&screen->model, described, "a notice", 1);
        wc_shared_release(described);
    }
}

static void look_back(struct fuzz_screen *screen, struct fuzz_input *input)
{
    size_t n;
    const uint8_t *bytes = fuzz_bytes(input, fuzz_u16(input), &n);
    Weir__V1__Series *series = weir__v1__series__unpack(NULL, n, bytes);
    wc_model_wants_past(&screen->model);
    if (series) {
        wc_model_series(&screen->model, series);
    }
}

static void play(struct fuzz_screen *screen, struct fuzz_input *input, enum event event)
{
    int rows;
    uint8_t which;
    switch (event) {
    case EVENT_UPDATE:
        update(screen, input);
        break;
    case EVENT_DESCRIPTION:
        describe(screen, input);
        break;
    case EVENT_KEY:
        which = fuzz_u8(input);
        wc_input_key(&screen->ui, &screen->model, &screen->layout,
                     keys[which % (sizeof(keys) / sizeof(keys[0]))]);
        fuzz_screen_settle(screen);
        break;
    case EVENT_SIZE:
        rows = 1 + fuzz_u8(input) % 50;
        fuzz_screen_size(screen, rows, 1 + fuzz_u8(input) % 140);
        fuzz_screen_settle(screen);
        break;
    case EVENT_TIME:
        screen->now_nanos += fuzz_u8(input) * INT64_C(1000000000);
        break;
    case EVENT_SERIES:
        look_back(screen, input);
        break;
    default:
        wc_model_connection(&screen->model, (enum wc_connection)(fuzz_u8(input) % 4), 1);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_input input = {bytes, n};
    static struct fuzz_screen screen;
    memset(&screen, 0, sizeof(screen));
    fuzz_screen_init(&screen);
    wc_model_describe(&screen.model, shared, "", 1);
    wc_model_connection(&screen.model, WC_LIVE, 1);
    fuzz_screen_settle(&screen);
    while (input.left > 0 && !screen.ui.wants_quit) {
        play(&screen, &input, (enum event)(fuzz_u8(&input) % N_EVENTS));
    }
    fuzz_screen_draw(&screen, WC_TIER_BLOCK);
    fuzz_screen_finish(&screen);
    return 0;
}

/* ---- seeds ---------------------------------------------------------------------------------- */

/* What the exporter answers to the screen's own questions. */
static void put_answer(struct fuzz_output *output, const struct fuzz_screen *screen,
                       struct wi_process_view *view)
{
    struct wi_query query[WC_MAX_QUERIES];
    struct wi_memory memory = {.limit = UINT64_MAX};
    struct wi_buffer buffer;
    const Weir__V1__WatchRequest *request = &screen->query.request;
    for (size_t i = 0; i < request->n_queries; i++) {
        const Weir__V1__Query *asked = request->queries[i];
        query[i] = (struct wi_query){.kind = (enum wi_kind)asked->kind,
                                     .filter = asked->filter,
                                     .sort = asked->sort_by_name ? -1 : (int)asked->sort,
                                     .is_descending = asked->descending,
                                     .limit = asked->limit ? asked->limit : 3,
                                     .offset = asked->offset};
        query[i].n_columns = asked->n_columns < 8 ? asked->n_columns : 8;
        for (size_t c = 0; c < query[i].n_columns; c++) {
            query[i].columns[c] = (uint8_t)asked->columns[c];
        }
    }
    wi_buffer_init(&buffer, WI_MESSAGE_ROOM);
    FUZZ_CHECK(wi_weir_update(view, query, request->n_queries, 3, &memory, &buffer) == WEIR_OK);
    fuzz_put_u8(output, EVENT_UPDATE);
    fuzz_put_u16(output, (uint16_t)buffer.length);
    fuzz_put(output, buffer.bytes, buffer.length);
    wi_buffer_finish(&buffer);
}

/* Some keys, then the answer to what the screen shows. */
static void seed_keys(const char *name, const char *typed, struct wi_process_view *view)
{
    struct fuzz_output output = {.n = 0};
    static struct fuzz_screen screen;
    memset(&screen, 0, sizeof(screen));
    fuzz_screen_init(&screen);
    wc_model_describe(&screen.model, shared, "", 1);
    watch(&screen);
    for (const char *c = typed; *c; c++) {
        for (uint8_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            if (keys[i] == (unsigned char)*c) {
                fuzz_put_u8(&output, EVENT_KEY);
                fuzz_put_u8(&output, i);
                wc_input_key(&screen.ui, &screen.model, &screen.layout, keys[i]);
                watch(&screen);
                break;
            }
        }
    }
    put_answer(&output, &screen, view);
    fuzz_put_u8(&output, EVENT_TIME);
    fuzz_put_u8(&output, 40);
    fuzz_put_u8(&output, EVENT_KEY);
    fuzz_put_u8(&output, 0);
    fuzz_put_u8(&output, EVENT_KEY);
    fuzz_put_u8(&output, 4);
    fuzz_screen_finish(&screen);
    fuzz_seed(name, output.bytes, output.n);
}

/* A row's past after its first Update, with a gap. */
static void seed_series(struct wi_process_view *view)
{
    struct fuzz_output output = {.n = 0};
    static struct fuzz_screen screen;
    double values[] = {1, 1e300, -1, 0, 5};
    char name[] = "moves";
    Weir__V1__Series series = WEIR__V1__SERIES__INIT;
    memset(&screen, 0, sizeof(screen));
    fuzz_screen_init(&screen);
    wc_model_describe(&screen.model, shared, "", 1);
    watch(&screen);
    put_answer(&output, &screen, view);
    fuzz_screen_finish(&screen);
    series.id = wi_process_view_row(view, WI_CHANNEL, 0)->id;
    series.name = name;
    series.last_unix_nanos = series.last_read_nanos = wi_process_view_unix_nanos(view);
    series.step_nanos = 1000000000;
    series.values = values;
    series.n_values = 5;
    fuzz_put_u8(&output, EVENT_SERIES);
    size_t n = weir__v1__series__get_packed_size(&series);
    fuzz_put_u16(&output, (uint16_t)n);
    FUZZ_CHECK(n < sizeof(output.bytes) - output.n);
    output.n += weir__v1__series__pack(&series, output.bytes + output.n);
    fuzz_seed("series", output.bytes, output.n);
}

static void seed_description(void)
{
    struct fuzz_output output = {.n = 0};
    Weir__V1__Description small = *real;
    char program[] = "/usr/bin/x";
    small.n_metrics = small.n_metrics < 6 ? small.n_metrics : 6;
    small.program = program;
    fuzz_put_u8(&output, EVENT_DESCRIPTION);
    size_t n = weir__v1__description__get_packed_size(&small);
    fuzz_put_u16(&output, (uint16_t)n);
    FUZZ_CHECK(n < sizeof(output.bytes) - output.n);
    output.n += weir__v1__description__pack(&small, output.bytes + output.n);
    fuzz_put_u8(&output, EVENT_SIZE);
    fuzz_put_u8(&output, 42);
    fuzz_put_u8(&output, 131);
    fuzz_seed("description", output.bytes, output.n);
}

void fuzz_seeds(void)
{
    struct wi_process_view *view = fuzz_view_create();
    seed_keys("first", "", view);
    seed_keys("semaphores", "2", view);
    seed_keys("tasks", "3>", view);
    seed_keys("counters", "4i", view);
    seed_keys("warnings", "w", view);
    seed_keys("gauges", "6", view);
    seed_keys("filter", "fm*s\r", view);
    seed_keys("search", "/s\rn", view);
    seed_keys("help", "?", view);
    seed_keys("frozen", "p+", view);
    seed_series(view);
    seed_description();
    wi_process_view_close(view);
}
