/* SPDX-License-Identifier: MIT */
/*
 * Assertions in the libraries, which run in the users' processes: a failed one is counted in the
 * segment, so that every reader sees it, also after a crash. Until there is a segment it is counted
 * here. The console and the tests use expect_abort.c instead.
 */
#include "weir/expect.h"

#include "segment/segment.h"

#include <string.h>

static struct {
    uint64_t n;        /* atomic */
    const char *place; /* of the first; atomic */
} early;

/* Stores the first place by whole words in their order, so that a reader finds at worst a beginning
 * of the text. */
static void expect_write(struct wi_header *header, const char *place)
{
    uint64_t words[sizeof(header->broken_at) / sizeof(uint64_t)] = {0};
    size_t length = strlen(place);
    memcpy(words, place, length < sizeof(words) ? length : sizeof(words) - 1);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        wi_store_relaxed(&header->broken_at[i], words[i]);
    }
}

static void expect_count(uint64_t n, const char *place)
{
    struct wi_header *header = wi_segment_header();
    if (wi_add_relaxed(&header->broken, n) == 0 && place) {
        expect_write(header, place);
    }
}

bool wi_expect_failed(const char *place, const char *condition)
{
    (void)condition;
    if (wi_segment_counts()) {
        expect_count(1, place);
    } else {
        const char *none = NULL;
        (void)wi_replace_relaxed(&early.place, &none, place);
        wi_add_relaxed(&early.n, 1);
    }
    return false;
}

void wi_expect_begin(void)
{
    uint64_t n = wi_exchange_relaxed(&early.n, 0);
    if (n > 0) {
        expect_count(n, wi_exchange_relaxed(&early.place, NULL));
    }
}
