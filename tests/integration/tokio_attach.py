#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""weir on a server that speaks tokio-console's protocol: what it shows is what that server said, number
by number; large, silent, ended and other servers each have their answer.
ctest: timeout=180 folders=console/src/tokio,console/src/link"""

import atexit
import os
import sys


sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from agent_client import grpc  # noqa: E402
from console import finish, run, scratch, start, wait_for, weir  # noqa: E402
from tokio_fake import NANOS, T, Fake, World, field, polls, stamp  # noqa: E402

MILLI = NANOS // 1000
count = 0


def new_path():
    global count
    count += 1
    return os.path.join(scratch, "tokio%d.sock" % count)


def usual():
    """A program with one of everything."""
    world = World()
    now = world.now
    world.task(7, "waiter", line=20, poll=polls(3, now - 2 * NANOS, now - NANOS, 40 * MILLI),
               wakes=2, self_wakes=1, clones=4, drops=1, scheduled=5 * MILLI)
    world.task(8, line=20, poll=polls(9, now - 250 * MILLI, now - NANOS, 100 * MILLI),
               fields=[field("size.bytes", 512)])
    world.task(9, line=30, last_wake=now - 3 * NANOS, poll=polls(1, now - 9 * NANOS, now - 8 * NANOS))
    world.task(10, "short", line=30, age=4 * NANOS, dropped=now - NANOS,
               poll=polls(2, now - 3 * NANOS, now - 2 * NANOS, NANOS))
    world.task(11, "long ago", line=30, age=90 * NANOS, dropped=now - 60 * NANOS,
               poll=polls(5, now - 70 * NANOS, now - 69 * NANOS, NANOS))
    world.resource(1, "Semaphore", line=40, permits=3)
    world.resource(2, "Semaphore", internal=True, parent=1, permits=3)
    world.resource(3, "Mutex", line=41, locked=True)
    world.resource(4, "Semaphore", internal=True, permits=16)
    world.operation(1, "Semaphore::acquire", 1, task=7, poll=polls(2, now - 2 * NANOS, now - NANOS),
                    permits_requested=1)
    world.operation(2, "Acquire::new", 2, task=7, parent=1,
                    poll=polls(2, now - 2 * NANOS, now - NANOS), permits_requested=1,
                    permits_obtained=0)
    return world


def data(target, *arguments, **more):
    return weir("snapshot", target, "-o", "json", *arguments, **more).json()["data"]


def by_name(rows):
    named = {row["name"]: row for row in rows}
    assert len(named) == len(rows), rows
    return named


def close_to(value, wanted):
    return abs(value - wanted) < 1e-9


def a_snapshot_has_what_the_server_says():
    fake = Fake(usual())
    got = data(fake.address)
    tasks = by_name(got["single_tasks"])
    assert sorted(tasks) == ["short", "task 8", "task 9", "waiter"], sorted(tasks)
    waiter = tasks["waiter"]
    assert (waiter["state"], waiter["kind"], waiter["polls"], waiter["wakes"], waiter["self_wakes"],
            waiter["wakers"], waiter["task_id"], waiter["waits_for"], waiter["source"],
            waiter["target"]) == ("idle", "src/main.rs:20:5", 3, 2, 1, 3, 7,
                                  "Semaphore src/main.rs:40:5", "src/main.rs:20:5", "tokio::task")
    assert close_to(waiter["busy_seconds"], 0.04) and close_to(waiter["scheduled_seconds"], 0.005)
    assert close_to(waiter["idle_seconds"], 60 - 0.045) and close_to(waiter["age_seconds"], 60)
    assert close_to(waiter["in_state_seconds"], 1)
    running = tasks["task 8"]
    assert (running["state"], running["fields"]) == ("running", "size.bytes=512")
    assert close_to(running["busy_seconds"], 0.35), running  # the poll that goes on included
    assert tasks["task 9"]["state"] == "scheduled"
    assert close_to(tasks["task 9"]["scheduled_seconds"], 3)
    assert tasks["short"]["state"] == "done" and close_to(tasks["short"]["age_seconds"], 3)
    kinds = by_name(got["tasks"])
    there = kinds["src/main.rs:30:5"]
    assert (there["spawned"], there["finished"], there["running"], there["pending"]) == (3, 2, 0, 1)
    assert there["single"]["polls"] == 8 and there["single"]["scheduled"] == 1
    fake.stop()


def resources_and_who_waits_for_them():
    fake = Fake(usual(), path=new_path())
    got = data("unix:" + fake.address)
    resources = by_name(got["resources"])
    outer = resources["Semaphore src/main.rs:40:5"]
    assert (outer["type"], outer["kind"], outer["visibility"], outer["attributes"],
            outer["operations"], outer["id"]) == ("Semaphore", "Sync", "public", "permits=3", 1, 1)
    inner = [row for row in got["resources"] if row["id"] == 2][0]
    assert (inner["visibility"], inner["parent"]) == ("internal", outer["name"])
    assert resources["Mutex src/main.rs:41:5"]["attributes"] == "locked=true"
    semaphores = by_name(got["semaphores"])
    assert len(semaphores) == 2, semaphores  # not the one within the first
    first = semaphores[outer["name"]]
    assert (first["available"], first["waiters"], first["low_water"]) == (3, 1, 3)
    assert "permits" not in first  # what Tokio calls so is what is free
    operations = by_name(got["operations"])
    acquire = operations["Semaphore::acquire"]
    assert (acquire["task"], acquire["resource"], acquire["state"], acquire["polls"],
            acquire["attributes"]) == ("waiter", outer["name"], "waiting", 2, "permits_requested=1")
    assert operations["Acquire::new"]["parent"] == "Semaphore::acquire"
    assert operations["Acquire::new"]["attributes"] == "permits_obtained=0 permits_requested=1"
    assert "channels" not in got and "no depth" in got["absent"]["channels"]
    fake.stop()


def every_way_to_name_it_leads_there():
    fake = Fake(usual(), path=new_path())
    for target in ("unix:" + fake.address, "file://" + fake.address,
                   "file://localhost" + fake.address, fake.address):
        assert len(data(target)["single_tasks"]) == 4, target
    fake.stop()
    tcp = Fake(usual())
    for target in ("http://" + tcp.address, tcp.address):
        assert len(data(target)["single_tasks"]) == 4, target
    assert weir("snapshot", tcp.address).out.splitlines()[0] == "tokio " + tcp.address
    named = weir("snapshot", tcp.address, "-o", "json").json()["target"]
    assert named == {"name": "tokio", "pid": None, "address": tcp.address, "state": "running"}, named
    tcp.stop()


def topics_follow_the_server():
    world = usual()
    fake = Fake(world)
    process = start("subscribe", "-t", fake.address, "--changes-only", "-C", "2", "-i", "0.1",
                    "tokio/semaphore/permits/Semaphore src/main.rs:40:5")
    assert process.stdout.readline() == "3\n"
    world.resource(1, "Semaphore", line=40, permits=1)
    fake.tell()
    assert finish(process).out == "1\n"
    got = weir("subscribe", "-t", fake.address, "-C", "2", "tokio/semaphore/available").out
    assert "tokio/semaphore/available/Semaphore src/main.rs:40:5 1" in got, got
    assert weir("subscribe", "-t", fake.address, "-C", "1", "tokio/task/state/waiter").out == "idle\n"
    fake.stop()


def what_tokio_does_not_tell_is_said():
    fake = Fake(usual())
    for topic in ("tokio/channel/size", "tokio/channel/#", "tokio/chanel/depth"):
        error = weir("subscribe", "-t", fake.address, topic, expect=2).err
        assert "no depth" in error and "tokio/semaphore/permits" in error, error
    error = weir("subscribe", "-t", fake.address, "tokio/semaphore/saturation", expect=2).err
    assert "available" in error and "acquires" not in error, error
    error = weir("subscribe", "-t", fake.address, "tokio/task/stat", expect=2).err
    assert "did you mean tokio/task/state?" in error, error
    fake.stop()


def lints_have_thresholds():
    world = World()
    now = world.now
    world.task(1, "selfish", wakes=10, self_wakes=4, poll=polls(9, now - 2 * NANOS, now - NANOS))
    world.task(2, "lost", clones=2, drops=2, poll=polls(9, now - 2 * NANOS, now - NANOS))
    world.task(3, "stuck", poll=polls(1, now - 700 * MILLI))
    world.task(4, "large", fields=[field("size.bytes", 2000)])
    world.task(5, "boxed", fields=[field("size.bytes", 8), field("original_size.bytes", 16000)])
    world.task(6, "blocking", kind="blocking", clones=0, poll=polls(1, now - 50 * NANOS))
    fake = Fake(world)

    def found(*arguments, **more):
        return sorted(row["name"] for row in data(fake.address, *arguments, **more)["warnings"])
    assert found() == ["boxed", "large", "lost"]
    assert found("--lint", "self-wakes=30%,never-yielded=500ms,large-future=4k") == [
        "boxed", "lost", "selfish", "stuck"]
    assert found("--lint", "off") == []
    assert found(WEIR_LINTS="off,never-yielded=0.1s") == ["stuck"]
    assert found("--lint", "lost-waker=on", WEIR_LINTS="off") == ["lost"]
    for lint in ("self-wakes=150%", "large-future=-1", "deadlock=1", "lost-waker", "lost-waker=3"):
        assert "is not a lint" in weir("snapshot", fake.address, "--lint", lint, expect=2).err
    fake.stop()


def a_server_of_an_older_version_is_read():
    fake = Fake(usual(), has_state=False)
    assert len(data(fake.address)["single_tasks"]) == 4
    wait_for(lambda: "WatchState" in fake.calls, "a call of WatchState")
    fake.stop()


def a_first_update_of_many_megabytes_is_read():
    world = World()
    now = world.now
    for number in range(1, 30001):
        world.task(number, line=number % 50 + 1, poll=polls(number, now - 2 * NANOS, now - NANOS),
                   fields=[field("fn", "game::handlers::on_message::{{closure}} " + "x" * 100)])
    fake = Fake(world)
    assert len(world.begin().SerializeToString()) > 8 << 20
    rows = data(fake.address)["single_tasks"]
    assert len(rows) == 30000
    assert sum(row["polls"] for row in rows) == 30000 * 30001 // 2
    fake.stop()


def ends_and_silence_have_their_answers():
    silent = Fake(World(), is_silent=True)
    assert "service that does not answer" in weir("snapshot", silent.address, expect=3).err
    silent.stop()
    other = grpc.server(__import__("concurrent.futures").futures.ThreadPoolExecutor(2))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    error = weir("snapshot", "127.0.0.1:%d" % port, expect=4).err
    assert "neither weir nor tokio-console" in error, error
    other.stop(None).wait()
    fake = Fake(usual())
    process = start("subscribe", "-t", fake.address, "-i", "0.1", "tokio/task/state/waiter")
    assert process.stdout.readline() == "idle\n"
    fake.end_streams()
    result = finish(process)
    assert result.code == 6 and "ended its stream" in result.err, result
    fake.stop()


def what_cannot_be_read_does_no_harm():
    world = usual()
    fake = Fake(world)
    process = start("subscribe", "-t", fake.address, "-i", "0.1", "--changes-only",
                    "tokio/task/polls/waiter", "tokio/warning/text")
    assert process.stdout.readline().endswith("waiter 3\n")
    whole = world.begin().SerializeToString()
    fake.tell(whole[:-3])
    fake.tell(b"\xff" * 100)
    while "2 messages of the server could not be read" not in process.stdout.readline():
        pass
    thing, stats = world.tasks[7]
    stats.poll_stats.polls = 12
    fake.tell()
    assert "waiter 12" in process.stdout.readline()
    process.kill()
    finish(process)
    fake.stop()


def a_flood_costs_no_memory_without_end():
    """Empty messages as fast as they go, while nobody reads what weir prints."""
    class Flood(Fake):
        def state(self, request, context):
            while context.is_active():
                yield b""
    fake = Flood(usual())
    process = start("subscribe", "-t", fake.address, "-i", "0.1", "tokio/task/state/waiter")
    for _ in range(30):  # three seconds
        assert process.stdout.readline() == "idle\n"
    with open("/proc/%d/status" % process.pid, encoding="utf-8") as file:
        (peak,) = [int(line.split()[1]) for line in file if line.startswith("VmHWM:")]
    process.kill()
    finish(process)
    assert os.environ.get("WEIR_SANITIZE") or peak < 64 << 10, peak
    fake.stop()


def the_doctor_says_who_waits():
    """At the semaphore that has no permit free, not at the one that has three."""
    world = usual()
    now = world.now
    world.resource(5, "Semaphore", line=44, permits=0)
    world.operation(3, "Semaphore::acquire", 5, task=9, poll=polls(2, now - 2 * NANOS, now - NANOS), permits_requested=1)
    fake = Fake(world)
    process = start("doctor", fake.address, "--for", "1")
    told = process.stdout.read()
    assert process.wait() == 1, told
    assert told.startswith("tokio %s, running; seen for 1s\n" % fake.address), told
    assert "Semaphore src/main.rs:44:5: no permit free" in told and "waiting: 1" in told, told
    assert "main.rs:40:5" not in told, told
    fake.stop()


def loss_and_pause_are_told():
    world = usual()
    fake = Fake(world, paused=True)
    process = start("subscribe", "-t", fake.address, "-i", "0.1", "--changes-only",
                    "tokio/warning/text")
    texts = [process.stdout.readline()]
    update = T["Update"](now=stamp(world.now))
    update.task_update.dropped_events = 1601630
    fake.tell(update)
    while not any("1601630 events of tasks" in text for text in texts):
        texts.append(process.stdout.readline())
    assert any("a console has paused the server" in text for text in texts), texts
    process.kill()
    finish(process)
    assert not {"Pause", "Resume"} & set(fake.calls), fake.calls
    fake.stop()


run([a_snapshot_has_what_the_server_says, resources_and_who_waits_for_them,
     every_way_to_name_it_leads_there, topics_follow_the_server, what_tokio_does_not_tell_is_said,
     lints_have_thresholds, a_server_of_an_older_version_is_read,
     a_first_update_of_many_megabytes_is_read, ends_and_silence_have_their_answers,
     what_cannot_be_read_does_no_harm, a_flood_costs_no_memory_without_end,
     the_doctor_says_who_waits, loss_and_pause_are_told])

atexit._run_exitfuncs()
os._exit(0)  # threads of a server may wait for ever
