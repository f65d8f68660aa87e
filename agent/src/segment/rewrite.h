/* SPDX-License-Identifier: MIT */
#ifndef WI_SEGMENT_REWRITE_H
#define WI_SEGMENT_REWRITE_H

/* Writes the index into a file that holds a copy of the segment, over what stands there. This process has
 * one thread. */
void wi_segment_rewrite(void);

#endif
