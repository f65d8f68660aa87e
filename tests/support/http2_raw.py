# SPDX-License-Identifier: MIT
"""HTTP/2 by hand, for what no good client sends, and for processes that must not load gRPC."""

import select
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags, stream, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    """A header field, literal, without indexing, without Huffman."""
    def text(t):
        t = t if isinstance(t, bytes) else t.encode()
        n = len(t)
        if n < 127:
            return bytes([n]) + t
        out, n = bytes([127]), n - 127
        while n >= 128:
            out, n = out + bytes([n % 128 + 128]), n // 128
        return out + bytes([n]) + t
    return b"\0" + text(name) + text(value)


def request_header(path, **extra):
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
              "te": "trailers", "content-type": "application/grpc"}
    fields.update({k.replace("_", "-"): v for k, v in extra.items()})
    return b"".join(field(k, v) for k, v in fields.items() if v is not None)


def message(payload=b"", flag=0, length=None):
    return bytes([flag]) + struct.pack(">I", len(payload) if length is None else length) + payload


class Raw:
    """A connection that sends what it is told."""

    def __init__(self, path, preface=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(15)
        self.socket.connect(path)
        self.got = b""
        if preface:
            self.send(PREFACE + frame(SETTINGS, 0, 0))

    def send(self, octets):
        """Sends; False when the peer has closed."""
        try:
            self.socket.sendall(octets)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def frames(self):
        """Frames until the peer closes: (kind, flags, stream, payload)."""
        while True:
            while len(self.got) < 9 or len(self.got) < 9 + int.from_bytes(self.got[:3], "big"):
                try:
                    more = self.socket.recv(65536)
                except ConnectionResetError:
                    more = b""
                if not more:
                    return
                self.got += more
            n = int.from_bytes(self.got[:3], "big")
            kind, flags = self.got[3], self.got[4]
            stream = int.from_bytes(self.got[5:9], "big") & 0x7FFFFFFF
            payload, self.got = self.got[9:9 + n], self.got[9 + n:]
            yield kind, flags, stream, payload

    def available(self):
        """The frames that have come by now."""
        while select.select([self.socket], [], [], 0)[0]:
            yield next(self.frames())

    def wait_for(self, kind, stream=None):
        for found in self.frames():
            if found[0] == kind and stream in (None, found[2]):
                return found
        return None

    def call(self, stream, path, body=message(), **extra):
        self.send(frame(HEADERS, END_HEADERS, stream, request_header(path, **extra)) +
                  frame(DATA, END_STREAM, stream, body))

    def close(self):
        self.socket.close()
