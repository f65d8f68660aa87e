#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The four modes do what their names say, one after the other in one running server, and every move
is accounted for by the players as by the server. ctest: timeout=180 folders=server-example,agent/src/hook"""

import os
import random
import signal
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from game import GAME, PLAYERS, Game, check_report, check_status, need, wait_for  # noqa: E402

PERMITS = 64
LOAD = ["--players", 200, "--rate", 6000, "--churn", 50, "--for", 1, "--linger", 5]
SERVER = ["--serve", 3000, "--permits", PERMITS]


def unbounded_queues_everything():
    with Game(*SERVER) as game:
        report = game.play(*LOAD)
        check_report(report)
        assert report["refused"] == 0 and report["sent"] > 5000, report
        rest = game.status("pause")
        check_status(rest)
        assert rest["state"] == "resting" and rest["handling"] == 0, rest
        assert rest["refused"] == 0 and rest["sent"] == report["sent"], rest


def bounded_refuses_what_is_beyond_its_bound():
    with Game("--mode", "bounded:100", *SERVER) as game:
        players = game.players(*LOAD)
        deepest = 0
        while players.poll() is None:
            deepest = max(deepest, game.status()["queued"])
        out, err = players.communicate()
        assert players.returncode == 0, err
        assert 0 < deepest <= 100, deepest
        end = game.end()
        check_status(end)
        assert end["refused"] > 0 and end["permits_taken"] == 0, end
        assert '"lost":0,' in out, out


def as_published_queues_in_front_of_the_permits():
    with Game("--mode", "as-published", *SERVER) as game:
        players = game.players(*LOAD)
        wait_for(lambda: game.status()["queued"] > 10 * PERMITS, "a queue that grows")
        # Between two of the loop's turns some permits are back: never more than all are taken, and at times all.
        def are_all_taken():
            status = game.status()
            assert status["handling"] <= status["permits_taken"] <= PERMITS, status
            return status["handling"] == PERMITS

        wait_for(are_all_taken, "all permits taken and handled")
        players.wait()
        players.communicate()
        assert game.end()["refused"] == 0


def admission_lets_a_backlog_drain_and_refuses_meanwhile():
    with Game(*SERVER) as game:
        players = game.players("--players", 200, "--rate", 6000, "--linger", 0)
        wait_for(lambda: game.status()["queued"] > 20 * PERMITS, "a queue that grows")
        said = game.command("mode", "admission")
        assert said == "mode is now admission (was unbounded)\n", said
        before = game.status()
        assert before["permits_taken"] == PERMITS, before
        after = wait_for(lambda: (now := game.status())["queued"] <= PERMITS and now, "a queue that drains")
        assert after["sent"] == before["sent"] or after["queued"] <= PERMITS, (before, after)
        assert after["refused"] > 0, after
        players.send_signal(signal.SIGTERM)
        out, err = players.communicate(timeout=30)
        assert players.returncode == 0 and '"sent":' in out, err
        wait_for(lambda: game.status()["permits_taken"] == 0, "permits given back")
        check_status(game.end())


def modes_follow_each_other_and_permits_come_back():
    with Game(*SERVER) as game:
        players = game.players("--players", 200, "--rate", 6000, "--churn", 100, "--linger", 0)
        for _ in range(3):
            for mode in ("as-published", "admission", "bounded:50", "unbounded"):
                seen = game.status()["served"]
                game.command("mode", mode)
                status = wait_for(lambda: (now := game.status())["served"] > seen and now, "moves served")
                assert status["mode"] == mode, status
                check_status(status)
        players.send_signal(signal.SIGINT)
        players.communicate(timeout=30)
        game.command("mode", "admission")
        wait_for(lambda: game.status()["permits_taken"] == 0, "permits given back")
        end = game.end(signal.SIGINT)
        check_status(end)
        assert end["queued"] == 0 and end["served"] == end["sent"], end


def then_switches_by_itself_and_for_ends():
    with Game("--mode", "bounded:7", "--then", "admission", "--after", "0.3", "--for", "5") as game:
        assert game.status()["mode"] in ("bounded:7", "admission")
        wait_for(lambda: game.status()["mode"] == "admission", "the switch", 4)
        assert game.process.wait(30) == 0


def sessions_of_those_who_left_live_while_their_moves_are_queued():
    with Game("--serve", 100) as game:
        game.play("--players", 50, "--rate", 2000, "--churn", 0, "--for", 0.5, "--linger", 0)
        gone = wait_for(lambda: (now := game.status())["players"] == 0 and now, "players gone")
        assert gone["sessions"] == 50 and gone["queued"] > 500, gone
        assert wait_for(lambda: game.status()["stale"] > 0, "a move of one who has left served")
        game.end()


def players_whom_the_server_forgot_are_kicked_and_come_back():
    # Each is silent for a second between two moves: three times what the server bears.
    with Game("--silence", 0.3) as game:
        report = game.play("--players", 100, "--rate", 100, "--churn", 0, "--for", 3)
        check_report(report)
        end = game.end()
        assert 0 < report["kicked"] <= report["unknown"] <= end["timeouts"], (report, end)
        assert end["unknown"] >= report["kicked"] and end["joins"] > 100, (report, end)
        assert report["players_served"] == end["players_served"] > 0, (report, end)


def everyone_served_is_counted_once():
    with Game() as game:
        report = game.play("--players", 100, "--rate", 1000, "--churn", 0, "--for", 0.5)
        end = game.end()
        assert report["players_served"] == end["players_served"] == 100 and report["kicked"] == 0, (report, end)


def players_notice_that_the_server_is_gone():
    with Game() as game:
        players = game.players("--players", 20, "--rate", 100)
        wait_for(lambda: game.status()["served"] > 0, "moves served")
        game.end()
        out, err = players.communicate(timeout=30)
        assert players.returncode == 1 and err.count("\n") == 1, (players.returncode, err)
        assert f"the server on 127.0.0.1:{game.port} is gone" in err, err
        assert '"sent":' in out, out


def a_slow_handler_does_not_hold_up_the_end():
    with Game("--serve", 1, "--workers", 60) as game:
        game.play("--players", 5, "--rate", 500, "--for", 0.2, "--linger", 0)
        wait_for(lambda: game.status()["handling"] > 0, "a handler")
        game.process.terminate()
        assert game.process.wait(20) == 0


def garbage_does_no_harm():
    chance = random.Random(20261123)
    with Game() as game, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", game.port))
        for _ in range(20000):
            datagram = bytearray(chance.randbytes(chance.choice((0, 1, 31, 32, 33, 160, 161, 1056, 1057, 9000))))
            head = b"W\x01" + bytes([chance.randrange(14)]) + b"\x00"
            if chance.randrange(4) > 0:
                datagram[: len(head)] = head
            sender.send(datagram)
        report = game.play("--players", 10, "--rate", 500, "--for", 0.3)
        check_report(report)
        assert report["served"] > 0, report
        status = game.status()
        assert status["malformed"] > 1000 and status["unknown"] > 100, status
        assert game.end()["joins"] > 10


def instrumentation_can_be_left_out():
    for flags, env in ((["--no-weir"], {}), ([], {"WEIR_OFF": "1"})):
        with Game(*flags, env=env) as game:
            check_report(game.play("--players", 10, "--rate", 500, "--for", 0.3))
            assert os.listdir(game.dir) == []
            game.end()


need(GAME, PLAYERS)
garbage_does_no_harm()
a_slow_handler_does_not_hold_up_the_end()
unbounded_queues_everything()
bounded_refuses_what_is_beyond_its_bound()
as_published_queues_in_front_of_the_permits()
admission_lets_a_backlog_drain_and_refuses_meanwhile()
modes_follow_each_other_and_permits_come_back()
then_switches_by_itself_and_for_ends()
sessions_of_those_who_left_live_while_their_moves_are_queued()
players_whom_the_server_forgot_are_kicked_and_come_back()
everyone_served_is_counted_once()
players_notice_that_the_server_is_gone()
instrumentation_can_be_left_out()
