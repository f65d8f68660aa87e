/* SPDX-License-Identifier: MIT */
/* The exporter's thread gives way to the host's. */
#ifndef WI_WIRE_PRIORITY_H
#define WI_WIRE_PRIORITY_H

/*
 * Puts the calling thread behind all others of its process: SCHED_BATCH, 10 nicer, and the shortest slice
 * where the kernel lets a thread choose it. So whoever floods the exporter takes the processor from it and
 * not from the host, also where the thread that started it runs in real time. What a sandbox forbids stays
 * as it is.
 */
void wi_priority_lower(void);

#endif
