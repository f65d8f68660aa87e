#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: timeout=240 folders=agent/src/session,agent/src/encode
"""tokio-console's protocol of a real host, as python3-grpcio sees it: rows and numbers are those of weir's own
snapshot, pauses are a connection's own, and 100,000 channels with 20,000 tasks that churn attach."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import agent_client  # noqa: E402
from agent_client import (CHANNEL, M, SANITIZED, SEMAPHORE, Agent, Host, channel_to,  # noqa: E402
                          eventually, fails, grpc, messages, number)
from console import Host as ServedHost  # noqa: E402
from serving import Serve  # noqa: E402

T = messages("tokio/console.proto")
CODE = grpc.StatusCode
MESSAGE_MAX = 1 << 20
SINGLE = 9


class Console:
    """One connection, and what a console has after all Updates so far."""

    def __init__(self, address, **options):
        self.channel = channel_to(address, **options)
        path = "/rs.tokio.console.instrument.Instrument/"
        stream, unary = self.channel.unary_stream, self.channel.unary_unary
        raw = bytes

        def sends(message):
            return message.SerializeToString() if message else b""
        self.updates = stream(path + "WatchUpdates", sends, raw)
        self.states = stream(path + "WatchState", sends, T["State"].FromString)
        self.details = stream(path + "WatchTaskDetails", sends, T["TaskDetails"].FromString)
        self.pause = unary(path + "Pause", sends, raw)
        self.resume = unary(path + "Resume", sends, raw)
        self.metas, self.tasks, self.resources, self.ops = {}, {}, {}, {}
        self.target, self.now, self.longest, self.bytes = None, 0.0, 0, 0

    def take(self, data):
        update = T["Update"].FromString(data)
        self.longest = max(self.longest, len(data))
        self.bytes += len(data)
        assert update.HasField("now") and seconds(update.now) >= self.now
        self.now = seconds(update.now)
        for meta in update.new_metadata.metadata:
            self.metas[meta.id.id] = meta.metadata
            self.target = meta.metadata.target
        self.take_part(update.task_update, "new_tasks", self.tasks)
        self.take_part(update.resource_update, "new_resources", self.resources)
        self.take_part(update.async_op_update, "new_async_ops", self.ops)
        return update

    def take_part(self, part, field, items):
        stats = {entry.key: entry.value for entry in part.stats_update}
        for item in getattr(part, field):
            assert item.id.id not in items, "told twice"
            assert item.metadata.id in self.metas and item.id.id in stats
            items[item.id.id] = [item, None]
        for key, value in stats.items():
            assert value.HasField("created_at")
            items[key][1] = value

    def live(self, items):
        return {key: item for key, item in items.items() if not item[1].HasField("dropped_at")}

    def resource(self, name):
        """(type, attributes) of a live one."""
        for item, stats in self.live(self.resources).values():
            if item.kind.other == name:
                return item.concrete_type, attributes(stats)
        return None

    def task(self, name):
        """(id, state, stats) of a live one."""
        for key, (item, stats) in self.live(self.tasks).items():
            if fields(item).get("task.name") == name:
                return key, state(stats), stats
        return None


def nanos(time_of):
    assert time_of.seconds >= 0 and 0 <= time_of.nanos < 10**9
    return time_of.seconds * 10**9 + time_of.nanos


def seconds(time_of):
    return nanos(time_of) / 1e9


def value(field):
    return getattr(field, field.WhichOneof("value"))


def fields(item):
    return {field.str_name: value(field) for field in item.fields}


def attributes(stats):
    return {a.field.str_name: "%s%s" % (value(a.field), a.unit) for a in stats.attributes}


def state(stats):
    """As tokio-console derives it."""
    def at(message, name):
        return nanos(getattr(message, name)) if message.HasField(name) else -1
    polls = stats.poll_stats
    if stats.HasField("dropped_at"):
        return "done"
    if at(polls, "last_poll_started") > at(polls, "last_poll_ended"):
        return "running"
    return "scheduled" if at(stats, "last_wake") > at(polls, "last_poll_started") else "idle"


def watch(console, until, **more):
    """Takes Updates in until a condition holds; a stream of its own."""
    stream = console.updates(None, timeout=120, **more)
    for data in stream:
        console.take(data)
        if until():
            stream.cancel()
            return
    raise AssertionError("the stream has ended")


def snapshot(agent, kind):
    """{name: {field: value}} by weir's own protocol."""
    index = {(m.kind, m.index): m.field for m in agent.describe(M["DescribeRequest"](), timeout=10).metrics}
    rows = {}
    for page in agent.snapshot(M["SnapshotRequest"](), timeout=60):
        for table in page.tables:
            for row in table.rows if table.kind == kind else ():
                rows[row.name] = {index[kind, c]: number(v) for c, v in zip(table.columns, row.values)}
    return rows


host = Host("--name", "game", "--channel", "moves:unbounded:0:0:6", "--channel", "jobs:3:0:0:3",
            "--semaphore", "slots:4:1", "--counter", "refused:0:7", "--gauge", "players:-12",
            "--task", "handler:3:2", "--single", "c1:connection", "--single", "c2:connection",
            "--grpc", "127.0.0.1:0")


def rows_are_those_of_the_snapshot():
    agent, console = Agent(host.socket), Console(host.socket)
    watch(console, lambda: console.resource("handler"))
    assert console.target == "game", console.target
    for name, row in snapshot(agent, CHANNEL).items():
        kind, shown = console.resource(name)
        assert kind == "Channel"
        for field in "depth", "sent", "received", "rejects":
            assert shown[field] == str(row[field]), (name, field, shown, row)
        assert shown["capacity"] == str(row["capacity"] or "unbounded"), (shown, row)
    for name, row in snapshot(agent, SEMAPHORE).items():
        kind, shown = console.resource(name)
        assert kind == "Semaphore"
        for field in "permits", "available", "waiters", "rejects":
            assert shown[field] == str(row[field]), (name, field, shown, row)
    assert console.resource("handler")[0] == "TaskKind"
    assert console.resource("refused") == ("Counter", {"value": "7"}), console.resource("refused")
    assert console.resource("players") == ("Gauge", {"value": "-12"}), console.resource("players")
    singles = snapshot(agent, SINGLE)
    assert set(singles) == {"c1", "c2"}
    for name, row in singles.items():
        _, what, stats = console.task(name)
        assert (what, stats.poll_stats.polls, stats.wakes) == (row["state"], row["polls"], row["wakes"])
        assert abs(seconds(stats.poll_stats.busy_time) - row["busy"]) < 1e-6
        assert abs(console.now - seconds(stats.created_at) - row["age"]) < 30
        assert stats.waker_clones > stats.waker_drops


def tcp_and_unix_sockets_serve_it_alike():
    address = Agent(host.socket).describe(M["DescribeRequest"](), timeout=10).grpc_address
    # The third is a client that was told the name; to resolve it is not for every machine.
    by_name = {"grpc.default_authority": address.replace("127.0.0.1", "localhost")}
    for where, options in (address, {}), (host.socket, {}), (address, by_name):
        console = Console(where, **options)
        watch(console, lambda console=console: console.task("c1"))
        console.channel.close()


def states_follow_what_happens():
    console = Console(host.socket)
    stream = console.updates(None, timeout=60)
    console.take(next(stream))

    def becomes(what):
        while console.task("c1")[1] != what:
            console.take(next(stream))
    becomes("idle")
    host.say("wake c1")
    becomes("scheduled")
    host.say("poll c1")
    becomes("running")
    host.say("waits c1 slots")
    host.say("polled c1")
    becomes("idle")
    host.say("send moves 5")
    while console.resource("moves")[1]["depth"] != "11":
        console.take(next(stream))
    stream.cancel()


def waits_are_async_operations():
    console = Console(host.socket)
    host.say("poll c2")
    host.say("waits c2 jobs")
    host.say("polled c2")
    stream = console.updates(None, timeout=60)

    def sources():
        return {op.source: (console.resources[op.resource_id.id][0].kind.other, stats.task_id.id)
                for op, stats in console.live(console.ops).values()}
    while len(sources()) < 2:
        console.take(next(stream))
    assert sources() == {"Semaphore::acquire": ("slots", console.task("c1")[0]),
                         "Channel::send": ("jobs", console.task("c2")[0])}, sources()
    host.say("poll c2")
    while "Channel::send" in sources():
        console.take(next(stream))
    host.say("polled c2")
    stream.cancel()


def details_have_a_histogram_of_each():
    console = Console(host.socket)
    watch(console, lambda: console.task("c1"))
    task = console.task("c1")[0]
    stream = console.details(T["TaskDetailsRequest"](id=T["Id"](id=task)), timeout=30)
    for _ in range(2):
        details = next(stream)
        assert details.task_id.id == task and abs(seconds(details.now) - time.time()) < 60
        for histogram in details.histogram, details.scheduled_times_histogram:
            assert histogram.raw_histogram[:4] == b"\x1c\x84\x93\x13"
            assert not histogram.high_outliers or histogram.highest_outlier
    stream.cancel()
    text = fails(CODE.NOT_FOUND, lambda: console.details(
        T["TaskDetailsRequest"](id=T["Id"](id=task + (1 << 32))), timeout=10))
    assert str(task + (1 << 32)) in text, text
    for request in T["TaskDetailsRequest"](), T["TaskDetailsRequest"](id=T["Id"](id=0)):
        fails(CODE.INVALID_ARGUMENT, lambda: console.details(request, timeout=10))


def a_pause_is_the_connections_own():
    ours, theirs = Console(host.socket), Console(host.socket)
    our_states, their_states = ours.states(None, timeout=60), theirs.states(None, timeout=60)
    updates = theirs.updates(None, timeout=60)
    assert (next(our_states).temporality, next(their_states).temporality) == (0, 0)
    assert theirs.pause(None, timeout=10) == b""
    while next(their_states).temporality != 1:
        pass
    assert next(our_states).temporality == 0
    theirs.take(next(updates))  # the first, which had all; the second came before the pause, or never does
    before = theirs.now
    watch(ours, lambda: ours.now > before + 3)
    host.say("send moves 1")
    assert theirs.resume(None, timeout=10) == b""
    while next(their_states).temporality != 0:
        pass
    while theirs.resource("moves")[1]["depth"] != "12":
        theirs.take(next(updates))
    our_states.cancel()
    their_states.cancel()
    updates.cancel()


def a_host_that_ends_says_so():
    console = Console(host.socket)
    stream = console.updates(None, timeout=60)
    console.take(next(stream))
    assert console.live(console.tasks)
    host.stop()
    try:
        for data in stream:
            console.take(data)
    except grpc.RpcError as error:
        assert error.code() == CODE.UNAVAILABLE, error
    assert not console.live(console.tasks) and not console.live(console.resources)


def many_rows_that_churn_attach():
    n_channels, n_tasks = (10000, 2000) if SANITIZED else (100000, 20000)
    crowd = Host("--name", "crowd", "--many", "room-:%d" % n_channels, "--crowd", "conn:%d" % n_tasks,
                 "--churn", "5000", WEIR_LIMIT="512M", WEIR_TASKS="32768")
    console, agent = Console(crowd.socket), Agent(crowd.socket)
    snapshot(agent, CHANNEL)  # what the exporter itself holds is there now
    before = crowd.rss()
    stream = console.updates(None, timeout=200)
    begun = time.monotonic()
    n = 0
    while len(console.live(console.resources)) < n_channels or len(console.live(console.tasks)) < n_tasks:
        console.take(next(stream))
        n += 1
    attached = time.monotonic() - begun
    assert console.longest <= MESSAGE_MAX and n > console.bytes // MESSAGE_MAX
    end = console.now + (3 if SANITIZED else 10)
    churned = console.bytes
    while console.now < end:
        console.take(next(stream))
    churned = console.bytes - churned
    # What stands still is there, all of it; of what comes and goes, no more than there can be.
    rooms = [item for item, _ in console.live(console.resources).values() if item.kind.other.startswith("room-")]
    born = [item for item, _ in console.live(console.resources).values() if item.kind.other.startswith("born-")]
    tasks = [fields(item)["kind"] for item, _ in console.live(console.tasks).values()]
    assert len(rooms) == n_channels, len(rooms)
    assert 0 < len(born) <= 512, len(born)
    assert tasks.count("conn") == n_tasks and 0 < tasks.count("churn") <= 512, len(tasks)
    assert len(console.resources) > n_channels + 600, "nothing was born"
    now = snapshot(agent, CHANNEL)
    gone = {item.kind.other for item in born} - set(now)
    assert len(gone) <= 512 and {item.kind.other for item in rooms} <= set(now)
    grown = crowd.rss() - before
    print("%d channels, %d tasks: all in %.2f s, %d messages, %.1f MB; then %.0f kB a second; host +%.1f MB"
          % (n_channels, n_tasks, attached, n, console.bytes / 1e6, churned / 1e4, grown / 1e6))
    if not SANITIZED:
        assert grown < 24e6, grown
    stream.cancel()
    crowd.stop()


def serve_takes_the_only_process_and_guesses_none():
    name = "t%d" % os.getpid()
    one = ServedHost("--name", name + "a", "--no-agent", "--single", "c1:connection")
    two = ServedHost("--name", name + "b", "--no-agent")
    server = Serve(name + "a", name + "b", web=None)
    text = fails(CODE.FAILED_PRECONDITION, lambda: Console(server.grpc).updates(None, timeout=10))
    assert name + "a" in text and name + "b" in text, text
    console = Console(server.grpc)
    stream = console.states(None, timeout=10)
    assert next(stream).temporality == 0
    stream.cancel()
    two.end()
    agent = Agent(server.grpc)
    eventually(lambda: len(agent.list(M["ListRequest"](), timeout=10).targets) == 1, "one is left")
    stream = console.updates(None, timeout=60)
    console.take(next(stream))
    assert console.task("c1")
    one.end()
    try:
        for data in stream:
            console.take(data)
    except grpc.RpcError as error:
        assert error.code() == CODE.UNAVAILABLE, error
    assert not console.live(console.tasks)
    server.end()


for case in [rows_are_those_of_the_snapshot, tcp_and_unix_sockets_serve_it_alike, states_follow_what_happens,
             waits_are_async_operations, details_have_a_histogram_of_each, a_pause_is_the_connections_own,
             a_host_that_ends_says_so, many_rows_that_churn_attach,
             serve_takes_the_only_process_and_guesses_none]:
    case()
    print("ok", case.__name__)
