#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A game is recorded, the recorder or the game is killed, and what was written is read as it was; what
the mode's switch has changed is told; what cannot be read or written is one clear error.
ctest: timeout=180 folders=console/src/record,console/src/command"""

import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, WEIR, Game, need, row, run, wait_for  # noqa: E402
from recording import CLOSING, KEY, OPENING, frames, looks, read  # noqa: E402

LOAD = ("--players", 100, "--rate", 4000, "--churn", 20, "--linger", 0)
USAGE, ENDED, INCOMPLETE, MISMATCH, DENIED = 2, 6, 7, 4, 5


class Recorder:
    """A weir that records a game."""

    def __init__(self, game, path, *flags, **more):
        self.path = path
        self.process = subprocess.Popen([WEIR, "record", "-o", path, str(game.pid), *map(str, flags)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=game.env, **more)

    def waits(self, n):
        wait_for(lambda: len(looks(self.path)) >= n or self.process.poll() is not None, f"{n} looks")
        assert self.process.poll() is None, self.process.communicate()

    def ends(self, code, number=None):
        """Its output and errors, once it has ended with that code."""
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == code, (self.process.returncode, out, err)
        return out, err


def snapshot(game, target, *flags):
    done = run(WEIR, "snapshot", "-o", "json", target, *flags, env=game.env)
    told = json.loads(done.stdout)
    return {**told["data"], "target": told["target"]}, done.stderr


def fails(game, code, *words, **more):
    """Runs weir; its one line of error."""
    done = subprocess.run([WEIR, *map(str, words)], env=game.env, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False, **more)
    assert done.returncode == code and done.stderr.count("\n") == 1, (words, done)
    return done.stderr


def moves(data):
    return row(data["channels"], "moves")


def a_killed_recorder_leaves_what_it_saw():
    with Game("--serve", 3000) as game:
        players = game.players(*LOAD)
        path = os.path.join(game.dir, "killed.weirrec")
        recorder = Recorder(game, path, "-i", "0.2")
        recorder.waits(12)
        recorder.ends(-signal.SIGKILL, signal.SIGKILL)
        players.terminate()
        players.communicate(timeout=60)
        last, said = snapshot(game, path)
        assert "the recording is cut: it ends after 0:00:0" in said, said
        assert last["target"]["pid"] == game.pid, last["target"]
        times = looks(path)
        seen = [moves(snapshot(game, path, "--at", at)[0]) for at in times]
        for (a, b), (t, u) in zip(zip(seen, seen[1:]), zip(times, times[1:])):
            # 4,000 a second are sent; a segment is read ten times a second at most.
            assert 0 <= b["sent"] - a["sent"] <= 4000 * (u - t + 0.5), (a, b, u - t)
            assert b["sent"] == b["received"] + b["depth"] + b["discarded"], b
        assert seen[-1]["sent"] > seen[0]["sent"] and seen[-1] == moves(last), seen
        assert sum(kind == CLOSING for kind, _, _ in frames(read(path))) == 0
        cut_anywhere(game, path, last)


def cut_anywhere(game, path, last):
    """Also what is cut within a record; and a byte that was changed."""
    whole = read(path)
    cut = os.path.join(game.dir, "cut.weirrec")
    before = -1
    for n in sorted(random.sample(range(len(whole)), 40)):
        with open(cut, "wb") as file:
            file.write(whole[:n])
        n_looks = len(looks(cut))
        if n_looks == 0:
            error = fails(game, MISMATCH, "snapshot", "-o", "json", cut)
            assert cut in error, error
            continue
        data, said = snapshot(game, cut)
        assert "cut" in said and before <= moves(data)["sent"] <= moves(last)["sent"], (n, said)
        assert data == snapshot(game, path, "--at", looks(cut)[-1])[0], n
        before = moves(data)["sent"]
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    with open(cut, "wb") as file:
        file.write(changed)
    assert f"damaged at byte" in snapshot(game, cut)[1]


def at_rest_the_recording_says_what_the_process_says():
    with Game("--serve", 500) as game:
        game.play("--players", 50, "--rate", 2000, "--churn", 0, "--for", 0.5, "--linger", 0)
        game.status("pause")
        path = os.path.join(game.dir, "rest.weirrec")
        recorder = Recorder(game, path, "-i", "0.2")
        recorder.waits(3)
        live = game.snapshot()
        out, err = recorder.ends(0, signal.SIGTERM)
        assert f"of game (pid {game.pid}) into {path}" in out and err == "", (out, err)
        said, notice = snapshot(game, path)
        assert notice == "", notice
        for kind in ("channels", "semaphores", "tasks", "counters", "gauges", "senders"):
            assert [one["name"] for one in said[kind]] == [one["name"] for one in live[kind]], kind
        same = ("sent", "received", "discarded", "rejects", "depth", "high_water", "queued_bytes", "capacity",
                "orphaned", "senders", "wait_seconds")
        assert moves(live)["depth"] > 100, moves(live)
        assert {name: moves(said).get(name) for name in same} == {name: moves(live).get(name) for name in same}
        kinds = [kind for kind, _, _ in frames(read(path))]
        assert kinds[0] == OPENING and kinds[-1] == CLOSING and kinds.count(KEY) == 1, kinds
        # And as topics: each look once.
        topic = run(WEIR, "subscribe", "-t", path, "game/channel/size/moves", env=game.env).stdout
        assert topic.split("\n")[:-1] == [str(moves(live)["depth"])] * len(looks(path)), topic


def a_game_that_dies_is_recorded_to_its_end():
    with Game("--serve", 100) as game:
        game.play("--players", 50, "--rate", 2000, "--churn", 0, "--for", 0.5, "--linger", 0)
        path = os.path.join(game.dir, "dies.weirrec")
        recorder = Recorder(game, path, "-i", "0.2")
        recorder.waits(3)
        game.process.kill()
        game.process.wait()
        _, err = recorder.ends(ENDED)
        assert f"game (pid {game.pid}) has ended: its last numbers are in {path}" in err, err
        [segment] = [name for name in os.listdir(game.dir) if name.endswith(".weir")]
        left, _ = snapshot(game, os.path.join(game.dir, segment))
        said, _ = snapshot(game, path)
        assert said["target"]["state"] == left["target"]["state"] == "dead", (said["target"], left["target"])
        assert moves(said)["sent"] == moves(left)["sent"] and moves(said)["depth"] == moves(left)["depth"]


def a_diff_tells_what_the_switch_has_changed():
    with Game("--serve", 3000) as game:
        players = game.players(*LOAD)
        wait_for(lambda: game.status()["queued"] > 1500, "a queue that grows")
        before, after = (os.path.join(game.dir, name) for name in ("before.weirrec", "after.weirrec"))
        assert run(WEIR, "record", "-o", before, game.pid, "--for", 2, env=game.env).returncode == 0
        game.command("mode", "admission")
        wait_for(lambda: game.status()["queued"] < 1100, "a queue that drains")
        run(WEIR, "record", "-o", after, game.pid, "--for", 2, env=game.env)
        players.terminate()
        players.communicate(timeout=60)
        told = run(WEIR, "diff", before, after, "-o", "json", env=game.env)
        diff = json.loads(told.stdout)
        assert diff["schema"] == "weir.diff/1", diff["schema"]
        data = diff["data"]
        assert [data[side]["form"] for side in ("before", "after")] == ["recording"] * 2, data
        changes = {(one["kind"], one["field"], one["name"]): one for one in data["changes"]}
        acquires = changes["semaphore", "acquires", "move_permits"]
        assert acquires["compared"] == "rate" and acquires["before"] == 0 < acquires["after"], acquires
        assert changes["counter", "value", "backpressure_rejects"]["before"] == 0, changes
        depth = changes["channel", "depth", "moves"]
        assert depth["after"] < depth["before"] and depth["percent"] < 0, depth
        deepest = json.loads(run(WEIR, "diff", before, after, "-o", "json", "--by", "max", env=game.env).stdout)
        [most] = [one for one in deepest["data"]["changes"]
                  if (one["kind"], one["field"], one["name"]) == ("channel", "depth", "moves")]
        sizes = [moves(snapshot(game, before, "--at", at)[0])["depth"] for at in looks(before)]
        assert most["before"] == max(sizes), (most, sizes)
        human = run(WEIR, "diff", before, after, env=game.env).stdout
        assert "semaphore/acquires/move_permits" in human and "from 0" in human, human
        nothing = json.loads(run(WEIR, "diff", before, before, "-o", "json", env=game.env).stdout)
        assert nothing["data"]["changes"] == [] and nothing["data"]["same"] > 50, nothing
        # A snapshot and the process itself: what a counter grew by between them.
        kept = os.path.join(game.dir, "kept.json")
        with open(kept, "w", encoding="utf-8") as file:
            file.write(run(WEIR, "snapshot", before, "-o", "json", env=game.env).stdout)
        live = json.loads(run(WEIR, "diff", kept, game.pid, "-o", "json", env=game.env).stdout)["data"]
        [sent] = [one for one in live["changes"]
                  if (one["kind"], one["field"], one["name"]) == ("channel", "sent", "moves")]
        assert live["before"]["form"] == "snapshot" and live["after"]["form"] == "process", live
        assert sent["compared"] == "total" and sent["change"] > 0 and sent["rate_between"] > 0, sent


def what_cannot_be_read_or_written_is_one_error():
    with Game("--serve", 500) as game:
        path = os.path.join(game.dir, "some.weirrec")
        run(WEIR, "record", "-o", path, game.pid, "--for", 1, "-i", "0.2", env=game.env)
        whole = read(path)
        other = os.path.join(game.dir, "other.weirrec")

        def other_is(data):
            with open(other, "wb") as file:
                file.write(data)
        for words in (("replay", other), ("diff", other, path)):
            other_is(b"no recording at all, but as long as one would be")
            assert other in fails(game, MISMATCH, *words)
            other_is(whole[:8] + struct.pack("<I", 2) + whole[12:])
            error = fails(game, MISMATCH, *words)
            assert "version 2" in error and "version 1" in error, error
            other_is(whole[:40] + b"\xff" + whole[41:])
            assert "cut or damaged before its first frame" in fails(game, MISMATCH, *words)
        assert "No such file" in fails(game, 3, "replay", other + ".none")
        assert "the recording has" in fails(game, USAGE, "snapshot", path, "--at", 3600)
        assert "--at is for a recording" in fails(game, USAGE, "snapshot", game.pid, "--at", 1)
        assert "give a file" in fails(game, USAGE, "record", game.pid)
        assert "--force" in fails(game, USAGE, "record", "-o", path, game.pid)
        assert read(path) == whole
        assert "is a recording already" in fails(game, USAGE, "record", "-o", other, path)
        assert "does not exist" in fails(game, USAGE, "record", "-o", "/nowhere/a", game.pid)
        assert "is not a regular file" in fails(game, USAGE, "record", "-o", "/dev/null", "--force", game.pid)
        if os.geteuid() != 0:  # root may write anywhere
            os.mkdir(os.path.join(game.dir, "closed"), 0o500)
            assert "denied" in fails(game, DENIED, "record", "-o", os.path.join(game.dir, "closed", "a"), game.pid)
        under_way = os.path.join(game.dir, "under_way.weirrec")
        first = Recorder(game, under_way)
        first.waits(1)
        assert "another weir is recording into it" in fails(game, USAGE, "record", "-o", under_way, "--force", game.pid)
        assert "still being recorded" in snapshot(game, under_way)[1]
        first.ends(0, signal.SIGINT)


def a_full_disk_ends_a_recording_that_can_be_read():
    """Here the disk is full for a file of more than 30,000 bytes."""
    with Game("--serve", 3000) as game:
        players = game.players(*LOAD)
        path = os.path.join(game.dir, "full.weirrec")
        recorder = Recorder(game, path, "-i", "0.1",
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000)))
        out, err = recorder.ends(INCOMPLETE)
        players.terminate()
        players.communicate(timeout=60)
        assert "File too large" in err and "the recording up to then is whole" in err, err
        n = len(looks(path))
        assert n > 3 and f"{n} looks" in out, (n, out)
        assert moves(snapshot(game, path)[0])["sent"] > 0


need(GAME, PLAYERS, WEIR)
for test in (a_killed_recorder_leaves_what_it_saw,
             at_rest_the_recording_says_what_the_process_says,
             a_game_that_dies_is_recorded_to_its_end,
             a_diff_tells_what_the_switch_has_changed,
             what_cannot_be_read_or_written_is_one_error,
             a_full_disk_ends_a_recording_that_can_be_read):
    print(test.__name__.replace("_", " "), flush=True)
    test()
