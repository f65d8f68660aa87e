/* SPDX-License-Identifier: MIT */
/*
 * Numbers and times in forms for people (18.2k, 812ms, 1.20 MB) and for programs. No locale, no
 * I/O; any thread.
 */
#ifndef WC_BASE_FORMAT_H
#define WC_BASE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for every text made here. */
#define WC_FORMAT_SIZE 40

/* "9999", "18.2k", "1.31M": exact below 10,000, three digits from there. */
void wc_format_count(char to[WC_FORMAT_SIZE], double value);

/* "0", "0.4", "212", "5.98k": per second; the caption has the unit. */
void wc_format_rate(char to[WC_FORMAT_SIZE], double per_second);

/* "0", "<1ms", "812ms", "2.1s", "14.2s", "92s", "4m05s", "14m", "3h05m", "3d04h". */
void wc_format_duration(char to[WC_FORMAT_SIZE], double seconds);

/* The same, with a form for durations below a millisecond: "83us", "4.1us", "512ns". */
void wc_format_latency(char to[WC_FORMAT_SIZE], double seconds);

/* A lower bound, cut and not rounded: ">61ms", ">0.4s", ">44s", ">14m", ">5h", ">3d"; "0" below a
 * millisecond. */
void wc_format_at_least(char to[WC_FORMAT_SIZE], double seconds);

/* An estimate, to a second: "~6s", "~14m", "~5h", "~3d". */
void wc_format_about(char to[WC_FORMAT_SIZE], double seconds);

/* A wait that was not measured: an estimate of it, or the lower bound `least`, if that is longer. Each may be NaN. Returns
 * false, and writes nothing, when both are: the wait is then as it was measured. */
bool wc_format_wait(char to[WC_FORMAT_SIZE], double least, double estimate);

/* "32s", "14m05s", "2h14m", "3d04h". */
void wc_format_uptime(char to[WC_FORMAT_SIZE], double seconds);

/* "0 B", "812 MB", "1.20 GB": decimal, three digits. */
void wc_format_bytes(char to[WC_FORMAT_SIZE], double bytes);

/* "+1.20 MB/s", "-300 kB/s", "0 B/s". */
void wc_format_growth(char to[WC_FORMAT_SIZE], double bytes_per_second);

/* "41%"; "<1%" for a share that is almost nothing. */
void wc_format_percent(char to[WC_FORMAT_SIZE], double ratio);

/* "41.3%", "7%", "<0.1%": a part of a whole. */
void wc_format_share(char to[WC_FORMAT_SIZE], double ratio);

/* "1,234,567". */
void wc_format_exact(char to[WC_FORMAT_SIZE], uint64_t value);

/* The same for a number that may be negative; as wc_format_count if it is not whole. */
void wc_format_whole(char to[WC_FORMAT_SIZE], double value);

/* The shortest decimal form that reads back as the same number; "" if it is not finite. */
void wc_format_f64(char to[WC_FORMAT_SIZE], double value);

/* "2026-11-23T19:10:26.120Z"; "" for a time that no calendar has. */
void wc_format_time(char to[WC_FORMAT_SIZE], int64_t unix_nanos);

/* Local time of day, "12:04:31"; "" for a time that no calendar has. */
void wc_format_clock(char to[WC_FORMAT_SIZE], int64_t unix_nanos);

/* Month, day and local time, "11-23 19:10"; "-" for a time that no calendar has. */
void wc_format_moment(char to[WC_FORMAT_SIZE], double unix_seconds);

/* A position in a recording, "1:23" or "1:02:03". */
void wc_format_position(char to[WC_FORMAT_SIZE], uint64_t nanos);

#endif
