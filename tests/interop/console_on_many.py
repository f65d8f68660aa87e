#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# timeout: 300
"""The released tokio-console on a host with 100,000 channels and 20,000 single tasks: all of them arrive, over
one connection, though its messages may have 4 MiB at most. Prints what both programs take for it."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import console  # noqa: E402
from tokio_console import TokioConsole, pairs, processor_seconds, resident  # noqa: E402

SECONDS = float(os.environ.get("INTEROP_SECONDS", "20"))
CHANNELS, TASKS = 100000, 20000
SERVER_BOUND = 256 << 20  # bytes, for the exporter of all these; some 60 MB are used
PATIENCE = 120  # seconds until tokio-console has drawn 100,000 rows on a busy machine

host = console.Host("--name", "big", "--many", "c:%d" % CHANNELS, "--crowd", "session:%d" % TASKS,
                    "--channel", "moves:64:50:50", WEIR_LIMIT="256M", WEIR_TASKS=str(TASKS))


def segment():
    return os.stat(host.path()).st_blocks * 512


def megabytes(n):
    return "%.1f MB" % (n / 1e6)


def counted(one, kind, n):
    """Waits long for so many rows; the seconds that it took."""
    begin = time.monotonic()
    while one.count(kind) != n:
        one.read()
        assert time.monotonic() < begin + PATIENCE, one.text()
    return time.monotonic() - begin


def all_of_them_arrive_over_one_connection():
    before = resident(host.pid)
    one = TokioConsole("file://localhost" + host.path(".sock"), cols=200)
    begin = time.monotonic()
    counted(one, "tasks", TASKS)
    tasks_seconds = time.monotonic() - begin
    one.type("r")
    counted(one, "resources", CHANNELS + 2)  # and one kind of task, one channel with traffic
    rows_seconds = time.monotonic() - begin
    used, end = processor_seconds(host.pid), time.monotonic() + SECONDS
    while time.monotonic() < end:
        one.read()
    used = (processor_seconds(host.pid) - used) / SECONDS
    assert one.is_faithful() and one.dropped() == "", one.lines()[0]
    print("   %d tasks after %.1f s, %d resources after %.1f s" % (TASKS, tasks_seconds, CHANNELS, rows_seconds))
    print("   server: %s before, %s after, and a segment of %s; %.1f %% of a processor" %
          (megabytes(before), megabytes(resident(host.pid)), megabytes(segment()), 100 * used))
    print("   tokio-console: %s" % megabytes(one.memory()))
    assert resident(host.pid) < SERVER_BOUND
    check_rows(one)
    one.quit()


def check_rows(one):
    """The rows at the top and at the bottom are those of the snapshot, also the last one of all."""
    shown = {}
    for key in ("gg", "G"):
        one.type(key)
        one.take(1)
        for row in one.table("resources"):
            shown[row["kind"]] = pairs(row["attributes"])
    told = {row["name"]: row for row in console.weir("snapshot", host.pid, "-o", "json").json()["data"]["channels"]}
    assert len(told) == CHANNELS + 1
    same = [name for name in shown if name in told and name != "moves"]
    assert len(same) > 50, shown
    for name in same:
        assert shown[name]["depth"] == str(told[name]["depth"]) == "1", (name, shown[name])
        assert shown[name]["sent"] == str(told[name]["sent"]), (name, shown[name])


def tasks_show_their_polls():
    one = TokioConsole("file://localhost" + host.path(".sock"), cols=200)
    counted(one, "tasks", TASKS)
    rows = one.rows("tasks", lambda rows: len(rows) > 20, "rows")
    assert all(row["polls"] == "1" and row["state"] == "idle" and row["warn"] == "" for row in rows), rows[:3]
    one.quit()


console.run([all_of_them_arrive_over_one_connection, tasks_show_their_polls])
