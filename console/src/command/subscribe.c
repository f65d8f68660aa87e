/* SPDX-License-Identifier: MIT */
/*
 * `weir subscribe`: topics, a line at a time, for scripts.
 *
 *     link -> Lines -> one line of output each, flushed -> poll: server, reader of stdout, SIGINT, time
 *
 * Every line is flushed. It ends with success when the reader of standard output is gone or the
 * count is reached, with 124 when the time is over, and with an error when the server ends. An
 * exporter that this program runs itself, over a segment, does not end with the process, so the
 * process is checked once in a while. Without -t the DOMAIN of the first topic names the process.
 * The console's one thread.
 *
 * It does not end when the reader pauses, as a pager does: the message at hand waits, later ones
 * are read and left out, and a note counts their lines. A server closes the connection of a console
 * that reads nothing. Ten times a second a bounded amount is read (wc_link_step), so that a server that
 * sends without end keeps no processor busy. A recording waits.
 */
#include "command/command.h"
#include "command/lints.h"
#include "command/report.h"
#include "link/link.h"

#include "base/text.h"
#include "emit/table.h"
#include "weir/nanos.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SUBSCRIBE_MAX_TOPICS  64u
#define SUBSCRIBE_PATIENCE    (5 * WI_SECOND)
#define SUBSCRIBE_LOOK_NANOS  WI_SECOND /* between two checks whether the target lives */
#define SUBSCRIBE_MAX_POLL    1000
#define SUBSCRIBE_PAUSE_POLL  100 /* milliseconds between two readings while the reader pauses */
#define SUBSCRIBE_NAME_LEVEL  3   /* slashes before a topic's NAME */
#define SUBSCRIBE_NANO_MILLIS UINT64_C(1000000)

enum {
    SUBSCRIBE_TARGET = 1,
    SUBSCRIBE_EXCEPT,
    SUBSCRIBE_COUNT,
    SUBSCRIBE_WAIT,
    SUBSCRIBE_INTERVAL,
    SUBSCRIBE_VERBOSE,
    SUBSCRIBE_OUTPUT,
    SUBSCRIBE_CHANGES,
    SUBSCRIBE_LINT
};

static const struct wc_option subscribe_options[] = {
    {SUBSCRIBE_TARGET, 't', "target", WC_OPTION_TEXT, "TARGET", NULL, false, "the process to read"},
    {SUBSCRIBE_EXCEPT, 'T', "except", WC_OPTION_TEXT, "TOPIC", NULL, true, "topics to leave out"},
    {SUBSCRIBE_COUNT, 'C', "count", WC_OPTION_COUNT, "N", NULL, false, "end after N lines"},
    {SUBSCRIBE_WAIT, 'W', "wait", WC_OPTION_SECONDS, "SECS", NULL, false,
     "exit after SECS seconds, with code 124"},
    {SUBSCRIBE_INTERVAL, 'i', "interval", WC_OPTION_INTERVAL, "SECS", NULL, false,
     "time between two lines of a topic, 0.1 to 60 (1)"},
    {SUBSCRIBE_VERBOSE, 'v', "verbose", WC_OPTION_FLAG, NULL, NULL, false,
     "also print time, topic and unit in the human form"},
    {SUBSCRIBE_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", WC_FORMAT_CHOICES, false,
     "form of the output"},
    {SUBSCRIBE_CHANGES, 0, "changes-only", WC_OPTION_FLAG, NULL, NULL, false,
     "no line for a number that has not changed"},
    {SUBSCRIBE_LINT, 0, "lint", WC_OPTION_TEXT, "LINTS", NULL, false, WC_LINTS_HELP},
};

struct subscription {
    struct wc_link *link;
    struct wc_replay *replay; /* of a recording; NULL: a process */
    const char *const *topics;
    size_t n_topics;
    enum wc_format format;
    bool is_verbose;
    bool is_bare; /* one topic that means one number: only the value is printed */
    uint64_t n_lines;
    uint64_t n_missed;       /* lines that came while the reader paused */
    uint64_t max_lines;      /* UINT64_MAX: no end */
    uint64_t deadline_nanos; /* UINT64_MAX: none */
    uint64_t look_nanos;     /* when to check whether the target lives */
    bool has_noted[SUBSCRIBE_MAX_TOPICS];
    int signal_fd;
};

enum subscribe_next { SUBSCRIBE_GOES_ON, SUBSCRIBE_IS_DONE };

/* ---- lines ------------------------------------------------------------------------------- */

static void subscribe_print_human(const struct subscription *subscription, int64_t time,
                                  const Weir__V1__Line *line)
{
    char room[WC_FORMAT_SIZE], topic[512], text[512], unit[64];
    struct wc_value value = wc_value_of(line->value);
    wc_text_clean(line->topic, topic, sizeof(topic));
    wc_text_clean(line->unit, unit, sizeof(unit));
    wc_text_clean(value.type == WC_ABSENT ? "-" : wc_value_plain(&value, room), text, sizeof(text));
    if (subscription->is_verbose) {
        wc_format_time(room, time);
        printf("%s %s %s%s%s\n", room, topic, text, unit[0] ? " " : "", unit);
    } else if (subscription->is_bare) {
        printf("%s\n", text);
    } else {
        printf("%s %s\n", topic, text);
    }
}

static void subscribe_print_json(const struct subscription *subscription, int64_t time,
                                 const Weir__V1__Line *line)
{
    struct wc_json json;
    wc_json_init(&json, stdout);
    wc_json_open(&json, NULL, '{');
    wc_json_text(&json, "schema", "weir.topic/1");
    wc_json_value(&json, "ts", wc_value_time(time));
    wc_json_text(&json, "target", wc_link_target(subscription->link)->name);
    wc_json_text(&json, "topic", line->topic);
    wc_json_value(&json, "value", wc_value_of(line->value));
    wc_json_text(&json, "unit", line->unit);
    wc_json_close(&json, '}');
    putc('\n', stdout);
}

static void subscribe_print_csv(const struct subscription *subscription, int64_t time,
                                const Weir__V1__Line *line)
{
    struct wc_value cells[] = {
        wc_value_time(time),        wc_value_text(wc_link_target(subscription->link)->name),
        wc_value_text(line->topic), wc_value_of(line->value),
        wc_value_text(line->unit),
    };
    wc_csv_line(stdout, cells, sizeof(cells) / sizeof(cells[0]));
}

/* Notes once for each topic that no row has its name yet. */
static void subscribe_note_waiting(struct subscription *subscription, const Weir__V1__Lines *lines)
{
    for (size_t i = 0; i < lines->n_waiting; i++) {
        for (size_t k = 0; k < subscription->n_topics; k++) {
            if (strcmp(subscription->topics[k], lines->waiting[i]) == 0 &&
                !subscription->has_noted[k]) {
                char text[640];
                snprintf(text, sizeof(text), "%s: no such name yet: waiting for it",
                         lines->waiting[i]);
                subscription->has_noted[k] = true;
                wc_report_note(text);
            }
        }
    }
}

/* ---- a reader that pauses ---------------------------------------------------------------- */

static int subscribe_poll_millis(const struct subscription *subscription, uint64_t now)
{
    uint64_t left = subscription->deadline_nanos - now;
    uint64_t millis = left / SUBSCRIBE_NANO_MILLIS + 1;
    return millis < SUBSCRIBE_MAX_POLL ? (int)millis : SUBSCRIBE_MAX_POLL;
}

/* Whether the reader takes a line now: a pipe that is writable has room for one. */
static bool subscribe_has_room(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) != 0;
}

/* Reads what the server sends, and leaves it out. Returns false when the connection is over: the
 * loop will tell. */
static bool subscribe_miss(struct subscription *subscription)
{
    bool goes_on = wc_link_step(subscription->link, NULL) == WC_OK;
    Weir__V1__Lines *lines;
    while ((lines = wc_link_take_lines(subscription->link)) != NULL) {
        subscription->n_missed += lines->n_lines;
        weir__v1__lines__free_unpacked(lines, NULL);
    }
    return goes_on && !wc_link_is_complete(subscription->link);
}

/* Waits until the reader takes a line. Fails: WC_TIMED_OUT, WC_INTERRUPTED. */
static enum wc_status subscribe_wait_for_reader(struct subscription *subscription)
{
    bool has_link = !wc_link_replay(subscription->link);
    while (!subscribe_has_room()) {
        uint64_t now = wi_nanos(CLOCK_MONOTONIC);
        if (now >= subscription->deadline_nanos) {
            return WC_TIMED_OUT;
        }
        has_link = has_link && subscribe_miss(subscription);
        struct pollfd waits[] = {
            {.fd = STDOUT_FILENO, .events = POLLOUT},
            {.fd = subscription->signal_fd, .events = POLLIN},
        };
        int millis = subscribe_poll_millis(subscription, now);
        (void)poll(waits, sizeof(waits) / sizeof(waits[0]),
                   millis < SUBSCRIBE_PAUSE_POLL ? millis : SUBSCRIBE_PAUSE_POLL);
        if (waits[1].revents & POLLIN) {
            return WC_INTERRUPTED;
        }
    }
    return WC_OK;
}

static void subscribe_note_missed(struct subscription *subscription)
{
    char text[160];
    if (subscription->n_missed) {
        snprintf(text, sizeof(text),
                 "standard output was not read for a while: %" PRIu64 " line%s left out",
                 subscription->n_missed, subscription->n_missed == 1 ? "" : "s");
        subscription->n_missed = 0;
        wc_report_note(text);
    }
}

static enum wc_status subscribe_print(struct subscription *subscription,
                                      const Weir__V1__Lines *lines, enum subscribe_next *ret_next,
                                      struct wc_error *ret_error)
{
    subscribe_note_waiting(subscription, lines);
    for (size_t i = 0; i < lines->n_lines; i++) {
        bool is_closed = false;
        enum wc_status code = subscribe_wait_for_reader(subscription);
        if (code != WC_OK) {
            return code;
        }
        if (subscription->format == WC_FORMAT_HUMAN) {
            subscribe_print_human(subscription, lines->unix_nanos, lines->lines[i]);
        } else if (subscription->format == WC_FORMAT_CSV) {
            subscribe_print_csv(subscription, lines->unix_nanos, lines->lines[i]);
        } else {
            subscribe_print_json(subscription, lines->unix_nanos, lines->lines[i]);
        }
        code = wc_report_flush(&is_closed, ret_error);
        if (code != WC_OK) {
            return code;
        }
        subscription->n_lines++;
        if (is_closed || subscription->n_lines == subscription->max_lines) {
            *ret_next = SUBSCRIBE_IS_DONE;
            return WC_OK;
        }
    }
    subscribe_note_missed(subscription);
    return WC_OK;
}

/* ---- the loop ---------------------------------------------------------------------------- */

/* The exporter of a segment that we read ourselves answers also after its process has ended: checks
 * the process. */
static enum wc_status subscribe_look(struct subscription *subscription, uint64_t now,
                                     struct wc_error *ret_error)
{
    if (!wc_link_is_own(subscription->link) || now < subscription->look_nanos) {
        return WC_OK;
    }
    const struct wc_target *target = wc_link_target(subscription->link);
    subscription->look_nanos = now + SUBSCRIBE_LOOK_NANOS;
    enum wi_state state = wc_target_state(target);
    if (state == WI_STATE_DEAD || state == WI_STATE_ORPHANED) {
        return wc_error_set(ret_error, WC_ENDED,
                            "%s (pid %u) has ended: `weir snapshot %u` shows its last numbers",
                            target->name, target->pid, target->pid);
    }
    return WC_OK;
}

/* Waits for the server, the reader's end, a signal or the time. */
static enum wc_status subscribe_wait(struct subscription *subscription, uint64_t now,
                                     enum subscribe_next *ret_next)
{
    struct pollfd waits[] = {
        {.fd = wc_link_fd(subscription->link), .events = wc_link_events(subscription->link)},
        {.fd = STDOUT_FILENO, .events = 0},
        {.fd = subscription->signal_fd, .events = POLLIN},
    };
    if (poll(waits, sizeof(waits) / sizeof(waits[0]), subscribe_poll_millis(subscription, now)) <=
        0) {
        return WC_OK;
    }
    if (waits[2].revents & POLLIN) {
        return WC_INTERRUPTED;
    }
    if (waits[1].revents & (POLLERR | POLLHUP)) {
        *ret_next = SUBSCRIBE_IS_DONE;
    }
    return WC_OK;
}

static enum wc_status subscribe_loop(struct subscription *subscription, struct wc_error *ret_error)
{
    enum subscribe_next next = SUBSCRIBE_GOES_ON;
    while (next == SUBSCRIBE_GOES_ON) {
        enum wc_status stepped = wc_link_step(subscription->link, ret_error);
        enum wc_status code = WC_OK;
        Weir__V1__Lines *lines = NULL;
        while (code == WC_OK && next == SUBSCRIBE_GOES_ON &&
               (lines = wc_link_take_lines(subscription->link)) != NULL) {
            code = subscribe_print(subscription, lines, &next, ret_error);
            weir__v1__lines__free_unpacked(lines, NULL);
        }
        if (code != WC_OK || next == SUBSCRIBE_IS_DONE) {
            return code;
        }
        if (stepped != WC_OK) {
            return stepped;
        }
        if (subscription->replay && wc_replay_is_over(subscription->replay)) {
            return WC_OK; /* it is finished */
        }
        if (wc_link_is_complete(subscription->link)) {
            return wc_error_set(ret_error, WC_ENDED, "the server ended the subscription");
        }
        uint64_t now = wi_nanos(CLOCK_MONOTONIC);
        if (now >= subscription->deadline_nanos) {
            return WC_TIMED_OUT;
        }
        if (subscription->n_lines > 0) {
            code = subscribe_look(subscription, now, ret_error);
        }
        if (code == WC_OK) {
            code = subscribe_wait(subscription, now, &next);
        }
        if (code != WC_OK) {
            return code;
        }
    }
    return WC_OK;
}

/* ---- the command ------------------------------------------------------------------------- */

static enum wc_status subscribe_request(struct subscription *subscription,
                                        const struct wc_args *args, struct wc_error *ret_error)
{
    double interval = wc_args_number(args, SUBSCRIBE_INTERVAL, 1);
    const char *except[SUBSCRIBE_MAX_TOPICS];
    Weir__V1__SubscribeRequest request = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    /* protobuf-c has no const strings; packing does not write to them. */
    request.topics = (char **)(uintptr_t)subscription->topics;
    request.n_topics = subscription->n_topics;
    request.n_except = wc_args_list(args, SUBSCRIBE_EXCEPT, except, SUBSCRIBE_MAX_TOPICS);
    request.except = (char **)(uintptr_t)except;
    request.interval_millis = (uint32_t)(interval * 1000 + 0.5);
    request.changes_only = wc_args_has(args, SUBSCRIBE_CHANGES);
    subscription->replay = wc_link_replay(subscription->link);
    if (subscription->replay) {
        wc_replay_seek(subscription->replay, 0);
        wc_replay_hurry(subscription->replay);
    }
    return wc_link_subscribe(subscription->link, &request, ret_error);
}

/* SIGINT as a descriptor to poll; -1 if it is ignored, as in a shell's background. */
static int subscribe_catch_interrupt(void)
{
    sigset_t set;
    struct sigaction action;
    if (sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
        return -1;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum wc_status subscribe_check(const struct wc_args *args, struct wc_error *ret_error)
{
    if (args->n_words == 0) {
        return wc_error_set(ret_error, WC_USAGE,
                            "subscribe: give a topic, as game/channel/size/moves or "
                            "game/channel/#: see `weir help subscribe`");
    }
    return WC_OK;
}

static enum wc_status subscribe_open(const struct wc_args *args, uint64_t deadline,
                                     struct wc_link **ret_link, struct wc_error *ret_error)
{
    struct wc_target target;
    const char *text = wc_args_text(args, SUBSCRIBE_TARGET, NULL);
    char domain[WEIR_NAME_MAX + 1];
    snprintf(domain, sizeof(domain), "%.*s", (int)strcspn(args->words[0], "/"), args->words[0]);
    enum wc_status code = text ? wc_target_resolve(text, &target, ret_error)
                               : wc_target_resolve_named(domain, &target, ret_error);
    if (code == WC_OK) {
        code = wc_lints_take(args, SUBSCRIBE_LINT, &target, ret_error);
    }
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
    uint64_t patience = deadline - now < SUBSCRIBE_PATIENCE ? deadline - now : SUBSCRIBE_PATIENCE;
    if (code != WC_OK) {
        return code;
    }
    code = wc_link_open_within(&target, patience, ret_link, ret_error);
    if (code == WC_USAGE && text && !target.path[0] && !target.process[0] &&
        strlen(domain) < sizeof(target.process)) {
        /* Several processes are served there: the topics say which one is meant. */
        memcpy(target.process, domain, strlen(domain) + 1);
        code = wc_link_open_within(&target, patience, ret_link, ret_error);
    }
    return code;
}

/* Whether a topic can only match one number. */
static bool subscribe_is_single(const char *topic)
{
    int slashes = 0;
    for (const char *character = topic; *character; character++) {
        slashes += *character == '/';
    }
    return slashes >= SUBSCRIBE_NAME_LEVEL && !strpbrk(topic, "+#");
}

static enum wc_status subscribe_run(const struct wc_args *args)
{
    struct wc_error error;
    double seconds = wc_args_number(args, SUBSCRIBE_WAIT, 0);
    struct subscription subscription = {
        .topics = args->words,
        .n_topics = args->n_words,
        .format = (enum wc_format)wc_args_number(args, SUBSCRIBE_OUTPUT, WC_FORMAT_HUMAN),
        .is_verbose = wc_args_has(args, SUBSCRIBE_VERBOSE),
        .is_bare = args->n_words == 1 && subscribe_is_single(args->words[0]),
        .max_lines = (uint64_t)wc_args_number(args, SUBSCRIBE_COUNT, 0),
        .deadline_nanos =
            seconds > 0 ? wi_nanos(CLOCK_MONOTONIC) + wi_nanos_of(seconds) : UINT64_MAX,
        .signal_fd = -1,
    };
    subscription.max_lines = subscription.max_lines ? subscription.max_lines : UINT64_MAX;
    enum wc_status code = subscribe_check(args, &error);
    if (code == WC_OK) {
        code = subscribe_open(args, subscription.deadline_nanos, &subscription.link, &error);
        if (code != WC_OK && wi_nanos(CLOCK_MONOTONIC) >= subscription.deadline_nanos) {
            return WC_TIMED_OUT;
        }
    }
    if (code == WC_OK) {
        if (wc_link_notice(subscription.link)[0]) {
            wc_report_note(wc_link_notice(subscription.link));
        }
        if (subscription.format == WC_FORMAT_CSV) {
            puts("ts,target,topic,value,unit");
        }
        subscription.signal_fd = subscribe_catch_interrupt();
        code = subscribe_request(&subscription, args, &error);
    }
    if (code == WC_OK) {
        code = subscribe_loop(&subscription, &error);
    }
    wc_link_close(subscription.link);
    if (subscription.signal_fd >= 0) {
        close(subscription.signal_fd);
    }
    if (code == WC_OK || code == WC_TIMED_OUT || code == WC_INTERRUPTED) {
        return code;
    }
    return wc_report_fail(&error);
}

const struct wc_command wc_command_subscribe = {
    .name = "subscribe",
    .usage = "TOPIC... [-t TARGET] [-T TOPIC]... [-C N] [-W SECS] [-i SECS] [-v] [-o FORM]",
    .summary = "print topics line by line, for scripts",
    .details =
        "\n"
        "TOPIC: SERVICE/KIND/FIELD[/NAME[@LABEL]], as game/channel/size/moves. + stands for one\n"
        "level, # for the rest, NAME@+ for all labels; without NAME there is a line for each row.\n"
        "KIND: channel, sender,\n"
        "semaphore, task, loop, counter, gauge, process, agent, warning; for a Tokio server, "
        "whose\n"
        "SERVICE is tokio: task, semaphore, resource, operation, warning. FIELD: `weir snapshot\n"
        "-o csv` shows them all.\n"
        "If one topic names one number, only the value is printed; -v adds time and unit.",
    .syntax.options = subscribe_options,
    .syntax.n_options = sizeof(subscribe_options) / sizeof(subscribe_options[0]),
    .syntax.max_words = SUBSCRIBE_MAX_TOPICS,
    .run = subscribe_run,
};
