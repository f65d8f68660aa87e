/* SPDX-License-Identifier: MIT */
/*
 * The file format of a recording: a head, then records, each with its length, its time and a
 * checksum over all of it, so that a truncated or changed file can be read up to that point.
 * docs/record.md describes it. No I/O; any thread.
 *
 *     head     "weirrec\n"  version u32  0 u32
 *     record   crc u32  length u32  plain u32  type u32  at u64  then `length` bytes
 *
 * Numbers are little-endian. The payload is a protobuf message (proto/weir/v1/recording.proto),
 * deflated: OPENING, SERIES and CLOSING each alone; a KEY begins a stream that the STEPs after it
 * continue.
 */
#ifndef WC_RECORD_FORMAT_H
#define WC_RECORD_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WC_RECORD_MAGIC   "weirrec\n"
#define WC_RECORD_VERSION 1u
#define WC_FILE_HEAD      16u
#define WC_RECORD_HEAD    24u

/* Bounds of a message before and after deflating; an exporter's messages have at most 3 MiB. */
#define WC_RECORD_PLAIN_MAX  (4u << 20)
#define WC_RECORD_LENGTH_MAX (WC_RECORD_PLAIN_MAX + (64u << 10))

enum wc_record_type {
    WC_RECORD_OPENING = 1, /* Opening */
    WC_RECORD_SERIES = 2,  /* Series: the time before the recording */
    WC_RECORD_KEY = 3,     /* Update: a whole frame */
    WC_RECORD_STEP = 4,    /* Step: a frame, as the difference to the one before */
    WC_RECORD_CLOSING = 5  /* Closing */
};

struct wc_record_head {
    uint32_t crc;    /* of all bytes that follow it in the record */
    uint32_t length; /* of the payload, as it is in the file */
    uint32_t plain;  /* of the message */
    uint32_t type;
    uint64_t at; /* nanoseconds of the watched host's clock since the first frame */
};

void wc_record_put_file_head(uint8_t ret_bytes[WC_FILE_HEAD]);

/* 0: not a recording; else its version. */
uint32_t wc_record_file_version(const uint8_t bytes[WC_FILE_HEAD]);

/* Writes the head of a record whose payload follows at bytes + WC_RECORD_HEAD; fills the checksum. */
void wc_record_put(const struct wc_record_head *head, uint8_t *bytes);

/* Reads a head. False: no valid record has such a head (its lengths, its type). */
bool wc_record_get(const uint8_t bytes[WC_RECORD_HEAD], struct wc_record_head *ret_head);

/* The checksum of one piece of bytes, and its continuation. */
uint32_t wc_record_crc(uint32_t crc, const uint8_t *bytes, size_t n);

#endif
