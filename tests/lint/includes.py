#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who may include whom: a folder is a stage, and a stage knows only those before it. Each library of
others is known in the folders named here and nowhere else."""

import os
import re
import sys

SOURCE = os.environ["WEIR_SOURCE"]

# Folder -> the folders whose headers it may include, besides its own and those that are weir/NAME.h: the public
# headers, and the agent's inside headers, which are all that the console knows of the agent.
STAGES = {
    "agent/include/weir": [],
    "agent/inside/weir": [],
    "agent/src/segment": ["hook"],
    "agent/src/hook": ["segment"],
    "agent/src/snapshot": ["segment", "hook"],
    "agent/src/finding": ["snapshot", "segment"],
    "agent/src/encode": ["snapshot", "segment", "proto"],
    "agent/src/session": ["encode", "finding", "snapshot", "segment", "proto"],
    "agent/src/http": ["session", "encode", "snapshot", "segment"],
    "agent/src/wire": ["http", "session", "encode", "snapshot", "segment"],
    "agent/src": ["wire", "snapshot", "segment"],
    "console/src/base": [],
    "console/src/emit": ["base", "proto"],
    "console/src/record": ["base", "model", "proto"],
    "console/src/target": ["base", "record"],
    "console/src/tokio": ["base"],
    "console/src/link": ["base", "record", "target", "proto", "tokio"],
    "console/src/model": ["base", "proto"],
    "console/src/view": ["base", "model", "input", "proto"],
    "console/src/input": ["base", "model"],
    "console/src/term": ["base", "view", "input"],
    "console/src/command": ["base", "emit", "record", "target", "link", "model", "view", "input",
                            "term", "proto", "command", "tokio"],
    "console/src": ["base", "command"],
}

# Header of others -> the folders that may include it.
LIBRARIES = {
    r"nghttp2/": ["agent/src/session", "console/src/link"],
    r"microhttpd\.h": ["agent/src/http"],
    r"(n?curses|ncursesw/.*|term)\.h": ["console/src/term"],
    r"protobuf-c/": [],
    r"zlib\.h": ["agent/src/http", "console/src/record"],
    r"uv\.h": ["server-example"],
    r"(weir/v1/(agent|recording)|tokio/console|grpc/health/v1/health)\.pb-c\.h": [folder for folder, known in STAGES.items() if "proto" in known],
}
# In the example, one file shows the whole price of adopting weir.
EXAMPLE_WEIR = "server-example/instrument"

problems = []
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def stage_of(header):
    """The folder's short name for a header of ours: "segment/find.h" -> "segment"."""
    return header.split("/")[0] if "/" in header else ""


def check(path, folder, number, header):
    where = f"{path}:{number}"
    for pattern, folders in LIBRARIES.items():
        if re.match(pattern, header):
            if folder not in folders:
                problems.append(f"{where}: {header} may be included in {', '.join(folders) or 'no folder'} only")
            return
    if folder == "server-example":
        if header.startswith("weir/") and not path.startswith(EXAMPLE_WEIR):
            problems.append(f"{where}: weir is known to instrument.c and instrument.h only")
        return
    if folder == "agent/include/weir" and os.path.exists(os.path.join(SOURCE, "agent/inside", header)):
        problems.append(f"{where}: {header} is not installed, so a public header must not know it")
    stage = stage_of(header)
    ours = {name.split("/")[-1] for name in STAGES} - {"src", "weir"}
    if stage in ours and stage != folder.split("/")[-1] and stage not in STAGES[folder]:
        problems.append(f"{where}: {folder} must not know {stage}/")


for folder in [*STAGES, "server-example"]:
    top = os.path.join(SOURCE, folder)
    for name in sorted(os.listdir(top)) if os.path.isdir(top) else []:
        path = f"{folder}/{name}"
        if not name.endswith((".c", ".h")):
            continue
        with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = INCLUDE.match(line)
                if match:
                    check(path, folder, number, match.group(1))

for root in ("agent/src", "console/src"):
    for folder, _, names in os.walk(os.path.join(SOURCE, root)):
        relative = os.path.relpath(folder, SOURCE)
        if relative not in STAGES and any(name.endswith((".c", ".h")) for name in names):
            problems.append(f"{relative}: a folder that the list of stages does not know")

print("\n".join(problems), file=sys.stderr)
sys.exit(1 if problems else 0)
