/* SPDX-License-Identifier: MIT */
/* Compression of answers: zlib's own inflate reads it back, and it is smaller or it is not made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/gzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Lines as an exposition has them, numbers and all. */
static uint8_t *lines(size_t n)
{
    uint8_t *bytes = malloc(n + 128);
    size_t length = 0;
    for (unsigned i = 0; length < n; i++) {
        length += (size_t)sprintf((char *)bytes + length,
                                  "weir_channel_sent_total{channel=\"room%u\"} %u\n", i, i * 7919u);
    }
    return bytes;
}

static void read_back(const uint8_t *bytes, size_t n)
{
    struct wi_buffer buffer;
    wi_buffer_init(&buffer, n);
    assert_int_equal(wi_gzip(bytes, n, &buffer), WEIR_OK);
    assert_true(buffer.length < n);
    uint8_t *again = malloc(n + 1);
    z_stream stream = {.next_in = buffer.bytes, .avail_in = (uInt)buffer.length};
    stream.next_out = again;
    stream.avail_out = (uInt)n + 1;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, n);
    assert_int_equal(stream.avail_in, 0);
    assert_memory_equal(again, bytes, n);
    inflateEnd(&stream);
    free(again);
    wi_buffer_finish(&buffer);
}

static void what_is_compressed_is_read_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {200, 4096, 32768, 100000, 1 << 20, 5000001};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *bytes = lines(sizes[i]);
        read_back(bytes, sizes[i]);
        free(bytes);
    }
    uint8_t *same = calloc(1, 1 << 20);
    read_back(same, 1 << 20);
    free(same);
}

/* More than what is usual, so that room is taken again and again. */
static void what_compresses_badly_is_read_back(void **state)
{
    (void)state;
    size_t n = 300000;
    uint8_t *bytes = malloc(n);
    srand(5);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)('0' + rand() % 40);
    }
    read_back(bytes, n);
    free(bytes);
}

static void what_would_not_become_smaller_is_not_made(void **state)
{
    (void)state;
    struct wi_buffer buffer;
    uint8_t bytes[20000];
    srand(6);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(rand() >> 7);
    }
    static const size_t sizes[] = {0, 1, 10, 18, 4095, 4096, 4097, 8192, sizeof(bytes)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        wi_buffer_init(&buffer, sizeof(bytes));
        assert_int_equal(wi_gzip(bytes, sizes[i], &buffer), WEIR_E_LIMIT);
        assert_true(buffer.length <= sizes[i]);
        wi_buffer_finish(&buffer);
    }
}

static void a_buffer_without_room_is_lack_of_memory(void **state)
{
    (void)state;
    struct wi_buffer buffer;
    uint8_t *bytes = lines(100000);
    wi_buffer_init(&buffer, 100);
    assert_int_equal(wi_gzip(bytes, 100000, &buffer), WEIR_E_MEMORY);
    wi_buffer_finish(&buffer);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_compressed_is_read_back),
        cmocka_unit_test(what_compresses_badly_is_read_back),
        cmocka_unit_test(what_would_not_become_smaller_is_not_made),
        cmocka_unit_test(a_buffer_without_room_is_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
