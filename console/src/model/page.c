/* SPDX-License-Identifier: MIT */
/* Groups metrics by their paths in JSON: wait_seconds.p50 is a member of wait_seconds. */
#include "model/page.h"

#include "weir/metric.h"

#include <string.h>

size_t wc_page_group(const Weir__V1__Metric *metric)
{
    const char *dot = strchr(metric->json, '.');
    return dot ? (size_t)(dot - metric->json) : 0;
}

static bool group_is_same(const Weir__V1__Metric *a, const Weir__V1__Metric *b)
{
    size_t n = wc_page_group(a);
    return n > 0 && n == wc_page_group(b) && memcmp(a->json, b->json, n) == 0;
}

bool wc_page_is_alike(const Weir__V1__Metric *a, const Weir__V1__Metric *b)
{
    return group_is_same(a, b) && strcmp(a->unit, b->unit) == 0;
}

/* The page of a metric besides that of all fields. */
static enum wc_page metric_page(const struct wc_model *model, const Weir__V1__Metric *metric)
{
    const Weir__V1__Description *description = model->description;
    bool has_alike = false;
    if (wc_page_group(metric) == 0) {
        return metric->type == WEIR__V1__METRIC_TYPE__METRIC_HISTOGRAM ? WC_PAGE_LATENCY
                                                                       : WC_PAGE_OVERVIEW;
    }
    for (size_t i = 0; i < description->n_metrics; i++) {
        const Weir__V1__Metric *other = description->metrics[i];
        if (other->kind != metric->kind || !group_is_same(other, metric)) {
            continue;
        }
        if (other->type == WEIR__V1__METRIC_TYPE__METRIC_HISTOGRAM) {
            return WC_PAGE_LATENCY;
        }
        has_alike = has_alike || (other != metric && wc_page_is_alike(other, metric));
    }
    return has_alike ? WC_PAGE_REASONS : WC_PAGE_OVERVIEW;
}

/* As the tables of this program say: a newer server may have more metrics. */
static bool metric_is_aside(const Weir__V1__Metric *metric)
{
    const struct wi_metric_table *table = wi_metric_table((enum wi_kind)metric->kind);
    return table && metric->index < table->n_metrics && table->metrics[metric->index].is_aside;
}

static bool page_shows(const struct wc_model *model, enum wc_page page,
                       const Weir__V1__Metric *metric)
{
    if (page == WC_PAGE_FIELDS) {
        return true;
    }
    if ((int)metric->index == wi_metric_label((enum wi_kind)metric->kind)) {
        return false; /* it stands beside the name */
    }
    if (metric_is_aside(metric)) {
        return false;
    }
    enum wc_page home = metric_page(model, metric);
    return home == page || (page == WC_PAGE_OVERVIEW && home == WC_PAGE_LATENCY);
}

/* Puts metrics that can be compared beside each other; else the order stays. */
static void metrics_gather(const Weir__V1__Metric *metrics[], size_t n)
{
    for (size_t i = 1; i < n; i++) {
        size_t to = i;
        while (to > 0 && !wc_page_is_alike(metrics[to - 1], metrics[i])) {
            to--;
        }
        if (to > 0 && to < i) {
            const Weir__V1__Metric *metric = metrics[i];
            memmove(&metrics[to + 1], &metrics[to], (i - to) * sizeof(metrics[0]));
            metrics[to] = metric;
        }
    }
}

size_t wc_page_metrics(const struct wc_model *model, int kind, enum wc_page page,
                       const Weir__V1__Metric *ret_metrics[WC_MAX_METRICS])
{
    const Weir__V1__Description *description = model->description;
    size_t n = 0;
    for (size_t i = 0; description && i < description->n_metrics && n < WC_MAX_METRICS; i++) {
        const Weir__V1__Metric *metric = description->metrics[i];
        if ((int)metric->kind == kind && page != WC_PAGE_PART && page_shows(model, page, metric)) {
            ret_metrics[n++] = metric;
        }
    }
    if (page == WC_PAGE_REASONS) {
        metrics_gather(ret_metrics, n);
    }
    return n;
}

bool wc_page_part(int kind, struct wc_part *ret_part)
{
    switch (kind) {
    case WEIR__V1__KIND__KIND_CHANNEL:
        *ret_part = (struct wc_part){WEIR__V1__KIND__KIND_SENDER, "channel",
                                     "Senders (or receivers)", "channel_id"};
        return true;
    case WEIR__V1__KIND__KIND_TASK:
        *ret_part = (struct wc_part){WEIR__V1__KIND__KIND_SINGLE, "kind", "Tasks", NULL};
        return true;
    case WEIR__V1__KIND__KIND_SEMAPHORE:
        *ret_part = (struct wc_part){WEIR__V1__KIND__KIND_SINGLE, "waits_for", "Waiting", NULL};
        return true;
    case WEIR__V1__KIND__KIND_RESOURCE:
        *ret_part =
            (struct wc_part){WEIR__V1__KIND__KIND_OPERATION, "resource", "Operations", NULL};
        return true;
    case WEIR__V1__KIND__KIND_SINGLE:
        *ret_part = (struct wc_part){WEIR__V1__KIND__KIND_OPERATION, "task", "Operations", NULL};
        return true;
    default:
        return false;
    }
}

bool wc_page_has(const struct wc_model *model, int kind, enum wc_page page)
{
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    struct wc_part part;
    switch (page) {
    case WC_PAGE_OVERVIEW:
    case WC_PAGE_FIELDS:
        return true;
    case WC_PAGE_PART:
        return wc_page_part(kind, &part) && wc_model_metric(model, part.kind, part.field);
    default:
        return wc_page_metrics(model, kind, page, metrics) > 0;
    }
}

const char *wc_page_title(int kind, enum wc_page page)
{
    static const char *const titles[WC_N_PAGES] = {"Overview", "Latency", "Reasons", "", "Fields"};
    struct wc_part part;
    if (page == WC_PAGE_PART) {
        return wc_page_part(kind, &part) ? part.title : "";
    }
    if (page == WC_PAGE_REASONS) {
        return kind == WEIR__V1__KIND__KIND_TASK ? "Outcomes" : "Rejects";
    }
    return titles[page < WC_N_PAGES ? page : WC_PAGE_OVERVIEW];
}

enum wc_page wc_page_next(const struct wc_model *model, int kind, enum wc_page page, int step)
{
    int at = (int)page;
    do {
        at = (at + step + WC_N_PAGES) % WC_N_PAGES;
    } while (!wc_page_has(model, kind, (enum wc_page)at));
    return (enum wc_page)at;
}
