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

static void watch_allocation(const char *name)
{
    if (watch_tally) {
        watch_tally->allocation = watch_tally->allocations++ ? watch_tally->allocation : name;
    }
}

/* ---- allocations: the C library's own names for them need no look-up, which would allocate -------- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *memory);

void *malloc(size_t n)
{
    watch_allocation("malloc");
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    watch_allocation("calloc");
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t n)
{
    watch_allocation("realloc");
    return __libc_realloc(memory, n);
}

void free(void *memory)
{
    watch_allocation("free");
    __libc_free(memory);
}

void *memalign(size_t alignment, size_t n);
void *memalign(size_t alignment, size_t n)
{
    watch_allocation("memalign");
    return __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    watch_allocation("aligned_alloc");
    return __libc_memalign(alignment, n);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t n)
{
    watch_allocation("posix_memalign");
    void *memory = __libc_memalign(alignment, n);
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
