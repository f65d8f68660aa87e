/* SPDX-License-Identifier: MIT */
/*
 * Reading messages of a Tokio server into a store.
 *
 * An Update is read three times in place, without a tree: first the places in the source, to which
 * its tasks refer although they come last; then the numbers, which say which entities ended long
 * ago and need no room; then the entities themselves. Unpacking 200 MB as a tree would take ten
 * times as much memory.
 *
 * A message may be truncated, hostile, or of another version. Bytes that are not a message are
 * counted and change nothing, and a field that cannot be read is skipped. The server's clock does
 * not go back. A first Update without places marks the store as partial. After each message the
 * store is swept, so that its bounds hold. The bytes are borrowed for the call. The thread of the
 * exporter that serves the view.
 */
#include "tokio/update_reader.h"

#include <stdlib.h>
#include <string.h>

enum { UPDATE_NOW = 1, UPDATE_TASKS, UPDATE_RESOURCES, UPDATE_OPERATIONS, UPDATE_METAS };

/* ---- messages -------------------------------------------------------------------------------- */

/* Tasks, resources or operations: the numbers first. */
static void update_sort(struct wc_store *store, enum wc_sort sort, struct wi_unpack wire)
{
    static const struct {
        uint32_t entities, stats, dropped;
    } numbers[WC_N_SORTS] = {{1, 3, 4}, {1, 2, 4}, {1, 2, 3}};
    struct update_reader update_reader = {.store = store, .sort = sort};
    struct wi_unpack again = wire;
    struct wi_field field;
    while (wi_unpack_next(&wire, &field)) {
        if (field.number == numbers[sort].stats && field.type == WI_FIELD_BYTES) {
            wc_update_reader_stats(&update_reader, field.bytes);
        } else if (field.number == numbers[sort].dropped && field.type == WI_FIELD_NUMBER) {
            store->items[sort].n_dropped += field.value;
        }
    }
    if (update_reader.n_ended > 1) {
        qsort(update_reader.ended, update_reader.n_ended, sizeof(*update_reader.ended),
              wc_update_reader_compare);
    }
    while (wi_unpack_next(&again, &field)) {
        if (field.number == numbers[sort].entities && field.type == WI_FIELD_BYTES) {
            wc_update_reader_entity(&update_reader, field.bytes);
        }
    }
    free(update_reader.ended);
}

static bool update_has_any(const struct wc_store *store)
{
    return store->items[WC_SORT_TASK].n > 0 || store->items[WC_SORT_RESOURCE].n > 0 ||
           store->items[WC_SORT_OPERATION].n > 0;
}

void wc_store_update(struct wc_store *store, const uint8_t *bytes, size_t n)
{
    size_t before[WC_N_SORTS];
    struct wi_unpack wire = wi_unpack_over(bytes, n);
    struct wi_field field;
    if (!wi_unpack_is_message(wire)) {
        store->n_bad++;
        return;
    }
    store->n_messages++;
    for (int sort = 0; sort < WC_N_SORTS; sort++) {
        before[sort] = store->items[sort].n;
    }
    while (wi_unpack_next(&wire, &field)) {
        if (field.type != WI_FIELD_BYTES) {
            continue;
        }
        if (field.number == UPDATE_NOW) {
            wc_time now = wc_update_reader_nanos(field.bytes);
            store->now = now > store->now ? now : store->now; /* it does not go back */
        } else if (field.number == UPDATE_METAS) {
            wc_update_reader_metas(store, field.bytes);
        }
    }
    wire = wi_unpack_over(bytes, n);
    while (wi_unpack_next(&wire, &field)) {
        if (field.type == WI_FIELD_BYTES && field.number >= UPDATE_TASKS &&
            field.number <= UPDATE_OPERATIONS) {
            update_sort(store, (enum wc_sort)(field.number - UPDATE_TASKS), field.bytes);
        }
    }
    if (store->n_messages == 1) {
        /* If there are entities, the first Update reports their places in the source. */
        store->is_partial = store->n_metas == 0 && update_has_any(store);
    }
    wc_store_sweep(store, before);
}

void wc_store_state(struct wc_store *store, const uint8_t *bytes, size_t n)
{
    store->is_paused = wi_unpack_number(wi_unpack_over(bytes, n), 1) == 1;
}

/* A DurationHistogram. */
static bool details_histogram(struct wi_unpack wire, struct wc_hdr *ret_hdr)
{
    struct wi_field field;
    uint64_t highest = 0, n_above = 0;
    bool is_good = false;
    while (wi_unpack_next(&wire, &field)) {
        if (field.number == 1 && field.type == WI_FIELD_BYTES) {
            is_good = wc_hdr_read(field.bytes.at, wi_unpack_length(&field.bytes), ret_hdr);
        } else if (field.number == 3) {
            n_above = field.value;
        } else if (field.number == 4) {
            highest = field.value;
        }
    }
    if (is_good && n_above > 0) {
        wc_hdr_raise(ret_hdr, highest);
    }
    return is_good;
}

static struct wc_store_detail *details_place(struct wc_store *store, uint64_t task_id)
{
    struct wc_store_detail *unused = NULL;
    for (size_t i = 0; i < WC_STORE_DETAILS; i++) {
        if (store->details[i].task_id == task_id) {
            return &store->details[i];
        }
        unused = store->details[i].task_id ? unused : &store->details[i];
    }
    if (unused) {
        memset(unused, 0, sizeof(*unused));
        unused->task_id = task_id;
    }
    return unused;
}

void wc_store_details(struct wc_store *store, const uint8_t *bytes, size_t n)
{
    struct wi_unpack wire = wi_unpack_over(bytes, n), polls = {0}, old = {0}, delays = {0};
    struct wi_field field;
    uint64_t task_id = 0;
    while (wi_unpack_next(&wire, &field)) {
        if (field.type != WI_FIELD_BYTES) {
            continue;
        }
        switch (field.number) {
        case 1:
            task_id = wi_unpack_number(field.bytes, 1);
            break;
        case 3:
            old = field.bytes;
            break;
        case 4:
            polls = field.bytes;
            break;
        case 5:
            delays = field.bytes;
            break;
        default:
            break;
        }
    }
    struct wc_store_detail *detail = task_id && !wire.is_bad ? details_place(store, task_id) : NULL;
    if (!detail) {
        store->n_bad += wire.is_bad;
        return;
    }
    detail->has[0] = polls.at
                         ? details_histogram(polls, &detail->hdr[0])
                         : old.at && wc_hdr_read(old.at, wi_unpack_length(&old), &detail->hdr[0]);
    detail->has[1] = delays.at && details_histogram(delays, &detail->hdr[1]);
}
