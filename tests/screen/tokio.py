#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The screen on a server of Tokio's: its tables and details, what it does not have, its restart.
ctest: timeout=180 folders=console/src/tokio,console/src/view"""

import atexit
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import scratch  # noqa: E402
from terminal import Terminal  # noqa: E402
from tokio_fake import NANOS, Fake, World, field, polls  # noqa: E402

MILLI = NANOS // 1000


def usual():
    world = World()
    now = world.now
    world.task(7, "waiter", line=20, poll=polls(3, now - 2 * NANOS, now - NANOS, 40 * MILLI), wakes=2)
    world.task(8, "worker", line=21, poll=polls(90, now - NANOS, now - 2 * NANOS, 100 * MILLI),
               fields=[field("size.bytes", 512)])
    world.tell(7, [36000] * 50 + [90000] * 49 + [2 * MILLI], [1000] * 3, outlier=3 * NANOS)
    world.resource(1, "Semaphore", line=40, permits=3)
    world.resource(3, "Mutex", line=41, locked=True)
    world.operation(1, "Semaphore::acquire", 1, task=7, poll=polls(2, now - 2 * NANOS, now - NANOS))
    return world


def tables_and_details():
    fake = Fake(usual())
    terminal = Terminal(fake.address)
    # It begins with the tasks: there are no channels.
    terminal.shows("tokio " + fake.address, "[8 Tasks 2]", "waiter", "worker", "1 Chan -",
                   "2 Sem 1", "r Res 2", "o Op 1")
    assert "0 Proc" not in terminal.text() and "a Agt" not in terminal.text()
    terminal.press("1", "[1 Channels -]", "Tokio reports nothing about channels", "tokio/semaphore/permits")
    terminal.press("2", "[2 Semaphores 1]", "AVAIL", "Semaphore src/ma")
    assert "PERMITS" not in terminal.text(), terminal.text()  # nobody takes them for all there are
    terminal.press("r", "[r Resources 2]", "locked=true", "permits=3")
    terminal.press("\r", "Semaphore src/main.rs:40:5", "operations under way")
    terminal.press(">", "[Operations]", "Semaphore::acqui", "waiter")
    terminal.press("\r", "Semaphore::acquire", "[Overview]", "waiting")
    terminal.type("\x1b")
    terminal.press("\x1b", "[r Resources 2]")
    terminal.press("o", "[o Operations 1]", "Semaphore::acqui", "waiter")
    terminal.press("8", "[8 Tasks 2]")
    terminal.press("/waiter\r", "waiter")
    terminal.press("\r", "waits_for", "Semaphore src")
    # Histograms come while they are looked at: as Tokio has measured them, the outlier included.
    terminal.waits(lambda text: (terminal_value(terminal, "poll_p50"), terminal_value(terminal, "poll_max")) ==
                   ("36us", "3.0s"), "the median and the longest of the polls")
    terminal.press(">", "[Latency]", "n 100", "n 3")
    terminal.type(" ")
    terminal.shows("PAUSED")
    terminal.type("q")
    assert terminal.ended() == 0 and terminal.is_restored()
    assert not {"Pause", "Resume"} & set(fake.calls), fake.calls
    assert "WatchTaskDetails" in fake.calls
    fake.stop()


def terminal_value(terminal, name):
    """The word that follows a field's name."""
    words = terminal.text().split()
    return words[words.index(name) + 1] if name in words else ""


def a_restarted_server_is_another():
    path = os.path.join(scratch, "restart.sock")
    fake = Fake(usual(), path=path)
    terminal = Terminal("unix:" + path, rows=50, cols=200)
    terminal.shows("waiter", "worker", "RESOURCES", "OPERATIONS")
    fake.stop()
    terminal.shows("LOST: reconnecting", "waiter")
    if os.path.exists(path):
        os.unlink(path)
    world = World()
    world.task(7, "newcomer", line=50)
    again = Fake(world, path=path)
    terminal.shows("newcomer", "[8 Tasks 1]")
    terminal.hides("LOST")
    assert "waiter" not in terminal.text() and "Mutex" not in terminal.text(), terminal.text()
    terminal.type("q")
    assert terminal.ended() == 0
    again.stop()


tables_and_details()
a_restarted_server_is_another()
atexit._run_exitfuncs()
os._exit(0)  # threads of a server may wait for ever
