#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""HTTP under abuse: what clients do wrong costs them their own connection and nobody else's, and the
host neither its memory nor its descriptors. ctest: timeout=180 folders=agent/src/http,agent/src/wire"""

import concurrent.futures
import gzip
import os
import resource
import select
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import HOST, Host, run, wait_for, weir  # noqa: E402
from silence import HURRIED, http_clients_are_ended  # noqa: E402

PLACES = 32
SLACK = 8  # descriptors of a test before the server has seen their end
host = Host("--name", "http%d" % os.getpid(), "--many", "room:200", "--channel",
            "moves:unbounded:1000:400", "--semaphore", "slots:4:1", "--http", "127.0.0.1:0")


def http_port(server):
    listed = weir("list", "-o", "json").json()["data"]["processes"]
    return int(next(one["http_address"] for one in listed if one["pid"] == server.pid).split(":")[1])


ADDRESS, PORT = "127.0.0.1", http_port(host)


def connect(room=None, port=PORT):
    client = socket.socket()
    if room:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    client.settimeout(20)
    client.connect((ADDRESS, port))
    return client


def read(client):
    """All that comes until the server closes."""
    parts = []
    while True:
        try:
            part = client.recv(1 << 16)
        except ConnectionResetError:
            part = b""
        if not part:
            return b"".join(parts).decode(errors="replace")
        parts.append(part)


def ask(path="/healthz", method="GET", headers="Host: localhost\r\n", body=""):
    """The status and the whole answer."""
    with connect() as client:
        try:
            client.sendall(f"{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n{body}"
                           .encode())
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent
        answer = read(client)
    return (int(answer.split(" ")[1]) if answer.startswith("HTTP/1.1 ") else None), answer


def descriptors():
    return len(os.listdir(f"/proc/{host.pid}/fd"))


def resident():
    with open(f"/proc/{host.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def cpu_seconds():
    with open(f"/proc/{host.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def agent():
    rows = weir("snapshot", host.pid, "-o", "json").json()["data"]["agent"]
    return rows[0] if isinstance(rows, list) else rows


def honest_client_is_served():
    begin = time.monotonic()
    status, answer = ask("/metrics")
    assert status == 200 and answer.count('weir_channel_depth{channel="room') == 200, answer[:300]
    assert time.monotonic() - begin < 5
    assert ask()[0] == 200


def what_is_wrong_is_said():
    for path, method, headers, expected in (
            ("/nothing", "GET", "Host: localhost\r\n", 404),
            ("/metrics", "POST", "Host: localhost\r\nContent-Length: 0\r\n", 405),
            ("/metrics", "GET", "Host: evil.example\r\n", 403),
            ("/metrics", "GET", f"Host: {ADDRESS}:{PORT}\r\nX: {'x' * 30000}\r\n", None),
            ("/metrics", "GET", "Host: localhost\r\n" * 2, 403),
            ("http://evil.example/metrics", "GET", "Host: localhost\r\n", 403),
            ("http://evil.example@localhost/metrics", "GET", "Host: localhost\r\n", 403),
            ("http:///metrics", "GET", "Host: localhost\r\n", 403),
            ("http://localhost/", "GET", "Host: evil.example\r\n", 404),
            ("http://" + "[" * 500, "GET", "Host: localhost\r\n", 403),
            ("ftp://localhost/metrics", "GET", "Host: localhost\r\n", 404),
            ("/metrics", "GET", "Host: localhost\r\nAccept-Encoding: *;q=0\r\n", 406),
            ("/metrics", "GET", "Host: localhost\r\nAccept-Encoding: identity;q=0" + ",;=" * 900 +
             "\r\n", 406),
            ("/metrics", "POST", "Host: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n",
             405),
            ("/" + "x" * 30000, "GET", "Host: localhost\r\n", None)):
        status, answer = ask(path, method, headers)
        assert (status == expected if expected else status != 200), (path[:20], status, expected)
        assert "weir_channel" not in answer, path
    honest_client_is_served()


def half_requests_keep_nobody_out():
    before = descriptors()
    half = []
    for _ in range(600):
        client = connect()
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: loc")
        half.append(client)
        if len(half) % 100 == 0:
            honest_client_is_served()
    assert descriptors() <= before + PLACES + SLACK, (before, descriptors())
    honest_client_is_served()
    for client in half:
        client.close()
    wait_for(lambda: descriptors() <= before + SLACK, "the descriptors are given back")


def readers_that_stop_cost_little():
    honest_client_is_served()
    before = resident()
    stopped = []
    for i in range(60):
        client = connect(4096)
        coding = b"Accept-Encoding: gzip\r\n" if i % 2 else b""
        client.sendall((b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + coding + b"\r\n") * 40)
        stopped.append(client)
        if i % 10 == 9:
            honest_client_is_served()
    grown = resident() - before
    limit = 256 << 20 if os.environ.get("WEIR_SANITIZE") else 16 << 20
    assert grown < limit, grown
    honest_client_is_served()
    for client in stopped:
        client.close()


def concurrent_scrapes_are_all_whole():
    with concurrent.futures.ThreadPoolExecutor(PLACES) as pool:
        answers = list(pool.map(lambda _: ask("/metrics"), range(4 * PLACES)))
    whole = [answer for status, answer in answers
             if status == 200 and answer.count('weir_channel_depth{channel="room') == 200]
    assert len(whole) == len(answers), (len(whole), [status for status, _ in answers])


def concurrent_scrapes_are_all_whole_when_compressed():
    def scrape(_):
        with connect() as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n"
                           b"Accept-Encoding: gzip\r\n\r\n")
            parts = list(iter(lambda: client.recv(1 << 16), b""))
        head, body = b"".join(parts).split(b"\r\n\r\n", 1)
        fields = head.split(b"\r\n")
        assert b"Content-Encoding: gzip" in fields, head
        assert f"Content-Length: {len(body)}".encode() in fields, (head, len(body))
        return len(body), gzip.decompress(body)
    with concurrent.futures.ThreadPoolExecutor(PLACES) as pool:
        for length, text in pool.map(scrape, range(4 * PLACES)):
            assert text.count(b'weir_channel_depth{channel="room') == 200
            assert length < len(text) / 4, (length, len(text))


def resets_in_mid_answer_are_survived():
    before = descriptors()
    for _ in range(300):
        client = connect(4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(100)
        client.close()
    honest_client_is_served()
    wait_for(lambda: descriptors() <= before + SLACK, "the descriptors are given back")


def request_that_trickles_in_is_cut_off():
    hurried = Host("--name", "hurried", "--channel", "moves:unbounded:1000:400", "--http", "127.0.0.1:0",
                   program=os.path.join(os.path.dirname(HOST), "hurried_host"))
    http_clients_are_ended(lambda: connect(port=http_port(hurried)), HURRIED)
    hurried.end()


def lack_of_descriptors_is_waited_out():
    wait_for(lambda: descriptors() < 40, "few descriptors")
    before = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
    top = max(int(name) for name in os.listdir(f"/proc/{host.pid}/fd")) + 2
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (top, before[1]))
    clients = [connect() for _ in range(20)]
    spent = cpu_seconds()
    select.select([], [], [], 1.0)  # the time in which a busy loop would show
    spent = cpu_seconds() - spent
    assert spent < 0.6, spent
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, before)
    for client in clients:
        client.close()
    honest_client_is_served()


def refusals_are_counted():
    numbers = agent()
    assert numbers["http_rejected"] >= 500, numbers
    assert numbers["protocol_errors"] >= 1, numbers
    assert numbers["scrapes"] >= 100, numbers
    host.end()


run([honest_client_is_served, what_is_wrong_is_said, half_requests_keep_nobody_out,
     readers_that_stop_cost_little, concurrent_scrapes_are_all_whole,
     concurrent_scrapes_are_all_whole_when_compressed, resets_in_mid_answer_are_survived, request_that_trickles_in_is_cut_off,
     lack_of_descriptors_is_waited_out, refusals_are_counted])
