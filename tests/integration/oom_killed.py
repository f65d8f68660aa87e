#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A leaking server that the kernel's OOM killer ends, in a memory cgroup of its own: from the segment that
it leaves, weir doctor names the channel, its growth and its last depth.
ctest: labels=plain timeout=240 folders=agent/src/segment,agent/src/finding,console/src/command"""

import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cgroup import MemoryCgroup  # noqa: E402
from game import GAME, PLAYERS, SKIP, WEIR, Game, need, run, wait_for  # noqa: E402

LIMIT = 64 << 20
RATE, SERVED = 12000, 1000

need(GAME, PLAYERS, WEIR)
if os.environ.get("WEIR_SANITIZE"):
    print("skipped: a sanitizer's own memory would be what the killer comes for")
    sys.exit(SKIP)
group = MemoryCgroup(LIMIT)


def leak_to_death(game):
    """The last that was seen from outside: when, the depth, and how many bytes a second it had grown by."""
    seen = []

    def is_dead():
        if game.process.poll() is not None:
            return True
        with open("/proc/%d/status" % game.pid, encoding="ascii") as status:
            text = status.read()
        if "RssAnon:" in text and (not seen or time.monotonic() - seen[-1][0] > 0.2):
            depth = game.snapshot_or_none()
            if depth is not None:
                seen.append((time.monotonic(), depth, int(text.split("RssAnon:")[1].split()[0]) * 1024))
        return False

    wait_for(is_dead, "the OOM killer", 150)
    assert game.process.returncode == -signal.SIGKILL, game.process.returncode
    assert group.kills() in (1, None), group.kills()
    return seen


class Doomed(Game):
    def snapshot_or_none(self):
        """The depth of moves; None when it has died meanwhile."""
        try:
            return self.status()["queued"]
        except AssertionError:
            return None


try:
    with Doomed("--mode", "unbounded", "--serve", SERVED) as game:
        group.add(game.pid)
        players = game.players("--rate", RATE, "--linger", 0)
        seen = leak_to_death(game)
        died = time.monotonic()
        players.terminate()
        players.communicate()
        (path,) = [os.path.join(game.dir, name) for name in os.listdir(game.dir) if name.endswith(".weir")]
        said = json.loads(run(WEIR, "doctor", path, "-o", "json", status=1, env=game.env).stdout)
        told = run(WEIR, "doctor", path, status=1, env=game.env).stdout
    assert said["target"] == {"name": "game", "pid": game.pid, "state": "dead"}, said["target"]
    findings = {one["kind"]: one for one in said["data"]["findings"]}
    growing = findings["channel_growing"]
    assert growing["subject"] == "moves" and growing["severity"] in ("warning", "critical"), growing
    assert "moves: was unbounded and growing, +" in told and "until the end" in told, told
    # Its last depth: nothing that was seen from outside is missing, and nothing is there that cannot have come.
    last_seen, depth, _ = seen[-1]
    assert depth <= growing["depth"] <= depth + 2 * RATE * (died - last_seen + 1), (seen[-3:], growing)
    assert 0.5 * (RATE - SERVED) < growing["rate_per_second"] < 1.5 * RATE, growing
    # Its growth: that of RssAnon over the same window, as far as it was seen from outside.
    window = [one for one in seen if one[0] >= last_seen - growing["window_seconds"]]
    rate = (window[-1][2] - window[0][2]) / (window[-1][0] - window[0][0])
    print("  +%.0f B/s over %.0f s, from outside +%.0f; declared %.1f %%, regression %.1f %%; depth %d, last seen %d"
          % (growing["growth_bytes_per_second"], growing["window_seconds"], rate, 100 * growing["share_declared"],
             100 * growing["share_regression"], growing["depth"], depth))
    assert abs(growing["growth_bytes_per_second"] - rate) < 0.1 * rate, (rate, growing)
    assert 0.85 < growing["share_declared"] < 1.15 and 0.85 < growing["share_regression"] < 1.15, growing
    limit = findings["memory_limit"]
    assert "OOM killer has probably ended it" in limit["text"], limit
    assert said["data"]["last_seen"] and said["data"]["seen_by"] == "history", said["data"]
finally:
    group.remove()
