/* SPDX-License-Identifier: MIT */
/* Senders: what of each is queued, and what is orphaned. */
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static struct weir_error error;
static struct wi_process_view *view;
static uint64_t now = 1000 * SECOND;

static struct weir_channel *start(void)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static void look(void)
{
    now += SECOND;
    CHECK(wi_process_view_refresh(view, now, &error) == WEIR_OK);
}

static uint64_t channel_number(int metric)
{
    const struct wi_value *value = &wi_process_view_row(view, WI_CHANNEL, 0)->value[metric];
    CHECK(value->type == WI_U64);
    return value->u.u64;
}

/* The row of a sender by its label; NULL when there is none. */
static const struct wi_row *find(const char *label)
{
    for (size_t i = 0; i < wi_process_view_count(view, WI_SENDER); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_SENDER, i);
        if (strcmp(row->name, label) == 0) {
            return row;
        }
    }
    return NULL;
}

static void shows_what_a_sender_has_queued(const char *dir)
{
    (void)dir;
    struct weir_channel *moves = start();
    look();
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_ORPHANED].type == WI_ABSENT);
    struct weir_sender *player = weir_sender_open(moves, "player-7");
    struct weir_sender *other = weir_sender_open(moves, NULL);
    struct weir_sent sent[5];
    for (int i = 0; i < 5; i++) {
        sent[i] = weir_channel_send_from(moves, player, 208);
    }
    weir_channel_send_from(moves, other, 100);
    weir_channel_send_from(moves, NULL, 50);
    weir_channel_receive_from(moves, sent[0], 208);
    weir_channel_discard_from(moves, sent[1], 208, WEIR_DISCARD_EXPIRED);
    weir_channel_unsend_from(moves, sent[2], 208, WEIR_REJECT_FULL);
    look();
    CHECK(wi_process_view_count(view, WI_SENDER) == 2);
    const struct wi_row *row = find("player-7");
    CHECK(row && row->value[WI_SENDER_IN_FLIGHT].u.u64 == 2);
    CHECK(row->value[WI_SENDER_IN_FLIGHT_BYTES].u.u64 == UINT64_C(2) * 208);
    CHECK(row->value[WI_SENDER_SENT].u.u64 == 5 && row->value[WI_SENDER_LEFT].u.u64 == 3);
    CHECK(strcmp(row->value[WI_SENDER_CHANNEL].u.text, "moves") == 0);
    CHECK(strcmp(row->value[WI_SENDER_STATE].u.text, "open") == 0);
    CHECK(find("moves-1") != NULL);
    CHECK(channel_number(WI_CHANNEL_SENDERS) == 2);
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 0);
    CHECK(channel_number(WI_CHANNEL_DEPTH) == 4);
    CHECK(channel_number(WI_CHANNEL_REJECTS_FULL) == 1);
    CHECK(channel_number(WI_CHANNEL_DISCARDED_EXPIRED) == 1);
    wi_process_view_close(view);
}

static void shows_orphans(const char *dir)
{
    (void)dir;
    struct weir_channel *moves = start();
    struct weir_sender *player = weir_sender_open(moves, "gone");
    struct weir_sender *idle = weir_sender_open(moves, "idle");
    struct weir_sent sent[3];
    for (int i = 0; i < 3; i++) {
        sent[i] = weir_channel_send_from(moves, player, 208);
    }
    weir_sender_close(player);
    weir_sender_close(idle); /* with nothing queued: gone at once */
    look();
    CHECK(wi_process_view_count(view, WI_SENDER) == 1);
    CHECK(strcmp(find("gone")->value[WI_SENDER_STATE].u.text, "gone") == 0);
    CHECK(channel_number(WI_CHANNEL_SENDERS) == 0);
    CHECK(channel_number(WI_CHANNEL_SENDERS_GONE) == 1);
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 3);
    CHECK(channel_number(WI_CHANNEL_ORPHANED_BYTES) == UINT64_C(3) * 208);
    weir_channel_receive_from(moves, sent[0], 208);
    weir_channel_receive_from(moves, sent[1], 208);
    look();
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 1);
    weir_channel_receive_from(moves, sent[2], 208);
    look();
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 0);
    CHECK(channel_number(WI_CHANNEL_SENDERS_GONE) == 0);
    CHECK(wi_process_view_count(view, WI_SENDER) == 0);
    wi_process_view_close(view);
}

/* The classic leak of a broker: a subscriber is absent, and messages for it keep coming. */
static void shows_orphans_of_a_sender_that_is_away(const char *dir)
{
    (void)dir;
    struct weir_channel *moves = start();
    struct weir_sender *archive = weir_sender_open(moves, "archive");
    struct weir_sender *gone = weir_sender_open(moves, "gone");
    struct weir_sent sent = weir_channel_send_from(moves, archive, 100);
    weir_channel_send_from(moves, gone, 7);
    weir_sender_close(gone);
    weir_sender_away(archive);
    weir_sender_away(archive);
    weir_channel_send_from(moves, archive, 50);
    look();
    CHECK(strcmp(find("archive")->value[WI_SENDER_STATE].u.text, "away") == 0);
    CHECK(find("archive")->value[WI_SENDER_AWAY].type == WI_F64);
    CHECK(find("gone")->value[WI_SENDER_AWAY].type == WI_ABSENT);
    CHECK(channel_number(WI_CHANNEL_SENDERS) == 1 && channel_number(WI_CHANNEL_SENDERS_AWAY) == 1);
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 3);
    CHECK(channel_number(WI_CHANNEL_ORPHANED_BYTES) == 157);
    CHECK(channel_number(WI_CHANNEL_ORPHANED_AWAY) == 2);
    weir_channel_receive_from(moves, sent, 100);
    look();
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 2 && channel_number(WI_CHANNEL_DEPTH) == 2);
    weir_sender_back(archive);
    weir_sender_back(archive);
    look();
    CHECK(strcmp(find("archive")->value[WI_SENDER_STATE].u.text, "open") == 0);
    CHECK(find("archive")->value[WI_SENDER_AWAY].type == WI_ABSENT);
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 1 &&
          channel_number(WI_CHANNEL_ORPHANED_AWAY) == 0);
    wi_process_view_close(view);
}

/* Nothing is queued, so the block is free at once, and the next sender has it. */
static void a_closed_sender_does_not_go_away(const char *dir)
{
    (void)dir;
    struct weir_channel *moves = start();
    struct weir_sender *player = weir_sender_open(moves, "player");
    weir_channel_send_from(moves, player, 1);
    weir_sender_away(player);
    weir_sender_close(player);
    weir_sender_away(player);
    weir_sender_back(player);
    look();
    CHECK(strcmp(find("player")->value[WI_SENDER_STATE].u.text, "gone") == 0);
    CHECK(channel_number(WI_CHANNEL_SENDERS) == 0 && channel_number(WI_CHANNEL_SENDERS_AWAY) == 0);
    struct weir_sender *brief = weir_sender_open(moves, "brief");
    weir_sender_close(brief);
    weir_sender_away(brief);
    struct weir_sender *next = weir_sender_open(moves, "next");
    CHECK(next == brief);
    look();
    CHECK(strcmp(find("next")->value[WI_SENDER_STATE].u.text, "open") == 0);
    weir_channel_close(moves);
    weir_sender_away(next);
    look();
    CHECK(wi_process_view_count(view, WI_SENDER) == 0);
    wi_process_view_close(view);
}

static double oldest(const char *label)
{
    return wi_value_number(&find(label)->value[WI_SENDER_OLDEST_AGE], -1);
}

static void shows_the_age_of_the_oldest_message(const char *dir)
{
    (void)dir;
    struct weir_channel *moves = start();
    struct weir_sender *before = weir_sender_open(moves, "before");
    weir_channel_send_from(moves, before, 1);
    look();
    CHECK(oldest("before") < 0); /* it was sent at an unknown time */
    struct weir_sender *player = weir_sender_open(moves, "player");
    CHECK(weir_sender_open(moves, "idle") != NULL);
    struct weir_sent first = weir_channel_send_from(moves, player, 1);
    for (int seconds = 1; seconds <= 4; seconds++) {
        look();
        CHECK(oldest("player") == seconds && oldest("idle") == 0);
    }
    struct weir_sent second = weir_channel_send_from(moves, player, 1);
    weir_channel_receive_from(moves, first, 1);
    look();
    CHECK(oldest("player") <= 1.5); /* the second was sent in the last second */
    weir_channel_receive_from(moves, second, 1);
    look();
    CHECK(oldest("player") == 0);
    wi_process_view_close(view);
}

static bool is_watched(const char *label)
{
    uint32_t rows[300];
    size_t n = wi_process_view_worst(view, WI_SENDER, rows, 300);
    CHECK(n <= 256);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(wi_process_view_row(view, WI_SENDER, rows[i])->name, label) == 0) {
            return true;
        }
    }
    return false;
}

/* Curves are of the deepest ones only, and come and go with what is queued. */
static void the_deepest_senders_are_watched(const char *dir)
{
    (void)dir;
    enum { N = 300 };
    static struct weir_sender *senders[N];
    static struct weir_sent sent[N][10];
    uint32_t rows[N];
    struct weir_channel *moves = start();
    look();
    CHECK(wi_process_view_worst(view, WI_SENDER, rows, N) == 0);
    for (int i = 0; i < N; i++) {
        char label[16];
        snprintf(label, sizeof(label), "%d", i);
        senders[i] = weir_sender_open(moves, label);
        for (int k = 0; k < 10; k++) {
            sent[i][k] = weir_channel_send_from(moves, senders[i], 1);
        }
    }
    look();
    CHECK(wi_process_view_worst(view, WI_SENDER, rows, N) == 256);
    CHECK(is_watched("0") && !is_watched("299"));
    for (int k = 0; k < 10; k++) { /* 20: not twice as deep as the shallowest */
        weir_channel_send_from(moves, senders[299], 1);
    }
    look();
    CHECK(!is_watched("299"));
    weir_channel_send_from(moves, senders[299], 1);
    weir_channel_send_from(moves, senders[299], 1);
    look();
    CHECK(is_watched("299") && wi_process_view_worst(view, WI_SENDER, rows, N) == 256);
    for (int i = 0; i < 290; i++) {
        for (int k = 0; k < 10; k++) {
            weir_channel_receive_from(moves, sent[i][k], 1);
        }
    }
    look();
    look();
    CHECK(wi_process_view_worst(view, WI_SENDER, rows, N) == 10 && is_watched("290"));
    weir_channel_close(moves);
    look();
    CHECK(wi_process_view_worst(view, WI_SENDER, rows, N) == 0);
    wi_process_view_close(view);
}

/* Two channels of one name, told apart by their labels; one has receivers. */
static void a_sender_has_the_row_of_its_channel(const char *dir)
{
    (void)dir;
    start();
    static const char *const labels[] = {"a", "b"};
    for (int i = 0; i < 2; i++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("writes", 10);
        options.label = labels[i];
        options.party = i ? WEIR_PARTY_RECEIVERS : WEIR_PARTY_SENDERS;
        CHECK(weir_sender_open(weir_channel_open(&options), labels[i]) != NULL);
    }
    struct weir_channel_options options = WEIR_CHANNEL_INIT("nobody's", 10);
    options.party = WEIR_PARTY_RECEIVERS;
    CHECK(weir_channel_open(&options) != NULL);
    look();
    for (size_t i = 1; i <= 2; i++) {
        const struct wi_row channel = *wi_process_view_row(view, WI_CHANNEL, i);
        const char *label = wi_row_label(WI_CHANNEL, &channel);
        const struct wi_row *sender = find(label);
        CHECK(sender->value[WI_SENDER_CHANNEL_ID].u.u64 == channel.id);
        CHECK(strcmp(wi_row_label(WI_SENDER, sender), label) == 0);
        const char *party = i == 1 ? "sender" : "receiver";
        CHECK(strcmp(sender->value[WI_SENDER_PARTY].u.text, party) == 0);
        CHECK(strcmp(channel.value[WI_CHANNEL_PARTY].u.text, party) == 0);
    }
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 3);
    CHECK(strcmp(row->value[WI_CHANNEL_PARTY].u.text, "receiver") == 0);
    CHECK(!wi_row_label(WI_CHANNEL, row));
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_PARTY].type == WI_ABSENT);
    wi_process_view_close(view);
}

/* 50,000 at a time, four times as many in all: the blocks are used again, and no sender has what was
 * another's. */
static void blocks_are_used_again_and_never_mixed_up(const char *dir)
{
    (void)dir;
    enum { N = 50000, ROUNDS = 4 };
    static struct weir_sender *senders[N];
    static struct weir_sent sent[N];
    struct weir_channel *moves = start();
    uint64_t bytes_before = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < N; i++) {
            char label[32];
            snprintf(label, sizeof(label), "%d/%d", round, i);
            senders[i] = weir_sender_open(moves, label);
            CHECK(senders[i] != NULL);
            for (int k = 0; k < i % 3; k++) {
                sent[i] = weir_channel_send_from(moves, senders[i], 10);
            }
        }
        for (int i = 0; i < N; i++) {
            weir_sender_close(senders[i]);
        }
        look();
        CHECK(wi_process_view_count(view, WI_SENDER) == N - (N + 2) / 3);
        CHECK(channel_number(WI_CHANNEL_ORPHANED) == N / 3 * 3 + 1);
        for (size_t i = 0; i < wi_process_view_count(view, WI_SENDER); i++) {
            const struct wi_row *row = wi_process_view_row(view, WI_SENDER, i);
            int of_round, of_i;
            CHECK(sscanf(row->name, "%d/%d", &of_round, &of_i) == 2 && of_round == round);
            CHECK(row->value[WI_SENDER_IN_FLIGHT].u.u64 == (uint64_t)of_i % 3);
        }
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < i % 3; k++) {
                weir_channel_receive_from(moves, sent[i], 10);
            }
        }
        look();
        CHECK(wi_process_view_count(view, WI_SENDER) == 0 && channel_number(WI_CHANNEL_DEPTH) == 0);
        struct weir_health health = {.size = sizeof(health)};
        weir_health_read(&health);
        CHECK(round == 0 || health.segment_bytes == bytes_before);
        bytes_before = health.segment_bytes;
    }
    CHECK(bytes_before < 8 << 20);
    wi_process_view_close(view);
}

static void senders_go_with_their_channel(const char *dir)
{
    (void)dir;
    struct weir_channel *moves = start();
    struct weir_sender *player = weir_sender_open(moves, "player");
    struct weir_sent sent = weir_channel_send_from(moves, player, 8);
    weir_channel_close(moves);
    look();
    CHECK(wi_process_view_count(view, WI_SENDER) == 0);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("next", 10);
    struct weir_channel *next = weir_channel_open(&options);
    struct weir_sender *other = weir_sender_open(next, "other");
    weir_channel_send_from(next, other, 8);
    weir_sender_left(sent.sender, 8); /* of a message that was forgotten */
    look();
    CHECK(wi_process_view_count(view, WI_SENDER) == 1);
    CHECK(find("other")->value[WI_SENDER_IN_FLIGHT].u.u64 == 1);
    wi_process_view_close(view);
}

static void no_room_counts_in_the_channel_only(const char *dir)
{
    (void)dir;
    setenv("WEIR_LIMIT", "1M", 1);
    struct weir_channel *moves = start();
    int n = 0;
    while (weir_sender_open(moves, "x")) {
        CHECK(++n < 10000);
    }
    struct weir_sent sent = weir_channel_send_from(moves, NULL, 8);
    weir_channel_send_from(moves, NULL, 8);
    weir_channel_receive_from(moves, sent, 8);
    look();
    CHECK(channel_number(WI_CHANNEL_DEPTH) == 1);
    CHECK(wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_SENDERS_REFUSED].u.u64 == 1);
    CHECK(wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_SENDERS].u.u64 == (uint64_t)n);
    wi_process_view_close(view);
}

/* Messages that were queued at the fork are the parent's: in the child they leave nobody's count. */
static void a_child_counts_its_own(const char *dir)
{
    (void)dir;
    struct weir_channel *moves = start();
    struct weir_sender *player = weir_sender_open(moves, "player");
    struct weir_sender *gone = weir_sender_open(moves, "gone");
    struct weir_sent before = weir_channel_send_from(moves, player, 8);
    struct weir_sent orphan = weir_channel_send_from(moves, gone, 8);
    weir_sender_close(gone);
    pid_t pid = fork();
    if (pid == 0) {
        weir_channel_send_from(moves, player, 8); /* counted by nobody */
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        wi_process_view_close(view);
        CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
        look();
        CHECK(channel_number(WI_CHANNEL_ORPHANED) == 0);
        weir_channel_send_from(moves, player, 8);
        weir_channel_send_from(moves, player, 8);
        weir_channel_receive_from(moves, before, 8);
        weir_channel_receive_from(moves, orphan, 8);
        look();
        CHECK(find("player")->value[WI_SENDER_IN_FLIGHT].u.u64 == 2);
        CHECK(find("gone") == NULL);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    look();
    CHECK(find("player")->value[WI_SENDER_IN_FLIGHT].u.u64 == 1);
    CHECK(channel_number(WI_CHANNEL_ORPHANED) == 1);
    wi_process_view_close(view);
}

static void sender_without_anything_does_no_harm(const char *dir)
{
    (void)dir;
    CHECK(weir_sender_open(NULL, "x") == NULL);
    weir_sender_close(NULL);
    weir_sender_away(NULL);
    weir_sender_back(NULL);
    struct weir_sent sent = weir_channel_send_from(NULL, NULL, 8);
    CHECK(sent.ticket == 0 && sent.sender == 0);
    weir_channel_receive_from(NULL, sent, 8);
    weir_channel_unsend_from(NULL, sent, 8, WEIR_REJECT_FULL);
    weir_channel_discard_from(NULL, sent, 8, WEIR_DISCARD_CLOSED);
}

CHILD_TEST(shows_what_a_sender_has_queued)
CHILD_TEST(shows_orphans)
CHILD_TEST(shows_orphans_of_a_sender_that_is_away)
CHILD_TEST(a_closed_sender_does_not_go_away)
CHILD_TEST(blocks_are_used_again_and_never_mixed_up)
CHILD_TEST(shows_the_age_of_the_oldest_message)
CHILD_TEST(the_deepest_senders_are_watched)
CHILD_TEST(a_sender_has_the_row_of_its_channel)
CHILD_TEST(senders_go_with_their_channel)
CHILD_TEST(no_room_counts_in_the_channel_only)
CHILD_TEST(a_child_counts_its_own)
CHILD_TEST(sender_without_anything_does_no_harm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_what_a_sender_has_queued),
        cmocka_unit_test(test_shows_orphans),
        cmocka_unit_test(test_shows_orphans_of_a_sender_that_is_away),
        cmocka_unit_test(test_a_closed_sender_does_not_go_away),
        cmocka_unit_test(test_blocks_are_used_again_and_never_mixed_up),
        cmocka_unit_test(test_shows_the_age_of_the_oldest_message),
        cmocka_unit_test(test_the_deepest_senders_are_watched),
        cmocka_unit_test(test_a_sender_has_the_row_of_its_channel),
        cmocka_unit_test(test_senders_go_with_their_channel),
        cmocka_unit_test(test_no_room_counts_in_the_channel_only),
        cmocka_unit_test(test_a_child_counts_its_own),
        cmocka_unit_test(test_sender_without_anything_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
