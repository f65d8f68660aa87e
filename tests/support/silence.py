# SPDX-License-Identifier: MIT
"""Clients that say nothing, or too little, and the deadlines after which the exporter ends them: at HURRIED on a hurried
host (hurry.c), at 1 on any other. What a loaded machine adds to a deadline is not hurried."""

import select
import time

from http2_raw import DATA, END_HEADERS, HEADERS, PREFACE, RST_STREAM, SETTINGS, Raw, frame, request_header

HURRIED = 5
LATE = 4  # seconds


def grpc_clients_are_ended(path, watch, asked, hurry=1):
    """Connections that say nothing, or only half of something, are closed after ten seconds; a
    stream whose window is 0 is reset."""
    no_window = Raw(path, preface=False)
    no_window.send(PREFACE + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0"))
    no_window.call(1, watch, asked)
    silent = Raw(path, preface=False)
    half = Raw(path, preface=False)
    half.send(PREFACE[:10])
    asked_nothing = Raw(path)
    cut = Raw(path)
    cut.send(frame(HEADERS, END_HEADERS, 1, request_header(watch)) + frame(DATA, 0, 1, b"\0\0"))
    start = time.monotonic()
    assert cut.wait_for(HEADERS, 1)  # with a status
    for raw in (silent, half, asked_nothing):
        for _ in raw.frames():
            pass
        raw.close()
    assert no_window.wait_for(RST_STREAM, 1)
    took = time.monotonic() - start
    assert 8 / hurry < took < 10 / hurry + LATE, took
    cut.close()
    no_window.close()


def http_clients_are_ended(connect, hurry=1):
    """A request that trickles in is cut off after ten seconds, an idle connection after five."""
    begin = time.monotonic()
    with connect() as client, connect() as idle:
        ended = {}
        client.sendall(b"GET /metrics HTTP/1.1\r\n")
        while len(ended) < 2 and time.monotonic() - begin < 30:
            waiting = [one for one in (client, idle) if one not in ended]
            for one in select.select(waiting, [], [], 0.5 / hurry)[0]:
                ended[one] = time.monotonic() - begin
            if client not in ended:
                try:
                    client.sendall(b"X: y\r\n")
                except (BrokenPipeError, ConnectionResetError):
                    ended[client] = time.monotonic() - begin
    assert 9 / hurry < ended[client] < 10 / hurry + LATE, ended[client]
    assert 4 / hurry < ended[idle] < 10 / hurry + LATE, ended[idle]
