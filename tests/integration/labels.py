#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A server with a queue for each client, all of one name, of which two clients never read: the two are named by their
labels in doctor, topics, tables, CSV, diff, a recording; /metrics has the series that it has without labels.
ctest: timeout=180 folders=agent/src/finding,agent/src/encode,console/src/command"""

import csv
import io
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import BUILD, DEADLINE, WEIR, Host, environment, run, scratch, wait_for, weir  # noqa: E402
from serving import series  # noqa: E402

FANOUT = os.path.join(BUILD, "tests", "fanout")
READING = ["client-1", "10.0.0.7:4711", "a/b+c"]
SILENT = ["offline1", "noack"]
NAME = "fanout%d" % os.getpid()

if not os.access(FANOUT, os.X_OK):
    print("skipped: no", FANOUT)
    sys.exit(77)

selector = selectors.DefaultSelector()
silent = []  # kept open


def read_for_ever():
    """What the clients do that read."""
    while True:
        for key, _ in selector.select():
            key.fileobj.recv(1 << 20)


def serve(name, *words, before=None):
    """A server with five clients; before they come, `before` is called."""
    path = os.path.join(scratch, name + ".clients")
    server = Host(path, name, *words, program=FANOUT, WEIR_HTTP="127.0.0.1:0")
    if before:
        before(server)
    for label in READING + SILENT:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(path)
        client.sendall(label.encode() + b"\n")
        if label in READING:
            selector.register(client, selectors.EVENT_READ)
        else:
            silent.append(client)
    return server


def channels():
    return weir("snapshot", "-t", server.pid, "-o", "json").json()["data"]["channels"]


def doctor(*words):
    """What it says; its exit code tells of a finding, and is no error."""
    done = subprocess.run([WEIR, "doctor", str(server.pid), *words], env=environment, capture_output=True, text=True,
                          timeout=2 * DEADLINE, check=False)
    assert done.returncode in (0, 1) and done.stderr == "", done
    return done.stdout


def watch(server):
    """Subscribes to the finding about both. A first line says that the subscription stands."""
    topics = [NAME + "/process/threads", NAME + "/warning/since/queued_out"]
    watcher.append(subprocess.Popen([WEIR, "subscribe", *topics, "-t", str(server.pid), "-o", "ndjson"], env=environment,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
    assert watcher[0].stdout.readline()


def both_are_named_within_ten_seconds():
    """The server's own clock tells how long the two have stood still when they are named together: this machine may be busy."""
    lines = (json.loads(line) for line in watcher[0].stdout)
    since = next(line["value"] for line in lines if "/warning/" in line["topic"])
    watcher[0].kill()
    assert 0 < since <= 10, since


watcher = []
said = []  # by doctor


def look():
    """The finding about both; a busy machine may let doctor see one of them stand still first."""
    said.append(doctor("--for", "5", "-o", "json"))
    found = json.loads(said[-1])["data"]["findings"]
    return next((one for one in found
                 if "stalled and refusing" in one["text"] and one.get("labels", "").count(", ") == 1), None)


def doctor_names_those_that_do_not_read():
    try:
        stalled = wait_for(look, "a finding about the two")
    except AssertionError:
        print(*said)
        raise
    assert (stalled["kind"], stalled["severity"], stalled["subject"]) == ("channel_stalled", "critical", "queued_out")
    assert sorted(stalled["labels"].split(", ")) == sorted(SILENT), stalled
    assert (stalled["rows"], stalled["rows_of_name"]) == (2, 5), stalled
    assert stalled["text"].startswith("queued_out: 2 of 5 stalled and refusing ("), stalled
    assert len(stalled["subject_ids"].split()) == 2, stalled
    human = wait_for(lambda: (text := doctor("--for", "1")).count("critical  queued_out: 2 of 5") and text,
                     "doctor's sentence about the two")
    assert [line.split(":")[0] for line in human.splitlines() if line.startswith("critical")] == \
        ["critical  queued_out"], human


def each_queue_has_a_topic():
    prefix = NAME + "/channel/depth/queued_out"
    encoded = [label.replace("/", "%2F").replace("+", "%2B") for label in READING + SILENT]
    lines = weir("subscribe", prefix + "@+", "-t", server.pid, "-C", 5, "-o", "ndjson").lines()
    assert sorted(line["topic"] for line in lines) == sorted(prefix + "@" + label for label in encoded), lines
    (line,) = weir("subscribe", prefix + "@noack", "-t", server.pid, "-C", 1, "-o", "ndjson").lines()
    assert line["topic"] == prefix + "@noack" and line["value"] == 128, line
    (line,) = weir("subscribe", NAME + "/warning/labels/queued_out", "-t", server.pid, "-C", 1, "-o",
                   "ndjson").lines()
    assert sorted(line["value"].split(", ")) == sorted(SILENT), line


def metrics_are_those_without_labels():
    other = serve(NAME + "x", "without")

    def scraped(pid):
        listed = weir("list", "-o", "json").json()["data"]["processes"]
        address = next((one["http_address"] for one in listed if one["pid"] == pid), None)
        if not address:
            return None
        with urllib.request.urlopen("http://%s/metrics" % address, timeout=20) as answer:
            text = answer.read().decode()
        names = set(series(text))
        is_whole = all('%s{channel="queued_out"}' % family in text
                       for family in ("weir_channel_instances", "weir_channel_residence_seconds_count"))
        return names if is_whole else None

    labelled, plain = (wait_for(lambda pid=pid: scraped(pid), "queues in /metrics, with waits")
                       for pid in (server.pid, other.pid))
    # Buckets of waits come as waits are measured.
    without_waits = [{name for name in names if "_bucket{" not in name} for names in (labelled, plain)]
    assert without_waits[0] == without_waits[1], without_waits[0] ^ without_waits[1]
    assert not any("noack" in name or "label=" in name for name in labelled), labelled
    other.kill()


def tables_and_files_have_labels():
    labels = sorted(READING + SILENT)
    assert sorted(row["label"] for row in channels() if row["name"] == "queued_out") == labels
    human = weir("snapshot", "-t", server.pid).out
    for label in labels:
        assert "queued_out@" + label in human, (label, human)
    rows = list(csv.DictReader(io.StringIO(weir("snapshot", "-t", server.pid, "-o", "csv").out)))
    depths = {row["label"]: row["value"] for row in rows if row["kind"] == "channel" and row["field"] == "depth"}
    assert sorted(depths) == labels and depths["noack"] == "128", depths
    only = weir("snapshot", "-t", server.pid, "-I", "queued_out@no*", "-o", "json").json()["data"]["channels"]
    assert [row["label"] for row in only] == ["noack"], only


def differences_and_recordings_have_labels():
    files = []
    for i in range(2):
        sent = {row["label"]: row["rejects"] for row in channels()}
        files.append(os.path.join(scratch, "%d.json" % i))
        with open(files[-1], "w", encoding="utf-8") as out:
            out.write(weir("snapshot", "-t", server.pid, "-o", "json").out)
        wait_for(lambda before=sent["noack"]: next(row["rejects"] for row in channels()
                                                   if row["label"] == "noack") > before, "a refusal")
    diff = weir("diff", *files, expect=None).out
    assert "queued_out@noack" in diff and "queued_out@offline1" in diff, diff
    recording = os.path.join(scratch, "labels.weirrec")
    weir("record", "-o", recording, server.pid, "--for", 2)
    replayed = weir("snapshot", recording, "-o", "json").json()["data"]["channels"]
    assert sorted(row["label"] for row in replayed) == sorted(READING + SILENT), replayed
    (line,) = weir("subscribe", NAME + "/channel/depth/queued_out@noack", "-t", recording, "-C", 1, "-o",
                   "ndjson").lines()
    assert line["topic"].endswith("@noack"), line


threading.Thread(target=read_for_ever, daemon=True).start()
server = serve(NAME, before=watch)
run([both_are_named_within_ten_seconds, doctor_names_those_that_do_not_read, each_queue_has_a_topic, metrics_are_those_without_labels,
     tables_and_files_have_labels, differences_and_recordings_have_labels])
