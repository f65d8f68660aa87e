#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The demo in a terminal: `moves` grows on the screen, after the switch it drains while rejects rise,
and q ends everything. ctest: timeout=120 folders=server-example,console/src/view"""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, WEIR, need, wait_for  # noqa: E402

try:
    import pyte
except ImportError:
    sys.exit(77)

DEMO = os.path.join(os.environ["WEIR_SOURCE"], "server-example", "demo")
SUFFIX = {"": 1, "k": 1e3, "M": 1e6}


class Terminal:
    """A program in a terminal of its own, and the screen it draws."""

    def __init__(self, columns, lines, words, env):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=env,
                                        start_new_session=True)
        os.close(slave)

    def text(self):
        """Takes what has been drawn; the screen as text."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.stream.feed(os.read(self.master, 65536))
            except OSError:  # the last one has closed it
                break
        return "\n".join(self.screen.display)

    def find(self, pattern):
        return re.search(pattern, self.text(), re.MULTILINE)

    def press(self, key):
        os.write(self.master, key.encode())

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.master)


def number(text):
    return float(text.rstrip("kM")) * SUFFIX[text[-1] if text[-1] in "kM" else ""]


def depth(terminal):
    found = terminal.find(r"\bmoves +([0-9.]+[kM]?) ")
    return number(found[1]) if found else 0.0


def grows_then_drains_and_q_ends_all(columns, lines):
    folder = tempfile.mkdtemp(prefix="weir-demo-", dir="/dev/shm")
    env = {**os.environ, "WEIR_DIR": folder, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    # ncurses keeps what it has read of the terminal until the end.
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    terminal = Terminal(columns, lines, [DEMO, "--no-build", "--after", "5"], env)
    group = str(terminal.process.pid)
    try:
        wait_for(lambda: depth(terminal) > 5000, "moves that grow")
        wait_for(lambda: depth(terminal) > 15000, "moves that grow further")
        assert terminal.find(r"backpressure rejects +0\b"), terminal.text()
        wait_for(lambda: terminal.find(r"backpressure rejects +[1-9]"), "rejects that rise")
        wait_for(lambda: 0 < depth(terminal) < 1024, "moves that drain")
        terminal.press("q")
        wait_for(lambda: terminal.text() is not None and terminal.process.poll() is not None, "the end")
        assert terminal.process.returncode == 0, terminal.text()
        left = subprocess.run(["pgrep", "-a", "-g", group], capture_output=True, text=True, check=False)
        assert left.stdout == "", left.stdout
        assert os.listdir(folder) == [], os.listdir(folder)
    except AssertionError:
        print(terminal.text())
        raise
    finally:
        terminal.end()
        shutil.rmtree(folder, ignore_errors=True)


need(GAME, PLAYERS, WEIR)
grows_then_drains_and_q_ends_all(80, 24)
grows_then_drains_and_q_ends_all(200, 50)
