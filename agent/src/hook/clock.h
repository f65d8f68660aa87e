/* SPDX-License-Identifier: MIT */
/*
 * Ticks: the processor's time stamp counter if the kernel uses it as its clock, else
 * CLOCK_MONOTONIC. Histograms hold nanoseconds, so that bounds are the same on every host.
 */
#ifndef WI_HOOK_CLOCK_H
#define WI_HOOK_CLOCK_H

#include "weir/weir.h"

/* Chooses the source and measures its rate for 2 ms. Once, from weir_start. */
void wi_clock_start(void);

/* Measures the rate again over the whole time since the start, at most once a second. Any thread. */
void wi_clock_refine(uint64_t ticks);

/* A duration in ticks. */
uint64_t wi_clock_ticks_of(uint64_t nanos);

#endif
