/* SPDX-License-Identifier: MIT */
/* Reports a service's state to the manager that started it, by the datagrams that systemd
 * understands. Without a manager (NOTIFY_SOCKET is not set) nothing is sent. One thread. */
#ifndef WC_COMMAND_NOTIFY_H
#define WC_COMMAND_NOTIFY_H

#include <stdint.h>

/* Sends lines as "READY=1 STATUS=...". Never waits; it is no error if the manager is gone. */
void wc_notify(const char *lines);

/* The interval at which to send WATCHDOG=1, half of the manager's limit; 0: the manager wants none. */
uint64_t wc_notify_watchdog_nanos(void);

#endif
