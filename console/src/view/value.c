/* SPDX-License-Identifier: MIT */
/* A value by its unit: for lists of any metric, also of one that this console does not
 * know. */
#include "view/part.h"

#include <stdio.h>
#include <string.h>

#define EPOCH_SECONDS 1e9 /* from so many seconds on it is no duration but a moment after 2001 */

void wc_view_value(char to[WC_FORMAT_SIZE], const Weir__V1__Metric *metric, const char *unit,
                   const Weir__V1__Value *value)
{
    double number;

    if (value && value->value_case == WEIR__V1__VALUE__VALUE_TEXT) {
        snprintf(to, WC_FORMAT_SIZE, "%.*s", WC_FORMAT_SIZE - 1, value->text);
        return;
    }
    if (wc_model_as_number(value, &number) && strcmp(unit, "seconds") == 0 &&
        number >= EPOCH_SECONDS) {
        wc_format_moment(to, number);
    } else if (!wc_model_as_number(value, &number)) {
        snprintf(to, WC_FORMAT_SIZE, "-");
    } else if (metric->type == WEIR__V1__METRIC_TYPE__METRIC_HISTOGRAM) {
        wc_format_whole(to, number); /* a number of times, whatever the unit */
    } else if (strcmp(unit, "seconds") == 0) {
        wc_format_latency(to, number);
    } else if (strcmp(unit, "bytes") == 0) {
        wc_format_bytes(to, number);
    } else if (strcmp(unit, "bytes_per_second") == 0 && strcmp(metric->unit, unit) != 0) {
        wc_format_bytes(to, number); /* a rate of a channel that counts bytes */
        snprintf(to + strlen(to), WC_FORMAT_SIZE - strlen(to), "/s");
    } else if (strcmp(unit, "bytes_per_second") == 0) {
        wc_format_growth(to, number);
    } else if (strcmp(unit, "per_second") == 0) {
        wc_format_rate(to, number);
    } else if (strcmp(unit, "ratio") == 0) {
        wc_format_percent(to, number);
    } else if (value->value_case == WEIR__V1__VALUE__VALUE_U64) {
        wc_format_exact(to, value->u64);
    } else {
        wc_format_whole(to, number);
    }
}
