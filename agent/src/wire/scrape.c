/* SPDX-License-Identifier: MIT */
/* From the served processes to one exposition. */
#include "wire/scrape.h"

enum weir_status wi_scrape_encode(struct wi_worlds *worlds, enum wi_format format,
                                  bool without_process, struct wi_buffer *buffer)
{
    struct wi_served *served = worlds->first;
    if (!served->tally) {
        served->tally = wi_tally_create();
    }
    return wi_prometheus_encode(served->world, format, without_process, served->tally, buffer);
}
