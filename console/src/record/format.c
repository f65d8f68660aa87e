/* SPDX-License-Identifier: MIT */
/* Heads, byte by byte. */
#include "record/format.h"

#include "weir/expect.h"

#include <string.h>
#include <zlib.h>

static void put_number(uint8_t *to, uint64_t number, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t)(number >> 8 * i);
    }
}

static uint64_t get_number(const uint8_t *from, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) {
        number |= (uint64_t)from[i] << 8 * i;
    }
    return number;
}

void wc_record_put_file_head(uint8_t ret_bytes[WC_FILE_HEAD])
{
    memcpy(ret_bytes, WC_RECORD_MAGIC, 8);
    put_number(ret_bytes + 8, WC_RECORD_VERSION, 4);
    put_number(ret_bytes + 12, 0, 4);
}

uint32_t wc_record_file_version(const uint8_t bytes[WC_FILE_HEAD])
{
    return memcmp(bytes, WC_RECORD_MAGIC, 8) == 0 ? (uint32_t)get_number(bytes + 8, 4) : 0;
}

uint32_t wc_record_crc(uint32_t crc, const uint8_t *bytes, size_t n)
{
    return (uint32_t)crc32(crc, bytes, (uInt)n);
}

static bool head_is_possible(const struct wc_record_head *head)
{
    return head->length <= WC_RECORD_LENGTH_MAX && head->plain <= WC_RECORD_PLAIN_MAX &&
           head->type >= WC_RECORD_OPENING && head->type <= WC_RECORD_CLOSING &&
           head->at <= INT64_MAX;
}

void wc_record_put(const struct wc_record_head *head, uint8_t *bytes)
{
    (void)WI_EXPECT(head_is_possible(head)); /* the reader would refuse it */
    put_number(bytes + 4, head->length, 4);
    put_number(bytes + 8, head->plain, 4);
    put_number(bytes + 12, head->type, 4);
    put_number(bytes + 16, head->at, 8);
    put_number(bytes, wc_record_crc(0, bytes + 4, WC_RECORD_HEAD - 4 + head->length), 4);
}

bool wc_record_get(const uint8_t bytes[WC_RECORD_HEAD], struct wc_record_head *ret_head)
{
    ret_head->crc = (uint32_t)get_number(bytes, 4);
    ret_head->length = (uint32_t)get_number(bytes + 4, 4);
    ret_head->plain = (uint32_t)get_number(bytes + 8, 4);
    ret_head->type = (uint32_t)get_number(bytes + 12, 4);
    ret_head->at = get_number(bytes + 16, 8);
    return head_is_possible(ret_head);
}
