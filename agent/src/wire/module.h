/* SPDX-License-Identifier: MIT */
/*
 * Finds the HTTP engine. It is in a module of its own, with the libraries that it needs, so that a
 * host without HTTP has none of them: linked into the program (libweir-agent-http, shared or
 * static), or else loaded from the directory of libweir-agent. The thread that starts the exporter.
 */
#ifndef WI_WIRE_MODULE_H
#define WI_WIRE_MODULE_H

#include "http/engine.h"

/* Owns: static; it is never unloaded. Fails: NULL, and one line that says what to do. */
const struct wi_http_module *wi_module_find(struct weir_error *ret_error);

/* Loads it: loader.c in the shared libweir-agent, no_loader.c in the archives. Fails likewise. */
const struct wi_http_module *wi_module_load(struct weir_error *ret_error);

#endif
