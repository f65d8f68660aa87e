#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The example server on the screen: its queue grows, then drains while refusals rise; what was found is
told in full, as `weir doctor` tells it. ctest: timeout=180 folders=console/src/view,agent/src/finding"""

import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, Game, need  # noqa: E402
from terminal import Terminal  # noqa: E402

need(GAME, PLAYERS)
UNITS = {"k": 1e3, "M": 1e6}


def depth(terminal):
    """The depth of moves as the screen has it; -1 while there is none."""
    row = terminal.row("moves")
    number = re.fullmatch(r"([0-9.]+)([kM]?)", row[1]) if len(row) > 1 else None
    return float(number[1]) * UNITS.get(number[2], 1) if number else -1


def refusals(terminal):
    found = re.search(r"backpressure rejects ([0-9,]+)", terminal.text())
    return int(found[1].replace(",", "")) if found else -1


with Game("--serve", 1000, "--permits", 64) as game:
    game.players("--players", 100, "--rate", 3000, "--linger", 0)
    screens = [Terminal(game.process.pid, WEIR_DIR=game.dir),
               Terminal(game.process.pid, rows=50, cols=200, WEIR_DIR=game.dir)]
    for terminal in screens:
        terminal.waits(lambda text, on=terminal: depth(on) > 3000, "a queue that grows")
        assert "unbounded" in terminal.row("moves")
        terminal.shows("moves: unbounded and growing", "move_permits", "handler", "backpressure rejects")
    screens[1].shows("backpressure_rejects", "players")
    for terminal in screens:
        terminal.press("w", "seen:", "sent/s", "estimate:", "do:", "Admit only what its receiver")
        finding = next(one for one in game.snapshot()["warnings"] if one["kind"] == "channel_growing")
        assert finding["subject"] == "moves" and finding["action"].startswith("Admit only what its receiver"), finding
        begin = finding["text"].index("growing")
        terminal.shows("  " + finding["text"][:begin + len("growing")])
    game.command("mode", "admission")
    for terminal in screens:
        terminal.waits(lambda text: "moves: draining, -" in text and "info     moves" in text, "the drain")
        terminal.press("w", "CHANNELS")
    for terminal in screens:
        terminal.waits(lambda text, on=terminal: refusals(on) > 1000, "refusals")
        # It drains half as fast as it grew, and a busy machine lets it grow for long.
        terminal.waits(lambda text, on=terminal: 0 <= depth(on) < 500, "a queue that has drained", 120)
        terminal.type("q")
        assert terminal.ended() == 0
        assert terminal.is_restored()
