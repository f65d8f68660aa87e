/* SPDX-License-Identifier: MIT */
/* Formats numbers. In the forms for people all widths are bounded: a count takes at most 5 columns,
 * a duration 5, bytes 7. */
#include "base/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FORMAT_NANOS  INT64_C(1000000000)
#define FORMAT_MILLIS INT64_C(1000000)

/* Three significant digits with a prefix of 1,000: 18.2k. The rounding may reach the next prefix:
 * 999,960 is 1.00M, not 1000k. */
static void format_scaled(char to[WC_FORMAT_SIZE], double value, const char *gap,
                          const char *const prefixes[], int n_prefixes)
{
    int i = 0;
    while (value >= 999.5 && i + 1 < n_prefixes) {
        value /= 1000;
        i++;
    }
    int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(to, WC_FORMAT_SIZE, "%.*f%s%s", i == 0 ? 0 : digits, value, gap, prefixes[i]);
}

static void format_si(char to[WC_FORMAT_SIZE], double value)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    format_scaled(to, value, "", prefixes, 7);
}

void wc_format_count(char to[WC_FORMAT_SIZE], double value)
{
    const char *sign = value < 0 ? "-" : "";
    double size = fabs(value);
    char text[WC_FORMAT_SIZE];

    if (size < 9999.5) {
        bool is_whole = size == floor(size) || size >= 100; /* a gauge may have a fraction */
        snprintf(to, WC_FORMAT_SIZE, "%s%.*f", sign, is_whole ? 0 : 1, size);
        return;
    }
    format_si(text, size);
    snprintf(to, WC_FORMAT_SIZE, "%s%.*s", sign, WC_FORMAT_SIZE - 2, text);
}

void wc_format_rate(char to[WC_FORMAT_SIZE], double per_second)
{
    if (per_second > 0 && per_second < 9.95) {
        snprintf(to, WC_FORMAT_SIZE, per_second < 0.05 ? "<0.1" : "%.1f", per_second);
        return;
    }
    if (per_second < 999.5) {
        snprintf(to, WC_FORMAT_SIZE, "%.0f", per_second > 0 ? per_second : 0.0);
        return;
    }
    format_si(to, per_second);
}

void wc_format_duration(char to[WC_FORMAT_SIZE], double seconds)
{
    if (!(seconds > 0)) {
        snprintf(to, WC_FORMAT_SIZE, "0");
    } else if (seconds < 0.001) {
        snprintf(to, WC_FORMAT_SIZE, "<1ms");
    } else if (seconds < 0.00995) {
        snprintf(to, WC_FORMAT_SIZE, "%.1fms", seconds * 1e3);
    } else if (seconds < 0.9995) {
        snprintf(to, WC_FORMAT_SIZE, "%.0fms", seconds * 1e3);
    } else if (seconds < 59.95) {
        snprintf(to, WC_FORMAT_SIZE, "%.1fs", seconds);
    } else if (seconds < 120) {
        snprintf(to, WC_FORMAT_SIZE, "%.0fs", floor(seconds));
    } else if (seconds < 600) {
        wc_format_uptime(to, seconds);
    } else if (seconds < 3600) {
        snprintf(to, WC_FORMAT_SIZE, "%.0fm", floor(seconds / 60));
    } else {
        wc_format_uptime(to, seconds);
    }
}

void wc_format_latency(char to[WC_FORMAT_SIZE], double seconds)
{
    double nanos = seconds * 1e9;
    if (!(nanos >= 0.5) || nanos >= 999.5e3) {
        wc_format_duration(to, nanos >= 0.5 ? seconds : 0);
    } else if (nanos < 999.5) {
        snprintf(to, WC_FORMAT_SIZE, "%.0fns", nanos);
    } else {
        snprintf(to, WC_FORMAT_SIZE, nanos < 9950 ? "%.1fus" : "%.0fus", nanos / 1e3);
    }
}

/* In the largest unit of which the duration has more than one, so that little is cut off. */
static void format_in_unit(char to[WC_FORMAT_SIZE], char mark, double seconds,
                           double (*whole)(double))
{
    static const struct {
        double seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    size_t i = 0;
    while (i + 1 < sizeof(units) / sizeof(units[0]) && seconds < 2 * units[i].seconds) {
        i++;
    }
    snprintf(to, WC_FORMAT_SIZE, "%c%.0f%s", mark, whole(fmin(seconds / units[i].seconds, 9999)),
             units[i].unit);
}

void wc_format_at_least(char to[WC_FORMAT_SIZE], double seconds)
{
    double millis = floor(seconds * 1e3);
    if (!(millis >= 1)) {
        wc_format_latency(to, 0);
    } else if (millis < 100) {
        snprintf(to, WC_FORMAT_SIZE, ">%.0fms", millis);
    } else if (millis < 1000) {
        snprintf(to, WC_FORMAT_SIZE, ">%.1fs", floor(millis / 100) / 10);
    } else {
        format_in_unit(to, '>', seconds, floor);
    }
}

void wc_format_about(char to[WC_FORMAT_SIZE], double seconds)
{
    format_in_unit(to, '~', seconds >= 0 ? seconds : 0, round);
}

bool wc_format_wait(char to[WC_FORMAT_SIZE], double least, double estimate)
{
    if (estimate >= 0 && !(least > estimate)) {
        wc_format_about(to, estimate);
    } else if (least >= 0) {
        wc_format_at_least(to, least);
    } else {
        return false;
    }
    return true;
}

void wc_format_uptime(char to[WC_FORMAT_SIZE], double seconds)
{
    if (!(seconds >= 0) || seconds > 1e12) {
        seconds = 0;
    }
    uint64_t s = (uint64_t)seconds;
    if (s < 60) {
        snprintf(to, WC_FORMAT_SIZE, "%" PRIu64 "s", s);
    } else if (s < 3600) {
        snprintf(to, WC_FORMAT_SIZE, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(to, WC_FORMAT_SIZE, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
    } else {
        snprintf(to, WC_FORMAT_SIZE, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
    }
}

void wc_format_bytes(char to[WC_FORMAT_SIZE], double bytes)
{
    static const char *const prefixes[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    format_scaled(to, bytes > 0 ? bytes : 0, " ", prefixes, 7);
}

void wc_format_growth(char to[WC_FORMAT_SIZE], double bytes_per_second)
{
    char text[WC_FORMAT_SIZE];
    wc_format_bytes(text, fabs(bytes_per_second));
    const char *sign = fabs(bytes_per_second) < 0.5 ? "" : bytes_per_second < 0 ? "-" : "+";
    snprintf(to, WC_FORMAT_SIZE, "%s%.30s/s", sign, text);
}

void wc_format_percent(char to[WC_FORMAT_SIZE], double ratio)
{
    if (ratio > 0 && ratio < 0.01) {
        snprintf(to, WC_FORMAT_SIZE, "<1%%");
        return;
    }
    /* Rounded down, so that 100 % means full. */
    snprintf(to, WC_FORMAT_SIZE, "%.0f%%", floor(ratio * 100 + 1e-9));
}

void wc_format_share(char to[WC_FORMAT_SIZE], double ratio)
{
    double percent = ratio * 100;
    if (percent > 0 && percent < 0.05) {
        snprintf(to, WC_FORMAT_SIZE, "<0.1%%");
    } else {
        snprintf(to, WC_FORMAT_SIZE, percent > 0 && percent < 99.95 ? "%.1f%%" : "%.0f%%",
                 percent > 0 ? percent : 0);
    }
}

void wc_format_exact(char to[WC_FORMAT_SIZE], uint64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, value);
    int at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            to[at++] = ',';
        }
        to[at++] = digits[i];
    }
    to[at] = '\0';
}

void wc_format_whole(char to[WC_FORMAT_SIZE], double value)
{
    char digits[WC_FORMAT_SIZE];
    if (value != floor(value) || fabs(value) >= 9e15) {
        wc_format_count(to, value);
        return;
    }
    wc_format_exact(digits, (uint64_t)fabs(value));
    snprintf(to, WC_FORMAT_SIZE, "%s%.30s", value < 0 ? "-" : "", digits);
}

void wc_format_f64(char to[WC_FORMAT_SIZE], double value)
{
    to[0] = '\0';
    if (!isfinite(value)) {
        return;
    }
    /* Most numbers are whole, and 100,000 rows have a million of them. */
    if (value >= 0 && value < 1e15 && value == (double)(int64_t)value && !signbit(value)) {
        snprintf(to, WC_FORMAT_SIZE, "%" PRId64, (int64_t)value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(to, WC_FORMAT_SIZE, "%.*g", digits, value);
        if (strtod(to, NULL) == value) {
            return;
        }
    }
}

void wc_format_time(char to[WC_FORMAT_SIZE], int64_t unix_nanos)
{
    time_t seconds = (time_t)(unix_nanos / FORMAT_NANOS);
    int64_t rest = unix_nanos % FORMAT_NANOS;
    if (rest < 0) {
        rest += FORMAT_NANOS;
        seconds--;
    }
    struct tm parts;
    to[0] = '\0';
    if (gmtime_r(&seconds, &parts)) {
        size_t n = strftime(to, WC_FORMAT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(to + n, WC_FORMAT_SIZE - n, ".%03dZ", (int)(rest / FORMAT_MILLIS));
    }
}

/* A local time; false for a time that no calendar has. */
static bool format_local(char to[WC_FORMAT_SIZE], const char *form, time_t seconds)
{
    struct tm parts;
    return localtime_r(&seconds, &parts) && strftime(to, WC_FORMAT_SIZE, form, &parts) > 0;
}

void wc_format_clock(char to[WC_FORMAT_SIZE], int64_t unix_nanos)
{
    if (!format_local(to, "%H:%M:%S", (time_t)(unix_nanos / FORMAT_NANOS))) {
        to[0] = '\0';
    }
}

void wc_format_moment(char to[WC_FORMAT_SIZE], double unix_seconds)
{
    time_t moment = unix_seconds > 0 && unix_seconds < 1e11 ? (time_t)unix_seconds : 0;
    if (moment == 0 || !format_local(to, "%m-%d %H:%M", moment)) {
        snprintf(to, WC_FORMAT_SIZE, "-");
    }
}

void wc_format_position(char to[WC_FORMAT_SIZE], uint64_t nanos)
{
    unsigned seconds = (unsigned)(nanos / (uint64_t)FORMAT_NANOS % 360000000);
    if (seconds < 3600) {
        snprintf(to, WC_FORMAT_SIZE, "%u:%02u", seconds / 60, seconds % 60);
    } else {
        snprintf(to, WC_FORMAT_SIZE, "%u:%02u:%02u", seconds / 3600, seconds / 60 % 60,
                 seconds % 60);
    }
}
