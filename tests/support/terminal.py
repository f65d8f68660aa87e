# SPDX-License-Identifier: MIT
"""The screen of weir, or of another program, in a pseudo-terminal, read by a terminal emulator (pyte)."""

import atexit
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

from console import DEADLINE, WEIR, environment

try:
    import pyte
except ImportError:
    print("skipped: no python3-pyte")
    sys.exit(77)

RESTORED = b"\x1b[?1049l"  # what leaves the alternate screen, of terminals that have one


class Screen(pyte.Screen):
    """With the scrolling of a region that real terminals have and pyte has not."""

    def scroll_up(self, count=1):
        row, margins = self.cursor.y, self.margins
        self.cursor.y = margins.bottom if margins else self.lines - 1
        for _ in range(count or 1):
            self.index()
        self.cursor.y = row

    def scroll_down(self, count=1):
        row, margins = self.cursor.y, self.margins
        self.cursor.y = margins.top if margins else 0
        for _ in range(count or 1):
            self.reverse_index()
        self.cursor.y = row


class Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}
    events = frozenset([*pyte.ByteStream.events, "scroll_up", "scroll_down"])


class Terminal:
    """weir, or another program, on a terminal of its own."""

    def __init__(self, *arguments, rows=24, cols=80, term="screen-256color", program=WEIR, **more):
        self.screen = Screen(cols, rows)
        self.stream = Stream(self.screen)
        self.written = b""
        self.code = None
        is_sized, has_size = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.read(is_sized, 1)  # the modes are still those that weir should restore
            os.execve(program, [program, *[str(argument) for argument in arguments]],
                      {**environment, "TERM": term, "TZ": "UTC", **more})
        self.modes = termios.tcgetattr(self.fd)
        self.size(rows, cols)
        os.write(has_size, b".")
        os.close(has_size)
        os.close(is_sized)
        atexit.register(self.kill)

    def size(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.screen.resize(rows, cols)

    def read(self, seconds=0.05):
        """Takes in what weir writes within that time; False at the end."""
        try:
            if select.select([self.fd], [], [], seconds)[0]:
                written = os.read(self.fd, 65536)
                self.written += written
                self.stream.feed(written)
                return written != b""
        except OSError:
            return False
        return True

    def settles(self):
        """Takes in the rest of a frame: a terminal passes it on in pieces of a page."""
        for _ in range(64):
            if not select.select([self.fd], [], [], 0.02)[0] or not self.read(0):
                break

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def waits(self, condition, what, seconds=DEADLINE):
        """Waits until the condition on the screen's text holds, on the whole of a frame; returns what it gives."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition(self.text()):
                self.settles()
                value = condition(self.text())
                if value:
                    return value
            self.read()
        raise AssertionError("never came about: %s; the screen is\n%s" % (what, self.text()))

    def shows(self, *parts):
        self.waits(lambda text: all(part in text for part in parts), "all of %r" % (parts,))

    def hides(self, part):
        self.waits(lambda text: part not in text, "no %r" % part)

    def row(self, name):
        """The words of the line that begins with that name, the mark left out."""
        for line in self.lines():
            words = line[2:].split()
            if words[:1] == [name]:
                return words
        return []

    def press(self, keys, *parts):
        """Types and waits for what follows from it."""
        self.type(keys)
        self.shows(*parts)

    def signal(self, number):
        os.kill(self.pid, number)

    def ended(self):
        """Waits for weir's end; its exit code, or minus the signal."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                # The kernel passes on the last bytes when it comes to it; after them it says that nobody writes.
                while time.monotonic() < end and self.read():
                    pass
                self.code = os.waitstatus_to_exitcode(status)
                return self.code
            self.read()
        raise AssertionError("weir does not end; the screen is\n" + self.text())

    def is_restored(self):
        """Whether the terminal's modes are as before and the alternate screen is left."""
        return termios.tcgetattr(self.fd) == self.modes and self.written.rfind(
            RESTORED) > self.written.rfind(b"\x1b[?1049h")

    def kill(self):
        if self.code is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except OSError:
                pass
            self.code = -signal.SIGKILL
