#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Senders, orphans, loops and single tasks of the example, as weir shows them in a snapshot, a topic and
a scrape, against the game's own numbers.
ctest: timeout=180 folders=agent/src/hook,agent/src/snapshot,agent/src/encode"""

import json
import os
import re
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, WEIR, Game, check_status, need, row, run, wait_for  # noqa: E402

SERVER = ["--serve", 2000, "--silence", 1]
LOAD = ["--players", 300, "--rate", 6000, "--linger", 0]
HTTP = {"WEIR_HTTP": "127.0.0.1:0"}


def topic(game, text, n=1):
    """The first n values of a topic, by their full topics."""
    done = run(WEIR, "subscribe", "-t", game.pid, text, "-C", n, "-o", "ndjson", env=game.env)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["topic"]: line["value"] for line in lines}


def scrape(game):
    """Series of a scrape by name and labels."""
    port = next(int(match.group(1)) for line in game.lines
                if (match := re.match(r"metrics on http://127.0.0.1:(\d+)/", line)))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and line[0] != "#"}


def check_senders(own, seen, series, from_topic):
    """At rest all four say the same."""
    moves = row(seen["channels"], "moves")
    senders = [one for one in seen["senders"] if one["channel"] == "moves"]
    gone = [one for one in senders if one["state"] == "gone"]
    pairs = {
        "orphaned": (own["orphaned"], moves["orphaned"]),
        "orphaned bytes": (own["orphaned_bytes"], moves["orphaned_bytes"]),
        "orphaned, in the scrape": (
            own["orphaned"], series['weir_channel_orphaned_messages{channel="moves"}']),
        "orphaned bytes, in the scrape": (
            own["orphaned_bytes"], series['weir_channel_orphaned_bytes{channel="moves"}']),
        "orphaned, by the topic": (own["orphaned"], from_topic["game/channel/orphaned/moves"]),
        "of those gone": (own["orphaned"], sum(one["in_flight"] for one in gone)),
        "bytes of those gone": (own["orphaned_bytes"], sum(one["in_flight_bytes"] for one in gone)),
        "of all senders": (own["queued"], sum(one["in_flight"] for one in senders)),
        "open": (own["players"], moves["senders"]),
        "gone": (len(gone), moves["senders_gone"]),
    }
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    assert not wrong, f"{own['mode']}: game, weir: {wrong}"


def rest(game):
    """The game's own numbers when neither moves nor players come and go, and weir's."""
    own = game.status("pause")
    wait_for(lambda: game.status()["state"] == "resting", "the game at rest")
    while True:
        own = game.status()
        seen, series = game.snapshot(), scrape(game)
        lines = topic(game, "game/channel/orphaned/#")
        after = game.status()
        if (own["players"], own["orphaned"]) == (after["players"], after["orphaned"]):
            return own, seen, series, lines


def players_that_vanish_leave_orphans():
    with Game("--mode", "unbounded", *SERVER, env=HTTP) as game:
        players = game.players(*LOAD, "--churn", 100)
        wait_for(lambda: game.status()["queued"] > 6000, "a queue")
        players.kill()
        players.communicate()
        own = wait_for(lambda: (now := game.status()) and now["timeouts"] > 100 and now,
                       "players that were not heard for a second")
        assert own["orphaned"] > 0, own
        wait_for(lambda: row(game.snapshot()["channels"], "moves")["orphaned"] > 0, "orphans",
                 seconds=2)
        wait_for(lambda: game.status()["players"] == 0, "nobody left")
        own, *seen = rest(game)
        check_status(own)
        assert own["orphaned"] == own["queued"] > 0, own
        check_senders(own, *seen)
        game.command("resume")
        wait_for(lambda: game.status()["queued"] == 0, "an empty queue")
        own, *seen = rest(game)
        check_senders(own, *seen)
        assert seen[0]["senders"] == [] and own["orphaned"] == 0, (seen[0]["senders"][:3], own)


def admission_leaves_none():
    with Game("--mode", "admission", "--permits", 64, *SERVER, env=HTTP) as game:
        players = game.players(*LOAD, "--churn", 100)
        wait_for(lambda: game.status()["refused"] > 2000, "refusals")
        players.kill()
        players.communicate()
        wait_for(lambda: game.status()["players"] == 0, "nobody left")
        wait_for(lambda: row(game.snapshot()["channels"], "moves")["orphaned"] == 0, "no orphans",
                 seconds=2)
        own, *seen = rest(game)
        assert own["orphaned"] == 0, own
        check_senders(own, *seen)


def between(game, look, low, high):
    """What weir shows lies between the game's own number before and after."""
    before = game.status()
    value = look()
    after = game.status()
    assert low(before) <= value <= high(after), (low(before), value, high(after))


def loops_and_tasks_are_those_of_the_game():
    with Game("--permits", 4, *SERVER, env=HTTP) as game:
        players = game.players(*LOAD, "--churn", 0)
        wait_for(lambda: game.status()["ticks"] > 500 and game.status()["queued"] > 100, "a queue")
        for look in (lambda: row(game.snapshot()["loops"], "game")["iterations"],
                     lambda: topic(game, "game/loop/iterations/game")["game/loop/iterations/game"],
                     lambda: scrape(game)['weir_loop_iterations_total{loop="game"}']):
            # Ticks are 1 ms apart, and a reading of the last 100 ms is not made again.
            between(game, look, lambda own: own["ticks"] - 101, lambda own: own["ticks"] + 1)
        wait_for(lambda: row(game.snapshot()["loops"], "game")["utilisation"] is not None, "a rate")
        seen, series = game.snapshot(), scrape(game)
        loop = row(seen["loops"], "game")
        uptime = seen["process"]["uptime_seconds"]
        assert loop["period_seconds"] == 0.001 and row(seen["loops"], "network")["period_seconds"] is None
        for one in seen["loops"]:
            spent = one["busy_seconds"] + one["idle_seconds"]
            assert 0.5 * uptime < spent <= uptime + 0.2, (one, uptime)
            assert 0 <= one["utilisation"] <= 1 and one["iteration_seconds"]["max"] > 0, one
        assert series['weir_loop_timer_lateness_seconds_count{loop="game"}'] > 0, series
        tasks = {one["name"]: one for one in seen["single_tasks"]}
        assert sorted(tasks) == ["game", "handler 1", "handler 2", "network"], tasks
        for one in tasks.values():
            parts = one["busy_seconds"] + one["scheduled_seconds"] + one["idle_seconds"]
            assert abs(parts - one["age_seconds"]) < 0.01 * one["age_seconds"] + 0.001, one
            assert one["kind"] == "thread", one
        # The game loop waits for permits, and is woken by who gives one back.
        game.command("mode", "as-published")
        wait_for(lambda: row(game.snapshot()["single_tasks"], "game")["waits_for"] == "move_permits",
                 "the game loop seen waiting for a permit")
        game_task = wait_for(
            lambda: (one := row(game.snapshot()["single_tasks"], "game"))["wakes"] > 10 and one,
            "the game loop woken more than ten times")
        assert game_task["scheduled_seconds"] > 0, game_task
        # It is in that iteration for as long as there is a queue, which shows.
        wait_for(lambda: row(game.snapshot()["loops"], "game")["current_seconds"] > 0.1,
                 "an iteration that does not end")
        kind = row(game.snapshot()["tasks"], "thread")
        assert kind["spawned"] == 4 and kind["finished"] == 0, kind
        states = kind["single"]
        assert states["running"] + states["scheduled"] + states["idle"] == 4, states
        # A handler runs on one thread at a time: their polls take as long as their handlers do.
        values = topic(game, "game/task/busy/#", 4)
        assert values["game/task/busy/handler 1"] > 0, values
        later = scrape(game)
        assert later['weir_single_task_polls_total{task="thread"}'] >= series[
            'weir_single_task_polls_total{task="thread"}'] > 0, series
        assert sum(value for name, value in later.items()
                   if name.startswith("weir_single_tasks{")) == 4, later
        players.kill()
        players.communicate()
        game.end()


need(GAME, PLAYERS, WEIR)
players_that_vanish_leave_orphans()
admission_leaves_none()
loops_and_tasks_are_those_of_the_game()
