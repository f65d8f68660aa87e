#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# timeout: 240
"""weir on the Tokio server, with console-subscriber 0.5 and 0.4: its numbers are those that the released
tokio-console shows of the same server (0.5; it does not connect to 0.4), and those that the server counts by
itself."""

import collections
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import console  # noqa: E402
from terminal import Terminal  # noqa: E402
from tokio_console import TokioConsole, pairs, seconds  # noqa: E402
from tokio_server import TokioServer  # noqa: E402

TIMES = {"busy": "busy_seconds", "sched": "scheduled_seconds", "idle": "idle_seconds", "total": "age_seconds"}
SLACK = 2e-3  # seconds between the readings of a task's parts
MOVING = ("Sleep", "Interval")  # whose attributes change all the time
STILL = ("at-barrier", "idle", "polled", "mutex-holder", "reader", "self-waking", "sleeping", "lost")
LINTS = {"self-wakes": 1, "lost-waker": 3, "never-yielded": 1, "auto-boxed-future": 1, "large-future": 1}


def snapshot(server):
    return console.weir("snapshot", server.url, "-o", "json").json()["data"]


def task_id(one):
    """weir names a task by its id where it has no name."""
    return str(one["task_id"])


def location(text):
    """tokio-console shortens the path of a crate in a way of its own."""
    return text.replace("<cargo>/", "")


def living(snapshot_of_it):
    return {task_id(one): one for one in snapshot_of_it["single_tasks"] if one["state"] != "done"}


def behind(rows, before):
    """Ids of tasks of an earlier snapshot of which the screen shows less."""
    shown = {row["id"]: row for row in rows}
    return [key for key, one in before.items() if key not in shown or int(shown[key]["polls"]) < one["polls"] or
            seconds(shown[key]["total"])[1] < one["age_seconds"]]


def check_task(row, low, high):
    name = re.sub(r" #\d+$", "", high["name"])
    assert row["name"] == ("" if name.startswith("task ") else name), (row, high)
    assert location(row["location"]) == high["source"], (row, high)
    assert low["polls"] <= int(row["polls"]) <= high["polls"], (low["polls"], row, high["polls"])
    for column, field in TIMES.items():
        least, greatest = seconds(row[column])
        assert least <= high[field] + SLACK and greatest >= low[field] - SLACK, (column, row, low, high)
    if low["state"] == high["state"] and low["polls"] == high["polls"]:
        assert row["state"] == high["state"], (row, high)
    fields = pairs(row["fields"])
    for name, value in pairs(high["fields"]).items():
        assert fields.get(name, value) == value, (row, high)


def tasks_are_those_of_tokio_console():
    server = TokioServer("0.5", "--lints", "--tasks", 20)
    one = TokioConsole(server.url, rows=80, cols=300).connected()
    for turn in range(5):
        server.command("poll", 1 + turn * 7)
        before = living(snapshot(server))
        rows = one.rows("tasks", lambda rows: not behind(rows, before), "tasks of after the snapshot")
        after = living(snapshot(server))
        shown = {row["id"]: row for row in rows}
        assert set(before) == set(after) and len(after) >= 35, (set(before) ^ set(after))
        for key, high in after.items():
            check_task(shown[key], before[key], high)
        alive = {row["id"] for row in rows if row["state"] != "completed"}
        assert alive == set(after), alive ^ set(after)
    one.quit()
    server.kill()


def resource_key(kind, target, place, parent, attributes):
    return kind, target, location(place or "<unknown location>"), parent, tuple(sorted(attributes.items()))


def resources_are_those_of_tokio_console():
    server = TokioServer("0.5", "--lints", "--semaphores", 9)
    one = TokioConsole(server.url, rows=80, cols=300).connected()
    one.open("resources")
    for words in (("acquire", 2), ("release", 3), ("send", 4)):
        server.command(*words)

        def same(_):
            rows = [row for row in one.table("resources") if row["type"] not in MOVING]
            types = {row["id"]: row["type"] for row in rows}
            shown = collections.Counter(
                resource_key(row["type"], row["target"], row["location"], types.get(row["parent"]),
                             pairs(row["attributes"])) for row in rows)
            told = [row for row in snapshot(server)["resources"] if row["type"] not in MOVING]
            names = {row["name"]: row["type"] for row in told}
            weirs = collections.Counter(
                resource_key(row["type"], row["target"], row["source"], names.get(row["parent"]),
                             pairs(row["attributes"] or "")) for row in told)
            latest.clear()
            latest.update(shown=shown - weirs, weir=weirs - shown)
            return len(told) >= 28 and shown == weirs
        latest = {}
        try:
            one.waits(same, "the same resources")
        except AssertionError as error:
            raise AssertionError("only one of both has: %s" % latest) from error
    one.quit()
    server.kill()


def operations_are_those_of_tokio_console():
    """Under the crowded semaphore: two tasks wait."""
    server = TokioServer("0.5")
    one = TokioConsole(server.url, rows=60, cols=300).connected()
    one.open("resources")
    one.rows("resources", lambda rows: any(row["target"] == "tokio::sync::semaphore" for row in rows), "semaphores")

    def told(_):
        return [row for row in snapshot(server)["operations"] if row["task"] and "semaphore-waiter" in row["task"] and
                row["source"].startswith("Semaphore::acquire")]
    weirs = one.waits(lambda _: len(told(_)) == 2 and told(_), "two operations in weir")
    one.select("resources", lambda row: row["target"] == "tokio::sync::semaphore" and
               pairs(row["attributes"]).get("permits") == "0")

    def waiting(rows):
        return [row for row in rows if "semaphore-waiter" in row["task"]]
    rows = waiting(one.rows("operations", lambda rows: len(waiting(rows)) == 2, "two operations"))
    assert {row["source"] for row in rows} == {row["source"] for row in weirs}, (rows, weirs)
    assert sorted(int(row["polls"]) for row in rows) == sorted(row["polls"] for row in weirs), (rows, weirs)
    one.quit()
    server.kill()


def numbers_are_what_the_server_counts(version):
    server = TokioServer(version, "--lints")
    for words in (("poll", 41), ("acquire", 2), ("spawn", 9), ("finish", 4)):
        server.command(*words)
    truth = {}

    def agree():
        truth.update(server.status())  # a task that is told to end does so a little later
        told = snapshot(server)
        polls = collections.Counter()
        for one in told["single_tasks"]:
            polls[re.sub(r" #\d+$", "", one["name"])] += one["polls"]
        available = [row["available"] for row in told["semaphores"]]
        batch = [one for one in living(told).values() if one["name"].split(" ")[0] == "batch"]
        operations = [row for row in told["operations"] if row["task"] and "semaphore-waiter" in row["task"]]
        found.clear()
        found.append((polls, available, len(batch), operations))
        return (all(polls[name] == truth["tasks"][name]["polls"] for name in STILL) and
                truth["semaphore"]["permits"] in available and truth["bounded"]["free"] in available and
                len(batch) == truth["tasks"]["batch"]["alive"] == 5 and
                len({row["task"] for row in operations}) == truth["crowded"]["waiters"])
    found = []
    try:
        console.wait_for(agree, "what the server counts")
    except AssertionError as error:
        raise AssertionError("%s, not %s" % (found, truth)) from error
    server.kill()


def numbers_are_what_a_server_of_0_5_counts():
    numbers_are_what_the_server_counts("0.5")


def numbers_are_what_a_server_of_0_4_counts():
    numbers_are_what_the_server_counts("0.4")


def the_first_snapshot_is_whole(version):
    """Each of twenty; timers come and go."""
    server = TokioServer(version)

    def size():
        told = snapshot(server)
        lasting = [row for row in told["operations"] if not row["source"].startswith(("Interval", "Sleep"))]
        return len(told["resources"]), len(lasting), len(told["semaphores"]), len(told["single_tasks"])
    console.wait_for(lambda: size()[1] >= 5, "operations")
    sizes = {size() for _ in range(20)}
    assert len(sizes) == 1, sizes
    server.kill()


def a_snapshot_is_whole_with_0_5_and_0_4():
    for version in ("0.5", "0.4"):
        the_first_snapshot_is_whole(version)


def the_same_warnings_are_given():
    for version in ("0.5", "0.4"):
        server = TokioServer(version, "--lints")

        def given():
            texts = [one["text"] for one in snapshot(server)["warnings"]]
            return {lint: sum("(%s)" % lint in text for text in texts) for lint in LINTS}
        console.wait_for(lambda: given() == LINTS, "the five warnings, with %s: %s" % (version, given()))
        server.kill()


def permits_are_a_topic():
    for version in ("0.5", "0.4"):
        server = TokioServer(version)
        server.command("acquire", 1)
        lines = console.weir("subscribe", "-t", server.url, "tokio/semaphore/available", "-C", 3, "-o",
                             "ndjson").lines()
        assert server.status()["semaphore"]["permits"] in {line["value"] for line in lines}, lines
        server.kill()


def a_channels_depth_is_refused_with_what_there_is():
    server = TokioServer("0.5")
    result = console.weir("subscribe", "-t", server.url, "tokio/channel/size", "-C", 1, expect=2)
    assert "channel" in result.err and "semaphore" in result.err, result
    server.kill()


def the_screen_shows_finds_and_remembers():
    """What tokio-console has not: a filter, a trend."""
    server = TokioServer("0.5", "--tasks", 50)
    one = Terminal(server.url, rows=60, cols=200)
    one.shows("working", "at-barrier")
    one.type("f")
    one.type("self-wak\r")
    one.shows("self-waking")
    one.hides("at-barrier")
    one.type("q")
    assert one.ended() == 0
    server.kill()


console.run([tasks_are_those_of_tokio_console, resources_are_those_of_tokio_console,
             operations_are_those_of_tokio_console, numbers_are_what_a_server_of_0_5_counts,
             numbers_are_what_a_server_of_0_4_counts, a_snapshot_is_whole_with_0_5_and_0_4,
             the_same_warnings_are_given, permits_are_a_topic, a_channels_depth_is_refused_with_what_there_is,
             the_screen_shows_finds_and_remembers])
