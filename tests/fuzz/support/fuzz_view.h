/* SPDX-License-Identifier: MIT */
/* A small process view with rows of every kind, for targets that need something to be asked about. */
#ifndef FUZZ_VIEW_H
#define FUZZ_VIEW_H

#include "fake_view.h"

/* Owns: wi_process_view_close. */
struct wi_process_view *fuzz_view_create(void);

#endif
