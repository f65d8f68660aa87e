/* SPDX-License-Identifier: MIT */
/* capset(2) and prctl(2) for the calling thread. By system calls: libcap would be one more library. */
#include "wire/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RIGHTS_KEPT  ((UINT64_C(1) << CAP_SETUID) | (UINT64_C(1) << CAP_SETGID))
#define RIGHTS_WORDS 2
/* All signals as the kernel has them, those of the C library's own included. */
#define RIGHTS_SIGNALS UINT64_MAX

struct rights {
    uint64_t effective, permitted, inheritable;
};

/* The capabilities of a process's first thread; pid 0: of the calling thread. */
static bool rights_get(pid_t pid, struct rights *ret_rights)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
    struct __user_cap_data_struct words[RIGHTS_WORDS];
    if (syscall(SYS_capget, &header, words) != 0) {
        return false;
    }
    memset(ret_rights, 0, sizeof(*ret_rights));
    for (unsigned i = 0; i < RIGHTS_WORDS; i++) {
        ret_rights->effective |= (uint64_t)words[i].effective << 32 * i;
        ret_rights->permitted |= (uint64_t)words[i].permitted << 32 * i;
        ret_rights->inheritable |= (uint64_t)words[i].inheritable << 32 * i;
    }
    return true;
}

static bool rights_set(const struct rights *rights)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct words[RIGHTS_WORDS];
    for (unsigned i = 0; i < RIGHTS_WORDS; i++) {
        words[i].effective = (uint32_t)(rights->effective >> 32 * i);
        words[i].permitted = (uint32_t)(rights->permitted >> 32 * i);
        words[i].inheritable = (uint32_t)(rights->inheritable >> 32 * i);
    }
    return syscall(SYS_capset, &header, words) == 0;
}

/* Between the check and the change the host may call setuid(2), which the C library applies to this
 * thread by a signal of its own. The signals are blocked until both are done, so that the check
 * still holds. */
static bool rights_limit(uint64_t kept)
{
    uint64_t all = RIGHTS_SIGNALS, before = 0;
    struct rights now;
    bool is_masked = syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all)) == 0;
    bool is_done = rights_get(0, &now);
    if (is_done && ((now.permitted | now.effective) & ~kept || now.inheritable)) {
        now.effective &= kept;
        now.permitted &= kept;
        now.inheritable = 0;
        is_done = rights_set(&now);
    }
    int why = errno;
    if (is_masked) {
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    }
    errno = why;
    return is_done;
}

bool wi_rights_drop(void)
{
    bool is_done = rights_limit(RIGHTS_KEPT);
    int why = errno;
    /* A program that this thread executes can gain no rights by it. All kernels that weir runs on
     * have this. */
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    errno = why;
    return is_done;
}

void wi_rights_follow(void)
{
    struct rights own, first;
    if (rights_get(0, &own) && own.permitted && rights_get(getpid(), &first) &&
        own.permitted & ~first.permitted) {
        (void)rights_limit(first.permitted & RIGHTS_KEPT);
    }
}
