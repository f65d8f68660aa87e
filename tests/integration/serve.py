#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""weir serve: several processes that come and go, over TCP, HTTP and its socket; who may ask; how it
begins and ends. ctest: timeout=240 folders=console/src/command,agent/src/wire,agent/src/session"""

import os
import re
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import agent_client  # noqa: E402
from agent_client import Agent, M, fails, grpc  # noqa: E402
from console import DEADLINE, WEIR, Host, environment, finish, run, scratch, start, wait_for, weir  # noqa: E402
from serving import TOKEN, Manager, Serve, labels, series, token_file  # noqa: E402

# Other processes with weir may run on this machine: these are told by their names.
NAME = "s%d" % os.getpid()
A, B, C = NAME + "a", NAME + "b", NAME + "c"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
CODE = grpc.StatusCode


def host(name, depth=0, **more):
    # Without an agent of its own: what is seen comes from weir serve.
    return Host("--name", name, "--no-agent", "--channel", "moves:unbounded:0:0:%d" % depth,
                "--semaphore", "slots:8:3", "--counter", "refused:0:%d" % depth, **more)


def depths(server, **headers):
    """{(name, pid): depth} of the channels called moves."""
    found = labels(server.series(**headers), "weir_channel_depth")
    return {(name, int(pid)): value for (name, pid, rest), value in found.items()
            if rest == 'channel="moves"' and name.startswith(NAME)}


def parses_as_openmetrics(server):
    text = server.scrape(accept=OPENMETRICS)
    series(text)
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        print("no prometheus_client: OpenMetrics is not parsed")
        return
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"weir_channel_depth", "process_open_fds", "weir_agent_processes"} <= names, names


def three_servers_one_killed_one_restarted():
    a, b, c = host(A, 11), host(B, 22), host(C, 33)
    server = Serve(A, B, C)
    expected = {(A, a.pid): 11, (B, b.pid): 22, (C, c.pid): 33}
    assert depths(server) == expected, depths(server)
    found = server.series()
    assert labels(found, "weir_semaphore_permits_available") == {
        (name, str(pid), 'semaphore="slots"'): 5 for name, pid in expected}
    assert labels(found, "weir_counter_total") == {
        (name, str(pid), 'counter="refused"'): value for (name, pid), value in expected.items()}
    for pid in (a.pid, b.pid, c.pid):
        threads = [v for (_, p, _), v in labels(found, "process_threads").items() if p == str(pid)]
        assert threads == [1], (pid, threads)
    assert found["weir_agent_processes"] == 3 and found["weir_agent_processes_left_out"] == 0
    parses_as_openmetrics(server)

    # A number that moves in one moves there alone, and at the next scrape.
    a.command("send", "moves", 5)
    expected[A, a.pid] = 16
    wait_for(lambda: depths(server) == expected, "five more of one")

    # Killed: gone at the next scrape that reads it, and nothing stale ever after.
    b.kill()
    del expected[B, b.pid]
    begun = time.monotonic()
    wait_for(lambda: depths(server) == expected, "the killed one has gone")
    gone = time.monotonic() - begun
    assert not any(str(b.pid) in name for name in server.series()), "its other families have gone, too"

    # Restarted under its name: found by itself.
    c.end()
    del expected[C, c.pid]
    wait_for(lambda: depths(server) == expected, "the ended one has gone")
    again = host(C, 44)
    begun = time.monotonic()
    expected[C, again.pid] = 44
    wait_for(lambda: depths(server) == expected, "the restarted one is there")
    there = time.monotonic() - begun
    print("  gone after %.3f s, there after %.3f s" % (gone, there))
    assert gone < 2 and there < 2, (gone, there)
    assert server.end() == ""
    for one in (a, again):
        one.kill()


def processes_may_come_and_go_without_end():
    stays, one = host(A, 1), host(B, 2)
    server = Serve(A, B)
    wait_for(lambda: len(depths(server)) == 2, "both are there")
    fds = server.fds()
    for _ in range(20):
        one.kill()
        one = host(B, 2)
        wait_for(lambda pid=one.pid: (B, pid) in depths(server), "it is found")
    one.kill()
    wait_for(lambda: set(depths(server)) == {(A, stays.pid)}, "one is left")
    wait_for(lambda: server.fds() <= fds, "no descriptor is kept")
    stays.kill()
    wait_for(lambda: not depths(server), "none is left")
    wait_for(lambda: server.series()["weir_agent_processes"] == 0, "and it is told so")
    agent = Agent(server.grpc)
    assert not agent.list(M["ListRequest"](), timeout=10).targets
    assert fails(CODE.NOT_FOUND, lambda: agent.describe(M["DescribeRequest"](), timeout=10))
    agent.close()
    server.end()


def a_request_says_which_process_it_means():
    a, b = host(A, 1), host(B, 2)
    server = Serve(A, B)
    agent = Agent(server.grpc)
    listed = {(t.name, t.pid, t.state) for t in agent.list(M["ListRequest"](), timeout=10).targets}
    assert listed == {(A, a.pid, "running"), (B, b.pid, "running")}, listed

    def describe(target=None):
        metadata = (("weir-target", target),) if target else ()
        return agent.describe(M["DescribeRequest"](), timeout=10, metadata=metadata)
    for target in (B, str(b.pid), "%s:%d" % (B, b.pid)):
        description = describe(target)
        assert description.pid == b.pid and description.grpc_address == server.grpc, description
        assert description.http_address == server.http, description
    text = fails(CODE.FAILED_PRECONDITION, describe)
    assert "%s (pid %d)" % (A, a.pid) in text and "%s (pid %d)" % (B, b.pid) in text, text
    text = fails(CODE.NOT_FOUND, lambda: describe("nobody"))
    assert A in text and "nobody" in text, text

    # Its end is the end of its streams, with its last state; the others go on.
    metadata = (("weir-target", B),)
    query = M["Query"](kind=agent_client.CHANNEL)
    stream = agent.watch(M["WatchRequest"](queries=[query]), timeout=30, metadata=metadata)
    assert next(stream).tables[0].rows[0].name == "moves"
    b.kill()
    states = []
    try:
        for update in stream:
            states.append(update.state)
        raise AssertionError("the stream ended without a status")
    except grpc.RpcError as error:
        assert error.code() == CODE.UNAVAILABLE, error
        assert error.details() == "%s (pid %d) has ended" % (B, b.pid), error.details()
    assert states[-1] == "dead", states
    assert describe().pid == a.pid, "the only one left"
    agent.close()
    server.end()
    a.kill()


def consoles_attach_over_tcp_and_by_the_socket():
    a, b = host(A, 11), host(B, 22)
    server = Serve(A, B)
    for target in ("http://%s/%s" % (server.grpc, B), "http://%s/%d" % (server.grpc, b.pid),
                   "http://localhost:%s/%s:%d" % (server.grpc.split(":")[1], B, b.pid),
                   "unix:%s/%s" % (server.socket, B), "unix:%s/%d" % (server.socket, b.pid)):
        shown = weir("snapshot", target, "-o", "json").json()
        assert shown["target"] == {"name": B, "pid": b.pid, "state": "running"}, shown["target"]
        assert [row["depth"] for row in shown["data"]["channels"]] == [22], shown
    lines = weir("subscribe", "-t", server.grpc, "-C", 1, "-o", "ndjson", A + "/channel/size/moves").lines()
    assert lines[0]["target"] == A and lines[0]["value"] == 11, lines
    for target in (server.grpc, "http://" + server.grpc, "unix:" + server.socket):
        result = weir("snapshot", target, expect=2)
        assert "%s (pid %d)" % (A, a.pid) in result.err and "%s (pid %d)" % (B, b.pid) in result.err, result
        assert "/PID" in result.err, result
        assert weir("snapshot", "-o", "json", expect=2, WEIR_TARGET=target).code == 2
    result = weir("snapshot", "http://%s/nobody" % server.grpc, expect=3)
    assert A in result.err, result
    b.kill()
    wait_for(lambda: len(depths(server)) == 1, "one is left")
    assert weir("snapshot", server.grpc, "-o", "json").json()["target"]["pid"] == a.pid
    for words in (("https://" + server.grpc,), ("http://localhost/x",), ("http://:1",)):
        weir("snapshot", *words, expect=2)
    server.end()
    weir("snapshot", server.grpc, expect=3)
    assert "cannot connect" in weir("snapshot", "http://" + server.grpc, expect=3).err
    a.kill()


def the_screen_attaches_over_tcp():
    from terminal import Terminal
    a = host(A, 11)
    server = Serve(A, grpc="127.0.0.1:0", web=None, WEIR_TOKEN_FILE=token_file())
    terminal = Terminal("http://" + server.grpc, WEIR_TOKEN_FILE=token_file())
    terminal.shows("%s[%d]" % (A, a.pid), "moves", "unbounded", "slots")
    terminal.waits(lambda text: terminal.row("moves")[1:2] == ["11"], "the depth")
    a.command("send", "moves", 6)
    terminal.waits(lambda text: terminal.row("moves")[1:2] == ["17"], "the new depth")
    # The same service, started again, is the same target.
    a.kill()
    again = host(A, 5)
    terminal.shows("%s[%d]" % (A, again.pid))
    terminal.waits(lambda text: terminal.row("moves")[1:2] == ["5"], "the depth of the new one")
    terminal.type("q")
    terminal.ended()
    server.end()
    again.kill()


def hosts_serve_tcp_themselves():
    one = Host("--name", A, "--channel", "moves:unbounded:0:0:7", "--grpc", "127.0.0.1:0")
    entry = [e for e in weir("list", "-o", "json").json()["data"]["processes"] if e["pid"] == one.pid]
    address = entry[0]["grpc_address"]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", address), entry
    assert address in weir("list").out
    shown = weir("snapshot", address, "-o", "json").json()
    assert shown["target"]["pid"] == one.pid and shown["data"]["channels"][0]["depth"] == 7, shown
    one.end()


def without_the_token_nobody_is_answered():
    a = host(A, 11)
    path = token_file()
    server = Serve(A, "--token-file", path)
    for headers in ({}, {"Authorization": "Bearer " + TOKEN + "x"}, {"Authorization": "Basic " + TOKEN},
                    {"Authorization": "Bearer " + "x" * len(TOKEN)}):
        for page in ("/metrics", "/healthz/", "/"):
            status, answered, text = server.get(page, **headers)
            assert status == 401 and answered["WWW-Authenticate"] == "Bearer", (status, answered)
            assert A not in text, text
        status, _, text = server.get("/healthz", **headers)  # probes have no token
        assert (status, text) == (200, "ok\n"), (status, text)
    bearer = {"Authorization": "Bearer " + TOKEN}
    assert depths(server, **bearer) == {(A, a.pid): 11}
    assert server.series(**bearer)["weir_agent_http_rejected_total"] == 12

    agent = Agent(server.grpc)

    def describe(*metadata):
        return agent.describe(M["DescribeRequest"](), timeout=10, metadata=metadata)
    for metadata in ((), (("authorization", "Bearer wrong-token-of-a-test"),),
                     (("authorization", "Bearer " + TOKEN), ("authorization", "Bearer " + TOKEN))):
        fails(CODE.UNAUTHENTICATED, lambda m=metadata: describe(*m))
    fails(CODE.UNAUTHENTICATED, lambda: agent.list(M["ListRequest"](), timeout=10))
    good = ("authorization", "Bearer " + TOKEN)
    assert describe(good).pid == a.pid
    wait_for(lambda: server.series(**bearer)["weir_agent_clients_rejected_total"] == 4, "four refused")

    assert weir("snapshot", server.grpc, "-o", "json", WEIR_TOKEN_FILE=path).json()["target"]["pid"] == a.pid
    for more in ({}, {"WEIR_TOKEN_FILE": token_file("other", "another-token-of-a-test")},
                 {"WEIR_TOKEN_FILE": token_file("open", mode=0o644)},
                 {"WEIR_TOKEN_FILE": "/nonexistent/token"}):
        result = weir("snapshot", server.grpc, expect=5, **more)
        assert TOKEN not in result.err, result
    # The socket's peers are known by their uid.
    assert weir("snapshot", "unix:" + server.socket, "-o", "json").json()["target"]["pid"] == a.pid

    # Another token, without a restart; then none, and nobody is let in.
    token_file("token.new", "another-token-of-a-test\n")
    os.rename(os.path.join(scratch, "token.new"), path)
    fails(CODE.UNAUTHENTICATED, lambda: describe(good))
    assert describe(("authorization", "Bearer another-token-of-a-test")).pid == a.pid
    os.unlink(path)
    fails(CODE.UNAUTHENTICATED, lambda: describe(("authorization", "Bearer another-token-of-a-test")))
    assert server.get(Authorization="Bearer another-token-of-a-test")[0] == 401
    agent.close()
    said = server.end()
    assert said.count("all requests over TCP are refused now") == 1 and "another-token" not in said, said
    a.kill()


def beyond_loopback_takes_a_token():
    a = host(A, 11)
    for option in ("--http", "--grpc"):
        for address in ("0.0.0.0:0", "[::]:0"):
            result = weir("serve", option, address, expect=2)
            assert "WEIR_TOKEN_FILE" in result.err, result
    server = Serve(A, "--token-file", token_file(), grpc="0.0.0.0:0", web="0.0.0.0:0")
    port = server.grpc.rsplit(":", 1)[1]
    shown = weir("snapshot", "127.0.0.1:" + port, "-o", "json", WEIR_TOKEN_FILE=token_file()).json()
    assert shown["target"]["pid"] == a.pid, shown
    weir("snapshot", "127.0.0.1:" + port, expect=5)
    # There any name is right: it is the token that counts.
    bearer = {"Authorization": "Bearer " + TOKEN}
    assert server.get(Host="metrics.example")[0] == 401
    assert server.get(Host="metrics.example", **bearer)[0] == 200
    server.end()
    a.kill()


def names_from_elsewhere_are_refused_on_loopback():
    a = host(A, 11)
    server = Serve(A, "--http-hosts", "game.example")
    assert server.get(Host="evil.example")[0] == 403
    assert server.get(Host="localhost")[0] == 200
    assert server.get(Host="game.example")[0] == 200
    rejected = server.series()["weir_agent_clients_rejected_total"]
    for authority, code in (("evil.example", CODE.PERMISSION_DENIED), ("game.example", None),
                            ("localhost:1", None)):
        agent = Agent(server.grpc, **{"grpc.default_authority": authority})
        if code:
            fails(code, lambda one=agent: one.describe(M["DescribeRequest"](), timeout=10))
        else:
            assert agent.describe(M["DescribeRequest"](), timeout=10).pid == a.pid
        agent.close()
    wait_for(lambda: server.series()["weir_agent_clients_rejected_total"] == rejected + 1, "it is counted")
    server.end()
    a.kill()


def stopped_and_silent_clients_harm_nobody():
    a = host(A, 11)
    server = Serve(A)
    port = int(server.grpc.rsplit(":", 1)[1])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(110)]
    half = socket.create_connection(("127.0.0.1", port))
    half.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\4")
    web = socket.create_connection(("127.0.0.1", int(server.http.rsplit(":", 1)[1])))
    web.sendall(b"GET /metrics HTTP/1.1\r\nHost: loc")
    stopped = [start("subscribe", "-t", server.grpc, "-i", "0.1", A + "/#") for _ in range(4)]
    for one in stopped:
        one.stdout.readline()
        one.send_signal(signal.SIGSTOP)
    agent = Agent(server.grpc)
    query = M["Query"](kind=agent_client.CHANNEL)
    stream = agent.watch(M["WatchRequest"](queries=[query], interval_millis=100), timeout=30)
    times = []
    for update in stream:
        assert len(update.tables[0].rows) == 1
        times.append(time.monotonic())
        if len(times) == 30:
            break
    stream.cancel()
    worst = max(later - before for before, later in zip(times, times[1:]))
    print("  worst time between updates of 100 ms: %.3f s" % worst)
    assert worst < 1.5, worst
    assert depths(server) == {(A, a.pid): 11}
    agent.close()
    for one in stopped:
        one.kill()
        one.communicate()
    for one in (*silent, half, web):
        one.close()
    server.end()
    a.kill()


def a_manager_is_told_how_it_stands():
    for abstract in (False, True):
        a = host(A, 1)
        manager = Manager(abstract)
        server = Serve(A, grpc=None, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="400000")
        said = manager.hears("READY=1")
        assert "STATUS=serving 1 process" in said, said
        manager.hears("WATCHDOG=1")
        manager.hears("WATCHDOG=1")
        a.kill()
        manager.hears("STATUS=serving 0 processes")
        server.process.send_signal(signal.SIGTERM)
        manager.hears("STOPPING=1")
        server.process.communicate(timeout=DEADLINE)
        assert server.process.returncode == 0
        manager.close()


def its_own_directory_has_one_name_for_the_socket():
    a = host(A, 1)
    directory = os.path.join(scratch, "runtime")
    os.mkdir(directory, 0o700)
    server = Serve(A, grpc=None, web=None, RUNTIME_DIRECTORY=directory)
    assert server.socket == os.path.join(directory, "serve.sock")
    assert os.stat(server.socket).st_mode & 0o777 == 0o600
    assert weir("snapshot", "unix:" + server.socket, "-o", "json").json()["target"]["pid"] == a.pid
    server.process.kill()
    server.process.wait(DEADLINE)
    again = Serve(A, grpc=None, web=None, RUNTIME_DIRECTORY=directory)
    again.end(signal.SIGINT)
    # One that was killed leaves its socket; the next that starts takes it away.
    killed = Serve(A, grpc=None, web=None)
    killed.process.kill()
    killed.process.wait(DEADLINE)
    assert os.path.exists(killed.socket)
    other = Serve(A, grpc=None, web=None)
    third = Serve(A, grpc=None, web=None)
    assert not os.path.exists(killed.socket) and os.path.exists(other.socket)
    other.end()
    third.end(signal.SIGHUP)
    a.kill()


def what_cannot_be_served_is_one_line():
    a = host(A, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        for option in ("--http", "--grpc"):
            result = weir("serve", A, option, address, expect=3)
            assert address in result.err and "another port" in result.err, result
    for code, words in ((3, ["nobody-of-this-name"]), (3, [A, "4194305"]), (2, ["--all", A]),
                        (3, ["/nonexistent/1-1.weir"]), (2, ["--http", "no address"]),
                        (2, ["unix:/x"]), (2, ["http://localhost:1"]), (2, ["--nonsense"]),
                        (5, ["--http", "127.0.0.1:0", "--token-file", "/nonexistent"]),
                        (5, ["--grpc", "127.0.0.1:0", "--token-file", token_file("open", mode=0o640)]),
                        (5, ["--http", "127.0.0.1:0", "--token-file", token_file("short", "x\n")])):
        weir("serve", *words, expect=code)
    b = host(B, 1)
    path = b.path()
    b.kill()
    assert "dead" in weir("serve", path, expect=3).err
    with open(os.path.join(scratch, "77-77.weir"), "wb") as file:
        file.write(b"no segment" * 100)
    weir("serve", file.name, expect=4)
    os.unlink(file.name)
    a.kill()


def targets_choose_what_is_served():
    a, b, c = host(A, 1), host(B, 2), host(C, 3)
    for words, expected in (([a.pid], {A}), ([A, b.path()], {A, B}), (["file://" + c.path()], {C}),
                            ([os.path.relpath(b.path()), C], {B, C})):
        server = Serve(*words, grpc=None)
        assert {name for name, _ in depths(server)} == expected, words
        server.end()
    for words, more in ((["--all"], {"WEIR_TARGET": A}), ([], {})):
        server = Serve(*words, grpc=None, **more)
        assert {name for name, _ in depths(server)} == {A, B, C}
        server.end()
    server = Serve(grpc=None, WEIR_TARGET=A)
    assert {name for name, _ in depths(server)} == {A}
    server.end()
    for one in (a, b, c):
        one.kill()


assert environment["WEIR_DIR"] == scratch and os.access(WEIR, os.X_OK) and finish
run([three_servers_one_killed_one_restarted, processes_may_come_and_go_without_end,
     a_request_says_which_process_it_means, consoles_attach_over_tcp_and_by_the_socket,
     the_screen_attaches_over_tcp, hosts_serve_tcp_themselves, without_the_token_nobody_is_answered,
     beyond_loopback_takes_a_token, names_from_elsewhere_are_refused_on_loopback,
     stopped_and_silent_clients_harm_nobody, a_manager_is_told_how_it_stands,
     its_own_directory_has_one_name_for_the_socket, what_cannot_be_served_is_one_line,
     targets_choose_what_is_served])
