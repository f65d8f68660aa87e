#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A broker with one absent subscriber and one that does not read: messages and bytes of the absent one are orphaned while
sends go on, exactly as the broker counts them; doctor names both by their labels, with the word of the party.
ctest: timeout=240 folders=agent/src/finding,agent/src/hook,agent/src/snapshot,console/src/command"""

import json
import os
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import BUILD, DEADLINE, WEIR, Host, environment, run, scratch, wait_for, weir  # noqa: E402

NAME = "broker%d" % os.getpid()
PATH = os.path.join(scratch, "broker.socket")
BYTES = 200
clients = {}  # kept open
is_over = threading.Event()


def connect(line=None):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(PATH)
    if line:
        client.sendall(line.encode() + b"\n")
    return client


def subscribe(who, reads):
    clients[who] = connect("sub " + who)
    if reads:
        threading.Thread(target=read_all, args=(clients[who],), daemon=True).start()


def read_all(client):
    while client.recv(1 << 20):
        pass


def publish_for_ever():
    publisher = connect()
    while not is_over.wait(0.05):
        publisher.sendall(b"pub 5\n")


def own_count(who):
    control.sendall(b"count " + who.encode() + b"\n")
    queued, size = control.makefile().readline().split()
    return int(queued), int(size)


def data():
    return weir("snapshot", "-t", server.pid, "-o", "json").json()["data"]


def fanout():
    return next(one for one in data()["channels"] if one["name"] == "fanout")


def receiver(who):
    return next(one for one in data()["senders"] if one["name"] == who)


def findings():
    done = subprocess.run([WEIR, "doctor", str(server.pid), "-o", "json"], env=environment, capture_output=True, text=True,
                          timeout=2 * DEADLINE, check=False)
    assert done.returncode in (0, 1) and done.stderr == "", done
    return {one["kind"]: one for one in json.loads(done.stdout)["data"]["findings"]}


def messages_of_the_absent_are_orphans_while_sends_go_on():
    wait_for(lambda: fanout()["senders"] == 4, "four sessions")
    clients.pop("archive").shutdown(socket.SHUT_RDWR)
    wait_for(lambda: fanout()["senders_away"] == 1, "one session that is away")
    first = wait_for(lambda: (one := fanout())["orphaned"] > 0 and one, "an orphan")
    later = wait_for(lambda: (one := fanout())["orphaned"] >= first["orphaned"] + 50 and one, "50 more")
    assert later["sent"] > first["sent"] and later["senders"] == 4 and later["senders_gone"] == 0, later
    assert later["orphaned_bytes"] == BYTES * later["orphaned"], later
    assert later["orphaned_away"] == later["orphaned"], later
    row = receiver("archive")
    assert (row["state"], row["party"], row["channel"]) == ("away", "receiver", "fanout"), row
    assert row["away_seconds"] >= 0 and receiver("fast-1")["away_seconds"] is None, row


def doctor_names_who_is_absent_and_who_does_not_read():
    found = wait_for(lambda: (all_ := findings()).keys() >= {"orphaned", "sender_stalled"} and all_,
                     "findings about both", 3 * DEADLINE)
    orphaned, stalled = found["orphaned"], found["sender_stalled"]
    assert orphaned["text"].endswith("are for 1 receiver that is away (archive)"), orphaned
    assert (orphaned["labels"], orphaned["severity"]) == ("archive", "warning"), orphaned
    assert stalled["text"].startswith("fanout: nothing for receiver slow has left for "), stalled
    assert (stalled["labels"], stalled["subject"], stalled["subject_kind"]) == ("slow", "fanout", "channel"), stalled
    row = receiver("slow")
    assert row["oldest_age_seconds"] >= 9 and row["state"] == "open", row
    assert receiver("fast-1")["oldest_age_seconds"] < row["oldest_age_seconds"], (row, receiver("fast-1"))


def at_rest_the_counts_are_the_brokers_own():
    is_over.set()
    publisher.join()
    wait_for(lambda: own_count("fast-1") == own_count("fast-2") == (0, 0), "what others read has left")
    queued, size = own_count("archive")
    # A busy exporter may still answer with a reading of a moment before.
    one = wait_for(lambda: (now := fanout())["orphaned"] >= queued and now, "the last message")
    assert (one["orphaned"], one["orphaned_bytes"]) == (queued, size), (one, queued, size)
    row = receiver("slow")
    assert (row["in_flight"], row["in_flight_bytes"]) == own_count("slow"), row
    assert one["depth"] == queued + own_count("slow")[0], one


def who_comes_back_has_no_orphans():
    subscribe("archive", True)
    wait_for(lambda: fanout()["orphaned"] == 0 and own_count("archive") == (0, 0), "what was kept has left")
    assert receiver("archive")["state"] == "open" and fanout()["senders_away"] == 0


server = Host(PATH, NAME, program=os.path.join(BUILD, "tests", "broker"))
control = connect()
for name in ("fast-1", "fast-2", "archive", "slow"):
    subscribe(name, name != "slow")
wait_for(lambda: len(data()["senders"]) == 4, "four sessions")
publisher = threading.Thread(target=publish_for_ever, daemon=True)
publisher.start()
run([messages_of_the_absent_are_orphans_while_sends_go_on, doctor_names_who_is_absent_and_who_does_not_read,
     at_rest_the_counts_are_the_brokers_own, who_comes_back_has_no_orphans])
