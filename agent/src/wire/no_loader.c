/* SPDX-License-Identifier: MIT */
/* In the archives: a program that is linked statically loads nothing. */
#include "segment/file.h"
#include "wire/module.h"

const struct wi_http_module *wi_module_load(struct weir_error *ret_error)
{
    wi_error_set(ret_error,
                 "no HTTP: the program is linked without it: link libweir-agent-http.a, too "
                 "(weir::agent_http_static)");
    return NULL;
}
