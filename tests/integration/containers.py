#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Containers: hosts that are pid 1 of their namespaces, with one WEIR_DIR or a /dev/shm each. Each is one process,
named by the pid that it has on this side, by NAME/N and by its path.
ctest: timeout=300 folders=agent/src/segment,agent/src/wire,console/src/target"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import apart  # noqa: E402
apart.enter()
from console import DEADLINE, HOST, environment, is_chrooted, run, scratch, wait_for, weir  # noqa: E402
from containers import start, start_at_one_tick, start_ticks  # noqa: E402
from serving import Serve  # noqa: E402

NAME = "replica"
WORDS = ["--name", NAME, "--channel", "moves:unbounded"]


def folder(name):
    path = os.path.join(scratch, name)
    os.mkdir(path, 0o700)
    return path


def listed(**more):
    """What is listed as alive, by pid."""
    rows = weir("list", "-o", "json", **more).json()["data"]["processes"]
    alive = [row for row in rows if row["name"] == NAME and row["state"] != "dead"]
    assert all(row["state"] == "running" for row in alive), alive
    by_pid = {row["pid"]: row for row in alive}
    assert len(by_pid) == len(alive), alive
    return by_pid


def depth(target, pid, **more):
    """What a target tells, once it is told by this pid."""
    told = weir("snapshot", target, "-o", "json", **more).json()
    assert told["target"] == {"name": NAME, "pid": pid, "state": "running"}, (target, told["target"])
    return told["data"]["channels"][0]["depth"]


def told_apart(hosts, depths, **more):
    """Each by its pid, by what the list calls it, by the paths of its segment and its socket."""
    rows = wait_for(lambda: (now := listed(**more)).keys() == {host.pid for host in hosts} and now, "all of them")
    names = {NAME + "/%d" % (i + 1) for i in range(len(hosts))} if len(hosts) > 1 else {None}
    assert {row["target"] for row in rows.values()} == names, rows
    for host, expected in zip(hosts, depths):
        row = rows[host.pid]
        targets = [host.pid, row["target"] or NAME, row["path"]]
        if row["path"].endswith(".weir"):  # else it is reached by a descriptor of its process
            targets.append("unix:" + row["path"][:-len(".weir")] + ".sock")
        for target in targets:
            wait_for(lambda target=target: depth(target, host.pid, **more) == expected,
                     "%d by %s" % (expected, target))
    return rows


def pasted_back(hosts, **more):
    """What an error offers in place of a name that several have works as it stands."""
    error = weir("snapshot", NAME, expect=2, **more).err
    offered = re.findall(r"(%s/\d+) \(pid (\d+)\)" % NAME, error)
    assert {int(pid) for _, pid in offered} == {host.pid for host in hosts}, error
    for label, pid in offered:
        depth(label, int(pid), **more)


def one_pid_and_tick_in_one_directory():
    place = folder("one")
    hosts = start_at_one_tick([(WORDS, {"WEIR_DIR": place})] * 3)
    for i, host in enumerate(hosts):
        host.command("send", "moves", 10 + i)
    told_apart(hosts, (10, 11, 12), WEIR_DIR=place)
    pasted_back(hosts, WEIR_DIR=place)
    # Each has a segment, a history and a socket, and nobody's end takes another's.
    wait_for(lambda: len(os.listdir(place)) == 9, "nine files")
    weir("prune", WEIR_DIR=place)
    assert len(os.listdir(place)) == 9, os.listdir(place)
    hosts[0].end()
    told_apart(hosts[1:], (11, 12), WEIR_DIR=place)
    hosts[1].kill()
    weir("prune", WEIR_DIR=place)
    assert depth(NAME, hosts[2].pid, WEIR_DIR=place) == 12
    assert len(os.listdir(place)) == 3, os.listdir(place)
    hosts[2].end()
    assert not os.listdir(place), os.listdir(place)


def one_pid_and_tick_with_a_shm_each():
    own = {name: "" for name in ("WEIR_DIR", "XDG_RUNTIME_DIR")}
    hosts = start_at_one_tick([(WORDS, own)] * 2, has_own_shm=True)
    for i, host in enumerate(hosts):
        host.command("send", "moves", 20 + i)
    rows = told_apart(hosts, (20, 21))
    within = "/proc/%d/fd/" if is_chrooted() else "/proc/%d/root/dev/shm/"
    assert all(row["path"].startswith(within % pid) for pid, row in rows.items()), rows
    pasted_back(hosts)
    hosts[0].kill()
    told_apart(hosts[1:], (21,))
    hosts[1].end()


def hooks_alone_in_one_directory():
    place = folder("hooks")
    hosts = start_at_one_tick([([*WORDS, "--no-agent"], {"WEIR_DIR": place})] * 2)
    for i, host in enumerate(hosts):
        host.command("send", "moves", 30 + i)
    rows = listed(WEIR_DIR=place)
    for i, host in enumerate(hosts):
        for target in (host.pid, rows[host.pid]["target"], rows[host.pid]["path"]):
            assert depth(target, host.pid, WEIR_DIR=place) == 30 + i
        told = weir("snapshot", host.pid, "-o", "json", WEIR_DIR=place).json()["data"]["process"]
        with open("/proc/%d/statm" % host.pid, encoding="utf-8") as statm:
            pages = int(statm.read().split()[1])
        assert abs(told["rss_bytes"] - pages * os.sysconf("SC_PAGE_SIZE")) < 1 << 20, (told, pages)
    for host in hosts:
        host.end()


def served_from_beside():
    place = folder("served")
    hosts = start_at_one_tick([(WORDS, {"WEIR_DIR": place})] * 2)
    for i, host in enumerate(hosts):
        host.command("send", "moves", 40 + i)
    server = Serve("--all", WEIR_DIR=place)

    def depths():
        all_series = server.series()
        return {labels["pid"]: value for (family, labels), value in
                (((name.split("{")[0], dict(re.findall(r'(\w+)="([^"]*)"', name))), value)
                 for name, value in all_series.items())
                if family == "weir_channel_depth" and labels.get("process") == NAME}
    expected = {str(host.pid): 40 + i for i, host in enumerate(hosts)}
    wait_for(lambda: {pid: float(value) for pid, value in depths().items()} == expected, "both in one scrape: %s" % depths())
    for target in ("http://%s/%s", "unix:%s/%s"):
        at = server.grpc if target[0] == "h" else server.socket
        for i, host in enumerate(hosts):
            assert depth(target % (at, host.pid), host.pid) == 40 + i
        error = weir("snapshot", target % (at, NAME), expect=None).err
        offered = re.findall(r"(%s/\d+) \(pid (\d+)\)" % NAME, error)
        assert {int(pid) for _, pid in offered} == {host.pid for host in hosts}, error
        for label, pid in offered:
            assert depth(target % (at, label), int(pid)) == expected[pid]
    server.end()
    one = Serve(listed(WEIR_DIR=place)[hosts[1].pid]["target"], WEIR_DIR=place)
    assert depth("unix:" + one.socket, hosts[1].pid) == 41
    one.end()
    by_pid = Serve(hosts[0].pid, WEIR_DIR=place)
    assert depth("unix:" + by_pid.socket, hosts[0].pid) == 40
    by_pid.end()
    for host in hosts:
        host.end()


def a_neighbour_sees_that_it_runs():
    """From a third pid namespace neither has a pid: both are 1, running, and told apart by their numbers."""
    place = folder("neighbour")
    hosts = start([(WORDS, {"WEIR_DIR": place})] * 2)
    for i, host in enumerate(hosts):
        host.command("send", "moves", 50 + i)
    beside = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]

    def aside(*words, code=0):
        done = subprocess.run([*beside, os.path.join(os.environ["WEIR_BUILD"], "console", "weir"), *words],
                              env={**environment, "WEIR_DIR": place}, capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        assert done.returncode == code, done
        return done
    error = aside("snapshot", "1", code=2).stderr
    offered = re.findall(r"(%s/\d+) \(pid 1\)" % NAME, error)
    assert sorted(offered) == [NAME + "/1", NAME + "/2"], error

    def seen():
        told = [aside("snapshot", "-o", "json", label).stdout for label in offered]
        assert all('"state":"running"' in one for one in told), told
        return {depth for one in told for depth in re.findall(r'"depth":(\d+)', one)}
    wait_for(lambda: seen() == {"50", "51"}, "the depth of each")
    aside("prune")
    assert len(listed(WEIR_DIR=place)) == 2
    for host in hosts:
        host.end()


def a_host_in_a_pid_and_a_user_namespace():
    for more in ([], ["--no-agent"]):
        process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc",
             HOST, *WORDS, *more, "--channel", "more:4"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
        line = process.stdout.readline()
        if not line:
            print("  left out: no user namespace can be had here")
            return
        assert line == "ready 1\n", line
        process.stdin.write("send moves 60\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ok\n"
        ((pid, row),) = listed().items()
        assert pid != 1 and start_ticks(pid), row
        for target in (pid, NAME, NAME + "/1", row["path"]):
            wait_for(lambda target=target: depth(target, pid) == 60, "60 by %s" % target)
        process.kill()
        process.communicate(timeout=DEADLINE)


run([one_pid_and_tick_in_one_directory, one_pid_and_tick_with_a_shm_each, hooks_alone_in_one_directory,
     served_from_beside, a_neighbour_sees_that_it_runs, a_host_in_a_pid_and_a_user_namespace])
