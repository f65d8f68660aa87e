# SPDX-License-Identifier: MIT
"""The order of the folders, and circles in a graph of files: for the lints of includes and calls."""

import os

# Each folder may know only those before it, and proto, which is below all. "": the files beside the folders.
ORDER = {
    "agent/src": ["segment", "hook", "snapshot", "finding", "encode", "session", "http", "wire", ""],
    "console/src": ["base", "model", "record", "target", "tokio", "link", "input", "view", "emit", "term", "command",
                    ""],
}


def stage(path):
    """Where a file's folder stands: (program, place). The console comes after the agent. None: in no folder here."""
    for program, (root, folders) in enumerate(ORDER.items()):
        if path.startswith(root + "/"):
            folder = os.path.dirname(path)[len(root) + 1:]
            return (program, folders.index(folder)) if folder in folders else None
    return None


def circles(edges):
    """Sets of files that reach each other. `edges`: file -> the files that it knows."""
    found, number, low, stack = [], {}, {}, []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return found
