#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=console/src/command,console/src/emit,agent/src/session
"""weir subscribe: lines as the contract has them, and every way in which a subscription ends."""

import array
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import DEADLINE, WEIR, Host, environment, finish, run, start, wait_for, weir  # noqa: E402

game = Host("--name", "game", "--channel", "moves:unbounded", "--channel", "jobs:8",
            "--counter", "backpressure_rejects")
TIME = re.compile(r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def lines_are_as_documented():
    game.command("send", "moves", 4096)
    game.shows("channels", "moves", "depth", 4096)
    result = weir("subscribe", "game/channel/size/moves", "-t", game.pid, "-C", 1, "-o", "ndjson")
    line = result.lines()[0]
    assert TIME.match(line.pop("ts")), result
    assert line == {"schema": "weir.topic/1", "target": "game",
                    "topic": "game/channel/size/moves", "value": 4096, "unit": "messages"}, result
    assert list(json.loads(result.out)) == ["schema", "ts", "target", "topic", "value", "unit"]


def values_grow_with_the_queue():
    game.command("rate", "moves", 2000, 0)
    result = weir("subscribe", "game/channel/size/moves", "-t", game.pid, "-C", 5, "-i", 0.2,
                  "-o", "ndjson")
    game.command("rate", "moves", 0, 0)
    values = [line["value"] for line in result.lines()]
    assert len(values) == 5 and values == sorted(set(values)), values


def forms_for_people_and_tables():
    bare = weir("subscribe", "game/channel/capacity/jobs", "-t", game.pid, "-C", 1)
    assert bare.out == "8\n", bare
    unbounded = weir("subscribe", "game/channel/capacity/moves", "-t", game.pid, "-C", 1)
    assert unbounded.out == "-\n", unbounded
    rows = weir("subscribe", "game/channel/capacity", "-t", game.pid, "-C", 2)
    assert rows.out == "game/channel/capacity/moves -\ngame/channel/capacity/jobs 8\n", rows
    verbose = weir("subscribe", "game/channel/capacity/jobs", "-v", "-t", game.pid, "-C", 1)
    assert re.fullmatch(r"20\S+Z game/channel/capacity/jobs 8 messages\n", verbose.out), verbose
    table = weir("subscribe", "game/channel/capacity", "-t", game.pid, "-C", 2, "-o", "csv")
    head, first, second = table.out.splitlines()
    assert head == "ts,target,topic,value,unit", table
    assert re.fullmatch(r"20\S+Z,game,game/channel/capacity/moves,,messages", first), table
    assert re.fullmatch(r"20\S+Z,game,game/channel/capacity/jobs,8,messages", second), table


def topics_are_left_out_and_wildcards_taken():
    result = weir("subscribe", "+/channel/depth", "game/counter/value/#", "-T",
                  "game/channel/+/moves", "-t", game.pid, "-C", 2, "-o", "ndjson")
    topics = {line["topic"] for line in result.lines()}
    assert topics == {"game/channel/depth/jobs", "game/counter/value/backpressure_rejects"}, topics


def unchanged_numbers_are_kept_back_when_asked():
    process = start("subscribe", "game/counter/value/backpressure_rejects", "-t", game.pid,
                    "-i", 0.1, "-C", 2, "--changes-only", "-o", "ndjson")
    first = json.loads(process.stdout.readline())["value"]
    game.command("add", "backpressure_rejects", 7)
    result = finish(process)
    assert result.code == 0 and result.lines()[0]["value"] == first + 7, (first, result)


def unknown_topic_is_an_error_that_helps():
    for topic in ("tokio/channel/size", "game/chanel/size", "game/channel/sizes"):
        result = weir("subscribe", topic, "-t", game.pid, expect=2)
        assert "game/channel/size" in result.err, result
    result = weir("subscribe", "tokio/channel/size", "-o", "json", "-t", game.pid, expect=2)
    error = json.loads(result.err)
    assert error["schema"] == "weir.error/1" and error["data"]["code"] == 2, error
    assert "game/channel/size" in error["data"]["text"], error


def unknown_name_waits_and_says_so_once():
    process = start("subscribe", "game/channel/depth/late", "-t", game.pid, "-i", 0.1, "-C", 2,
                    "-o", "ndjson")
    assert "game/channel/depth/late: no such name yet" in process.stderr.readline()
    game.command("open", "late")
    game.command("send", "late", 3)
    result = finish(process)
    assert result.code == 0 and result.err == "", result
    assert result.lines()[-1]["value"] == 3, result
    game.command("close", "late")


def time_runs_out_with_124():
    result = weir("subscribe", "game/channel/depth/none", "-t", game.pid, "-W", 0.3, expect=124)
    assert result.out == "", result
    result = weir("subscribe", "game/channel/depth/jobs", "-t", game.pid, "-W", 0.3, "-i", 0.1,
                  expect=124)
    assert 2 <= len(result.out.splitlines()) <= 4, result


def interrupt_ends_with_130():
    process = start("subscribe", "game/channel/depth/jobs", "-t", game.pid, "-i", 0.1)
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGINT)
    assert finish(process).code == 130


def reader_that_goes_away_is_no_error():
    process = start("subscribe", "game/channel/depth/jobs", "-t", game.pid, "-i", 0.1)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0 and process.stderr.read() == ""
    # Also one that never gets a line to fail on.
    process = start("subscribe", "game/channel/depth/none", "-t", game.pid)
    process.stderr.readline()
    process.stdout.close()
    assert process.wait(30) == 0 and process.stderr.read() == ""


def clients(host):
    """The one that asks included."""
    return weir("snapshot", host.pid, "-o", "json", "-X", "room*").json()["data"]["agent"]["clients"]


def unread(file):
    count = array.array("i", [0])
    fcntl.ioctl(file, termios.FIONREAD, count)
    return count[0]


def a_reader_that_pauses_loses_lines_and_not_the_subscription():
    """For longer than a server waits for a client that reads nothing: another one is stopped, and left."""
    host = Host("--name", "paused", "--channel", "moves:unbounded", "--many", "room:1500")
    topics = ("subscribe", "paused/channel/sent", "-t", host.pid, "-i", 0.1, "-o", "ndjson")
    process = start(*topics)
    wait_for(lambda: unread(process.stdout) > 50000, "a reader that is behind")
    other = start(*topics)
    other.stdout.readline()
    wait_for(lambda: clients(host) == 3, "two subscriptions")
    other.send_signal(signal.SIGSTOP)
    host.command("send", "moves", 7)
    wait_for(lambda: clients(host) < 3, "the stopped one is left", 60)
    assert clients(host) == 2, "so is the one whose reader pauses"
    seen = None
    while seen != 7:
        line = json.loads(process.stdout.readline())
        seen = line["value"] if line["topic"] == "paused/channel/sent/moves" else seen
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, (process.returncode, err)
    assert re.search(r"standard output was not read for a while: [1-9]\d* lines left out", err), err
    other.kill()
    other.communicate()
    host.kill()


def full_disk_is_told():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([WEIR, "subscribe", "game/channel/depth/jobs", "-t", str(game.pid)],
                              stdout=full, stderr=subprocess.PIPE, env=environment, check=False,
                              timeout=30)
    assert done.returncode == 7 and b"No space left" in done.stderr, done


def ended_server_is_6(*arguments):
    for number in (signal.SIGTERM, signal.SIGKILL):
        host = Host("--name", "brief", "--channel", "moves:unbounded:1000", *arguments)
        process = start("subscribe", "brief/channel/depth/moves", "-t", host.pid, "-i", 0.1)
        process.stdout.readline()
        host.signal(number)
        host.process.wait(30)
        result = finish(process)
        assert result.code == 6 and result.err.count("\n") == 1, (number, result)
        assert str(host.pid) in result.err, result


def ended_server_without_an_exporter_is_6():
    ended_server_is_6("--no-agent")


def stopped_server_is_read_from_its_segment():
    host = Host("--name", "still", "--channel", "moves:unbounded")
    host.command("send", "moves", 77)
    host.shows("channels", "moves", "depth", 77)
    host.signal(signal.SIGSTOP)
    result = weir("subscribe", "still/channel/depth/moves", "-t", host.pid, "-C", 2, "-i", 0.1)
    assert result.out == "77\n77\n", result
    assert "does not answer" in result.err, result
    host.kill()


def domain_chooses_between_several_processes():
    lobby = Host("--name", "lobby%d" % os.getpid(), "--channel", "chat:5")
    result = weir("subscribe", "lobby%d/channel/capacity/chat" % os.getpid(), "-C", 1)
    assert result.out == "5\n", result
    lobby.kill()


def usage_is_checked_before_anything_is_asked():
    for arguments, part in (
            ((), "give a topic"),
            (("game/channel/depth", "-i", "0.01"), "0.1 to 60"),
            (("game/channel/depth", "-i", "61"), "0.1 to 60"),
            (("game/channel/depth", "-C", "0"), "whole number"),
            (("game/channel/depth", "-W", "x"), "seconds"),
            (("game/channel/depth", "-o", "xml"), "human|json|ndjson|csv"),
            (("game/channel/depth", "--what"), "no such option"),
            (("game", "-t", str(game.pid)), "FIELD"),
            (("/" * 600, "-t", str(game.pid)), ""),
            (("a" * 4000, "-t", str(game.pid)), ""),
            (["t%d" % i for i in range(65)], "too many words")):
        result = weir("subscribe", *arguments, expect=2)
        assert part in result.err, (arguments, result)


def many_subscribers_get_the_same():
    game.command("send", "jobs", 8)
    game.shows("channels", "jobs", "depth", 8)
    processes = [start("subscribe", "game/channel/depth/jobs", "-t", game.pid, "-C", 3, "-i", 0.2)
                 for _ in range(20)]
    for process in processes:
        result = finish(process)
        assert result.code == 0 and result.out == "8\n" * 3, result


run([lines_are_as_documented, values_grow_with_the_queue, forms_for_people_and_tables,
     topics_are_left_out_and_wildcards_taken, unchanged_numbers_are_kept_back_when_asked,
     unknown_topic_is_an_error_that_helps, unknown_name_waits_and_says_so_once,
     time_runs_out_with_124, interrupt_ends_with_130, reader_that_goes_away_is_no_error,
     a_reader_that_pauses_loses_lines_and_not_the_subscription,
     full_disk_is_told, ended_server_is_6, ended_server_without_an_exporter_is_6,
     stopped_server_is_read_from_its_segment, domain_chooses_between_several_processes,
     usage_is_checked_before_anything_is_asked, many_subscribers_get_the_same])
