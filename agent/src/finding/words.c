/* SPDX-License-Identifier: MIT */
/* Numbers for people, in whole-number arithmetic. */
#include "finding/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define WORDS_SECOND UINT64_C(1000000000)
#define WORDS_WHOLE  1.1 /* as much of a whole is still taken for all of it */

const char *wi_words_count(char ret_text[WI_WORDS_MAX], uint64_t number)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *to = ret_text;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = 0;
    return ret_text;
}

uint64_t wi_words_whole(double number)
{
    if (!(number > 0)) {
        return 0;
    }
    return number < 18446744073709549568.0 ? (uint64_t)number : UINT64_MAX;
}

const char *wi_words_rate(char ret_text[WI_WORDS_MAX], double per_second)
{
    if (!(per_second > 0)) {
        return wi_words_count(ret_text, 0);
    }
    if (per_second >= 9.95) {
        return wi_words_count(ret_text, wi_words_whole(fmin(per_second + 0.5, 0x1p60)));
    }
    unsigned tenths = (unsigned)(per_second * 10 + 0.5);
    snprintf(ret_text, WI_WORDS_MAX, "%u.%u", tenths / 10, tenths % 10);
    return ret_text;
}

const char *wi_words_bytes(char ret_text[WI_WORDS_MAX], uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        snprintf(ret_text, WI_WORDS_MAX, "%u B", (unsigned)bytes);
        return ret_text;
    }
    size_t i = 0;
    uint64_t tenth = 100; /* of the unit */
    uint64_t tenths = bytes / tenth + (bytes % tenth >= tenth / 2);
    while (tenths >= 10000 && i + 1 < sizeof(units) / sizeof(units[0])) {
        tenth *= 1000;
        tenths = bytes / tenth + (bytes % tenth >= tenth / 2);
        i++;
    }
    snprintf(ret_text, WI_WORDS_MAX, "%" PRIu64 ".%u %s", tenths / 10, (unsigned)(tenths % 10),
             units[i]);
    return ret_text;
}

const char *wi_words_size(char ret_text[WI_WORDS_MAX], double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t i = 0;
    bytes = bytes > 0 ? bytes : 0;
    while (bytes >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1000;
        i++;
    }
    uint64_t hundredths =
        bytes < 1e15 ? (uint64_t)(bytes * 100 + 0.5) : UINT64_C(100000000000000000);
    if (i == 0) {
        unsigned tenths = (unsigned)((hundredths + 5) / 10);
        if (tenths < 100 && tenths % 10) {
            snprintf(ret_text, WI_WORDS_MAX, "%u.%u B", tenths / 10, tenths % 10);
        } else {
            snprintf(ret_text, WI_WORDS_MAX, "%u B", (tenths + 5) / 10);
        }
    } else {
        snprintf(ret_text, WI_WORDS_MAX, "%" PRIu64 ".%02u %s", hundredths / 100,
                 (unsigned)(hundredths % 100), units[i]);
    }
    return ret_text;
}

const char *wi_words_growth(char ret_text[WI_WORDS_MAX], double bytes)
{
    ret_text[0] = bytes < 0 ? '-' : '+';
    char size[WI_WORDS_MAX];
    snprintf(ret_text + 1, WI_WORDS_MAX - 1, "%.30s",
             wi_words_size(size, bytes < 0 ? -bytes : bytes));
    return ret_text;
}

const char *wi_words_duration(char ret_text[WI_WORDS_MAX], uint64_t nanos)
{
    uint64_t seconds = nanos / WORDS_SECOND;
    if (seconds < 120) {
        snprintf(ret_text, WI_WORDS_MAX, "%u s", (unsigned)seconds);
    } else if (seconds < 7200) {
        snprintf(ret_text, WI_WORDS_MAX, "%u min", (unsigned)(seconds / 60));
    } else if (seconds < 172800) {
        snprintf(ret_text, WI_WORDS_MAX, "%u h", (unsigned)(seconds / 3600));
    } else {
        snprintf(ret_text, WI_WORDS_MAX, "%" PRIu64 " d", seconds / 86400);
    }
    return ret_text;
}

const char *wi_words_wait(char ret_text[WI_WORDS_MAX], double seconds)
{
    static const char *const units[] = {"us", "ms", "s"};
    double value = seconds > 0 ? fmin(seconds * 1e6, 1e15) : 0;
    size_t i = 0;
    while (value >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1000;
        i++;
    }
    uint64_t tenths = (uint64_t)(value * 10 + 0.5);
    if (i == 0) {
        snprintf(ret_text, WI_WORDS_MAX, "%u us", (unsigned)(value + 0.5));
    } else {
        snprintf(ret_text, WI_WORDS_MAX, "%" PRIu64 ".%u %s", tenths / 10, (unsigned)(tenths % 10),
                 units[i]);
    }
    return ret_text;
}

bool wi_words_is_beyond(double share)
{
    return share > WORDS_WHOLE;
}

const char *wi_words_share(char ret_text[WI_WORDS_MAX], double share)
{
    if (wi_words_is_beyond(share)) {
        snprintf(ret_text, WI_WORDS_MAX, "more than all");
    } else {
        snprintf(ret_text, WI_WORDS_MAX, "%.0f %%", 100 * fmin(share, 1));
    }
    return ret_text;
}

const char *wi_words_amount(char ret_text[WI_WORDS_MAX], uint64_t number, bool is_bytes)
{
    return is_bytes ? wi_words_bytes(ret_text, number) : wi_words_count(ret_text, number);
}

const char *wi_words_flow(char ret_text[WI_WORDS_MAX], double per_second, bool is_bytes)
{
    return is_bytes ? wi_words_size(ret_text, per_second) : wi_words_rate(ret_text, per_second);
}

const char *wi_words_queued(char ret_text[WI_QUEUED_MAX], uint64_t depth, uint64_t bytes,
                            bool is_bytes)
{
    char count[WI_WORDS_MAX];
    char size[WI_WORDS_MAX];
    wi_words_amount(count, depth, is_bytes);
    if (bytes > 0 && !is_bytes) {
        snprintf(ret_text, WI_QUEUED_MAX, "%s queued (%s)", count, wi_words_bytes(size, bytes));
    } else {
        snprintf(ret_text, WI_QUEUED_MAX, "%s queued", count);
    }
    return ret_text;
}
