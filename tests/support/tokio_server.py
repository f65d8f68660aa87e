# SPDX-License-Identifier: MIT
"""The Tokio server of tests/interop/server, with one of two released console-subscribers."""

import atexit
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from http2_raw import HEADERS, Raw  # noqa: E402

PROGRAMS = {"0.5": os.environ.get("TOKIO_SERVER_0_5", ""), "0.4": os.environ.get("TOKIO_SERVER_0_4", "")}


class TokioServer:
    """A running server; `address` is HOST:PORT or the path of its socket."""

    def __init__(self, version, *arguments):
        program = PROGRAMS[version]
        if not os.access(program, os.X_OK):
            print("skipped: no Tokio server; see tests/interop/run")
            sys.exit(77)
        self.process = subprocess.Popen([program, *[str(argument) for argument in arguments]],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.kill)
        self.pid = self.process.pid
        line = self.process.stdout.readline()
        word, pid, self.address = line.split()
        assert (word, int(pid)) == ("ready", self.pid), line
        is_path = self.address.startswith("/")
        self.url = ("file://localhost" if is_path else "http://") + self.address

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def command(self, *words):
        answer = self.ask(*words)
        assert answer == "ok", (words, answer)

    def status(self):
        """What is true of it."""
        return json.loads(self.ask("status"))

    def settle(self, turns=400):
        """Lets the subscriber take in what it was sent. A turn takes 128 events; a request makes a turn, else
        there is one each publish interval. For a server with a --socket."""
        raw = Raw(self.address)
        for i in range(turns):
            raw.call(2 * i + 1, "/rs.tokio.console.instrument.Instrument/Resume")
            assert raw.wait_for(HEADERS, 2 * i + 1), "no answer to Resume"
        raw.close()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
