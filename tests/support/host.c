/* SPDX-License-Identifier: MIT */
/*
 * A host for tests: a process with weir whose channels, semaphores, tasks, counters and gauges are
 * what its arguments say, and change by rates or by commands on its standard input. One thread of
 * its own, besides the exporter's.
 *
 *   host --name game --channel moves:unbounded:1000:400 --channel jobs:8 --semaphore slots:4:1
 *        --task handler:3:2 --counter backpressure_rejects:5 --gauge players:12 --http 127.0.0.1:0
 *
 *   --channel NAME:CAPACITY[:IN[:OUT[:DEPTH]]]  messages a second in and out, depth at the start
 *   --semaphore NAME:PERMITS[:TAKEN]            --task NAME[:PENDING[:RUNNING]]
 *   --counter NAME[:PER_SECOND[:START]]         --gauge NAME[:VALUE]
 *   --single NAME[:KIND]                        one task of that kind (NAME), idle after a poll
 *   --many PREFIX:N    N channels PREFIX0000...   --latency full|sampled|off
 *   --crowd KIND:N     N single tasks of a kind   --churn N   births and deaths a second, half of
 *                                                 them channels, half single tasks
 *   --no-agent         hooks only                 --for SECONDS   end by itself
 *   --grpc ADDRESS     consoles over TCP
 *   --user UID         becomes that user before the two starts
 *   --lock WHEN        mlockall: "before" what it maps from then on, "after" all that it has
 *   --close WHEN:012   closes these descriptors before, between or after the two starts, and from then
 *                      on prints there every tick; commands and answers go through copies
 *
 * It prints "ready PID" once all stands. Commands, each answered by "ok" or "error TEXT":
 *   send NAME N | receive NAME N | reject NAME full|closed|timeout|shed N | discard NAME N
 *   resize NAME N|unbounded | rate NAME IN OUT | open NAME CAPACITY | close NAME
 *   acquire NAME N | release NAME N | refuse NAME N | spawn NAME N | begin NAME N | finish NAME N
 *   add NAME N | set NAME N | allocate BYTES (kept, and touched) | quit
 *   trim (what malloc holds back goes to the system)
 *   prints (an error when anything printed on a closed descriptor arrived anywhere)
 *   churn N (0: and all that came by it dies)   exporter stop|start
 *   poll NAME | polled NAME | wake NAME | end NAME | waits NAME FOR (a channel or semaphore)
 *   and what sandbox.h has: setuid, capset, seccomp, threads ...
 * The end of the input changes nothing; SIGTERM and SIGINT end it.
 */
#include "weir/agent.h"
#include "sandbox.h"
#include "weir/nanos.h"
#include "weir/weir.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HOST_MAX_THINGS  4096u
#define HOST_MAX_TICKETS (1u << 16) /* further messages go untimed */
#define HOST_MAX_FIELDS  6u
#define HOST_BYTES       64u /* of each message */
#define HOST_TICK_MILLIS 10
#define HOST_CHURN       512u /* channels, and as many tasks, that come and go */

enum host_kind { HOST_CHANNEL, HOST_SEMAPHORE, HOST_TASK, HOST_COUNTER, HOST_GAUGE, HOST_SINGLE };

struct host_thing {
    enum host_kind kind;
    char name[WEIR_NAME_MAX + 1];
    struct weir_channel *channel;
    struct weir_semaphore *semaphore;
    struct weir_task_kind *task;
    struct weir_counter *counter;
    struct weir_gauge *gauge;
    struct weir_task single;
    char single_kind[WEIR_NAME_MAX + 1];
    uint64_t capacity;
    uint64_t depth;
    double in_rate, out_rate; /* per second; a counter's growth is in_rate */
    double in_owed, out_owed;
    weir_ticket *tickets; /* a ring: first in at tickets[first] */
    size_t first, n_tickets;
};

static struct host_thing things[HOST_MAX_THINGS];
static size_t n_things;
static struct {
    double rate, owed; /* per second */
    unsigned n;        /* so far */
    struct weir_channel *channels[HOST_CHURN];
    struct weir_task tasks[HOST_CHURN];
    struct weir_task_kind *kind;
} churn;
static void *host_held; /* by the last allocate */
static int host_input = STDIN_FILENO, host_output = STDOUT_FILENO;
static struct weir_agent_options host_agent = WEIR_AGENT_OPTIONS_INIT;
static struct {
    bool is_one[3];
    unsigned n_prints, n_arrived;
} closed;

static void host_die(const char *what, const char *text)
{
    fprintf(stderr, "host: %s: %s\n", what, text);
    exit(2);
}

static struct host_thing *host_find(const char *name)
{
    for (size_t i = 0; i < n_things; i++) {
        if (strcmp(things[i].name, name) == 0) {
            return &things[i];
        }
    }
    return NULL;
}

/* ---- what it does ------------------------------------------------------------------------ */

static void host_send(struct host_thing *thing, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (thing->depth >= thing->capacity) {
            weir_channel_reject(thing->channel, WEIR_REJECT_FULL);
            continue;
        }
        weir_ticket ticket = weir_channel_send(thing->channel, HOST_BYTES);
        if (thing->n_tickets == thing->depth && thing->n_tickets < HOST_MAX_TICKETS) {
            thing->tickets[(thing->first + thing->n_tickets) % HOST_MAX_TICKETS] = ticket;
            thing->n_tickets++;
        }
        thing->depth++;
    }
}

static weir_ticket host_take(struct host_thing *thing)
{
    weir_ticket ticket = 0;
    if (thing->n_tickets > 0) {
        ticket = thing->tickets[thing->first];
        thing->first = (thing->first + 1) % HOST_MAX_TICKETS;
        thing->n_tickets--;
    }
    thing->depth--;
    return ticket;
}

static void host_receive(struct host_thing *thing, uint64_t n)
{
    while (n-- > 0 && thing->depth > 0) {
        weir_channel_receive(thing->channel, host_take(thing), HOST_BYTES);
    }
}

static void host_discard(struct host_thing *thing, uint64_t n)
{
    n = n < thing->depth ? n : thing->depth;
    for (uint64_t i = 0; i < n; i++) {
        host_take(thing);
    }
    weir_channel_discard(thing->channel, n, n * HOST_BYTES, WEIR_DISCARD_EXPIRED);
}

static void host_spawn(struct host_thing *thing, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_task_spawn(thing->task);
    }
}

static void host_begin(struct host_thing *thing, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_task_begin(thing->task, 0);
    }
}

static void host_finish(struct host_thing *thing, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_task_end(thing->task, 0);
        weir_task_finish(thing->task, WEIR_OUTCOME_OK);
    }
}

/* The whole part of what a rate owes after `seconds`. */
static uint64_t host_due(double rate, double seconds, double *owed)
{
    *owed += rate * seconds;
    uint64_t n = *owed > 0 ? (uint64_t)*owed : 0;
    *owed -= (double)n;
    return n;
}

/* The oldest of a ring makes room for a new one: a channel and a single task in turn. */
static void host_churn(uint64_t n)
{
    char name[32];
    for (; n > 0; n--, churn.n++) {
        unsigned place = churn.n / 2 % HOST_CHURN;
        snprintf(name, sizeof(name), "born-%u", churn.n);
        if (churn.n % 2) {
            struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 8);
            weir_channel_close(churn.channels[place]);
            churn.channels[place] = weir_channel_open(&options);
            weir_channel_send(churn.channels[place], HOST_BYTES);
        } else {
            struct weir_task *task = &churn.tasks[place];
            if (task->kind) {
                weir_task_close(task, WEIR_OUTCOME_OK);
            }
            weir_task_open(task, churn.kind, name);
            weir_task_poll(task);
            weir_task_polled(task);
        }
    }
}

/* As a library does that knows no other way to tell something. */
static void host_print(void)
{
    static const char line[] = "a line that the host prints where nobody listens\n";
    for (int fd = 0; fd < 3; fd++) {
        if (closed.is_one[fd]) {
            closed.n_prints++;
            closed.n_arrived += write(fd, line, sizeof(line) - 1) >= 0;
        }
    }
}

static void host_tick(double seconds)
{
    host_print();
    host_churn(host_due(churn.rate, seconds, &churn.owed));
    for (size_t i = 0; i < n_things; i++) {
        struct host_thing *thing = &things[i];
        if (thing->channel) {
            host_send(thing, host_due(thing->in_rate, seconds, &thing->in_owed));
            host_receive(thing, host_due(thing->out_rate, seconds, &thing->out_owed));
        } else if (thing->counter && thing->in_rate > 0) {
            weir_counter_add(thing->counter, host_due(thing->in_rate, seconds, &thing->in_owed));
        }
    }
}

/* ---- what it has ------------------------------------------------------------------------- */

/* Splits at colons, in place. */
static size_t host_split(char *text, char *fields[HOST_MAX_FIELDS])
{
    size_t n = 0;
    for (char *rest = text; rest && n < HOST_MAX_FIELDS;) {
        fields[n++] = strsep(&rest, ":");
    }
    return n;
}

static double host_number(char *const *fields, size_t n, size_t i)
{
    return i < n ? strtod(fields[i], NULL) : 0;
}

static uint64_t host_capacity(const char *text)
{
    return strcmp(text, "unbounded") == 0 ? WEIR_UNBOUNDED : strtoull(text, NULL, 10);
}

static void host_open_channel(struct host_thing *thing)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(thing->name, thing->capacity);
    options.kind = WEIR_CHANNEL_MPSC;
    thing->channel = weir_channel_open(&options);
    if (!thing->tickets) {
        thing->tickets = calloc(HOST_MAX_TICKETS, sizeof(*thing->tickets));
    }
    if (!thing->tickets) {
        host_die(thing->name, "out of memory");
    }
}

/* The kind of single tasks of a name, opened once. */
static struct weir_task_kind *host_kind_named(const char *name)
{
    struct host_thing *thing = host_find(name);
    if (thing && thing->task) {
        return thing->task;
    }
    for (size_t i = 0; i < n_things; i++) {
        if (things[i].single.kind && strcmp(things[i].single_kind, name) == 0) {
            return things[i].single.kind;
        }
    }
    struct weir_task_options options = WEIR_TASK_INIT(name);
    return weir_task_kind_open(&options);
}

static void host_open_single(struct host_thing *thing, const char *kind)
{
    struct weir_task_kind *opened = host_kind_named(kind);
    snprintf(thing->single_kind, sizeof(thing->single_kind), "%s", kind);
    weir_task_open(&thing->single, opened, thing->name);
    weir_task_poll(&thing->single);
    weir_task_polled(&thing->single);
}

static void host_open(struct host_thing *thing, char *const *fields, size_t n)
{
    struct weir_semaphore_options semaphore =
        WEIR_SEMAPHORE_INIT(thing->name, (uint64_t)host_number(fields, n, 1));
    struct weir_task_options task = WEIR_TASK_INIT(thing->name);
    struct weir_value_options value = WEIR_VALUE_INIT(thing->name);
    switch (thing->kind) {
    case HOST_CHANNEL:
        thing->capacity = n > 1 ? host_capacity(fields[1]) : WEIR_UNBOUNDED;
        thing->in_rate = host_number(fields, n, 2);
        thing->out_rate = host_number(fields, n, 3);
        host_open_channel(thing);
        host_send(thing, (uint64_t)host_number(fields, n, 4));
        break;
    case HOST_SEMAPHORE:
        thing->semaphore = weir_semaphore_open(&semaphore);
        weir_semaphore_acquire(thing->semaphore, (uint32_t)host_number(fields, n, 2));
        break;
    case HOST_TASK:
        thing->task = weir_task_kind_open(&task);
        host_spawn(thing, (uint64_t)(host_number(fields, n, 1) + host_number(fields, n, 2)));
        host_begin(thing, (uint64_t)host_number(fields, n, 2));
        break;
    case HOST_COUNTER:
        thing->counter = weir_counter_open(&value);
        thing->in_rate = host_number(fields, n, 1);
        weir_counter_add(thing->counter, (uint64_t)host_number(fields, n, 2));
        break;
    case HOST_GAUGE:
        thing->gauge = weir_gauge_open(&value);
        weir_gauge_set(thing->gauge, (int64_t)host_number(fields, n, 1));
        break;
    case HOST_SINGLE:
        host_open_single(thing, n > 1 ? fields[1] : fields[0]);
        break;
    }
}

static void host_add(enum host_kind kind, const char *text)
{
    char copy[512];
    char *fields[HOST_MAX_FIELDS];
    if (n_things == HOST_MAX_THINGS || strlen(text) >= sizeof(copy)) {
        host_die(text, "too much");
    }
    snprintf(copy, sizeof(copy), "%s", text);
    size_t n = host_split(copy, fields);
    struct host_thing *thing = &things[n_things++];
    thing->kind = kind;
    snprintf(thing->name, sizeof(thing->name), "%s", fields[0]);
    host_open(thing, fields, n);
}

/* Idle channels: no rates and no tickets, so that many cost little. */
static void host_add_many(const char *text)
{
    char copy[128];
    char *fields[HOST_MAX_FIELDS];
    snprintf(copy, sizeof(copy), "%s", text);
    size_t n = host_split(copy, fields);
    for (unsigned i = 0; i < (unsigned)host_number(fields, n, 1); i++) {
        char name[WEIR_NAME_MAX + 1];
        snprintf(name, sizeof(name), "%s%04u", fields[0], i);
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
        weir_channel_send(weir_channel_open(&options), HOST_BYTES);
    }
}

/* Single tasks that are idle after their first poll. */
static void host_add_crowd(const char *text)
{
    char copy[128];
    char *fields[HOST_MAX_FIELDS];
    snprintf(copy, sizeof(copy), "%s", text);
    size_t n = host_split(copy, fields);
    struct weir_task_kind *kind = host_kind_named(fields[0]);
    for (unsigned i = 0; i < (unsigned)host_number(fields, n, 1); i++) {
        struct weir_task task;
        char name[WEIR_TASK_LABEL_MAX + 1];
        snprintf(name, sizeof(name), "%.40s-%05u", fields[0], i);
        weir_task_open(&task, kind, name);
        weir_task_poll(&task);
        weir_task_polled(&task);
    }
}

static void host_add_churn(const char *text)
{
    churn.rate = strtod(text, NULL);
    churn.kind = host_kind_named("churn");
    host_churn((uint64_t)4 * HOST_CHURN);
}

static void host_end_churn(void)
{
    for (unsigned i = 0; i < HOST_CHURN; i++) {
        weir_channel_close(churn.channels[i]);
        churn.channels[i] = NULL;
        weir_task_close(&churn.tasks[i], WEIR_OUTCOME_OK);
    }
}

/* ---- commands ---------------------------------------------------------------------------- */

static const char *host_channel_command(struct host_thing *thing, const char *verb,
                                        const char *first, const char *second)
{
    static const char *const reasons[] = {"full", "closed", "timeout", "shed"};
    uint64_t n = strtoull(first, NULL, 10);
    if (strcmp(verb, "send") == 0) {
        host_send(thing, n);
    } else if (strcmp(verb, "receive") == 0) {
        host_receive(thing, n);
    } else if (strcmp(verb, "discard") == 0) {
        host_discard(thing, n);
    } else if (strcmp(verb, "resize") == 0) {
        thing->capacity = host_capacity(first);
        weir_channel_resize(thing->channel, thing->capacity);
    } else if (strcmp(verb, "rate") == 0) {
        thing->in_rate = strtod(first, NULL);
        thing->out_rate = strtod(second, NULL);
    } else if (strcmp(verb, "close") == 0) {
        weir_channel_close(thing->channel);
        thing->channel = NULL;
        thing->depth = thing->n_tickets = 0;
    } else if (strcmp(verb, "reject") == 0) {
        for (unsigned why = 0; why < 4; why++) {
            for (n = strcmp(first, reasons[why]) ? 0 : strtoull(second, NULL, 10); n > 0; n--) {
                weir_channel_reject(thing->channel, (enum weir_reject)why);
            }
        }
    } else {
        return "no such command for a channel";
    }
    return NULL;
}

static const char *host_other_command(struct host_thing *thing, const char *verb, const char *first)
{
    uint64_t n = strtoull(first, NULL, 10);
    if (strcmp(verb, "acquire") == 0 && thing->semaphore) {
        weir_semaphore_acquire(thing->semaphore, (uint32_t)n);
    } else if (strcmp(verb, "release") == 0 && thing->semaphore) {
        weir_semaphore_release(thing->semaphore, (uint32_t)n);
    } else if (strcmp(verb, "refuse") == 0 && thing->semaphore) {
        for (; n > 0; n--) {
            weir_semaphore_reject(thing->semaphore, WEIR_SEMAPHORE_EXHAUSTED);
        }
    } else if (strcmp(verb, "spawn") == 0 && thing->task) {
        host_spawn(thing, n);
    } else if (strcmp(verb, "begin") == 0 && thing->task) {
        host_begin(thing, n);
    } else if (strcmp(verb, "finish") == 0 && thing->task) {
        host_finish(thing, n);
    } else if (strcmp(verb, "add") == 0 && thing->counter) {
        weir_counter_add(thing->counter, n);
    } else if (strcmp(verb, "set") == 0 && thing->gauge) {
        weir_gauge_set(thing->gauge, strtoll(first, NULL, 10));
    } else {
        return "no such command for it";
    }
    return NULL;
}

static const char *host_single_command(struct host_thing *thing, const char *verb,
                                       const char *first)
{
    const struct host_thing *other = host_find(first);
    if (strcmp(verb, "poll") == 0) {
        weir_task_poll(&thing->single);
    } else if (strcmp(verb, "polled") == 0) {
        weir_task_polled(&thing->single);
    } else if (strcmp(verb, "wake") == 0) {
        weir_task_wake(&thing->single);
    } else if (strcmp(verb, "end") == 0) {
        weir_task_close(&thing->single, WEIR_OUTCOME_OK);
    } else if (strcmp(verb, "waits") == 0 && other && other->semaphore) {
        weir_task_waits_for_semaphore(&thing->single, other->semaphore);
    } else if (strcmp(verb, "waits") == 0 && other && other->channel) {
        weir_task_waits_for_channel(&thing->single, other->channel);
    } else {
        return "no such command for a task";
    }
    return NULL;
}

static const char *host_allocate(const char *bytes)
{
    size_t n = strtoull(bytes, NULL, 10);
    host_held = malloc(n);
    if (!host_held) {
        return "no memory";
    }
    memset(host_held, 1, n);
    return NULL;
}

/* What each of many threads does: a message through every channel. */
static void host_touch(void)
{
    for (size_t i = 0; i < n_things; i++) {
        weir_channel_receive(things[i].channel, weir_channel_send(things[i].channel, 1), 1);
    }
}

static const char *host_exporter(const char *what)
{
    if (strcmp(what, "stop") == 0) {
        weir_agent_stop();
        return NULL;
    }
    return weir_agent_start(&host_agent, NULL) == WEIR_OK ? NULL : "it does not start";
}

/* Runs one line; false: quit. */
static bool host_command(char *line)
{
    char *words[4] = {NULL};
    size_t n = 0;
    for (char *word = strtok(line, " "); word && n < 4; word = strtok(NULL, " ")) {
        words[n++] = word;
    }
    if (n > 0 && strcmp(words[0], "quit") == 0) {
        return false;
    }
    const char *problem = sandbox_command(words, n, host_touch);
    bool is_known = !problem || problem[0];
    problem = is_known ? problem : NULL;
    struct host_thing *thing = n > 1 ? host_find(words[1]) : NULL;
    const char *first = n > 2 ? words[2] : "1";
    const char *second = n > 3 ? words[3] : "1";
    if (is_known) {
        /* it has been done */
    } else if (n > 1 && strcmp(words[0], "open") == 0) {
        char text[256];
        if (thing && !thing->channel && thing->kind == HOST_CHANNEL) {
            thing->capacity = host_capacity(n > 2 ? first : "unbounded");
            host_open_channel(thing);
        } else {
            snprintf(text, sizeof(text), "%s:%s", words[1], n > 2 ? first : "unbounded");
            host_add(HOST_CHANNEL, text);
        }
    } else if (n > 1 && strcmp(words[0], "churn") == 0) {
        churn.rate = strtod(words[1], NULL);
        if (!churn.kind) {
            churn.kind = host_kind_named("churn");
        }
        if (churn.rate <= 0) {
            host_end_churn();
        }
    } else if (n > 1 && strcmp(words[0], "exporter") == 0) {
        problem = host_exporter(words[1]);
    } else if (n > 1 && strcmp(words[0], "allocate") == 0) {
        problem = host_allocate(words[1]);
    } else if (n > 0 && strcmp(words[0], "prints") == 0) {
        problem =
            closed.n_prints && !closed.n_arrived ? NULL : "it arrived, or nothing was printed";
    } else if (n > 0 && strcmp(words[0], "trim") == 0) {
        (void)malloc_trim(0);
    } else if (!thing) {
        problem = "no such thing";
    } else if (thing->kind == HOST_CHANNEL) {
        problem = host_channel_command(thing, words[0], first, second);
    } else if (thing->kind == HOST_SINGLE) {
        problem = host_single_command(thing, words[0], first);
    } else {
        problem = host_other_command(thing, words[0], first);
    }
    dprintf(host_output, problem ? "error %s\n" : "ok\n", problem);
    return true;
}

/* Takes what standard input has; false: quit. *ret_is_open turns false at its end. */
static bool host_read(bool *ret_is_open)
{
    static char line[1024]; /* a filter names many calls */
    static size_t length;
    char bytes[4096];
    ssize_t n = read(host_input, bytes, sizeof(bytes));
    if (n <= 0) {
        *ret_is_open = n < 0 && (errno == EAGAIN || errno == EINTR);
        return true;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            line[length] = bytes[i];
            length += length + 1 < sizeof(line);
            continue;
        }
        line[length] = '\0';
        length = 0;
        if (line[0] && !host_command(line)) {
            return false;
        }
    }
    return true;
}

/* ---- the program ------------------------------------------------------------------------- */

static void host_log(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "host: %s\n", line);
}

/* The signals that end the host, as something to poll. */
static int host_catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void host_run(int signals, double seconds)
{
    uint64_t start = wi_nanos(CLOCK_MONOTONIC), last = start;
    bool is_open = true;
    for (;;) {
        struct pollfd waits[] = {{.fd = signals, .events = POLLIN},
                                 {.fd = is_open ? host_input : -1, .events = POLLIN}};
        poll(waits, 2, HOST_TICK_MILLIS);
        uint64_t now = wi_nanos(CLOCK_MONOTONIC);
        host_tick((double)(now - last) / (double)WI_SECOND);
        last = now;
        if (waits[0].revents || (seconds > 0 && (double)(now - start) >= seconds * 1e9) ||
            (waits[1].revents && !host_read(&is_open))) {
            return;
        }
    }
}

/* The value of one option that takes one; dies without. */
static const char *host_value(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc) {
        host_die(argv[*i], "needs a value");
    }
    return argv[++*i];
}

/* "WHEN:DIGITS": closes them when it is time. */
static void host_close(const char *text, const char *now)
{
    size_t n = strlen(now);
    if (!text || strncmp(text, now, n) != 0 || text[n] != ':') {
        return;
    }
    host_input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 50);
    host_output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 50);
    for (int fd = 0; fd < 3; fd++) {
        closed.is_one[fd] = strchr(text + n, '0' + fd) != NULL;
        if (closed.is_one[fd]) {
            close(fd);
        }
    }
    host_print();
}

static void host_lock(const char *when, const char *now)
{
    if (when && strcmp(when, now) == 0 &&
        mlockall(strcmp(now, "before") == 0 ? MCL_FUTURE : MCL_CURRENT | MCL_FUTURE) != 0) {
        host_die("mlockall", strerror(errno));
    }
}

struct host_setup {
    const char *user;   /* NULL: as it is */
    const char *locks;  /* NULL: nothing */
    const char *closes; /* NULL: nothing */
    struct weir_options options;
    struct weir_agent_options agent;
    bool has_agent;
    double seconds;
};

/* The options that must stand before weir_start, or all others. */
static void host_parse(int argc, char **argv, bool is_first, struct host_setup *setup)
{
    static const char *const kinds[] = {"--channel", "--semaphore", "--task",
                                        "--counter", "--gauge",     "--single"};
    static const struct {
        const char *word;
        void (*add)(const char *text);
    } others[] = {
        {"--many", host_add_many}, {"--crowd", host_add_crowd}, {"--churn", host_add_churn}};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--no-agent") == 0) {
            setup->has_agent = false;
            continue;
        }
        const char *value = host_value(argc, argv, &i);
        bool is_known = true;
        if (strcmp(word, "--name") == 0) {
            setup->options.name = value;
        } else if (strcmp(word, "--http") == 0) {
            setup->agent.http = value;
        } else if (strcmp(word, "--grpc") == 0) {
            setup->agent.grpc = value;
        } else if (strcmp(word, "--user") == 0) {
            setup->user = value;
        } else if (strcmp(word, "--lock") == 0) {
            setup->locks = value;
        } else if (strcmp(word, "--close") == 0) {
            setup->closes = value;
        } else if (strcmp(word, "--for") == 0) {
            setup->seconds = strtod(value, NULL);
        } else if (strcmp(word, "--latency") == 0) {
            setup->options.latency = strcmp(value, "full") == 0  ? WEIR_LATENCY_FULL
                                     : strcmp(value, "off") == 0 ? WEIR_LATENCY_OFF
                                                                 : WEIR_LATENCY_SAMPLED;
        } else {
            is_known = false;
        }
        for (unsigned other = 0; other < sizeof(others) / sizeof(others[0]); other++) {
            if (strcmp(word, others[other].word) == 0) {
                is_known = true;
                if (!is_first) {
                    others[other].add(value);
                }
            }
        }
        for (unsigned kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
            if (strcmp(word, kinds[kind]) == 0) {
                is_known = true;
                if (!is_first) {
                    host_add((enum host_kind)kind, value);
                }
            }
        }
        if (!is_known) {
            host_die(word, "no such option: see the top of tests/support/host.c");
        }
    }
}

int main(int argc, char **argv)
{
    struct host_setup setup = {NULL, NULL, NULL, WEIR_OPTIONS_INIT, WEIR_AGENT_OPTIONS_INIT,
                               true, 0};
    struct weir_error error = {{0}};
    setup.options.log = host_log;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int signals = host_catch_signals();
    host_parse(argc, argv, true, &setup);
    if (setup.user && setuid((uid_t)atoi(setup.user)) != 0) {
        host_die("setuid", strerror(errno));
    }
    host_lock(setup.locks, "before");
    host_close(setup.closes, "before");
    enum weir_status status = weir_start(&setup.options, &error);
    if (status != WEIR_OK) {
        fprintf(stderr, "host: weir_start: %s: %s\n", weir_status_name(status), error.text);
    }
    host_parse(argc, argv, false, &setup);
    host_close(setup.closes, "between");
    host_agent = setup.agent;
    if (setup.has_agent) {
        status = weir_agent_start(&setup.agent, &error);
        if (status != WEIR_OK) {
            fprintf(stderr, "host: weir_agent_start: %s: %s\n", weir_status_name(status),
                    error.text);
        }
    }
    host_lock(setup.locks, "after");
    host_close(setup.closes, "after");
    dprintf(host_output, "ready %d\n", (int)getpid());
    host_run(signals, setup.seconds);
    weir_agent_stop();
    weir_stop();
    close(signals);
    free(host_held);
    for (size_t i = 0; i < n_things; i++) {
        free(things[i].tickets);
    }
    return 0;
}
