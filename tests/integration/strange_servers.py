#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Servers that no exporter would be: other versions, nonsense, silence, floods. weir answers each
with one line and the documented exit code, within its deadlines.
ctest: timeout=180 folders=console/src/link,console/src/command"""

import atexit
import concurrent.futures
import json
import os
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from agent_client import AGENT, CHANNEL, COUNTER, SEMAPHORE, Agent, M, grpc  # noqa: E402
from console import DEADLINE, HOSTILE, Host, finish, is_harmless, run, scratch, start, wait_for, weir  # noqa: E402

count = 0


def new_path():
    global count
    count += 1
    return os.path.join(scratch, "strange%d.sock" % count)


class Raw:
    """A socket whose connections are given to a function, each in a thread."""

    def __init__(self, function):
        self.path = new_path()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.function = function
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            self.function(connection)
        except OSError:
            pass

    def close(self):
        self.listener.close()


METRICS = [M["Metric"](kind=CHANNEL, index=0, type=1, unit="messages", field="depth", json="depth"),
           M["Metric"](kind=CHANNEL, index=1, type=1, field="new\x1b", json="deep.er.and.deep.er.x"),
           M["Metric"](kind=CHANNEL, index=7, type=2, field="text", json="deep.text"),
           M["Metric"](kind=CHANNEL, index=8, type=9, field="odd", json="")]


class Strange:
    """A gRPC server by another hand. Each method gives bytes, or an iterator of them, or aborts."""

    def __init__(self, **methods):
        self.path = new_path()
        self.methods = {"Describe": lambda request, context: self.description(), **methods}
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((self,))
        self.server.add_insecure_port("unix:" + self.path)
        self.server.start()

    def service(self, call):
        name = call.method.split("/")[-1]
        if name not in self.methods:
            return None
        if name == "Describe":
            return grpc.unary_unary_rpc_method_handler(self.methods[name])
        return grpc.unary_stream_rpc_method_handler(self.methods[name])

    @staticmethod
    def description(**more):
        fields = {"protocol": 1, "version": "9.9", "name": "strange", "pid": 4821,
                  "state": "running", "metrics": METRICS, **more}
        return M["Description"](**fields).SerializeToString()

    def close(self):
        self.server.stop(None)


def u64(value):
    return M["Value"](u64=value)


def update(name="moves", values=(), columns=(), kind=CHANNEL):
    row = M["Row"](id=1, name=name, values=values)
    table = M["Table"](kind=kind, total=1, matching=1, rows=[row], columns=columns)
    return M["Update"](unix_nanos=10**18, tables=[table]).SerializeToString()


def lines(topic, value, **more):
    line = M["Line"](topic=topic, value=value, unit="messages")
    return M["Lines"](unix_nanos=10**18, lines=[line], **more).SerializeToString()


def silence_ends_within_its_deadline():
    server = Raw(lambda connection: connection.recv(1 << 20) and threading.Event().wait(60))
    begin = time.monotonic()
    result = weir("snapshot", "unix:" + server.path, expect=3)
    assert "no answer" in result.err, result
    assert 4 < time.monotonic() - begin < 15
    server.close()


def nonsense_is_told_from_a_server():
    answers = {b"HTTP/1.1 400 Bad Request\r\n\r\n": 4, b"\xff" * 4096: 4, b"\0" * 65536: 4,
               b"SSH-2.0-OpenSSH\r\n": 4, b"": 3}
    for answer, code in answers.items():
        def serve(connection, answer=answer):
            connection.recv(1 << 16)
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1 << 16)
            connection.close()
        server = Raw(serve)
        weir("snapshot", "unix:" + server.path, expect=code)
        weir("subscribe", "game/channel/depth", "-t", "unix:" + server.path, expect=code)
        server.close()


def endless_settings_and_pings_do_not_hang_it():
    settings = b"\0\0\0\4\0\0\0\0\0"
    ping = b"\0\0\x08\6\0\0\0\0\0" + b"12345678"

    def serve(connection):
        connection.sendall(settings)
        while True:
            connection.sendall(ping * 1000)
    server = Raw(serve)
    begin = time.monotonic()
    result = weir("snapshot", "unix:" + server.path, expect=None)
    assert result.code in (3, 4, 6) and time.monotonic() - begin < 20, result
    server.close()


def another_protocol_is_4():
    for description in (Strange.description(protocol=2), Strange.description(protocol=0), b"",
                        b"\xff\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x0f"):
        server = Strange(Describe=lambda request, context, answer=description: answer)
        weir("snapshot", "unix:" + server.path, expect=4)
        server.close()


def status_of_a_refusal_is_the_exit_code():
    codes = {grpc.StatusCode.NOT_FOUND: 2, grpc.StatusCode.INVALID_ARGUMENT: 2,
             grpc.StatusCode.PERMISSION_DENIED: 5, grpc.StatusCode.UNAUTHENTICATED: 5,
             grpc.StatusCode.UNAVAILABLE: 6, grpc.StatusCode.UNIMPLEMENTED: 4,
             grpc.StatusCode.INTERNAL: 4, grpc.StatusCode.RESOURCE_EXHAUSTED: 3}
    for status, code in codes.items():
        def refuse(request, context, status=status):
            context.abort(status, "why \u20ac\n\x1b[31m%")
            yield b""
        server = Strange(Subscribe=refuse, Snapshot=refuse)
        for arguments in (("subscribe", "a/b/c", "-t"), ("snapshot",)):
            result = weir(*arguments, "unix:" + server.path, expect=code)
            assert "why \u20ac??[31m%" in result.err, result
        server.close()


def method_that_is_not_there_is_4():
    server = Strange()
    weir("snapshot", "unix:" + server.path, expect=4)
    server.close()


def numbers_and_names_of_every_sort_are_written_safely():
    values = [u64(2**64 - 1), M["Value"](f64=float("nan")), M["Value"](text="t\x1b[2J\"\u20ac"),
              u64(1), u64(2), M["Value"]()]

    def snapshot(request, context):
        yield update("n\x1b\r\n\x07\u009b", values, [0, 1, 7, 8, 99, 4000000000])
        yield update("no columns", values)
        yield update("", [], [0, 1, 7])
        yield update("future", values, kind=77)
        yield M["Update"]().SerializeToString()
    server = Strange(Snapshot=snapshot, Describe=lambda request, context: Strange.description(
        name="s\x1b[31m", state="no such state", pid=2**32 - 1))
    target = "unix:" + server.path
    for form in ("human", "csv", "ndjson"):
        weir("snapshot", target, "-o", form)
    rows = weir("snapshot", target, "-o", "json").json()["data"]["channels"]
    assert [row["name"] for row in rows] == ["n\x1b\r\n\x07\u009b", "no columns", ""], rows
    assert rows[0]["depth"] == 18446744073709551615, rows
    assert rows[0]["deep"]["text"] == "t\x1b[2J\"\u20ac", rows
    assert rows[0]["deep"]["er"]["and"]["deep"]["er.x"] is None, rows
    server.close()


def lines_of_every_sort_are_written_safely():
    def subscribe(request, context):
        for value in (u64(5), M["Value"](f64=0.1), M["Value"](text="x\x1b[2J\n"), M["Value"]()):
            yield lines("a/b\x1b/c\n", value, waiting=["z\x1b", "", "a/b/c"])
        context.abort(grpc.StatusCode.UNAVAILABLE, "bye")
    server = Strange(Subscribe=subscribe)
    for form in ("human", "csv", "ndjson"):
        process = start("subscribe", "a/b/c", "d/e/f", "-v", "-o", form, "-t",
                        "unix:" + server.path)
        result = finish(process)
        assert result.code == 6 and len(result.out.splitlines()) in (4, 5), result
        assert is_harmless(result.out + result.err), result
        assert result.err.count("no such name yet") == 1, result
    server.close()


def spoil(message, also_numbers):
    """Makes every text in a message hostile but those by which the console finds its columns."""
    for field, value in message.ListFields():
        if field.message_type:
            for part in value if field.label == field.LABEL_REPEATED else (value,):
                spoil(part, also_numbers)
        elif field.type == field.TYPE_STRING and field.name not in ("field", "json"):
            if field.label == field.LABEL_REPEATED:
                value[:] = [HOSTILE + text for text in value]
            else:
                setattr(message, field.name, HOSTILE + value)
    if also_numbers and message.DESCRIPTOR.name == "Value":
        message.text = HOSTILE
    return message


def no_text_of_a_server_steers_a_terminal():
    """A real exporter's answers with every text spoiled, then with a text in place of each number, too."""
    host = Host("--channel", "moves:2", "--channel", "calm:0", "--semaphore", "slots:1", "--task", "worker")
    host.command("send", "moves", 2)
    host.command("reject", "moves", 1)
    agent = Agent(host.path(".sock"))
    for also_numbers in (False, True):
        def answers(method, request, also_numbers=also_numbers):
            for answer in method(M[request.__class__.__name__].FromString(request.SerializeToString()), timeout=20):
                yield spoil(answer, also_numbers).SerializeToString()

        def describe(request, context, also_numbers=also_numbers):
            return spoil(agent.describe(M["DescribeRequest"]()), also_numbers).SerializeToString()

        def stream(name, request):
            return lambda data, context: answers(getattr(agent, name), M[request].FromString(data))
        server = Strange(Describe=describe, Snapshot=stream("snapshot", "SnapshotRequest"),
                         Watch=stream("watch", "WatchRequest"), History=stream("history", "HistoryRequest"),
                         Subscribe=stream("subscribe", "SubscribeRequest"))
        target = "unix:" + server.path
        for form in ("human", "csv", "json", "ndjson"):
            weir("snapshot", target, "-o", form)
            weir("subscribe", "+/#", "-C", 9, "-i", 0.1, "-o", form, "-t", target)
        for form in ("human", "json"):
            result = finish(start("doctor", target, "--for", 2, "-o", form))
            assert result.code in (0, 1) and "[2J" in result.out, result
            assert is_harmless(result.out + result.err), result
        before, after = (os.path.join(scratch, "%s%d.weirrec" % (name, also_numbers)) for name in ("a", "b"))
        for path in (before, after):
            assert "?[2J" in weir("record", target, "-o", path, "--for", 2).out
        host.command("send", "calm", 9)
        weir("diff", before, target, "-o", "human")
        weir("diff", before, after, "-o", "json")
        weir("snapshot", before)
        server.close()
    agent.close()
    host.kill()


def stream_that_stops_or_ends_early_is_told():
    def few(request, context):
        yield update("moves", [u64(1)], [0])
        context.abort(grpc.StatusCode.DATA_LOSS, "the segment is corrupt")
    server = Strange(Snapshot=few)
    weir("snapshot", "unix:" + server.path, expect=4)
    server.close()

    def bad(request, context):
        yield b"\xff\xff\xff"
        threading.Event().wait(1)
    server = Strange(Snapshot=bad, Subscribe=bad)
    weir("snapshot", "unix:" + server.path, expect=4)
    weir("subscribe", "a/b/c", "-t", "unix:" + server.path, expect=4)
    server.close()

    release = threading.Event()

    def stall(request, context):
        yield update("moves", [u64(1)], [0])
        release.wait(60)
    server = Strange(Snapshot=stall)
    weir("snapshot", "unix:" + server.path, expect=7)
    release.set()
    server.close()


def pages_are_written_as_they_come_and_a_wait_is_told():
    release = threading.Event()
    metrics = METRICS + [M["Metric"](kind=AGENT, index=0, type=1, field="rested", json="rested_seconds"),
                         M["Metric"](kind=COUNTER, index=0, type=0, field="value", json="value")]

    def pages(request, context):
        yield update("moves", [u64(1)], [0])
        release.wait(60)
        threading.Event().wait(1.1)  # slow is what takes a second
        yield update("jobs", [u64(2)], [0])
        yield update("", [M["Value"](f64=12.5)], [0], AGENT)
    server = Strange(Describe=lambda request, context: Strange.description(metrics=metrics), Snapshot=pages)
    process = start("snapshot", "unix:" + server.path, "-o", "json")
    text = ""
    while '"moves"' not in text:
        byte = process.stdout.read(1)
        assert byte, process.stderr.read()
        text += byte
    release.set()
    text += process.stdout.read()
    problem = process.stderr.read()
    assert process.wait(60) == 0, problem
    data = json.loads(text)["data"]
    assert [(row["name"], row["depth"]) for row in data["channels"]] == [("moves", 1), ("jobs", 2)], data
    # A kind without rows is there, in the last place.
    assert data["agent"] == {"rested_seconds": 12.5} and data["counters"] == [] and list(data)[-1] == "counters", data
    assert problem.count("\n") == 1 and "the snapshot took" in problem and "stood still for 12.5 s" in problem, problem
    server.close()


def reader_that_stands_still_does_not_hold_the_server_up():
    """An exporter closes a connection that takes nothing for 10 s; a pager takes nothing for as long as it likes."""
    for form in ("json", "ndjson", "csv"):
        all_taken = threading.Event()

        def pages(request, context, all_taken=all_taken):
            for page in range(4):
                rows = [M["Row"](id=page * 10000 + i, name="%0200d" % (page * 10000 + i), values=[u64(i)])
                        for i in range(10000)]
                yield M["Update"](tables=[M["Table"](kind=CHANNEL, columns=[0], rows=rows)]).SerializeToString()
            all_taken.set()
        server = Strange(Snapshot=pages)
        process = start("snapshot", "unix:" + server.path, "-o", form)
        assert all_taken.wait(DEADLINE), form  # and nothing of it has been read
        text, problem = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0 and problem == "", (form, problem)
        assert all("%0200d" % i in text for i in (0, 10000, 39999)) and text.count("0" * 190) == 40000, form
        server.close()


def kinds_that_are_mixed_up_are_told_where_order_counts():
    def pages(request, context):
        yield update("moves", [u64(1)], [0])
        yield update("slots", [], [], SEMAPHORE)
        yield update("jobs", [u64(2)], [0])
    metrics = METRICS + [M["Metric"](kind=SEMAPHORE, index=0, type=1, field="permits", json="permits")]
    server = Strange(Describe=lambda request, context: Strange.description(metrics=metrics), Snapshot=pages)
    result = weir("snapshot", "unix:" + server.path, "-o", "json", expect=4)
    assert "channels in two parts" in result.err, result
    for form in ("ndjson", "csv", "human"):
        assert "jobs" in weir("snapshot", "unix:" + server.path, "-o", form).out
    server.close()


def huge_message_is_refused_unread():
    def huge(request, context):
        yield b"\0" * ((64 << 20) + 1)
    server = Strange(Snapshot=huge)
    weir("snapshot", "unix:" + server.path, expect=4)
    server.close()


def snapshot_without_an_end_is_given_up():
    def endless(request, context):
        while context.is_active():
            yield update("moves", [u64(1)], [0])
    server = Strange(Snapshot=endless)
    result = weir("snapshot", "unix:" + server.path, expect=7)
    assert "-I" in result.err, result
    server.close()


def slow_reader_is_not_flooded():
    """The server pushes as fast as it can: what is not taken is left out, a little at a time."""
    sent = [0]

    def flood(request, context):
        while context.is_active():
            sent[0] += 1
            yield lines("a/b/c", M["Value"](text="x" * 400))
    server = Strange(Subscribe=flood)
    process = start("subscribe", "a/b/c", "-t", "unix:" + server.path)
    # Nobody reads its output: the pipe fills, then the socket, then the server is held to what is
    # left out, ten times a second.
    wait_for(lambda: sent[0] > 2000, "the pipe is full")
    began, before = time.monotonic(), sent[0]
    threading.Event().wait(3)
    rate = (sent[0] - before) / (time.monotonic() - began)
    with open("/proc/%d/status" % process.pid, encoding="utf-8") as file:
        (peak,) = [int(line.split()[1]) for line in file if line.startswith("VmHWM:")]
    assert process.poll() is None
    process.kill()
    assert rate < 2000, rate
    assert os.environ.get("WEIR_SANITIZE") or peak < 64 << 10, peak
    server.close()


run([silence_ends_within_its_deadline, nonsense_is_told_from_a_server,
     endless_settings_and_pings_do_not_hang_it, another_protocol_is_4,
     status_of_a_refusal_is_the_exit_code, method_that_is_not_there_is_4,
     numbers_and_names_of_every_sort_are_written_safely, lines_of_every_sort_are_written_safely,
     no_text_of_a_server_steers_a_terminal, stream_that_stops_or_ends_early_is_told,
     pages_are_written_as_they_come_and_a_wait_is_told,
     reader_that_stands_still_does_not_hold_the_server_up, kinds_that_are_mixed_up_are_told_where_order_counts, huge_message_is_refused_unread,
     snapshot_without_an_end_is_given_up, slow_reader_is_not_flooded])
atexit._run_exitfuncs()
os._exit(0)  # daemon threads may wait for ever
