#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=agent/src/segment
"""After kill -9 the numbers are still there; after 100 kills four segments are, not a hundred."""

import json
import os
import subprocess
import sys
import tempfile

BUILD = os.environ["WEIR_BUILD"]
HOST = os.path.join(BUILD, "tests", "host")
WEIR = os.path.join(BUILD, "console", "weir")
KILLS = 20 if os.environ.get("WEIR_SANITIZE") else 100
KEPT = 4


def killed_host(environment, depth):
    """A host with `depth` messages queued, killed; its pid."""
    arguments = [HOST, "--name", "victim", "--channel", f"moves:unbounded:0:0:{depth}", "--semaphore", "slots:8:3"]
    host = subprocess.Popen(arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ready = host.stdout.readline()
    assert ready.startswith("ready"), ready
    host.kill()
    host.wait()
    host.stdin.close()
    host.stdout.close()
    return host.pid


def weir(environment, *words):
    done = subprocess.run([WEIR, *words], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{words}: {done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


def segments(directory):
    return sorted(name for name in os.listdir(directory) if name.endswith(".weir"))


if not (os.access(HOST, os.X_OK) and os.access(WEIR, os.X_OK)):
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix="weir-kills-", dir="/dev/shm") as directory:
    environment = {**os.environ, "WEIR_DIR": directory, "XDG_RUNTIME_DIR": directory}
    pid = 0
    for kill in range(KILLS):
        pid = killed_host(environment, 1000 + kill)
    left = segments(directory)
    assert 1 <= len(left) <= KEPT, left

    newest = next(name for name in left if name.startswith(f"{pid}-"))
    snapshot = weir(environment, "snapshot", os.path.join(directory, newest), "-o", "json")
    assert snapshot["target"]["state"] == "dead", snapshot["target"]
    channel = snapshot["data"]["channels"][0]
    assert (channel["name"], channel["depth"]) == ("moves", 999 + KILLS), channel
    semaphore = snapshot["data"]["semaphores"][0]
    assert (semaphore["permits"], semaphore["available"]) == (8, 5), semaphore

    listed = weir(environment, "list", "-o", "json")["data"]
    rows = listed if isinstance(listed, list) else next(iter(listed.values()))
    mine = [row for row in rows if row["path"].startswith(directory)]
    assert len(mine) == len(left) and all(row["state"] == "dead" for row in mine), mine
    # Nothing of the dead is left but their segments.
    assert [name for name in os.listdir(directory) if name.endswith(".sock")
            and name.split(".")[0] not in {one.split(".")[0] for one in left}] == []
