# SPDX-License-Identifier: MIT
"""A recording's frames, read as docs/record.md describes them and with nothing of weir's."""

import struct
import zlib

HEAD, RECORD = 16, 24
OPENING, SERIES, KEY, STEP, CLOSING = range(1, 6)


def frames(data):
    """(type, at, message) of each record that is there whole; fails on one that does not hold."""
    assert len(data) >= HEAD and data[:8] == b"weirrec\n" and struct.unpack_from("<II", data, 8) == (1, 0), data[:HEAD]
    offset, looks = HEAD, None
    while offset + RECORD <= len(data):
        crc, length, plain, kind, at = struct.unpack_from("<IIIIQ", data, offset)
        end = offset + RECORD + length
        if end > len(data):
            return
        assert zlib.crc32(data[offset + 4:end]) == crc, offset
        if kind == KEY:
            looks = zlib.decompressobj(-15)
        stream = looks if kind in (KEY, STEP) else zlib.decompressobj(-15)
        message = stream.decompress(data[offset + RECORD:end])
        assert len(message) == plain, (offset, kind, len(message), plain)
        yield kind, at, message
        offset = end


def read(path):
    with open(path, "rb") as file:
        return file.read()


def looks(path):
    """When each look is, in seconds; none while there is no file yet."""
    try:
        return [at / 1e9 for kind, at, _ in frames(read(path)) if kind in (KEY, STEP)]
    except (FileNotFoundError, AssertionError):
        return []
