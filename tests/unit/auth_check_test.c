/* SPDX-License-Identifier: MIT */
/* Who may ask over TCP: the token and its file, the names, and a session behind the auth check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "peer.h"
#include "wire/auth_check.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef"

static char path[64];
static unsigned n_logged;

static void write_file(const void *bytes, size_t n, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void write_token(const char *text)
{
    write_file(text, strlen(text), 0600);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/dev/shm/weir-token-%d", (int)getpid());
    write_token(TOKEN "\n");
    n_logged = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void on_log(void *context, const char *line)
{
    (void)context;
    assert_non_null(strstr(line, path));
    n_logged++;
}

static bool admits(struct wi_token *token, const char *authorization)
{
    return wi_token_admits(token, authorization, strlen(authorization));
}

static void token_is_one_line_of_16_visible_characters_or_more(void **state)
{
    (void)state;
    char text[WI_TOKEN_MOST + 1];
    static char longest[WI_TOKEN_MOST + 2];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[WI_TOKEN_MOST] = '\n';
    static const char *const good[] = {TOKEN, TOKEN "\n", TOKEN "!~+/=-._"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        write_token(good[i]);
        assert_int_equal(wi_token_read(path, text, NULL), WEIR_OK);
        assert_int_equal(strlen(text), strcspn(good[i], "\n"));
        assert_memory_equal(text, good[i], strlen(text));
    }
    write_file(longest, WI_TOKEN_MOST, 0400);
    assert_int_equal(wi_token_read(path, text, NULL), WEIR_OK);
    assert_int_equal(strlen(text), WI_TOKEN_MOST);

    static const char *const bad[] = {
        "",         "\n",         "0123456789abcde\n", TOKEN "\n\n",
        TOKEN " x", TOKEN "\r\n", TOKEN "\t",          TOKEN "\xc3\xa9"};
    struct weir_error error;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_token(bad[i]);
        if (wi_token_read(path, text, &error) != WEIR_E_DENIED || !strstr(error.text, path)) {
            fail_msg("<%s> is taken for a token", bad[i]);
        }
        assert_null(strstr(error.text, "0123456789"));
    }
    write_file(TOKEN "\0" TOKEN, 2 * sizeof(TOKEN), 0600);
    assert_int_equal(wi_token_read(path, text, &error), WEIR_E_DENIED);
    write_file(longest, WI_TOKEN_MOST + 1, 0600);
    assert_int_equal(wi_token_read(path, text, &error), WEIR_E_DENIED);
}

static void token_lies_in_a_file_of_ones_own(void **state)
{
    (void)state;
    char text[WI_TOKEN_MOST + 1];
    struct weir_error error;
    static const mode_t open_to_others[] = {0640, 0604, 0620, 0602, 0610, 0601,  0777,
                                            0460, 0450, 0444, 0441, 0442, 02440, 01440};
    for (size_t i = 0; i < sizeof(open_to_others) / sizeof(open_to_others[0]); i++) {
        write_file(TOKEN, sizeof(TOKEN) - 1, open_to_others[i]);
        assert_int_equal(wi_token_read(path, text, &error), WEIR_E_DENIED);
        assert_non_null(strstr(error.text, "chmod 600"));
    }
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(wi_token_read(path, text, &error), WEIR_E_DENIED);
    assert_non_null(strstr(error.text, "regular file"));
    assert_int_equal(wi_token_read("/dev/shm", text, &error), WEIR_E_DENIED);
    if (geteuid() == 0) {
        write_token(TOKEN);
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(wi_token_read(path, text, &error), WEIR_E_DENIED);
        assert_non_null(strstr(error.text, "another user"));
    }
}

/* In a child of these rights: 0 when the token is read, 1 when it is not. */
static int read_as(uid_t user, gid_t group, gid_t more)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char text[WI_TOKEN_MOST + 1];
        gid_t groups[] = {65533, more};
        if (setgroups(2, groups) != 0 || setresgid(group, group, group) != 0 ||
            setresuid(user, user, user) != 0) {
            _exit(9);
        }
        _exit(wi_token_read(path, text, NULL) == WEIR_OK && strcmp(text, TOKEN) == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* As Kubernetes lays down a secret in a pod with fsGroup. */
static void a_group_of_ones_own_may_read_the_token_by_mode_0440(void **state)
{
    (void)state;
    char text[WI_TOKEN_MOST + 1];
    struct weir_error error;
    write_file(TOKEN, sizeof(TOKEN) - 1, 0440);
    assert_int_equal(wi_token_read(path, text, &error), WEIR_OK);
    write_file(TOKEN, sizeof(TOKEN) - 1, 0040);
    assert_int_equal(wi_token_read(path, text, NULL), geteuid() == 0 ? WEIR_OK : WEIR_E_DENIED);
    if (geteuid() != 0) {
        skip();
    }
    write_file(TOKEN, sizeof(TOKEN) - 1, 0440);
    assert_int_equal(chown(path, 0, 54321), 0);
    assert_int_equal(wi_token_read(path, text, &error), WEIR_E_DENIED);
    assert_non_null(strstr(error.text, "group 54321"));
    assert_int_equal(read_as(65534, 65534, 54321), 0);
    assert_int_equal(read_as(65534, 54321, 65534), 0);
    assert_int_equal(read_as(0, 0, 54321), 0);
    assert_int_equal(read_as(0, 0, 54322), 1); /* root could read it, and others could, too */
    assert_int_equal(chown(path, 65534, 54321), 0);
    assert_int_equal(read_as(65534, 65534, 54321), 0);
    assert_int_equal(read_as(65534, 65534, 54322), 1);
    assert_int_equal(read_as(65532, 65532, 54321), 1); /* another user's, who could change it */
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(read_as(65534, 65534, 54321), 1);
}

static void a_token_that_loses_its_group_admits_nobody(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    struct wi_token *token;
    struct weir_error error;
    write_file(TOKEN, sizeof(TOKEN) - 1, 0440);
    assert_int_equal(wi_token_open(path, on_log, NULL, &token, &error), WEIR_OK);
    assert_true(admits(token, "Bearer " TOKEN));
    assert_int_equal(chown(path, 0, 54321), 0);
    assert_false(admits(token, "Bearer " TOKEN));
    assert_int_equal(n_logged, 1);
    assert_int_equal(chown(path, 0, 0), 0);
    assert_true(admits(token, "Bearer " TOKEN));
    wi_token_close(token);
}

static void only_the_whole_token_is_admitted(void **state)
{
    (void)state;
    struct wi_token *token;
    struct weir_error error;
    assert_int_equal(wi_token_open(path, on_log, NULL, &token, &error), WEIR_OK);
    assert_true(admits(token, "Bearer " TOKEN));
    assert_true(admits(token, "bearer " TOKEN));
    static const char *const wrong[] = {"",
                                        "Bearer",
                                        "Bearer ",
                                        TOKEN,
                                        "Basic " TOKEN,
                                        "Bearer  " TOKEN,
                                        "Bearer " TOKEN " ",
                                        "Bearer 0123456789abcdeg",
                                        "Bearer 1123456789abcdef",
                                        "Bearer 0123456789abcde",
                                        "Bearer " TOKEN TOKEN,
                                        "Bearer " TOKEN "0"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (admits(token, wrong[i])) {
            fail_msg("<%s> is admitted", wrong[i]);
        }
    }
    wi_token_close(token);
    assert_int_equal(n_logged, 0);
}

static void token_is_renewed_with_its_file(void **state)
{
    (void)state;
    struct wi_token *token;
    struct weir_error error;
    assert_int_equal(wi_token_open(path, on_log, NULL, &token, &error), WEIR_OK);

    write_token("another-token-of-24-ones");
    assert_true(admits(token, "Bearer another-token-of-24-ones"));
    assert_false(admits(token, "Bearer " TOKEN));
    assert_int_equal(n_logged, 0);

    unlink(path);
    assert_false(admits(token, "Bearer another-token-of-24-ones"));
    assert_false(admits(token, "Bearer another-token-of-24-ones"));
    assert_int_equal(n_logged, 1);

    write_token(TOKEN);
    assert_true(admits(token, "Bearer " TOKEN));
    chmod(path, 0644);
    assert_false(admits(token, "Bearer " TOKEN));
    assert_int_equal(n_logged, 2);
    chmod(path, 0600);
    assert_true(admits(token, "Bearer " TOKEN));
    wi_token_close(token);
}

static void names_count_on_loopback_only(void **state)
{
    (void)state;
    struct wi_auth_check auth_check = {.hosts = "game.test", .is_loopback = true};
    struct wi_auth_ops ops = wi_auth_check_ops(&auth_check);
    static const char *const known[] = {"localhost:6669", "127.0.0.1", "[::1]:1", "game.test"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_true(ops.knows(ops.context, known[i], strlen(known[i])));
    }
    assert_false(ops.knows(ops.context, "evil.example", 12));
    assert_false(ops.knows(ops.context, "localhost\0.evil", 15));
    char longest[400];
    memset(longest, '1', sizeof(longest));
    assert_false(ops.knows(ops.context, longest, sizeof(longest)));
    auth_check.is_loopback = false;
    assert_true(ops.knows(ops.context, "evil.example", 12));
    assert_null(ops.admits); /* without a token anybody may */
}

/* One Describe with one header more, or another :authority. */
static struct answer *ask(struct peer *peer, const char *name, const char *value)
{
    static const uint8_t body[5];
    struct answer *answer =
        peer_call_with(peer, "/weir.v1.Agent/Describe", body, sizeof(body), name, value);
    peer_converse(peer);
    return answer;
}

static void sessions_ask_for_the_token_before_anything_else(void **state)
{
    (void)state;
    struct wi_auth_check auth_check = {.is_loopback = true};
    struct weir_error error;
    assert_int_equal(wi_token_open(path, on_log, NULL, &auth_check.token, &error), WEIR_OK);
    struct wi_auth_ops auth = wi_auth_check_ops(&auth_check);
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    peer_connect(peer, 0);
    wi_session_guard(peer->session, &auth);

    answer_ended(ask(peer, NULL, NULL), "16");
    answer_ended(ask(peer, "authorization", "Bearer 0123456789abcdeg"), "16");
    answer_ended(ask(peer, "weir-target", "nobody"), "16");
    answer_ended(ask(peer, "grpc-timeout", "malformed"), "16");
    assert_false(wi_session_is_known(peer->session));
    assert_int_equal(wi_process_view_self(peer->view)->clients_rejected, 4);
    assert_int_equal(wi_process_view_self(peer->view)->updates_sent, 0);

    answer_ended(ask(peer, "authorization", "Bearer " TOKEN), "0");
    assert_true(wi_session_is_known(peer->session));
    answer_ended(ask(peer, NULL, NULL), "16");
    answer_ended(ask(peer, ":authority", "evil.example"), "7");
    answer_ended(ask(peer, "host", "evil.example"), "7");
    assert_int_equal(wi_process_view_self(peer->view)->clients_rejected, 7);
    assert_int_equal(wi_process_view_self(peer->view)->protocol_errors, 0);
    peer_destroy(peer);
    wi_token_close(auth_check.token);
}

static void a_refused_call_is_answered_while_the_caller_keeps_its_side_open(void **state)
{
    (void)state;
    struct wi_auth_check auth_check = {.is_loopback = true};
    struct weir_error error;
    assert_int_equal(wi_token_open(path, on_log, NULL, &auth_check.token, &error), WEIR_OK);
    struct wi_auth_ops auth = wi_auth_check_ops(&auth_check);
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    peer_connect(peer, 0);
    wi_session_guard(peer->session, &auth);
    struct answer *without = peer_call_with(peer, "/any.Service/Method", "", 0, NULL, NULL);
    struct answer *foreign =
        peer_call_with(peer, "/any.Service/Method", "", 0, ":authority", "evil.example");
    without->stays_open = foreign->stays_open = true;
    peer_converse(peer);
    answer_ended(without, "16"); /* and not that there is no such method */
    answer_ended(foreign, "7");
    peer_destroy(peer);
    wi_token_close(auth_check.token);
}

static void without_a_token_only_the_name_counts(void **state)
{
    (void)state;
    struct wi_auth_check auth_check = {.is_loopback = true};
    struct wi_auth_ops auth = wi_auth_check_ops(&auth_check);
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    peer_connect(peer, 0);
    wi_session_guard(peer->session, &auth);

    answer_ended(ask(peer, NULL, NULL), "0");
    answer_ended(ask(peer, "authorization", "whatever"), "0");
    answer_ended(ask(peer, ":authority", "127.0.0.1:6669"), "0");
    struct answer *answer = ask(peer, ":authority", "rebound.example:6669");
    answer_ended(answer, "7");
    assert_non_null(strstr(answer->message, "WEIR_HTTP_HOSTS"));
    peer_destroy(peer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(token_is_one_line_of_16_visible_characters_or_more),
        TEST(token_lies_in_a_file_of_ones_own),
        TEST(a_group_of_ones_own_may_read_the_token_by_mode_0440),
        TEST(a_token_that_loses_its_group_admits_nobody),
        TEST(only_the_whole_token_is_admitted),
        TEST(token_is_renewed_with_its_file),
        TEST(names_count_on_loopback_only),
        TEST(sessions_ask_for_the_token_before_anything_else),
        TEST(a_refused_call_is_answered_while_the_caller_keeps_its_side_open),
        TEST(without_a_token_only_the_name_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
