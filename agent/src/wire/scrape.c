/* SPDX-License-Identifier: MIT */
/* From the served processes to one exposition. */
#include "wire/scrape.h"

#include "weir/nanos.h"

#include <string.h>

static struct wi_value scrape_u64(uint64_t number)
{
    return (struct wi_value){.type = WI_U64, .u.u64 = number};
}

/* Memory of the wire, and of the process views beside it. */
static uint64_t scrape_memory(const struct wi_process_views *views)
{
    uint64_t bytes = views->self->heap_bytes;
    for (struct wi_served *served = views->first; served; served = served->next) {
        const struct wi_row *row = wi_process_view_row(served->view, WI_AGENT, 0);
        uint64_t wire = wi_process_view_self(served->view)->heap_bytes;
        const struct wi_value *whole = row ? &row->value[WI_AGENT_MEMORY] : NULL;
        bytes += whole && whole->type == WI_U64 && whole->u.u64 > wire ? whole->u.u64 - wire : 0;
    }
    return bytes;
}

/* The exporter's own numbers, written once for all processes. */
static void scrape_own(const struct wi_process_views *views, size_t n_exposed,
                       struct wi_value ret_own[WI_MAX_METRICS])
{
    const struct wi_self *self = views->self;
    double cpu = (double)wi_nanos(CLOCK_THREAD_CPUTIME_ID) / 1e9;
    memset(ret_own, 0, WI_MAX_METRICS * sizeof(*ret_own));
    ret_own[WI_AGENT_MEMORY] = scrape_u64(scrape_memory(views));
    ret_own[WI_AGENT_CPU] = (struct wi_value){.type = WI_F64, .u.f64 = cpu};
    ret_own[WI_AGENT_CLIENTS] = scrape_u64(self->clients);
    ret_own[WI_AGENT_CLIENTS_REJECTED] = scrape_u64(self->clients_rejected);
    ret_own[WI_AGENT_UPDATES_SENT] = scrape_u64(self->updates_sent);
    ret_own[WI_AGENT_UPDATES_SKIPPED] = scrape_u64(self->updates_skipped);
    ret_own[WI_AGENT_PROTOCOL_ERRORS] = scrape_u64(self->protocol_errors);
    ret_own[WI_AGENT_SCRAPES] = scrape_u64(self->scrapes);
    ret_own[WI_AGENT_HTTP_REJECTED] = scrape_u64(self->http_rejected);
    ret_own[WI_AGENT_PROCESSES] = scrape_u64(n_exposed);
    ret_own[WI_AGENT_PROCESSES_LEFT_OUT] = scrape_u64(views->n_left_out);
}

enum weir_status wi_scrape_encode(struct wi_process_views *views, enum wi_format format,
                                  bool without_process, struct wi_buffer *buffer)
{
    struct wi_process_view *exposed[WI_PROCESS_VIEWS_MAX];
    struct wi_value own[WI_MAX_METRICS];
    struct wi_exposition exposition = {exposed, 0, format, without_process, NULL};
    for (struct wi_served *served = views->first; served; served = served->next) {
        /* A host's only process view has been read, or there would be no scrape. */
        if (!views->is_changing || (wi_served_is_there(served) && served->status == WEIR_OK)) {
            exposed[exposition.n_views++] = served->view;
        }
    }
    if (views->is_changing) {
        scrape_own(views, exposition.n_views, own);
        exposition.own = own;
    }
    return wi_prometheus_encode_all(&exposition, buffer);
}
