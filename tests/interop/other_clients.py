#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# timeout: 120
"""Clients of other makes against the exporter, over its unix socket and over TCP: @grpc/grpc-js and curl.
(python3-grpcio is in tests/integration/agent_grpc.py.)"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import console  # noqa: E402
from agent_client import M  # noqa: E402
from http2_raw import message  # noqa: E402

SOURCE = os.environ["WEIR_SOURCE"]
INVALID_ARGUMENT, UNIMPLEMENTED, CANCELLED = 3, 12, 1
MEBIBYTE = 1 << 20

host = console.Host("--name", "game", "--channel", "moves:unbounded:1000:400", "--channel", "jobs:8",
                    "--grpc", "127.0.0.1:0")
socket_path = host.path(".sock")
listed = console.weir("list", "-o", "json").json()["data"]["processes"]
tcp = next(one["grpc_address"] for one in listed if one["pid"] == host.pid)


def sent():
    rows = console.weir("snapshot", host.pid, "-o", "json").json()["data"]["channels"]
    return next(row["sent"] for row in rows if row["name"] == "moves")


def ask_with_grpc_js(address):
    """What client.js was told, with what weir says before and after it."""
    before = sent()
    done = subprocess.run(["node", os.path.join(HERE, "grpcjs", "client.js"), address,
                           os.path.join(SOURCE, "proto")],
                          capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return before, json.loads(done.stdout), sent()


def check_grpc_js(address):
    before, told, after = ask_with_grpc_js(address)
    assert (told["name"], told["pid"]) == ("game", host.pid), told
    updates = told["watch"]["messages"]
    assert len(updates) == 3 and told["watch"]["code"] == CANCELLED, told["watch"]
    counts = [number for update in updates for row in update["tables"][0]["rows"]
              if row["name"] == "moves" for number in [row["values"][0]["u64"]]]
    assert counts == sorted(counts) and before <= counts[0] and counts[-1] <= after, (before, counts, after)
    lines = [line for one in told["subscribe"]["messages"] for line in one["lines"]]
    assert [line["topic"] for line in lines] == ["game/channel/size/moves"] * 2, told["subscribe"]
    assert told["wrong_interval"]["code"] == INVALID_ARGUMENT, told["wrong_interval"]
    assert "interval" in told["wrong_interval"]["details"], told["wrong_interval"]
    assert told["unknown_method"]["code"] == UNIMPLEMENTED, told["unknown_method"]
    assert told["at_once"] == 50, told["at_once"]


def grpc_js_is_served_over_the_unix_socket():
    check_grpc_js("unix:" + socket_path)


def grpc_js_is_served_over_tcp():
    check_grpc_js(tcp)


def curl(path, body, *where):
    """A gRPC call by hand: the header lines with the trailers, and the body."""
    header = os.path.join(console.scratch, "header")
    done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-H", "content-type: application/grpc",
                           "-H", "te: trailers", "--data-binary", "@-", "-D", header, *where, path],
                          input=body, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    with open(header, encoding="ascii") as lines:
        fields = dict(re.findall(r"^([\w-]+): *(.*?)\r?$", lines.read(), re.M))
    return fields, done.stdout


def curl_gets_a_description_and_a_status_in_the_trailers():
    for where in (["--unix-socket", socket_path], []):
        base = "http://localhost" if where else "http://" + tcp
        fields, body = curl(base + "/weir.v1.Agent/Describe", message(), *where)
        assert fields["grpc-status"] == "0" and fields["content-type"] == "application/grpc", fields
        assert body[0] == 0 and int.from_bytes(body[1:5], "big") == len(body) - 5, body[:5]
        description = M["Description"]()
        description.ParseFromString(body[5:])
        assert (description.name, description.pid) == ("game", host.pid)


def curl_gets_an_error_status_for_what_is_no_call():
    where = ["--unix-socket", socket_path]
    cases = {"/weir.v1.Agent/Nonesuch": (message(), "12"), "/weir.v1.Nonesuch/Watch": (message(), "12"),
             "/weir.v1.Agent/Watch": (message(b"\xff\xff\xff"), "3")}
    for path, (body, status) in cases.items():
        fields, _ = curl("http://localhost" + path, body, *where)
        assert fields["grpc-status"] == status and fields["grpc-message"], (path, fields)


tests = [curl_gets_a_description_and_a_status_in_the_trailers, curl_gets_an_error_status_for_what_is_no_call]
if not shutil.which("curl"):
    print("skipped: no curl")
    sys.exit(77)
if os.path.isdir(os.environ.get("WEIR_NODE_MODULES", "")):
    tests += [grpc_js_is_served_over_the_unix_socket, grpc_js_is_served_over_tcp]
else:
    print("not run: grpc-js, for want of npm")
console.run(tests)
