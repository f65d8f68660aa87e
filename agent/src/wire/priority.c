/* SPDX-License-Identifier: MIT */
/* The scheduler's settings of one thread. */
#include "wire/priority.h"

#include <errno.h>
#include <sched.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRIORITY_NICER       10               /* of Linux, per thread: a tenth of an equal share */
#define PRIORITY_SLICE_NANOS UINT64_C(100000) /* the shortest slice; then another thread runs */

void wi_priority_lower(void)
{
    const struct sched_param none = {0};
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0) + PRIORITY_NICER;
    if (errno != 0) {
        return;
    }
    (void)setpriority(PRIO_PROCESS, 0, nice);
    /* sched_setattr(2), which not every sandbox allows. Since Linux 6.12 its runtime is the slice
     * of a thread that does not run in real time; before, it repeats the settings. */
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {
        .size = sizeof attr, .policy = SCHED_BATCH, .nice = nice, .runtime = PRIORITY_SLICE_NANOS};
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}
