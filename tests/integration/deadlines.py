#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What agent_abuse and http_abuse see of a host in which time is hurried, in one where it is not.
ctest: labels=long timeout=120 folders=agent/src/wire,agent/src/session"""

import glob
import os
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from agent_client import M  # noqa: E402
from console import Host, run, scratch, weir  # noqa: E402
from http2_raw import message  # noqa: E402
from silence import grpc_clients_are_ended, http_clients_are_ended  # noqa: E402

host = Host("--name", "unhurried", "--channel", "moves:unbounded:1000:400", "--many", "c:200", "--http", "127.0.0.1:0")


def silent_grpc_clients_are_ended_after_ten_seconds():
    asked = M["WatchRequest"](queries=[M["Query"]()], interval_millis=100)
    (path,) = glob.glob(os.path.join(scratch, "*.sock"))
    grpc_clients_are_ended(path, "/weir.v1.Agent/Watch", message(asked.SerializeToString()))


def slow_http_clients_are_ended_after_ten_seconds():
    (listed,) = weir("list", "-o", "json").json()["data"]["processes"]
    address, port = listed["http_address"].split(":")
    http_clients_are_ended(lambda: socket.create_connection((address, int(port)), timeout=20))


run([silent_grpc_clients_are_ended_after_ten_seconds, slow_http_clients_are_ended_after_ten_seconds])
