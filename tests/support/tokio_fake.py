# SPDX-License-Identifier: MIT
"""A server that speaks tokio-console's protocol as console-subscriber does, with what a test puts into
it: nothing of it is weir's but the names of the protocol's fields."""

import atexit
import concurrent.futures
import queue
import os
import struct
import sys
import threading
import time
import traceback

from agent_client import grpc, messages

T = messages("tokio/console.proto")
SERVICE = "rs.tokio.console.instrument.Instrument"
NANOS = 10**9
END = object()


def fail(kind, error, trace):
    """The end of a test that failed: threads that serve streams would be waited for for ever."""
    traceback.print_exception(kind, error, trace)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


sys.excepthook = fail


def ident(number):
    return T["Id"](id=number)


def stamp(nanos):
    return T["Timestamp"](seconds=nanos // NANOS, nanos=nanos % NANOS)


def length(nanos):
    return T["Duration"](seconds=nanos // NANOS, nanos=nanos % NANOS)


def field(name, value):
    kind = {bool: "bool_val", int: "u64_val", str: "debug_val"}[type(value)]
    return T["Field"](str_name=name, metadata_id=ident(1), **{kind: value})


def place(line, file="src/main.rs"):
    return T["Location"](file=file, line=line, column=5)


def polls(n, started=0, ended=0, busy=0):
    return T["PollStats"](polls=n, last_poll_started=stamp(started) if started else None,
                          last_poll_ended=stamp(ended) if ended else None, busy_time=length(busy))


def histogram(*values, significant=2):
    """HdrHistogram, V2: counts by index from the least value to the greatest, zeros as runs."""
    half = 128
    counts = {}
    for value in values:
        shift = max(value.bit_length() - 8, 0)
        index = value if shift == 0 and value < 2 * half else (shift + 1) * half + (
            value >> shift) - half
        counts[index] = counts.get(index, 0) + 1
    payload = b""

    def put(number):
        bits = (number << 1) ^ (number >> 63)
        out = bytearray()
        bits &= (1 << 64) - 1
        while bits >= 0x80:
            out.append(bits & 0x7f | 0x80)
            bits >>= 7
        out.append(bits)
        return bytes(out)
    at = 0
    for index in sorted(counts):
        gap = index - at
        payload += put(-gap) if gap > 1 else b"\0" * gap
        payload += put(counts[index])
        at = index + 1
    payload = payload or b"\0"
    return struct.pack(">IIIIQQd", 0x1c849313, len(payload), 0, significant, 1, NANOS, 1.0) + payload


class World:
    """What the server knows: kept as messages, told whole at first and by changes then."""

    def __init__(self):
        self.now = time.time_ns()
        self.tasks, self.resources, self.operations = {}, {}, {}
        self.details = {}
        self.update = None

    def begin(self):
        """An Update with all that is there."""
        update = T["Update"](now=stamp(self.now))
        meta = update.new_metadata.metadata.add()
        meta.id.id = 1
        meta.metadata.target = "tokio::task"
        meta.metadata.field_names.extend(["zero", "one"])
        for things, to, new in ((self.tasks, update.task_update, "new_tasks"),
                                (self.resources, update.resource_update, "new_resources"),
                                (self.operations, update.async_op_update, "new_async_ops")):
            for number, (thing, stats) in things.items():
                getattr(to, new).append(thing)
                entry = to.stats_update.add()
                entry.key = number
                entry.value.CopyFrom(stats)
        return update

    def task(self, number, name=None, line=10, kind="task", fields=(), age=60 * NANOS, dropped=0,
             wakes=0, self_wakes=0, clones=1, drops=0, last_wake=0, scheduled=0, poll=None):
        parts = [field("task.id", number), field("kind", kind), *fields]
        parts += [field("task.name", name)] if name else []
        thing = T["Task"](id=ident(number), metadata=ident(1), fields=parts, location=place(line))
        stats = T["TaskStats"](created_at=stamp(self.now - age), wakes=wakes, self_wakes=self_wakes,
                               waker_clones=clones, waker_drops=drops, poll_stats=poll or polls(0),
                               scheduled_time=length(scheduled))
        if last_wake:
            stats.last_wake.CopyFrom(stamp(last_wake))
        if dropped:
            stats.dropped_at.CopyFrom(stamp(dropped))
        self.tasks[number] = thing, stats

    def resource(self, number, what, line=0, internal=False, parent=0, kind="Sync", **attributes):
        thing = T["Resource"](id=ident(number), metadata=ident(1), concrete_type=what,
                              kind=T["ResourceKind"](other=kind), is_internal=internal,
                              location=place(line) if line else None,
                              parent_resource_id=ident(parent) if parent else None)
        stats = T["ResourceStats"](created_at=stamp(self.now - 60 * NANOS))
        for name, value in attributes.items():
            stats.attributes.add(field=field(name, value))
        self.resources[number] = thing, stats

    def operation(self, number, source, resource, task=0, parent=0, poll=None, **attributes):
        thing = T["AsyncOp"](id=ident(number), metadata=ident(1), source=source,
                             resource_id=ident(resource),
                             parent_async_op_id=ident(parent) if parent else None)
        stats = T["AsyncOpStats"](created_at=stamp(self.now - 30 * NANOS),
                                  task_id=ident(task) if task else None, poll_stats=poll or polls(0))
        for name, value in attributes.items():
            stats.attributes.add(field=field(name, value))
        self.operations[number] = thing, stats

    def tell(self, number, polls_of, delays_of=(), outlier=0):
        """The histograms of a task."""
        told = T["TaskDetails"](task_id=ident(number), now=stamp(self.now))
        told.histogram.raw_histogram = histogram(*polls_of)
        told.histogram.max_value = NANOS
        if outlier:
            told.histogram.high_outliers = 1
            told.histogram.highest_outlier = outlier
        told.scheduled_times_histogram.raw_histogram = histogram(*delays_of)
        self.details[number] = told


class Fake:
    """Serves a world at `path` (a unix socket), or over TCP at a port of the kernel's choice."""

    def __init__(self, world, path=None, port=0, has_state=True, is_silent=False, paused=False):
        self.world, self.has_state, self.is_silent, self.paused = world, has_state, is_silent, paused
        self.watchers, self.calls, self.lock = [], [], threading.Lock()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(32),
                                  options=[("grpc.max_send_message_length", -1),
                                           ("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers((self,))
        got = self.server.add_insecure_port("unix:" + path if path else "127.0.0.1:%d" % port)
        self.port = port or got
        self.address = path or "127.0.0.1:%d" % self.port
        self.server.start()
        atexit.register(self.stop)

    def service(self, call):
        service, method = call.method.rsplit("/", 1)
        with self.lock:
            self.calls.append(method)
        streams = {"WatchUpdates": self.watch, "WatchTaskDetails": self.detail}
        if self.has_state:
            streams["WatchState"] = self.state
        if service != "/" + SERVICE or method not in streams:
            return None
        return grpc.unary_stream_rpc_method_handler(streams[method])

    def watch(self, request, context):
        context.send_initial_metadata(())
        told = queue.Queue()
        with self.lock:
            self.watchers.append(told)
        context.add_callback(lambda: told.put(END))
        if not self.is_silent:
            yield self.world.begin().SerializeToString()
        while (message := told.get()) is not END:
            yield message

    def state(self, request, context):
        yield T["State"](temporality=int(self.paused)).SerializeToString()
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()

    def detail(self, request, context):
        number = T["TaskDetailsRequest"].FromString(request).id.id
        if number not in self.world.details:
            context.abort(grpc.StatusCode.NOT_FOUND, "task not found")
        yield self.world.details[number].SerializeToString()
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()

    def tell(self, update=None):
        """Sends an Update to all who watch; without one, all that is there once more."""
        if update is None:
            self.world.now += NANOS
            update = self.world.begin()
        message = update if isinstance(update, bytes) else update.SerializeToString()
        with self.lock:
            for watcher in self.watchers:
                watcher.put(message)

    def end_streams(self):
        with self.lock:
            for watcher in self.watchers:
                watcher.put(END)

    def stop(self):
        self.end_streams()
        self.server.stop(None).wait()
