#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs with more rights than who starts them: only WEIR_OFF=1 is heeded of the environment, and what
else is set is named once. ctest: folders=agent/src/segment,agent/src"""

import os
import re
import shutil
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import apart  # noqa: E402

if os.geteuid() != 0 or os.environ.get("WEIR_SANITIZE"):
    print("skipped: needs root, and no sanitizer")
    sys.exit(77)
apart.enter()  # what they make lies where no variable says
from console import DEADLINE, HOST, environment, run, scratch, wait_for  # noqa: E402

NOBODY = 65534
OWNER = 1
SEGMENT = ("WEIR_NAME", "WEIR_DIR", "WEIR_LIMIT", "WEIR_LATENCY", "WEIR_TASKS")
AGENT = ("WEIR_GRPC", "WEIR_HTTP", "WEIR_HTTP_HOSTS", "WEIR_TOKEN_FILE", "WEIR_AGENT_CPU")
ALL = {"WEIR_NAME": "chosen", "WEIR_DIR": scratch, "WEIR_LIMIT": "2M", "WEIR_LATENCY": "full", "WEIR_TASKS": "7",
       "WEIR_GRPC": "127.0.0.1:0", "WEIR_HTTP": "127.0.0.1:0", "WEIR_HTTP_HOSTS": "example.org",
       "WEIR_TOKEN_FILE": "/etc/passwd", "WEIR_AGENT_CPU": "9"}
HOME = "/dev/shm/weir-%d"
COPIES = "/dev/shm/programs"


def copy(name, mode, owner=OWNER):
    os.makedirs(COPIES, exist_ok=True)
    path = os.path.join(COPIES, name)
    shutil.copy(HOST, path)
    os.chown(path, owner, owner)
    os.chmod(path, mode)
    return path


class Program:
    """A host that nobody starts, from its start to "ready"; then looked at."""

    def __init__(self, path, *arguments, **variables):
        bare = {name: value for name, value in environment.items() if not name.startswith("WEIR_")}
        self.process = subprocess.Popen([path, "--name", "own", *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**bare, **variables}, user=NOBODY, group=NOBODY, extra_groups=[])
        assert self.process.stdout.readline() == "ready %d\n" % self.process.pid
        if "--no-agent" not in arguments and not variables.get("WEIR_OFF") == "1":
            wait_for(lambda: any(name.endswith(".history") for name in self.own_files()), "a history")
        self.files = self.own_files()
        self.chosen = os.listdir(scratch)
        with open("/proc/net/tcp", encoding="ascii") as file:
            self.listening = [line for line in file if line.split()[3] == "0A" and line.split()[7] == str(OWNER)]
        _, errors = self.process.communicate("quit\n", timeout=DEADLINE)
        assert self.process.returncode == 0, (self.process.returncode, errors)
        self.told = [line for line in errors.splitlines() if line.startswith("host: weir: ")]
        self.errors = [line for line in errors.splitlines() if not line.startswith("host: weir: ")]

    def own_files(self):
        """Beside its user's: the file's owner, or nobody, where only the group is another."""
        names = [name for user in (OWNER, NOBODY) if os.path.isdir(HOME % user) for name in os.listdir(HOME % user)]
        return sorted(name for name in names if name.startswith("%d-" % self.process.pid))

    def named(self):
        return [re.findall(r"WEIR_[A-Z_]+", line) for line in self.told]


def what_is_ignored_is_named_once_by_each_library():
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2755)):
        program = Program(copy(name, mode), **ALL)
        assert program.named() == [list(SEGMENT), list(AGENT)], program.told
        assert all("setuid" in line and "options" in line for line in program.told), program.told
        assert len(program.errors) == 2 and "degraded: WEIR_NAME" in program.errors[0], program.errors
        assert "degraded: WEIR_GRPC" in program.errors[1], program.errors
        assert program.chosen == [], program.chosen


def nothing_that_is_ignored_takes_effect():
    program = Program(copy("setuid", 0o4755), **ALL)
    assert [name.split(".")[1] for name in program.files] == ["history", "sock", "weir"], program.files
    assert program.listening == [], program.listening


def only_what_is_set_is_named():
    path = copy("setuid", 0o4755)
    assert Program(path, WEIR_TASKS="7").named() == [["WEIR_TASKS"]]
    assert Program(path, WEIR_HTTP="127.0.0.1:0").named() == [["WEIR_HTTP"]]
    assert Program(path, "--no-agent", WEIR_HTTP="127.0.0.1:0").named() == []
    assert Program(path, WEIR_NAME="").named() == []
    assert Program(path).errors == []


def weir_off_is_heeded():
    for value, is_off in (("1", True), ("0", False)):
        program = Program(copy("setuid", 0o4755), WEIR_OFF=value, WEIR_NAME="chosen")
        assert bool(program.files) != is_off, (value, program.files)
        assert program.named() == ([] if is_off else [["WEIR_NAME"]]), program.told
        if is_off:
            assert len(program.errors) == 2, program.errors
            assert all("off: WEIR_OFF=1 is set" in line for line in program.errors), program.errors


def other_programs_have_their_environment():
    path = copy("plain", 0o755)
    program = Program(path, WEIR_NAME="chosen", WEIR_TASKS="x")
    assert program.named() == [["WEIR_TASKS"]] and "not understood" in program.told[0], program.told


def capabilities_count_like_setuid():
    path = copy("capable", 0o755, 0)
    # Version 2 of the attribute: CAP_NET_BIND_SERVICE, permitted and effective.
    os.setxattr(path, "security.capability", bytes.fromhex("0100000200040000" + "00" * 12))
    program = Program(path, WEIR_HTTP="127.0.0.1:0", WEIR_DIR=scratch)
    assert program.named() == [["WEIR_DIR"], ["WEIR_HTTP"]], program.told


assert not os.statvfs("/dev/shm").f_flag & os.ST_NOSUID and stat.S_ISDIR(os.stat("/dev/shm").st_mode)
run([what_is_ignored_is_named_once_by_each_library, nothing_that_is_ignored_takes_effect,
     only_what_is_set_is_named, weir_off_is_heeded, other_programs_have_their_environment,
     capabilities_count_like_setuid])
