/* SPDX-License-Identifier: MIT */
/* ctest: timeout=400 */
/*
 * WatchUpdates over a real segment: after each round a client that takes the messages in as tokio-console does
 * has the same rows as the process view, whatever came and went. ctest: timeout=400
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "child.h"
#include "encode/attribute.h"
#include "encode/weir.h"
#include "session/tokio.h"
#include "tokio_model.h"
#include "weir/weir.h"

#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static struct wi_process_views views;
static struct wi_process_view *view;
static struct wi_buffer scratch;
static struct wi_memory memory = {.limit = UINT64_C(16) << 20};
static struct wi_call_context context = {.views = &views, .memory = &memory, .scratch = &scratch};
static struct wi_peer peer = {.memory = &memory};
static struct wi_call *call;
static struct tokio_model model;
static uint64_t now = 1000 * SECOND;
static size_t n_messages, n_bytes, n_turns, n_new, n_stats; /* of the last round */
static void (*between_turns)(void);

static void start(const char *limit, const char *n_tasks)
{
    struct weir_error error;
    setenv("WEIR_LIMIT", limit, 1);
    setenv("WEIR_TASKS", n_tasks, 1);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    wi_process_views_init(&views, false);
    wi_buffer_init(&scratch, WI_MESSAGE_ROOM);
    CHECK(wi_process_views_add(&views, view) == WEIR_OK);
}

static void refresh(void)
{
    struct weir_error error;
    CHECK(wi_process_views_refresh(&views, views.first, now, &error) == WEIR_OK);
}

static void attach(void)
{
    struct wi_fault fault;
    call = wi_tokio_watch_updates(
        &(struct wi_call_start){.context = &context, .served = views.first, .peer = &peer}, &fault);
    CHECK(call);
    tokio_model_finish(&model);
}

static void detach(void)
{
    call->type->destroy(call);
    CHECK(memory.bytes == 0);
}

/* Lets the call speak until its round is over; the model hears it. */
static void hear_round(void)
{
    n_messages = n_bytes = n_turns = n_new = n_stats = 0;
    do {
        struct wi_fault fault = {WI_RPC_OK, ""};
        wi_buffer_clear(&scratch);
        enum wi_call_next next = call->type->next(call, now, &scratch, &fault);
        CHECK(next != WI_CALL_END);
        if (next == WI_CALL_MESSAGE) {
            CHECK(scratch.length <= WI_TOKIO_MESSAGE_MAX);
            tokio_model_take(&model, scratch.bytes, scratch.length);
            n_messages++;
            n_new += model.n_new;
            n_stats += model.n_stats;
            n_bytes += scratch.length;
        }
        n_turns++;
        if (between_turns && call->due_nanos <= now + 1) {
            between_turns();
        }
    } while (call->due_nanos <= now + 1);
    CHECK(call->due_nanos == now + SECOND);
}

/* A second later. */
static void hear(void)
{
    now += SECOND;
    refresh();
    hear_round();
}

static void tell_rows_of(enum wi_kind kind)
{
    for (size_t i = 0; i < wi_process_view_count(view, kind); i++) {
        const struct wi_row *row = wi_process_view_row(view, kind, i);
        const struct tokio_item *item = tokio_model_find(&model, TOKIO_RESOURCE, row->id);
        CHECK(item && !item->dropped);
        CHECK(strcmp(item->name, row->name) == 0);
        CHECK(strcmp(item->kind, wi_attribute_type(kind)) == 0);
        if (kind == WI_CHANNEL) {
            CHECK(strtoull(tokio_item_attribute(item, "sent"), NULL, 10) ==
                  row->value[WI_CHANNEL_SENT].u.u64);
            CHECK(strtoull(tokio_item_attribute(item, "depth"), NULL, 10) ==
                  row->value[WI_CHANNEL_DEPTH].u.u64);
        }
    }
}

/* The model has exactly the rows of the process view, with their numbers. */
static void compare(void)
{
    static const char *const states[] = {"IDLE", "SCHED", "RUNNING", "DONE"};
    size_t n_resources = 0;
    size_t n_tasks = 0;
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        if (wi_attribute_type((enum wi_kind)kind)) {
            tell_rows_of((enum wi_kind)kind);
            n_resources += wi_process_view_count(view, (enum wi_kind)kind);
        }
    }
    CHECK(tokio_model_live(&model, TOKIO_RESOURCE) == n_resources);
    for (size_t slot_index = 0; slot_index < wi_process_view_n_slots(view, WI_TASK_INSTANCE);
         slot_index++) {
        struct wi_task_sample look;
        if (!wi_process_view_task(view, slot_index, &look)) {
            continue;
        }
        const struct tokio_item *item = tokio_model_find(&model, TOKIO_TASK, look.id);
        CHECK(item && strcmp(item->name, look.name) == 0 && strcmp(item->kind, look.kind) == 0);
        CHECK(strcmp(tokio_item_state(item), states[look.state]) == 0);
        CHECK(item->polls == look.polls && item->wakes == look.wakes);
        CHECK(item->busy == look.busy && item->scheduled == look.scheduled);
        CHECK(strcmp(tokio_item_warning(item, model.now), "lost-waker") != 0);
        n_tasks += look.state != WI_TASK_SAMPLE_DONE;
    }
    CHECK(tokio_model_live(&model, TOKIO_TASK) == n_tasks);
    CHECK(strcmp(model.target, wi_process_view_facts(view)->name) == 0);
    CHECK(model.n_again == 0);
}

static struct weir_channel *open_channel(const char *name, uint64_t capacity)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("", 0);
    options.name = name;
    options.capacity = capacity;
    struct weir_channel *channel = weir_channel_open(&options);
    CHECK(channel);
    return channel;
}

static struct weir_task_kind *open_kind(void)
{
    struct weir_task_options options = WEIR_TASK_INIT("connection");
    struct weir_task_kind *kind = weir_task_kind_open(&options);
    CHECK(kind);
    return kind;
}

/* ---- much at once ----------------------------------------------------------------------------- */

#define N_CHANNELS 100000
#define N_TASKS    20000

static struct weir_channel *channels[N_CHANNELS];
static struct weir_task tasks[N_TASKS];

static void all_is_told_in_pieces(const char *dir)
{
    (void)dir;
    start("256M", "20000");
    struct weir_task_kind *kind = open_kind();
    char name[32];
    for (unsigned i = 0; i < N_CHANNELS; i++) {
        snprintf(name, sizeof(name), "room-%05u", i);
        channels[i] = open_channel(name, 64);
    }
    for (unsigned i = 0; i < N_TASKS; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        weir_task_open(&tasks[i], kind, name);
        CHECK(tasks[i].row);
    }
    refresh();
    attach();
    hear_round();
    CHECK(n_messages > 10 && n_bytes > ((size_t)12 << 20));
    CHECK(model.longest > WI_TOKIO_MESSAGE_MAX - ((size_t)32 << 10)); /* full ones */
    CHECK(tokio_model_live(&model, TOKIO_RESOURCE) == N_CHANNELS + 1);
    CHECK(tokio_model_live(&model, TOKIO_TASK) == N_TASKS);
    compare();
    CHECK(memory.bytes < (UINT64_C(8) << 20));
    hear(); /* the kind's rates are there now */
    hear();
    CHECK(n_messages == 1 && n_bytes < 100 && n_stats == 0);
    CHECK(n_turns > N_CHANNELS / WI_TOKIO_TURN_SEATS);
    (void)weir_channel_send(channels[777], 1);
    weir_task_poll(&tasks[55]);
    hear();
    CHECK(n_new == 0 && n_stats == 3); /* the kind runs one more */
    CHECK(n_messages <= 3 && n_bytes < 1000);
    CHECK(strcmp(tokio_item_state(tokio_model_named(&model, TOKIO_TASK, "c55")), "RUNNING") == 0);
    compare();
    detach();
}

/* ---- births and deaths ------------------------------------------------------------------------ */

#define CHURN_CHANNELS 3000
#define CHURN_TASKS    1500
#define CHURN_TICKS    60
#define CHURN_CHANGES  5000

static struct weir_task_kind *churn_kind;
static unsigned born;

static void churn(unsigned n_changes)
{
    char name[32];
    for (unsigned i = 0; i < n_changes; i++) {
        unsigned c = (unsigned)rand() % CHURN_CHANNELS;
        unsigned t = (unsigned)rand() % CHURN_TASKS;
        switch (rand() % 8) {
        case 0:
        case 1:
            snprintf(name, sizeof(name), "room-%u", born++);
            if (channels[c]) {
                weir_channel_close(channels[c]);
            }
            channels[c] = rand() % 3 ? open_channel(name, 1 + (unsigned)rand() % 8) : NULL;
            break;
        case 2:
        case 3:
            if (tasks[t].kind) {
                weir_task_close(&tasks[t], WEIR_OUTCOME_OK);
            }
            snprintf(name, sizeof(name), "task %u", born++);
            if (rand() % 3) {
                weir_task_open(&tasks[t], churn_kind, name);
            }
            break;
        case 4:
            if (tasks[t].kind) {
                (tasks[t].is_running ? weir_task_polled : weir_task_poll)(&tasks[t]);
            }
            break;
        case 5:
            if (tasks[t].kind) {
                weir_task_wake(&tasks[t]);
            }
            break;
        default:
            if (channels[c]) {
                (void)weir_channel_send(channels[c], 8);
            }
            break;
        }
    }
}

static void churn_between_turns(void)
{
    churn(300);
    refresh();
}

static void rows_stay_right_while_others_come_and_go(const char *dir)
{
    (void)dir;
    start("64M", "2048");
    churn_kind = open_kind();
    srand(7);
    churn(4 * CHURN_CHANGES);
    refresh();
    attach();
    hear_round();
    compare();
    for (int tick = 0; tick < CHURN_TICKS; tick++) {
        churn(CHURN_CHANGES);
        hear();
        compare();
        if (tick % 6 == 5) {
            tokio_model_retain(&model);
        }
    }
    detach();
}

/* A round in more turns than one, the process view another in each: the next round sets all right. */
static void a_round_may_be_overtaken(const char *dir)
{
    (void)dir;
    start("256M", "2048");
    churn_kind = open_kind();
    for (unsigned i = 0; i < 3 * WI_TOKIO_TURN_SEATS; i++) {
        open_channel("idle", 4);
    }
    srand(8);
    churn(CHURN_CHANGES);
    refresh();
    attach();
    for (int tick = 0; tick < 10; tick++) {
        between_turns = churn_between_turns;
        hear();
        CHECK(n_turns > 3);
        between_turns = NULL;
        hear();
        compare();
    }
    detach();
}

/* What a slow client misses is in what it gets next. */
static void a_slow_client_misses_nothing(const char *dir)
{
    (void)dir;
    start("64M", "2048");
    churn_kind = open_kind();
    srand(9);
    churn(CHURN_CHANGES);
    refresh();
    attach();
    hear_round();
    for (int tick = 0; tick < 5; tick++) {
        for (int skipped = 0; skipped < 7; skipped++) {
            churn(CHURN_CHANGES);
            now += SECOND;
            refresh();
            (call->type->skip)(call, now); /* cmocka has a macro of that name */
            CHECK(call->due_nanos == now + SECOND);
        }
        hear();
        compare();
    }
    CHECK(views.self->updates_skipped == 35);
    detach();
}

/* ---- waits ------------------------------------------------------------------------------------ */

static const struct tokio_item *wait_of(const char *task)
{
    uint64_t id = tokio_model_named(&model, TOKIO_TASK, task)->id;
    for (size_t i = 0; i < model.room[TOKIO_OP]; i++) {
        const struct tokio_item *op = &model.items[TOKIO_OP][i];
        if (op->id && op->task == id && !op->dropped) {
            return op;
        }
    }
    return NULL;
}

static void block(struct weir_task *task, struct weir_semaphore *semaphore,
                  struct weir_channel *channel)
{
    weir_task_poll(task);
    if (semaphore) {
        weir_task_waits_for_semaphore(task, semaphore);
    } else {
        weir_task_waits_for_channel(task, channel);
    }
    weir_task_polled(task);
}

static void a_wait_is_an_async_operation(const char *dir)
{
    (void)dir;
    start("4M", "16");
    struct weir_task_kind *kind = open_kind();
    struct weir_semaphore_options slots = WEIR_SEMAPHORE_INIT("slots", 1);
    struct weir_semaphore *semaphore = weir_semaphore_open(&slots);
    struct weir_channel *full = open_channel("full", 1);
    struct weir_channel *empty = open_channel("empty", 1);
    struct weir_task one, two, three;
    (void)weir_channel_send(full, 1);
    weir_task_open(&one, kind, "one");
    weir_task_open(&two, kind, "two");
    weir_task_open(&three, kind, "three");
    block(&one, semaphore, NULL);
    block(&two, NULL, full);
    block(&three, NULL, empty);
    refresh();
    attach();
    hear_round();
    const struct tokio_item *op = wait_of("one");
    CHECK(op && strcmp(op->kind, "Semaphore::acquire") == 0);
    CHECK(op->resource == tokio_model_named(&model, TOKIO_RESOURCE, "slots")->id);
    CHECK(op->created == tokio_model_named(&model, TOKIO_TASK, "one")->poll_ended);
    CHECK(op->polls == 1 && op->busy == 0 && op->poll_ended == op->poll_started);
    CHECK(strcmp(wait_of("two")->kind, "Channel::send") == 0);
    CHECK(strcmp(wait_of("three")->kind, "Channel::receive") == 0);
    uint64_t first = op->id;
    weir_task_wake(&one);
    hear();
    CHECK(!wait_of("one") && tokio_model_find(&model, TOKIO_OP, first)->dropped);
    CHECK(wait_of("two") && wait_of("two")->n_stats == 1); /* nothing new of it */
    block(&one, semaphore, NULL);
    hear();
    CHECK(wait_of("one") && wait_of("one")->id != first);
    uint64_t second = wait_of("one")->id;
    int64_t began = wait_of("one")->created;
    block(&one, semaphore, NULL); /* unseen: it ran, and waits again */
    hear();
    CHECK(wait_of("one")->id == second && wait_of("one")->created >= began);
    CHECK(wait_of("one")->n_stats == 2);
    block(&one, NULL, full); /* for another */
    hear();
    CHECK(tokio_model_find(&model, TOKIO_OP, second)->dropped);
    CHECK(strcmp(wait_of("one")->kind, "Channel::send") == 0);
    weir_task_close(&one, WEIR_OUTCOME_OK);
    weir_channel_close(empty);
    hear();
    CHECK(!wait_of("three"));
    CHECK(tokio_model_live(&model, TOKIO_OP) == 1);
    detach();
}

/* ---- ends -------------------------------------------------------------------------------------- */

static void the_last_message_ends_all(const char *dir)
{
    (void)dir;
    start("64M", "2048");
    churn_kind = open_kind();
    churn(2 * CHURN_CHANGES);
    refresh();
    attach();
    hear_round();
    compare();
    struct wi_fault fault;
    wi_buffer_clear(&scratch);
    call->type->leave(call);
    CHECK(call->type->next(call, now, &scratch, &fault) == WI_CALL_MESSAGE);
    CHECK(scratch.length <= WI_MESSAGE_MAX);
    tokio_model_take(&model, scratch.bytes, scratch.length);
    for (int sort = 0; sort < N_TOKIO_SORTS; sort++) {
        CHECK(tokio_model_live(&model, (enum tokio_sort)sort) == 0);
    }
    detach();
}

/* A segment that cannot be read for a while is not one without rows. */
static void a_failed_reading_ends_no_row(const char *dir)
{
    (void)dir;
    start("4M", "16");
    open_channel("moves", 4);
    refresh();
    attach();
    hear_round();
    views.first->status = WEIR_E_CORRUPT;
    now += SECOND;
    struct wi_fault fault;
    wi_buffer_clear(&scratch);
    CHECK(call->type->next(call, now, &scratch, &fault) == WI_CALL_QUIET);
    CHECK(call->due_nanos == now + SECOND);
    hear();
    CHECK(n_new == 0);
    compare();
    detach();
}

static void what_found_no_room_is_counted(const char *dir)
{
    (void)dir;
    start("4M", "2");
    struct weir_task_kind *kind = open_kind();
    for (int i = 0; i < 5; i++) {
        weir_task_open(&tasks[i], kind, "t");
    }
    refresh();
    attach();
    hear_round();
    CHECK(model.lost[TOKIO_TASK] == 3);
    weir_task_open(&tasks[5], kind, "t");
    hear();
    hear();
    CHECK(model.lost[TOKIO_TASK] == 4 && model.lost[TOKIO_RESOURCE] == 0);
    detach();
}

/* Whichever piece of memory is refused: the call ends with a text and gives all back. */
static void lack_of_memory_ends_the_call_alone(const char *dir)
{
    (void)dir;
    start("4M", "64");
    struct weir_task_kind *kind = open_kind();
    for (int i = 0; i < 40; i++) {
        weir_task_open(&tasks[i], kind, "t");
    }
    refresh();
    bool is_over = false;
    for (uint64_t n = 1; !is_over; n++) {
        struct wi_fault fault = {WI_RPC_OK, ""};
        enum wi_call_next next = WI_CALL_END;
        memory.countdown = n;
        wi_buffer_clear(&scratch);
        call = wi_tokio_watch_updates(
            &(struct wi_call_start){.context = &context, .served = views.first, .peer = &peer},
            &fault);
        if (call) {
            next = call->type->next(call, now, &scratch, &fault);
            call->type->destroy(call);
        }
        is_over = next == WI_CALL_MESSAGE;
        CHECK(is_over || (fault.code == WI_RPC_RESOURCE_EXHAUSTED && fault.text[0]));
        CHECK(memory.bytes == 0 && n < 20);
        CHECK(!is_over || n > 3);
    }
    struct wi_buffer small = scratch;
    wi_buffer_init(&scratch, 2000); /* a message that finds no room */
    memory.countdown = 0;
    attach();
    struct wi_fault fault = {WI_RPC_OK, ""};
    CHECK(call->type->next(call, now, &scratch, &fault) == WI_CALL_END);
    CHECK(fault.code == WI_RPC_RESOURCE_EXHAUSTED);
    detach();
    wi_buffer_finish(&small);
}

CHILD_TEST(all_is_told_in_pieces)
CHILD_TEST(rows_stay_right_while_others_come_and_go)
CHILD_TEST(a_round_may_be_overtaken)
CHILD_TEST(a_slow_client_misses_nothing)
CHILD_TEST(a_wait_is_an_async_operation)
CHILD_TEST(the_last_message_ends_all)
CHILD_TEST(a_failed_reading_ends_no_row)
CHILD_TEST(what_found_no_room_is_counted)
CHILD_TEST(lack_of_memory_ends_the_call_alone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_told_in_pieces),
        cmocka_unit_test(test_rows_stay_right_while_others_come_and_go),
        cmocka_unit_test(test_a_round_may_be_overtaken),
        cmocka_unit_test(test_a_slow_client_misses_nothing),
        cmocka_unit_test(test_a_wait_is_an_async_operation),
        cmocka_unit_test(test_the_last_message_ends_all),
        cmocka_unit_test(test_a_failed_reading_ends_no_row),
        cmocka_unit_test(test_what_found_no_room_is_counted),
        cmocka_unit_test(test_lack_of_memory_ends_the_call_alone),
    };
    return cmocka_run_group_tests_name("tokio_updates", tests, NULL, NULL);
}
