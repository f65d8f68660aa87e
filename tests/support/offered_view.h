/* SPDX-License-Identifier: MIT */
/*
 * Lets a test give the console a process view where it opens a segment's file. Whoever includes this is linked with
 * --wrap=wi_process_view_open_file.
 */
#ifndef OFFERED_VIEW_H
#define OFFERED_VIEW_H

#include "snapshot/process_view.h"

/* The process view that the next wi_process_view_open_file gives away; without one it fails with WEIR_E_NOT_FOUND. */
void offer_view(struct wi_process_view *taken_view);

#endif
