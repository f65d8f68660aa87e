/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment */
/*
 * A family: children of fork that count in their parent's segment. Its counts are those of all processes, whoever
 * has ended, and nothing that a child does or leaves undone takes the segment from the others. */
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct weir_error error;
static struct weir_channel *queue;

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static enum weir_status start(enum weir_scope scope)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.scope = scope;
    return weir_start(&options, &error);
}

static void found(void)
{
    CHECK(start(WEIR_SCOPE_FAMILY) == WEIR_OK);
    queue = open_channel("pipe");
    CHECK(queue);
}

/* A child that does this and leaves by _exit. */
static pid_t begin(void (*work)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(start(WEIR_SCOPE_FAMILY) == WEIR_OK);
        work();
        _exit(0);
    }
    return pid;
}

static void end(pid_t pid)
{
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void send_many(void)
{
    for (int i = 0; i < 1000; i++) {
        weir_channel_send(queue, 3);
    }
}

static void receive_some(void)
{
    for (int i = 0; i < 400; i++) {
        weir_channel_receive(queue, 0, 3);
    }
}

static uint64_t value(struct wi_process_view *view, const char *name, int metric)
{
    for (size_t i = 0; i < wi_process_view_count(view, WI_CHANNEL); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, i);
        if (strcmp(row->name, name) == 0) {
            return row->value[metric].u.u64;
        }
    }
    CHECK(false);
    return 0;
}

/* As the founder sees it, and as another process does. */
static void expect(const char *dir, uint64_t sent, uint64_t received)
{
    char path[256];
    struct wi_process_view *views[2];
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(wi_process_view_open_self(&views[0], &error) == WEIR_OK);
    CHECK(wi_process_view_open_file(path, &views[1], &error) == WEIR_OK);
    for (int v = 0; v < 2; v++) {
        CHECK(wi_process_view_refresh(views[v], 1, &error) == WEIR_OK);
        if (value(views[v], "pipe", WI_CHANNEL_SENT) != sent ||
            value(views[v], "pipe", WI_CHANNEL_RECEIVED) != received) {
            fprintf(stderr, "view %d: %llu %llu, not %llu %llu\n", v,
                    (unsigned long long)value(views[v], "pipe", WI_CHANNEL_SENT),
                    (unsigned long long)value(views[v], "pipe", WI_CHANNEL_RECEIVED),
                    (unsigned long long)sent, (unsigned long long)received);
            CHECK(false);
        }
        CHECK(value(views[v], "pipe", WI_CHANNEL_DEPTH) == sent - received);
        CHECK(value(views[v], "pipe", WI_CHANNEL_QUEUED_BYTES) == 3 * (sent - received));
        wi_process_view_close(views[v]);
    }
}

/* ---- one row ------------------------------------------------------------------------------------------ */

static void is_one_row(const char *dir)
{
    found();
    send_many();
    pid_t sender = begin(send_many);
    pid_t receivers[3];
    for (int i = 0; i < 3; i++) {
        receivers[i] = begin(receive_some);
    }
    end(sender);
    for (int i = 0; i < 3; i++) {
        end(receivers[i]);
    }
    expect(dir, 2000, 1200);
    receive_some();
    expect(dir, 2000, 1600);
}

static void *count(void *unused)
{
    send_many();
    receive_some();
    return unused;
}

static void count_with_threads(void)
{
    pthread_t threads[8];
    for (int t = 0; t < 8; t++) {
        CHECK(pthread_create(&threads[t], NULL, count, NULL) == 0);
    }
    for (int t = 0; t < 8; t++) {
        pthread_join(threads[t], NULL);
    }
}

static void counts_each_thread(const char *dir)
{
    found();
    count_with_threads();
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        pids[i] = begin(count_with_threads);
    }
    for (int i = 0; i < 4; i++) {
        end(pids[i]);
    }
    expect(dir, 5 * 8000, 5 * 3200);
}

static void count_as_grandchild(void)
{
    send_many();
    end(begin(send_many));
    receive_some();
}

static void counts_grandchildren(const char *dir)
{
    found();
    end(begin(count_as_grandchild));
    expect(dir, 2000, 400);
}

/* ---- what members leave ------------------------------------------------------------------------------- */

/* A worker that is respawned has the shard and the room of the one before it: the segment stays as it is. */
static void is_respawned(const char *dir)
{
    struct weir_health health = {.size = sizeof(health)};
    uint64_t bytes = 0;
    found();
    for (int i = 0; i < 200; i++) {
        end(begin(i % 2 ? send_many : count_with_threads));
        weir_health_read(&health);
        uint64_t used = wi_load_relaxed(&wi_segment_header()->used_bytes);
        bytes = i == 1 ? used : bytes;
        CHECK(i < 2 || used == bytes);
    }
    expect(dir, 100 * 1000 + 100 * 8000, 100 * 3200);
    CHECK(wi_load_relaxed(&wi_segment_header()->n_shards) <= 9);
}

static void stay(void)
{
    send_many();
    pause();
}

static bool has_sent(void *wanted)
{
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    bool has = value(view, "pipe", WI_CHANNEL_SENT) == *(uint64_t *)wanted;
    wi_process_view_close(view);
    return has;
}

static void has_what_the_killed_counted(const char *dir)
{
    found();
    for (uint64_t i = 1; i <= 5; i++) {
        uint64_t wanted = 1000 * i;
        pid_t pid = begin(stay);
        CHECK(child_wait(has_sent, &wanted));
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    }
    end(begin(receive_some));
    expect(dir, 5000, 400);
}

/* More processes at once than have records. */
static void is_a_crowd(const char *dir)
{
    enum { CROWD = WI_MAX_MEMBERS + 20 };
    static pid_t pids[CROWD];
    int n_degraded = 0;
    found();
    for (int i = 0; i < CROWD; i++) {
        int ready[2];
        char byte = 0;
        CHECK(pipe(ready) == 0);
        pids[i] = fork();
        if (pids[i] == 0) {
            byte = (char)start(WEIR_SCOPE_FAMILY);
            send_many();
            CHECK(write(ready[1], &byte, 1) == 1);
            pause();
        }
        CHECK(read(ready[0], &byte, 1) == 1);
        n_degraded += byte == WEIR_DEGRADED;
        close(ready[0]);
        close(ready[1]);
    }
    CHECK(n_degraded == CROWD - (WI_MAX_MEMBERS - 1));
    expect(dir, CROWD * 1000, 0);
    for (int i = 0; i < CROWD; i++) {
        CHECK(kill(pids[i], SIGKILL) == 0 && waitpid(pids[i], NULL, 0) == pids[i]);
    }
    end(begin(receive_some));
    expect(dir, CROWD * 1000, 400);
}

/* ---- handles ------------------------------------------------------------------------------------------ */

static void open_and_close(void)
{
    CHECK(!open_channel("of a child"));
    CHECK(!weir_sender_open(queue, "of a child"));
    weir_channel_close(queue);
    send_many();
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.handles_refused == 1);
    CHECK(weir_agent_start(NULL, &error) == WEIR_E_STATE);
    weir_stop();
    receive_some();
    exit(0);
}

static void belongs_to_the_founder(const char *dir)
{
    found();
    end(begin(open_and_close));
    expect(dir, 1000, 400);
    /* Opened after the fork, and closed again: its slot is used again. */
    uint32_t n = wi_index.n_slots;
    for (int i = 0; i < 100; i++) {
        struct weir_channel *channel = open_channel("for a moment");
        CHECK(channel);
        weir_channel_close(channel);
    }
    CHECK(wi_index.n_slots == n + 1);
    expect(dir, 1000, 400);
}

static struct weir_channel *second;

static void count_in_both(void)
{
    send_many();
    for (int i = 0; i < 10; i++) {
        weir_channel_send(second, 1);
    }
}

/* What a child counts after the close stays with the name; the slot is not used again. */
static void is_closed_under_a_child(const char *dir)
{
    struct wi_process_view *view;
    found();
    second = open_channel("second");
    end(begin(count_in_both));
    weir_channel_close(second);
    struct weir_channel *third = open_channel("third");
    CHECK(third && weir_slot_id(&third->head) != weir_slot_id(&second->head));
    expect(dir, 1000, 0);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(value(view, "third", WI_CHANNEL_SENT) == 0);
    wi_process_view_close(view);
}

static struct weir_sent sent_from[64];

static void receive_from(void)
{
    for (int i = 0; i < 64; i++) {
        weir_channel_receive_from(queue, sent_from[i], 3);
    }
}

/* Senders that closed, and whose last message left in a child: the founder uses them again. */
static void has_senders(const char *dir)
{
    found();
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 64; i++) {
            struct weir_sender *sender = weir_sender_open(queue, "player");
            CHECK(sender);
            sent_from[i] = weir_channel_send_from(queue, sender, 3);
            weir_sender_close(sender);
        }
        end(begin(receive_from));
    }
    expect(dir, 40 * 64, 40 * 64);
    CHECK(wi_index.n_blocks[WI_SENDERS] <= 2 * WI_SENDER_SLAB);
}

/* ---- who joins ---------------------------------------------------------------------------------------- */

static void counts_alone(const char *dir)
{
    found();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(start(WEIR_SCOPE_PROCESS) == WEIR_OK);
        CHECK(child_count(dir, ".weir", NULL, 0) == 2);
        CHECK(wi_segment_header()->members == 0);
        send_many();
        exit(0);
    }
    end(pid);
    expect(dir, 0, 0);
}

static void has_another_layout(const char *dir)
{
    found();
    pid_t pid = fork();
    if (pid == 0) {
        wi_segment_header()->layout = WI_LAYOUT_VERSION + 1;
        CHECK(start(WEIR_SCOPE_FAMILY) == WEIR_DEGRADED && strstr(error.text, "layout"));
        wi_segment_header()->layout = WI_LAYOUT_VERSION;
        CHECK(child_count(dir, ".weir", NULL, 0) == 2);
        exit(0);
    }
    end(pid);
    wi_segment_header()->layout = WI_LAYOUT_VERSION;
    expect(dir, 0, 0);
}

static int ready[2], alive[2], go[2];

/* Sends while its founder lives, and when that has ended; ends when it is told to. */
static void outlive(void)
{
    char byte = 0;
    close(alive[1]);
    close(go[1]);
    send_many();
    CHECK(write(ready[1], &byte, 1) == 1);
    CHECK(read(alive[0], &byte, 1) == 0);
    send_many();
    CHECK(write(ready[1], &byte, 1) == 1);
    CHECK(read(go[0], &byte, 1) == 0);
    exit(0);
}

/* The founder ends first: its children count on, their file stays, and goes with the last one. */
static void outlives_its_founder(const char *dir)
{
    char path[256];
    char byte = 0;
    struct wi_process_view *view;
    CHECK(pipe(ready) == 0 && pipe(alive) == 0 && pipe(go) == 0);
    pid_t founder = fork();
    if (founder == 0) {
        found();
        begin(outlive);
        CHECK(read(ready[0], &byte, 1) == 1);
        exit(0);
    }
    close(alive[1]);
    end(founder);
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(value(view, "pipe", WI_CHANNEL_SENT) == 2000);
    wi_process_view_close(view);
}

static bool is_empty(void *dir)
{
    return child_count(dir, ".weir", NULL, 0) == 0;
}

static void the_last_one_removes_the_file(void **state)
{
    (void)state;
    char dir[64];
    child_dir_make(dir, sizeof(dir));
    assert_int_equal(child_run_in(dir, outlives_its_founder), 0);
    assert_true(child_wait(is_empty, dir));
    child_dir_remove(dir);
}

CHILD_TEST(is_one_row)
CHILD_TEST(counts_each_thread)
CHILD_TEST(counts_grandchildren)
CHILD_TEST(is_respawned)
CHILD_TEST(has_what_the_killed_counted)
CHILD_TEST(is_a_crowd)
CHILD_TEST(belongs_to_the_founder)
CHILD_TEST(is_closed_under_a_child)
CHILD_TEST(has_senders)
CHILD_TEST(counts_alone)
CHILD_TEST(has_another_layout)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_one_row),
        cmocka_unit_test(test_counts_each_thread),
        cmocka_unit_test(test_counts_grandchildren),
        cmocka_unit_test(test_is_respawned),
        cmocka_unit_test(test_has_what_the_killed_counted),
        cmocka_unit_test(test_is_a_crowd),
        cmocka_unit_test(test_belongs_to_the_founder),
        cmocka_unit_test(test_is_closed_under_a_child),
        cmocka_unit_test(test_has_senders),
        cmocka_unit_test(test_counts_alone),
        cmocka_unit_test(test_has_another_layout),
        cmocka_unit_test(the_last_one_removes_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
