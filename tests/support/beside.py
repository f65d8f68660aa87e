# SPDX-License-Identifier: MIT
"""What tokio-console shows of a server of ours, beside what weir snapshot says of it in the same second."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tokio_console import pairs, seconds  # noqa: E402

TABLES = {"Channel": "channels", "Semaphore": "semaphores", "TaskKind": "tasks", "Loop": "loops",
          "Counter": "counters", "Gauge": "gauges"}
# What only grows, and what is a number of the moment: held against each other at rest.
GROWING = {"channels": ("sent", "received", "rejects", "high_water"), "semaphores": ("acquires", "rejects"),
           "tasks": ("spawned", "finished"), "loops": ("iterations",), "counters": ("value",), "gauges": ()}
MOMENTARY = {"channels": ("depth", "capacity", "queued_bytes", "senders"),
             "semaphores": ("available", "permits", "waiters"), "tasks": ("pending", "running"), "loops": (),
             "counters": (), "gauges": ("value",)}
TIMES = {"busy": "busy_seconds", "sched": "scheduled_seconds", "idle": "idle_seconds", "total": "age_seconds"}
FLOAT_SLACK = 1e-3  # seconds between the readings of a task's parts


def resources(rows):
    """Rows of the resources view -> {(table, name): {attribute: text}}."""
    return {(TABLES[row["type"]], row["kind"]): pairs(row["attributes"]) for row in rows if row["type"] in TABLES}


def growing(snapshot):
    """{(table, name, field): number} of a snapshot."""
    return {(table, row["name"], field): row[field] for table, fields in GROWING.items()
            for row in snapshot[table] for field in fields}


def numbers(rows, wanted):
    """The same of the rows of a screen, as far as they are told there."""
    found = {}
    for (table, name), attributes in resources(rows).items():
        for field in wanted[table]:
            if attributes.get(field, "").isdigit():
                found[table, name, field] = int(attributes[field])
    return found


def reached(rows, before):
    """What the screen tells of what stands in a snapshot, once no number of it is below; else None."""
    found = {key: number for key, number in numbers(rows, GROWING).items() if key in before}
    return found if found and all(found[key] >= before[key] for key in found) else None


def check_resources(console, snapshot):
    """The resources view, between a snapshot before and one after; how many numbers were compared."""
    before = growing(snapshot())
    console.open("resources")
    found = console.waits(lambda _: reached(console.table("resources"), before), "numbers of after the snapshot")
    after = growing(snapshot())
    wrong = {key: (before[key], found[key], after[key]) for key in found if key in after and found[key] > after[key]}
    assert not wrong, "before, shown, after: %s" % wrong
    return len(found)


def check_rest(console, snapshot):
    """Every number of a server at rest, whose loops go on."""
    def differences(_):
        rows, told = console.table("resources"), snapshot()
        shown = resources(rows)
        missing = [(table, row["name"]) for table in TABLES.values() for row in told[table]
                   if (table, row["name"]) not in shown]
        wrong = {}
        for table in TABLES.values():
            for row in told[table]:
                attributes = shown.get((table, row["name"]), {})
                for field in GROWING[table] * (table != "loops") + MOMENTARY[table]:
                    text = attributes.get(field)
                    if text is not None and text != said(field, row[field]):
                        wrong[table, row["name"], field] = (text, row[field])
        latest.clear()
        latest.update(missing=missing, wrong=wrong)
        return not missing and not wrong
    latest = {}
    console.open("resources")
    try:
        console.waits(differences, "the numbers of a server at rest")
    except AssertionError as error:
        raise AssertionError("%s" % latest) from error


def said(field, value):
    """A number as an attribute tells it."""
    if field == "capacity" and value is None:
        return "unbounded"
    return "%dB" % value if field == "queued_bytes" else str(value)


def tasks_behind(rows, before):
    """Names of the single tasks that the screen shows less of than a snapshot did before."""
    by_name = {row["name"]: row for row in rows}
    return [one["name"] for one in before["single_tasks"]
            if one["name"] not in by_name or not by_name[one["name"]]["polls"].isdigit()
            or int(by_name[one["name"]]["polls"]) < one["polls"]
            or seconds(by_name[one["name"]]["total"])[1] < one["age_seconds"]]


def check_tasks(console, snapshot):
    """The tasks view, between two snapshots."""
    before = snapshot()
    console.open("tasks")
    rows = console.rows("tasks", lambda rows: not tasks_behind(rows, before), "tasks of after the snapshot")
    after = snapshot()
    by_name = {row["name"]: row for row in rows}
    earlier = {one["name"]: one for one in before["single_tasks"]}
    for one in after["single_tasks"]:
        row = by_name[one["name"]]
        assert int(row["polls"]) <= one["polls"], (row, one)
        assert row["location"] == (one["source"] or "<unknown location>"), (row, one)
        assert row["kind"] == one["kind"], (row, one)
        for column, field in TIMES.items():
            least, greatest = seconds(row[column])
            low, high = earlier[one["name"]][field], one[field]
            assert least <= high + FLOAT_SLACK and greatest >= low - FLOAT_SLACK, (column, row, low, high)
        assert row["warn"] == "", row
    return len(after["single_tasks"])
