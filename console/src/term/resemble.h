/* SPDX-License-Identifier: MIT */
/* Similar terminals, by name; for machines whose terminfo does not know a terminal. No I/O. The
 * console's one thread. */
#ifndef WC_TERM_RESEMBLE_H
#define WC_TERM_RESEMBLE_H

#include <stdbool.h>

#define WC_RESEMBLE_MAX 64

/* The i-th name to try instead of `name`, the best first: shorter forms of the name itself
 * ("xterm-kitty": "xterm"), then the family that it belongs to ("foot": "xterm-256color"). False: no
 * more. */
bool wc_resemble(const char *name, unsigned i, char ret_name[WC_RESEMBLE_MAX]);

#endif
