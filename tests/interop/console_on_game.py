#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# timeout: 240
"""The released tokio-console on weir-game under load with churn, over its unix socket and over TCP, wide and
narrow: what its screen shows lies between a snapshot of before and one of after, for as long as
INTEROP_SECONDS says; it neither panics nor reconnects, and warns of nothing."""

import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import beside  # noqa: E402
import console  # noqa: E402
from game import WEIR, Game, run, wait_for  # noqa: E402
from tokio_console import TokioConsole, seconds  # noqa: E402

SECONDS = float(os.environ.get("INTEROP_SECONDS", "20"))
GRPC = "127.0.0.1:0"

game = Game("--mode", "admission", "--serve", 6000, env={"WEIR_GRPC": GRPC})
game.__enter__()
players = game.players("--players", 200, "--rate", 4000, "--churn", 20)
[socket_path] = [os.path.join(game.dir, name) for name in os.listdir(game.dir) if name.endswith(".sock")]
over_unix = "file://localhost" + socket_path
told = json.loads(run(WEIR, "list", "-o", "json", env=game.env).stdout)["data"]["processes"]
over_tcp = "http://" + told[0]["grpc_address"]
wait_for(lambda: game.status()["served"] > 2000, "moves served")


def numbers_lie_between_two_snapshots():
    """All the time, with the same connection at the end as at the begin."""
    one = TokioConsole(over_unix, rows=50, cols=400).connected()
    one.rows("tasks", len, "tasks")
    end, rounds, compared = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < end:
        compared += beside.check_tasks(one, game.snapshot)
        compared += beside.check_resources(one, game.snapshot)
        rounds += 1
    assert one.is_faithful(), one.lines()[0]
    assert one.dropped() == "", one.dropped()
    assert rounds >= SECONDS / 10, rounds
    print("   %d rounds, %d numbers" % (rounds, compared))
    if os.environ.get("INTEROP_SHOW"):
        one.open("tasks")
        print(one.text())
        one.open("resources")
        one.take(0.5)
        print(one.text())
    one.quit()


def a_narrow_and_a_wide_screen_show_the_same():
    for rows, cols in ((24, 80), (50, 200)):
        one = TokioConsole(over_tcp, rows=rows, cols=cols).connected()
        names = {task["name"] for task in game.snapshot()["single_tasks"]}
        one.rows("tasks", lambda shown: len(shown) == len(names), "all tasks")
        one.size(rows + 6, cols + 20)  # as if the window were dragged
        one.waits(lambda _: max(len(line) for line in one.lines()) > cols, "the larger picture")
        one.open("resources")
        told = game.snapshot()
        want = sum(len(told[table]) for table in beside.TABLES.values())
        one.waits(lambda _: one.count("resources") == want, "%d resources" % want)
        if cols == 200:
            beside.check_resources(one, game.snapshot)
        assert one.is_faithful()
        one.quit()


def details_of_a_task_open_with_both_histograms():
    one = TokioConsole(over_unix).connected()
    one.rows("tasks", lambda rows: any(row["name"] == "game" for row in rows), "the task game")
    one.select("tasks", lambda row: row["name"] == "game")
    one.shows("Name: game", "Target: game", "Poll Times Percentiles", "Poll Times Histogram",
              "Scheduled Times Histogram")

    def agree(text):
        """The first p99 is that of the polls; two digits of it are told."""
        [task] = [task for task in game.snapshot()["single_tasks"] if task["name"] == "game"]
        told = re.search(r"p99: *(\S+)", text)
        return told and abs(sum(seconds(told.group(1))) / 2 / task["poll_seconds"]["p99"] - 1) < 0.02
    one.waits(agree, "the 99th percentile of a snapshot")
    one.press("\x1b", "Tasks (")
    one.quit()


def a_pause_stands_still_and_a_resume_catches_up():
    one = TokioConsole(over_unix, cols=400).connected()
    other = TokioConsole(over_tcp, cols=400).connected()
    one.open("resources")
    other.open("resources")
    one.press(" ", "PAUSED")
    one.take(1.2)  # what was on its way
    still = beside.numbers(one.table("resources"), beside.GROWING)
    beside.check_resources(other, game.snapshot)  # a pause is its own console's
    assert "PAUSED" not in other.lines()[0]
    one.take(0)
    assert beside.numbers(one.table("resources"), beside.GROWING) == still
    one.type(" ")
    one.hides("PAUSED")
    beside.check_resources(one, game.snapshot)
    for each in (one, other):
        assert each.is_faithful()
        each.quit()


def at_rest_every_number_is_the_same():
    one = TokioConsole(over_unix, cols=400).connected()
    assert players.poll() is None
    players.terminate()
    players.communicate(timeout=60)
    game.command("pause")
    wait_for(lambda: game.status()["state"] == "resting", "the game at rest")
    beside.check_rest(one, game.snapshot)
    game.command("resume")
    one.quit()


try:
    console.run([details_of_a_task_open_with_both_histograms, a_pause_stands_still_and_a_resume_catches_up,
                 a_narrow_and_a_wide_screen_show_the_same, numbers_lie_between_two_snapshots,
                 at_rest_every_number_is_the_same])
    game.end()
finally:
    game.__exit__()
