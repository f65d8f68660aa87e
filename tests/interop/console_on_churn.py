#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# timeout: 300
"""The released tokio-console on a host in which 5,000 channels and single tasks are born each second, and die: no
row is wrong, none stays. A paused console, and one that is stopped, cost the server nothing; a restarted
server is seen as new."""

import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import beside  # noqa: E402
import console  # noqa: E402
from tokio_console import TokioConsole, processor_seconds, resident  # noqa: E402

SECONDS = float(os.environ.get("INTEROP_SECONDS", "20"))
BIRTHS = 5000
MEASURED = min(SECONDS / 2, 8)  # seconds; a console that takes nothing for 10 is cut off
LIVES = 512  # single tasks at a time, in the host, and as many channels
GROWN_MOST = 16 << 20  # bytes, of the server while nobody reads
SHARE_MOST = 0.02  # of a processor, above what the server takes with a console that reads

host = console.Host("--name", "churn", "--channel", "moves:unbounded:1000:1000", "--semaphore", "slots:4:1",
                    "--counter", "ticks:100", "--churn", str(BIRTHS))
url = "file://localhost" + host.path(".sock")


def snapshot():
    return console.weir("snapshot", host.pid, "-o", "json", "--exclude", "born*").json()["data"]


def kind_row():
    return next(row for row in snapshot()["tasks"] if row["name"] == "churn")


def living(one):
    """The living tasks, by the title of the view."""
    found = re.search(r"Running \((\d+)\).*Idle \((\d+)\)", one.text())
    return sum(int(n) for n in found.groups()) if found else None


def attach():
    one = TokioConsole(url, cols=300, retain="2s").connected()
    one.rows("tasks", len, "tasks")
    return one


def every_row_is_right_while_all_comes_and_goes():
    one = attach()
    spawned = kind_row()["spawned"]
    one.open("resources")
    one.type("i")  # the oldest first: those that stay
    for _ in range(max(int(SECONDS / 4), 3)):
        assert beside.check_resources(one, snapshot) >= 8
        one.open("tasks")
        rows = one.rows("tasks", lambda rows: len(rows) > 20, "tasks")
        assert all(row["name"].startswith("born") and row["polls"] == "1" and row["warn"] == "" for row in rows), rows
        assert living(one) <= LIVES, one.text()
        one.open("resources")
    born = kind_row()["spawned"] - spawned
    assert born > BIRTHS / 2 * SECONDS / 4, born
    assert one.is_faithful() and one.dropped() == "", one.lines()[0]
    print("   %d births" % born)
    one.quit()


def none_stays_when_all_have_died():
    one = attach()
    host.command("churn", 0)
    console.wait_for(lambda: kind_row()["finished"] == kind_row()["spawned"], "all dead")
    one.waits(lambda _: one.count("tasks") == 0, "no task left")
    one.open("resources")
    want = sum(len(snapshot()[table]) for table in beside.TABLES.values())
    one.waits(lambda _: one.count("resources") == want, "%d resources" % want)
    one.quit()
    host.command("churn", BIRTHS)


def cost(one, seconds):
    """What the server takes of the processor for so long, each second; and what it grows by."""
    bytes_before, used = resident(host.pid), processor_seconds(host.pid)
    one.take(seconds)
    return (processor_seconds(host.pid) - used) / seconds, resident(host.pid) - bytes_before


def a_paused_console_costs_the_server_nothing():
    one = attach()
    share, _ = cost(one, MEASURED / 2)
    one.press(" ", "PAUSED")
    paused, grown = cost(one, MEASURED)
    print("   %.3f of a processor with a console that reads, %.3f with one that pauses; %d bytes grown" %
          (share, paused, grown))
    assert paused <= share + SHARE_MOST and grown < GROWN_MOST, (share, paused, grown)
    one.type(" ")
    one.hides("PAUSED")
    beside_oldest(one)
    assert one.is_faithful()
    one.quit()


def a_stopped_console_costs_the_server_nothing():
    one = attach()
    share, _ = cost(one, MEASURED / 2)
    one.signal(signal.SIGSTOP)
    stopped, grown = cost(one, MEASURED)
    print("   %.3f of a processor with a console that reads, %.3f with one that is stopped; %d bytes grown" %
          (share, stopped, grown))
    assert stopped <= share + SHARE_MOST and grown < GROWN_MOST, (share, stopped, grown)
    one.signal(signal.SIGCONT)
    beside_oldest(one)
    assert one.is_faithful()
    one.quit()


def beside_oldest(one):
    one.open("resources")
    one.type("i")
    beside.check_resources(one, snapshot)


def a_restarted_server_is_seen_as_new():
    """On the same port; what it shows from then on is the new one's."""
    first = console.Host("--name", "first", "--grpc", "127.0.0.1:0", "--crowd", "old:3", "--channel", "moves:9:0:0:5")
    listed = console.weir("list", "-o", "json").json()["data"]["processes"]
    address = next(row["grpc_address"] for row in listed if row["pid"] == first.pid)
    one = TokioConsole("http://" + address, cols=300, retain="2s").connected()
    one.rows("tasks", lambda rows: {row["name"] for row in rows} == {"old-00000", "old-00001", "old-00002"}, "old tasks")
    first.kill()
    second = console.Host("--name", "second", "--grpc", address, "--crowd", "new:3", "--channel", "moves:9:0:0:7")

    def are_new(rows):
        found = {row["name"]: row for row in rows}
        return all(found.get("new-0000%d" % i, {}).get("polls") == "1" for i in range(3))
    one.rows("tasks", are_new, "the new tasks with their polls")
    one.open("resources")
    one.rows("resources", lambda rows: any(row["kind"] == "moves" and row["target"] == "second" and
                                           "depth=7" in row["attributes"] for row in rows), "the new channel")
    one.quit()
    second.end()


try:
    console.run([every_row_is_right_while_all_comes_and_goes, none_stays_when_all_have_died,
                 a_paused_console_costs_the_server_nothing, a_stopped_console_costs_the_server_nothing,
                 a_restarted_server_is_seen_as_new])
finally:
    host.kill()
