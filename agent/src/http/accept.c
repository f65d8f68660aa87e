/* SPDX-License-Identifier: MIT */
/*
 * Chooses the exposition that a scraper gets: OpenMetrics only if the Accept header names it, in a
 * version that weir has, and prefers it at least as much as text; gzip only if Accept-Encoding
 * allows it and prefers it at least as much as identity. A malformed range counts as absent.
 */
#include "http/accept.h"

#include <string.h>

struct accept_range {
    const char *type; /* "text/plain" */
    size_t type_length;
    bool has_version;
    bool is_openmetrics_1, is_text_004; /* which version it names */
    int thousandths;                    /* of q */
};

/* q as thousandths; anything malformed counts as 0. */
static int accept_quality(const char *text, size_t length)
{
    if (length == 0 || (text[0] != '0' && text[0] != '1')) {
        return 0;
    }
    int thousandths = (text[0] - '0') * 1000;
    int place = 100;
    for (size_t i = 2; i < length && place > 0 && text[1] == '.'; i++, place /= 10) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        thousandths += (text[i] - '0') * place;
    }
    return thousandths > 1000 ? 1000 : thousandths;
}

static bool accept_is_word(const char *text, size_t length, const char *word)
{
    if (strlen(word) != length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char low = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
        if (low != word[i]) {
            return false;
        }
    }
    return true;
}

static void accept_trim(const char **text, size_t *length)
{
    while (*length > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t')) {
        (*length)--;
    }
}

static void accept_parameter(struct accept_range *range, const char *text, size_t length)
{
    const char *equals = memchr(text, '=', length);
    if (!equals) {
        return;
    }
    size_t name_length = (size_t)(equals - text);
    const char *value = equals + 1;
    size_t value_length = length - name_length - 1;
    accept_trim(&text, &name_length);
    accept_trim(&value, &value_length);
    if (accept_is_word(text, name_length, "q")) {
        range->thousandths = accept_quality(value, value_length);
    } else if (accept_is_word(text, name_length, "version")) {
        if (value_length >= 2 && value[0] == '"' && value[value_length - 1] == '"') {
            value++;
            value_length -= 2;
        }
        range->has_version = true;
        range->is_openmetrics_1 = accept_is_word(value, value_length, "1.0.0");
        range->is_text_004 = accept_is_word(value, value_length, "0.0.4");
    }
}

/* Reads one range ("text/plain;version=0.0.4;q=0.5") and returns where the next one begins. */
static const char *accept_range_read(const char *at, struct accept_range *ret_range)
{
    size_t length = strcspn(at, ";,");
    struct accept_range range = {.type = at, .type_length = length, .thousandths = 1000};
    accept_trim(&range.type, &range.type_length);
    at += length;
    while (*at == ';') {
        at++;
        length = strcspn(at, ";,");
        accept_parameter(&range, at, length);
        at += length;
    }
    *ret_range = range;
    return *at == ',' ? at + 1 : at;
}

enum wi_format wi_accept_format(const char *accept)
{
    int openmetrics = 0;
    int text = 0;
    int text_specific = 0; /* how closely the range matches that gave `text` */
    while (accept && *accept) {
        struct accept_range range;
        accept = accept_range_read(accept, &range);
        int specific = 0;
        if (accept_is_word(range.type, range.type_length, "application/openmetrics-text")) {
            bool is_ours = !range.has_version || range.is_openmetrics_1;
            if (is_ours && range.thousandths > openmetrics) {
                openmetrics = range.thousandths;
            }
        } else if (accept_is_word(range.type, range.type_length, "text/plain")) {
            specific = !range.has_version || range.is_text_004 ? 3 : 0;
        } else if (accept_is_word(range.type, range.type_length, "text/*")) {
            specific = 2;
        } else if (accept_is_word(range.type, range.type_length, "*/*")) {
            specific = 1;
        }
        if (specific > text_specific ||
            (specific && specific == text_specific && range.thousandths > text)) {
            text_specific = specific;
            text = range.thousandths;
        }
    }
    return openmetrics > 0 && openmetrics >= text ? WI_FORMAT_OPENMETRICS : WI_FORMAT_TEXT;
}

void wi_accept_codings(struct wi_codings *codings, const char *accept_encoding)
{
    while (accept_encoding && *accept_encoding) {
        struct accept_range range;
        int *named = NULL;
        accept_encoding = accept_range_read(accept_encoding, &range);
        if (accept_is_word(range.type, range.type_length, "gzip") ||
            accept_is_word(range.type, range.type_length, "x-gzip")) {
            named = &codings->gzip;
        } else if (accept_is_word(range.type, range.type_length, "identity")) {
            named = &codings->identity;
        } else if (accept_is_word(range.type, range.type_length, "*")) {
            named = &codings->any;
        }
        if (named && range.thousandths > *named) {
            *named = range.thousandths;
        }
    }
}

bool wi_accept_wants_gzip(const struct wi_codings *codings)
{
    /* "*" stands for each coding that is not named. Without it, gzip is not acceptable, and identity is
     * acceptable but preferred least (RFC 9110, 12.5.3). */
    int gzip = codings->gzip >= 0 ? codings->gzip : codings->any;
    int identity = codings->identity >= 0 ? codings->identity : codings->any;
    return gzip > 0 && gzip >= identity;
}

bool wi_accept_takes_identity(const struct wi_codings *codings)
{
    return codings->identity >= 0 ? codings->identity > 0 : codings->any != 0;
}
