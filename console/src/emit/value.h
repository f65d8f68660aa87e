/* SPDX-License-Identifier: MIT */
/* One value of one row, in the form that every output takes. No I/O. The console's one thread. */
#ifndef WC_EMIT_VALUE_H
#define WC_EMIT_VALUE_H

#include "base/format.h"
#include "weir/v1/agent.pb-c.h"

#include <stddef.h>
#include <stdint.h>

enum wc_value_type {
    WC_ABSENT,
    WC_U64,
    WC_I64,
    WC_F64,
    WC_TEXT,
    WC_TIME /* i64: nanoseconds since the epoch */
};

struct wc_value {
    enum wc_value_type type;
    union {
        uint64_t u64;
        int64_t i64;
        double f64;
        const char *text; /* borrowed */
    } u;
};

/* Borrows the text. NULL: absent. */
struct wc_value wc_value_of(const Weir__V1__Value *value);

struct wc_value wc_value_text(const char *text); /* "" and NULL: absent */
struct wc_value wc_value_u64(uint64_t number);
struct wc_value wc_value_f64(double number); /* not finite: absent */
struct wc_value wc_value_time(int64_t unix_nanos);

/* The number as a double; 0 if it is not a number. */
double wc_value_number(const struct wc_value *value);

/* The value as plain text: numbers exact, times RFC 3339, "" when absent. Text is borrowed, all
 * else is in `room`. */
const char *wc_value_plain(const struct wc_value *value, char room[WC_FORMAT_SIZE]);

#endif
