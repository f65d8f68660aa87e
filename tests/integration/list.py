#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=console/src/command,console/src/target,agent/src/segment
"""weir list: who runs, who is dead, who cannot be read; and how a target is found by its name."""

import csv
import io
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, environment, run, scratch, weir  # noqa: E402

NAME = "list%d" % os.getpid()  # other processes with weir may run on this machine
host = Host("--name", NAME, "--channel", "moves:unbounded", "--http", "127.0.0.1:0")


def entries(**more):
    listed = weir("list", "-o", "json", **more).json()
    assert listed["schema"] == "weir.list/1" and listed["target"] is None, listed
    return {entry["pid"]: entry for entry in listed["data"]["processes"]}


def running_process_is_listed_with_all_facts():
    entry = entries()[host.pid]
    assert entry["name"] == NAME and entry["state"] == "running", entry
    assert entry["path"] == host.path() and entry["segment_bytes"] > 0, entry
    assert entry["since"].endswith("Z"), entry
    assert entry["http_address"].startswith("127.0.0.1:") and entry["problem"] is None, entry


def every_form_tells_the_same():
    human = [line.split() for line in weir("list").out.splitlines()]
    assert human[0][:4] == ["PID", "NAME", "STATE", "SINCE"], human
    assert any(line[:3] == [str(host.pid), NAME, "running"] for line in human), human
    rows = list(csv.DictReader(io.StringIO(weir("list", "-o", "csv").out)))
    assert any(row["pid"] == str(host.pid) and row["name"] == NAME for row in rows), rows
    lines = weir("list", "-o", "ndjson").lines()
    assert any(line["data"]["pid"] == host.pid for line in lines), lines


def killed_process_is_called_dead():
    victim = Host("--name", NAME + "v", "--channel", "moves:unbounded")
    victim.kill()
    assert entries()[victim.pid]["state"] == "dead"
    ended = Host("--name", NAME + "e")
    ended.end()
    assert ended.pid not in entries()


def stopped_process_does_not_hold_up_the_list():
    other = Host("--name", NAME + "s")
    other.signal(signal.SIGSTOP)
    entry = entries()[other.pid]
    assert entry["state"] == "running" and "does not answer" in entry["problem"], entry
    other.signal(signal.SIGCONT)
    other.kill()


def unreadable_segments_are_listed_with_their_problem():
    with open(os.path.join(scratch, "77-77.weir"), "wb") as file:
        file.write(b"no segment" * 100)
    with open(os.path.join(scratch, "78-78.weir"), "wb"):
        pass
    listed = weir("list", "-o", "json").json()["data"]["processes"]
    for name in ("77-77.weir", "78-78.weir"):
        bad = [entry for entry in listed if entry["path"].endswith(name)]
        assert len(bad) == 1 and bad[0]["state"] == "unreadable" and bad[0]["problem"], listed
        result = weir("snapshot", bad[0]["path"], expect=4)
        assert name in result.err, result
        os.unlink(os.path.join(scratch, name))


def target_is_found_in_each_of_its_forms():
    socket, path = host.path(".sock"), host.path()
    for target in (host.pid, NAME, "unix:" + socket, "unix://" + socket, "file://" + path, path,
                   os.path.relpath(path)):
        found = weir("snapshot", target, "-o", "json").json()["target"]
        assert found == {"name": NAME, "pid": host.pid, "state": "running"}, (target, found)
        assert weir("snapshot", "-t", target, "-o", "json").json()["target"] == found
    found = weir("snapshot", "-o", "json", WEIR_TARGET=str(host.pid)).json()["target"]
    assert found["pid"] == host.pid, found


def two_of_a_name_are_ambiguous():
    twin = Host("--name", NAME)
    result = weir("snapshot", NAME, expect=2)
    assert str(host.pid) in result.err and str(twin.pid) in result.err, result
    result = weir("snapshot", expect=2)
    assert str(host.pid) in result.err and str(twin.pid) in result.err, result
    assert weir("snapshot", twin.pid).code == 0
    twin.kill()
    assert weir("snapshot", NAME, "-o", "json").json()["target"]["pid"] == host.pid


def what_is_not_there_is_3():
    for target in ("nobody-of-this-name", "4194305", "/nonexistent/1-1.weir", "./1-1.weir",
                   "unix:/nonexistent/1-1.sock", "localhost:6669", "http://localhost:6669",
                   "x" * 5000, "/" + "x" * 5000):
        weir("snapshot", target, expect=3)
    for target in ("unix:", "unix:/" + "x" * 5000):
        weir("snapshot", target, expect=2)
    weir("snapshot", "\x1b[31m\n\u009b", expect=3)


def words_that_are_no_command_are_told():
    for arguments in (("nonsense", "word"), ("list", "word"), ("list", "--nonsense"),
                      ("help", "nonsense"), ("version", "word"), ("snapshot", "a", "b"),
                      ("snapshot", "a", "-t", "b"), ("-x",)):
        weir(*arguments, expect=2)


def help_is_there_for_every_command():
    overview = weir("help").out
    for command in ("top", "list", "snapshot", "subscribe", "version", "help"):
        assert "\n  " + command + " " in overview, overview
        text = weir("help", command).out
        assert text.startswith("usage: weir " + command), text
        assert weir(command, "--help").out == text
    assert weir("--help").out == overview == weir("-h").out
    assert weir("version").out == weir("--version").out == weir("-V").out
    assert weir("version").out.startswith("weir "), weir("version")
    version = weir("version", "-o", "json").json()
    assert weir("version").out == "weir %s\n" % version["data"]["version"], version


assert environment["WEIR_DIR"] == scratch
run([running_process_is_listed_with_all_facts, every_form_tells_the_same,
     killed_process_is_called_dead, stopped_process_does_not_hold_up_the_list,
     unreadable_segments_are_listed_with_their_problem, target_is_found_in_each_of_its_forms,
     two_of_a_name_are_ambiguous, what_is_not_there_is_3, words_that_are_no_command_are_told,
     help_is_there_for_every_command])
