#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=agent/src/hook,agent/src/finding
"""A server with 5,000 threads, of which 1,024 at a time have cells of their own: every message counts, the doctor
says what it costs, and the server ends as any other; with the exporter and with hooks alone."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, finish, run, start, wait_for, weir  # noqa: E402

THREADS = 1500 if os.environ.get("WEIR_SANITIZE") else 5000  # a sanitizer keeps much for each
CELLS = 1024


def looked_at(host):
    return weir("snapshot", host.pid, "-o", "json").json()["data"]


def is_crowded(*form):
    host = Host("--name", "crowd", "--channel", "moves:unbounded:0:0:7", "--channel", "jobs:9", *form)
    host.command("threads", THREADS)
    for name in ("moves", "jobs"):
        host.shows("channels", name, "received", THREADS)
    data = looked_at(host)
    sent = {row["name"]: (row["sent"], row["depth"]) for row in data["channels"]}
    assert sent == {"moves": (THREADS + 7, 7), "jobs": (THREADS, 0)}, sent

    # A thread that finds the lock taken counts in a shared cell, too, but would find room later.
    refused = data["agent"]["cells_refused"]
    assert (THREADS - CELLS) / 2 <= refused <= THREADS + 1 - CELLS, refused
    done = finish(start("doctor", host.pid, "--for", 1, "-o", "json"))
    assert done.code == 1, done
    [finding] = [one for one in done.json()["data"]["findings"] if one["kind"] == "threads_refused"]
    assert finding["severity"] == "warning" and "{:,} threads".format(refused) in finding["text"], finding
    assert "WEIR_STORAGE_SHARED" in finding["action"], finding
    text = weir("subscribe", "-t", host.pid, "crowd/warning/text/#", "-C", 1, "-W", 20).out
    assert "have no cells of their own" in text, text
    host.command("send", "moves", 3)
    host.shows("channels", "moves", "depth", 10)
    host.end()
    wait_for(lambda: not [row for row in weir("list", "-o", "json").json()["data"]["processes"]
                          if row["pid"] == host.pid], "its files have gone")


def five_thousand_threads_with_the_exporter():
    is_crowded()


def five_thousand_threads_with_hooks_alone():
    is_crowded("--no-agent")


if __name__ == "__main__":
    run([five_thousand_threads_with_the_exporter, five_thousand_threads_with_hooks_alone])
