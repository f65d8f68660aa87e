/* SPDX-License-Identifier: MIT */
/* What a service tells the manager that started it, by the datagrams that systemd understands. Without
 * a manager (NOTIFY_SOCKET is not set) nothing is told. One thread. */
#ifndef WC_COMMAND_NOTIFY_H
#define WC_COMMAND_NOTIFY_H

#include <stdint.h>

/* Sends lines as "READY=1\nSTATUS=...". Never waits; a manager that has gone is not an error. */
void wc_notify(const char *lines);

/* How often the manager wants to hear WATCHDOG=1, halved; 0: it does not. */
uint64_t wc_notify_watchdog_nanos(void);

#endif
