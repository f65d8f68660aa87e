#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: timeout=180 folders=agent/src/wire,agent/src/session
"""What no good client sends: broken frames, floods, silence, more connections than there is room
for. The host lives, the next client is served, and nothing is left behind."""

import os
import random
import resource
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from abuse import broken_frames  # noqa: E402
from agent_client import SANITIZED, Agent, Host, M, eventually  # noqa: E402
from http2_raw import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS,  # noqa: E402
                       PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Raw, field, frame,
                       message, request_header)
from silence import HURRIED, grpc_clients_are_ended  # noqa: E402

MAX_CLIENTS = 128
host = Host("--name", "game", "--channel", "moves:unbounded:1000:400", "--many", "c:200")
hurried = Host("--name", "hurried", "--channel", "moves:unbounded:1000:400", "--many", "c:200",
               program="hurried_host")
watch = "/weir.v1.Agent/Watch"
every_tenth = message(M["WatchRequest"](queries=[M["Query"]()],
                                        interval_millis=100).SerializeToString())


def is_served():
    agent = Agent(host.socket)
    name = agent.describe(M["DescribeRequest"](), timeout=20).name
    agent.close()
    assert name == "game"


def broken_frames_end_only_their_connection():
    for name, octets in broken_frames(every_tenth).items():
        raw = Raw(host.socket)
        raw.send(octets)
        ends = [f for f in raw.frames() if f[0] == GOAWAY]
        assert len(ends) == 1 and ends[0][3][4:8] != b"\0\0\0\0", (name, ends)
        raw.close()
    for words in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100, PREFACE[:-1] + b"x",
                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200):
        raw = Raw(host.socket, preface=False)
        raw.send(words)
        assert [f for f in raw.frames() if f[0] not in (SETTINGS, GOAWAY)] == []
        raw.close()
    is_served()


def broken_calls_end_only_their_stream():
    raw = Raw(host.socket)
    bodies = {1: message(b"\xff\xff"), 3: message(b"", length=1 << 20), 5: message(b"", flag=1),
              7: message(b"", flag=7), 9: b"\0\0", 11: message() + message(), 13: b"",
              15: message(b"\x0a" * 3000), 17: message(b"\x0a\x00" * 8000)}
    for stream, body in bodies.items():
        raw.call(stream, watch, body)
    closed = set()
    for kind, flags, stream, payload in raw.frames():
        if kind == HEADERS and flags & END_STREAM:
            closed.add(stream)
        assert kind != GOAWAY
        if closed == set(bodies):
            break
    raw.call(101, "/weir.v1.Agent/Describe")
    assert raw.wait_for(DATA, 101)
    raw.close()


def what_follows_an_early_answer_is_thrown_away():
    """A caller that goes on sending after its answer: its connection stays, and costs no memory."""
    before = host.rss()
    raw = Raw(host.socket)
    raw.send(frame(HEADERS, END_HEADERS, 1, request_header("/any.Service/Method")))
    found = raw.wait_for(HEADERS, 1)
    assert found and found[1] & END_STREAM, found
    reset = raw.wait_for(RST_STREAM, 1)
    assert reset and reset[3] == b"\0\0\0\0", reset  # NO_ERROR
    for _ in range(1000):
        assert raw.send(frame(DATA, 0, 1, b"x" * 16384))
        for found in raw.available():
            assert found[0] in (WINDOW_UPDATE, SETTINGS), found
    raw.call(3, "/weir.v1.Agent/Describe")
    assert raw.wait_for(DATA, 3)
    raw.close()
    if not SANITIZED:
        assert host.rss() - before < 1 << 20, host.rss() - before


def health_watches_have_the_limits_of_all_streams():
    raw = Raw(host.socket)
    for i in range(40):
        raw.call(2 * i + 1, "/grpc.health.v1.Health/Watch")
    opened, refused = set(), set()
    while len(opened) + len(refused) < 40:
        kind, _, stream, payload = next(raw.frames())
        if kind == DATA:
            opened.add(stream)
        elif kind == RST_STREAM:
            assert payload == b"\0\0\0\x07", payload  # REFUSED_STREAM
            refused.add(stream)
    assert (len(opened), len(refused)) == (32, 8), (opened, refused)
    raw.send(b"".join(frame(RST_STREAM, 0, stream, b"\0\0\0\x08") for stream in opened))
    raw.call(101, "/grpc.health.v1.Health/Check", message(b"\x0a\xff\xff\xff\x7f"))
    found = raw.wait_for(HEADERS, 101)
    assert found and found[1] & END_STREAM, found
    raw.close()
    is_served()


def long_headers_are_refused():
    raw = Raw(host.socket)
    raw.send(frame(HEADERS, END_HEADERS, 1, request_header(watch) +
                   b"".join(field("x-%d" % i, "y" * 100) for i in range(110))))
    assert raw.wait_for(HEADERS, 1)
    raw.close()
    raw = Raw(hurried.socket)  # and headers that never end
    raw.send(frame(HEADERS, 0, 1, request_header(watch)))
    for _ in range(3000):
        if not raw.send(frame(CONTINUATION, 0, 1, field("x", "y" * 4000))):
            break
    assert not raw.send(b"x")
    raw.close()
    is_served()


def floods_end_the_connection_or_are_swallowed():
    before = host.rss()
    floods = {"PING": frame(PING, 0, 0, b"12345678"), "SETTINGS": frame(SETTINGS, 0, 0),
              "PRIORITY": frame(PRIORITY, 0, 1, b"\0\0\0\0\x10"),
              "unknown frames": frame(0x42, 0, 0, b"x" * 50),
              "empty DATA": frame(HEADERS, END_HEADERS, 1, request_header(watch)) +
                            frame(DATA, 0, 1) * 20}
    for name, octets in floods.items():
        raw = Raw(host.socket)
        raw.socket.settimeout(2)
        try:
            for _ in range(2000):
                if not raw.send(octets * 10):
                    break
        except socket.timeout:
            pass  # it reads no more from a peer that reads nothing
        raw.close()
    raw = Raw(host.socket)  # rapid reset
    for i in range(20000):
        if not raw.send(frame(HEADERS, END_HEADERS, 2 * i + 1, request_header(watch)) +
                        frame(RST_STREAM, 0, 2 * i + 1, b"\0\0\0\x08")):
            break
    else:
        assert any(f[0] == GOAWAY for f in raw.frames()), "20,000 resets and no end"
    raw.close()
    is_served()
    if not SANITIZED:
        assert host.rss() - before < 4 << 20, host.rss() - before


def random_frames_never_end_the_host():
    rng = random.Random(4)
    for _ in range(200):
        raw = Raw(host.socket)
        raw.call(1, watch, every_tenth)
        for _ in range(rng.randrange(30)):
            n = rng.randrange(100)
            octets = frame(rng.randrange(11), rng.randrange(256), rng.randrange(8), rng.randbytes(n))
            if not raw.send(octets):
                break
        raw.close()
    is_served()


def there_is_room_for_so_many_and_no_more():
    clients = []
    for _ in range(MAX_CLIENTS):
        raw = Raw(host.socket)
        raw.call(1, watch, every_tenth)
        clients.append(raw)
    for raw in clients:
        assert raw.wait_for(DATA, 1)
    for _ in range(10):
        raw = Raw(host.socket)
        assert list(raw.frames()) == []
        raw.close()
    for raw in clients:  # who was there before goes on
        assert raw.wait_for(DATA, 1)
    for raw in clients:
        raw.close()
    agent = Agent(host.socket, **{"grpc.initial_reconnect_backoff_ms": 100})
    eventually(lambda: can_describe(agent), "room again")
    eventually(lambda: agent.numbers()["clients"] == 1, "one client")
    assert agent.numbers()["clients_rejected"] >= 10
    agent.close()


def can_describe(agent):
    try:
        return bool(agent.describe(M["DescribeRequest"](), timeout=10).name)
    except Exception:
        return False


def silence_is_ended():
    grpc_clients_are_ended(hurried.socket, watch, every_tenth, HURRIED)


def no_descriptors_left_is_survived():
    """accept() fails for want of descriptors; the thread does not spin, and goes on afterwards."""
    limits = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
    top = max(int(fd) for fd in os.listdir("/proc/%d/fd" % host.pid))
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (top + 1, limits[1]))
    waiting = [Raw(host.socket) for _ in range(10)]
    before = cpu()
    time_over = time.monotonic() + 1.5
    while time.monotonic() < time_over:
        select.select([], [], [], 0.1)
    assert cpu() - before < 0.3, cpu() - before
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, limits)
    waiting[-1].call(1, "/weir.v1.Agent/Describe")
    assert waiting[-1].wait_for(DATA, 1)
    for raw in waiting:
        raw.close()


def cpu():
    with open("/proc/%d/stat" % host.pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


is_served()
fds = host.fds()
for test in (broken_frames_end_only_their_connection, broken_calls_end_only_their_stream,
             what_follows_an_early_answer_is_thrown_away,
             health_watches_have_the_limits_of_all_streams, long_headers_are_refused,
             floods_end_the_connection_or_are_swallowed, random_frames_never_end_the_host,
             there_is_room_for_so_many_and_no_more, silence_is_ended,
             no_descriptors_left_is_survived):
    test()
    print("ok", test.__name__, flush=True)
eventually(lambda: host.fds() <= fds, "as many descriptors as before")
agent = Agent(host.socket)
assert agent.numbers()["protocol_errors"] >= 20, agent.numbers()
agent.close()
host.stop()
hurried.stop()
