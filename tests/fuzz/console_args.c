/* SPDX-License-Identifier: MIT */
/*
 * Command lines: the arguments of each command, and the TARGETs among them. No directory is looked
 * into: the processes to choose from are made up. fuzz: max_len=400
 */
#include "command/main.h"
#include "fuzz.h"
#include "target/pick.h"
#include "target/target.h"

#include <string.h>

#define ARGUMENTS_MAX 100 /* more than a command takes */

static struct wi_found found[4];

void fuzz_begin(void)
{
    static const char *const names[] = {"game", "lobby", "game", "dead one"};
    for (size_t i = 0; i < 4; i++) {
        found[i].pid = 4821 + (uint32_t)i;
        found[i].state = i == 3 ? WI_STATE_DEAD : WI_STATE_RUNNING;
        snprintf(found[i].name, sizeof(found[i].name), "%s", names[i]);
    }
}

static void check_error(enum wc_status code, const struct wc_error *error)
{
    FUZZ_CHECK(code == error->code && error->text[0]);
    for (const unsigned char *c = (const unsigned char *)error->text; *c; c++) {
        FUZZ_CHECK(*c >= ' ' && *c != 0x7F);
    }
}

static void check_option(const struct wc_args *args, const struct wc_option *option)
{
    const char *texts[WC_MAX_ARGUMENTS];
    size_t n = wc_args_list(args, option->id, texts, WC_MAX_ARGUMENTS);
    FUZZ_CHECK(wc_args_has(args, option->id) == (n > 0));
    if (n == 0) {
        return;
    }
    double number = wc_args_number(args, option->id, -1);
    FUZZ_CHECK(strcmp(wc_args_text(args, option->id, NULL), texts[n - 1]) == 0);
    if (option->type == WC_OPTION_COUNT) {
        FUZZ_CHECK(number >= 1 && number <= 9007199254740992.0);
    } else if (option->type == WC_OPTION_SECONDS) {
        FUZZ_CHECK(number >= 0.001 && number <= 1e9);
    } else if (option->type == WC_OPTION_MOMENT) {
        FUZZ_CHECK(number >= 0 && number <= 1e9);
    } else if (option->type == WC_OPTION_CHOICE) {
        FUZZ_CHECK(number >= 0 && strstr(option->choices, texts[n - 1]));
    }
}

static void choose(const char *text, bool is_preference)
{
    struct wc_error error = {.code = WC_OK, .text = ""};
    for (size_t n = 0; n <= 4; n++) {
        size_t picked = 99;
        enum wc_status code = wc_pick(found, n, text, is_preference, &picked, &error);
        FUZZ_CHECK(code != WC_OK || picked < n);
        if (code != WC_OK) {
            check_error(code, &error);
        }
    }
}

/* Only what names a socket, or a file in a folder that is not there, is looked for. */
static void resolve(const char *text)
{
    static const char *const forms[] = {
        "unix:%s",          "unix:///nowhere/%s", "file:///nowhere/%s",
        "/nowhere/%s.weir", "http://%s",          "http://host:1/%s"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct wc_target target;
        struct wc_error error = {.code = WC_OK, .text = ""};
        char whole[600];
        snprintf(whole, sizeof(whole), forms[i], text);
        enum wc_status code = wc_target_resolve(whole, &target, &error);
        if (code == WC_OK) {
            FUZZ_CHECK(i < 2 ? target.socket[0] != 0 : i > 3 && target.host[0]);
            FUZZ_CHECK(i < 2 || (strtoul(target.port, NULL, 10) - 1 < 65535 && !target.path[0]));
        } else {
            check_error(code, &error);
        }
    }
}

static void parse(const struct wc_command *command, int n, char **arguments)
{
    struct wc_args args;
    struct wc_error error = {.code = WC_OK, .text = ""};
    enum wc_status code = wc_args_parse(&command->syntax, n, arguments, &args, &error);
    if (code != WC_OK) {
        FUZZ_CHECK(code == WC_USAGE);
        check_error(code, &error);
        return;
    }
    FUZZ_CHECK(args.wants_help ||
               (args.n_words <= command->syntax.max_words && args.n_given <= (size_t)n * 400));
    for (size_t i = 0; i < command->syntax.n_options; i++) {
        check_option(&args, &command->syntax.options[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_input input = {bytes, n};
    char *arguments[ARGUMENTS_MAX];
    int n_arguments = 0;
    while (input.left > 0 && n_arguments < ARGUMENTS_MAX) {
        arguments[n_arguments++] = fuzz_text(&input, '\n');
    }
    for (size_t i = 0; wc_command_at(i); i++) {
        parse(wc_command_at(i), n_arguments, arguments);
    }
    for (int i = 0; i < n_arguments; i++) {
        wc_command_find(arguments[i]);
    }
    choose(NULL, false);
    if (n_arguments > 0) {
        choose(arguments[0], false);
        choose(arguments[0], true);
        resolve(arguments[n_arguments - 1]);
    }
    for (int i = 0; i < n_arguments; i++) {
        free(arguments[i]);
    }
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[][2] = {
        {"subscribe", "game/channel/size/moves\n-t\ngame\n-C5\n-W\n0.5\n--interval=1\n-vo\njson"},
        {"snapshot", "4821\n-I\nmo*\n-X\nx\n--include\ny\n-o\ncsv"},
        {"top", "--sort\ndepth\n--filter=a\n--ascii\n--braille\n--color\nnever\n--for\n1.5\nlobby"},
        {"help", "-h\n--help"},
        {"rest", "--\n-t\n--interval"},
        {"wrong", "--no-such\n-z\n--ascii=1\n-C\n0\n-W\n1.2.3\n-o\nyaml"},
        {"path", "./x.weir\nunix:/tmp/x.sock"},
        {"remote", "http://host:1\nhost:99999"},
        {"address", "[::1]:9/game"},
        {"missing", "-t"},
    };
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        fuzz_seed(seeds[i][0], seeds[i][1], strlen(seeds[i][1]));
    }
}
