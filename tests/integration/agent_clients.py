#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: timeout=300 folders=agent/src/wire,agent/src/session
"""64 clients stopped with SIGSTOP while others are served; 1,000 clients killed with -9 under load.
Memory, descriptors and counts come back to where they were."""

import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http2_raw import DATA, PREFACE, SETTINGS, WINDOW_UPDATE, Raw, frame, message  # noqa: E402

WATCH = "/weir.v1.Agent/Watch"


def client(path, body, ready=None):
    """A process that watches and reads until it is killed."""
    pid = os.fork()
    if pid:
        return pid
    try:
        raw = Raw(path, preface=False)
        raw.socket.settimeout(None)
        # Windows as wide as they go: what holds the agent back is the socket.
        raw.send(PREFACE + frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff") +
                 frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\0\0"))
        raw.call(1, WATCH, message(body))
        for kind, _, stream, _ in raw.frames():
            if kind == DATA and ready is not None:
                os.write(ready, b"x")
                ready = None
    finally:
        os._exit(0)


def stopped(path, body, n):
    """Starts n clients, waits until each has had a message, and stops them."""
    reader, writer = os.pipe()
    pids = [client(path, body, writer) for _ in range(n)]
    got = 0
    while got < n:
        got += len(os.read(reader, 64))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


def kill(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGCONT)
    for pid in pids:
        os.waitpid(pid, 0)


def helper(path, body):
    """A process without gRPC in it, that can fork: does what its input says, line by line."""
    rng = random.Random(9)
    pids = []
    for line in sys.stdin:
        word, n = line.split()
        if word == "stop":
            pids += stopped(path, body, int(n))
        elif word == "release":
            kill(pids)
            pids = []
        elif word == "kill":
            for _ in range(int(n) // 20):
                batch = [client(path, body) for _ in range(20)]
                rng.shuffle(batch)
                for pid in batch:
                    if rng.random() < 0.5:
                        end = time.monotonic() + rng.random() * 0.01
                        while time.monotonic() < end:
                            pass
                    os.kill(pid, signal.SIGKILL)
                for pid in batch:
                    os.waitpid(pid, 0)
        print("done", flush=True)


if len(sys.argv) > 1:
    helper(sys.argv[1], bytes.fromhex(sys.argv[2]))
    sys.exit(0)

import subprocess  # noqa: E402

from agent_client import CHANNEL, SANITIZED, Agent, Host, M, eventually, number  # noqa: E402

host = Host("--name", "game", "--channel", "moves:unbounded:20000:10000", "--many", "c:500")
agent = Agent(host.socket)
query = M["Query"](kind=CHANNEL)
body = M["WatchRequest"](queries=[query] * 4, interval_millis=100).SerializeToString()
minion = subprocess.Popen([sys.executable, os.path.abspath(__file__), host.socket, body.hex()],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def tell(line):
    minion.stdin.write(line + "\n")
    minion.stdin.flush()
    return minion.stdout.readline().strip() == "done"


waited = {}


def unserved():
    """How long the host's threads and this process's have waited for a processor, in seconds: it is the machine's
    doing, and no client's. A thread that has ended keeps its part, so that this never falls."""
    for pid in host.pid, "self":
        for tid in os.listdir("/proc/%s/task" % pid):
            try:
                with open("/proc/%s/task/%s/schedstat" % (pid, tid), encoding="ascii") as file:
                    waited[tid] = int(file.read().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                pass  # a thread that has ended
    return sum(waited.values()) / 1e9


def watch_for(seconds):
    """How often another client hears, and the longest it waits."""
    stream = agent.watch(M["WatchRequest"](queries=[M["Query"](kind=CHANNEL, limit=5)],
                                           interval_millis=100), timeout=60)
    heard, longest, last = 0, 0.0, time.monotonic() - unserved()
    for _ in stream:
        now = time.monotonic() - unserved()
        longest, last = max(longest, now - last), now
        heard += 1
        if heard > seconds * 10:
            break
    stream.cancel()
    return heard, longest


def stopped_clients_cost_a_message_each():
    numbers = agent.numbers()
    before, held = host.rss(), numbers["memory"]
    one = agent.watch(M["WatchRequest"].FromString(body), timeout=60)
    size = len(next(one).SerializeToString())
    one.cancel()
    assert tell("stop 64")
    eventually(lambda: agent.numbers()["clients"] == 65, "65 clients")
    heard, longest = watch_for(5)
    assert longest < 1.5, "another client waited for %g s" % longest
    memory = agent.numbers()["memory"] - held
    # A message each, and what a session takes; a queue of 5 s would be 50 messages.
    assert memory < 64 * (size + (128 << 10)), (memory, size)
    if not SANITIZED:
        assert host.rss() - before < 40 << 20, host.rss() - before
    # And the agent does not keep what will not be read: after 10 s without progress they go.
    eventually(lambda: agent.numbers()["clients"] == 1, "the stopped ones are dropped", 30)
    assert tell("release 0")
    eventually(lambda: agent.numbers()["memory"] - held < 1 << 20, "memory is given back")


def resident():
    """Without what malloc holds back for later, which is now more and now less."""
    host.say("trim")
    return host.rss()


def killed_clients_leave_nothing():
    assert tell("kill 40")
    eventually(lambda: agent.numbers()["clients"] == 1, "one client")
    eventually(lambda: host.fds() == fds, "%d descriptors" % fds)
    before, held = resident(), agent.numbers()["memory"]
    minion.stdin.write("kill 1000\n")
    minion.stdin.flush()
    heard, longest = watch_for(3)
    assert longest < 2, "another client waited for %g s" % longest
    assert minion.stdout.readline().strip() == "done"
    eventually(lambda: agent.numbers()["clients"] == 1, "one client")
    eventually(lambda: host.fds() == fds, "%d descriptors" % fds)
    assert agent.numbers()["memory"] - held < 1 << 20

    def is_back():
        # What is scattered over pages comes and goes; what leaks grows with each further batch.
        good = resident() - before < 1 << 20
        assert good or tell("kill 100")
        return good
    if not SANITIZED:
        eventually(is_back, "resident memory is back")


def the_counts_are_right():
    columns = agent.columns()
    wanted = [columns[CHANNEL, name] for name in ("sent", "received", "depth")]
    host.say("rate moves 0 0")
    update = None

    def at_rest():
        nonlocal update
        update = next(iter(agent.watch(M["WatchRequest"](queries=[
            M["Query"](kind=CHANNEL, filter="moves", columns=wanted)]), timeout=10)))
        sent, received, depth = [number(v) for v in update.tables[0].rows[0].values]
        return sent > 0 and sent - received == depth
    eventually(at_rest, "sent - received = depth")


agent.numbers()
fds = host.fds()
for test in (stopped_clients_cost_a_message_each, killed_clients_leave_nothing,
             the_counts_are_right):
    test()
    print("ok", test.__name__, flush=True)
minion.stdin.close()
minion.wait(10)
agent.close()
host.stop()
