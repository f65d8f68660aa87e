#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""This console with the exporter of an earlier version: what that one answered is on record, and so is what the console
of that version made of it (tests/data/wire-*). Each number is shown as it was shown then.
ctest: folders=console/src/link,console/src/command"""

import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["WEIR_SOURCE"], "tests", "support"))
from earlier import compare  # noqa: E402
from replay_agent import ReplayAgent, load  # noqa: E402
from terminal import Terminal  # noqa: E402

DATA = os.path.join(os.environ["WEIR_SOURCE"], "tests", "data")
WEIR = os.path.join(os.environ["WEIR_BUILD"], "console", "weir")
# The console computes these, and may compute them better than before.
OWN = {"agent", "warnings", "ts", "growth_bytes_per_second", "window_seconds", "age_seconds", "uptime_seconds"}


def run(*arguments, code=0):
    done = subprocess.run([WEIR, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert code is None or done.returncode == code, done
    return done.stdout


def text(path):
    with gzip.open(path, "rt") as file:
        return file.read()


def snapshot(folder, target):
    was = json.loads(text(os.path.join(folder, "snapshot.json.gz")))
    has = json.loads(run("snapshot", "-o", "json", "-t", target))
    assert len(was["data"]["channels"]) == 5, was
    compare(was["target"], has["target"], "target", OWN)
    compare(was["data"], has["data"], "data", OWN)


def topics(folder, target):
    was = text(os.path.join(folder, "topics.txt.gz"))
    assert len(was.splitlines()) == 5, was
    assert run("subscribe", "-C", "5", "maker/channel/depth", "-t", target) == was


def doctor(target):
    """Findings are made by the exporter: this console passes them on."""
    told = json.loads(run("doctor", "-o", "json", "--for", "1", "-t", target, code=None))
    assert told["target"]["name"] == "maker", told


def screen(target):
    """The tables, a row's details, and back: queries and fields that came later are asked for, and not answered."""
    terminal = Terminal(target, rows=40, cols=140)
    terminal.shows("orders", "timed", "queue", "slots", "handler", "network", "hits", "level")
    assert terminal.row("orders")[1:3] == ["89", "100"], terminal.row("orders")
    terminal.press("/orders\r", "orders")
    terminal.press("\r", "999", "890 B")
    terminal.press("\x1b", "slots")
    terminal.type("q")
    assert terminal.ended() == 0


def main():
    folders = sorted(glob.glob(os.path.join(DATA, "wire-*")))
    assert folders
    for folder in folders:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as work:
            socket = os.path.join(work, "1-1.sock")
            agent = ReplayAgent(load(os.path.join(folder, "answers.json.gz")), socket)
            target = "unix:" + socket
            snapshot(folder, target)
            topics(folder, target)
            doctor(target)
            screen(target)
            agent.close()


if __name__ == "__main__":
    main()
