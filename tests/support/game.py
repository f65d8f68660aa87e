# SPDX-License-Identifier: MIT
"""The example server and its players as children of a test: always ended, on a port of the kernel's
choice, with segments in a directory of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ["WEIR_BUILD"]
GAME = os.path.join(BUILD, "server-example", "weir-game")
PLAYERS = os.path.join(BUILD, "server-example", "weir-players")
WEIR = os.path.join(BUILD, "console", "weir")
SKIP = 77
# In the background a shell ignores it, and so would the programs that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
DEADLINE = 60.0


def need(*programs):
    """Skips the test where something is not built."""
    for program in programs:
        if not os.access(program, os.X_OK):
            print(f"{program} is not built")
            sys.exit(SKIP)


def wait_for(condition, what, seconds=DEADLINE):
    """Waits until the condition gives something true, and returns that."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        pause.wait(0.02)


def run(*words, status=0, env=None):
    """Runs a program to its end and checks its exit status."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=env,
                          timeout=DEADLINE, check=False)
    assert done.returncode == status, f"{words}: {done.returncode}, not {status}: {done.stderr}"
    return done


class Game:
    """A running weir-game."""

    def __init__(self, *flags, env=None):
        self.dir = tempfile.mkdtemp(prefix="weir-game-", dir="/dev/shm")
        self.env = {name: value for name, value in os.environ.items() if name[:5] != "WEIR_"}
        self.env.update({"WEIR_DIR": self.dir, **(env or {})})
        self.process = subprocess.Popen([GAME, "--port", "0", "-o", "json", *map(str, flags)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=self.env)
        self.lines = []
        self.port = None
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("listening on 127.0.0.1:"):
                self.port = int(line.split(":")[1].split(",")[0])
                break
        assert self.port, self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def command(self, *words, status=0):
        return run(GAME, *words, "--port", self.port, status=status).stdout

    def status(self, command="status"):
        """The game's own numbers; of `pause`, those at rest."""
        return json.loads(self.command(command, "-o", "json"))["data"]

    def play(self, *flags):
        """Runs players to their end; their report."""
        done = run(PLAYERS, "--port", self.port, "-o", "json", *flags)
        return json.loads(done.stdout)["data"]

    def players(self, *flags):
        """Players in the background."""
        return subprocess.Popen([PLAYERS, "--port", str(self.port), "-o", "json", *map(str, flags)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def snapshot(self, *flags):
        """What weir shows of it."""
        return json.loads(run(WEIR, "snapshot", "-o", "json", *flags, self.pid, env=self.env).stdout)["data"]

    def end(self, number=signal.SIGTERM):
        """Ends it as a service manager does; its last report."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0, f"{self.process.returncode}: {err}"
        return json.loads(out.splitlines()[-1])["data"]


def row(rows, name):
    """The row of a snapshot's table that has this name."""
    found = [one for one in rows if one["name"] == name]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def check_report(report):
    """The players' account is complete."""
    answered = report["served"] + report["refused"] + report["unknown"]
    assert report["sent"] == answered + report["lost"], report


def check_status(status):
    """The game's account is complete."""
    assert status["sent"] == status["taken"] + status["queued"], status
    assert status["taken"] >= status["served"], status
    if status["state"] == "resting":
        assert status["handling"] == 0 and status["taken"] == status["served"], status
