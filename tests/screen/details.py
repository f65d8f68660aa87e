#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every tab and every page of the details on the example server under load: what they show is what a
snapshot says, within what moved meanwhile. ctest: timeout=240 folders=console/src/view,console/src/model"""

import os
import re
import select
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, Game, need, row, wait_for  # noqa: E402
from terminal import Terminal  # noqa: E402

need(GAME, PLAYERS)
TABS = {"1": "Chan", "2": "Sem", "3": "", "4": "C", "5": "Warn", "6": "Gau", "7": "Loop", "8": "Task",
        "9": "Send", "0": "Proc", "a": "Ag"}
PAGES = {"1": ["Latency", "Rejects", "Senders", "Fields"], "2": ["Latency", "Rejects", "Waiting", "Fields"],
         "3": ["Latency", "Outcomes", "Tasks", "Fields"], "4": ["Fields"], "6": ["Fields"],
         "7": ["Latency", "Fields"], "8": ["Latency", "Fields"], "9": ["Fields"], "0": ["Fields"],
         "a": ["Fields"]}


def whole(text):
    """A number with commas; None when it is none."""
    return int(text.replace(",", "")) if re.fullmatch("[0-9,]+", text) else None


def drawn(terminal):
    """Takes in the rest of a drawing of which a part is there: a terminal passes it on in pieces."""
    while select.select([terminal.fd], [], [], 0.05)[0] and terminal.read(0):
        pass


def cells(terminal):
    """The lines of a page of fields, column by column."""
    width = terminal.screen.columns
    for line in terminal.lines():
        for cell in [line] if width < 150 else [line[:width // 2 + 1], line[width // 2 + 1:]]:
            if len(cell.split()) > 1:
                yield cell.split()


def number(terminal, field, least):
    """A field's number on a page that lists them all, once it is as great as it was; goes down the page
    until it is there."""
    terminal.type("gg")

    def find(_):
        drawn(terminal)
        found = [whole(words[-1]) for words in cells(terminal) if words[0] == field]
        terminal.type("" if found else "\x06")  # a page down
        return [one for one in found if one is not None and one >= least]
    return terminal.waits(find, "field %s of at least %s" % (field, least))[0]


def opens(terminal, key, search=""):
    """Shows a tab, and the details of the row with that name."""
    terminal.press(key, "[%s %s" % (key, TABS[key]))
    if search:
        terminal.type("gg/%s\r" % search)
    if key not in "0a":
        terminal.waits(lambda text: search in text, "row " + search)
        terminal.type("\r")
    terminal.shows("[Overview]")


def turns(terminal, page):
    for _ in range(5):
        if "[%s]" % page in terminal.text():
            drawn(terminal)
            return
        page_now = r"\[(Overview|Latency|Rejects|Outcomes|Senders|Waiting|Tasks|Fields)\]"
        before = terminal.waits(lambda text: re.search(page_now, text), "a page")[0]
        terminal.type(">")
        terminal.hides(before)
    raise AssertionError("no page %s:\n%s" % (page, terminal.text()))


def every_page_can_be_reached(terminal):
    for key in TABS:
        terminal.press(key, "[%s %s" % (key, TABS[key]))
        if key not in PAGES:
            continue
        if key not in "0a":
            terminal.type("\r")
        terminal.shows("[Overview]")
        for page in PAGES[key]:
            terminal.press(">", "[%s]" % page)
        terminal.press(">", "[Overview]")
        if key not in "0a":
            terminal.type("\x1b")
            terminal.hides("[Overview]")


def value_of(data, kind, name, path):
    """A value of a snapshot."""
    value = data[kind] if isinstance(data[kind], dict) else row(data[kind], name)
    for key in path.split("."):
        value = value[key]
    return value


def check(game, terminal, kind, name, fields):
    """Numbers on the page of all fields: none below the snapshot before or above the one after."""
    terminal.shows("[Fields]")
    before = game.snapshot()
    seen = {field: number(terminal, field, value_of(before, kind, name, path)) for field, path in fields.items()}
    after = game.snapshot()
    for field, path in fields.items():
        most = value_of(after, kind, name, path)
        assert seen[field] <= most, (kind, name, field, seen[field], most)


def numbers_are_those_of_a_snapshot(game, terminal):
    opens(terminal, "1", "moves")
    turns(terminal, "Fields")
    check(game, terminal, "channels", "moves",
          {"depth": "depth", "sent": "sent", "received": "received", "rejects_full": "rejects_by_reason.full",
           "orphaned": "orphaned", "senders": "senders", "senders_gone": "senders_gone"})
    turns(terminal, "Latency")
    shown = terminal.waits(lambda text: re.search(r"wait .* n ([0-9,]+)", text), "the count of waits")
    # The exporter takes a metric of waits once a second, the histogram when it is asked for it.
    wait_for(lambda: row(game.snapshot()["channels"], "moves")["wait_seconds"]["count"] == whole(shown[1]),
             "as many waits as " + shown[0])
    turns(terminal, "Rejects")
    full = row(game.snapshot()["channels"], "moves")["rejects_by_reason"]["full"]
    assert full > 1000
    terminal.waits(lambda text: re.search(r"refused: full .* %s +100%%" % format(full, ","), text), "refusals")
    turns(terminal, "Senders")
    gone = [one for one in game.snapshot()["senders"] if one["state"] == "gone"]
    most = max(one["in_flight"] for one in gone)
    shown = terminal.waits(lambda text: re.search(r"(player-\d+) +gone +(\d+)", text), "a sender that is gone")
    assert int(shown[2]) == most, (shown[0], most)
    terminal.press("\r", "[9 Send", "in_flight_bytes", shown[1])
    terminal.press("\x1b", "[Senders]")
    opens(terminal, "7", "game")
    turns(terminal, "Fields")
    check(game, terminal, "loops", "game", {"iterations": "iterations", "lateness": "lateness_seconds.count"})
    opens(terminal, "8", "network")
    turns(terminal, "Fields")
    check(game, terminal, "single_tasks", "network", {"polls": "polls", "wakes": "wakes"})
    opens(terminal, "0")
    turns(terminal, "Fields")
    check(game, terminal, "process", None, {"threads": "threads", "max_fds": "max_fds"})
    opens(terminal, "a")
    turns(terminal, "Fields")
    check(game, terminal, "agent", None, {"handles": "handles", "senders": "senders", "updates_sent": "updates_sent"})


with Game("--mode", "bounded:1500", "--serve", 200, "--permits", 64) as game:
    game.play("--players", 100, "--rate", 4000, "--churn", 40, "--for", 4, "--linger", 0)
    status = game.status("pause")  # the queue rests, and with it what is counted of it
    moves = wait_for(lambda: [one for one in game.snapshot()["channels"]
                              if one["name"] == "moves" and one["senders"] == 0], "players that are all gone")[0]
    assert moves["orphaned"] == moves["depth"] == status["queued"] > 100, (moves, status)
    for rows, cols in ((24, 80), (50, 200)):
        terminal = Terminal(game.pid, rows=rows, cols=cols, WEIR_DIR=game.dir)
        terminal.shows("moves", "move_permits")
        every_page_can_be_reached(terminal)
        numbers_are_those_of_a_snapshot(game, terminal)
        terminal.type("q")
        assert terminal.ended() == 0
        assert terminal.is_restored()
