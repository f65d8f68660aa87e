/* SPDX-License-Identifier: MIT */
/* Chooses format and coding of an exposition by what a scraper accepts. Plain functions; any thread. */
#ifndef WI_HTTP_ACCEPT_H
#define WI_HTTP_ACCEPT_H

#include "encode/prometheus.h"

/* Chooses by the Accept header's q values; NULL or nothing known: text. */
enum wi_format wi_accept_format(const char *accept);

/* What Accept-Encoding says of the two codings that there are: q in thousandths, -1 where it is not named. */
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

/* Whether gzip is asked for and liked at least as well as what is not compressed. */
bool wi_accept_wants_gzip(const struct wi_codings *codings);

/* Whether an answer may come as it is: not with "identity;q=0", nor with "*;q=0" alone. */
bool wi_accept_takes_identity(const struct wi_codings *codings);

#endif
