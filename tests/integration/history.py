#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: timeout=120 folders=agent/src/snapshot,agent/src/session
"""The history of a process: asked for by gRPC while it lives, read by weir after it was killed, gone
after a clean end."""

import glob
import json
import math
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_client import (BUILD, CHANNEL, COUNTER, GAUGE, M, PROCESS, WARNING, Agent, Host,  # noqa: E402
                          eventually, fails, grpc)

WEIR = os.path.join(BUILD, "console", "weir")


def snapshot(host, target):
    done = subprocess.run([WEIR, "snapshot", str(target), "-o", "json"], capture_output=True, timeout=60,
                          env=dict(os.environ, WEIR_DIR=host.directory), check=True)
    return json.loads(done.stdout)


def files(host, ending):
    return glob.glob(os.path.join(host.directory, "*" + ending))


def history(agent, **request):
    return {series.name: series for series in agent.history(M["HistoryRequest"](**request), timeout=30)}


host = Host("--name", "game", "--channel", "moves:unbounded:1000:400", "--channel", "jobs:8",
            "--semaphore", "slots:4:1", "--counter", "backpressure_rejects:50", "--gauge", "players:-12")
agent = Agent(host.socket)


def what_was_is_told_beside_what_is():
    eventually(lambda: snapshot(host, host.pid)["data"]["agent"]["history_seconds"] >= 5,
               "five seconds of history")
    moves = history(agent, kind=CHANNEL)["moves"]
    values = list(moves.values)
    assert moves.step_nanos == 10**9 and moves.kind == CHANNEL and len(values) >= 5, moves
    # 600 messages stay every second; a value is of some moment within its second.
    grown = values[-1] - values[-5]
    assert 3 * 600 * 0.9 < grown < 5 * 600 * 1.1, values
    assert values == sorted(values), values
    columns = agent.columns()
    stream = agent.watch(M["WatchRequest"](queries=[M["Query"](kind=CHANNEL, filter="moves",
                                                               columns=[columns[CHANNEL, "depth"]])]), timeout=30)
    update = next(stream)
    stream.cancel()
    (row,) = update.tables[0].rows
    assert row.id == moves.id, (row, moves)
    seconds = (update.read_nanos - moves.last_read_nanos) / 1e9
    assert 0 <= seconds < 10, seconds
    depth = row.values[0].u64
    assert abs(depth - values[-1] - 600 * seconds) < 600, (depth, values, seconds)


def every_kind_has_its_own():
    def rates():
        return [value for value in history(agent, kind=COUNTER)["backpressure_rejects"].values
                if not math.isnan(value)]
    assert all(40 < rate < 60 for rate in eventually(lambda: rates()[1:], "rates")), rates()
    assert set(history(agent, kind=GAUGE)["players"].values) == {-12}
    rss = history(agent, kind=PROCESS, field="rss")["game"]
    with open("/proc/%d/status" % host.pid, encoding="ascii") as status:
        now = int(status.read().split("VmRSS:")[1].split()[0]) * 1024
    assert 0.5 < rss.values[-1] / now < 2, (rss.values, now)
    assert history(agent, kind=CHANNEL, filter="jobs").keys() == {"jobs"}
    assert len(history(agent, kind=CHANNEL, seconds=3)["moves"].values) == 3
    assert history(agent, kind=WARNING) == {}
    assert "no history of wait_p99" in fails(grpc.StatusCode.INVALID_ARGUMENT,
                                             lambda: history(agent, kind=CHANNEL, field="wait_p99"))


def a_killed_process_tells_its_last_facts():
    agent.close()
    before = snapshot(host, host.pid)["data"]["process"]
    (path,) = files(host, ".weir")
    host.kill()
    whole = snapshot(host, path)
    process = whole["data"]["process"]
    assert whole["target"]["state"] == "dead", whole["target"]
    for field in ("rss_bytes", "anon_bytes", "virtual_bytes"):
        assert 0.5 < process[field] / before[field] < 2, (field, before, process)
    assert process["threads"] == before["threads"] == 2, process
    assert abs(process["open_fds"] - before["open_fds"]) <= 3, (before, process)
    assert process["growth_bytes_per_second"] is not None and process["window_seconds"] >= 3, process
    assert process["cpu_seconds"] is not None, process
    assert 3 < process["uptime_seconds"] <= before["uptime_seconds"] + 60, (before, process)
    assert whole["data"]["agent"]["history_state"] == "left", whole["data"]["agent"]
    moves = [row for row in whole["data"]["channels"] if row["name"] == "moves"][0]
    # What left is two fifths of what came, so that the oldest message came two fifths in; the history
    # begins a moment after the first message.
    age, life = moves["oldest_age_seconds"], process["uptime_seconds"]
    assert abs(age - 0.6 * life) < 1.5, (age, life)


def without_an_exporter_there_is_none_and_nothing_is_missed():
    plain = Host("--name", "plain", "--channel", "moves:8:0:0:3", "--no-agent")
    data = snapshot(plain, plain.pid)["data"]
    assert data["agent"]["history_state"] == "none" and data["agent"]["history_bytes"] == 0, data["agent"]
    assert data["channels"][0]["depth"] == 3 and data["process"]["rss_bytes"] > 0, data
    assert files(plain, ".history") == []
    plain.kill()


def a_clean_end_leaves_no_file():
    clean = Host("--name", "clean", "--channel", "moves:8")
    eventually(lambda: files(clean, ".history"), "the file")
    clean.stop()
    assert os.listdir(clean.directory) == [], os.listdir(clean.directory)


what_was_is_told_beside_what_is()
every_kind_has_its_own()
a_killed_process_tells_its_last_facts()
without_an_exporter_there_is_none_and_nothing_is_missed()
a_clean_end_leaves_no_file()
