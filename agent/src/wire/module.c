/* SPDX-License-Identifier: MIT */
/* The linked module, or the one that can be loaded; never one of another build. */
#include "wire/module.h"

#include "build_id.h"
#include "segment/file.h"
#include "weir/expect.h"

#include <string.h>

/* NULL in a program that is not linked with the module. */
extern const struct wi_http_module weir_agent_http __attribute__((weak));

const struct wi_http_module *wi_module_find(struct weir_error *ret_error)
{
    const struct wi_http_module *linked = &weir_agent_http;
    const struct wi_http_module *module = linked ? linked : wi_module_load(ret_error);
    /* The tables of another build may have another layout; the build id has the same place in all
     * of them. */
    if (module && strcmp(module->build_id, WI_BUILD_ID) != 0) {
        wi_error_set(
            ret_error,
            "no HTTP: libweir-agent and libweir-agent-http are of different builds: install "
            "both from one build and restart the program");
        return NULL;
    }
    if (module && !WI_EXPECT(module->create && module->destroy && module->forget &&
                             module->abandon && module->fd && module->run)) {
        wi_error_set(ret_error, "no HTTP: the module lacks an operation");
        return NULL;
    }
    return module;
}
