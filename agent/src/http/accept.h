/* SPDX-License-Identifier: MIT */
/* Chooses format and coding of an exposition by a scraper's headers. Plain functions; any thread. */
#ifndef WI_HTTP_ACCEPT_H
#define WI_HTTP_ACCEPT_H

#include "encode/prometheus.h"

/* Chooses by the Accept header's q values; NULL or nothing known: text. */
enum wi_format wi_accept_format(const char *accept);

/* The preferences in Accept-Encoding for the two codings that there are: q in thousandths, -1 if it
 * is not named. */
struct wi_codings {
    int gzip;
    int identity;
    int any; /* "*" */
};

#define WI_CODINGS_NONE                                                                            \
    {                                                                                              \
        -1, -1, -1                                                                                 \
    }

/* Adds one header field; a request may have several. */
void wi_accept_codings(struct wi_codings *codings, const char *accept_encoding);

/* Whether gzip is acceptable and preferred at least as much as no compression. */
bool wi_accept_wants_gzip(const struct wi_codings *codings);

/* Whether an answer may be sent without compression: not with "identity;q=0", nor with "*;q=0"
 * alone. */
bool wi_accept_takes_identity(const struct wi_codings *codings);

#endif
