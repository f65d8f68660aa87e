#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a terminal reports unasked is no key: focus, mouse, cursor, colours, versions, marks of a paste; whole,
in two pieces, and broken off. Keys before and after it act as ever."""

import fcntl
import os
import struct
import sys
import termios
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import DEADLINE, Host  # noqa: E402
from terminal import Terminal  # noqa: E402

host = Host("--name", "game", "--channel", "moves:8:100:100:4", "--channel", "joins:8:100:100:1")
TIOCGPTN = 0x80045430  # asm-generic/ioctls.h: the number of the other side
HELP = "any key closes this"

REPORTS = [
    "\x1b[I", "\x1b[O",  # focus
    "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\", "\x1b]10;rgb:ff/ff/ff\x07",  # colours, both ends
    "\x1b[24;80R", "\x1b[?1;2c", "\x1b[>41;354;0c", "\x1b[0n",  # cursor, attributes, status
    "\x1b[<0;10;8M", "\x1b[<0;10;8m", "\x1b[M !!", "\x1b[32;10;8M",  # mouse: SGR, X10, urxvt
    "\x1bP>|xterm(370)\x1b\\", "\x1bP1$r0q\x1b\\",  # DCS
    "\x1b_Gi=31;OK\x1b\\", "\x1b^q\x1b\\", "\x1bXq\x1b\\",  # APC, PM, SOS
    "\x1b[?2026;2$y", "\x1b[200~", "\x1b[201~", "\x1b[97;5u",  # modes, a paste's marks, a key of kitty's
    "\x1bOj", "\x1b[1;9Z", "\x9b24;80R", "\x9d11;q\x9c",  # unknown keys; C1 in one character
    "\x1b]52;c;" + "cXFxcXE" * 3000 + "\x07",  # a clipboard longer than one read
]


def unread(terminal):
    """How many bytes lie in the terminal that weir has not read yet."""
    number = struct.unpack("i", fcntl.ioctl(terminal.fd, TIOCGPTN, b"\0" * 4))[0]
    side = os.open("/dev/pts/%d" % number, os.O_RDWR | os.O_NOCTTY)
    try:
        return struct.unpack("i", fcntl.ioctl(side, termios.FIONREAD, b"\0" * 4))[0]
    finally:
        os.close(side)


def steady(terminal):
    """What keys change and time does not: the tabs, the columns with the order, the row in use, the prompt."""
    lines = terminal.lines()
    return "\n".join(lines[2:4] + [line for line in lines[4:] if line.startswith("  NAME")] + lines[-2:])


def asks_help(terminal, before):
    """The next key is taken, and after it all is as it was."""
    terminal.press("?", HELP)
    terminal.type("?")
    terminal.waits(lambda _: steady(terminal) == before, "the screen of before:\n" + before)


for term in ("xterm-256color", "xterm", "screen-256color"):
    terminal = Terminal(host.pid, "-s", "name", term=term, LC_ALL="C.UTF-8")
    terminal.shows("moves", "joins", "q quit", "no warnings")
    terminal.settles()
    before = steady(terminal)
    for report in REPORTS:
        terminal.type(report)
        asks_help(terminal, before)
    terminal.type("".join(REPORTS))
    asks_help(terminal, before)

    # A line that is slow between the pieces: what was read is taken before the rest comes.
    for report in ("\x1b[24;80R", "\x1b]11;rgb:1e/1e/2e\x1b\\", "\x1b[M !!"):
        for cut in range(2, len(report)):
            terminal.type(report[:cut])
            deadline = time.monotonic() + DEADLINE
            while unread(terminal):
                terminal.read(0.001)
                assert time.monotonic() < deadline, report
            terminal.type(report[cut:])
            asks_help(terminal, before)
    terminal.type("q")
    assert terminal.ended() == 0, term
host.kill()
