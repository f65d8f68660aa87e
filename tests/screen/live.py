#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=console/src/view,console/src/input,console/src/model
"""The screen of a running process: it shows what happens, sorts, filters, freezes, resizes."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, finish, start  # noqa: E402
from terminal import Terminal  # noqa: E402


def a_leak_grows_on_the_first_screen():
    host = Host("--name", "game", "--channel", "moves:unbounded:4000:1000:500",
                "--semaphore", "permits:64:64", "--task", "handler:3:2",
                "--counter", "backpressure_rejects:5", "--gauge", "players:12")
    terminal = Terminal(host.pid)
    terminal.shows("game[%d]" % host.pid, "moves", "unbounded", "permits", "handler",
                   "backpressure_rejects", "players", "RSS", "backpressure rejects")
    first = terminal.waits(lambda text: terminal.row("moves"), "a row of moves")
    terminal.waits(lambda text: terminal.row("moves")[1] != first[1], "another depth")
    # Rates come with the second look, the sparkline with time.
    terminal.waits(lambda text: terminal.row("moves")[4:6][-1:] != ["-"] and "k" in
                   " ".join(terminal.row("moves")[2:]), "rates")
    terminal.waits(lambda text: any(mark in text for mark in "▅▆▇█"), "a sparkline")
    terminal.shows("W moves: unbounded and growing")
    terminal.type("q")
    assert terminal.ended() == 0
    assert terminal.is_restored()
    host.kill()


def keys_do_what_the_help_says():
    host = Host("--name", "game", "--channel", "alpha:8:0:0:3", "--channel", "beta:16:0:0:9",
                "--channel", "gamma:4:0:0:1", "--semaphore", "slots:4:1", "--many", "room:300")
    terminal = Terminal(host.pid)
    terminal.shows("1 Channels 303", "beta")
    terminal.waits(lambda text: [line[2:].split()[:1] for line in terminal.lines()[6:9]] ==
                   [["beta"], ["alpha"], ["gamma"]], "the fullest first")
    terminal.press(">>", "DEPTH Messages queued")  # over the name
    terminal.type("i")  # turned round: the least first
    terminal.waits(lambda text: terminal.row("gamma") and not terminal.row("beta"), "the deepest last")
    terminal.press("<", "NAME")
    terminal.waits(lambda text: terminal.lines()[6][2:].startswith("alpha"), "names from A to Z")
    terminal.press("G", "303 of 303", "room0299")
    terminal.type("gg")
    terminal.waits(lambda text: terminal.lines()[6][2:].startswith("alpha"), "the first row")
    terminal.press("/room0123\r", "room0123")
    terminal.press("fbet\r", "filter bet", "1 of 303")
    terminal.waits(lambda text: not terminal.row("alpha"), "no row of alpha")
    terminal.press("\x1b", "alpha")
    terminal.press("2", "[2 Semaphores 1]", "slots")
    terminal.press("w", "[5 Warnings")
    terminal.press("w", "[2 Semaphores 1]")
    terminal.press("1", "[1 Channels 303")
    terminal.press("?", "any key closes this", "freeze what is shown")
    terminal.type("x")
    terminal.hides("any key closes this")
    terminal.press("+", "every 2 s")
    terminal.press("-", "every 1 s")
    terminal.press("\r", "high_water", "instances")
    terminal.press("\x1b", "CHANNELS")
    terminal.press(" ", "PAUSED")
    host.command("send", "alpha", 4)
    host.shows("channels", "alpha", "depth", 7)
    assert terminal.row("alpha")[1] == "3"
    terminal.type(" ")
    terminal.waits(lambda text: terminal.row("alpha")[1] == "7", "the depth of now")
    terminal.type("\x03")
    assert terminal.ended() == 0
    assert terminal.is_restored()
    host.kill()


def the_worst_of_sixty_is_the_first_row():
    """The 57th of sixty queues refuses everything: row, graph, doctor; Enter goes to it from its warning."""
    channels = [word for i in range(1, 61) for word in ("--channel", "peer-%02d:64:200:200:%d" % (i, i % 7))]
    host = Host("--name", "game", *channels, "--semaphore", "slots:4:1", "--counter", "joins:5")
    terminal = Terminal(host.pid)
    terminal.shows("1 Channels 60", "no warnings", "WORST FIRST")
    host.command("rate", "peer-57", 0, 0)

    def refused(text):
        host.command("reject", "peer-57", "full", 50)
        return terminal.lines()[6].startswith("C peer-57") and "C peer-57" in terminal.lines()[2]
    terminal.waits(refused, "the worst row first")
    terminal.shows("60!", "peer-57  messages queued")
    findings = finish(start("doctor", host.pid, "--for", 1, "-o", "json")).json()["data"]["findings"]
    assert findings[0]["subject"] == "peer-57" and findings[0]["severity"] == "critical", findings
    terminal.press("/peer-03\r", "peer-03  messages queued")
    terminal.press("w", "[5 Warnings")
    terminal.press("\r", "[1 Chan", "peer-57  messages queued")
    terminal.press("r", "this process has no resources", "peer-57  messages queued")
    terminal.hides("RESOURCES")
    terminal.type("q")
    assert terminal.ended() == 0
    host.kill()


def a_screen_follows_its_window():
    host = Host("--name", "game", "--channel", "moves:unbounded:100:100")
    terminal = Terminal(host.pid)
    terminal.shows("moves", "no warnings")
    terminal.size(50, 200)
    terminal.shows("SOURCE", "second by second")
    terminal.waits(lambda text: "q quit" in terminal.lines()[49], "the footer on line 50")
    terminal.size(12, 60)
    terminal.waits(lambda text: "q quit" in terminal.lines()[11], "the footer on line 12")
    assert terminal.row("moves")
    terminal.size(8, 30)
    terminal.shows("weir needs 60x12", "this is 30x8")
    terminal.size(24, 80)
    terminal.waits(lambda text: "q quit" in terminal.lines()[23], "the footer on line 24")
    terminal.type("q")
    assert terminal.ended() == 0
    host.kill()


def options_choose_what_is_shown():
    name = "game%d" % os.getpid()
    host = Host("--name", name, "--channel", "alpha:8:0:0:3", "--channel", "beta:16:0:0:9")
    terminal = Terminal(name, "--sort", "name", "--filter", "al*", "-i", "0.5", "--ascii",
                        "--color", "never", "--for", "2")
    terminal.shows("filter al*", "every 0.5 s", "alpha", "##...")
    assert terminal.ended() == 0
    assert terminal.is_restored()
    assert all(byte < 0x80 for byte in terminal.written), "a byte beyond ASCII"
    host.kill()


a_leak_grows_on_the_first_screen()
keys_do_what_the_help_says()
the_worst_of_sixty_is_the_first_row()
a_screen_follows_its_window()
options_choose_what_is_shown()
