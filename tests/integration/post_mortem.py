#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where a segment outlives its process, and where it does not unless WEIR_DIR says so: what
docs/post-mortem.md promises, with containers made of namespaces.
ctest: labels=long,plain timeout=300 folders=agent/src/segment,console/src/command"""

import atexit
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import apart  # noqa: E402
apart.enter()
from console import DEADLINE, HOST, environment, run, scratch, wait_for, weir  # noqa: E402

# 30,000 a second stay: enough to be called a leak once it was seen for ten seconds.
NAME = "post%d" % os.getpid()  # others with weir may run on this machine
LEAK = ("--name", NAME, "--channel", "moves:unbounded:40000:10000", "--channel", "jobs:8")
SEEN = 10
MACHINE = "/dev/shm/weir-%d" % os.geteuid()


def without(*names):
    return {name: value for name, value in environment.items() if name not in names}


class Server:
    """A host whose directories are what its environment says; in a container when asked: mounts and pids of
    its own, and a /dev/shm of its own."""

    def __init__(self, env, is_contained=False, log=None):
        words = [HOST, *LEAK]
        if is_contained:
            words = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
                     "sh", "-c", 'mount -t tmpfs none /dev/shm && exec "$@"', "sh", *words]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                        env=env)
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line
        self.pid = 1 if is_contained else self.process.pid
        assert line == "ready %d\n" % self.pid, line

    def kill(self):
        """By SIGKILL, as the OOM killer does."""
        self.process.kill()
        self.process.communicate(timeout=DEADLINE)


def segments(folder):
    """Of dead and living, their paths."""
    return sorted(os.path.join(folder, name) for name in (os.listdir(folder) if os.path.isdir(folder) else [])
                  if name.endswith(".weir"))


def leaks(path):
    """Waits until it has been seen to leak for long enough; the depth then."""
    lines = weir("subscribe", "-t", path, NAME + "/channel/size/moves", "-C", SEEN + 2, "-o", "ndjson").lines()
    assert [line["value"] for line in lines] == sorted(line["value"] for line in lines), lines
    return lines[-1]["value"]


def doctor(path):
    """What it finds of a dead process, once the kernel has let go of it."""
    whole = wait_for(lambda: (now := weir("doctor", path, "-o", "json", expect=None).json())["target"]["state"] == "dead"
                     and now, "its end")
    return whole["data"]


def check_told(path, least):
    """The channel, its growth and its last depth."""
    data = doctor(path)
    growing = data["findings"][0]
    assert (growing["kind"], growing["subject"]) == ("channel_growing", "moves"), data
    assert growing["text"].startswith("moves: was unbounded and growing, +") and "until the end" in growing["text"], data
    assert growing["depth"] >= least and 15000 < growing["rate_per_second"] < 45000, (growing, least)
    assert data["seen_by"] == "history" and data["last_seen"], data
    weir("doctor", path, expect=1)


def on_the_machines_tmpfs_it_stays():
    server = Server(without("WEIR_DIR", "XDG_RUNTIME_DIR"))
    (path,) = segments(MACHINE)
    depth = leaks(path)
    server.kill()
    check_told(path, depth)
    listed = weir("list", "-o", "json").json()["data"]["processes"]
    assert [(one["path"], one["state"]) for one in listed if one["name"] == NAME] == [(path, "dead")], listed


def in_a_containers_own_shm_it_goes_with_the_container():
    here = segments(MACHINE)
    server = Server(without("WEIR_DIR", "XDG_RUNTIME_DIR"), is_contained=True)
    assert segments(MACHINE) == here

    def listed():
        processes = weir("list", "-o", "json").json()["data"]["processes"]
        return [one for one in processes if one["name"] == NAME and "/root/dev/shm/" in one["path"]]
    (seen,) = wait_for(listed, "the segment of a container, by its mapping")
    leaks(seen["path"])
    server.kill()
    wait_for(lambda: not listed(), "that it is gone")
    assert not os.path.exists(seen["path"]) and segments(MACHINE) == here, seen
    weir("doctor", seen["path"], expect=3)


def with_weir_dir_on_a_volume_it_outlives_the_container():
    volume = os.path.join(scratch, "volume")
    os.mkdir(volume, 0o700)
    # What a container runtime does with -v: the directory is there at another path, whatever lies over /dev/shm.
    inside = "/mnt"
    subprocess.run(["mount", "--bind", volume, inside], check=True)
    env = {**without("XDG_RUNTIME_DIR"), "WEIR_DIR": inside}
    first = Server(env, is_contained=True)
    (path,) = segments(volume)
    depth = leaks(path)
    first.kill()
    check_told(path, depth)
    # The container is started again: what is left of the first one stays beside the second.
    second = Server(env, is_contained=True)
    both = wait_for(lambda: len(segments(volume)) == 2 and segments(volume), "the second one's segment")
    assert path in both, both
    check_told(path, depth)
    # The second lives, though its pid means something else out here: it is not pruned.
    removed = weir("prune", "-o", "json", WEIR_DIR=volume).json()["data"]["removed"]
    assert path in {row["path"] for row in removed}, removed
    assert segments(volume) == [one for one in both if one != path], (segments(volume), both)
    second.kill()
    subprocess.run(["umount", inside], check=True)


def in_the_sessions_directory_it_goes_with_the_session():
    session = os.path.join(scratch, "session")
    kept = os.path.join(scratch, "kept")
    os.mkdir(session, 0o700), os.mkdir(kept, 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "none", session], check=True)
    env = {**without("WEIR_DIR"), "XDG_RUNTIME_DIR": session}
    server, other = Server(env), Server({**env, "WEIR_DIR": kept})
    (path,), (stays,) = segments(session + "/weir"), segments(kept)
    depth = leaks(stays)
    server.kill(), other.kill()
    doctor(path)
    subprocess.run(["umount", session], check=True)  # what a login manager does after the last logout
    assert segments(session + "/weir") == []
    weir("doctor", path, expect=3)
    check_told(stays, depth)


def on_a_disk_it_stays_too_and_is_warned_of():
    disk = os.path.join(os.environ["WEIR_BUILD"], "post-mortem-%d" % os.getpid())
    os.mkdir(disk, 0o700)
    try:
        if subprocess.run(["stat", "-f", "-c", "%T", disk], capture_output=True, text=True, check=True).stdout == "tmpfs\n":
            print("  left out: the build lies on tmpfs")
            return
        with open(os.path.join(scratch, "warned"), "w+", encoding="utf-8") as warned:
            server = Server({**environment, "WEIR_DIR": disk}, log=warned)
            (path,) = segments(disk)
            depth = leaks(path)
            server.kill()
            warned.seek(0)
            assert "is not on tmpfs" in warned.read()
        check_told(path, depth)
    finally:
        for name in os.listdir(disk):
            os.unlink(os.path.join(disk, name))
        os.rmdir(disk)


run([on_the_machines_tmpfs_it_stays, in_a_containers_own_shm_it_goes_with_the_container,
     with_weir_dir_on_a_volume_it_outlives_the_container, in_the_sessions_directory_it_goes_with_the_session,
     on_a_disk_it_stays_too_and_is_warned_of])
