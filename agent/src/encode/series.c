/* SPDX-License-Identifier: MIT */
/* Numbers here are field numbers of agent.proto. */
#include "encode/series.h"

#include "encode/pack.h"

#include <string.h>

/* A packed field of doubles: eight bytes each, the least significant first. */
static void series_values(struct wi_buffer *buffer, const double *values, size_t n)
{
    size_t mark = wi_pack_begin(buffer, 8);
    uint8_t *at = wi_buffer_reserve(buffer, n * sizeof(*values));
    for (size_t i = 0; at && i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof(bits));
        for (size_t b = 0; b < sizeof(bits); b++) {
            *at++ = (uint8_t)(bits >> (8 * b));
        }
    }
    buffer->length += at ? n * sizeof(*values) : 0;
    wi_pack_end(buffer, mark);
}

void wi_weir_series(const struct wi_series *series, struct wi_buffer *buffer)
{
    wi_pack_u64(buffer, 1, series->id);
    wi_pack_text(buffer, 2, series->name);
    wi_pack_u64(buffer, 3, series->kind);
    wi_pack_u64(buffer, 4, (uint64_t)series->metric);
    wi_pack_u64(buffer, 5, (uint64_t)series->last_unix_nanos);
    wi_pack_u64(buffer, 6, series->last_read_nanos);
    wi_pack_u64(buffer, 7, series->step_nanos);
    if (series->n_values > 0) {
        series_values(buffer, series->values, series->n_values);
    }
}
