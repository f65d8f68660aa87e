#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who may include whom: a folder is a stage, and a stage knows only those before it (tests/support/circles.py has the
order). Beside its program's stages it knows weir/NAME.h: the public headers, and the agent's inside headers, which are
all that the console knows of the agent. No headers include each other in a circle. Each library of others is known in
the folders named here and nowhere else."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.environ["WEIR_SOURCE"], "tests/support"))
from circles import ORDER, circles, stage

SOURCE = os.environ["WEIR_SOURCE"]

# The folders that may include the messages of proto.
PROTO = ["agent/src/session", *("console/src/" + folder for folder in ("model", "record", "link", "emit"))]

# Header of others -> the folders that may include it.
LIBRARIES = {
    r"nghttp2/": ["agent/src/session", "console/src/link"],
    r"microhttpd\.h": ["agent/src/http"],
    r"(n?curses|ncursesw/.*|term)\.h": ["console/src/term"],
    r"protobuf-c/": [],
    r"zlib\.h": ["agent/src/http", "console/src/record"],
    r"uv\.h": ["server-example"],
    r"(weir/v1/(agent|recording)|tokio/console|grpc/health/v1/health)\.pb-c\.h": PROTO,
}
# In the example, one file shows the whole price of adopting weir.
EXAMPLE_WEIR = "server-example/instrument"

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def path_of(path, header):
    """The path of a header of ours, as a file of its program sees it; None: it is no header of these programs."""
    for root in ("agent/include", "agent/inside", *(root for root in ORDER if path.startswith(root))):
        if os.path.exists(os.path.join(SOURCE, root, header)):
            return f"{root}/{header}"
    return None


def problem_of(path, header):
    """What is wrong with an include; None: nothing is."""
    folder = os.path.dirname(path)
    for pattern, folders in LIBRARIES.items():
        if re.match(pattern, header):
            return None if folder in folders else f"{header} may be included in {', '.join(folders) or 'no folder'} only"
    if folder == "server-example":
        is_weir = header.startswith("weir/") and not path.startswith(EXAMPLE_WEIR)
        return "weir is known to instrument.c and instrument.h only" if is_weir else None
    if folder == "agent/include/weir" and os.path.exists(os.path.join(SOURCE, "agent/inside", header)):
        return f"{header} is not installed, so a public header must not know it"
    included = path_of(path, header)
    if not included and os.path.exists(os.path.join(SOURCE, "agent/src", header)):
        return f"{header} is known to agent/src only: the console's door is agent/inside/weir"
    if included and stage(included) and (not stage(path) or stage(included) > stage(path)):
        return f"{folder} must not know {header}"
    return None


def problems(files):
    """`files`: path -> its includes, each with its line."""
    found, edges = [], {}
    for path, includes in files.items():
        if path.startswith(tuple(ORDER)) and not stage(path):
            found.append(f"{path}: in a folder that the order does not know")
            continue
        for number, header in includes:
            problem = problem_of(path, header)
            if problem:
                found.append(f"{path}:{number}: {problem}")
            if path.endswith(".h"):
                edges.setdefault(path, set()).add(path_of(path, header))
    for circle in circles(edges):
        found.append("headers that include each other in a circle: " + " ".join(circle))
    return found


def finds_what_is_planted(files):
    """An upward include, two past the door, and a circle of two headers."""
    upward = {**files, "agent/src/segment/word.c": [(1, "wire/conn.h")]}
    past = {**files, "console/src/base/text.c": [(1, "segment/layout.h")], "agent/inside/weir/text.h": [(1, "segment/layout.h")]}
    circle = {**files, "agent/src/segment/index.h": [(1, "segment/segment.h")]}
    n = len(problems(files))
    return len(problems(upward)) > n and len(problems(past)) == n + 2 and len(problems(circle)) > n


files = {}
for root in ("agent/include", "agent/inside", *ORDER, "server-example"):
    for folder, _, names in os.walk(os.path.join(SOURCE, root)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    matches = [(number, INCLUDE.match(line)) for number, line in enumerate(file, 1)]
                path = os.path.relpath(os.path.join(folder, name), SOURCE)
                files[path] = [(number, match.group(1)) for number, match in matches if match]

found = problems(files)
if not found and not finds_what_is_planted(files):
    found.append("the lint does not find an include that was planted")
print("\n".join(found), file=sys.stderr)
sys.exit(1 if found else 0)
