#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every example of docs/instrumenting.md is compiled as it is printed, with warnings as errors, and runs; the line that it prints, and
the rows that `weir snapshot` shows of it, are those of the comment at its end.
ctest: labels=plain timeout=300 processors=2 folders=agent/include"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import BUILD, DEADLINE, WEIR, environment, scratch, wait_for  # noqa: E402

SOURCE = os.environ["WEIR_SOURCE"]
AGENT = os.path.join(BUILD, "agent")
FLAGS = ["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-I" + os.path.join(SOURCE, "agent/include")]
LINK = ["-L" + AGENT, "-Wl,-rpath," + AGENT, "-lweir-agent", "-lweir"]
KINDS = {"channel": "channels", "semaphore": "semaphores", "task": "tasks", "loop": "loops", "counter": "counters",
         "gauge": "gauges"}
PROGRAMS = 17  # at least: an extraction that finds nothing must not pass


class Example:
    """A fenced block: how it is built, its text, the line it prints, and its rows."""

    def __init__(self, language, text, place):
        self.place = place
        self.name = "%s%d" % (language, place)
        self.source = os.path.join(scratch, self.name + (".cc" if language == "cpp" else ".c"))
        self.binary = os.path.join(scratch, self.name)
        head = re.match(r"(?:/\*|//) build: (.*?)(?: \*/)?\n", text)
        assert head, "line %d: the first line does not say how it is built" % place
        self.words = head.group(1).split()
        self.language = language
        self.text = text
        self.says = None
        self.rows = []
        if self.words[0] != "module":
            tail = re.fullmatch(r"/\* ([^\n]*)\n(.*) \*/\n", text[text.rfind("\n/* ") + 1:], re.DOTALL)
            assert tail, "line %d: no comment at its end says what it shows" % place
            self.says = tail.group(1)
            self.rows = [line.strip() for line in tail.group(2).split("\n")]
            assert self.rows

    def build(self):
        with open(self.source, "w", encoding="utf-8") as file:
            file.write(self.text)
        compiler = ["g++", "-std=c++17"] if self.language == "cpp" else [os.environ.get("CC", "cc"), "-std=c11"]
        assert (self.language == "cpp") == (self.words[0] == "c++17"), self.words
        more = []
        if self.words[0] == "module":
            self.binary = os.path.join(scratch, self.words[1])
            more = ["-shared", "-fPIC"]
        elif self.words[0] not in ("c11", "c++17"):
            asked = subprocess.run(["pkg-config", "--cflags", "--libs", *self.words], capture_output=True, text=True,
                                   check=False)
            if asked.returncode:
                return "skipped"
            more = asked.stdout.split()
        done = subprocess.run([*compiler, *FLAGS, "-o", self.binary, self.source, *LINK, *more], capture_output=True,
                              text=True, check=False)
        return done.stdout + done.stderr


def examples():
    found = []
    lines = open(os.path.join(SOURCE, "docs/instrumenting.md"), encoding="utf-8").read().split("\n")
    at = 0
    while at < len(lines):
        match = re.match(r"```(\w+)$", lines[at])
        if match:
            end = lines.index("```", at)
            if match.group(1) in ("c", "cpp"):
                found.append(Example(match.group(1), "\n".join(lines[at + 1:end]) + "\n", at + 2))
            at = end
        at += 1
    return found


def field_of(row, path):
    for part in path.split("."):
        row = row[part]
    return row


def agrees(value, wanted):
    if wanted.startswith("over "):
        return value > float(wanted[5:])
    if isinstance(value, (int, float)):
        return abs(value - float(wanted)) < 1e-9
    return value == wanted


def missing(data, rows):
    """The first of the rows that is not there as the comment says; None: all are."""
    for line in rows:
        kind, name, fields = re.fullmatch(r"(\w+) ([^:]+): (.*)", line).groups()
        name, _, label = name.partition("@")
        same = [row for row in data[KINDS[kind]] if row["name"] == name and (row.get("label") or "") == label]
        if len(same) != 1:
            return "%s: %d rows, of %s" % (line, len(same), data[KINDS[kind]])
        for field in fields.split(", "):
            path, _, wanted = field.partition(" ")
            value = field_of(same[0], path)
            if not agrees(value, wanted):
                return "%s: %s is %r" % (line, path, value)
    return None


def shows(pid, rows, own):
    """Waits until the rows are there; the exporter reads at most ten times a second."""
    last = []

    def look():
        done = subprocess.run([WEIR, "snapshot", str(pid), "-o", "json"], check=False, env=own, capture_output=True,
                              text=True)
        last[:] = [missing(json.loads(done.stdout)["data"], rows) if done.returncode == 0 else done.stderr]
        return last[0] is None
    try:
        wait_for(look, "the rows of %d" % pid)
    except AssertionError:
        raise AssertionError("; ".join(str(one) for one in last)) from None


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


def run(example):
    """Runs it up to its end, and compares its rows while it waits for Enter."""
    own = dict(environment)
    if "setuid(" in example.text:  # the new user's directory is where it is by default
        del own["WEIR_DIR"]
        own.pop("XDG_RUNTIME_DIR", None)
    process = subprocess.Popen(["stdbuf", "-oL", example.binary], cwd=scratch, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=own, text=True)
    try:
        line = process.stdout.readline().rstrip("\n")
        assert line == example.says, "it prints %r" % line
        of_it = [row for row in example.rows if not row.startswith("in each child: ")]
        shows(process.pid, of_it, own)
        theirs = [row[len("in each child: "):] for row in example.rows if row not in of_it]
        for child in children(process.pid) if theirs else []:
            shows(child, theirs, own)
        process.stdin.close()
        assert process.wait(timeout=DEADLINE) == 0, "it exits with %d" % process.returncode
    finally:
        process.kill()
        process.wait()


def main():
    found = examples()
    failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        built = list(pool.map(Example.build, found))
    for example, output in zip(found, built):
        if output == "skipped":
            skipped += 1
            print("skipped: line %d needs %s" % (example.place, " ".join(example.words)))
        elif output:
            failed += 1
            print("line %d does not compile:\n%s" % (example.place, output))
        elif example.says is not None:
            try:
                run(example)
            except AssertionError as error:
                failed += 1
                print("line %d: %s" % (example.place, error))
    assert len(found) >= PROGRAMS, "only %d examples" % len(found)
    print("%d examples, %d failed, %d skipped" % (len(found), failed, skipped))
    return 1 if failed else 0


sys.exit(main())
