#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=agent/src/segment,agent/src/finding
"""An assertion of weir's own code that fails in a host: the host goes on, and everybody who looks is told how often and
where the first time; also before weir_start, and in a forked child that counts again."""

import atexit
import http.client
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import BUILD, DEADLINE, Host, environment, finish, run, start, wait_for, weir  # noqa: E402
from serving import series  # noqa: E402

PROGRAM = os.path.join(BUILD, "tests", "contradicts")
SOURCE = os.path.join(os.environ["WEIR_SOURCE"], "tests/support/contradicts.c")


def place(condition):
    """Where the program asks for this, as the libraries say it."""
    with open(SOURCE, encoding="utf-8") as file:
        [line] = [number for number, text in enumerate(file, 1) if "(%s)" % condition in text]
    return "tests/support/contradicts.c:%d" % line


class Contradicting:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment, text=True)
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        self.pid, self.port = map(int, re.fullmatch(r"ready (\d+) (\d+)\n", line).groups())

    def scrape(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request("GET", "/metrics", headers={"Connection": "close"})
        values = series(connection.getresponse().read().decode())
        connection.close()
        return values

    def tells(self, number, where):
        """Whether scrapes, snapshots and the doctor say this many, and the place."""
        wait_for(lambda: self.scrape()["weir_agent_broken_total"] == number, "%d are counted" % number)
        agent = weir("snapshot", self.pid, "-o", "json").json()["data"]["agent"]
        assert (agent["broken"], agent["broken_at"]) == (number, where), agent
        done = finish(start("doctor", self.pid, "--for", 1, "-o", "json"))
        assert done.code == 1, done
        [finding] = [one for one in done.json()["data"]["findings"] if one["kind"] == "agent_broken"]
        assert finding["severity"] == "warning", finding
        assert "found %d contradiction" % number in finding["text"], finding
        assert "first at %s: please report it" % where in finding["text"], finding

    def end(self):
        """In good order, with nothing printed."""
        _, err = self.process.communicate(timeout=DEADLINE)
        assert (self.process.returncode, err) == (0, ""), (self.process.returncode, err)


def a_host_goes_on_and_tells():
    host = Contradicting()
    host.tells(3, place("one == 2"))
    host.end()


def a_forked_child_counts_its_own():
    host = Contradicting("fork")
    host.tells(1, place("one == 5"))
    host.end()


def nothing_is_said_of_a_host_in_order():
    host = Host("--name", "game", "--channel", "moves:unbounded:0:0:7")
    host.shows("channels", "moves", "depth", 7)
    agent = weir("snapshot", host.pid, "-o", "json").json()["data"]["agent"]
    assert agent["broken"] == 0 and not agent.get("broken_at"), agent
    host.end()


if __name__ == "__main__":
    run([a_host_goes_on_and_tells, a_forked_child_counts_its_own, nothing_is_said_of_a_host_in_order])
