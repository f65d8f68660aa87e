#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who may call whom: no object refers to a symbol that only a later stage defines, and no files call each other in
a circle. Read from the objects of this build; what is handed over at run time goes through tables of operations."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["WEIR_SOURCE"], "tests/support"))
from circles import circles, stage

SOURCE, BUILD = os.environ["WEIR_SOURCE"], os.environ["WEIR_BUILD"]


def objects():
    """The objects of the libraries: path of the source -> paths of the objects."""
    found = {}
    for program in ("agent", "console"):
        for folder, _, names in os.walk(os.path.join(BUILD, program, "CMakeFiles")):
            for name in names:
                source = program + "/src" + (folder + "/" + name).partition(".dir/src")[2][:-len(".o")]
                if name.endswith(".c.o") and os.path.exists(os.path.join(SOURCE, source)):
                    found.setdefault(source, []).append(os.path.join(folder, name))
    return found


def symbols(paths):
    """What objects define for others, and what they want of others."""
    defined, wanted = set(), set()
    lines = subprocess.run(["nm", *paths], capture_output=True, text=True, check=True).stdout.splitlines()
    for kind, name in (line.split()[-2:] for line in lines if len(line.split()) > 1):
        if kind in "Uwv":
            wanted.add(name)
        elif kind.isupper():
            defined.add(name)
    return defined, wanted - defined


def problems(files):
    """`files`: source -> (defined, wanted)."""
    where, edges, found = {}, {}, []
    for file, (defined, _) in files.items():
        if not stage(file):
            return [f"{file}: in a folder that the order does not know"]
        for name in defined:
            where.setdefault(name, []).append(file)
    for file, (_, wanted) in sorted(files.items()):
        known = edges[file] = {}
        for name in sorted(wanted & where.keys()):
            if all(stage(other) > stage(file) for other in where[name]):
                found.append(f"{file}: calls {name} of {where[name][0]}, which comes after it")
            if len(where[name]) == 1:
                known.setdefault(where[name][0], name)
    for circle in circles(edges):
        calls = [f"{one} -> {other} ({edges[one][other]})" for one in circle for other in circle if other in edges[one]]
        found.append("files that call each other in a circle:\n  " + "\n  ".join(calls))
    return found


def finds_what_is_planted(files):
    """An upward call, and a circle of two."""
    low, high = "agent/src/segment/word.c", "agent/src/wire/conn.c"
    upward = dict(files)
    upward[low] = (files[low][0], files[low][1] | {sorted(files[high][0])[0]})
    circle = dict(files)
    circle["agent/src/hook/one.c"] = ({"planted_one"}, {"planted_two"})
    circle["agent/src/hook/two.c"] = ({"planted_two"}, {"planted_one"})
    return len(problems(upward)) > len(problems(files)) < len(problems(circle))


files = {source: symbols(paths) for source, paths in objects().items()}
if not all(any(file.startswith(program) for file in files) for program in ("agent/src/wire/", "console/src/view/")):
    print("the exporter or the console is not built here")
    sys.exit(77)
found = problems(files)
if not found and not finds_what_is_planted(files):
    found.append("the lint does not find a call that was planted")
print("\n".join(found), file=sys.stderr)
sys.exit(1 if found else 0)
