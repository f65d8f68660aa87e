#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The game's exposition as Prometheus takes it: promtool on the text, prometheus_client's parser on
OpenMetrics, no series twice, gzip and a proxy's target by curl, and Debian's Prometheus scraping it.
ctest: labels=plain timeout=180 folders=agent/src/encode,agent/src/http,agent/src/wire"""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, SKIP, WEIR, Game, need, run, wait_for  # noqa: E402
from prometheus import Prometheus  # noqa: E402

# promtool would have no metric named for its type. These two are named for what they hold: the
# application's own counters and gauges, whatever they count.
ACCEPTED_LINT = {
    "weir_counter_total metric name should not include type 'counter'",
    "weir_gauge metric name should not include type 'gauge'",
}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def http_address(game):
    listed = json.loads(run(WEIR, "list", "-o", "json", env=game.env).stdout)["data"]
    return next(one["http_address"] for one in listed["processes"] if one["pid"] == game.pid)


def fetch(address, path="/metrics", accept="text/plain"):
    request = urllib.request.Request(f"http://{address}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def curl_gets_gzip(address):
    """What `curl --compressed` unpacks is what comes plain; how much less came over the wire."""
    def curl(*arguments):
        done = subprocess.run(["curl", "-sS", "-w", "%{stderr}%{size_download}", *arguments,
                               f"http://{address}/metrics"], capture_output=True, timeout=20, check=True)
        return done.stdout, int(done.stderr)

    def families(octets):
        return {name.split("{")[0] for name in series(octets.decode())}
    plain, n_plain = curl()
    unpacked, n_packed = curl("--compressed")
    assert n_plain == len(plain) and n_packed < len(unpacked) / 4, (n_plain, n_packed, len(unpacked))
    assert families(unpacked) == families(plain)
    head, _ = curl("--compressed", "-D", "-", "-o", "/dev/null")
    assert b"\r\nContent-Encoding: gzip\r\n" in head, head
    # As a proxy is asked: the target has the host, and whatever Host says does not count.
    proxied, _ = curl("--proxy", f"http://{address}", "-H", "Host: evil.example")
    assert families(proxied) == families(plain)


def series(text):
    """The series of an exposition with their values."""
    pairs = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), "a series stands twice"
    return {name: float(value) for name, value in pairs}


def text_passes_promtool(address):
    kind, text = fetch(address)
    assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    found = set((done.stdout + done.stderr).splitlines()) - {""}
    assert done.returncode in (0, 3) and found <= ACCEPTED_LINT, (done.returncode, found)
    numbers = series(text)
    assert numbers['weir_channel_sent_total{channel="moves"}'] > 0
    for reason in ("full", "closed", "timeout", "shed"):
        assert f'weir_channel_rejects_total{{channel="moves",reason="{reason}"}}' in numbers, reason
    return numbers


def openmetrics_passes_its_parser(address, expected):
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        print("no prometheus_client: OpenMetrics is not parsed")
        return
    kind, text = fetch(address, accept=OPENMETRICS)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind
    assert text.endswith("# EOF\n")
    families = list(text_string_to_metric_families(text))
    names = {sample.name for family in families for sample in family.samples}
    assert {name.split("{")[0] for name in expected} <= names, "both formats have the same series"
    series(text)


def prometheus_scrapes_it(address):
    with Prometheus(address) as prometheus:
        wait_for(lambda: prometheus.query("up") == 1, "up is 1")
        wait_for(lambda: prometheus.query('weir_channel_depth{channel="moves"}') is not None,
                 "weir_channel_depth is there")
        wait_for(lambda: (prometheus.query(
            'weir_counter_total{counter="backpressure_rejects"}') or 0) > 0, "refused moves")
        wait_for(lambda: (prometheus.query(
            'rate(weir_channel_sent_total{channel="moves"}[10s])') or 0) > 0, "a rate")
        assert prometheus.query("scrape_samples_scraped") > 100


def main():
    need(GAME, PLAYERS, WEIR)
    for program in ("prometheus", "promtool", "curl"):
        if not shutil.which(program):
            print(f"{program} is not installed")
            sys.exit(SKIP)
    with Game("--mode", "admission", "--serve", 1000, "--permits", 16,
              env={"WEIR_HTTP": "127.0.0.1:0"}) as game:
        players = game.players("--players", 100, "--rate", 4000, "--linger", 0)
        address = wait_for(lambda: http_address(game), "an address for HTTP")
        wait_for(lambda: series(fetch(address)[1]).get(
            'weir_channel_sent_total{channel="moves"}', 0) > 0, "moves")
        openmetrics_passes_its_parser(address, text_passes_promtool(address))
        curl_gets_gzip(address)
        prometheus_scrapes_it(address)
        players.send_signal(signal.SIGTERM)
        players.communicate(timeout=30)
        game.end()


main()
