#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: timeout=120 folders=agent/src/session,agent/src/encode
"""The exporter answers python3-grpcio on its unix socket: the methods, the statuses, health, a client
that pauses, deadlines, the farewell."""

import os
import stat
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from agent_client import (AGENT, CHANNEL, M, PROCESS, SANITIZED, Agent, Host, eventually,  # noqa: E402
                          fails, grpc, messages, number)

HEALTH = messages("grpc/health/v1/health.proto")
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3

host = Host("--name", "game", "--channel", "moves:unbounded:1000:400", "--channel", "jobs:8",
            "--semaphore", "slots:4:1", "--counter", "backpressure_rejects:0:7", "--many", "c:3000")
agent = Agent(host.socket)


def watch(queries, millis=100, **more):
    return agent.watch(M["WatchRequest"](queries=queries, interval_millis=millis), **more)


def describe_says_who_is_there():
    d = agent.describe(M["DescribeRequest"](), timeout=10)
    assert (d.protocol, d.name, d.pid, d.state) == (1, "game", host.pid, "running"), d
    assert d.program.endswith("/host") and d.segment_path.endswith(".weir"), d
    assert any(m.field == "depth" and m.kind == CHANNEL and m.help for m in d.metrics)
    assert abs(d.started_unix_nanos / 1e9 - time.time()) < 60


def the_socket_is_the_users_alone():
    assert stat.S_IMODE(os.stat(host.socket).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(host.directory).st_mode) == 0o700


def watch_shows_what_happens():
    columns = agent.columns()
    depth, sent = columns[CHANNEL, "depth"], columns[CHANNEL, "sent"]
    stream = watch([M["Query"](kind=CHANNEL, columns=[sent, depth], sort=depth, descending=True,
                               limit=2),
                    M["Query"](kind=PROCESS)], timeout=30)
    first = next(stream)
    assert len(first.tables) == 2 and first.tables[0].total == 3002, first.tables[0].total
    assert len(first.tables[0].rows) == 2
    for update in stream:
        row = update.tables[0].rows[0]
        if row.name == "moves" and number(row.values[1]) > 0:
            break
    for update in stream:
        later = update.tables[0].rows[0]
        if number(later.values[0]) > number(row.values[0]):
            break
    assert later.id == row.id and update.read_nanos > first.read_nanos
    stream.cancel()


def the_refusals_of_a_host_arrive():
    value = agent.columns()[3, "value"]
    host.say("add backpressure_rejects 20")
    stream = watch([M["Query"](kind=3, columns=[value])], timeout=30)
    for update in stream:
        if number(update.tables[0].rows[0].values[0]) == 27:
            break
    stream.cancel()


def subscribe_gives_lines_each_interval():
    stream = agent.subscribe(M["SubscribeRequest"](
        topics=["game/channel/size/moves", "game/channel/size/later"], interval_millis=100),
        timeout=30)
    sizes = []
    for lines in stream:
        sizes.append(number(lines.lines[0].value))
        assert lines.lines[0].topic == "game/channel/size/moves"
        assert lines.lines[0].unit == "messages"
        assert list(lines.waiting) == ["game/channel/size/later"]
        if len(sizes) == 5:
            break
    assert sizes == sorted(sizes) and sizes[4] > sizes[0], sizes
    host.say("open later 8")
    for lines in stream:
        if not lines.waiting:
            break
    assert [line.topic for line in lines.lines][-1] == "game/channel/size/later"
    host.say("close later")
    stream.cancel()


def a_snapshot_has_every_channel():
    def rows():
        pages = list(agent.snapshot(M["SnapshotRequest"](), timeout=30))
        ids = [row.id for page in pages for t in page.tables if t.kind == CHANNEL for row in t.rows]
        assert len(ids) == len(set(ids)), ids
        return len(ids)
    eventually(lambda: rows() == 3002, "3,002 channels, %d" % rows())
    few = list(agent.snapshot(M["SnapshotRequest"](include=["mo*"]), timeout=30))
    names = [row.name for page in few for t in page.tables if t.kind == CHANNEL for row in t.rows]
    assert names == ["moves"], names


def errors_have_their_codes():
    code = grpc.StatusCode
    topics = lambda *t, **k: agent.subscribe(  # noqa: E731
        M["SubscribeRequest"](topics=t, **k), timeout=10)
    text = fails(code.NOT_FOUND, lambda: topics("tokio/channel/size"))
    assert "game/channel/size" in text, text
    fails(code.INVALID_ARGUMENT, lambda: topics("moves"))
    fails(code.INVALID_ARGUMENT, lambda: topics("game/channel/size", interval_millis=5))
    fails(code.RESOURCE_EXHAUSTED, lambda: topics(*["game/channel/size"] * 65))
    fails(code.RESOURCE_EXHAUSTED, lambda: watch([M["Query"]()] * 17, timeout=10))
    fails(code.INVALID_ARGUMENT, lambda: watch([M["Query"](kind=3, sort=30)], timeout=10))
    unknown = agent.channel.unary_unary("/weir.v1.Agent/Nix")
    assert "/weir.v1.Agent/Nix" in fails(code.UNIMPLEMENTED, lambda: unknown(b"", timeout=10))
    other = agent.channel.unary_unary("/grpc.channelz.v1.Channelz/GetServers")
    fails(code.UNIMPLEMENTED, lambda: other(b"", timeout=10))
    nonsense = agent.channel.unary_unary("/weir.v1.Agent/Watch")
    fails(code.INVALID_ARGUMENT, lambda: nonsense(b"\xff\xff\xff", timeout=10))
    fails(code.RESOURCE_EXHAUSTED, lambda: nonsense(b"x" * 70000, timeout=10))
    fails(code.UNIMPLEMENTED, lambda: nonsense(b"a" * 5000, timeout=10,
                                               compression=grpc.Compression.Gzip))
    start = time.monotonic()
    fails(code.DEADLINE_EXCEEDED, lambda: watch([M["Query"]()], timeout=0.7))
    assert time.monotonic() - start < 5


def unknown_methods_are_answered_at_once_while_the_caller_streams():
    """A caller that streams waits for headers before it ends its side: server reflection does."""
    same = lambda octets: octets  # noqa: E731
    for name in ("/any.Service/Method", "/weir.v1.Agent/Nix",
                 "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"):
        call = agent.channel.stream_stream(name, same, same)
        took = []
        for _ in range(5):
            over = threading.Event()

            def requests():
                yield b""
                over.wait(20)
            start = time.monotonic()
            text = fails(grpc.StatusCode.UNIMPLEMENTED, lambda: call(requests(), timeout=20))
            took.append(time.monotonic() - start)
            over.set()
            assert name in text, text
        assert min(took) < 0.1, took
    assert agent.describe(M["DescribeRequest"](), timeout=10).name == "game"


def health(kind, name, request, answer):
    return getattr(agent.channel, kind)("/grpc.health.v1.Health/" + name,
                                        request_serializer=HEALTH[request].SerializeToString,
                                        response_deserializer=HEALTH[answer].FromString)


def health_checks_are_answered():
    check = health("unary_unary", "Check", "HealthCheckRequest", "HealthCheckResponse")
    watch = health("unary_stream", "Watch", "HealthCheckRequest", "HealthCheckResponse")
    listed = health("unary_unary", "List", "HealthListRequest", "HealthListResponse")(
        HEALTH["HealthListRequest"](), timeout=10)
    assert set(listed.statuses) == {"", "weir.v1.Agent", "grpc.health.v1.Health",
                                    "rs.tokio.console.instrument.Instrument"}, listed
    for service, answer in listed.statuses.items():
        assert answer.status == SERVING, (service, answer)
        asked = HEALTH["HealthCheckRequest"](service=service)
        assert check(asked, timeout=10).status == SERVING, service
        stream = watch(asked, timeout=30)
        assert next(stream).status == SERVING, service
        stream.cancel()
    nobody = HEALTH["HealthCheckRequest"](service="nobody")
    fails(grpc.StatusCode.NOT_FOUND, lambda: check(nobody, timeout=10))
    stream = watch(nobody, timeout=30)
    assert next(stream).status == SERVICE_UNKNOWN
    stream.cancel()


def a_client_that_pauses_catches_up():
    """It reads nothing for 5 s; the agent holds one message for it, and the next one is the latest."""
    slow = Agent(host.socket, **{"grpc.http2.lookahead_bytes": 1024})
    columns = list(range(10))
    stream = slow.watch(M["WatchRequest"](
        queries=[M["Query"](kind=CHANNEL, columns=columns, limit=10000)] * 4, interval_millis=100),
        timeout=60)
    first = next(stream)
    before, held = host.rss(), agent.numbers()["memory"]
    other = watch([M["Query"](kind=CHANNEL, limit=2)], timeout=30)
    end = time.monotonic() + 5
    seen = 0
    for _ in other:  # another client goes on meanwhile
        seen += 1
        if time.monotonic() > end and seen >= 3:  # 50 by then, where the machine has nothing else to do
            break
    other.cancel()
    assert seen >= 3, seen  # one may have been on its way before the pause
    if not SANITIZED:  # whose allocator keeps what was freed
        assert host.rss() - before < 2 << 20, host.rss() - before
    assert agent.numbers()["memory"] - held < 2 << 20, (agent.numbers()["memory"], held)
    skipped = 0
    for update in stream:
        skipped = max(skipped, update.skipped)
        if update.unix_nanos / 1e9 > time.time() - 0.5 and skipped:
            break
    assert skipped > 5, skipped
    assert update.unix_nanos > first.unix_nanos + 5e9
    assert agent.numbers()["updates_skipped"] >= skipped
    stream.cancel()
    slow.close()


def its_own_numbers_add_up():
    more = [Agent(host.socket) for _ in range(3)]
    for one in more:
        one.describe(M["DescribeRequest"](), timeout=10)
    eventually(lambda: agent.numbers()["clients"] == 4, "four clients")
    for one in more:
        one.close()
    eventually(lambda: agent.numbers()["clients"] == 1, "one client")
    numbers = agent.numbers()
    assert numbers["updates_sent"] > 50 and numbers["memory"] > 0, numbers


def the_end_is_unavailable():
    stream = watch([M["Query"](kind=AGENT)], timeout=30)
    next(stream)
    probe = health("unary_stream", "Watch", "HealthCheckRequest", "HealthCheckResponse")(
        HEALTH["HealthCheckRequest"](), timeout=30)
    heard = [next(probe).status]
    got = []

    def drain(stream, each):
        try:
            for message in stream:
                each(message)
        except grpc.RpcError as error:
            got.append(error.code())
    threads = [threading.Thread(target=drain, args=arguments) for arguments in (
        (stream, lambda message: None), (probe, lambda message: heard.append(message.status)))]
    for thread in threads:
        thread.start()
    start = time.monotonic()
    host.stop()
    took = time.monotonic() - start
    for thread in threads:
        thread.join(10)
    assert got == [grpc.StatusCode.UNAVAILABLE] * 2, got
    # gRPC's C core drops a message that nobody has read yet when a status other than OK comes behind it, so its
    # client may miss the last one; unit.health_test sees that it is sent.
    assert heard in ([SERVING, NOT_SERVING], [SERVING]), heard
    assert took < 3, took
    assert not os.path.exists(host.socket)


for test in (describe_says_who_is_there, the_socket_is_the_users_alone, watch_shows_what_happens,
             the_refusals_of_a_host_arrive, subscribe_gives_lines_each_interval,
             a_snapshot_has_every_channel, errors_have_their_codes,
             unknown_methods_are_answered_at_once_while_the_caller_streams, health_checks_are_answered,
             a_client_that_pauses_catches_up, its_own_numbers_add_up, the_end_is_unavailable):
    test()
    print("ok", test.__name__, flush=True)
