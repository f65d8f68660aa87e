#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# timeout: 180
"""The released tokio-console on the Tokio server: that its screen is read rightly here, against what the
server says of itself; and what it cannot show, which docs/tokio-console.md claims of it."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import console  # noqa: E402
from tokio_console import TokioConsole, pairs  # noqa: E402
from tokio_server import TokioServer  # noqa: E402

STILL = ("at-barrier", "idle", "polled", "mutex-holder", "reader", "self-waking", "sleeping")
server = TokioServer("0.5", "--lints")


def named(rows):
    return {row["name"]: row for row in rows}


def polls_are_what_the_server_counts():
    with_console = TokioConsole(server.url).connected()
    server.command("poll", 37)
    tasks = server.status()["tasks"]
    rows = named(with_console.rows("tasks", lambda rows: named(rows).get("polled", {}).get("polls") == "38",
                                   "38 polls"))
    for name in STILL:
        assert int(rows[name]["polls"]) == tasks[name]["polls"], (name, rows[name], tasks[name])
    assert with_console.count("tasks") >= sum(task["alive"] for task in tasks.values())
    with_console.quit()


def permits_follow_acquire_and_release():
    with_console = TokioConsole(server.url).connected()
    with_console.open("resources")
    for words in (("acquire", 2), ("release", 4)):
        server.command(*words)
        truth = server.status()["semaphore"]["permits"]
        with_console.rows("resources", lambda rows: permits(rows) == {truth, 0}, "%d permits" % truth)
    with_console.quit()


def permits(rows):
    """Of the public semaphores: the one of the commands, and the crowded one."""
    return {int(pairs(row["attributes"])["permits"]) for row in rows if row["target"] == "tokio::sync::semaphore"}


def permits_are_wrong_after_try_acquire():
    with_console = TokioConsole(server.url).connected()
    with_console.open("resources")
    before = server.status()["semaphore"]["permits"]
    with_console.rows("resources", lambda rows: permits(rows) == {before, 0}, "permits")
    server.command("try", 2)
    server.command("poll", 1)  # which the console must have heard of, when the next is looked at
    polls = str(server.status()["tasks"]["polled"]["polls"])
    with_console.open("tasks")
    with_console.rows("tasks", lambda rows: named(rows)["polled"]["polls"] == polls, "the poll")
    with_console.open("resources")
    shown = permits(with_console.table("resources"))
    assert server.status()["semaphore"]["permits"] == before - 2 and shown == {before, 0}, shown
    server.command("release", 2)
    with_console.quit()


def a_channels_depth_is_nowhere():
    """A bounded channel is one nameless internal semaphore with its free slots; an unbounded one nothing."""
    with_console = TokioConsole(server.url).connected()
    with_console.open("resources")
    server.command("send", 6)
    truth = server.status()
    assert (truth["bounded"]["queued"], truth["unbounded"]["queued"]) == (11, 11), truth
    free = str(truth["bounded"]["free"])
    rows = with_console.rows(
        "resources", lambda rows: any(pairs(row["attributes"]).get("permits") == free for row in rows), "free slots")
    values = [value for row in rows for value in pairs(row["attributes"]).values()]
    assert "11" not in values and "32" not in values, values
    assert not any("mpsc" in row["target"] or "mpsc" in row["type"] for row in rows), rows
    with_console.quit()


def all_five_warnings_are_there():
    with_console = TokioConsole(server.url).connected()
    with_console.shows("have woken themselves", "have lost their wakers", "have never yielded",
                       "have been boxed", "1024 bytes or larger")
    with_console.quit()


def a_crowd_is_seen_late():
    """128 events are taken in a turn, of which there is one a second unless there is a request."""
    crowd = TokioServer("0.5", "--tasks", 10000, "--socket", os.path.join(console.scratch, "crowd"))
    with_console = TokioConsole(crowd.url).connected()
    first = with_console.waits(lambda _: with_console.count("tasks"), "tasks")
    assert first < 5000 < crowd.status()["alive"], first
    crowd.settle()
    with_console.waits(lambda _: with_console.count("tasks") >= 10000, "all of them")
    with_console.quit()


def it_does_not_connect_to_a_server_of_0_4():
    """Which has no WatchState; 0.1.14 insists on it."""
    old = TokioServer("0.4")
    with_console = TokioConsole(old.url, "--log", "info", "--log-dir", console.scratch)

    def log(_):
        names = [name for name in os.listdir(console.scratch) if name.endswith(".log")]
        return "".join(open(os.path.join(console.scratch, name), encoding="utf-8").read() for name in names)
    with_console.waits(lambda text: "does not support state streaming" in log(text),
                       "the error in its log")
    assert with_console.first_sockets is None and with_console.text().strip() == "", with_console.text()
    with_console.kill()


console.run([polls_are_what_the_server_counts, permits_follow_acquire_and_release,
             permits_are_wrong_after_try_acquire, a_channels_depth_is_nowhere, all_five_warnings_are_there,
             a_crowd_is_seen_late, it_does_not_connect_to_a_server_of_0_4])
