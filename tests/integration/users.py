#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ctest: folders=agent/src/segment,agent/src/wire
"""Whose process it is decides who sees it: its own user and root do, whatever XDG_RUNTIME_DIR says on
either side; a third user reads neither its segment nor its socket. Needs root, to be several users."""

import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request

BUILD = os.environ["WEIR_BUILD"]
OWNER, THIRD = 61234, 61235
HOME = f"/dev/shm/weir-{OWNER}"

if os.geteuid() != 0:
    sys.exit(77)


def as_user(uid):
    def become():
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)

    return None if uid == 0 else become


def environment(**changes):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("WEIR_") and name != "XDG_RUNTIME_DIR"}
    return {**kept, **changes}


def weir(uid, *words, **changes):
    return subprocess.run([WEIR, *words], preexec_fn=as_user(uid), env=environment(**changes), capture_output=True,
                          text=True, timeout=60, check=False, cwd="/")


def sees(uid, **changes):
    done = weir(uid, "list", "-o", "json", **changes)
    assert done.returncode == 0, done.stderr
    return f'"pid":{host.pid},' in done.stdout.replace(" ", "")


# Another user may not be able to reach the build: give the programs a place that all can.
programs = f"/dev/shm/weir-users-{os.getpid()}"
os.mkdir(programs, 0o755)
HOST, WEIR = f"{programs}/host", f"{programs}/weir"
host = None
try:
    for source, target in ((f"{BUILD}/tests/host", HOST), (f"{BUILD}/console/weir", WEIR)):
        if not os.access(source, os.X_OK):
            sys.exit(77)
        shutil.copy(source, target)
        os.chmod(target, 0o755)
    host = subprocess.Popen([HOST, "--name", "owned", "--channel", "moves:unbounded:0:0:7"], env=environment(),
                            preexec_fn=as_user(OWNER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            cwd="/")
    assert host.stdout.readline().startswith("ready")
    [segment] = glob.glob(f"{HOME}/{host.pid}-*.weir")
    [endpoint] = glob.glob(f"{HOME}/{host.pid}-*.sock")

    assert sees(OWNER), "its own user does not see it"
    assert sees(OWNER, XDG_RUNTIME_DIR=programs), "not seen by a console with another XDG_RUNTIME_DIR"
    assert sees(0), "root does not see it"
    assert not sees(THIRD), "a third user sees it"

    for uid in (OWNER, 0):
        done = weir(uid, "snapshot", "-o", "json", str(host.pid))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"]["channels"][0]["depth"] == 7

    # Root serves everybody's, its owner its own, a third user none of it.
    for uid in (OWNER, 0):
        server = subprocess.Popen([WEIR, "serve", "owned", "--http", "127.0.0.1:0"], preexec_fn=as_user(uid),
                                  env=environment(), stderr=subprocess.PIPE, text=True, cwd="/")
        try:
            place = server.stderr.readline().split("unix:")[1].strip()
            address = server.stderr.readline().split()[-1]
            with urllib.request.urlopen(address, timeout=30) as answer:
                assert f'pid="{host.pid}",channel="moves"}} 7\n' in answer.read().decode()
            assert weir(0, "snapshot", f"unix:{place}").returncode == 0
            assert weir(THIRD, "snapshot", f"unix:{place}").returncode in (3, 5)
        finally:
            server.terminate()
            server.communicate(timeout=30)
        assert server.returncode == 0
    done = weir(THIRD, "serve", str(host.pid))
    assert done.returncode == 3, done

    for target in (segment, f"unix:{endpoint}"):
        done = weir(THIRD, "snapshot", target)
        assert done.returncode in (3, 5) and len(done.stderr.strip().split("\n")) == 1, done
    # The directory keeps a third user out; were it open, file and socket would.
    os.chmod(HOME, 0o755)
    assert weir(THIRD, "snapshot", segment).returncode == 5
    os.chmod(endpoint, 0o666)
    assert weir(THIRD, "snapshot", f"unix:{endpoint}").returncode in (3, 5), "the peer's user is not checked"
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(endpoint)  # root may; and the host still serves
    assert weir(0, "snapshot", str(host.pid)).returncode == 0
finally:
    if host:
        host.kill()
        host.communicate()
    shutil.rmtree(programs, ignore_errors=True)
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.rmtree(f"/dev/shm/weir-{THIRD}", ignore_errors=True)
