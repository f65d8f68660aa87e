/* SPDX-License-Identifier: MIT */
/* The functions that stand before the C library's, and the trap. Programs that include watch.h only
 * are linked with this. */
#include "watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static __thread struct watch_tally *watch_tally __attribute__((tls_model("initial-exec")));

void watch_into(struct watch_tally *tally)
{
    watch_tally = tally;
}

static void watch_lock(const char *name)
{
    if (watch_tally) {
        watch_tally->lock = watch_tally->locks++ ? watch_tally->lock : name;
    }
}

static int64_t watch_left; /* allocations until one fails; atomic */
static bool watch_is_failing, watch_is_once, watch_has_failed;
static int64_t watch_live; /* atomic */

void watch_fail(int64_t n, bool is_once)
{
    __atomic_store_n(&watch_left, n, __ATOMIC_RELAXED);
    __atomic_store_n(&watch_is_once, is_once, __ATOMIC_RELAXED);
    __atomic_store_n(&watch_has_failed, false, __ATOMIC_RELAXED);
    __atomic_store_n(&watch_is_failing, true, __ATOMIC_RELEASE);
}

bool watch_fail_end(void)
{
    __atomic_store_n(&watch_is_failing, false, __ATOMIC_RELEASE);
    return __atomic_load_n(&watch_has_failed, __ATOMIC_RELAXED);
}

int64_t watch_blocks(void)
{
    return __atomic_load_n(&watch_live, __ATOMIC_RELAXED);
}

/* Notes an allocation; false: it must fail. */
static bool watch_allocation(const char *name)
{
    if (watch_tally) {
        watch_tally->allocation = watch_tally->allocations++ ? watch_tally->allocation : name;
    }
    if (!__atomic_load_n(&watch_is_failing, __ATOMIC_ACQUIRE)) {
        return true;
    }
    int64_t left = __atomic_sub_fetch(&watch_left, 1, __ATOMIC_RELAXED);
    if (left > 0 || (left < 0 && __atomic_load_n(&watch_is_once, __ATOMIC_RELAXED))) {
        return true;
    }
    __atomic_store_n(&watch_has_failed, true, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return false;
}

static void *watch_count(void *memory)
{
    if (memory) {
        __atomic_fetch_add(&watch_live, 1, __ATOMIC_RELAXED);
    }
    return memory;
}

/* ---- allocations: the C library's own names for them need no look-up, which would allocate -------- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *memory);

void *malloc(size_t n)
{
    return watch_allocation("malloc") ? watch_count(__libc_malloc(n)) : NULL;
}

void *calloc(size_t n, size_t size)
{
    return watch_allocation("calloc") ? watch_count(__libc_calloc(n, size)) : NULL;
}

void *realloc(void *memory, size_t n)
{
    if (!watch_allocation("realloc")) {
        return NULL;
    }
    void *result = __libc_realloc(memory, n);
    return memory ? result : watch_count(result);
}

void free(void *memory)
{
    if (watch_tally) {
        watch_allocation("free");
    }
    __atomic_fetch_sub(&watch_live, memory != NULL, __ATOMIC_RELAXED);
    __libc_free(memory);
}

void *memalign(size_t alignment, size_t n);
void *memalign(size_t alignment, size_t n)
{
    return watch_allocation("memalign") ? watch_count(__libc_memalign(alignment, n)) : NULL;
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t n)
{
    void *memory = memalign(alignment, n);
    *ret_memory = memory ? memory : *ret_memory;
    return memory ? 0 : ENOMEM;
}

/* ---- locks --------------------------------------------------------------------------------------- */

#define WATCH_LOCKS(LOCK)                                                                          \
    LOCK(pthread_mutex_lock, pthread_mutex_t)                                                      \
    LOCK(pthread_mutex_trylock, pthread_mutex_t)                                                   \
    LOCK(pthread_mutex_unlock, pthread_mutex_t)                                                    \
    LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)                                                  \
    LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)                                                  \
    LOCK(pthread_rwlock_tryrdlock, pthread_rwlock_t)                                               \
    LOCK(pthread_rwlock_trywrlock, pthread_rwlock_t)                                               \
    LOCK(pthread_spin_lock, pthread_spinlock_t)                                                    \
    LOCK(pthread_spin_trylock, pthread_spinlock_t)                                                 \
    LOCK(pthread_cond_signal, pthread_cond_t)                                                      \
    LOCK(pthread_cond_broadcast, pthread_cond_t)                                                   \
    LOCK(sem_wait, sem_t)                                                                          \
    LOCK(sem_trywait, sem_t)                                                                       \
    LOCK(sem_post, sem_t)

#define LOCK(name, type) static int (*real_##name)(type *);
WATCH_LOCKS(LOCK)
#undef LOCK

__attribute__((constructor)) static void watch_find(void)
{
#define LOCK(name, type) *(void **)&real_##name = dlsym(RTLD_NEXT, #name);
    WATCH_LOCKS(LOCK)
#undef LOCK
}

#define LOCK(name, type)                                                                           \
    int name(type *lock)                                                                           \
    {                                                                                              \
        watch_lock(#name);                                                                         \
        if (!real_##name) {                                                                        \
            watch_find();                                                                          \
        }                                                                                          \
        return real_##name(lock);                                                                  \
    }
WATCH_LOCKS(LOCK)
#undef LOCK

/* ---- system calls -------------------------------------------------------------------------------- */

static void watch_on_trap(int number, siginfo_t *info, void *context)
{
    (void)number;
    if (watch_tally) {
        watch_tally->system_call =
            watch_tally->system_calls++ ? watch_tally->system_call : info->si_syscall;
    }
#if defined(__x86_64__)
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#else
    (void)context;
#endif
}

bool watch_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = watch_on_trap;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
