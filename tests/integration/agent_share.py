#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The exporter takes its share of a processor and no more, however much is asked of it: who floods it
waits, who asks in measure is answered, and the host ends as fast as ever.
ctest: timeout=120 alone folders=agent/src/wire"""

import http.client
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import DEADLINE, Host, run, wait_for, weir  # noqa: E402

BURST, SHARE = 0.25, 0.05
SECONDS = 4
# A few turns: the one under way when the share is used up, and those that read the result.
SLACK = 2 if os.environ.get("WEIR_SANITIZE") else 0.5


def host(**more):
    one = Host("--name", "share%d" % os.getpid(), "--many", "room:2000", "--http", "127.0.0.1:0", **more)
    listed = weir("list", "-o", "json").json()["data"]["processes"]
    return one, next(entry for entry in listed if entry["pid"] == one.pid)["http_address"]


def spent(one):
    """Processor time of the exporter's thread in seconds, as the kernel has it."""
    tasks = "/proc/%d/task" % one.pid
    for tid in os.listdir(tasks):
        with open(os.path.join(tasks, tid, "comm"), encoding="utf-8") as file:
            if file.read() == "weir-agent\n":
                with open(os.path.join(tasks, tid, "schedstat"), encoding="utf-8") as file:
                    return int(file.read().split()[0]) / 1e9
    raise AssertionError("there is no exporter")


def flood(address, is_over):
    """Asks again and again, as fast as it is answered."""
    client = http.client.HTTPConnection(address, timeout=DEADLINE)
    try:
        while not is_over.is_set():
            client.request("GET", "/metrics")
            client.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # the host has ended
    client.close()


class Flood:
    def __init__(self, address):
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=flood, args=(address, self.is_over), daemon=True) for _ in range(8)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def agent(one):
    return weir("snapshot", one.pid, "-o", "json", "-X", "room*").json()["data"]["agent"]


def who_floods_the_exporter_waits_and_others_are_answered():
    one, address = host()
    assert agent(one)["rested_seconds"] == 0
    begun, before = time.monotonic(), spent(one)
    waves = Flood(address)
    slowest = 0.0
    while time.monotonic() - begun < SECONDS:
        asked = time.monotonic()
        assert weir("snapshot", one.pid, "-o", "json", "-X", "room*").json()["target"]["pid"] == one.pid
        slowest = max(slowest, time.monotonic() - asked)
    took, passed = spent(one) - before, time.monotonic() - begun
    waves.end()
    print("  %.3f s of processor time in %.1f s, the slowest answer after %.3f s" % (took, passed, slowest))
    assert took <= BURST + SHARE * passed + SLACK, (took, passed)
    rested = agent(one)["rested_seconds"]
    assert rested <= time.monotonic() - begun, rested
    # It stands still, unless a busy machine has given it less than it may take.
    assert rested > 0 or took < BURST + SHARE * passed, (rested, took, passed)
    one.end()


def a_flooded_host_ends_as_fast_as_ever():
    one, address = host(WEIR_AGENT_CPU="1")  # so much a busy machine gives it, too
    waves = Flood(address)
    wait_for(lambda: agent(one)["rested_seconds"] > 0, "it stands still")
    begun = time.monotonic()
    one.end()
    print("  ended after %.3f s" % (time.monotonic() - begun))
    waves.end()


def the_share_can_be_chosen():
    one, address = host(WEIR_AGENT_CPU="off")
    waves = Flood(address)
    begun = time.monotonic()
    while spent(one) < 3 * BURST and time.monotonic() - begun < SECONDS:
        pass  # a busy machine may not give it more than it may take elsewhere
    waves.end()
    assert agent(one)["rested_seconds"] == 0
    one.end()
    for word in ("0", "101", "-1", "5x", "much", "1e1"):
        one = Host("--name", "share", WEIR_AGENT_CPU=word)
        one.log.seek(0)
        text = one.log.read()
        assert "WEIR_AGENT_CPU=%s" % word in text and "1 to 100 or off" in text, text
        one.kill()
    one = Host("--name", "share", WEIR_AGENT_CPU="10%")
    one.log.seek(0)
    assert "WEIR_AGENT_CPU" not in one.log.read()
    one.kill()


run([who_floods_the_exporter_waits_and_others_are_answered, a_flooded_host_ends_as_fast_as_ever,
     the_share_can_be_chosen])
