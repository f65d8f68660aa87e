# SPDX-License-Identifier: MIT
"""`weir serve` as a test runs it, and an exposition as a test reads it."""

import atexit
import http.client
import os
import re
import signal
import socket
import subprocess

from console import DEADLINE, WEIR, environment, scratch

TOKEN = "0123456789abcdef-of-a-test"


def token_file(name="token", text=TOKEN + "\n", mode=0o600):
    path = os.path.join(scratch, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


class Serve:
    """A running `weir serve` with gRPC and HTTP on ports of the kernel's choice."""

    def __init__(self, *arguments, grpc="127.0.0.1:0", web="127.0.0.1:0", **more):
        listeners = [*(["--grpc", grpc] if grpc else []), *(["--http", web] if web else [])]
        self.process = subprocess.Popen(
            [WEIR, "serve", *map(str, arguments), *listeners], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**environment, **more}, text=True)
        atexit.register(self.process.kill)
        self.pid = self.process.pid
        told = [self.process.stderr.readline() for _ in range(1 + bool(grpc) + bool(web))]
        self.socket = re.fullmatch(r"weir: serving unix:(/.*)\n", told[0]).group(1)
        if grpc:
            self.grpc = re.fullmatch(r"weir: serving gRPC on (.*)\n", told[1]).group(1)
        if web:
            self.http = re.fullmatch(r"weir: serving http://(.*)/metrics\n", told[-1]).group(1)

    def get(self, path="/metrics", **headers):
        """(status, headers, body); Host as given, or as the address is."""
        port = int(self.http.rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        connection.request("GET", path, headers={"Connection": "close", **headers})
        answer = connection.getresponse()
        result = answer.status, dict(answer.getheaders()), answer.read().decode()
        connection.close()
        return result

    def scrape(self, accept="text/plain", **headers):
        status, _, text = self.get(Accept=accept, **headers)
        assert status == 200, (status, text)
        return text

    def series(self, **headers):
        return series(self.scrape(**headers))

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def end(self, number=signal.SIGTERM):
        """Ends it in good order; what else it has said."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0, (self.process.returncode, err)
        assert not os.path.exists(self.socket), "the socket is left behind"
        return err


def series(text):
    """The series of an exposition with their values; none stands twice, no family is interleaved."""
    values, families, family = {}, set(), None
    for line in text.splitlines():
        if line.startswith("#"):
            words = line.split(" ", 3)
            if words[1] == "TYPE":
                assert words[2] not in families, "family twice: " + words[2]
                families.add(words[2])
                family = words[2]
            continue
        name, value = line.rsplit(" ", 1)
        assert name.startswith(family), (family, name)
        assert name not in values, "twice: " + name
        values[name] = float(value)
    return values


def labels(values, family):
    """{(process, pid, further labels): value} of a family."""
    found = {}
    for name, value in values.items():
        match = re.fullmatch(re.escape(family) + r'\{process="([^"]*)",pid="([^"]*)",?(.*)\}', name)
        if match:
            found[match.groups()] = value
    return found


class Manager:
    """What a service manager hears, on a socket of its own."""

    def __init__(self, abstract=False):
        path = "serve-test-" + os.path.basename(scratch)  # of no other test
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if abstract:
            self.socket.bind("\0" + path)
            self.address = "@" + path
        else:
            self.address = os.path.join(scratch, path)
            self.socket.bind(self.address)
        self.socket.settimeout(DEADLINE)

    def hears(self, line):
        """Waits for a line, and returns all that was said with it."""
        while True:
            lines = self.socket.recv(4096).decode().split("\n")
            if line in lines:
                return lines

    def close(self):
        self.socket.close()
        if not self.address.startswith("@"):
            os.unlink(self.address)
