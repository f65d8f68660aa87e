#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=console/src/term
"""Terminals and locales of all sorts: ASCII where nothing else can be shown, no colours where none are
wanted, one line where there is no screen."""

import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, scratch, weir  # noqa: E402
from terminal import Terminal  # noqa: E402

COLOR = re.compile(rb"\x1b\[(?:\d+;)*3[0-8][;m]")  # a colour of the foreground

host = Host("--name", "game", "--channel", "moves:8:0:0:4", "--channel", "wörter:8:0:0:1")


def shown(*arguments, **more):
    """What a terminal of that sort gets to see, and all bytes that were written to it."""
    terminal = Terminal(host.pid, *arguments, **more)
    terminal.shows("moves", "q quit")
    terminal.type("q")
    assert terminal.ended() == 0, more
    terminal.read()
    return terminal.written


def is_ascii(written):
    return all(byte < 0x80 for byte in written)


for term in ("screen-256color", "tmux-256color", "xterm", "ansi"):
    assert not is_ascii(shown(term=term)), term
for term in ("linux", "vt100", "vt220"):
    assert is_ascii(shown(term=term)), term
for locale in ("C", "POSIX"):
    written = shown(LC_ALL=locale)
    assert is_ascii(written) and b"w?" in written, locale
assert not is_ascii(shown(LC_ALL="C.UTF-8"))

assert COLOR.search(shown())
assert not COLOR.search(shown(NO_COLOR="1"))
assert COLOR.search(shown(NO_COLOR=""))  # empty is as good as unset
assert COLOR.search(shown("--color=always", NO_COLOR="1"))
assert not COLOR.search(shown("--color=never"))
assert any(byte in shown("--braille") for byte in (b"\xe2\xa1", b"\xe2\xa2", b"\xe2\xa3"))  # dots

# A terminal that this machine does not know is drawn as one that it resembles, and one line says so.
for term, like in (("xterm-ghostty", "xterm"), ("alacritty-direct", "xterm-256color"), ("tmux-none.x", "tmux"),
                   ("screen.none", "screen"), ("foot", "xterm-256color"), ("linux-32m", "linux")):
    written = shown(term=term, TERMINFO_DIRS="/lib/terminfo", TERMINFO="/nonexistent")
    line = b'weir: this machine does not know the terminal "%s": drawing for "%s"' % (term.encode(), like.encode())
    assert line in written and written.count(b"does not know") == 1, (term, written[:200])

# The terminal's size is the kernel's, whatever the shell has exported.
terminal = Terminal(host.pid, rows=30, cols=120, COLUMNS="50", LINES="10")
terminal.waits(lambda text: any(len(line) > 100 for line in text.split("\n")[:1])
               and "q quit" in text.split("\n")[29], "a screen of 120 x 30")
terminal.type("q")
assert terminal.ended() == 0

for term in ("dumb", "no-such-terminal", ""):
    terminal = Terminal(host.pid, term=term)
    assert terminal.ended() == 2, term
    assert b"weir snapshot" in terminal.written and terminal.written.count(b"\n") == 1, term
# ncurses is loaded when a screen is asked for. Where it cannot be, one line says so; nothing else needs it.
broken = os.path.join(scratch, "broken")
os.mkdir(broken)
with open(os.path.join(broken, "libncursesw.so.6"), "wb"):
    pass
terminal = Terminal(host.pid, LD_LIBRARY_PATH=broken)
assert terminal.ended() == 2
assert b"the screen needs libncursesw.so.6" in terminal.written and terminal.written.count(b"\n") == 1, terminal.written
for command in (["list"], ["snapshot", host.pid], ["version"], ["help"]):
    assert weir(*command, LD_LIBRARY_PATH=broken).out, command
assert "no such target" in weir("doctor", "none", expect=3, LD_LIBRARY_PATH=broken).err
# A mistyped command is a TARGET that nobody has.
terminal = Terminal("snapsot")
assert terminal.ended() == 3
assert b"snapsot: no such target" in terminal.written and b"the command `weir snapshot`?" in terminal.written
host.kill()
