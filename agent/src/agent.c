/* SPDX-License-Identifier: MIT */
/*
 * weir_agent_start and weir_agent_stop: reads the environment, opens this process's own segment and
 * hands both to an exporter. State is one atomic word and the pid that set it, with no lock: a child
 * of fork() may find it in any state and starts over.
 */
#include "weir/agent.h"

#include "hook/options.h"
#include "segment/environment.h"
#include "segment/file.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"
#include "wire/budget.h"
#include "weir/atomic.h"
#include "weir/exporter.h"
#include "wire/keeper.h"
#include "wire/rights.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGENT_HEARTBEAT_NANOS UINT64_C(1000000000)
#define AGENT_LOOK_NANOS      UINT64_C(30000000000) /* between two checks of the file's name */

enum agent_state {
    AGENT_STOPPED,
    AGENT_BUSY, /* one thread starts or stops it */
    AGENT_RUNNING
};

static struct {
    int state;                    /* atomic */
    pid_t pid;                    /* atomic: whose state it is; 0: nobody's yet */
    struct wi_exporter *exporter; /* of the thread that made the state busy, while it is */
    unsigned http_port;           /* atomic */
    unsigned grpc_port;           /* atomic */
    unsigned uid;                 /* the process that has the segment; for the exporter's thread, */
    bool has_told_user;           /* set once it has reported that the process is another's now */
    bool has_told_removed;        /* the same of the segment's file */
    uint64_t look_due;            /* when the name is checked again */
} agent;

static pthread_once_t agent_once = PTHREAD_ONCE_INIT;

static void agent_register(void)
{
    /* The socket's name goes with the process; after a crash the next one's start removes it. */
    atexit(weir_agent_stop);
}

static bool agent_enter(int from)
{
    /* Pairs with agent_leave. */
    return wi_replace_acquire(&agent.state, &from, AGENT_BUSY);
}

static void agent_leave(int state)
{
    /* Pairs with agent_enter: a thread that enters sees the changes made inside. */
    wi_store_release(&agent.state, state);
}

/* In a forked child: the parent's exporter is not here, only its descriptors are. */
static void agent_forget_parent(void)
{
    pid_t pid = getpid();
    /* Pairs with the store below, of another thread of the child. */
    pid_t owner = wi_load_acquire(&agent.pid);
    if (owner == pid) {
        return;
    }
    if (owner != 0 && agent.exporter) {
        wi_exporter_abandon(agent.exporter);
    }
    agent.exporter = NULL;
    wi_store_relaxed(&agent.http_port, 0);
    wi_store_relaxed(&agent.grpc_port, 0);
    agent_leave(AGENT_STOPPED);
    /* Pairs with the loads here, in weir_agent_stop and agent_port: the parent's exporter is forgotten by then. */
    wi_store_release(&agent.pid, pid);
}

static void agent_log(void *context, const char *line)
{
    (void)context;
    wi_segment_log(line);
}

/* A removed name cannot be restored: the kernel does not link a file that has no name left. */
static void agent_look_for_file(uint64_t now_nanos)
{
    char line[WI_PATH_MAX + 160];
    if (agent.has_told_removed || now_nanos < agent.look_due) {
        return;
    }
    agent.look_due = now_nanos + AGENT_LOOK_NANOS;
    if (wi_segment_is_nameless()) {
        agent.has_told_removed = true;
        snprintf(
            line, sizeof(line),
            "weir: the segment's file was removed from %s: weir finds the process as before, but "
            "a crash now leaves nothing to read; restart it to change that",
            wi_segment.dir);
        wi_segment_log(line);
    }
}

/* Once a second in the exporter's thread: a host may give up rights and change its user at any time. */
static void agent_on_heartbeat(void *context, uint64_t now_nanos)
{
    (void)context;
    wi_rights_follow();
    agent_look_for_file(now_nanos);
    unsigned uid = (unsigned)geteuid();
    if (wi_segment.file[0] && uid != agent.uid && !agent.has_told_user) {
        char line[200];
        snprintf(line, sizeof(line),
                 "weir: the process runs as uid %u now, its segment belongs to uid %u: run weir as "
                 "root, or let the process start weir after setuid",
                 uid, agent.uid);
        agent.has_told_user = true;
        wi_segment_log(line);
    }
}

static const char *agent_environment(const char *name, const char *otherwise)
{
    const char *value = secure_getenv(name);
    return value ? value : otherwise;
}

/* Percent of one processor; 0: no limit. */
static unsigned agent_cpu(unsigned asked, char *ret_notice, size_t room)
{
    const char *text = secure_getenv("WEIR_AGENT_CPU");
    unsigned otherwise = asked == 0 ? WI_BUDGET_PERCENT : asked < 100 ? asked : 100;
    if (!text || !text[0]) {
        return otherwise;
    }
    if (strcmp(text, "off") == 0) {
        return 0;
    }
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || number < 1 || number > 100 ||
        (strcmp(end, "") != 0 && strcmp(end, "%") != 0)) {
        snprintf(ret_notice, room,
                 "WEIR_AGENT_CPU=%.60s is not understood; give 1 to 100 or off; %u is used", text,
                 otherwise);
        return otherwise;
    }
    return (unsigned)number;
}

/* Adds one more request that could not be met. */
static void agent_notice(char *notice, size_t room, const char *text)
{
    size_t n = strlen(notice);
    if (snprintf(notice + n, room - n, "%s%s", n ? "; " : "", text) < 0) {
        notice[n] = '\0';
    }
}

/* Logged once in a process. */
static void agent_notice_ignored(char *notice, size_t room)
{
    static const char *const names[] = {"WEIR_GRPC", "WEIR_HTTP", "WEIR_HTTP_HOSTS",
                                        "WEIR_TOKEN_FILE", "WEIR_AGENT_CPU"};
    static bool has_told;
    char line[256];
    if (wi_environment_ignored(names, sizeof(names) / sizeof(names[0]), line, sizeof(line)) &&
        !wi_exchange_relaxed(&has_told, true)) {
        agent_notice(notice, room, line);
    }
}

/* The socket lies beside the segment: PID-STARTTIME-ID.sock. False: there is no segment file. */
static bool agent_socket_path(char *ret_path, size_t room)
{
    return wi_segment_path(".sock", ret_path, room);
}

static enum weir_status agent_start(const struct weir_agent_options *asked,
                                    struct weir_error *ret_error)
{
    struct wi_process_view *view;
    enum weir_status status = wi_process_view_open_self(&view, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    wi_process_view_record(view);
    char path[WI_PATH_MAX];
    char notice[240] = "";
    unsigned percent = agent_cpu(asked->cpu_percent, notice, sizeof(notice));
    bool has_path = agent_socket_path(path, sizeof(path));
    if (!has_path) {
        agent_notice(notice, sizeof(notice),
                     "the segment has no file, so there is no socket for consoles");
    }
    bool is_of_user = wi_segment_header()->uid == (uint32_t)geteuid();
    if (has_path && is_of_user && wi_segment_is_nameless()) {
        (void)wi_keeper_make_dir(path, NULL); /* else the socket's error says why not */
    }
    agent_notice_ignored(notice, sizeof(notice));
    struct wi_exporter_options options = {
        .socket_path = has_path ? path : NULL,
        .taken_fd = -1,
        .grpc = agent_environment("WEIR_GRPC", asked->grpc),
        .http = agent_environment("WEIR_HTTP", asked->http),
        .http_hosts = agent_environment("WEIR_HTTP_HOSTS", asked->http_hosts),
        .token_file = agent_environment("WEIR_TOKEN_FILE", asked->token_file),
        .without_process_metrics = asked->without_process_metrics,
        .cpu_percent = percent,
        .notice = notice[0] ? notice : NULL,
        .log = agent_log,
        .is_guest = true,
        .on_heartbeat = agent_on_heartbeat,
        .heartbeat_nanos = AGENT_HEARTBEAT_NANOS,
    };
    agent.uid = wi_segment_header()->uid;
    agent.has_told_user = agent.has_told_removed = false;
    agent.look_due = 0;
    struct wi_exporter *exporter;
    status = wi_exporter_start(view, &options, &exporter, ret_error);
    if (status == WEIR_OK || status == WEIR_DEGRADED) {
        /* Pairs with agent_forget_parent in a child forked meanwhile: it has the exporter whole, or none. */
        wi_store_seq_cst(&agent.exporter, exporter);
        wi_store_relaxed(&agent.http_port, wi_exporter_http_port(exporter));
        wi_store_relaxed(&agent.grpc_port, wi_exporter_grpc_port(exporter));
    }
    return status;
}

enum weir_status weir_agent_start(const struct weir_agent_options *options,
                                  struct weir_error *ret_error)
{
    struct weir_agent_options asked = WEIR_AGENT_OPTIONS_INIT;
    struct weir_error error = {""};
    bool is_known = wi_options_read(&asked, sizeof(asked), options);
    if (wi_environment_is_off()) {
        wi_error_set(ret_error, "WEIR_OFF=1 is set: nothing is served");
        return WEIR_OFF;
    }
    agent_forget_parent();
    if (!wi_segment_may_open()) {
        wi_error_set(ret_error, "the process that founded the family serves its segment");
        return WEIR_E_STATE;
    }
    if (!agent_enter(AGENT_STOPPED)) {
        wi_error_set(ret_error, "the agent runs already: call weir_agent_stop first");
        return WEIR_E_STATE;
    }
    pthread_once(&agent_once, agent_register);
    enum weir_status status = agent_start(&asked, &error);
    if (status == WEIR_OK && !is_known) {
        status = WEIR_DEGRADED;
        wi_error_set(&error, "weir_agent_start's " WI_OPTIONS_TOO_NEW);
    }
    agent_leave(status == WEIR_OK || status == WEIR_DEGRADED ? AGENT_RUNNING : AGENT_STOPPED);
    if (status != WEIR_OK) {
        wi_error_set(ret_error, "%s", error.text);
        char line[sizeof(error.text) + 16];
        snprintf(line, sizeof(line), "weir: %s", error.text);
        wi_segment_log(line);
    }
    return status;
}

void weir_agent_stop(void)
{
    /* In a forked child there is nothing to stop: the thread and the socket are the parent's. Pairs with
     * agent_forget_parent. */
    if (wi_load_acquire(&agent.pid) != getpid() || !agent_enter(AGENT_RUNNING)) {
        return;
    }
    if (wi_exporter_is_self(agent.exporter)) {
        agent_leave(AGENT_RUNNING); /* exit() in the host's log callback: nobody could be joined */
        return;
    }
    wi_store_relaxed(&agent.http_port, 0);
    wi_store_relaxed(&agent.grpc_port, 0);
    /* Cleared first: a child forked meanwhile must not find an exporter that is being freed. */
    struct wi_exporter *exporter = agent.exporter;
    /* Pairs with agent_forget_parent in that child. */
    wi_store_seq_cst(&agent.exporter, NULL);
    wi_exporter_stop(exporter);
    agent_leave(AGENT_STOPPED);
}

static unsigned agent_port(const unsigned *port)
{
    /* Pairs with agent_forget_parent. */
    return wi_load_acquire(&agent.pid) == getpid() ? wi_load_relaxed(port) : 0;
}

unsigned weir_agent_http_port(void)
{
    return agent_port(&agent.http_port);
}

unsigned weir_agent_grpc_port(void)
{
    return agent_port(&agent.grpc_port);
}
