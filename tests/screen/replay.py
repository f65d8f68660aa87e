#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A recording on the screen: at second N it shows what the live screen showed then, and its keys stop it,
go to any moment of it and change its speed. ctest: timeout=180 folders=console/src/record,console/src/view"""

import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, finish, scratch, start, wait_for, weir  # noqa: E402
from recording import looks  # noqa: E402
from terminal import Terminal  # noqa: E402

SIZE = {"cols": 120, "rows": 30}
LEAK = 2000  # messages a second
AGE = re.compile(r" +(\d+(?:\.\d+)?)(us|ms|s)(?= )")
MARK = re.compile("[▁▂▃▄▅▆▇█]")
UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1}


def body(terminal):
    """The tables with their trends and the chart of the last two minutes."""
    return terminal.lines()[3:-1]


def words(lines):
    """Without ages, and without the marks of what is drawn over time."""
    return [MARK.sub(" ", AGE.sub(" AGE ", line)).split() for line in lines]


def is_same(one, other):
    """Two bodies: each word is the same. Ages may differ by what there may be between two looks, and a mark
    is there or is not where a second had no look, or had it before the change or after it."""
    ages = [[float(n) * UNIT[unit] for line in lines for n, unit in AGE.findall(line)] for lines in (one, other)]
    marks = [[len(MARK.findall(line)) for line in lines] for lines in (one, other)]
    return (words(one) == words(other) and all(abs(a - b) <= 1.3 for a, b in zip(*ages)) and
            all(abs(a - b) <= 2 for a, b in zip(*marks)))


def clock(terminal):
    found = re.search(r"(\d\d):(\d\d):(\d\d)$", terminal.lines()[0])
    return sum(int(part) * scale for part, scale in zip(found.groups(), (3600, 60, 1))) if found else None


def watch(terminal, seconds):
    """The bodies that it shows within that time, and when each was seen."""
    frames = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read()
        if not frames or frames[-1][1] != body(terminal):
            frames.append((time.monotonic(), body(terminal)))
    return frames


class Recorder:
    def __init__(self, name, pid, interval):
        self.path = os.path.join(scratch, name)
        self.process = start("record", "-o", self.path, "-i", interval, pid)
        wait_for(lambda: looks(self.path), "a first look")

    def end(self):
        self.process.terminate()
        result = finish(self.process)
        assert result.code == 0, result


def replay_at(path, at):
    terminal = Terminal("replay", path, "--stopped", "--at", at, **SIZE)
    terminal.shows("REPLAY", "CHANNELS")
    return terminal


def close(terminal):
    terminal.type("q")
    assert terminal.ended() == 0


def is_replayed(path, wanted, moments):
    """Whether the body of one of these looks comes to be what was wanted."""
    for at in moments:
        terminal = replay_at(path, at)
        end = time.monotonic() + 2  # the past comes a moment after the numbers
        while not is_same(body(terminal), wanted) and time.monotonic() < end:
            terminal.read()
        is_found = is_same(body(terminal), wanted)
        close(terminal)
        if is_found:
            return True
    return False


def what_the_live_screen_showed_is_shown_again():
    host = Host("--name", "game", "--channel", "jobs:64", "--channel", "chat:unbounded", "--semaphore", "slots:4:1",
                "--counter", "backpressure_rejects", "--gauge", "players:12")
    recorder = Recorder("still.weirrec", host.pid, 0.2)
    live = Terminal(host.pid, **SIZE)
    stages = []
    for depth, words in ((12, ("send", "jobs", 12)), (7, ("receive", "jobs", 5))):
        host.command(*words)
        live.waits(lambda text, depth=depth: live.row("jobs")[1:2] == [str(depth)], f"a depth of {depth}")
        # The rates are those of the last seconds, and are at rest when these have gone.
        live.waits(lambda text: any("jobs" in line and " 0     0     0 " in line for line in live.lines()), "rates at rest")
        n = len(looks(recorder.path))
        wait_for(lambda: len(looks(recorder.path)) > n, "another look")
        live.read(0)
        stages.append((depth, looks(recorder.path)[-1], body(live)))
    close(live)
    recorder.end()
    host.kill()
    times = looks(recorder.path)
    for depth, at, wanted in stages:
        assert any(f" {depth} " in line for line in wanted), wanted
        near = sorted((one for one in times if abs(one - at) <= 1.3), key=lambda one: abs(one - at))
        if not is_replayed(recorder.path, wanted, near):
            terminal = replay_at(recorder.path, at)
            watch(terminal, 1)
            raise AssertionError("at %s\n%s\nand not\n%s" % (at, "\n".join(body(terminal)), "\n".join(wanted)))
    # What was then was not so at another moment.
    assert not is_replayed(recorder.path, stages[0][2], [stages[1][1]])


def a_leak_stands_where_it_stood():
    host = Host("--name", "game", "--channel", "moves:unbounded:%d:100" % LEAK)
    recorder = Recorder("leak.weirrec", host.pid, 1)
    live = Terminal(host.pid, **SIZE)
    seen = {}
    while len(seen) < 6:
        live.waits(lambda text: clock(live) is not None and clock(live) not in seen and live.row("moves"), "a second more")
        seen[clock(live)] = live.row("moves")[1]
    close(live)
    recorder.end()
    host.kill()

    def depth_at(at):
        data = weir("snapshot", recorder.path, "--at", at, "-o", "json").json()["data"]
        return data["channels"][0]["depth"]

    def number(text):
        return float(text.replace(",", "").rstrip("k")) * (1000 if text.endswith("k") else 1)
    n_same = 0
    for at in looks(recorder.path):
        terminal = replay_at(recorder.path, at)
        shown = terminal.waits(lambda text: terminal.row("moves") and terminal.row("moves")[1], "a depth")
        depth = depth_at(at)
        assert abs(number(shown) - depth) <= max(50, 0.01 * depth), (shown, depth)
        if clock(terminal) in seen:
            n_same += 1
            then = number(seen[clock(terminal)])
            assert abs(number(shown) - then) <= 1.1 * LEAK, (at, shown, then)
        close(terminal)
    assert n_same >= 4, (seen, looks(recorder.path))
    assert number(seen[max(seen)]) - number(seen[min(seen)]) > 3 * LEAK, seen


def keys_stop_it_and_go_anywhere():
    host = Host("--name", "game", "--channel", "moves:unbounded:%d:100" % LEAK)
    recorder = Recorder("keys.weirrec", host.pid, 0.1)
    wait_for(lambda: looks(recorder.path)[-1] >= 3, "three seconds")
    recorder.end()
    host.kill()
    length = looks(recorder.path)[-1]
    terminal = Terminal("replay", recorder.path, **SIZE)
    terminal.shows("REPLAY", "1x", "game[%d]" % host.pid)

    def depth():
        return terminal.row("moves")[1:2]
    first = terminal.waits(lambda text: depth(), "a depth")
    terminal.waits(lambda text: depth() != first, "another depth, as time goes on")
    terminal.press(" ", "STOPPED")
    stopped = watch(terminal, 0.3)[-1][1]
    assert watch(terminal, 0.7)[-1][1] == stopped, "it goes on though it is stopped"
    terminal.press("$", "END", "0:%02d/0:%02d" % (int(length), int(length)))
    last = terminal.waits(lambda text: depth() != first and depth(), "the last depth")
    terminal.press("^", "0:00/", "STOPPED")
    terminal.waits(lambda text: depth() == first or depth() != last, "the first depth")
    begun = depth()
    terminal.press(".", "END")  # ten seconds are more than there are
    terminal.waits(lambda text: depth() == last, "the last depth again")
    terminal.press(",", "0:00/")
    terminal.waits(lambda text: depth() == begun, "the first depth again")
    terminal.press("+", "2x")
    terminal.press("+", "5x")
    begin = time.monotonic()
    terminal.press(" ", "END")
    assert time.monotonic() - begin < length * 0.8, (time.monotonic() - begin, length)
    terminal.waits(lambda text: depth() == last, "the end")
    terminal.press("-", "2x")
    # All of the screen works: a row's details, sorted, filtered.
    terminal.press("\r", "[Overview]", "moves")
    terminal.type("\x1b")
    terminal.press("fnobody\r", "filter nobody")
    terminal.waits(lambda text: not depth(), "no row of that name")
    terminal.type("q")
    assert terminal.ended() == 0 and terminal.is_restored()


what_the_live_screen_showed_is_shown_again()
a_leak_stands_where_it_stood()
keys_stop_it_and_go_anywhere()
