# SPDX-License-Identifier: MIT
"""Hosts as containers have them: each is pid 1 of a pid namespace of its own, with a /proc of its own and,
when asked, a /dev/shm of its own."""

import atexit
import ctypes
import os
import signal

from console import HOST, environment, wait_for

NEW_MOUNTS, NEW_PIDS = 0x00020000, 0x20000000
libc = ctypes.CDLL(None, use_errno=True)


def _check(failed, what):
    if failed:
        raise OSError(ctypes.get_errno(), what + ": " + os.strerror(ctypes.get_errno()))


def _mount(source, target, kind, flags=0):
    _check(libc.mount(source, target, kind, flags, None), "mount")


def start_ticks(pid):
    """When the kernel says that a process has started; 0: there is none."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
            return 0 if fields[0] == "Z" else int(fields[19])
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Container:
    """A host that is pid 1; `pid` is what this side calls it."""

    def __init__(self, pid, commands, answers):
        self.pid, self.commands, self.answers = pid, commands, answers

    def wait_ready(self):
        line = self.answers.readline()
        assert line == "ready 1\n", line

    def command(self, *words):
        self.commands.write(" ".join(str(word) for word in words) + "\n")
        self.commands.flush()
        answer = self.answers.readline()
        assert answer == "ok\n", (words, answer)

    def stop(self, number):
        """Ends it by a signal, and waits until it has gone with all its files' locks."""
        os.kill(self.pid, number)
        wait_for(lambda: not os.path.exists("/proc/%d" % self.pid), "the end of %d" % self.pid)

    def end(self):
        self.stop(signal.SIGTERM)

    def kill(self):
        self.stop(signal.SIGKILL)


def _exec(words, env, pipes, has_own_shm):
    """In the child: never returns."""
    try:
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        _check(libc.unshare(NEW_MOUNTS), "unshare")
        _mount(b"none", b"/", None, 0x4000 | 0x40000)  # MS_REC | MS_PRIVATE
        _mount(b"proc", b"/proc", b"proc")
        if has_own_shm:
            _mount(b"tmpfs", b"/dev/shm", b"tmpfs")
        os.dup2(pipes[0], 0)
        os.dup2(pipes[1], 1)
        os.execve(HOST, [HOST, *words], env)
    finally:
        os._exit(127)


def _keeper(hosts, tell):
    """A process that starts them all as fast as it can, reaps them, and takes them along when it ends."""
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    for host in hosts:
        _check(libc.setns(own, NEW_PIDS) or libc.unshare(NEW_PIDS), "unshare")
        pid = os.fork()
        if pid == 0:
            _exec(*host)
        os.write(tell, b"%d\n" % pid)
    os.close(tell)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            os._exit(0)


def start(hosts, has_own_shm=False):
    """Starts hosts of these (arguments, environment) at once."""
    told, tell = os.pipe()
    ends, prepared = [], []
    for words, more in hosts:
        command, answer = os.pipe(), os.pipe()
        ends.append((os.fdopen(command[1], "w"), os.fdopen(answer[0])))
        prepared.append((words, {**environment, **more}, (command[0], answer[1]), has_own_shm))
    keeper = os.fork()
    if keeper == 0:
        try:
            _keeper(prepared, tell)
        finally:
            os._exit(1)
    os.close(tell)
    for _, _, pipes, _ in prepared:
        os.close(pipes[0]), os.close(pipes[1])
    with os.fdopen(told) as lines:
        pids = [int(line) for line in lines]
    assert len(pids) == len(hosts), pids
    containers = [Container(pid, *pipes) for pid, pipes in zip(pids, ends)]

    def end_all():
        for one in containers:
            if start_ticks(one.pid):
                os.kill(one.pid, signal.SIGKILL)
    atexit.register(end_all)
    for one in containers:
        one.wait_ready()
    return containers


def start_at_one_tick(hosts, has_own_shm=False):
    """The same, tried until all of them have started in one clock tick."""
    def one_try():
        containers = start(hosts, has_own_shm)
        if len({start_ticks(one.pid) for one in containers}) == 1:
            return containers
        for one in containers:
            one.end()
        return None
    return wait_for(one_try, "hosts that start in one clock tick")
