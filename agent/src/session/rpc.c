/* SPDX-License-Identifier: MIT */
/* The small rules of gRPC over HTTP/2. */
#include "session/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RPC_TIMEOUT_DIGITS 8

void wi_fault_set(struct wi_fault *ret_fault, enum wi_rpc_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_fault->text, sizeof(ret_fault->text), format, arguments);
    va_end(arguments);
    ret_fault->code = code;
}

size_t wi_rpc_message_write(const char *text, char *ret_text, size_t room)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool is_plain = *c >= 0x20 && *c < 0x7F && *c != '%';
        size_t needed = is_plain ? 1 : 3;
        if (n + needed >= room) {
            break;
        }
        if (is_plain) {
            ret_text[n++] = (char)*c;
        } else {
            ret_text[n++] = '%';
            ret_text[n++] = digits[*c >> 4];
            ret_text[n++] = digits[*c & 0xF];
        }
    }
    ret_text[n] = '\0';
    return n;
}

bool wi_rpc_timeout_parse(const char *text, size_t n, uint64_t *ret_nanos)
{
    if (n < 2 || n > RPC_TIMEOUT_DIGITS + 1) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    uint64_t unit;
    switch (text[n - 1]) {
    case 'H':
        unit = UINT64_C(3600000000000);
        break;
    case 'M':
        unit = UINT64_C(60000000000);
        break;
    case 'S':
        unit = UINT64_C(1000000000);
        break;
    case 'm':
        unit = UINT64_C(1000000);
        break;
    case 'u':
        unit = UINT64_C(1000);
        break;
    case 'n':
        unit = 1;
        break;
    default:
        return false;
    }
    *ret_nanos = number > UINT64_MAX / 4 / unit ? UINT64_MAX / 4 : number * unit;
    return true;
}

bool wi_rpc_is_content_type(const char *text, size_t n)
{
    static const char expected[] = "application/grpc";
    size_t length = sizeof(expected) - 1;
    return n >= length && strncasecmp(text, expected, length) == 0 &&
           (n == length || text[length] == '+' || text[length] == ';');
}
