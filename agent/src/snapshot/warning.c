/* SPDX-License-Identifier: MIT */
/* A warning as a row of kind WI_WARNING. */
#include "weir/warning.h"

#include "snapshot/process_view.h"
#include "weir/expect.h"

#include <math.h>
#include <stdlib.h>

bool wi_warning_next_id(const char **ids, uint64_t *ret_id)
{
    char *end;
    if (!*ids || !(*ids)[0]) {
        return false;
    }
    *ret_id = strtoull(*ids, &end, 10);
    bool has_id = end > *ids;
    *ids = end;
    return has_id;
}

bool wi_warning_has(const char *ids, uint64_t id)
{
    uint64_t one = 0;
    while (wi_warning_next_id(&ids, &one)) {
        if (one == id) {
            return true;
        }
    }
    return false;
}

void wi_warning_row(const struct wi_warning *warning, struct wi_row *row)
{
    row->name = WI_EXPECT(warning->subject) ? warning->subject : "";
    wi_row_put_text(row, WI_WARNING_SEVERITY, warning->severity);
    wi_row_put_text(row, WI_WARNING_SUBJECT, warning->subject);
    wi_row_put_text(row, WI_WARNING_TEXT, warning->text);
    wi_row_put_text(row, WI_WARNING_KIND, warning->kind);
    wi_row_put_text(row, WI_WARNING_EVIDENCE, warning->evidence);
    wi_row_put_text(row, WI_WARNING_ESTIMATE, warning->estimate);
    wi_row_put_text(row, WI_WARNING_ACTION, warning->action);
    wi_row_put_text(row, WI_WARNING_LABELS, warning->labels);
    wi_row_put_text(row, WI_WARNING_SUBJECT_IDS, warning->ids);
    if (warning->has_row) {
        wi_row_put_text(row, WI_WARNING_SUBJECT_KIND, wi_kind_name(warning->row_kind));
        row->value[WI_WARNING_SUBJECT_ID] = (struct wi_value){WI_U64, {.u64 = warning->row_id}};
    }
    for (int n = 0; n < WI_WARNING_N_NUMBERS; n++) {
        if (isfinite(warning->number[n])) {
            row->value[WI_WARNING_FIRST_NUMBER + n] =
                (struct wi_value){WI_F64, {.f64 = warning->number[n]}};
        }
    }
}
