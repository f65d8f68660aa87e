# SPDX-License-Identifier: MIT
"""The program weir as a test runs it, and a host for it to look at."""

import atexit
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata

BUILD = os.environ["WEIR_BUILD"]
WEIR = os.path.join(BUILD, "console", "weir")
HOST = os.path.join(BUILD, "tests", "host")
DEADLINE = 30  # seconds; generous, for sanitizers on a busy machine

for program in (WEIR, HOST):
    if not os.access(program, os.X_OK):
        print("skipped: no", program)
        sys.exit(77)

scratch = tempfile.mkdtemp(prefix="weir-test-", dir="/dev/shm")
os.chmod(scratch, 0o700)
atexit.register(shutil.rmtree, scratch, True)

# In the background a shell ignores it, and so would the programs that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
environment = {name: value for name, value in os.environ.items()
               if not (name.startswith("WEIR_") and name not in ("WEIR_BUILD", "WEIR_SOURCE"))}
environment.update(WEIR_DIR=scratch, LC_ALL="C.UTF-8")


def wait_for(condition, what, seconds=DEADLINE):
    """Polls until the condition holds and returns what it gives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
    raise AssertionError("never came about: " + what)


class Host:
    """A process with weir, from tests/support/host.c."""

    def __init__(self, *arguments, program=HOST, uid=None, **more):
        self.log = tempfile.TemporaryFile(mode="w+")
        # The host writes at its end, wherever reading has moved the place that both share.
        fcntl.fcntl(self.log, fcntl.F_SETFL, fcntl.fcntl(self.log, fcntl.F_GETFL) | os.O_APPEND)
        self.process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env={**environment, **more}, text=True, user=uid, group=uid, extra_groups=None if uid is None else [])
        atexit.register(self.kill)
        self.pid = self.process.pid
        line = self.process.stdout.readline()
        assert line == "ready %d\n" % self.pid, line

    def command(self, *words, expect="ok"):
        """Gives a command and checks its answer."""
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer == expect + "\n", (words, answer, self.process.poll())

    def logged(self):
        """What it has written to its standard error so far."""
        self.log.seek(0)
        return self.log.read()

    def shows(self, kind, name, field, value):
        """Waits until the exporter, which reads the segment ten times a second at most, shows it."""
        def row():
            rows = weir("snapshot", self.pid, "-o", "json").json()["data"][kind]
            return any(row["name"] == name and row[field] == value for row in rows)
        wait_for(row, "%s %s %s of %s" % (kind, field, value, name))

    def path(self, ending=".weir"):
        names = [name for name in os.listdir(scratch)
                 if name.startswith("%d-" % self.pid) and name.endswith(ending)]
        assert len(names) == 1, os.listdir(scratch)
        return os.path.join(scratch, names[0])

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)
            self.process.stdin.close()
            self.process.stdout.close()

    def end(self):
        """Ends it in good order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0


def is_chrooted():
    """Whether this runs in a root that is not its mount namespace's, as on a new machine that a test makes: there the kernel
    makes no user namespaces, and paths in mount namespaces of others lead nowhere."""
    return subprocess.run(["unshare", "--user", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0


# One of each sort: escapes, C1, turns of direction, zero width, separators, fillers, variations, tags.
HOSTILE = ("\x1b[2J\x7f\u009b\u202a\u202e\u2066\u2069\u200e\u200f\u061c\u200b\u200d\u2060\ufeff\u00ad\u2028\u2029"
           "\u180e\u3164\ufe0f\ufff9\U000e0041")


def is_harmless(text):
    """Whether a terminal may get it: no character controls it, turns the text around it or is invisible."""
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") and c not in HOSTILE[4:]
               for c in text)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return "exit %s\nout: %r\nerr: %r" % (self.code, self.out, self.err)


def weir(*arguments, expect=0, **more):
    """Runs weir to its end and checks its exit code (None: any); an error must be one line."""
    done = subprocess.run([WEIR, *[str(argument) for argument in arguments]],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE,
                          env={**environment, **more}, check=False)
    result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert expect in (None, result.code), (arguments, result)
    if result.code not in (0, 124):
        assert result.err.count("\n") == 1, (arguments, result)
    for text in (result.out, result.err):
        assert is_harmless(text), (arguments, result)
    return result


def start(*arguments, preexec_fn=None, **more):
    """Starts weir and leaves it running."""
    process = subprocess.Popen([WEIR, *[str(argument) for argument in arguments]],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**environment, **more}, text=True,
                               preexec_fn=preexec_fn)
    atexit.register(process.kill)
    return process


def finish(process):
    """The code, output and errors of a weir that was started."""
    out, err = process.communicate(timeout=DEADLINE)
    return Result(process.returncode, out, err)


def run(tests):
    """Runs functions one after the other; their names say what they show."""
    for test in tests:
        print(test.__name__.replace("_", " "), flush=True)
        test()
