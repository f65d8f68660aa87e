/* SPDX-License-Identifier: MIT */
/*
 * Numbers for people: "90,000", "18.7 MB", "12 s". Plain functions, any thread; the host's locale
 * plays no part. Each writes into `ret_text` and returns it.
 */
#ifndef WI_FINDING_WORDS_H
#define WI_FINDING_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define WI_WORDS_MAX  40
#define WI_QUEUED_MAX (2 * WI_WORDS_MAX + 16)

/* A number as a count, cut to a whole one: 0 for what is negative or no number, the greatest for more than fits. */
uint64_t wi_words_whole(double number);

/* "4,096" */
const char *wi_words_count(char ret_text[WI_WORDS_MAX], uint64_t number);

/* "6,000", and below ten with one decimal: "0.4". Negative and NaN: "0". */
const char *wi_words_rate(char ret_text[WI_WORDS_MAX], double per_second);

/* "999 B", "18.7 MB": powers of 1,000, one decimal. */
const char *wi_words_bytes(char ret_text[WI_WORDS_MAX], uint64_t bytes);

/* The same of a number that need not be whole: "208 B", "0.4 B", "1.20 MB", two decimals past a
 * kilobyte. Negative and NaN: "0 B". */
const char *wi_words_size(char ret_text[WI_WORDS_MAX], double bytes);

/* With its sign: "+1.25 MB", "-300 B". */
const char *wi_words_growth(char ret_text[WI_WORDS_MAX], double bytes);

/* "12 s", "3 min", "2 h", "5 d", cut and not rounded. */
const char *wi_words_duration(char ret_text[WI_WORDS_MAX], uint64_t nanos);

/* A short time: "61 us", "4.7 ms", "12.0 s". Negative and NaN: "0 us". */
const char *wi_words_wait(char ret_text[WI_WORDS_MAX], double seconds);

/* A share of the whole: "96 %". Up to a tenth above the whole is the error of a measurement, so "100 %"; what is more
 * is no share of it: "more than all". Not NaN. */
const char *wi_words_share(char ret_text[WI_WORDS_MAX], double share);

/* Whether it is so much more. NaN is not. */
bool wi_words_is_beyond(double share);

/* An amount, or a rate, of messages or of bytes: "4,096", "18.7 MB"; "6,000", "1.20 MB". */
const char *wi_words_amount(char ret_text[WI_WORDS_MAX], uint64_t number, bool is_bytes);
const char *wi_words_flow(char ret_text[WI_WORDS_MAX], double per_second, bool is_bytes);

/* "90,000 queued (18.7 MB)"; without bytes where the application declares none; "18.7 MB queued" where the depth is
 * bytes. */
const char *wi_words_queued(char ret_text[WI_QUEUED_MAX], uint64_t depth, uint64_t bytes,
                            bool is_bytes);

#endif
