#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""At rest, weir's numbers are the game's own, exactly, in each mode; and after kill -9 they are still
there. ctest: timeout=180 folders=agent/src/hook,agent/src/snapshot"""

import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, WEIR, Game, check_status, need, row, run, wait_for  # noqa: E402

PERMITS = 64
SERVER = ["--serve", 2000, "--permits", PERMITS]
LOAD = ["--players", 200, "--rate", 6000, "--churn", 50, "--linger", 0]


def check_same(own, seen):
    """The game's own numbers against weir's."""
    moves = row(seen["channels"], "moves")
    permits = row(seen["semaphores"], "move_permits")
    handler = row(seen["tasks"], "handler")
    rejects = row(seen["counters"], "backpressure_rejects")["value"]
    pairs = {
        "depth": (own["queued"], moves["depth"]),
        "bytes": (own["queued_bytes"], moves["queued_bytes"]),
        "sent": (own["sent"], moves["sent"]),
        "received": (own["taken"], moves["received"]),
        "permits": (own["permits"], permits["permits"]),
        "available": (own["permits"] - own["permits_taken"], permits["available"]),
        "spawned": (own["served"], handler["spawned"]),
        "pending": (0, handler["pending"]),
        "running": (0, handler["running"]),
        "rejects": (own["refused"], rejects),
        "refused where it happened": (own["refused"], moves["rejects"] + permits["rejects"]),
        "stale moves": (own["stale"], row(seen["counters"], "stale_moves")["value"]),
        "players served": (own["players_served"], row(seen["counters"], "players_served")["value"]),
    }
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    assert not wrong, f"{own['mode']}: game, weir: {wrong}"


def numbers_are_the_games_own_in_each_mode():
    with Game(*SERVER) as game:
        players = game.players(*LOAD)
        for mode in ("unbounded", "bounded:300", "as-published", "admission", "unbounded"):
            game.command("mode", mode)
            seen = game.status()["served"]
            wait_for(lambda: game.status()["served"] > seen + 500, "moves served")
            rest = game.status("pause")
            check_status(rest)
            snapshot = game.snapshot()
            after = game.status()
            assert after["sent"] == rest["sent"], (rest, after)
            check_same(rest, snapshot)
            for name in ("joins", "leaves"):  # players come and go while moves rest
                assert rest[name] <= row(snapshot["counters"], name)["value"] <= after[name], name
            capacity = row(snapshot["channels"], "moves")["capacity"]
            assert capacity == (300 if mode == "bounded:300" else None), (mode, capacity)
            game.command("resume")
        players.send_signal(signal.SIGTERM)
        players.communicate(timeout=30)
        game.end()
        assert os.listdir(game.dir) == [], "a clean end leaves nothing behind"


def numbers_outlive_a_kill():
    with Game("--serve", 500) as game:
        game.play("--players", 50, "--rate", 4000, "--churn", 0, "--for", 0.5, "--linger", 0)
        rest = game.status("pause")
        assert rest["queued"] > 500, rest
        game.process.kill()
        game.process.wait()
        files = [name for name in os.listdir(game.dir) if name.endswith(".weir")]
        assert len(files) == 1, files
        path = os.path.join(game.dir, files[0])
        envelope = json.loads(run(WEIR, "snapshot", path, "-o", "json", env=game.env).stdout)
        assert envelope["target"]["name"] == "game", envelope["target"]
        assert envelope["target"]["state"] != "running", envelope["target"]
        check_same(rest, envelope["data"])


need(GAME, PLAYERS, WEIR)
numbers_are_the_games_own_in_each_mode()
numbers_outlive_a_kill()
