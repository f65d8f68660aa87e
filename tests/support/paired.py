# SPDX-License-Identifier: MIT
"""Does abuse of the exporter show in the game's loop? One game under load; stretches of four sorts take
turns: quiet; a loop that does nothing, at the attackers' priority, which tells what any other use of the
machine costs; the same abuse of another process, which tells what the attackers themselves take from the
processors; and abuse of this game. Who runs where: `loop`, the game's loop shares one
processor with the exporter and with nobody else, so that what the exporter takes from it shows whole, and
nothing but that; `game`, the whole game and the exporter on one processor, where its handlers interrupt
the loop as well; `free`, as the kernel likes. The loop moves entities, as a real game's does. Of each stretch
the 99th percentile of the loop's iterations, as weir measures them, from the difference of its histogram."""

import json
import os
import statistics
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import Host, environment  # noqa: E402
from game import BUILD, PLAYERS, WEIR, Game, need, run, wait_for  # noqa: E402

ABUSE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "abuse.py")
LOOP_TIMES = os.path.join(BUILD, "tests", "loop_times")
SHARE = os.environ.get("BENCH_SHARE", "1")  # of a processor, for the attackers
PLACES = ("loop", "game", "free")
SORTS = ("quiet", "busy", "elsewhere", "abuse")
BUSY = """
import os, sys, time
os.nice(40)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    pass
"""


def only(directory, pid, ending):
    """The one file of a process that ends so."""
    [name] = [name for name in os.listdir(directory) if name.startswith(f"{pid}-") and name.endswith(ending)]
    return os.path.join(directory, name)


def at_once(pid):
    """The load never waits for the attackers' processor, where we may ask for that: else a tick in which two
    ticks' moves come would be told as the exporter's doing."""
    for thread in os.listdir("/proc/%d/task" % pid):
        try:
            os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            return


class Stage:
    """The game, its players, and the host that is abused in its place."""

    def __init__(self, rate=4000, place="loop", entities=0):
        assert place in PLACES, place
        need(PLAYERS, WEIR, LOOP_TIMES)
        processors = sorted(os.sched_getaffinity(0))
        others = processors if place == "free" else processors[1:] or processors
        os.sched_setaffinity(0, processors[:1] if place == "game" else others)
        self.game = Game("--mode", "admission", "--serve", 6000, "--entities", entities,
                         env={"WEIR_HTTP": "127.0.0.1:0", "WEIR_AGENT_CPU": os.environ.get("BENCH_AGENT_CPU", "")})
        if place == "loop":
            for name in ("game loop", "weir-agent"):
                os.sched_setaffinity(self.thread(name), processors[:1])
        os.sched_setaffinity(0, others)
        self.players = self.game.players("--players", 200, "--rate", rate, "--churn", 20)
        at_once(self.players.pid)
        self.segment = only(self.game.dir, self.game.pid, ".weir")
        self.other = Host("--name", f"other{os.getpid()}", "--many", "room:20", "--channel",
                          "moves:unbounded:1000:400", "--http", "127.0.0.1:0")

    def thread(self, name):
        """The one thread of the game that is called so; it gives itself that name a little after it has begun."""
        tasks = "/proc/%d/task" % self.game.pid

        def called():
            return [int(tid) for tid in os.listdir(tasks)
                    if open(os.path.join(tasks, tid, "comm"), encoding="utf-8").read() == name + "\n"]
        [found] = wait_for(called, "a thread called " + name)
        return found

    def address(self, pid, directory, env):
        """Socket and HTTP port of a process."""
        listed = json.loads(run(WEIR, "list", "-o", "json", env=env).stdout)["data"]["processes"]
        http = next(one["http_address"] for one in listed if one["pid"] == pid)
        return only(directory, pid, ".sock"), http.rsplit(":", 1)[1]

    def abuse(self, who, seconds):
        """Abuses the game or the other for so long; how often each attack was made."""
        if who == "abuse":
            pid, env, directory = self.game.pid, self.game.env, self.game.dir
        else:
            pid, env, directory = self.other.pid, environment, os.path.dirname(self.other.path())
        path, port = self.address(pid, directory, env)
        done = subprocess.run([sys.executable, "-B", ABUSE, path, port, str(pid), WEIR, str(seconds), SHARE],
                              capture_output=True, text=True, check=False, env=env, timeout=seconds + 120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def times(self):
        """The loop's histogram up to now: bounds and counts."""
        told = json.loads(run(LOOP_TIMES, self.segment).stdout)
        return told["bounds"], told["loops"]["game"]

    def stretch(self, sort, seconds):
        """p99 in microseconds of one stretch, and what was done in it."""
        bounds, before = self.times()
        done = None
        if sort == "quiet":
            threading.Event().wait(seconds)
        elif sort == "busy":
            subprocess.run([sys.executable, "-c", BUSY, str(seconds)], check=True)
        else:
            done = self.abuse(sort, seconds)
        _, after = self.times()
        return quantile(bounds, [b - a for a, b in zip(before, after)], 0.99) / 1e3, done

    def end(self):
        self.other.kill()
        self.players.terminate()
        self.players.communicate(timeout=60)


def quantile(bounds, counts, q):
    """Within its bucket by the share of the rank, so that it moves with less than a bucket's width."""
    rank = q * sum(counts)
    seen = 0
    for i, count in enumerate(counts):
        if count and seen + count >= rank:
            low = bounds[i - 1] if i else 0
            high = bounds[i] if i < len(bounds) else bounds[-1] * 2
            return low + (high - low) * (rank - seen) / count
        seen += count
    return 0.0


def spread(values):
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3),
            "most": round(max(values), 3)}


def pairs(stage, n, seconds, say=lambda line: None):
    """n rounds of all sorts, each in another order; the ratios of abuse's p99 to the others', and the sum of
    what was done."""
    rounds, total = [], {}
    for i in range(n):
        turned = SORTS[i % len(SORTS):] + SORTS[:i % len(SORTS)]
        p99 = {}
        for sort in reversed(turned) if i % 2 else turned:
            p99[sort], done = stage.stretch(sort, seconds)
            if sort == "abuse":
                for name, times in done.items():
                    total[name] = total.get(name, 0) + times
        rounds.append(p99)
        say(f"{i + 1:3}  " + "".join(f"{p99[sort]:10.1f}" for sort in SORTS) +
            "".join(f"{p99['abuse'] / p99[sort]:10.3f}" for sort in SORTS[:-1]))
    return {"ratio": {sort: spread([p99["abuse"] / p99[sort] for p99 in rounds]) for sort in SORTS[:-1]},
            "p99_us": {sort: round(statistics.median(p99[sort] for p99 in rounds), 1) for sort in SORTS},
            "attacks": total}
