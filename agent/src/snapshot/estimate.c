/* SPDX-License-Identifier: MIT */
/*
 * Estimated waits: a sample of messages, spread evenly over those that are looked at, is followed through both curves.
 * 256 are enough for a 99th percentile, and cost some ten microseconds for a row that somebody looks at.
 */
#include "snapshot/estimate.h"

#include <stdlib.h>
#include <string.h>

#define ESTIMATE_FOLLOWED 256

void wi_estimate_add(struct wi_estimate *estimate, uint64_t nanos, uint64_t left)
{
    if (estimate->n == WI_ESTIMATE_SAMPLES) {
        estimate->n--;
        memmove(estimate->nanos, estimate->nanos + 1, estimate->n * sizeof(*estimate->nanos));
        memmove(estimate->left, estimate->left + 1, estimate->n * sizeof(*estimate->left));
    }
    estimate->nanos[estimate->n] = nanos;
    estimate->left[estimate->n++] = left;
}

/* When `left` went beyond this number, as wi_age_of tells it for `sent`: number < left. */
static uint64_t estimate_left_at(const struct wi_estimate *estimate, uint64_t number,
                                 uint64_t now_nanos, uint64_t left)
{
    size_t i = estimate->n - 1;
    while (i > 0 && estimate->left[i] > number) {
        i--;
    }
    uint64_t from = estimate->left[i];
    uint64_t to = i + 1 < estimate->n ? estimate->left[i + 1] : left;
    uint64_t begin = estimate->nanos[i];
    uint64_t end = i + 1 < estimate->n ? estimate->nanos[i + 1] : now_nanos;
    if (number < from) { /* the counts of a segment may lie, and fall */
        return begin;
    }
    double share = to > from ? (double)(number - from) / (double)(to - from) : 0;
    return begin + (end > begin ? (uint64_t)((share < 1 ? share : 1) * (double)(end - begin)) : 0);
}

static int estimate_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool wi_estimate_waits(const struct wi_estimate *estimate, const struct wi_age *age,
                       uint64_t now_nanos, uint64_t sent, uint64_t left,
                       struct wi_estimated *ret_waits)
{
    uint64_t waits[ESTIMATE_FOLLOWED];
    if (estimate->n == 0 || sent <= estimate->left[0] || sent < left) {
        return false;
    }
    uint64_t first = estimate->left[0];
    uint64_t n = sent - first;
    for (size_t i = 0; i < ESTIMATE_FOLLOWED; i++) {
        /* In the middle of its share of them; in two parts, since the counts may be any. */
        uint64_t number = first + n / ESTIMATE_FOLLOWED * i +
                          (n % ESTIMATE_FOLLOWED * i + n / 2) / ESTIMATE_FOLLOWED;
        uint64_t since_sent;
        if (!wi_age_of(age, now_nanos, sent, number, &since_sent)) {
            since_sent = wi_age_least(age, now_nanos, number);
        }
        uint64_t left_at =
            number < left ? estimate_left_at(estimate, number, now_nanos, left) : now_nanos;
        uint64_t since_left = now_nanos > left_at ? now_nanos - left_at : 0;
        waits[i] = since_sent > since_left ? since_sent - since_left : 0;
    }
    qsort(waits, ESTIMATE_FOLLOWED, sizeof(*waits), estimate_compare);
    ret_waits->p50 = waits[ESTIMATE_FOLLOWED / 2];
    ret_waits->p99 = waits[ESTIMATE_FOLLOWED * 99 / 100];
    ret_waits->max = waits[ESTIMATE_FOLLOWED - 1];
    return true;
}
