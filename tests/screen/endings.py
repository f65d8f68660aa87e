#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=console/src/term,console/src/link
"""Whatever ends the screen, or the process that it shows: the terminal is as before, and the exit
code says what happened."""

import os
import signal
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import DEADLINE, WEIR, Host, environment, scratch  # noqa: E402
from terminal import Terminal  # noqa: E402

CHANNEL = ("--name", "game", "--channel", "moves:unbounded:0:0:1234")


def a_signal_ends_it_and_the_terminal_is_as_before():
    host = Host(*CHANNEL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        terminal = Terminal(host.pid)
        terminal.shows("moves", "1234")
        terminal.signal(number)
        assert terminal.ended() == 0, number
        assert terminal.is_restored(), number
    host.kill()


def a_crash_leaves_a_usable_terminal():
    host = Host(*CHANNEL)
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        terminal = Terminal(host.pid, ASAN_OPTIONS="handle_segv=0:handle_abort=0:handle_sigbus=0")
        terminal.shows("moves", "1234")
        terminal.signal(number)
        assert terminal.ended() == -number, number
        assert terminal.is_restored(), number
    host.kill()


def a_stop_gives_the_terminal_back_for_the_time():
    host = Host(*CHANNEL)
    terminal = Terminal(host.pid)
    terminal.shows("moves", "1234")
    terminal.signal(signal.SIGTSTP)
    pid, status = os.waitpid(terminal.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    terminal.read()
    assert terminal.is_restored()
    terminal.screen.reset()
    terminal.size(30, 100)
    terminal.signal(signal.SIGCONT)
    terminal.waits(lambda text: "q quit" in terminal.lines()[29], "the whole screen, drawn again")
    assert terminal.row("moves")
    terminal.type("q")
    assert terminal.ended() == 0
    assert terminal.is_restored()
    host.kill()


def a_killed_process_leaves_its_last_numbers():
    host = Host(*CHANNEL)
    terminal = Terminal(host.pid)
    terminal.shows("moves", "1234")
    host.kill()
    terminal.shows("DEAD since", "1234", "unbounded")
    terminal.press("\r", "high_water")  # read from what it left behind
    terminal.type("q")
    assert terminal.ended() == 6
    assert terminal.is_restored()


def a_dead_process_can_be_looked_at():
    host = Host(*CHANNEL)
    path = host.path()
    host.kill()
    terminal = Terminal(path)
    terminal.shows("DEAD", "1234")
    assert "since" not in terminal.text().split("\n")[1]
    terminal.type("q")
    assert terminal.ended() == 0


def a_clean_exit_leaves_the_screen_standing():
    host = Host(*CHANNEL)
    terminal = Terminal(host.pid)
    terminal.shows("moves", "1234")
    host.end()
    terminal.shows("DEAD since", "1234")
    terminal.type("q")
    assert terminal.ended() == 6


def a_stopped_process_is_stale_and_comes_back():
    host = Host(*CHANNEL)
    terminal = Terminal(host.pid)
    terminal.shows("moves", "1234")
    host.signal(signal.SIGSTOP)
    terminal.shows("STALE")
    terminal.press("?", "any key closes this")  # keys work meanwhile
    host.signal(signal.SIGCONT)
    terminal.type("x")
    terminal.hides("STALE")
    terminal.type("q")
    assert terminal.ended() == 0
    host.kill()


class Proxy:
    """Stands between weir and an exporter's socket, and can cut the line."""

    def __init__(self, path):
        self.exporter = path
        self.path = os.path.join(scratch, "proxy.sock")
        self.lines = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near = self.listener.accept()[0]
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.exporter)
            self.lines += [near, far]
            threading.Thread(target=self.pump, args=(near, far), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass

    def cut(self):
        lines, self.lines = self.lines, []
        for line in lines:
            line.shutdown(socket.SHUT_RDWR)


def a_broken_line_is_mended():
    host = Host(*CHANNEL)
    proxy = Proxy(host.path(".sock"))
    terminal = Terminal("unix:" + proxy.path)
    terminal.shows("moves", "1234")
    proxy.cut()
    terminal.shows("LOST: reconnecting", "1234")
    host.command("send", "moves", 1)
    terminal.hides("LOST")
    terminal.shows("1235")
    terminal.type("q")
    assert terminal.ended() == 0
    host.kill()


def hooks_alone_are_enough():
    host = Host(*CHANNEL, "--no-agent")
    terminal = Terminal(host.pid)
    terminal.shows("moves", "1234")
    host.kill()
    terminal.shows("DEAD")
    terminal.type("q")
    assert terminal.ended() == 6


def without_a_terminal_it_names_the_way():
    host = Host(*CHANNEL)
    done = subprocess.run([WEIR, str(host.pid)], stdin=subprocess.DEVNULL, capture_output=True,
                          env=environment, timeout=DEADLINE, check=False)
    assert done.returncode == 2, done
    assert b"weir snapshot" in done.stderr and done.stderr.count(b"\n") == 1, done
    assert done.stdout == b"", done
    host.kill()


def bad_options_are_one_line():
    for words in (["-i", "0.01"], ["--sort", "beauty"], ["--color", "red"], ["one", "two"]):
        terminal = Terminal(*words)
        assert terminal.ended() == 2, words
        assert terminal.written.count(b"\n") == 1 and b"\x1b" not in terminal.written, words


a_signal_ends_it_and_the_terminal_is_as_before()
a_crash_leaves_a_usable_terminal()
a_stop_gives_the_terminal_back_for_the_time()
a_killed_process_leaves_its_last_numbers()
a_dead_process_can_be_looked_at()
a_clean_exit_leaves_the_screen_standing()
a_stopped_process_is_stale_and_comes_back()
a_broken_line_is_mended()
hooks_alone_are_enough()
without_a_terminal_it_names_the_way()
bad_options_are_one_line()
