#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=console/src/command,console/src/emit
"""weir snapshot: the documented JSON, in every form, of the living, the unserved and the dead."""

import csv
import io
import os
import subprocess
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import (DEADLINE, HOSTILE, WEIR, Host, environment, is_harmless, run, scratch, start, wait_for,  # noqa: E402
                     weir)

SETUP = ("--name", "game", "--channel", "moves:unbounded", "--channel", "jobs:8",
         "--semaphore", "slots:4:1", "--task", "handler:3:2", "--gauge", "players:-12",
         "--counter", "backpressure_rejects")


def play(host):
    """The same life for every host that is compared."""
    host.command("send", "moves", 10)
    host.command("receive", "moves", 3)
    host.command("discard", "moves", 2)
    host.command("reject", "moves", "shed", 23)
    host.command("send", "jobs", 10)
    host.command("refuse", "slots", 4)
    host.command("finish", "handler", 1)
    host.command("add", "backpressure_rejects", 27)
    return host


def some(row, *names):
    return [row[name] for name in names]


def check(data):
    moves, jobs = data["channels"]
    assert some(moves, "name", "depth", "capacity", "fill", "sent", "received", "discarded",
                "rejects", "queued_bytes") == ["moves", 5, None, None, 10, 3, 2, 23, 320], moves
    assert moves["rejects_by_reason"] == {"full": 0, "closed": 0, "timeout": 0, "shed": 23}, moves
    assert moves["discarded_by_reason"]["expired"] == 2, moves
    assert moves["kind"] == "mpsc" and moves["source"].startswith("host.c:"), moves
    assert {"p50", "p99", "max"} <= set(moves["wait_seconds"]), moves
    assert some(jobs, "name", "depth", "capacity", "fill", "rejects") == ["jobs", 8, 8, 1, 2], jobs
    (slots,) = data["semaphores"]
    assert some(slots, "name", "permits", "available", "rejects") == ["slots", 4, 3, 4], slots
    assert slots["rejects_by_reason"]["exhausted"] == 4, slots
    (handler,) = data["tasks"]
    assert some(handler, "name", "pending", "running", "spawned", "finished") == [
        "handler", 3, 1, 5, 1], handler
    assert data["loops"] == [], data
    assert some(data["counters"][0], "name", "value") == ["backpressure_rejects", 27], data
    assert some(data["gauges"][0], "name", "value") == ["players", -12], data
    assert data["process"]["backpressure_rejects"] == 27, data["process"]
    assert data["process"]["backpressure_rejects_source"] == "counter", data["process"]


def living_process_is_shown_as_documented():
    host = play(Host(*SETUP))
    host.shows("counters", "backpressure_rejects", "value", 27)
    whole = weir("snapshot", host.pid, "-o", "json").json()
    assert list(whole) == ["schema", "ts", "target", "data"], whole
    assert whole["schema"] == "weir.snapshot/1", whole
    assert whole["target"] == {"name": "game", "pid": host.pid, "state": "running"}, whole
    assert list(whole["data"]) == ["process", "channels", "semaphores", "tasks", "single_tasks",
                                   "loops", "senders", "counters", "gauges", "agent",
                                   "warnings"], whole
    check(whole["data"])
    process = whole["data"]["process"]
    assert process["rss_bytes"] > 0 and process["uptime_seconds"] > 0, process
    assert process["threads"] >= 2 and process["open_fds"] > 3, process
    # The one who asks is counted too, once the exporter has read again.
    wait_for(lambda: weir("snapshot", host.pid, "-o", "json").json()["data"]["agent"]["clients"] >= 1,
             "a client in the agent's own numbers")
    host.kill()


def process_without_exporter_is_read_from_its_segment():
    host = play(Host(*SETUP, "--no-agent"))
    whole = weir("snapshot", host.pid, "-o", "json").json()
    assert whole["target"] == {"name": "game", "pid": host.pid, "state": "running"}, whole
    check(whole["data"])
    host.kill()


def killed_process_shows_its_last_numbers():
    host = play(Host(*SETUP))
    path = host.path()
    host.kill()
    for target in (host.pid, path, "file://" + path):
        result = weir("snapshot", target, "-o", "json")
        assert result.json()["target"]["state"] == "dead", result
        assert "is dead: these are its last numbers" in result.err, result
        check(result.json()["data"])
    assert " dead" in weir("snapshot", host.pid).out


def every_form_has_the_numbers():
    host = play(Host(*SETUP))
    host.shows("counters", "backpressure_rejects", "value", 27)
    human = [line.split() for line in weir("snapshot", host.pid).out.splitlines()]
    assert human[0][:2] == ["game[%d]" % host.pid, "running"], human
    assert ["backpressure_rejects", "27"] in [line[:2] for line in human], human
    assert ["moves", "5", "unbounded"] in [line[:3] for line in human], human
    titles = next(line for line in human if line[:1] == ["CHANNEL"])
    for line in human[human.index(titles) + 1:]:
        if not line:
            break  # the end of the table
        shown = dict(zip(titles, line))
        assert (int(shown["DEPTH"].replace(",", "")) == int(shown["SENT"].replace(",", "")) -
                int(shown["RECEIVED"].replace(",", "")) - int(shown["DISCARDED"].replace(",", ""))), shown
    rows = list(csv.DictReader(io.StringIO(weir("snapshot", host.pid, "-o", "csv").out)))
    depth = [row for row in rows if (row["kind"], row["name"], row["field"]) == (
        "channel", "moves", "depth")]
    assert len(depth) == 1 and depth[0]["value"] == "5" and depth[0]["unit"] == "messages", depth
    lines = weir("snapshot", host.pid, "-o", "ndjson").lines()
    assert {line["kind"] for line in lines} >= {"process", "channel", "semaphore", "task",
                                                "counter", "gauge", "agent"}, lines
    assert [line["data"]["depth"] for line in lines if line["kind"] == "channel" and line["data"]["name"] == "moves"] == [5]
    host.kill()


def names_are_chosen_by_globs():
    host = Host("--name", "globs", *[word for name in ("in", "out", "inner/a", "x")
                                     for word in ("--channel", name + ":5")])

    def channels(*arguments):
        data = weir("snapshot", host.pid, "-o", "json", *arguments).json()["data"]
        assert data["process"]["threads"] > 0, data
        return [row["name"] for row in data["channels"]]

    assert channels() == ["in", "out", "inner/a", "x"]
    assert channels("-I", "in*") == ["in", "inner/a"]
    assert channels("-I", "in*", "-I", "?") == ["in", "inner/a", "x"]
    assert channels("-X", "in*") == ["out", "x"]
    assert channels("-I", "in*", "-X", "*/a") == ["in"]
    assert channels("-I", "nothing") == []
    host.kill()


def thousands_of_rows_come_in_pages():
    host = Host("--name", "many", "--many", "channel-with-a-long-name-:20000", WEIR_LIMIT="64M")
    host.shows("channels", "channel-with-a-long-name-19999", "depth", 1)
    rows = weir("snapshot", host.pid, "-o", "json").json()["data"]["channels"]
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names)) == 20000, len(names)
    assert all(row["depth"] == 1 for row in rows)
    what_cannot_be_written_is_told(host)
    host.kill()


def what_cannot_be_written_is_told(host):
    """Also when it fails long before the end."""
    command = [WEIR, "snapshot", str(host.pid), "-o", "ndjson"]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment,
                              timeout=DEADLINE, check=False)
    assert done.returncode == 7 and done.stderr.count(b"\n") == 1, done
    process = start("snapshot", host.pid, "-o", "ndjson")  # a reader that has had enough
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(DEADLINE) == 0
    told = process.stderr.read()  # at most that a busy machine took long
    assert told == "" or "the snapshot took" in told and told.count("\n") == 1, told
    # Without any standard output no socket may take its place.
    done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', *command], stderr=subprocess.PIPE,
                          env=environment, timeout=DEADLINE, check=False)
    assert done.returncode == 7 and done.stderr.count(b"\n") == 1, done


def hostile_names_do_no_harm():
    host = Host("--name", "a\x1b]0;b\x07", "--channel", "\x1b[2J\u009b\n:5", "--channel",
                "\u00e9\u20ac\U0001f3ae\":5")
    result = weir("snapshot", host.pid)  # the helper looks for control characters
    assert "\u00e9\u20ac\U0001f3ae\"" in result.out, result
    names = [row["name"] for row in
             weir("snapshot", host.pid, "-o", "json").json()["data"]["channels"]]
    assert names[1] == "\u00e9\u20ac\U0001f3ae\"", names
    host.kill()


def scrape(address):
    host, port = address.rsplit(":", 1)
    with urllib.request.urlopen("http://%s:%s/metrics" % (host, port), timeout=DEADLINE) as answer:
        return answer.read().decode()


def names_are_harmless_in_every_output():
    """The hooks clean a name before it is written; so does who reads a file that somebody else has written."""
    plain = "N" * len(HOSTILE.encode())
    host = Host("--name", HOSTILE, "--channel", HOSTILE + ":1", "--http", "127.0.0.1:0")
    (address,) = [process["http_address"] for process in weir("list", "-o", "json").json()["data"]["processes"]
                  if process["pid"] == host.pid]
    text = scrape(address)
    assert "?[2J" in text and is_harmless(text), text
    host.kill()
    os.remove(host.path())
    host = Host("--name", plain[:40], "--channel", plain + ":1")
    host.kill()
    with open(host.path(), "rb") as file:
        whole = file.read()
    assert whole.count(plain.encode()) == 1
    with open(host.path(), "wb") as file:
        file.write(whole.replace(plain.encode(), HOSTILE.encode()).replace(b"N" * 40, b"a\xe2\x80\xae\x1b[2J" + b"N" * 32))
    for form in ("human", "csv", "json", "ndjson"):
        assert "[2J" in weir("snapshot", host.path(), "-o", form).out
        assert "[2J" in weir("list", "-o", form).out
    assert "[2J" in weir("doctor", host.path(), expect=None).out
    os.remove(host.path())


def bent_segments_give_one_line_and_4():
    host = play(Host(*SETUP))
    with open(host.path(), "rb") as file:
        whole = file.read(1 << 18)
    host.kill()
    path = os.path.join(scratch, "bent")
    for length in (0, 1, 63, 64, 100, 1000, 4095, 4096):
        with open(path, "wb") as file:
            file.write(whole[:length])
        weir("snapshot", path, expect=4)
    for at in range(0, 64):
        bent = bytearray(whole)
        bent[at] ^= 0xFF
        with open(path, "wb") as file:
            file.write(bent)
        result = weir("snapshot", path, expect=None)
        assert result.code in (0, 3, 4), (at, result)


run([living_process_is_shown_as_documented, process_without_exporter_is_read_from_its_segment,
     killed_process_shows_its_last_numbers, every_form_has_the_numbers, names_are_chosen_by_globs,
     thousands_of_rows_come_in_pages, hostile_names_do_no_harm, names_are_harmless_in_every_output,
     bent_segments_give_one_line_and_4])
