/* SPDX-License-Identifier: MIT */
/* ctest: timeout=300 folders=agent/src/segment */
/*
 * A member of a family is killed before each store that it makes into the segment: while it joins, while its threads
 * take shards and cells, and in its hooks. The segment is read-only in that process, so each store stops there first.
 * After each kill the counts are those of the hooks that returned; the next member counts, and so does the founder.
 */
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

#define TRAP_FLAG    0x100
#define STORES_LEAST 40 /* fewer would mean that not each one stops */
#define STORES_MOST  2000

static struct weir_error error;
static struct weir_channel *queue;
static uint64_t *returned;     /* sends and receives of all processes, as they know it; shared */
static uint64_t counted[2];    /* as the segment had it last */
static unsigned stores, fatal; /* of the process: so far, and the one before which it is killed */
static bool is_watched;

/* ---- each store stops ------------------------------------------------------------------------------ */

static void protect(int how)
{
    if (mprotect(wi_segment.base, wi_segment.map_bytes, how) != 0) {
        _exit(2);
    }
}

static void on_store(int signal, siginfo_t *info, void *context)
{
    ucontext_t *at = context;
    const unsigned char *where = info->si_addr;
    (void)signal;
    if (where < wi_segment.base || where >= wi_segment.base + wi_segment.map_bytes) {
        _exit(3);
    }
    if (++stores == fatal) {
        kill(getpid(), SIGKILL);
    }
    protect(PROT_READ | PROT_WRITE);
    at->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void after_store(int signal, siginfo_t *info, void *context)
{
    ucontext_t *at = context;
    (void)signal, (void)info;
    protect(PROT_READ);
    at->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

/* The kernel's own stores, which make pages present. */
int madvise(void *at, size_t bytes, int advice)
{
    if (is_watched) {
        protect(PROT_READ | PROT_WRITE);
    }
    int failed = (int)syscall(SYS_madvise, at, bytes, advice);
    if (is_watched) {
        protect(PROT_READ);
    }
    return failed;
}

static void watch(void)
{
    struct sigaction action = {.sa_sigaction = on_store, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    action.sa_sigaction = after_store;
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
    is_watched = true;
    protect(PROT_READ);
}

/* ---- processes -------------------------------------------------------------------------------------- */

static enum weir_status start(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.scope = WEIR_SCOPE_FAMILY;
    return weir_start(&options, &error);
}

static void send_one(void)
{
    weir_channel_send(queue, 1);
    __atomic_fetch_add(&returned[0], 1, __ATOMIC_RELAXED);
}

static void receive_one(void)
{
    weir_channel_receive(queue, 0, 1);
    __atomic_fetch_add(&returned[1], 1, __ATOMIC_RELAXED);
}

static void *count(void *unused)
{
    for (int i = 0; i < 3; i++) {
        send_one();
        receive_one();
    }
    return unused;
}

static void count_in_threads(void)
{
    pthread_t thread;
    count(NULL);
    CHECK(pthread_create(&thread, NULL, count, NULL) == 0);
    pthread_join(thread, NULL);
}

/* A member that is killed before a store; 0: it is not killed. Returns its status. */
static int member(unsigned before)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        fatal = before;
        if (fatal) {
            watch();
        }
        CHECK(start() == WEIR_OK);
        count_in_threads();
        CHECK(!fatal || stores >= STORES_LEAST);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static void read_counts(struct wi_process_view *view, uint64_t ret_counts[2])
{
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 1);
    const struct wi_value *value = wi_process_view_row(view, WI_CHANNEL, 0)->value;
    ret_counts[0] = value[WI_CHANNEL_SENT].u.u64;
    ret_counts[1] = value[WI_CHANNEL_RECEIVED].u.u64;
    wi_process_view_close(view);
}

/* Counts are those of the hooks that returned, and at most one of them by the hook that was killed. */
static void check(const char *dir, bool is_killed)
{
    char path[256];
    struct wi_process_view *view;
    uint64_t inside[2], outside[2];
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    read_counts(view, inside);
    CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    read_counts(view, outside);
    uint64_t more[2];
    for (int i = 0; i < 2; i++) {
        CHECK(inside[i] == outside[i] && inside[i] >= counted[i]);
        more[i] = inside[i] - counted[i] - returned[i];
        counted[i] = inside[i];
        returned[i] = 0;
    }
    CHECK(more[0] + more[1] <= (is_killed ? 1 : 0));
}

/* True: it was killed. */
static bool kill_before(const char *dir, unsigned store)
{
    int status = member(store);
    bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK(is_killed || status == 0);
    check(dir, is_killed);
    CHECK(member(0) == 0);
    count_in_threads();
    check(dir, false);
    return is_killed;
}

static void found(void)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("pipe", WEIR_UNBOUNDED);
    returned = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(returned != MAP_FAILED);
    CHECK(start() == WEIR_OK);
    queue = weir_channel_open(&options);
    CHECK(queue);
}

static unsigned first_store, last_store;

/* In a segment of its own: the member is the first one. */
static void is_killed_at_first(const char *dir)
{
    found();
    exit(kill_before(dir, first_store) ? 0 : 100);
}

/* In one segment, each after the one before. */
static void is_killed_again_and_again(const char *dir)
{
    found();
    for (unsigned store = 1; store < STORES_MOST && kill_before(dir, store); store++) {
        last_store = store;
    }
    printf("killed before each of %u stores of members that follow others\n", last_store);
    CHECK(last_store >= STORES_LEAST && last_store < STORES_MOST - 1);
    uint64_t kept = wi_load_relaxed(&wi_segment_header()->used_bytes);
    CHECK(kept < wi_segment.limit_bytes / 4);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("another", WEIR_UNBOUNDED);
    CHECK(weir_channel_open(&options));
}

int main(void)
{
    int status = 0;
    while (status == 0 && first_store < STORES_MOST) {
        first_store++;
        status = child_run(is_killed_at_first);
    }
    printf("killed before each of %u stores of a first member\n", first_store - 1);
    if (status != 100 || first_store < STORES_LEAST) {
        return 1;
    }
    return child_run(is_killed_again_and_again);
}

#else
int main(void)
{
    printf("needs x86-64 without a sanitizer: skipped\n");
    return 0;
}
#endif
