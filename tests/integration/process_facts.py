#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=agent/src/snapshot
"""What is said of the process: its limits, and its heap where jemalloc tells, against what the process
was given and has taken."""

import glob
import os
import resource
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, run, wait_for, weir  # noqa: E402

JEMALLOC = glob.glob("/usr/lib/*/libjemalloc.so.2")
MIB = 1 << 20


def process(host):
    return weir("snapshot", host.pid, "-o", "json").json()["data"]["process"]


def limits_are_those_of_the_process():
    host = Host("--name", "limits")
    unlimited = 2**64 - 1
    given = 2**40 if not os.environ.get("WEIR_SANITIZE") else unlimited
    if given != unlimited:
        resource.prlimit(host.pid, resource.RLIMIT_AS, (given, resource.getrlimit(resource.RLIMIT_AS)[1]))
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    threads = 4321 if most == resource.RLIM_INFINITY else min(4321, most)
    resource.prlimit(host.pid, resource.RLIMIT_NPROC, (threads, most))
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (777, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    wait_for(lambda: process(host)["max_fds"] == 777, "the limit of descriptors")
    facts = process(host)
    assert facts["max_threads"] == threads, facts
    assert facts["max_virtual_bytes"] == (None if given == unlimited else given), facts
    host.kill()


def without_jemalloc_there_is_no_heap():
    host = Host("--name", "plain")
    facts = process(host)
    assert facts["heap_bytes"] is None and facts["heap_resident_bytes"] is None, facts
    host.kill()


def heap_is_what_was_allocated():
    """A power of two is one of jemalloc's sizes, so that it counts for just that."""
    if not JEMALLOC or os.environ.get("WEIR_SANITIZE"):
        print("  left out: no libjemalloc2, or a sanitizer has the allocator")
        return
    host = Host("--name", "heap", LD_PRELOAD=JEMALLOC[0])
    before = process(host)
    assert 0 < before["heap_bytes"] < 16 * MIB, before
    host.command("allocate", 64 * MIB)
    after = wait_for(lambda: (lambda facts: facts["heap_bytes"] > 64 * MIB and facts)(process(host)),
                     "the allocated bytes in the heap")
    grown = after["heap_bytes"] - before["heap_bytes"]
    assert abs(grown - 64 * MIB) < MIB, (before, after)
    assert after["heap_resident_bytes"] >= after["heap_bytes"], after
    assert after["rss_bytes"] - before["rss_bytes"] > 63 * MIB, (before, after)
    host.kill()
    # From outside nobody asks the allocator.
    outside = Host("--name", "outside", "--no-agent", LD_PRELOAD=JEMALLOC[0])
    assert process(outside)["heap_bytes"] is None
    outside.kill()


run([limits_are_those_of_the_process, without_jemalloc_there_is_no_heap, heap_is_what_was_allocated])
