#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: timeout=120 folders=console/src/view,console/src/model
"""A screen that is attached late has its curves at once; that of a killed process has them too, and
they stand still."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, wait_for, weir  # noqa: E402
from terminal import Terminal  # noqa: E402

MARKS = "▁▂▃▄▅▆▇█"
SECONDS = 12


def curve(terminal):
    """What is drawn in the line of moves."""
    lines = [line for line in terminal.lines() if line[2:].startswith("moves ")]
    return "".join(mark for mark in (lines[0] if lines else "") if mark in MARKS)


def graph_of(terminal, field):
    """How many columns of a field's graph are filled at its foot."""
    lines = terminal.lines()
    top = next((at for at, line in enumerate(lines) if field + "  " in line and "depth  " in line), None)
    foot = next((at for at, line in enumerate(lines) if top and at > top and "now" in line), None)
    if not foot:
        return 0
    begin = lines[top].index(field)
    return sum(mark in MARKS for mark in lines[foot - 1][begin:begin + 66])


def late_screen_has_its_curve(host):
    start = time.monotonic()
    terminal = Terminal(host.pid, cols=200, rows=50)
    drawn = terminal.waits(lambda text: len(curve(terminal)) >= SECONDS - 3 and curve(terminal),
                           "a curve of the time before")
    elapsed = time.monotonic() - start
    # Alone it would have seen one second for each second that it has been there.
    assert len(drawn) > elapsed + 2, (drawn, elapsed)
    assert list(drawn) == sorted(drawn), drawn  # the leak only grows
    # All that the history keeps of the row: its rates, too, of which a column is two seconds.
    terminal.press("\r", "in_rate  messages sent per second")
    known = terminal.waits(lambda text: graph_of(terminal, "in_rate") >= SECONDS / 2 - 1
                           and graph_of(terminal, "in_rate"), "rates of the time before")
    assert 2 * known > time.monotonic() - start + 4, (known, time.monotonic() - start)
    terminal.type("q")
    assert terminal.ended() == 0


def dead_one_has_it_too(path):
    terminal = Terminal(path, cols=200, rows=50)
    drawn = terminal.waits(lambda text: len(curve(terminal)) >= SECONDS - 3 and curve(terminal),
                           "the curve of a killed process")
    terminal.shows("RSS")
    clock = terminal.lines()[0].split()[-1]
    for _ in range(3):  # three more Updates
        before = clock
        terminal.waits(lambda text, old=before: terminal.lines()[0].split()[-1] != old, "a second more")
        clock = terminal.lines()[0].split()[-1]
    assert curve(terminal) == drawn, (curve(terminal), drawn)
    terminal.type("q")
    assert terminal.ended() in (0, 6)


leak = Host("--name", "game", "--channel", "moves:unbounded:1000:100")
wait_for(lambda: weir("snapshot", leak.pid, "-o", "json").json()["data"]["agent"]["history_seconds"] >= SECONDS,
         "a history")
late_screen_has_its_curve(leak)
segment = leak.path()
leak.kill()
dead_one_has_it_too(segment)
