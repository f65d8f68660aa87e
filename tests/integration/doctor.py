#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""weir doctor on the example's leak, as the demo runs it: its figures against the memory of the process
as seen from outside, while it grows, after the switch, and after kill -9.
ctest: labels=plain timeout=240 folders=console/src/command,agent/src/finding"""

import calendar
import json
import os
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, WEIR, Game, need, run, wait_for  # noqa: E402

SANITIZED = bool(os.environ.get("WEIR_SANITIZE"))  # its allocator keeps what is freed
ATTACHED = 30  # seconds in which the cause must be named
AT_ONCE = 5  # seconds, for a program to start and ask once


class Outside:
    """The process's anonymous memory as the kernel tells it, four times a second."""

    def __init__(self, pid):
        self.path = "/proc/%d/status" % pid
        self.samples = []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.end.wait(0.25):
            with open(self.path, encoding="ascii") as status:
                anon = int(status.read().split("RssAnon:")[1].split()[0]) * 1024
            self.samples.append((time.time(), anon))

    def stop(self):
        self.end.set()
        self.thread.join()

    def slope(self, begin, end):
        """Bytes per second, by least squares."""
        some = [(when, bytes_) for when, bytes_ in self.samples if begin <= when <= end]
        assert len(some) > 20, (begin, end, self.samples)
        middle = sum(when for when, _ in some) / len(some)
        level = sum(bytes_ for _, bytes_ in some) / len(some)
        return (sum((when - middle) * (bytes_ - level) for when, bytes_ in some) /
                sum((when - middle)**2 for when, _ in some))


class Said:
    """What a doctor said, and how long it took."""

    def __init__(self, game, *words, statuses=(1,)):
        begin = time.monotonic()
        done = subprocess.run([WEIR, "doctor", *map(str, words), "-o", "json"], capture_output=True,
                              text=True, env=game.env, timeout=60, check=False)
        self.seconds = time.monotonic() - begin
        assert done.returncode in statuses, (done.returncode, done.stdout, done.stderr)
        self.status = done.returncode
        self.whole = json.loads(done.stdout)
        self.data = self.whole["data"]
        assert self.whole["schema"] == "weir.doctor/1", self.whole
        self.when = (calendar.timegm(time.strptime(self.whole["ts"][:19], "%Y-%m-%dT%H:%M:%S")) +
                     float("0" + self.whole["ts"][19:-1]))

    def find(self, kind):
        found = [one for one in self.data["findings"] if one["kind"] == kind]
        return found[0] if found else None

    def __repr__(self):
        return json.dumps(self.whole, indent=1)


def check_leak(said):
    """It names the channel, and all that belongs to a finding is there."""
    first = said.data["findings"][0]
    assert (first["kind"], first["subject"]) == ("channel_growing", "moves"), said
    assert first["severity"] in ("warning", "critical"), first
    assert first["text"].startswith("moves: unbounded and growing, +"), first
    assert "sent/s" in first["evidence"] and "a permit for each message" in first["action"], first
    assert first["since_seconds"] > 5 and first["rate_per_second"] > 1000, first
    assert said.data["found"] == len([one for one in said.data["findings"]
                                      if one["severity"] != "info"]) >= 1, said
    memory = said.find("memory_growing")
    assert SANITIZED or "channel moves explains" in memory["text"], said
    return first


def check_figures(said, outside):
    """Its growth is the one that is seen from outside over the same window; both shares are about all of it."""
    first = check_leak(said)
    growth = first["growth_bytes_per_second"]
    seen = outside.slope(said.when - first["window_seconds"], said.when)
    print("  +%.0f B/s over %.0f s, from outside +%.0f; declared %.1f %%, regression %.1f %%, %.1f B a message, r2 %.4f"
          % (growth, first["window_seconds"], seen, 100 * first["share_declared"], 100 * first["share_regression"],
             first["bytes_per_message"], first["r2"]))
    if SANITIZED:
        return
    assert abs(growth - seen) < 0.1 * seen, (growth, seen, said)
    assert 0.85 < first["share_declared"] < 1.15, first
    assert 0.85 < first["share_regression"] < 1.15, first
    assert first["growth_error_bytes_per_second"] < 0.1 * growth, first
    assert said.find("memory_growing")["growth_bytes_per_second"] == growth, said
    process = said.data["process"]
    assert (process["growth_bytes_per_second"], process["window_seconds"]) == (growth, first["window_seconds"]), said


def leak_is_named_within_thirty_seconds_of_attaching(game, outside):
    said = Said(game, game.pid)
    assert said.seconds < ATTACHED, said.seconds
    assert said.whole["target"] == {"name": "game", "pid": game.pid, "state": "running"}, said
    assert said.data["process"]["anon_bytes"] > 0 and said.data["last_seen"] is None, said
    check_figures(said, outside)


def each_field_of_a_finding_is_a_topic(game):
    lines = run(WEIR, "subscribe", "-t", game.pid, "game/warning/#", "-C", "60", "-o", "ndjson",
                env=game.env).stdout.splitlines()
    told = {}
    for line in map(json.loads, lines):
        told.setdefault(line["topic"], line["value"])
    assert told["game/warning/kind/moves"] == "channel_growing", told
    assert told["game/warning/text/moves"].startswith("moves: unbounded and growing, +"), told
    assert "sent/s" in told["game/warning/evidence/moves"], told
    assert "a permit for each message" in told["game/warning/action/moves"], told
    assert SANITIZED or "by regression" in told["game/warning/estimate/moves"], told
    assert SANITIZED or 0.85 < told["game/warning/share/moves"] < 1.15, told


def with_a_history_it_is_named_at_once(game, outside):
    wait_for(lambda: game.snapshot()["agent"]["history_seconds"] >= 30, "half a minute of history")
    said = Said(game, game.pid)
    assert said.seconds < AT_ONCE, said.seconds
    assert said.data["seen_by"] == "history" and said.data["seen_seconds"] >= 30, said
    check_figures(said, outside)


def people_are_told_the_same(game):
    done = run(WEIR, "doctor", game.pid, status=1, env=game.env)
    head, *rest = done.stdout.splitlines()
    assert head.startswith("game[%d] running, up " % game.pid) and head.endswith("by its history"), head
    assert rest[0][10:].startswith("moves: unbounded and growing, +"), done.stdout
    assert [line.split()[0] for line in rest if line[10:].startswith(("seen: ", "estimate: ", "do: "))][:3] == [
        "seen:", "estimate:", "do:"], done.stdout
    assert all(len(line) <= 100 for line in rest), done.stdout


def after_the_switch_it_says_that_growth_has_stopped_and_the_drain_is_under_way(game):
    game.command("mode", "admission")
    said = wait_for(lambda: (now := Said(game, game.pid, statuses=(0, 1))).find("channel_draining") and now,
                    "the drain")
    drain = said.find("channel_draining")
    assert drain["severity"] == "info" and drain["subject"] == "moves", drain
    assert drain["text"].startswith("moves: draining, -") and drain["rate_per_second"] < -100, drain
    assert "growth has stopped at " in drain["evidence"] and "empty in about" in drain["estimate"], drain
    assert "the growth has stopped and the queue drains" in drain["action"], drain
    assert said.find("channel_growing") is None, said
    wait_for(lambda: Said(game, game.pid, statuses=(0, 1)).find("memory_growing") is None,
             "that memory grows no more")


def after_kill_it_says_what_grew_how_fast_until_when(game):
    game.command("mode", "unbounded")
    wait_for(lambda: Said(game, game.pid, statuses=(0, 1)).find("channel_growing"), "the leak again")
    wait_for(lambda: (now := Said(game, game.pid, statuses=(0, 1)).find("channel_growing")) and
             now["rate_per_second"] > 3000, "its rate without the drain before it")
    wait_for(lambda: game.snapshot()["channels"][0]["depth"] > 20000, "a deeper queue")
    game.process.kill()
    game.process.wait()
    (path,) = [os.path.join(game.dir, name) for name in os.listdir(game.dir) if name.endswith(".weir")]
    said = Said(game, path)
    assert said.seconds < AT_ONCE and said.whole["target"]["state"] == "dead", said
    last = said.data["last_seen"]
    assert last and last[:4] == time.strftime("%Y", time.gmtime()), last
    first = said.data["findings"][0]
    assert (first["kind"], first["subject"]) == ("channel_growing", "moves"), said
    assert first["text"].startswith("moves: was unbounded and growing, +"), first
    left = json.loads(run(WEIR, "snapshot", "-o", "json", path, env=game.env).stdout)["data"]["channels"][0]
    assert "until the end" in first["text"] and first["depth"] == left["depth"] > 10000, (first, left)
    assert first["rate_per_second"] > 1000, first


def of_a_healthy_one_there_is_nothing_to_say(game):
    """Few players, and all are served. What is said of its defaults stands apart: no bound, a timer of 1 ms."""
    done = run(WEIR, "doctor", game.pid, "--for", 2, status=0, env=game.env)
    found, heading, audits = done.stdout.partition("\ndefaults to review, not faults:\n")
    assert found.splitlines()[-1] == "no problem was found" and heading, done.stdout
    assert "no bound" not in found and "timer" not in found, done.stdout
    assert "moves: no bound" in audits and "game: a timer of 1 ms" in audits, done.stdout


def several_are_told_of_in_turn_and_errors_go_first(game):
    done = run(WEIR, "doctor", game.pid, game.pid, "--for", 1, status=0, env=game.env)
    assert done.stdout.count("game[%d] running" % game.pid) == 2, done.stdout
    done = run(WEIR, "doctor", game.pid, "nobody-of-that-name", "--for", 1, status=3, env=game.env)
    assert "nobody-of-that-name" in done.stderr and done.stdout.count("game[") == 1, done
    foreign = os.path.join(game.dir, "1-1.weir")
    with open(foreign, "wb") as file:
        file.write(b"not a segment" * 1000)
    assert "not a weir segment" in run(WEIR, "doctor", foreign, status=4, env=game.env).stderr
    assert "human|json" in run(WEIR, "doctor", "-o", "xml", status=2, env=game.env).stderr


need(GAME, PLAYERS, WEIR)
with Game("--mode", "unbounded") as leaking:
    crowd = leaking.players("--linger", 0)
    watcher = Outside(leaking.pid)
    leak_is_named_within_thirty_seconds_of_attaching(leaking, watcher)
    each_field_of_a_finding_is_a_topic(leaking)
    with_a_history_it_is_named_at_once(leaking, watcher)
    watcher.stop()
    people_are_told_the_same(leaking)
    after_the_switch_it_says_that_growth_has_stopped_and_the_drain_is_under_way(leaking)
    after_kill_it_says_what_grew_how_fast_until_when(leaking)
    crowd.terminate()
    crowd.communicate()
with Game("--mode", "admission") as healthy:
    few = healthy.players("--players", 50, "--rate", 500, "--linger", 0)
    wait_for(lambda: healthy.status()["served"] > 0, "moves served")
    of_a_healthy_one_there_is_nothing_to_say(healthy)
    several_are_told_of_in_turn_and_errors_go_first(healthy)
    few.terminate()
    few.communicate()
