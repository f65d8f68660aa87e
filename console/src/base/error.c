/* SPDX-License-Identifier: MIT */
/* An error is one clean line, even if a server or a file name put control characters in it. */
#include "base/error.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

enum wc_status wc_error_set(struct wc_error *ret_error, enum wc_status code, const char *format,
                            ...)
{
    if (!ret_error) {
        return code;
    }
    char text[sizeof(ret_error->text)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ret_error->code = code;
    wc_text_clean(text, ret_error->text, sizeof(ret_error->text));
    return code;
}
