/* SPDX-License-Identifier: MIT */
/* Values in the form that every output takes. */
#include "emit/value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct wc_value wc_value_of(const Weir__V1__Value *value)
{
    struct wc_value result = {.type = WC_ABSENT};
    if (!value) {
        return result;
    }
    switch (value->value_case) {
    case WEIR__V1__VALUE__VALUE_U64:
        return wc_value_u64(value->u64);
    case WEIR__V1__VALUE__VALUE_I64:
        result.type = WC_I64;
        result.u.i64 = value->i64;
        break;
    case WEIR__V1__VALUE__VALUE_F64:
        return wc_value_f64(value->f64);
    case WEIR__V1__VALUE__VALUE_TEXT:
        result.type = WC_TEXT;
        result.u.text = value->text ? value->text : "";
        break;
    default:
        break;
    }
    return result;
}

struct wc_value wc_value_text(const char *text)
{
    struct wc_value value = {.type = text && text[0] ? WC_TEXT : WC_ABSENT};
    value.u.text = text;
    return value;
}

struct wc_value wc_value_u64(uint64_t number)
{
    struct wc_value value = {.type = WC_U64};
    value.u.u64 = number;
    return value;
}

struct wc_value wc_value_f64(double number)
{
    struct wc_value value = {.type = isfinite(number) ? WC_F64 : WC_ABSENT};
    value.u.f64 = number;
    return value;
}

struct wc_value wc_value_time(int64_t unix_nanos)
{
    struct wc_value value = {.type = unix_nanos > 0 ? WC_TIME : WC_ABSENT};
    value.u.i64 = unix_nanos;
    return value;
}

double wc_value_number(const struct wc_value *value)
{
    switch (value->type) {
    case WC_U64:
        return (double)value->u.u64;
    case WC_I64:
    case WC_TIME:
        return (double)value->u.i64;
    case WC_F64:
        return value->u.f64;
    default:
        return 0;
    }
}

const char *wc_value_plain(const struct wc_value *value, char room[WC_FORMAT_SIZE])
{
    room[0] = '\0';
    switch (value->type) {
    case WC_U64:
        snprintf(room, WC_FORMAT_SIZE, "%" PRIu64, value->u.u64);
        break;
    case WC_I64:
        snprintf(room, WC_FORMAT_SIZE, "%" PRId64, value->u.i64);
        break;
    case WC_F64:
        wc_format_f64(room, value->u.f64);
        break;
    case WC_TIME:
        wc_format_time(room, value->u.i64);
        break;
    case WC_TEXT:
        return value->u.text;
    case WC_ABSENT:
        break;
    }
    return room;
}
