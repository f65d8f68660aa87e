#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hosts that have closed descriptors 0, 1 and 2, and still print there: nothing of weir's has such a
number, so that nothing printed arrives in its files. With and without the exporter.
ctest: folders=agent/src,agent/src/segment"""

import os
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, run, scratch, wait_for, weir  # noqa: E402

PRINTED = b"where nobody listens"
NUMBERS = ("0", "1", "2", "012")
WHEN = ("before", "between", "after")
EXPORTER = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")


def low(pid):
    """What has a number below 3 in a process; but for "/", by which the exporter holds a closed number while
    it opens something: that can be neither read nor written."""
    found = set()
    for number in ("0", "1", "2"):
        try:
            if os.readlink("/proc/%d/fd/%s" % (pid, number)) != "/":
                found.add(number)
        except FileNotFoundError:
            pass
    return found


def is_held(pid):
    return any(os.path.islink("/proc/%d/fd/%s" % (pid, number)) and number not in low(pid) for number in "012")


def scrape(host):
    listed = weir("list", "-o", "json").json()["data"]["processes"]
    address = next(one["http_address"] for one in listed if one["pid"] == host.pid)
    with urllib.request.urlopen("http://%s/metrics" % address, timeout=30) as answer:
        return answer.read().decode()


def files_are_whole():
    for name in os.listdir(scratch):
        if name.endswith((".weir", ".history")):
            with open(os.path.join(scratch, name), "rb") as file:
                assert PRINTED not in file.read(), name


def check(when, numbers, *more):
    host = Host("--name", "quiet", "--channel", "moves", "--close", "%s:%s" % (when, numbers), *more)
    open_ones = {"0", "1", "2"} - set(numbers)
    assert low(host.pid) == open_ones, (when, numbers, more, low(host.pid))
    host.command("send", "moves", 3)
    host.command("open", "later", 8)
    host.shows("channels", "moves", "depth", 3)
    host.shows("channels", "later", "depth", 0)
    if EXPORTER[0] in more:
        wait_for(lambda: any(name.endswith(".history") for name in os.listdir(scratch)), "a history")
        assert 'weir_channel_depth{channel="moves"} 3' in scrape(host)
    host.command("prints")
    assert low(host.pid) == open_ones, (when, numbers, more, low(host.pid))
    wait_for(lambda: not is_held(host.pid), "a moment in which nothing is opened")
    files_are_whole()
    host.end()
    assert os.listdir(scratch) == [], os.listdir(scratch)


def hooks_alone_keep_nothing_below_three():
    for when in WHEN[:2]:
        for numbers in NUMBERS:
            check(when, numbers, "--no-agent")


def the_exporter_keeps_nothing_below_three():
    for when in WHEN:
        for numbers in NUMBERS:
            check(when, numbers, *EXPORTER)


def the_file_of_a_killed_host_is_read():
    host = Host("--name", "killed", "--channel", "moves", "--close", "before:012")
    host.command("send", "moves", 5)
    host.command("prints")
    path = host.path()
    host.kill()
    rows = weir("snapshot", path, "-o", "json").json()["data"]["channels"]
    assert [(row["name"], row["depth"]) for row in rows] == [("moves", 5)], rows


run([hooks_alone_keep_nothing_below_three, the_exporter_keeps_nothing_below_three,
     the_file_of_a_killed_host_is_read])
