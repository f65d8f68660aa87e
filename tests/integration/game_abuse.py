#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: labels=plain timeout=240 alone folders=agent/src/wire,agent/src/session
"""A game under load whose exporter is abused in twenty-five ways: the game plays on, an honest client is
served meanwhile, every count is the game's own, and memory and descriptors come back. What that does to its
loop is measured by tests/bench/abuse."""

import json
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import paired  # noqa: E402
from game import WEIR, check_report, check_status, row, run, wait_for  # noqa: E402

SANITIZED = bool(os.environ.get("WEIR_SANITIZE"))
SECONDS = 8
GROWN_BYTES = 256 << 20 if SANITIZED else 8 << 20
TURN_SECONDS = 10  # an honest client's, on a busy machine


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon:"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def ask_honestly(game, is_over, turns):
    """Snapshots until the end; how long each took, None for one that was not served."""
    while not is_over.wait(0.2):
        begin = time.monotonic()
        try:
            told = json.loads(run(WEIR, "snapshot", "-o", "json", game.pid, env=game.env).stdout)
            assert row(told["data"]["channels"], "moves")["sent"] > 0
            turns.append(time.monotonic() - begin)
        except AssertionError as error:
            turns.append(None)
            print("not served:", error)


def check_counts(game):
    """At rest weir's numbers are the game's."""
    own = game.status("pause")
    wait_for(lambda: game.status()["state"] == "resting", "the game at rest")
    own = game.status()
    check_status(own)
    seen = game.snapshot()
    moves, permits = row(seen["channels"], "moves"), row(seen["semaphores"], "move_permits")
    handler = row(seen["tasks"], "handler")
    pairs = {"sent": (own["sent"], moves["sent"]), "received": (own["taken"], moves["received"]),
             "depth": (own["queued"], moves["depth"]), "bytes": (own["queued_bytes"], moves["queued_bytes"]),
             "available": (own["permits"] - own["permits_taken"], permits["available"]),
             "spawned": (own["served"], handler["spawned"]), "running": (0, handler["running"]),
             "refused": (own["refused"], row(seen["counters"], "backpressure_rejects")["value"])}
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    assert not wrong, f"game, weir: {wrong}"
    game.command("resume")


stage = paired.Stage()
with stage.game as game:
    wait_for(lambda: game.status()["served"] > 2000, "moves served")
    stage.abuse("abuse", 1)  # what is allocated once and kept
    fds, bytes_before = descriptors(game.pid), memory(game.pid)
    is_over, turns = threading.Event(), []
    honest = threading.Thread(target=ask_honestly, args=(game, is_over, turns))
    honest.start()
    attacks = stage.abuse("abuse", SECONDS)
    is_over.set()
    honest.join()

    print(json.dumps(attacks))
    print(f"{len(turns)} honest snapshots, the slowest {max(turn or 99 for turn in turns):.3f} s")
    assert min(attacks.values()) >= 1, attacks
    # While the host has no descriptors nobody can be served; that is one attack of many, and short.
    assert sum(turn is None for turn in turns) <= len(turns) / 4, turns
    assert max(turn for turn in turns if turn) < TURN_SECONDS, turns
    wait_for(lambda: descriptors(game.pid) <= fds, "descriptors come back")
    grown = wait_for(lambda: memory(game.pid) - bytes_before < GROWN_BYTES, "memory comes back")
    check_counts(game)
    stage.players.terminate()
    report = json.loads(stage.players.communicate(timeout=60)[0])["data"]
    check_report(report)
    stage.other.kill()
    game.end()
    assert os.listdir(game.dir) == [], os.listdir(game.dir)
