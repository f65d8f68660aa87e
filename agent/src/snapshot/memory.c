/* SPDX-License-Identifier: MIT */
/* Ages and windows. */
#include "snapshot/memory.h"

#include "weir/nanos.h"

#include <string.h>

void wi_age_add(struct wi_age *age, uint64_t nanos, uint64_t sent)
{
    if (age->every == 0) {
        age->every = 1;
    }
    if (age->seen++ % age->every != 0) {
        return;
    }
    if (age->n == WI_AGE_SAMPLES) {
        for (size_t i = 0; i < WI_AGE_SAMPLES / 2; i++) {
            age->nanos[i] = age->nanos[2 * i];
            age->sent[i] = age->sent[2 * i];
        }
        age->n = WI_AGE_SAMPLES / 2;
        age->every *= 2;
    }
    age->nanos[age->n] = nanos;
    age->sent[age->n++] = sent;
}

/* The number of samples at or below `left`. */
static size_t age_count_until(const struct wi_age *age, uint64_t left)
{
    size_t low = 0;
    size_t high = age->n; /* the first sample beyond `left` is in [low, high] */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (age->sent[middle] <= left) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void wi_age_trim(struct wi_age *age, uint64_t left)
{
    size_t n = age_count_until(age, left);
    if (n > 1) {
        age->n -= n - 1;
        memmove(age->nanos, age->nanos + n - 1, age->n * sizeof(*age->nanos));
        memmove(age->sent, age->sent + n - 1, age->n * sizeof(*age->sent));
    }
    if (age->every > 1 && age->n < WI_AGE_SAMPLES / 4) {
        age->every /= 2;
    }
}

bool wi_age_of(const struct wi_age *age, uint64_t now_nanos, uint64_t sent, uint64_t left,
               uint64_t *ret_nanos)
{
    if (sent <= left) {
        *ret_nanos = 0;
        return true;
    }
    if (age->n == 0 || age->sent[0] > left) {
        return false;
    }
    /* The last sample at or below `left`, and the one after it. */
    size_t low = age_count_until(age, left) - 1;
    uint64_t next_nanos = low + 1 < age->n ? age->nanos[low + 1] : now_nanos;
    uint64_t next_sent = low + 1 < age->n ? age->sent[low + 1] : sent;
    double share = next_sent > age->sent[low]
                       ? (double)(left - age->sent[low]) / (double)(next_sent - age->sent[low])
                       : 0;
    uint64_t at =
        age->nanos[low] + wi_nanos_of(share * (double)(next_nanos - age->nanos[low]) / 1e9);
    *ret_nanos = now_nanos > at ? now_nanos - at : 0;
    return true;
}

uint64_t wi_age_least(const struct wi_age *age, uint64_t now_nanos, uint64_t left)
{
    size_t low = age_count_until(age, left);
    return low < age->n && now_nanos > age->nanos[low] ? now_nanos - age->nanos[low] : 0;
}

bool wi_window_is_due(const struct wi_window *window, uint64_t now_nanos)
{
    return window->turned_at == 0 || now_nanos - window->turned_at >= WI_WINDOW_NANOS;
}

void wi_window_turn(struct wi_window *window, uint64_t now_nanos,
                    const struct weir_histogram *current)
{
    if (window->turned_at == 0) {
        window->turned_at = now_nanos;
    } else if (wi_window_is_due(window, now_nanos)) {
        window->older = window->newer;
        window->newer = *current;
        window->turned_at = now_nanos;
    }
}

void wi_window_recent(const struct wi_window *window, const struct weir_histogram *current,
                      struct weir_histogram *ret_recent)
{
    *ret_recent = *current;
    for (size_t b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        uint64_t before = window->older.bucket[b];
        ret_recent->bucket[b] -= before < ret_recent->bucket[b] ? before : ret_recent->bucket[b];
    }
    ret_recent->sum -= window->older.sum < ret_recent->sum ? window->older.sum : ret_recent->sum;
}
