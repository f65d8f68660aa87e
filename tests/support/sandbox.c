/* SPDX-License-Identifier: MIT */
/* The ways in which a server changes its user and shuts itself in. */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SANDBOX_STACK ((size_t)64 << 10)

/* ---- users and rights -------------------------------------------------------------------- */

static long sandbox_identity(const char *verb, const char *number)
{
    unsigned id = (unsigned)strtoul(number, NULL, 10);
    return strcmp(verb, "setgroups") == 0   ? setgroups(0, NULL)
           : strcmp(verb, "setgid") == 0    ? setgid(id)
           : strcmp(verb, "setuid") == 0    ? setuid(id)
           : strcmp(verb, "seteuid") == 0   ? seteuid(id)
           : strcmp(verb, "setresuid") == 0 ? setresuid(id, id, id)
           : strcmp(verb, "setresgid") == 0 ? setresgid(id, id, id)
                                            : 1;
}

static long sandbox_capset(const char *hex)
{
    uint64_t kept = strtoull(hex, NULL, 16);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct words[2];
    for (int i = 0; i < 2; i++) {
        uint32_t word = (uint32_t)(kept >> 32 * i);
        words[i] = (struct __user_cap_data_struct){.effective = word, .permitted = word};
    }
    return syscall(SYS_capset, &header, words);
}

static long sandbox_unshare(const char *what)
{
    return unshare(strcmp(what, "user") == 0    ? CLONE_NEWUSER
                   : strcmp(what, "mount") == 0 ? CLONE_NEWNS
                                                : CLONE_NEWPID);
}

/* ---- filters ----------------------------------------------------------------------------- */

/* Every call that a test names, and those that the host's own threads make. */
static const struct {
    const char *name;
    int number;
    bool is_hosts;
} sandbox_calls[] = {
#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name, false                                                                   \
    }
#define HOSTS(name)                                                                                \
    {                                                                                              \
#name, SYS_##name, true                                                                    \
    }
    CALL(accept4),
    CALL(brk),
    CALL(capget),
    CALL(clock_gettime),
    CALL(close),
    CALL(dup),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(exit),
    CALL(fchmod),
    CALL(fcntl),
    CALL(fstat),
    CALL(fstatfs),
    CALL(ftruncate),
    CALL(futex),
    CALL(getdents64),
    CALL(getegid),
    CALL(geteuid),
    CALL(getgroups),
    CALL(getpid),
    CALL(getpriority),
    CALL(getrandom),
    CALL(getsockname),
    CALL(getsockopt),
    CALL(gettid),
    CALL(linkat),
    CALL(lseek),
    CALL(madvise),
    CALL(mmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(munmap),
    CALL(newfstatat),
    CALL(openat),
    CALL(pread64),
    CALL(prlimit64),
    CALL(process_vm_readv),
    CALL(pwrite64),
    CALL(readlinkat),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(rt_sigprocmask),
    CALL(sched_yield),
    CALL(sendmsg),
    CALL(sendto),
    CALL(setpriority),
    CALL(setsockopt),
    CALL(shutdown),
    CALL(socket),
    CALL(sysinfo),
    CALL(unlinkat),
#ifdef SYS_access
    CALL(access),
    CALL(epoll_wait),
    CALL(readlink),
    CALL(rename),
    CALL(unlink),
    HOSTS(poll),
#endif
    CALL(sched_setattr),
    CALL(sched_setscheduler),
    CALL(epoll_pwait),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(fallocate),
    CALL(ppoll),
    CALL(renameat),
    HOSTS(read),
    HOSTS(write),
    HOSTS(rt_sigreturn),
    HOSTS(restart_syscall),
    HOSTS(exit_group),
#undef CALL
#undef HOSTS
};
enum { SANDBOX_CALLS = sizeof(sandbox_calls) / sizeof(sandbox_calls[0]) };

static bool sandbox_names(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static size_t sandbox_count(const char *list)
{
    size_t n = 1;
    for (const char *at = list; *at; at++) {
        n += *at == ',';
    }
    return n;
}

static const char *sandbox_seccomp(bool is_all, bool must_kill, const char *list)
{
    struct sock_filter filter[2 * SANDBOX_CALLS + 2];
    size_t n = 0, n_named = 0;
    uint32_t named = must_kill ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM;
    uint32_t others = must_kill ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW;
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
    for (size_t i = 0; i < SANDBOX_CALLS; i++) {
        bool is_named = sandbox_names(list, sandbox_calls[i].name);
        n_named += is_named;
        if (is_named || (must_kill && sandbox_calls[i].is_hosts)) {
            uint32_t call = (uint32_t)sandbox_calls[i].number;
            filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
            filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, named);
        }
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
    if (n_named < sandbox_count(list)) {
        return "a call that tests/support/sandbox.c does not know";
    }
    struct sock_fprog program = {(unsigned short)n, filter};
    unsigned flags = is_all ? SECCOMP_FILTER_FLAG_TSYNC : 0;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) ? strerror(errno) : NULL;
}

static long sandbox_landlock(void)
{
    struct landlock_ruleset_attr all = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                             LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK};
    long ruleset = syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    if (ruleset < 0) {
        return -1;
    }
    long result = syscall(SYS_landlock_restrict_self, ruleset, 0);
    int why = errno;
    close((int)ruleset);
    errno = why;
    return result;
}

/* ---- programs ---------------------------------------------------------------------------- */

static const char *sandbox_run(char *const *words, size_t n_words)
{
    char *arguments[8] = {NULL};
    int status = -1;
    pid_t child;
    for (size_t i = 1; i < n_words && i < 8; i++) {
        arguments[i - 1] = words[i];
    }
    int error = posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ);
    if (error == 0 && waitpid(child, &status, 0) == child && status == 0) {
        return NULL;
    }
    return error ? strerror(error) : "it did not end with 0";
}

/* ---- threads ----------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_ready;
    void (*touch)(void);
} sandbox_crowd = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *sandbox_thread(void *unused)
{
    sandbox_crowd.touch();
    pthread_mutex_lock(&sandbox_crowd.lock);
    sandbox_crowd.n_ready++;
    pthread_cond_broadcast(&sandbox_crowd.changed);
    for (;;) {
        pthread_cond_wait(&sandbox_crowd.changed, &sandbox_crowd.lock);
    }
    return unused;
}

static const char *sandbox_threads(size_t n, void (*touch)(void))
{
    pthread_attr_t attributes;
    size_t made = 0;
    sandbox_crowd.touch = touch;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SANDBOX_STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&sandbox_crowd.lock);
    size_t goal = sandbox_crowd.n_ready;
    pthread_mutex_unlock(&sandbox_crowd.lock);
    int error = 0;
    for (; made < n && error == 0; made += error == 0) {
        pthread_t thread;
        error = pthread_create(&thread, &attributes, sandbox_thread, NULL);
    }
    pthread_attr_destroy(&attributes);
    pthread_mutex_lock(&sandbox_crowd.lock);
    while (sandbox_crowd.n_ready < goal + made) {
        pthread_cond_wait(&sandbox_crowd.changed, &sandbox_crowd.lock);
    }
    pthread_mutex_unlock(&sandbox_crowd.lock);
    return error ? strerror(error) : NULL;
}

static void *sandbox_idle(void *unused)
{
    return unused;
}

static const char *sandbox_one_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1U << 20);
    int problem = pthread_create(&thread, &attributes, sandbox_idle, NULL);
    pthread_attr_destroy(&attributes);
    return problem || pthread_join(thread, NULL) ? "no thread" : NULL;
}

/* ---- commands ---------------------------------------------------------------------------- */

const char *sandbox_command(char *const *words, size_t n_words, void (*touch)(void))
{
    const char *verb = n_words > 0 ? words[0] : "";
    const char *first = n_words > 1 ? words[1] : "0";
    long result = sandbox_identity(verb, first);
    if (result > 0) {
        if (strcmp(verb, "keepcaps") == 0) {
            result = prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
        } else if (strcmp(verb, "capset") == 0) {
            result = sandbox_capset(first);
        } else if (strcmp(verb, "no_new_privs") == 0) {
            result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        } else if (strcmp(verb, "dumpable") == 0) {
            result = prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        } else if (strcmp(verb, "unshare") == 0) {
            result = sandbox_unshare(first);
        } else if (strcmp(verb, "chroot") == 0) {
            result = chroot(first) || chdir("/") ? -1 : 0;
        } else if (strcmp(verb, "landlock") == 0) {
            result = sandbox_landlock();
        } else if (strcmp(verb, "seccomp") == 0 && n_words > 3) {
            return sandbox_seccomp(strcmp(first, "all") == 0, strcmp(words[2], "kill") == 0,
                                   words[3]);
        } else if (strcmp(verb, "run") == 0 && n_words > 1) {
            return sandbox_run(words, n_words);
        } else if (strcmp(verb, "thread") == 0) {
            return sandbox_one_thread();
        } else if (strcmp(verb, "threads") == 0) {
            return sandbox_threads(strtoull(first, NULL, 10), touch);
        } else {
            return "";
        }
    }
    return result == 0 ? NULL : strerror(errno);
}
