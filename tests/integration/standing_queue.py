#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A queue that stands still is seen at once, by a doctor that comes without a history: with hooks only, with an
exporter, in a terminal. ctest: labels=plain timeout=120 folders=agent/src/finding,console/src/command"""

import json
import os
import pty
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import DEADLINE, Host, WEIR, environment, wait_for, weir  # noqa: E402

SOON = 5  # seconds, for a program to start and look once
QUEUED = 131692


def doctor(*words):
    return subprocess.Popen([WEIR, "doctor", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=environment)


def found(said, kind):
    return [one for one in said["data"]["findings"] if one["kind"] == kind]


def check_says_first_what_it_sees_then_the_rest(process):
    """The first report comes at once; the exit code is that of the second."""
    begin = time.monotonic()
    head = process.stdout.readline()
    first = process.stdout.readline()
    assert time.monotonic() - begin < SOON, head
    assert "; seen for " in head and "looking for up to " in head, head
    assert first == "info      jobs: 131,692 queued (8.4 MB), nothing has ever been received\n", first
    return head


def check_end_of_look(process):
    out, err = process.stdout.read(), process.stderr.read()
    assert process.wait(DEADLINE) == 1 and err == "", err
    early, late = out.split("\nhooks[")
    assert "\nno problem was found so far\n" in early, out
    assert "looking for" not in late and "no problem" not in late, out
    assert late.splitlines()[1].startswith("warning   jobs: stalled, nothing received for "), out


def check_json_is_one_document(process):
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1, out
    (stalled,) = found(json.loads(out), "channel_stalled")
    assert (stalled["severity"], stalled["subject"], stalled["depth"]) == ("warning", "jobs", QUEUED), stalled
    assert stalled["since_seconds"] >= 2, stalled


def check_a_queue_that_moves_is_not_one(process):
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0 and found(json.loads(out), "channel_stalled") == [], out
    assert json.loads(out)["data"]["found"] == 0, out


def check_the_percentile_shows_what_waits(host):
    """As JSON the percentile stays what was measured; beside it stands what waits. People see the longer one."""
    host.command("send", "quick", 100)
    host.command("receive", "quick", 100)
    host.command("send", "quick", 1)

    def channel(name):
        rows = weir("snapshot", host.pid, "-o", "json").json()["data"]["channels"]
        return next(row["wait_seconds"] for row in rows if row["name"] == name)

    waits = wait_for(lambda: (now := channel("quick"))["at_least"] and now, "the wait of the oldest")
    assert 0 < waits["p99"] < waits["at_least"] < DEADLINE, waits
    assert channel("jobs")["p99"] is None and channel("jobs")["at_least"] > 0, channel("jobs")
    # Nothing is measured of "jobs": its wait is estimated, too, from a second up.
    jobs = wait_for(lambda: (now := channel("jobs"))["estimated_p99"] and now, "an estimate")
    assert 1 <= jobs["estimated_p50"] <= jobs["estimated_p99"] <= jobs["estimated_max"], jobs
    assert jobs["at_least"] <= jobs["estimated_max"] < jobs["at_least"] + 2, jobs
    assert channel("quick")["estimated_p99"] is None, channel("quick")
    shown = [line.split() for line in weir("snapshot", host.pid).out.splitlines()]
    assert next(line for line in shown if line[:1] == ["CHANNEL"])[-1] == "P99", shown
    for name, mark in (("quick", ">"), ("jobs", "~")):
        line = next(line for line in shown if line[:1] == [name])
        assert [word for word in line if word.startswith(mark)] == line[-1:], line


def a_terminal_shows_that_it_looks_on(host):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(WEIR, [WEIR, "doctor", str(host.pid)], environment)
    text = b""
    while b"\rlooking for up to " not in text:
        text += os.read(fd, 4096)
    os.write(fd, b"\x03")
    os.waitpid(pid, 0)
    os.close(fd)
    assert text.index(b"nothing has ever been received") < text.index(b"\rlooking for up to "), text


hooks = Host("--name", "hooks", "--no-agent", "--channel", "jobs:unbounded:0:0:%d" % QUEUED)
moving = Host("--name", "moving", "--no-agent", "--channel", "jobs:unbounded:2000:2000:50")
served = Host("--name", "served", "--channel", "jobs:unbounded:0:0:%d" % QUEUED)
waiting = Host("--name", "waiting", "--channel", "jobs:unbounded:0:0:9", "--channel", "quick:unbounded", "--latency", "full")
people = [doctor(hooks.pid), doctor(served.pid)]
scripts = [doctor(hooks.pid, "--for", 4, "-o", "json"), doctor(served.pid, "--for", 4, "-o", "json")]
healthy = doctor(moving.pid, "--for", 4, "-o", "json")
check_says_first_what_it_sees_then_the_rest(people[0])
a_terminal_shows_that_it_looks_on(hooks)
check_the_percentile_shows_what_waits(waiting)
for script in scripts:
    check_json_is_one_document(script)
check_a_queue_that_moves_is_not_one(healthy)
check_end_of_look(people[0])
people[1].communicate(timeout=DEADLINE)
assert people[1].returncode == 1
