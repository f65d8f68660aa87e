/* SPDX-License-Identifier: MIT */
/* Lowers the priority of the exporter's thread below that of the host's threads. */
#ifndef WI_WIRE_PRIORITY_H
#define WI_WIRE_PRIORITY_H

/*
 * Puts the calling thread behind all others of its process: SCHED_BATCH, 10 nicer, and the shortest
 * slice if the kernel lets a thread choose it. So a flood of the exporter takes processor time from
 * the exporter and not from the host, even if the thread that started it runs in real time. A
 * setting that a sandbox forbids stays as it is.
 */
void wi_priority_lower(void);

#endif
