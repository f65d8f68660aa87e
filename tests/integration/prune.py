#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=console/src/command,agent/src/segment
"""weir prune: what dead processes of this user have left goes, wherever segments lie; what a living process,
another user, or nobody of weir's made stays."""

import os
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import apart  # noqa: E402
apart.enter()
from console import DEADLINE, HOST, Host, environment, run, scratch, wait_for, weir  # noqa: E402

SETUP = ("--name", "game", "--channel", "moves:unbounded:1000:400")
MINUTES_AGO = 200  # seconds: a file without a name is let be for one minute


def names(folder=scratch):
    return set(os.listdir(folder))


def of(host):
    return {name for name in names() if name.startswith("%d-" % host.pid)}


def lives():
    host = Host(*SETUP)
    wait_for(lambda: len(of(host)) == 3, "segment, socket and history")
    return host


def killed():
    host = lives()
    host.kill()
    return host


def pruned(*more, **environ):
    """The paths that it says it removed."""
    whole = weir("prune", "-o", "json", *more, **environ).json()
    assert whole["schema"] == "weir.prune/1" and whole["target"] is None, whole
    (rows,) = whole["data"].values()
    return rows


def nothing_is_said_to_be_nothing():
    done = weir("prune")
    assert done.out == "" and "nothing to remove" in done.err, done
    assert pruned() == []


def dead_go_and_the_living_stay():
    dead, living, hooks = [killed(), killed()], lives(), Host("--name", "plain", "--no-agent")
    files = of(living) | of(hooks)
    before = names()
    assert len(files) == 4 and all(len(of(one)) >= 2 for one in dead), before  # a start sweeps sockets
    dry = weir("prune", "-n", "-o", "json").json()["data"]["would_remove"]
    assert names() == before, "a dry run removes nothing"
    removed = weir("prune", "-o", "json").json()["data"]["removed"]
    assert removed == dry, (removed, dry)
    assert {row["pid"] for row in removed} == {one.pid for one in dead}, removed
    assert all(row["name"] == "game" and row["bytes"] > 64 << 10 and row["since"] for row in removed), removed
    assert names() == files, (names(), files)
    assert weir("snapshot", living.pid, "-o", "json").json()["target"]["state"] == "running"
    living.command("send", "moves", 1)
    living.end(), hooks.end()


def segments_that_make_no_sense_go_too():
    dead, empty = killed(), "%d-19.weir" % killed_pid()
    with open(os.path.join(scratch, empty), "wb"):
        pass
    before = names()
    os.chmod(dead.path(), 0o600)
    with open(dead.path(), "r+b") as file:
        file.write(b"garbled!" * 16)
    assert {os.path.basename(row["path"]) for row in pruned()} == {name for name in before if name.endswith(".weir")}
    assert names() == set()


def people_see_what_goes():
    dead = killed()
    path = dead.path()
    lines = weir("prune", "-n").out.splitlines()
    assert lines[0].startswith("would remove") and path in lines[-1] and "game" in lines[-1], lines
    lines = weir("prune").out.splitlines()
    assert lines[0].startswith("removed") and path in lines[-1], lines
    assert names() == set()


def leavings_go_and_strangers_stay():
    def make(name, age=0):
        path = os.path.join(scratch, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("x")
        os.utime(path, (os.stat(path).st_mtime - age,) * 2)
        return name

    gone = "%d-17" % killed_pid()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.path.join(scratch, gone + ".sock"))
    going = {gone + ".sock", make(gone + ".history"), make(".%d-18.weir.stopped" % killed_pid()),
             make(".%d.new" % killed_pid(), MINUTES_AGO)}
    staying = {make(".4711.new"), make("notes.txt"), make("weir"), make(gone + ".weird"), make("history")}
    if os.geteuid() == 0 and can_give_away(make("4711-18.history")):
        staying.add("4711-18.history")
    else:
        os.unlink(os.path.join(scratch, "4711-18.history"))
    for more in (["-n"], []):
        told = {os.path.basename(row["path"]) for row in pruned(*more)}
        assert told == going, (told, going)
    assert names() == staying, names()
    for name in staying:
        os.unlink(os.path.join(scratch, name))


def killed_pid():
    """The pid of a process that has been."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


def can_give_away(name):
    """Whether it can be made another user's: not where this namespace knows one user alone."""
    try:
        os.chown(os.path.join(scratch, name), 65534, 65534)
        return True
    except OSError:
        return False


def every_place_is_looked_at():
    """The one that WEIR_DIR names, the session's, and the user's in /dev/shm."""
    session = os.path.join(scratch, "session")
    os.mkdir(session, 0o700)
    places = {"/dev/shm/weir-%d" % os.geteuid(): {}, session + "/weir": {"XDG_RUNTIME_DIR": session}}
    for place, more in places.items():
        env = {name: value for name, value in environment.items() if name not in ("WEIR_DIR", "XDG_RUNTIME_DIR")}
        with subprocess.Popen([HOST, *SETUP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env={**env, **more}) as host:
            assert host.stdout.readline() == "ready %d\n" % host.pid
            host.kill()
        assert any(name.endswith(".weir") for name in os.listdir(place)), place
    here = killed().path()
    paths = {row["path"] for row in pruned(XDG_RUNTIME_DIR=session)}
    assert here in paths and {os.path.dirname(path) for path in paths} == {*places, scratch}, paths
    assert all(os.listdir(place) == [] for place in places), [os.listdir(place) for place in places]
    os.rmdir(session + "/weir"), os.rmdir(session)


def living_process_of_another_pid_namespace_stays():
    """Its pid means nothing here, or somebody else: the lock on its segment tells."""
    inside = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", HOST, *SETUP], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert inside.stdout.readline() == "ready 1\n"
        before = wait_for(lambda: len(names()) == 3 and names(), "its three files")
        assert all(name.startswith("1-") for name in before), before
        assert pruned() == [] and names() == before, names()
    finally:
        inside.kill()
        inside.communicate(timeout=DEADLINE)
    removed = wait_for(pruned, "that it is dead")
    assert [row["pid"] for row in removed] == [1] and names() == set(), (removed, names())


def what_cannot_be_removed_is_an_error():
    if os.geteuid() != 0:
        return
    dead = killed()
    path = dead.path()
    subprocess.run(["mount", "--bind", scratch, scratch], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", scratch], check=True)
    try:
        done = weir("prune", expect=5)
        assert path in done.err and "could not be removed" in done.err, done
    finally:
        subprocess.run(["umount", scratch], check=True)
    assert [row["path"] for row in pruned()] == [path]


run([nothing_is_said_to_be_nothing, dead_go_and_the_living_stay, segments_that_make_no_sense_go_too,
     people_see_what_goes, leavings_go_and_strangers_stay, every_place_is_looked_at,
     living_process_of_another_pid_namespace_stays, what_cannot_be_removed_is_an_error])
