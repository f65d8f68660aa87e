# SPDX-License-Identifier: MIT
"""A memory cgroup of its own for one process of a test, of either version; skipped aloud where none can
be made."""

import os
import sys
import tempfile

ROOT = "/sys/fs/cgroup"


class MemoryCgroup:
    """Nobody but the process that is put into it can be hit by its limit."""

    def __init__(self, limit):
        self.is_v2 = os.path.exists(ROOT + "/cgroup.controllers")
        self.dir = ""
        try:
            # A test may have process numbers of its own, so that its number names nothing here.
            self.dir = tempfile.mkdtemp(prefix="weir-test-", dir=ROOT + ("" if self.is_v2 else "/memory"))
            self.write("memory.max" if self.is_v2 else "memory.limit_in_bytes", limit)
            self.forbid_swap(limit)
        except OSError as error:
            self.remove()
            print("skipped: no memory cgroup can be made here:", error)
            sys.exit(77)

    def forbid_swap(self, limit):
        """Else the process would be swapped out, and live. Kernels without accounting of swap have no such file."""
        name = "memory.swap.max" if self.is_v2 else "memory.memsw.limit_in_bytes"
        if os.path.exists(os.path.join(self.dir, name)):
            self.write(name, 0 if self.is_v2 else limit)

    def write(self, name, value):
        with open(os.path.join(self.dir, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def add(self, pid):
        self.write("cgroup.procs", pid)

    def kills(self):
        """How often the OOM killer has come here; None: this kernel does not count them."""
        with open(os.path.join(self.dir, "memory.events" if self.is_v2 else "memory.oom_control"),
                  encoding="ascii") as file:
            counts = dict(line.split() for line in file)
        return int(counts["oom_kill"]) if "oom_kill" in counts else None

    def remove(self):
        try:
            os.rmdir(self.dir)
        except OSError:
            pass
