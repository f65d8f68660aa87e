#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a person types: targets in every spelling, slips of the hand, names of files. Each wrong one is one line
that says what to do, with the documented exit code."""

import os
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from console import DEADLINE, WEIR, Host, environment, finish, run, scratch, start, wait_for, weir  # noqa: E402

folder = os.path.join(scratch, "folder")
os.mkdir(folder)
os.chdir(folder)
host = Host("--name", "game", "--channel", "moves:8:0:0:4")


def fails(code, part, *arguments, **more):
    result = weir(*arguments, expect=code, **more)
    assert part in result.err, (arguments, result)
    return result


def a_bare_word_is_a_file_only_if_weir_can_read_it():
    with open("lobby", "wb") as program:
        program.write(b"\x7fELF" + bytes(4096))
    with open("empty", "wb"):
        pass
    os.mkdir("directory")
    os.mkfifo("fifo")
    for word in ("lobby", "empty", "directory", "fifo"):
        fails(3, "%s: no such target" % word, "snapshot", word)
    # Said as a path it is a path.
    fails(4, "not a weir segment", "snapshot", "./lobby")
    shutil.copy(host.path(), "copied")
    assert weir("snapshot", "copied", "-o", "json").json()["target"]["name"] == "game"
    with open("game", "wb") as program:
        program.write(b"\x7fELF" + bytes(4096))
    assert weir("snapshot", "game", "-o", "json").json()["target"]["pid"] == host.pid


def an_empty_target_is_never_another_process():
    for arguments in (["snapshot", ""], ["snapshot", "-t", ""], ["doctor", ""], ["subscribe", "game/#", "-t", ""],
                      ["record", "-o", "x.weirrec", "-t", ""], ["serve", ""]):
        fails(2, "empty", *arguments)
    # An empty variable is as good as none.
    assert weir("snapshot", "-o", "json", WEIR_TARGET="").json()["target"]["pid"] == host.pid


def addresses_are_taken_in_every_spelling():
    server = start("serve", "--grpc", "127.0.0.1:0")
    try:
        address = None
        for line in server.stderr:
            if "serving gRPC on " in line:
                address = line.split()[-1]
                break
        for target in ("http://%s/game", "HTTP://%s/game", "Http://%s/game/", "%s/game", "%s/game/", "http://%s/",
                       "http://%s//", "%s/", "%s"):
            seen = weir("snapshot", target % address, "-o", "json").json()
            assert seen["target"]["name"] == "game", (target, seen["target"])
        assert "TLS" in fails(2, "TLS", "snapshot", "HTTPS://%s" % address).err
        fails(3, "gone", "snapshot", "%s/gone" % address)
        for wrong in ("http://127.0.0.1", "http://:1/x", "http://127.0.0.1:0", "http://127.0.0.1:66000/game"):
            fails(2, "no address", "snapshot", wrong)
        path = host.path(".sock")
        for target in ("unix:%s", "UNIX:%s", "unix://%s", "file://%s", "FILE://localhost%s"):
            assert weir("snapshot", target % path, "-o", "json").json()["target"]["name"] == "game", target
    finally:
        server.send_signal(signal.SIGTERM)
        finish(server)


def a_slip_of_the_hand_is_told_what_is_near():
    fails(3, "did you mean game?", "snapshot", "gaem")
    fails(3, "did you mean game?", "snapshot", "Game1")
    assert "did you mean" not in fails(3, "running: game", "snapshot", "database").err
    for word, meant in (("snapsot", "snapshot"), ("lst", "list"), ("Doctor", "doctor"), ("subscirbe", "subscribe")):
        fails(2, "did you mean %s?" % meant, word, "-o", "json")
        fails(2, "did you mean %s?" % meant, "help", word)
        fails(2, "did you mean the command `weir %s`?" % meant, word)  # the screen has no terminal here


def a_glob_that_matches_nothing_is_told():
    result = weir("snapshot", "game", "-I", "mvoes", "-o", "json")
    assert result.json()["data"]["channels"] == [] and "no name matches -I mvoes" in result.err, result
    assert weir("snapshot", "game", "-I", "mov*").err == ""
    result = weir("record", "game", "-o", "none.weirrec", "-I", "mvoes", "--for", "0.1", "-i", "0.1")
    assert "no name matches -I mvoes" in result.err, result
    assert "no name" not in weir("record", "game", "-o", "some.weirrec", "-I", "moves", "--for", "0.1", "-i", "0.1").err


def a_recording_that_cannot_be_made_is_told_why():
    fails(2, "folder does not exist", "record", "game", "-o", "missing/x.weirrec")
    fails(2, "folder does not exist", "record", "game", "-o", "lobby/x.weirrec")
    fails(2, "is a folder", "record", "game", "-o", "directory", "--force")
    fails(2, "too long", "record", "game", "-o", "x" * 300)


def one_interval_holds_for_all_commands():
    for command in (["record", "game", "-o", "i.weirrec"], ["subscribe", "game/#"], ["top", "game"]):
        for wrong in ("0", "0.09", "61", "-1", "1e1", ""):
            fails(2, "give 0.1 to 60 seconds", *command, "-i", wrong)
    assert not os.path.exists("i.weirrec")


def nohup_holds_for_serve_and_record():
    for arguments in (["serve"], ["record", "game", "-o", "nohup.weirrec"]):
        process = start(*arguments, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        if arguments == ["serve"]:
            assert "serving unix:" in process.stderr.readline()
        else:
            wait_for(lambda: os.path.exists("nohup.weirrec") and os.path.getsize("nohup.weirrec") > 0, "a recording")
        process.send_signal(signal.SIGHUP)
        assert weir("snapshot", host.pid, "-o", "json").json()["target"]["state"] == "running"
        assert process.poll() is None, arguments
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0, arguments


def help_names_every_kind_and_variable():
    text = weir("help").out
    for kind in ("channel", "sender", "semaphore", "task", "loop", "counter", "gauge", "process", "agent", "warning"):
        assert " %s" % kind in text.split("TARGET:")[0], kind
    variables = [line.split()[0] for line in weir("help", "environment").out.splitlines() if line.startswith("  WEIR_")]
    assert variables[0] == "WEIR_OFF" and "WEIR_TARGET" in variables, variables
    fails(2, "no such command", "help", "nothing")


run([a_bare_word_is_a_file_only_if_weir_can_read_it, an_empty_target_is_never_another_process,
     addresses_are_taken_in_every_spelling, a_slip_of_the_hand_is_told_what_is_near,
     a_glob_that_matches_nothing_is_told, a_recording_that_cannot_be_made_is_told_why,
     one_interval_holds_for_all_commands, nohup_holds_for_serve_and_record, help_names_every_kind_and_variable])
host.end()
