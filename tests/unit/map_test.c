/* SPDX-License-Identifier: MIT */
/* The map does what an array that is searched from its begin does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "snapshot/map.h"

#include <stdlib.h>
#include <string.h>

#define MOST 512

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* The second implementation: index i has this hash; 0: it is not in the map. */
static uint32_t model[MOST];

static void expect_as_in_the_model(const struct wi_map *map, uint32_t hash)
{
    bool was_told[MOST] = {false};
    uint32_t n = 0;
    for (uint32_t i, at = 0; (i = wi_map_next(map, hash, &at)) != WI_MAP_NONE; n++) {
        assert_true(i < MOST && model[i] == hash && !was_told[i]);
        was_told[i] = true;
    }
    for (uint32_t i = 0; i < MOST; i++) {
        n -= model[i] == hash;
    }
    assert_int_equal(n, 0);
}

static void expect_all_as_in_the_model(const struct wi_map *map)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < MOST; i++) {
        n += model[i] != 0;
        if (model[i]) {
            expect_as_in_the_model(map, model[i]);
        }
    }
    assert_int_equal(map->n, n);
}

static void grow(struct wi_map *map, size_t room)
{
    void *memory = malloc(wi_map_bytes(room));
    assert_non_null(memory);
    free(wi_map_move(map, memory, room));
    assert_false(wi_map_is_full(map));
}

/* Adds, removes, moves and clears at random. Few hashes: many share one, or lie in one row of slots
 * that runs over the end. */
static void run_at_random(uint32_t begin, uint32_t n_hashes)
{
    struct wi_map map = {0};
    memset(model, 0, sizeof(model));
    seed = begin;
    for (int step = 0; step < 4000; step++) {
        uint32_t i = random_below(MOST);
        uint32_t hash = UINT32_MAX - random_below(n_hashes);
        if (step % 1000 == 999) {
            wi_map_clear(&map);
            memset(model, 0, sizeof(model));
        } else if (model[i]) {
            wi_map_remove(&map, model[i] ^ 1, i); /* by a wrong hash: not there */
            wi_map_remove(&map, model[i], i);
            model[i] = 0;
        } else {
            if (wi_map_is_full(&map)) {
                grow(&map, map.n + 1 + random_below(40));
            }
            wi_map_add(&map, hash, i);
            model[i] = hash;
        }
        expect_as_in_the_model(&map, hash);
        if (step % 50 == 0) {
            expect_all_as_in_the_model(&map);
        }
    }
    free(map.slots);
}

static void it_finds_what_a_search_finds(void **state)
{
    (void)state;
    for (uint32_t begin = 1; begin <= 12; begin++) {
        run_at_random(begin, 1u << 2 * (begin % 4) << begin);
    }
}

static void a_map_without_memory_is_empty_and_full(void **state)
{
    (void)state;
    struct wi_map map = {0};
    uint32_t at = 0;
    assert_true(wi_map_is_full(&map));
    assert_int_equal(wi_map_next(&map, 7, &at), WI_MAP_NONE);
    wi_map_remove(&map, 7, 0);
    wi_map_clear(&map);
    assert_int_equal(map.n, 0);
}

/* An owner that gets no memory goes on with the map that it has. */
static void a_full_map_stays_whole_until_it_is_moved(void **state)
{
    (void)state;
    struct wi_map_slot slots[WI_MAP_SLOTS(8)];
    struct wi_map map = {0};
    assert_int_equal(wi_map_bytes(8), sizeof(slots));
    assert_null(wi_map_move(&map, slots, 8));
    memset(model, 0, sizeof(model));
    for (uint32_t i = 0; i < 8; i++) {
        assert_false(wi_map_is_full(&map));
        model[i] = wi_map_hash(i + 1);
        wi_map_add(&map, model[i], i);
    }
    assert_true(wi_map_is_full(&map));
    expect_all_as_in_the_model(&map);
    wi_map_remove(&map, model[3], 3);
    model[3] = 0;
    assert_false(wi_map_is_full(&map));
    expect_all_as_in_the_model(&map);
}

/* Ids count up, or are addresses or multiples: most find a home of their own or one nearby. */
static void hashes_of_ids_and_names_are_spread(void **state)
{
    (void)state;
    static uint8_t n_by_home[5][2048];
    for (uint32_t i = 0; i < 1024; i++) {
        char name[16] = "room/0000/inbox";
        for (uint32_t k = 0, rest = i; k < 4; k++, rest /= 10) {
            name[8 - k] = (char)('0' + rest % 10);
        }
        uint32_t hashes[5] = {wi_map_hash(i), wi_map_hash((uint64_t)i << 32),
                              wi_map_hash(i * UINT64_C(4096)), wi_map_hash_row((int)(i % 9), i / 9),
                              wi_map_hash_text(3, name)};
        for (int k = 0; k < 5; k++) {
            uint8_t *n = &n_by_home[k][hashes[k] % 2048];
            assert_in_range(++*n, 1, 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_a_search_finds),
        cmocka_unit_test(a_map_without_memory_is_empty_and_full),
        cmocka_unit_test(a_full_map_stays_whole_until_it_is_moved),
        cmocka_unit_test(hashes_of_ids_and_names_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
