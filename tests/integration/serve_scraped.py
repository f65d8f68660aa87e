#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Debian's Prometheus scrapes weir serve with a token: two games in one scrape, one of which ends.
ctest: labels=plain timeout=180 folders=console/src/command,agent/src/wire"""

import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import Host, wait_for  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from serving import TOKEN, Serve, series, token_file  # noqa: E402

for program in ("prometheus", "promtool"):
    if not shutil.which(program):
        print(f"skipped: {program} is not installed")
        sys.exit(77)

NAME = "p%d" % os.getpid()
LINT = {"weir_counter_total metric name should not include type 'counter'",
        "weir_gauge metric name should not include type 'gauge'"}
games = [Host("--name", NAME + letter, "--no-agent", "--channel", f"moves:unbounded:0:0:{depth}",
              "--counter", "refused:100", "--gauge", "players:3")
         for letter, depth in (("a", 11), ("b", 22))]
server = Serve(NAME + "a", NAME + "b", "--token-file", token_file(), grpc=None)
text = server.scrape(Authorization="Bearer " + TOKEN)
series(text)
done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                      timeout=60, check=False)
found = set((done.stdout + done.stderr).splitlines()) - {""}
assert done.returncode in (0, 3) and found <= LINT, (done.returncode, found)

with Prometheus(server.http, token_file()) as prometheus:
    wait_for(lambda: prometheus.query("up") == 1, "up is 1")
    for game, depth in zip(games, (11, 22)):
        wait_for(lambda pid=game.pid, n=depth: prometheus.query(
            'weir_channel_depth{channel="moves",pid="%d"}' % pid) == n, "its depth")
    wait_for(lambda: prometheus.query("sum(weir_channel_depth)") == 33, "both in one sum")
    wait_for(lambda: (prometheus.query(
        'rate(weir_counter_total{counter="refused",process="%sa"}[10s])' % NAME) or 0) > 50, "a rate")
    games[1].kill()
    # Its series are stale with the next scrape, not five minutes later.
    wait_for(lambda: prometheus.query("sum(weir_channel_depth)") == 11, "one is left")
with Prometheus(server.http, token_file("wrong", "another-token-of-a-test")) as prometheus:
    wait_for(lambda: prometheus.query("up") == 0, "without the token it is down")
server.end()
