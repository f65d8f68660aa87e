#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every variable that the sources read stands in README, in docs/architecture.md and in `weir help environment`,
in one order, WEIR_OFF first; and none that they do not read."""

import glob
import os
import re
import sys

os.chdir(os.environ.get("WEIR_SOURCE", os.path.join(os.path.dirname(__file__), "..", "..")))
HELP = "console/src/command/help.c"


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


read = set()
for path in glob.glob("agent/src/**/*.c", recursive=True) + glob.glob("console/src/**/*.c", recursive=True):
    if path != HELP:
        read |= set(re.findall(r'"(WEIR_[A-Z_]+)"', text(path)))

lists = {
    "README.md": re.findall(r"^\| (WEIR_[A-Z_]+) \|", text("README.md"), re.M),
    "docs/architecture.md": re.findall(r"^\| (WEIR_[A-Z_]+) \|", text("docs/architecture.md"), re.M),
    HELP: re.findall(r'\{"(WEIR_[A-Z_]+)"', text(HELP)),
}
problems = []
for place, names in lists.items():
    problems += ["%s: %s is missing" % (place, name) for name in sorted(read - set(names))]
    problems += ["%s: nothing reads %s" % (place, name) for name in sorted(set(names) - read)]
    if names[:1] != ["WEIR_OFF"]:
        problems.append("%s: WEIR_OFF is not the first" % place)
    if names != lists["README.md"]:
        problems.append("%s: another order than README.md's" % place)
for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)
