/* SPDX-License-Identifier: MIT */
/*
 * Options from programs that were compiled with another version of the headers. Their first field is their size. A
 * shorter struct has fewer fields, and the others have their defaults. A longer one has fields that this version does
 * not know; where they are 0 nothing was asked for (docs/abi.md). Any thread; not for hooks.
 */
#ifndef WI_HOOK_OPTIONS_H
#define WI_HOOK_OPTIONS_H

#include "weir/weir.h"

#include <stdbool.h>
#include <stddef.h>

/* Copies what this version knows: `known` bytes or fewer, over the defaults. NULL: nothing. Returns false if a field
 * is set that it does not know, or the size is one that no version has. */
bool wi_options_read(void *ret_asked, size_t known, const void *options);

/* The same for an opening, which goes on; the log says once that something is ignored. */
void wi_options_read_for(const char *what, void *ret_asked, size_t known, const void *options);

/* One sentence about it. */
#define WI_OPTIONS_TOO_NEW                                                                         \
    "options have fields that weir " WEIR_VERSION                                                  \
    " does not know: they are ignored. Install the libraries that the program was compiled for"

#endif
