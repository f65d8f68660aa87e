#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=agent/src,agent/src/wire
"""Servers that start as root and then change their user, give up rights or shut themselves in, with the exporter
and with hooks alone: none comes to harm, and what each of them loses is what docs/threads.md says. Needs root."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import console  # noqa: E402
from console import Host, is_chrooted, run, wait_for, weir  # noqa: E402

if os.geteuid() != 0:
    print("skipped: needs root")
    sys.exit(77)

# The search for leaks attaches to its own process, which the kernel forbids after setuid: it waits for ever.
console.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
OWNER = 61236
TOKEN = "0123456789abcdef0123456789abcdef"
KEPT = (1 << 6) | (1 << 7)  # CAP_SETGID, CAP_SETUID
SOURCE = os.environ["WEIR_SOURCE"]
FORMS = ((), ("--no-agent",))


def rights(pid, thread):
    """CapPrm, CapEff, CapInh and NoNewPrivs of the threads of that name."""
    found = []
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, tid), encoding="ascii") as file:
            facts = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        if facts["Name"] == thread:
            found.append((*(int(facts[name], 16) for name in ("CapPrm", "CapEff", "CapInh")), facts["NoNewPrivs"]))
    return found


def exporter_rights(host):
    return next(iter(rights(host.pid, "weir-agent")), (None, None, None, None))


def settled(host):
    """The exporter's rights once its thread has given up the others."""
    wait_for(lambda: exporter_rights(host)[3] == "1", "the exporter has given up what it gives up")
    return exporter_rights(host)


def is_counted(host, depth):
    """What root reads of it: from its exporter, or else from its segment."""
    host.shows("channels", "moves", "depth", depth)


def goes_on(host):
    """It counts, is looked at and ends in good order."""
    host.command("send", "moves", 5)
    is_counted(host, 12)
    host.end()


def listed(pid, **environment):
    rows = weir("list", "-o", "json", **environment).json()["data"]["processes"]
    return next((row for row in rows if row["pid"] == pid), None)


def start(*more, **environment):
    return Host("--name", "boxed", "--channel", "moves:unbounded:0:0:7", *more, **environment)


def documented_calls():
    """What docs/threads.md says that the exporter's thread calls."""
    with open(os.path.join(SOURCE, "docs/threads.md"), encoding="utf-8") as file:
        [block] = re.findall(r"system calls of the exporter's thread.*?\n\n((?:    .*\n)+)", file.read())
    return ",".join(block.split())


def the_exporters_thread_keeps_two_capabilities_and_the_host_all():
    host = start()
    prm, eff, inh, none_new = settled(host)
    assert (prm, eff, inh, none_new) == (KEPT, KEPT, 0, "1"), (prm, eff, inh, none_new)
    [own] = rights(host.pid, "host")
    with open("/proc/self/status", encoding="ascii") as file:
        mine = int(re.search(r"CapEff:\t(\w+)", file.read())[1], 16)
    assert own[1] == mine and own[3] == "0", own
    goes_on(host)


def an_exporter_without_privileges_starts_quietly():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as own:
        os.chown(own, OWNER, OWNER)
        host = start(program=shutil.copy(console.HOST, own), uid=OWNER, WEIR_DIR=own)
        assert settled(host) == (0, 0, 0, "1")
        wait_for(lambda: any(name.endswith(".history") for name in os.listdir(own)), "its first second")
        assert weir("snapshot", host.pid, "-o", "json", WEIR_DIR=own).json()["data"]["channels"][0]["depth"] == 7
        host.end()
        assert host.logged() == "", host.logged()


WAYS = (
    [("setgroups",), ("setgid", OWNER), ("setuid", OWNER)],
    [("setgroups",), ("setresgid", OWNER), ("setresuid", OWNER)],
    [("seteuid", OWNER), ("seteuid", 0), ("setuid", OWNER)],
    [("keepcaps",), ("setuid", OWNER), ("capset", "400")],  # CAP_NET_BIND_SERVICE
    [("no_new_privs",), ("setuid", OWNER)],
    [("capset", "%x" % KEPT), ("setuid", OWNER)],
    [("unshare", "mount"), ("setuid", OWNER)],
    [("unshare", "pid"), ("setuid", OWNER)],
    [("chroot", "/var"), ("setgroups",), ("setgid", OWNER), ("setuid", OWNER)],
    [("no_new_privs",), ("landlock",), ("setuid", OWNER)],
)
HAS_LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0  # landlock_create_ruleset: the version that there is


def a_host_changes_its_user_in_any_way():
    for form in FORMS:
        for way in WAYS:
            host = start(*form)
            for words in way:
                host.command(*words, expect="error Function not implemented"
                             if words[0] == "landlock" and not HAS_LANDLOCK else "ok")
            host.command("setuid", 0, expect="error Operation not permitted")  # the way back is closed
            goes_on(host)


def a_host_that_gives_up_capabilities_is_followed():
    host = start()
    settled(host)
    host.command("capset", "0")
    wait_for(lambda: exporter_rights(host)[:2] == (0, 0), "the exporter gives up what its host gave up")
    # Where one thread may and another may not, the C library would have ended the process.
    host.command("setuid", OWNER, expect="error Operation not permitted")
    goes_on(host)


def a_user_namespace_is_for_processes_with_one_thread():
    host = start()
    host.command("unshare", "user", expect="error Invalid argument")
    goes_on(host)
    host = start("--no-agent")
    host.command("unshare", "user", expect="error Operation not permitted" if is_chrooted() else "ok")
    goes_on(host)


def a_host_in_a_user_namespace_is_served():
    """It is root there, and an unprivileged user here."""
    if is_chrooted():
        print("skipped: a chrooted process gets no user namespace")
        return
    for form in FORMS:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as own:
            os.chown(own, OWNER, OWNER)
            host = Host("--user", "--map-root-user", shutil.copy(console.HOST, own), "--name", "boxed",
                        "--channel", "moves:unbounded:0:0:7", "--http", "127.0.0.1:0", *form,
                        program="unshare", uid=OWNER, WEIR_DIR=own)
            if not form:
                assert settled(host)[:3] == (KEPT, KEPT, 0)
            host.command("setgid", 0)
            host.command("setuid", 0)
            for look in (lambda *words: weir(*words, WEIR_DIR=own).out,
                         lambda *words: as_the_new_user(*words, WEIR_DIR=own).stdout):
                data = json.loads(look("snapshot", host.pid, "-o", "json"))
                assert data["target"]["state"] == "running" and data["data"]["channels"][0]["depth"] == 7, data
                [row] = json.loads(look("list", "-o", "json"))["data"]["processes"]
                assert row["pid"] == host.pid and row["state"] == "running", row
            assert bool(row["http_address"]) == (not form), row  # its own user's console reaches the exporter
            host.end()
            assert not [name for name in os.listdir(own) if name != "host"], os.listdir(own)


def a_filter_of_system_calls_does_no_harm():
    forbidden = "openat,socket,accept4,fallocate,madvise,mmap,linkat,capget,sched_yield,newfstatat,unlink"
    for form in FORMS:
        for scope in ("own", "all"):
            host = start(*form)
            host.command("seccomp", scope, "forbid", forbidden)
            host.command("send", "moves", 5)
            host.end()


def a_filter_that_kills_may_allow_what_the_exporter_needs():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as own:
        os.chmod(own, 0o755)  # whoever the host becomes can see that its token is still the same
        token = os.path.join(own, "token")
        with open(token, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(TOKEN)
        for form in FORMS:
            host = start("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", *form, WEIR_TOKEN_FILE=token)
            host.command("no_new_privs")
            host.command("setuid", OWNER)
            host.command("seccomp", "all", "kill", documented_calls())
            host.command("send", "moves", 5)
            is_counted(host, 12)
            if not form:
                is_served(host, token)
            host.end()


def is_served(host, token):
    # `weir list` asks each exporter for a second, which on a busy machine may not be enough.
    row = wait_for(lambda: listed(host.pid)["grpc_address"] and listed(host.pid), "its addresses")
    weir("snapshot", "-t", row["grpc_address"], WEIR_TOKEN_FILE=token)
    weir("subscribe", "-t", host.pid, "boxed/channel/size/moves", "-C", 3, "-i", "0.2")
    asked = urllib.request.Request("http://%s/metrics" % row["http_address"],
                                   headers={"Authorization": "Bearer " + TOKEN})
    with urllib.request.urlopen(asked, timeout=console.DEADLINE) as answer:
        assert b"weir_channel_depth" in answer.read()


def as_the_new_user(*words, **more):
    """A whole run of weir by the user that the host has become, who may not be able to reach the build."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as own:
        os.chmod(own, 0o755)
        program = shutil.copy(console.WEIR, own)
        kept = {name: value for name, value in console.environment.items() if name != "WEIR_DIR"}
        return subprocess.run([program, *(str(word) for word in words)], user=OWNER, group=OWNER, extra_groups=[],
                              cwd="/", env={**kept, **more}, capture_output=True, text=True, timeout=console.DEADLINE, check=False)


def the_new_user_is_told_both_uids():
    host, alone = start(), start("--no-agent")
    for each in (host, alone):
        each.command("setuid", OWNER)
    told = "process %d runs as uid %d, its segment belongs to uid 0" % (host.pid, OWNER)
    done = as_the_new_user("list", "-o", "json")
    [row] = [row for row in json.loads(done.stdout)["data"]["processes"] if row["pid"] == host.pid]
    assert row["state"] == "unreadable" and row["problem"].startswith(told), row
    done = as_the_new_user("snapshot", host.pid)
    assert done.returncode == 5 and told in done.stderr and done.stderr.count("\n") == 1, done
    # Of hooks alone the kernel shows nothing to anybody but root.
    done = as_the_new_user("snapshot", alone.pid)
    assert done.returncode == 5 and "only root can see" in done.stderr and str(OWNER) in done.stderr, done
    assert listed(host.pid)["state"] == listed(alone.pid)["state"] == "running"
    line = "runs as uid %d now, its segment belongs to uid 0" % OWNER
    console.wait_for(lambda: line in host.logged(), "the line that says so, which comes within a second")
    host.end()
    alone.end()


def what_cannot_be_removed_is_no_crash():
    for form in FORMS:
        for way in (("setuid", OWNER), ("chroot", "/var")):
            ended, killed = start(*form), start(*form)
            ended.command(*way)
            killed.command(*way)
            assert listed(ended.pid)["state"] == "running"
            ended.end()
            killed.kill()
            assert (listed(ended.pid)["state"], listed(killed.pid)["state"]) == ("ended", "dead"), (form, way)
            start(*form).end()  # a start removes what needs no looking into
            assert listed(ended.pid) is None and listed(killed.pid)["state"] == "dead", (form, way)
    weir("prune")
    assert not weir("list", "-o", "json").json()["data"]["processes"]


def programs_that_the_host_executes_may_gain_rights():
    with tempfile.TemporaryDirectory(dir="/tmp") as own:
        if os.statvfs(own).f_flag & os.ST_NOSUID:
            print("  /tmp is nosuid: left out")
            return
        os.chmod(own, 0o755)
        gaining = shutil.copy("/usr/bin/test", own)
        os.chmod(gaining, 0o4755)
        host = start()
        settled(host)
        host.command("setuid", OWNER)
        host.command("run", gaining, "-O", "/")  # whether its effective user owns the root
        host.end()


def a_server_beside_keeps_what_it_needs_to_look_at_all():
    process = console.start("serve")
    process.stderr.readline()
    [own] = rights(process.pid, "weir")
    assert own[1] & (1 << 19), own  # CAP_SYS_PTRACE
    process.terminate()
    assert console.finish(process).code == 0


# A sanitizer makes system calls of its own, and ends the program where they fail.
FILTERED = [] if os.environ.get("WEIR_SANITIZE") else [a_filter_of_system_calls_does_no_harm,
                                                       a_filter_that_kills_may_allow_what_the_exporter_needs]

if __name__ == "__main__":
    run([the_exporters_thread_keeps_two_capabilities_and_the_host_all,
         an_exporter_without_privileges_starts_quietly,
         a_host_changes_its_user_in_any_way,
         a_host_that_gives_up_capabilities_is_followed,
         a_user_namespace_is_for_processes_with_one_thread,
         a_host_in_a_user_namespace_is_served,
         *FILTERED,
         the_new_user_is_told_both_uids,
         what_cannot_be_removed_is_no_crash,
         programs_that_the_host_executes_may_gain_rights,
         a_server_beside_keeps_what_it_needs_to_look_at_all])
