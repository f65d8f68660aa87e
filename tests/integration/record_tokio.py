#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A server of Tokio's is recorded as any other process, and read afterwards without it.
ctest: timeout=120 folders=console/src/record,console/src/tokio"""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import finish, scratch, start, wait_for, weir  # noqa: E402
from recording import looks  # noqa: E402
from tokio_fake import NANOS, Fake, World, field, polls  # noqa: E402


def usual():
    world = World()
    now = world.now
    world.task(7, "waiter", line=20, poll=polls(3, now - 2 * NANOS, now - NANOS, 40000000), wakes=2)
    world.task(8, "worker", line=21, poll=polls(90, now - NANOS, now - 2 * NANOS, 100000000),
               fields=[field("size.bytes", 512)])
    world.resource(1, "Semaphore", line=40, permits=3)
    world.operation(1, "Semaphore::acquire", 1, task=7, poll=polls(2, now - 2 * NANOS, now - NANOS))
    return world


def snapshot(target):
    return json.loads(weir("snapshot", target, "-o", "json").out)


fake = Fake(usual())
path = os.path.join(scratch, "tokio.weirrec")
recorder = start("record", "-o", path, "-i", "0.2", fake.address)
wait_for(lambda: len(looks(path)) >= 4 or recorder.poll() is not None, "some looks")
live = snapshot(fake.address)
recorder.terminate()
result = finish(recorder)
assert result.code == 0 and result.err == "", result
assert f"of tokio ({fake.address}) into {path}" in result.out, result

fake.stop()

said = snapshot(path)
for kind in ("single_tasks", "semaphores", "resources", "operations", "tasks"):
    names = [one["name"] for one in live["data"][kind]]
    assert names and [one["name"] for one in said["data"][kind]] == names, (kind, names, said["data"][kind])
[waiter] = [one for one in said["data"]["single_tasks"] if one["name"] == "waiter"]
[then] = [one for one in live["data"]["single_tasks"] if one["name"] == "waiter"]
assert waiter["polls"] == then["polls"] == 3, (waiter, then)
assert "channels" not in said["data"] or said["data"]["channels"] == [], said["data"]["channels"]

# Its topics are those that such a server has, and no others.
permits = weir("subscribe", "-t", path, "tokio/semaphore/available/#").out.splitlines()
assert len(permits) == len(looks(path)) and all(line.endswith(" 3") for line in permits), permits
wrong = weir("subscribe", "-t", path, "tokio/channel/size/moves", expect=2).err
assert "Tokio reports nothing about channels" in wrong, wrong
