#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Files of a running server that somebody has removed, alone or with their directory: the process is found all the
same, at once, and within a minute its exporter has made directory, socket and history again.
ctest: timeout=180 folders=agent/src/segment,agent/src/wire"""

import glob
import os
import re
import shutil
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import HOST, Host, environment, run, scratch, wait_for, weir  # noqa: E402
from serving import Serve  # noqa: E402

HURRIED = os.path.join(os.path.dirname(HOST), "hurried_host")  # half a minute is six seconds


class Victim:
    """A host in a directory of its own, with a depth of its own to be known by."""

    count = 0

    def __init__(self, *arguments, program=HURRIED):
        Victim.count += 1
        self.name, self.depth = "victim%d" % Victim.count, 100 + Victim.count
        self.dir = os.path.join(scratch, self.name)
        self.host = Host("--name", self.name, "--channel", "moves:unbounded:0:0:%d" % self.depth, *arguments,
                         program=program, WEIR_DIR=self.dir)
        self.pid = self.host.pid

    def files(self, ending=""):
        return glob.glob("%s/%d-*%s" % (self.dir, self.pid, ending))

    def row(self):
        """As `weir list` has it, for who does not know the directory."""
        rows = weir("list", "-o", "json").json()["data"]["processes"]
        (row,) = [row for row in rows if row["pid"] == self.pid]
        return row

    def is_told(self, target):
        told = weir("snapshot", target, "-o", "json").json()
        assert told["target"] == {"name": self.name, "pid": self.pid, "state": "running"}, (target, told)
        return told["data"]["channels"][0]["depth"] == self.depth

    def is_reached(self):
        row = self.row()
        assert row["state"] == "running" and row["name"] == self.name, row
        for target in (self.pid, self.name, self.name + "/1", row["path"]):
            wait_for(lambda target=target: self.is_told(target), "its depth by %s" % target)
        return row


def remove_files(victim):
    for path in victim.files():
        os.unlink(path)


def remove_directory(victim):
    shutil.rmtree(victim.dir)


def check_at_once(victim, remove):
    # The history comes within a second, and with it all that can be removed.
    wait_for(lambda: victim.files(".history") or "--no-agent" in victim.host.process.args, "its history")
    remove(victim)
    row = victim.is_reached()
    assert re.fullmatch(r"/proc/%d/fd/\d+" % victim.pid, row["path"]), row
    assert "removed" in row["problem"], row


def check_anew(victim):
    wait_for(lambda: victim.files(".sock") and victim.files(".history"), "socket and history of " + victim.name)
    facts = os.stat(victim.dir)
    assert stat.S_IMODE(facts.st_mode) == 0o700, oct(facts.st_mode)
    assert not victim.files(".weir"), victim.files()
    (socket,) = victim.files(".sock")
    wait_for(lambda: victim.is_told("unix:" + socket), "an answer on the new socket")
    victim.is_reached()
    for line in ("a crash now leaves nothing", "it has been made again"):
        wait_for(lambda line=line: line in victim.host.logged(), line + " " + victim.name)
        assert victim.host.logged().count(line) == 1, victim.host.logged()


def check_kept(victim):
    """Another one that starts there removes what nobody uses: not this."""
    before = sorted(victim.files())
    other = Host("--name", "other", WEIR_DIR=victim.dir)
    weir("prune", WEIR_DIR=victim.dir)
    assert sorted(victim.files()) == before, (victim.files(), before)
    other.end()


def check_end(victim):
    victim.host.end()
    assert not victim.files(), victim.files()


def with_an_exporter():
    files, directory = Victim(), Victim()
    check_at_once(files, remove_files)
    check_at_once(directory, remove_directory)
    for victim in (files, directory):
        check_anew(victim)
        check_kept(victim)
    # And once more, of what was made again.
    remove_directory(directory)
    directory.is_reached()
    wait_for(lambda: directory.files(".sock"), "the socket, the second time")
    for victim in (files, directory):
        check_end(victim)


def with_hooks_alone():
    for remove in (remove_files, remove_directory):
        victim = Victim("--no-agent", program=HOST)
        check_at_once(victim, remove)
        victim.host.end()
        assert not os.path.isdir(victim.dir) or not victim.files()


def only_the_socket():
    victim = Victim()
    (socket,) = victim.files(".sock")
    os.unlink(socket)
    wait_for(lambda: os.path.exists(socket) and victim.is_told("unix:" + socket), "the socket")
    assert "a crash now leaves nothing" not in victim.host.logged(), victim.host.logged()
    wait_for(lambda: victim.row()["problem"] is None, "a list without a problem")  # a busy host may not answer at once
    victim.host.end()


def what_cannot_be_made_anew_is_told_once():
    victim = Victim()
    remove_directory(victim)
    with open(victim.dir, "w", encoding="utf-8"):
        pass  # no directory can be made there
    wait_for(lambda: "cannot be made again" in victim.host.logged(), "a line that says so")
    victim.is_reached()
    os.unlink(victim.dir)
    wait_for(lambda: victim.files(".sock"), "the socket, now that it can be made")
    told = victim.host.logged()
    assert told.count("cannot be made again") == 1, told
    victim.host.end()


def in_a_directory_of_another_nothing_is_made():
    if os.geteuid() != 0:
        print("  left out: needs root")
        return
    victim = Victim()
    remove_directory(victim)
    os.mkdir(victim.dir, 0o777)
    os.chown(victim.dir, 1234, 1234)
    wait_for(lambda: "cannot be made again" in victim.host.logged(), "a line that says so")
    assert not os.listdir(victim.dir), os.listdir(victim.dir)
    victim.is_reached()
    victim.host.end()


def served_from_beside():
    victim = Victim("--no-agent", program=HOST)
    server = Serve(victim.pid)
    target = "unix:" + server.socket
    wait_for(lambda: victim.is_told(target), "its depth from the server")
    remove_directory(victim)
    victim.host.command("send", "moves", 7)
    victim.depth += 7
    wait_for(lambda: victim.is_told(target), "the next depth from the server")
    victim.host.end()
    wait_for(lambda: weir("snapshot", target, expect=None).code == 3, "that it has ended")
    late = Victim("--no-agent", program=HOST)
    remove_directory(late)
    finding = Serve("--all")
    wait_for(lambda: late.is_told("unix:%s/%d" % (finding.socket, late.pid)), "one that was removed before")
    finding.end()
    server.end()
    late.host.end()


def its_own_user_reaches_it_too():
    if os.geteuid() != 0:
        return  # it was so all the time
    place = os.path.join(scratch, "user")
    os.mkdir(place, 0o700)
    os.chown(place, 1000, 1000)
    os.chmod(scratch, 0o711)
    program = os.path.join(scratch, "host")
    console = os.path.join(scratch, "weir")
    for source, copy in ((HOST, program), (os.path.join(os.environ["WEIR_BUILD"], "console", "weir"), console)):
        shutil.copy(source, copy)
        os.chmod(copy, 0o755)
    host = Host("--name", "users", "--channel", "moves:unbounded:0:0:9", "--no-agent", program=program, uid=1000,
                WEIR_DIR=place)
    shutil.rmtree(place)
    for uid, code in ((1000, 0), (1001, 3)):
        done = subprocess.run([console, "snapshot", str(host.pid)], user=uid, group=uid, extra_groups=[], text=True,
                              capture_output=True, env={**environment, "WEIR_DIR": ""}, check=False)
        assert done.returncode == code, (uid, done)
    host.kill()


run([with_an_exporter, with_hooks_alone, only_the_socket, what_cannot_be_made_anew_is_told_once,
     in_a_directory_of_another_nothing_is_made, served_from_beside, its_own_user_reaches_it_too])
