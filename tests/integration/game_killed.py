#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""After a hundred servers killed with -9 at most four segments are left beside the running server's
own, and the list calls them dead. ctest: timeout=120 folders=agent/src/segment"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, WEIR, need, run  # noqa: E402

KILLS = 100
KEPT = 4

need(GAME, WEIR)
folder = tempfile.mkdtemp(prefix="weir-killed-", dir="/dev/shm")
env = {**os.environ, "WEIR_DIR": folder}
try:
    for _ in range(KILLS):
        with subprocess.Popen([GAME, "--port", "0"], stdout=subprocess.PIPE, text=True, env=env) as game:
            assert game.stdout.readline().startswith("listening on "), game
            game.kill()
    last = subprocess.Popen([GAME, "--port", "0"], stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert last.stdout.readline().startswith("listening on ")
        listed = json.loads(run(WEIR, "list", "-o", "json", env=env).stdout)["data"]["processes"]
        own = [one for one in listed if one["path"].startswith(folder)]
        running = [one["pid"] for one in own if one["state"] == "running"]
        dead = [one["path"] for one in own if one["state"] == "dead"]
        assert running == [last.pid], own
        assert 1 <= len(dead) <= KEPT and len(own) == len(dead) + 1, own
        files = {name.split(".")[0] for name in os.listdir(folder)}
        assert files == {os.path.basename(one["path"]).split(".")[0] for one in own}, files
    finally:
        last.terminate()
        last.communicate()
finally:
    shutil.rmtree(folder, ignore_errors=True)
