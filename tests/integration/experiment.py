#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The experiment in small: a row for each mode and number of threads, every figure of weir's held against
the others', and what the modes are for shows. ctest: labels=long,plain timeout=120 alone folders=server-example"""

import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, SKIP, WEIR, need  # noqa: E402

EXPERIMENT = os.path.join(os.environ["WEIR_SOURCE"], "server-example", "experiment")
MODES = ("unbounded", "bounded:128", "bounded:1024", "as-published", "admission")
FIGURES = {"peak_rss", "latency_p50", "latency_p99", "rejects", "refused_to_players", "players_served", "kicked",
           "timed_out", "moves_in", "moves_served", "moves_lost", "heap_left", "leak_report"}
SMALL = ["--no-build", "--players", "300", "--rate", "4000", "--serve", "2000", "--churn", "10"]


def experiment(*flags, status=0):
    done = subprocess.run([EXPERIMENT, *flags], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == status, f"{flags}: {done.returncode}, not {status}: {done.stderr}"
    return done


def every_mode_has_its_row_and_all_figures_agree():
    done = experiment(*SMALL, "--for", "12", "-o", "json")
    runs = json.loads(done.stdout)["data"]["runs"]
    threads = sorted({1, len(os.sched_getaffinity(0))})
    assert [(run["mode"], run["workers"]) for run in runs] == [(mode, n) for mode in MODES for n in threads], runs
    for run in runs:
        assert {check["figure"] for check in run["checks"]} == FIGURES, run["checks"]
        assert all(check["agree"] for check in run["checks"]), run["checks"]
        weir, others = run["weir"], run["others"]
        # The sums: what came in was refused, served, or still queued at the end.
        assert weir["moves_in"] == weir["rejects"] + weir["moves_served"] + weir["moves_lost"], weir
        assert others["moves_in"] > 3500 and abs(weir["moves_in"] - others["moves_in"]) <= others["kicked"], run
        assert 300 <= weir["players_served"] <= 400 and run["heap_left"] == 0, run
        bound = {"bounded:128": 128, "bounded:1024": 1024, "admission": 1024}.get(run["mode"])
        if bound:
            assert weir["high_water"] <= bound and weir["rejects"] > 1000 and weir["moves_lost"] == 0, weir
        else:
            assert weir["rejects"] == 0 and weir["high_water"] > 1024, weir


def a_run_that_grows_too_large_ends_early():
    done = experiment(*SMALL, "--for", "60", "--only", "as-published", "--memory", "0.0145")
    assert "as-published, 1 (cut)" in done.stdout and "published" in done.stdout, done.stdout


def a_wrong_word_says_what_is_right():
    done = experiment("--only", "fast", status=2)
    assert "bounded:128" in done.stderr, done.stderr


need(GAME, PLAYERS, WEIR)
if "libjemalloc.so.2" not in subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False,
                                            env={**os.environ, "PATH": "/sbin:/usr/sbin:/usr/bin"}).stdout:
    print("libjemalloc2 is not installed")
    sys.exit(SKIP)
every_mode_has_its_row_and_all_figures_agree()
a_run_that_grows_too_large_ends_early()
a_wrong_word_says_what_is_right()
