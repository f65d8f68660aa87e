/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/snapshot */
/* The map does what an array does that is searched from its begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "weir/map.h"

#include <stdlib.h>
#include <string.h>

#define MOST 512

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* The second implementation: value i has this key; 0: it is not in the map. */
static uint64_t model[MOST];

static void expect_as_in_the_model(const struct wi_map *map, uint64_t key)
{
    bool was_told[MOST] = {false};
    uint32_t n = 0;
    for (struct wi_map_slot *slot = NULL; (slot = wi_map_next(map, key, slot)); n++) {
        assert_true(slot->value < MOST && model[slot->value] == key && !was_told[slot->value]);
        was_told[slot->value] = true;
    }
    for (uint32_t i = 0; i < MOST; i++) {
        n -= model[i] == key;
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

/* Adds, removes, moves and clears at random. Few keys: many entries share one, or lie in one row of
 * slots that runs over the end. */
static void run_at_random(uint32_t begin, uint32_t n_keys)
{
    struct wi_map map = {0};
    memset(model, 0, sizeof(model));
    seed = begin;
    for (int step = 0; step < 4000; step++) {
        uint32_t i = random_below(MOST);
        uint64_t key = 1 + random_below(n_keys) * UINT64_C(0x100000001);
        if (step % 1000 == 999) {
            wi_map_clear(&map);
            memset(model, 0, sizeof(model));
        } else if (model[i]) {
            wi_map_remove(&map, model[i] ^ 1, i); /* by a wrong key: not there */
            wi_map_remove(&map, model[i], i);
            model[i] = 0;
        } else {
            if (wi_map_is_full(&map)) {
                grow(&map, map.n + 1 + random_below(40));
            }
            wi_map_add(&map, key, i);
            model[i] = key;
        }
        expect_as_in_the_model(&map, key);
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
    assert_true(wi_map_is_full(&map));
    assert_null(wi_map_next(&map, 7, NULL));
    wi_map_remove(&map, 7, 0);
    wi_map_clear(&map);
    assert_int_equal(map.n, 0);
}

/* An owner that gets no memory goes on with the map that it has. */
static void a_full_map_stays_whole_until_it_is_moved(void **state)
{
    (void)state;
    struct wi_map_slot slots[16];
    struct wi_map map = {0};
    assert_int_equal(wi_map_bytes(12), sizeof(slots));
    assert_null(wi_map_move(&map, slots, 12));
    memset(model, 0, sizeof(model));
    for (uint32_t i = 0; i < 12; i++) {
        assert_false(wi_map_is_full(&map));
        model[i] = i + 1;
        wi_map_add(&map, model[i], i);
    }
    assert_true(wi_map_is_full(&map));
    expect_all_as_in_the_model(&map);
    wi_map_remove(&map, model[3], 3);
    model[3] = 0;
    assert_false(wi_map_is_full(&map));
    expect_all_as_in_the_model(&map);
    wi_map_next(&map, model[5], NULL)->value = 77;
    assert_int_equal(wi_map_next(&map, model[5], NULL)->value, 77);
}

static void zero_is_a_key(void **state)
{
    (void)state;
    struct wi_map_slot slots[4];
    struct wi_map map = {0};
    wi_map_move(&map, slots, 3);
    assert_null(wi_map_next(&map, 0, NULL));
    wi_map_add(&map, 0, 9);
    assert_int_equal(wi_map_next(&map, 0, NULL)->value, 9);
    wi_map_remove(&map, 0, 9);
    assert_null(wi_map_next(&map, 0, NULL));
}

/* Ids count up, or are multiples: finding one takes few looks on the average, as with random keys. */
static void keys_of_ids_and_names_are_spread(void **state)
{
    (void)state;
    static struct wi_map_slot slots[2048];
    assert_int_equal(wi_map_bytes(1536), sizeof(slots));
    for (int sort = 0; sort < 5; sort++) {
        struct wi_map map = {0};
        size_t distance = 0;
        wi_map_move(&map, slots, 1536);
        for (uint32_t i = 0; i < 1024; i++) {
            char name[] = "room/0000/inbox";
            for (uint32_t k = 0, rest = i; k < 4; k++, rest /= 10) {
                name[8 - k] = (char)('0' + rest % 10);
            }
            uint64_t keys[5] = {i, (uint64_t)i << 32, i * UINT64_C(4096),
                                wi_map_row_key((int)(i % 9), i / 9), wi_map_text_key(3, name)};
            struct wi_map alone = {0};
            struct wi_map_slot room[2048];
            wi_map_move(&alone, room, 1536);
            wi_map_add(&alone, keys[sort], i);
            wi_map_add(&map, keys[sort], i);
            ptrdiff_t home = wi_map_next(&alone, keys[sort], NULL) - room;
            ptrdiff_t place = wi_map_next(&map, keys[sort], NULL) - slots;
            distance += (size_t)(place - home) & 2047;
        }
        assert_in_range(distance, 0, 1024);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_a_search_finds),
        cmocka_unit_test(a_map_without_memory_is_empty_and_full),
        cmocka_unit_test(a_full_map_stays_whole_until_it_is_moved),
        cmocka_unit_test(zero_is_a_key),
        cmocka_unit_test(keys_of_ids_and_names_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
