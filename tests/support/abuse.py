#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What no good client does to an exporter, each a function that does it once, in a bounded measure; and
as a program, all of them one after the other for some time:

    abuse.py SOCKET HTTP_PORT PID WEIR SECONDS [SHARE]     prints how often each was done, as JSON

It lowers its own priority, and with SHARE, above 0 and up to 1, rests after each attack until it has used no
more than that of a processor: what is to be seen is what the exporter costs its host, not what an attacker
takes from a machine with two processors."""

import json
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from http2_raw import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING,  # noqa: E402
                       PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Raw,
                       field, frame, message, request_header)

WATCH = "/weir.v1.Agent/Watch"
INSTRUMENT = "/rs.tokio.console.instrument.Instrument/"
ANY_ROW = message(b"\x0a\x00\x10\x64")  # one query, ten times a second
HELD = 40  # connections that an attack keeps open; there is room for 128


def broken_frames(body=ANY_ROW):
    """Name -> octets after the preface, each of which ends the connection."""
    header = frame(HEADERS, END_HEADERS, 1, request_header(WATCH))
    return {
        "DATA on stream 0": frame(DATA, 0, 0, b"hello"),
        "HEADERS that are no HPACK": frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
        "an even stream": frame(HEADERS, END_HEADERS, 2, request_header(WATCH)),
        "SETTINGS of five bytes": frame(SETTINGS, 0, 0, b"12345"),
        "a window of 2^32 - 1": frame(SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff"),
        "a window grown by 0": frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
        "a window that overflows": frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2,
        "a frame of 16 MiB": frame(DATA, 0, 1, b"", length=0xFFFFFF) + b"x" * 65536,
        "CONTINUATION of nothing": frame(CONTINUATION, END_HEADERS, 1, b"\x82"),
        "RST_STREAM of an idle stream": frame(RST_STREAM, 0, 9, b"\0\0\0\0"),
        "PUSH_PROMISE": frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2"),
        "PING of seven bytes": frame(PING, 0, 0, b"1234567"),
        "DATA of an idle stream": frame(DATA, 0, 5, b"x"),
        "a stream that goes back": header + frame(DATA, END_STREAM, 1, body) +
                                   frame(HEADERS, END_HEADERS, 1, request_header(WATCH)),
    }


class Target:
    """Who is abused. Connections that are held stay open until the next attack of their kind."""

    def __init__(self, path, port, pid, weir):
        self.path, self.port, self.pid, self.weir = path, int(port), int(pid), weir
        self.held = {}
        self.random = random.Random(5)

    def raw(self, preface=True):
        raw = Raw(self.path, preface)
        raw.socket.settimeout(1)
        return raw

    def http(self, room=None):
        client = socket.socket()
        if room:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        client.settimeout(1)
        client.connect(("127.0.0.1", self.port))
        return client

    def hold(self, kind, connections):
        for old in self.held.pop(kind, []):
            old.close()
        self.held[kind] = connections

    def release(self):
        for kind in list(self.held):
            self.hold(kind, [])


def flood(target, octets, times):
    """Sends the same again and again to a peer that may close, or read no more."""
    raw = target.raw()
    try:
        for _ in range(times):
            if not raw.send(octets):
                break
    except socket.timeout:
        pass
    raw.close()


def rapid_reset(target):
    raw = target.raw()
    for i in range(2000):
        if not raw.send(frame(HEADERS, END_HEADERS, 2 * i + 1, request_header(WATCH)) +
                        frame(RST_STREAM, 0, 2 * i + 1, b"\0\0\0\x08")):
            break
    raw.close()


def continuation_flood(target):
    raw = target.raw()
    raw.send(frame(HEADERS, 0, 1, request_header(WATCH)))
    for _ in range(2000):
        if not raw.send(frame(CONTINUATION, 0, 1, field("x", "y" * 4000))):
            break
    raw.close()


def ping_flood(target):
    flood(target, frame(PING, 0, 0, b"12345678") * 100, 100)


def settings_flood(target):
    flood(target, frame(SETTINGS, 0, 0) * 100, 100)


def priority_flood(target):
    flood(target, frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") * 100, 50)


def empty_data_flood(target):
    flood(target, frame(HEADERS, END_HEADERS, 1, request_header(WATCH)) + frame(DATA, 0, 1) * 100, 20)


def hpack_bomb(target):
    """4,000 bytes go into the table once, and come out of it with each byte that is sent."""
    raw = target.raw()
    big = b"\x40\x01x" + b"\x7f" + bytes([(3900 - 127) % 128 + 128, (3900 - 127) // 128]) + b"y" * 3900
    for stream in range(1, 41, 2):
        if not raw.send(frame(HEADERS, END_HEADERS | END_STREAM, stream,
                              request_header(WATCH) + big + b"\xbe" * 4000)):
            break
    raw.close()


def header_flood(target):
    raw = target.raw()
    raw.send(frame(HEADERS, END_HEADERS, 1, request_header(WATCH) +
                   b"".join(field("x-%d" % i, "y" * 100) for i in range(110))))
    raw.close()


def bad_frames(target):
    for octets in broken_frames().values():
        raw = target.raw()
        raw.send(octets)
        raw.close()


def random_frames(target):
    for _ in range(20):
        raw = target.raw()
        raw.call(1, WATCH, ANY_ROW)
        for _ in range(target.random.randrange(30)):
            raw.send(frame(target.random.randrange(11), target.random.randrange(256),
                           target.random.randrange(8), target.random.randbytes(target.random.randrange(100))))
        raw.close()


def broken_messages(target):
    """Length prefixes that lie, protobuf that is none, and fields within fields within fields."""
    nested = b""
    for _ in range(1000):
        n = len(nested)
        nested = b"\x0a" + (bytes([n]) if n < 128 else bytes([n % 128 + 128, n // 128 % 128])) + nested
    bodies = (message(b"", length=0xFFFFFFFF), message(b"", length=1 << 20), message(b"\xff\xff"),
              message(b"", flag=1), b"\0\0", message(nested[:16000]), message(b"\x0a" * 3000),
              message(b"\x0a\x00" * 8000), message(b"\x12\x05" + b"\xff" * 5))
    raw = target.raw()
    for i, body in enumerate(bodies):
        raw.call(2 * i + 1, WATCH, body)
    raw.close()


def slow_consoles(target):
    """They ask for everything ten times a second and read nothing."""
    held = []
    for _ in range(HELD // 2):
        raw = target.raw()
        raw.call(1, WATCH, ANY_ROW)
        held.append(raw)
    target.hold("slow consoles", held)


def no_window(target):
    held = []
    for _ in range(HELD // 4):
        raw = target.raw(preface=False)
        raw.send(PREFACE + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0"))
        raw.call(1, WATCH, ANY_ROW)
        held.append(raw)
    target.hold("no window", held)


def tokio_slow_consoles(target):
    """Consoles of tokio-console's protocol that read nothing, half of them without a window."""
    held = []
    for i in range(HELD // 4):
        raw = target.raw(preface=False)
        raw.send(PREFACE + (frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0") if i % 2 else frame(SETTINGS, 0, 0)))
        raw.call(1, INSTRUMENT + "WatchUpdates")
        raw.call(3, INSTRUMENT + "WatchState")
        raw.call(5, INSTRUMENT + "WatchTaskDetails", message(b"\x0a\x02\x08\x01"))
        held.append(raw)
    target.hold("tokio slow consoles", held)


def tokio_pauses(target):
    """Pause and Resume in turn, with a watch beside them that must follow."""
    raw = target.raw()
    raw.call(1, INSTRUMENT + "WatchUpdates")
    raw.call(3, INSTRUMENT + "WatchState")
    for i in range(1000):
        if not raw.send(frame(HEADERS, END_HEADERS, 2 * i + 5,
                              request_header(INSTRUMENT + ("Resume" if i % 2 else "Pause"))) +
                        frame(DATA, END_STREAM, 2 * i + 5, message())):
            break
    raw.close()


def tokio_broken_messages(target):
    """What is no request: of no protobuf, of no task, of too many bytes, many at a time, and cut off."""
    bodies = (message(b"\xff\xff"), message(b"", length=0xFFFFFFFF), message(b"\x0a\x02\x08\x00"),
              message(b"\x0a\x0b\x08" + b"\xff" * 9 + b"\x01"), message(b"\x0a" * 3000), message(b"", flag=1), b"",
              message() * 3, message(b"\x0a\x00" * 8000), message(b"x" * 60000))
    raw = target.raw()
    stream = 1
    for method in ("WatchUpdates", "WatchState", "WatchTaskDetails", "Pause", "Resume", "Nonesuch"):
        for body in bodies:
            raw.call(stream, INSTRUMENT + method, body)
            raw.send(frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
            stream += 2
    raw.close()


def slow_preface(target):
    held = []
    for i in range(HELD // 2):
        raw = target.raw(preface=False)
        raw.send(PREFACE[:i % len(PREFACE)])
        held.append(raw)
    target.hold("slow preface", held)


def stopped_consoles(target):
    """Real ones, stopped in the midst of it; and killed."""
    consoles = []
    for _ in range(3):
        consoles.append(subprocess.Popen([target.weir, "subscribe", "-t", str(target.pid), "#", "-i", "0.1"],
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
    for one in consoles:
        select.select([one.stdout], [], [], 5)
        os.kill(one.pid, signal.SIGSTOP)
    select.select([], [], [], 0.3)
    for one in consoles:
        one.kill()
        one.wait()
        one.stdout.close()


def killed_consoles(target):
    for _ in range(5):
        one = subprocess.Popen([target.weir, "subscribe", "-t", str(target.pid), "#", "-i", "0.1"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        select.select([], [], [], target.random.random() / 20)
        one.kill()
        one.wait()


def connects(target):
    for _ in range(1000):
        one = socket.socket(socket.AF_UNIX)
        one.connect(target.path)
        one.close()


def http_half_requests(target):
    held = []
    for _ in range(HELD):
        client = target.http()
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: loc")
        held.append(client)
    target.hold("half requests", held)


def http_slow_scrapes(target):
    held = []
    for _ in range(HELD // 2):
        client = target.http(4096)
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
        held.append(client)
    target.hold("slow scrapes", held)


def http_resets(target):
    for _ in range(50):
        client = target.http(4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.close()


def http_nonsense(target):
    for text in (b"\0" * 1000, b"GET " + b"/" * 30000 + b" HTTP/1.1\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n",
                 b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 5000, b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n"):
        client = target.http()
        client.sendall(text)
        client.close()


def no_descriptors(target):
    """The host may open nothing for a moment, and many knock."""
    limits = resource.prlimit(target.pid, resource.RLIMIT_NOFILE)
    top = max(int(fd) for fd in os.listdir("/proc/%d/fd" % target.pid))
    resource.prlimit(target.pid, resource.RLIMIT_NOFILE, (top + 1, limits[1]))
    try:
        knocking = []
        for _ in range(20):
            one = socket.socket(socket.AF_UNIX)
            one.settimeout(1)
            one.connect(target.path)
            knocking.append(one)
        select.select([], [], [], 0.3)
        for one in knocking:
            one.close()
    finally:
        resource.prlimit(target.pid, resource.RLIMIT_NOFILE, limits)


ATTACKS = (rapid_reset, continuation_flood, ping_flood, settings_flood, priority_flood,
           empty_data_flood, hpack_bomb, header_flood, bad_frames, random_frames, broken_messages,
           slow_consoles, no_window, tokio_slow_consoles, tokio_pauses, tokio_broken_messages,
           slow_preface, stopped_consoles, killed_consoles, connects, http_half_requests,
           http_slow_scrapes, http_resets, http_nonsense, no_descriptors)


def rest(began, share):
    """Until the processor time used, that of children included, is no more than a share of what has gone by."""
    used = sum(os.times()[:4])
    while time.monotonic() < began + used / share:
        select.select([], [], [], began + used / share - time.monotonic())


def attack(target, seconds, share=1):
    """All of them, one after the other, for so long: how often each was done."""
    began = time.monotonic()
    done = dict.fromkeys((one.__name__ for one in ATTACKS), 0)
    end = began + seconds
    while time.monotonic() < end:
        for one in ATTACKS:
            try:
                one(target)
            except (ConnectionError, socket.timeout, BlockingIOError):
                pass  # turned away, as it should be
            done[one.__name__] += 1
            rest(began, share)
            if time.monotonic() >= end and min(done.values()) > 0:
                break
    target.release()
    return done


if __name__ == "__main__":
    os.nice(40)  # which is 19
    print(json.dumps(attack(Target(*sys.argv[1:5]), *map(float, sys.argv[5:7]))))
