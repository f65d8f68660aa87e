#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hosts that lock their memory (mlockall): the segment takes 1 MiB of what they may lock, and what is
resident of it is what is in use and at most 1 MiB more. With and without the exporter.
ctest: labels=plain folders=agent/src,agent/src/segment"""

import os
import resource
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, run, scratch, weir  # noqa: E402

MIB = 1 << 20
NOBODY = 65534
EXPORTER = ("--http", "127.0.0.1:0")
if os.geteuid() != 0:
    print("skipped: needs root, to be another user and to lock without a limit")
    sys.exit(77)


def status(host, key):
    with open("/proc/%d/status" % host.pid, encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))


def use(host):
    """What a console and Prometheus make the exporter do."""
    for _ in range(3):
        weir("snapshot", host.pid, "-o", "json")
    listed = weir("list", "-o", "json").json()["data"]["processes"]
    address = next(one["http_address"] for one in listed if one["pid"] == host.pid)
    with urllib.request.urlopen("http://%s/metrics" % address, timeout=30) as answer:
        assert b"weir_channel_depth" in answer.read()


def limited(*arguments):
    """A host of nobody's that may lock 8 MiB, the kernel's default."""
    before = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (8 * MIB, before[1]))
    os.chown(scratch, NOBODY, NOBODY)
    host = Host("--name", "locked", "--channel", "moves", "--user", str(NOBODY), "--lock", "before", *arguments)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, before)
    return host


def lifts_the_limit():
    """Whether root may: else its capability lifts it, which the exporter's thread gives up."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError:
        return False
    return True


def unlimited(when, *arguments):
    os.chown(scratch, 0, 0)
    return Host("--name", "locked", "--channel", "moves", "--lock", when, *arguments)


def host_can_work(host):
    host.command("thread")
    host.command("allocate", 4 * MIB)
    host.command("thread")
    host.command("send", "moves", 3)
    host.shows("channels", "moves", "depth", 3)
    host.end()
    assert os.listdir(scratch) == [], os.listdir(scratch)


def a_limited_host_has_memory_and_threads():
    host = limited("--no-agent")
    assert status(host, "VmLck") <= 2 * MIB, status(host, "VmLck")
    host_can_work(host)


def a_limited_host_has_them_beside_the_exporter():
    host = limited(*EXPORTER)
    use(host)
    host_can_work(host)


def check_resident(when, *arguments):
    host = unlimited(when, *arguments)
    if EXPORTER[0] in arguments:
        use(host)
    assert status(host, "VmLck") > 0
    assert status(host, "RssShmem") <= MIB, (when, arguments, status(host, "RssShmem"))
    host_can_work(host)


def resident_is_what_is_in_use():
    check_resident("before", "--no-agent")
    check_resident("after", "--no-agent")
    check_resident("before", *EXPORTER)
    if lifts_the_limit():
        check_resident("after", *EXPORTER)
    else:
        print("  left out: the exporter after mlockall, since RLIMIT_MEMLOCK cannot be raised here")


run([a_limited_host_has_memory_and_threads, a_limited_host_has_them_beside_the_exporter, resident_is_what_is_in_use])
