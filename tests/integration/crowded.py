#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=agent/src/hook,agent/src/finding
"""A server with 5,000 threads, of which some 1,000 at a time have cells of their own: every message counts, the agent's
row and the doctor say where and what it costs, and the server ends as any other; with the exporter and with hooks
alone, with restartable sequences and without."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, finish, run, start, wait_for, weir  # noqa: E402

THREADS = 1500 if os.environ.get("WEIR_SANITIZE") else 5000  # a sanitizer keeps much for each
SHARDS = 1024
WITHOUT_SEQUENCES = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}


def looked_at(host):
    return weir("snapshot", host.pid, "-o", "json").json()["data"]


def is_crowded(*form, **environment):
    host = Host("--name", "crowd", "--channel", "moves:unbounded:0:0:7", "--channel", "jobs:9", *form, **environment)
    host.command("threads", THREADS)
    for name in ("moves", "jobs"):
        host.shows("channels", name, "received", THREADS)
    data = looked_at(host)
    sent = {row["name"]: (row["sent"], row["depth"]) for row in data["channels"]}
    assert sent == {"moves": (THREADS + 7, 7), "jobs": (THREADS, 0)}, sent

    # A machine that registers no sequences has no processors with cells, whatever is asked for.
    agent = data["agent"]
    processors, cells = agent["processors_with_cells"], agent["threads_limit"]
    assert not (environment and processors), agent
    assert cells < SHARDS if processors else cells <= SHARDS, agent
    assert cells == SHARDS or not environment, agent
    # A thread that finds the lock taken counts in another cell, too, but would find room later.
    refused = agent["cells_refused"]
    assert (THREADS - cells) / 2 <= refused <= THREADS + 1 - cells, agent
    assert agent["threads"] <= cells and agent["threads_without_cells"] <= refused, agent
    done = finish(start("doctor", host.pid, "--for", 1, "-o", "json"))
    assert done.code == 1 or processors, done  # the 7 messages that stay are told, too, after a while
    [finding] = [one for one in done.json()["data"]["findings"] if one["kind"] == "threads_refused"]
    assert finding["severity"] == ("info" if processors else "warning"), finding
    assert "{:,} threads".format(refused) in finding["text"], finding
    assert ("per-CPU cells" if processors else "shared cells") in finding["text"], finding
    assert "{:,} threads".format(cells) in finding["evidence"], finding
    assert processors or "WEIR_STORAGE_SHARED" in finding["action"], finding
    text = weir("subscribe", "-t", host.pid, "crowd/warning/text/agent", "-C", 1, "-W", 20).out
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


def five_thousand_threads_without_restartable_sequences():
    is_crowded(**WITHOUT_SEQUENCES)


def five_thousand_threads_count_on_64_channels_within_the_limit():
    names = ["channel-%d" % i for i in range(64)]
    host = Host("--name", "crowd", *[word for name in names for word in ("--channel", name + ":unbounded")])
    host.command("threads", THREADS)
    host.shows("channels", names[-1], "received", THREADS)
    data = looked_at(host)
    counts = {row["name"]: (row["sent"], row["received"], row["depth"]) for row in data["channels"]}
    assert counts == {name: (THREADS, THREADS, 0) for name in names}, counts
    agent = data["agent"]
    assert agent["segment_bytes"] <= agent["segment_limit_bytes"] == 16 << 20, agent
    # A hook only tries the lock under which a histogram is made: a thread may lose its first sample.
    assert agent["samples_lost"] < THREADS, agent
    host.end()


if __name__ == "__main__":
    run([five_thousand_threads_with_the_exporter, five_thousand_threads_with_hooks_alone,
         five_thousand_threads_without_restartable_sequences,
         five_thousand_threads_count_on_64_channels_within_the_limit])
