/* SPDX-License-Identifier: MIT */
/* Threads beside the program's own: they get no signals. Any thread. */
#ifndef WC_BASE_THREAD_H
#define WC_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts a thread with all signals blocked. Owns: the caller joins or detaches ret_thread. False:
 * it could not be started. */
bool wc_thread_start(pthread_t *ret_thread, void *(*run)(void *context), void *context);

#endif
