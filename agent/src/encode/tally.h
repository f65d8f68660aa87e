/* SPDX-License-Identifier: MIT */
/*
 * What closed rows had counted, by name. Rows of one name are exposed as their sum; when one of
 * them closes the sum would fall, and a scraper takes a counter that falls for one that began again
 * at 0: it would count all that the others have as new. So the numbers of a row that has gone stay
 * in the sum of its name. Only names that had several rows at once are kept: where the only row
 * closes, the series ends.
 *
 * What a row counted between the last rendering and its close is not in it. At most 4,096 rows and
 * 1,024 names are remembered; past that a close is seen as a fall. No I/O; the process view's thread.
 */
#ifndef WI_ENCODE_TALLY_H
#define WI_ENCODE_TALLY_H

#include "snapshot/process_view.h"

/* The bounds that are shown of a histogram: one for each octave, 1,024 ns to 137 s. */
#define WI_OCTAVES ((WEIR_HISTOGRAM_BUCKETS - 2) / 4 + 1)

/* A histogram as it is exposed. */
struct wi_octaves {
    uint64_t count[WI_OCTAVES + 1]; /* not cumulative; the last: above all bounds */
    uint64_t sum;                   /* nanoseconds */
    bool is_measured;
};

void wi_octaves_add_histogram(struct wi_octaves *octaves, const struct weir_histogram *histogram);
void wi_octaves_add(struct wi_octaves *octaves, const struct wi_octaves *more);

/* sum += value; an absent value changes nothing, and the largest number is kept. */
void wi_value_add(struct wi_value *sum, const struct wi_value *value);

struct wi_tally;

/* NULL without memory, which wi_tally_ functions take: then nothing is remembered. */
struct wi_tally *wi_tally_create(void);
void wi_tally_destroy(struct wi_tally *tally);

/* One look at the rows of a kind: begin, see each row of each name that has several or is known,
 * and end, which enters those that were not seen again. */
void wi_tally_begin(struct wi_tally *tally, enum wi_kind kind);
bool wi_tally_knows(const struct wi_tally *tally, enum wi_kind kind, const char *name);
void wi_tally_see(struct wi_tally *tally, enum wi_kind kind, const char *name,
                  const struct wi_row *row);
void wi_tally_see_histogram(struct wi_tally *tally, enum wi_kind kind, const struct wi_row *row,
                            size_t metric, const struct weir_histogram *histogram);
void wi_tally_end(struct wi_tally *tally, enum wi_kind kind);

/* Adds what the closed rows of a name had counted: to the values by metric, or to a histogram. */
void wi_tally_add(const struct wi_tally *tally, enum wi_kind kind, const char *name,
                  struct wi_value values[WI_MAX_METRICS]);
void wi_tally_add_histogram(const struct wi_tally *tally, enum wi_kind kind, const char *name,
                            size_t metric, struct wi_octaves *octaves);

#endif
