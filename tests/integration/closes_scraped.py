#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scrapes around closes of handles and an exporter's restart, from the host and from weir serve: no counter goes back,
none loses an increment, and both tell the same.
ctest: timeout=180 folders=agent/src/snapshot,agent/src/encode,agent/src/wire"""

import os
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, wait_for, weir  # noqa: E402
from serving import Serve, series  # noqa: E402

NAME = "p%d" % os.getpid()
host = Host("--name", NAME, "--http", "127.0.0.1:0", "--latency", "full", "--counter", "bytes",
            "--semaphore", "slots:4", "--task", "work", "--channel", "room-0")
server = Serve(NAME, grpc=None)
counted = {}  # what the host was told to count, by series
last = {}


def address():
    listed = weir("list", "-o", "json").json()["data"]
    return next((one["http_address"] for one in listed["processes"] if one["pid"] == host.pid), None)


def host_series():
    with urllib.request.urlopen(f"http://{wait_for(address, 'an address')}/metrics", timeout=20) as answer:
        return series(answer.read().decode())


def served_series():
    """Those of the process, without the labels that name it."""
    label = 'process="%s",pid="%d"' % (NAME, host.pid)
    return {key.replace(label + ",", ""): value for key, value in server.series().items() if label in key}


def count(name, n):
    counted[name] = counted.get(name, 0) + n


def churn(n):
    """Opens, uses and closes handles of few names."""
    for i in range(n):
        room = "room-%d" % (i % 3)
        label = 'channel="%s"' % room
        if room != "room-0":
            host.command("open", room, 100)
        host.command("send", room, 10 + i)
        host.command("receive", room, 10 + i)
        host.command("reject", room, "shed", 2)
        count("weir_channel_sent_total{%s}" % label, 10 + i)
        count("weir_channel_received_total{%s}" % label, 10 + i)
        count("weir_channel_residence_seconds_count{%s}" % label, 10 + i)
        count('weir_channel_rejects_total{%s,reason="shed"}' % label, 2)
        host.command("add", "bytes", 7)
        count('weir_counter_total{counter="bytes"}', 7)
        if room != "room-0":
            host.command("close", room)


def compare(told, where):
    for key, value in counted.items():
        assert told.get(key) == value, (where, key, told.get(key), value)
    for key, value in last.items():
        if "_total" in key or "_count" in key or "_bucket" in key:
            assert told.get(key, -1) >= value, (where, key, value, told.get(key))
    last.update({key: value for key, value in told.items() if key.startswith("weir_channel_") or key in counted})


def settled(read, where):
    """Expositions are shared for a quarter of a second: waits for one that has all, and compares it."""
    def is_there():
        told = read()
        return told if all(told.get(key) == value for key, value in counted.items()) else None
    try:
        told = wait_for(is_there, "all that was counted")
    except AssertionError:
        told = read()
    compare(told, where)


for times in range(4):
    churn(30)
    settled(host_series, "host %d" % times)
    settled(served_series, "serve %d" % times)
    if times == 1:
        host.command("exporter", "stop")
        churn(9)
        settled(served_series, "serve while the exporter is stopped")
        host.command("exporter", "start")
        settled(host_series, "host after its exporter's restart")
    if times == 2:
        server.end()
        churn(9)
        server = Serve(NAME, grpc=None)
        settled(served_series, "a new serve")

# What it has left when it is killed says the same, and open handles have what they had.
host.kill()
server.end()
