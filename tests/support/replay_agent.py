# SPDX-License-Identifier: MIT
"""An exporter of an earlier version as its clients see it: answers by the messages that it sent then, as bytes
(tests/data/wire-*)."""

import base64
import concurrent.futures
import gzip
import json
import threading

from agent_client import grpc, M

SERVICE = "weir.v1.Agent"
NOTHING = "weir.v1.Agent has no such answer on record"


def load(path):
    with gzip.open(path, "rt") as file:
        return json.load(file)


def end_of(context):
    """An event of a call's end."""
    end = threading.Event()
    if not context.add_callback(end.set):
        end.set()
    return end


def messages(answers, key):
    return [base64.b64decode(text) for text in answers[key]]


def history_key(request):
    return "History/%d/%s/%d" % (request.kind, request.field, request.minutes)


class ReplayAgent:
    """Serves recorded answers at a unix socket. It knows no field that the recorded exporter did not know: requests are
    read for what they asked of it then."""

    def __init__(self, answers, socket):
        self.answers = answers
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {
            "List": unary(lambda _, context: messages(answers, "List")[0]),
            "Describe": unary(lambda _, context: messages(answers, "Describe")[0]),
            "Snapshot": stream(lambda _, context: iter(messages(answers, "Snapshot"))),
            "Subscribe": stream(self.subscribe),
            "Watch": stream(self.watch, request_deserializer=M["WatchRequest"].FromString),
            "History": stream(self.history, request_deserializer=M["HistoryRequest"].FromString),
        }),))
        self.server.add_insecure_port("unix:" + socket)
        self.server.start()

    def close(self):
        self.server.stop(None)

    def subscribe(self, _, context):
        """What was asked for then is all that can be answered now."""
        for message in messages(self.answers, "Subscribe"):
            yield message
        end_of(context).wait()  # as a stream whose next message is not due

    def history(self, request, context):
        key = history_key(request)
        if key not in self.answers:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, NOTHING)
        yield from messages(self.answers, key)

    def table(self, query, recorded):
        """The recorded table of a kind with the columns and the rows that are asked for."""
        table = M["Table"]()
        table.CopyFrom(recorded)
        rows = [row for row in table.rows if not query.id or row.id == query.id]
        if query.columns:
            places = {column: i for i, column in enumerate(recorded.columns)}
            for row in rows:
                values = [row.values[places[c]] if c in places else M["Value"]() for c in query.columns]
                del row.values[:]
                row.values.extend(values)
            del table.columns[:]
            table.columns.extend(query.columns)
        kept = [M["Row"].FromString(row.SerializeToString()) for row in rows]
        del table.rows[:]
        table.rows.extend(kept[query.offset:query.offset + (query.limit or 1000)])
        return table

    def watch(self, request, context):
        recorded = M["Update"].FromString(messages(self.answers, "Watch")[0])
        by_kind = {table.kind: table for table in recorded.tables}
        seconds = 0
        end = end_of(context)
        while not end.is_set():
            update = M["Update"](unix_nanos=recorded.unix_nanos + seconds * 10**9, state=recorded.state,
                                 read_nanos=recorded.read_nanos + seconds * 10**9)
            for query in request.queries:
                if query.kind in by_kind:
                    update.tables.append(self.table(query, by_kind[query.kind]))
                else:
                    update.tables.append(M["Table"](kind=query.kind))
            yield update.SerializeToString()
            seconds += 1
            end.wait((request.interval_millis or 1000) / 1000)
