/* SPDX-License-Identifier: MIT */
/* The part of a channel that objects need. Any thread; no lock. */
#ifndef WI_HOOK_CHANNEL_H
#define WI_HOOK_CHANNEL_H

#include "segment/layout.h"

#include <stdbool.h>

/* Makes a channel an observed one, with further flags of its slot. Returns false, and counts the call, when it has
 * counted. */
bool wi_channel_begin_observing(struct weir_channel *channel, uint8_t flags);

/* Counts a call that mixes two ways to know a depth. */
void wi_channel_refuse_mixing(void);

#endif
