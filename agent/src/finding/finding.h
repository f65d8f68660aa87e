/* SPDX-License-Identifier: MIT */
/*
 * Findings say what is wrong and why. They are computed here once, and shown everywhere alike. They are made
 * of the rows of a process view; the result is data (weir/warning.h). No I/O; the process view's thread.
 */
#ifndef WI_FINDING_FINDING_H
#define WI_FINDING_FINDING_H

#include "snapshot/process_view.h"

/* The state between two samples (depth floors and ceilings, how long permits have been
 * gone). Opaque, one for each process view. */
struct wi_finding;

/* Owns: wi_finding_destroy, for which NULL is fine. Fails: WEIR_E_MEMORY. */
/* Owns: wi_finding_destroy, for which NULL is fine. Fails: WEIR_E_MEMORY. */
enum weir_status wi_finding_create(struct wi_finding **ret_finding);
void wi_finding_destroy(struct wi_finding *finding);

/* Judges the rows again. Call it whenever the rates have been updated
 * (wi_process_view_has_ticked). */
void wi_finding_update(struct wi_finding *finding, const struct wi_process_view *view);

/* The verdict of the last update. Owns: the finding's; every update changes it in place. */
const struct wi_verdict *wi_finding_verdict(const struct wi_finding *finding);

#endif
