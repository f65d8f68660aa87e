# SPDX-License-Identifier: MIT
"""The exporter as seen by python3-grpcio: stubs made from the .proto when a test runs, and a host to
talk to."""

import atexit
import glob
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("WEIR_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SANITIZED = bool(os.environ.get("WEIR_SANITIZE"))
BUILD = os.environ.get("WEIR_BUILD", os.path.join(SOURCE, "build"))


def skip(why):
    print("skipped:", why)
    sys.exit(77)


try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as error:
    skip("python3-grpcio and python3-protobuf are needed: %s" % error)
if not shutil.which("protoc"):
    skip("protoc is needed (protobuf-compiler)")

scratch = tempfile.mkdtemp(prefix="weir-test-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
atexit.register(shutil.rmtree, scratch, True)


def messages(proto):
    """The message classes of a .proto, by name."""
    out = os.path.join(scratch, "messages.pb")
    subprocess.run(["protoc", "-I", os.path.join(SOURCE, "proto"), "--descriptor_set_out=" + out,
                    proto], check=True)
    files = descriptor_pb2.FileDescriptorSet()
    with open(out, "rb") as f:
        files.ParseFromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    factory = message_factory.MessageFactory(pool)
    classes = {}
    for file in files.file:
        pool.Add(file)
        for message in file.message_type:
            name = file.package + "." + message.name
            classes[message.name] = factory.GetPrototype(pool.FindMessageTypeByName(name))
    return classes


M = messages("weir/v1/agent.proto")
CHANNEL, SEMAPHORE, TASK, COUNTER, GAUGE, PROCESS, AGENT, WARNING = range(8)


class Host:
    """A host of tests/support/host.c with arguments and environment of the test."""

    def __init__(self, *arguments, directory=None, preexec=None, program="host", **environment):
        self.directory = directory or tempfile.mkdtemp(prefix="d", dir=scratch)
        os.chmod(self.directory, 0o700)
        env = dict(os.environ, WEIR_DIR=self.directory, **environment)
        for name in ("WEIR_NAME", "WEIR_HTTP", "WEIR_GRPC", "WEIR_OFF", "WEIR_TARGET",
                     "WEIR_TOKEN_FILE"):
            if name not in environment:
                env.pop(name, None)
        program = os.path.join(BUILD, "tests", program)
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=env, text=True,
                                        preexec_fn=preexec)
        atexit.register(self.kill)
        line = self.process.stdout.readline()
        assert line.startswith("ready"), "the host says %r" % line
        self.pid = self.process.pid
        names = glob.glob(os.path.join(self.directory, "*.sock"))
        self.socket = names[0] if names else None

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "ok", "%s: %s" % (command, answer)

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def rss(self):
        with open("/proc/%d/status" % self.pid) as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        """Ends it as a person would; a sanitizer's report fails the test."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        assert code == 0, "the host ended with %d" % code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def channel_to(path, **options):
    limits = [("grpc.max_receive_message_length", 4 << 20), ("grpc.use_local_subchannel_pool", 1)]
    target = path if ":" in path else "unix:" + path  # ADDRESS:PORT, or a socket's path
    return grpc.insecure_channel(target, options=limits + list(options.items()))


class Agent:
    """The methods of weir.v1.Agent."""

    def __init__(self, path, **options):
        self.channel = channel_to(path, **options)

        def method(kind, name, request, answer):
            return getattr(self.channel, kind)("/weir.v1.Agent/" + name,
                                               request_serializer=M[request].SerializeToString,
                                               response_deserializer=M[answer].FromString)
        self.list = method("unary_unary", "List", "ListRequest", "Targets")
        self.describe = method("unary_unary", "Describe", "DescribeRequest", "Description")
        self.watch = method("unary_stream", "Watch", "WatchRequest", "Update")
        self.subscribe = method("unary_stream", "Subscribe", "SubscribeRequest", "Lines")
        self.snapshot = method("unary_stream", "Snapshot", "SnapshotRequest", "Update")
        self.history = method("unary_stream", "History", "HistoryRequest", "Series")

    def close(self):
        self.channel.close()

    def columns(self):
        """(kind, field) -> metric index"""
        metrics = self.describe(M["DescribeRequest"](), timeout=10).metrics
        return {(m.kind, m.field): m.index for m in metrics}

    def numbers(self):
        """The exporter's own numbers, by field."""
        query = M["Query"](kind=AGENT)
        # The first messages of 64 clients, at a twentieth of a slow processor, come before it.
        update = next(iter(self.watch(M["WatchRequest"](queries=[query]), timeout=30)))
        by_index = {i: f for (k, f), i in self.columns().items() if k == AGENT}
        values = update.tables[0].rows[0].values
        return {by_index[c]: number(v) for c, v in zip(update.tables[0].columns, values)}


def number(value):
    which = value.WhichOneof("value")
    return getattr(value, which) if which else None


def eventually(condition, what, seconds=10):
    """Waits until a condition holds; fails by name when it does not."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (seconds, what))
        # Another process's state offers no descriptor to wait on, so it is polled.
        select.select([], [], [], 0.02)


def fails(code, call):
    """Runs a call that must end with a status, and gives its text."""
    try:
        answer = call()
        if hasattr(answer, "__next__"):
            for _ in answer:
                pass
    except grpc.RpcError as error:
        assert error.code() == code, "%s instead of %s: %s" % (error.code(), code, error.details())
        return error.details()
    raise AssertionError("no status %s" % code)
