/* SPDX-License-Identifier: MIT */
/*
 * What is wrong, and why: computed here once, shown everywhere alike. Reads the rows of a process view and
 * replaces its warnings. No I/O; the process view's thread.
 */
#ifndef WI_FINDING_FINDING_H
#define WI_FINDING_FINDING_H

#include "snapshot/process_view.h"

/* What must be remembered between two looks (depth floors and ceilings, how long permits have been
 * gone). Opaque, one for each process view. */
struct wi_finding;

enum weir_status wi_finding_create(struct wi_finding **ret_finding);
void wi_finding_destroy(struct wi_finding *finding);

/* Bytes of memory that it holds. */
size_t wi_finding_bytes(const struct wi_finding *finding);

/* How fast the process's memory grows (without weir's own), in bytes per second over so many seconds, as
 * of the last update: the one number that all findings and the process's row tell. False: not known. */
bool wi_finding_process_growth(const struct wi_finding *finding, double *ret_slope,
                               double *ret_window);

/* Called by wi_process_view_refresh each time that its rates have moved on (about once a second). */
void wi_finding_update(struct wi_finding *finding, struct wi_process_view *view);

#endif
