/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/snapshot */
/* Columns give back what an array of records holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "snapshot/columns.h"

#include <string.h>

#define N_BLOCKS 300
#define N_WORDS  7

static uint64_t seed = 1;

static uint64_t random_word(void)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return seed ^ seed >> 33;
}

static uint64_t model[N_BLOCKS][WI_COLUMNS_RECORDS][N_WORDS];

/* Words of every width; most are 0, as those of a handle. */
static void fill(struct wi_columns *columns)
{
    for (size_t b = 0; b < N_BLOCKS; b++) {
        for (size_t w = 0; w < N_WORDS; w++) {
            uint64_t bits = random_word() % 4 ? 0 : 1 + random_word() % 64;
            for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
                model[b][i][w] = bits ? random_word() >> (64 - bits) : 0;
            }
        }
        assert_true(wi_columns_add(columns, &model[b][0][0], N_WORDS));
    }
}

static void expect_model(const struct wi_columns *columns)
{
    for (size_t b = N_BLOCKS; b-- > 0;) {
        uint64_t words[WI_COLUMNS_RECORDS][N_WORDS];
        memset(words, 0xff, sizeof(words));
        wi_columns_read(columns, b, &words[0][0], N_WORDS);
        assert_memory_equal(words, model[b], sizeof(words));
    }
}

static void records_come_back_as_they_were(void **state)
{
    (void)state;
    struct wi_columns columns = {0};
    for (int round = 0; round < 3; round++) {
        wi_columns_clear(&columns);
        fill(&columns);
        expect_model(&columns);
    }
    wi_columns_finish(&columns);
}

static void the_widest_words_fit(void **state)
{
    (void)state;
    static const uint64_t edges[] = {0,          1,         UINT8_MAX,  UINT8_MAX + 1,
                                     UINT16_MAX, 0x10000,   UINT32_MAX, UINT64_C(1) << 32,
                                     INT64_MAX,  UINT64_MAX};
    uint64_t words[WI_COLUMNS_RECORDS][WI_COLUMNS_WORDS];
    uint64_t read[WI_COLUMNS_RECORDS][WI_COLUMNS_WORDS];
    struct wi_columns columns = {0};
    size_t n = sizeof(edges) / sizeof(edges[0]);
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
            for (size_t w = 0; w < WI_COLUMNS_WORDS; w++) {
                words[i][w] = edges[(b + w + (i == 3)) % n];
            }
        }
        assert_true(wi_columns_add(&columns, &words[0][0], WI_COLUMNS_WORDS));
        wi_columns_read(&columns, b, &read[0][0], WI_COLUMNS_WORDS);
        assert_memory_equal(read, words, sizeof(words));
    }
    wi_columns_finish(&columns);
}

static void one_record_is_emptied_alone(void **state)
{
    (void)state;
    struct wi_columns columns = {0};
    fill(&columns);
    for (size_t n = 0; n < 1000; n++) {
        size_t block = random_word() % N_BLOCKS;
        size_t record = random_word() % WI_COLUMNS_RECORDS;
        wi_columns_zero(&columns, block, record);
        memset(model[block][record], 0, sizeof(model[block][record]));
    }
    expect_model(&columns);
    wi_columns_zero(&columns, N_BLOCKS, 0);
    expect_model(&columns);
    wi_columns_finish(&columns);
}

static void a_block_that_is_not_there_is_empty(void **state)
{
    (void)state;
    static const uint64_t zeros[WI_COLUMNS_RECORDS * N_WORDS];
    uint64_t words[WI_COLUMNS_RECORDS * N_WORDS];
    struct wi_columns columns = {0};
    wi_columns_read(&columns, 0, words, N_WORDS);
    assert_memory_equal(words, zeros, sizeof(words));
    fill(&columns);
    wi_columns_clear(&columns);
    wi_columns_read(&columns, 5, words, N_WORDS);
    assert_memory_equal(words, zeros, sizeof(words));
    wi_columns_finish(&columns);
}

/* The same block, with its words side by side. */
static void lanes_are_the_words_of_the_records(void **state)
{
    (void)state;
    struct wi_columns columns = {0}, again = {0};
    struct wi_lane lanes[N_WORDS];
    fill(&columns);
    for (size_t b = 0; b < N_BLOCKS; b++) {
        wi_columns_read_lanes(&columns, b, (UINT32_C(1) << N_WORDS) - 1, lanes);
        for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
            for (size_t w = 0; w < N_WORDS; w++) {
                assert_true(lanes[w].at[i] == model[b][i][w]);
            }
        }
        assert_true(wi_columns_add_lanes(&again, lanes, N_WORDS));
    }
    expect_model(&again);
    memset(lanes, 1, sizeof(lanes));
    wi_columns_read_lanes(&columns, N_BLOCKS, 4, lanes);
    assert_true(lanes[2].at[15] == 0 && lanes[1].at[15] != 0);
    wi_columns_finish(&columns);
    wi_columns_finish(&again);
}

/* Five small counts of a handle's 24 words. */
static void small_counts_take_little_room(void **state)
{
    (void)state;
    uint64_t words[WI_COLUMNS_RECORDS][24] = {{0}};
    struct wi_columns columns = {0};
    for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
        for (size_t w = 0; w < 24; w += 5) {
            words[i][w] = 1000 + i;
        }
    }
    for (size_t b = 0; b < 6250; b++) {
        assert_true(wi_columns_add(&columns, &words[0][0], 24));
    }
    assert_in_range(wi_columns_memory(&columns), 1, 100000 * 13);
    wi_columns_finish(&columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_as_they_were),
        cmocka_unit_test(the_widest_words_fit),
        cmocka_unit_test(one_record_is_emptied_alone),
        cmocka_unit_test(a_block_that_is_not_there_is_empty),
        cmocka_unit_test(lanes_are_the_words_of_the_records),
        cmocka_unit_test(small_counts_take_little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
