/* SPDX-License-Identifier: MIT */
#include "segment/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

bool wi_environment_is_off(void)
{
    const char *off = getenv("WEIR_OFF");
    return off && strcmp(off, "1") == 0;
}

bool wi_environment_ignored(const char *const *names, size_t n_names, char *ret_line, size_t room)
{
    size_t length = 0;
    ret_line[0] = '\0';
    for (size_t i = 0; getauxval(AT_SECURE) && i < n_names; i++) {
        const char *value = getenv(names[i]);
        if (value && value[0] && length < room) {
            length += (size_t)snprintf(ret_line + length, room - length, "%s%s", length ? ", " : "",
                                       names[i]);
        }
    }
    if (length > 0 && length < room) {
        snprintf(ret_line + length, room - length,
                 " ignored: the program has more rights than its caller (setuid, setgid, "
                 "capabilities); set its options instead");
    }
    return length > 0;
}
