# SPDX-License-Identifier: MIT
"""The released tokio-console in a pseudo-terminal, and its screen as rows. tests/interop/run installs it
and names it in TOKIO_CONSOLE."""

import os
import re
import select
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import DEADLINE, scratch  # noqa: E402
from terminal import Terminal  # noqa: E402

PROGRAM = os.environ.get("TOKIO_CONSOLE", "")
COLUMNS = {"tasks": ("warn", "id", "state", "name", "total", "busy", "sched", "idle", "polls", "kind",
                     "location", "fields"),
           "resources": ("id", "parent", "kind", "total", "target", "type", "vis", "location", "attributes"),
           "operations": ("id", "parent", "task", "source", "total", "busy", "idle", "polls", "attributes")}
HEADERS = {"tasks": r"Warn\S*\s+ID", "resources": r"ID\S*\s+Paren\S*\s+Kind", "operations": r"ID\S*\s+Paren\S*\s+Task"}
QUIET = 0.05  # seconds without a byte: the picture is whole
KEY_SECONDS = 2  # within which a key shows, or is typed again
STATES = {"▶": "running", "⏸": "idle", "⏹": "completed", "⏫": "scheduled"}
SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}

if not os.access(PROGRAM, os.X_OK):
    print("skipped: no tokio-console; see tests/interop/run")
    sys.exit(77)


def seconds(text):
    """A duration as it is shown: its least and its greatest value in seconds (it is rounded)."""
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ns|µs|ms|s))?", text)
    assert parts and text, "no duration: %r" % text
    days, hours, minutes, rest, unit = parts.groups()
    value = int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes or 0) * 60
    if rest is None:
        return value, value + (3600 if days else 60)
    digits = len(rest.partition(".")[2])
    step = SECONDS[unit] * 10.0 ** -digits
    value += float(rest) * SECONDS[unit]
    return value - step, value + step


def pairs(text):
    """The NAME=VALUE of a column, by name."""
    return dict(re.findall(r"([\w.:-]+)=(.*?)(?=\s+[\w.:-]+=|$)", text.strip()))


class TokioConsole(Terminal):
    """tokio-console on a target: http://HOST:PORT, or file://localhost/PATH for a unix socket."""

    def __init__(self, target, *arguments, rows=60, cols=240, retain="6s"):
        self.first_sockets = None  # those of its first connection
        super().__init__(target, "--lang", "en_US.UTF-8", "--retain-for", retain, *arguments, rows=rows,
                         cols=cols, term="xterm-256color", program=PROGRAM, HOME=scratch,
                         XDG_CONFIG_HOME=scratch)

    def read(self, seconds=0.05):
        """Takes in what comes, to the end of a picture: it is drawn in one go, but may arrive in parts."""
        is_open = super().read(seconds)
        while is_open and select.select([self.fd], [], [], QUIET)[0]:
            is_open = super().read(0)
        if self.first_sockets is None and "(CONNECTED)" in self.lines()[0]:
            self.first_sockets = self.sockets()
        return is_open

    def text(self):
        """Without the lines of the screen that are empty."""
        return "\n".join(line for line in self.lines() if line.strip("│ "))

    def take(self, seconds):
        """Takes in what comes for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.read(min(0.05, max(end - time.monotonic(), 0))):
                return

    def cells(self, y):
        """A line as cells: a wide character has an empty one after it."""
        row = self.screen.buffer[y]
        return [row[x].data for x in range(self.screen.columns)]

    def body(self, kind):
        """The header's columns and the lines of the rows below it."""
        for y in range(self.screen.lines):
            cells = [cell or " " for cell in self.cells(y)]
            header = "".join(cells)
            if not re.match("│" + HEADERS[kind], header):
                continue
            starts = [match.start() for match in re.finditer(r"[^\s│]+", header)]
            rows = []
            for below in range(y + 1, self.screen.lines):
                line = self.cells(below)
                if line[0] != "│":
                    break
                rows.append(line[:-1])
            return starts, rows
        return [], []

    def table(self, kind):
        """The rows that are on the screen, each a dict by column; of the view `kind`. A last word that
        the edge cuts off is left out."""
        starts, lines = self.body(kind)
        found = []
        for line in lines:
            row = {}
            for i, name in enumerate(COLUMNS[kind][:len(starts)]):
                begin = starts[i]
                end = starts[i + 1] if i + 1 < len(starts) else len(line)
                if kind == "tasks" and name == "warn":
                    end = begin + 4
                elif kind == "tasks" and name == "id":
                    begin = starts[0] + 4
                text = "".join(line[begin:end])
                if end == len(line) and text[-1:] != " " and i > 0:
                    text = text.rpartition(" ")[0]  # cut off at the edge: its last word may be half of one
                row[name] = text.strip()
            if row and row.get("id"):
                row["state"] = STATES.get(row.get("state"), row.get("state"))
                found.append(row)
        return found

    def count(self, kind):
        """How many the title says there are; None when that view is not shown."""
        found = re.search(r"%s \((\d+)\)" % {"tasks": "Tasks", "resources": "Resources"}[kind], self.text())
        return int(found.group(1)) if found else None

    def dropped(self):
        """What the header says of lost events; \"\" when nothing."""
        found = re.search(r"dropped: [^\n]*", self.text())
        return found.group(0) if found else ""

    def connected(self):
        self.shows("(CONNECTED)")
        return self

    def open(self, kind):
        """Goes to a view and waits until it stands. A key next to a change of size may be lost."""
        def stands(_):
            if self.count(kind) is not None and self.body(kind)[0]:
                return True
            if time.monotonic() >= typed[0] + KEY_SECONDS:
                typed[0] = time.monotonic()
                self.type({"tasks": "t", "resources": "r"}[kind])
            return False
        typed = [-KEY_SECONDS]
        self.waits(stands, "the view of " + kind)

    def rows(self, kind, condition, what):
        """Waits until the view's rows meet a condition, and gives them."""
        def met(_):
            table = self.table(kind)
            return table if condition(table) else None
        return self.waits(met, what)

    def select(self, kind, is_wanted):
        """Moves the mark to the first row that is wanted, and opens it. The selection is a row's number,
        so the list must stand still."""
        self.type("gg")
        index = next(i for i, row in enumerate(self.table(kind)) if is_wanted(row))
        self.type("j" * index)
        self.take(0.3)
        self.type("\r")

    def is_faithful(self):
        """Whether it is connected as at first. Its screen does not tell: without a connection it stands."""
        return self.first_sockets is not None and self.sockets() == self.first_sockets

    def sockets(self):
        """The inodes of its sockets: another connection is another one."""
        found = set()
        for fd in os.listdir("/proc/%d/fd" % self.pid):
            try:
                link = os.readlink("/proc/%d/fd/%s" % (self.pid, fd))
            except OSError:
                continue
            if link.startswith("socket:"):
                found.add(link)
        return found

    def memory(self):
        """Its resident memory that no file backs, in bytes."""
        return resident(self.pid)

    def quit(self):
        """Ends it as its user does; a panic has another exit code, and words on the screen."""
        self.type("q")
        assert self.ended() == 0, self.text()
        assert b"panicked" not in self.written, self.text()


def resident(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon:"))


def processor_seconds(pid):
    """What a process has used of the processor so far."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(condition, what, take=None, seconds=DEADLINE):
    """Waits until a condition holds; meanwhile the console's output is taken in."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "after %s s still not: %s" % (seconds, what)
        if take:
            take.read(0.05)
