/* SPDX-License-Identifier: MIT */
#include "hook/options.h"

#include "segment/segment.h"
#include "weir/atomic.h"

#include <stdio.h>
#include <string.h>

#define OPTIONS_MOST 1024 /* bytes that later versions may add; a size beyond is no size */

bool wi_options_read(void *ret_asked, size_t known, const void *options)
{
    size_t size;
    if (!options) {
        return true;
    }
    memcpy(&size, options, sizeof(size));
    memcpy(ret_asked, options, size < known ? size : known);
    if (size > known + OPTIONS_MOST) {
        return false;
    }
    const unsigned char *bytes = options;
    for (size_t i = known; i < size; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

void wi_options_read_for(const char *what, void *ret_asked, size_t known, const void *options)
{
    static bool has_logged; /* atomic */
    if (!wi_options_read(ret_asked, known, options) && wi_segment.log &&
        !wi_exchange_relaxed(&has_logged, true)) {
        char line[256];
        snprintf(line, sizeof(line), "weir: a %s's " WI_OPTIONS_TOO_NEW, what);
        wi_segment_log(line);
    }
}
