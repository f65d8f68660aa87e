/* SPDX-License-Identifier: MIT */
/* A warning as a row of kind WI_WARNING. */
#include "weir/warning.h"

#include "snapshot/process_view.h"

#include <math.h>

static void put_text(struct wi_row *row, int metric, const char *text)
{
    if (text) {
        row->value[metric] = (struct wi_value){WI_TEXT, {.text = text}};
    }
}

void wi_warning_row(const struct wi_warning *warning, struct wi_row *row)
{
    row->name = warning->subject;
    put_text(row, WI_WARNING_SEVERITY, warning->severity);
    put_text(row, WI_WARNING_SUBJECT, warning->subject);
    put_text(row, WI_WARNING_TEXT, warning->text);
    put_text(row, WI_WARNING_KIND, warning->kind);
    put_text(row, WI_WARNING_EVIDENCE, warning->evidence);
    put_text(row, WI_WARNING_ESTIMATE, warning->estimate);
    put_text(row, WI_WARNING_ACTION, warning->action);
    if (warning->has_row) {
        put_text(row, WI_WARNING_SUBJECT_KIND, wi_kind_name(warning->row_kind));
        row->value[WI_WARNING_SUBJECT_ID] = (struct wi_value){WI_U64, {.u64 = warning->row_id}};
    }
    for (int n = 0; n < WI_WARNING_N_NUMBERS; n++) {
        if (isfinite(warning->number[n])) {
            row->value[WI_WARNING_FIRST_NUMBER + n] =
                (struct wi_value){WI_F64, {.f64 = warning->number[n]}};
        }
    }
}
