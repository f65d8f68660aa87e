#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every hook of weir.h stands in tests/support/hooks.def, from which tests/unit/steady_test.c shows that it
makes no lock, no allocation and no system call. ctest: folders=agent/include,agent/src/hook"""

import os
import re
import sys

SOURCE = os.environ["WEIR_SOURCE"]
# What opens, closes, starts, stops or reports may take a lock, and says so in weir.h; senders and single
# tasks are closed where messages are sent, and take none.
NO_HOOK = re.compile(r"_open$|^(?!weir_sender_|weir_task_close).*_close$|^weir_(start|stop|thread_start|health_read|status_name)$")

HEADERS = ["agent/include/weir/" + name for name in ("weir.h", "sender.h", "task.h", "call.h")]


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


header = re.sub(r"/\*.*?\*/", "", "".join(map(read, HEADERS)), flags=re.DOTALL)
declared = re.findall(r"WEIR_(?:INLINE|EXPORT)\s[^;{(]*?\b(weir_\w+)\s*\(", header)
hooks = {name for name in declared if not NO_HOOK.search(name)}
rows = re.findall(r"^HOOK\((\w+), .*?(\(.*\)|\w+\(.*\))\)$", read("tests/support/hooks.def"), flags=re.MULTILINE)
tested = [name for name, call in rows]

problems = [f"{name} is a hook of weir.h: give it a line in tests/support/hooks.def" for name in sorted(hooks - set(tested))]
problems += [f"hooks.def: {name} is no hook of weir.h" for name in sorted(set(tested) - hooks)]
problems += [f"hooks.def: {name} stands there twice" for name in sorted({n for n in tested if tested.count(n) > 1})]
problems += [f"hooks.def: the call of {name} does not call it" for name, call in rows if f"{name}(" not in call]
if len(hooks) < 25:
    problems.append(f"only {len(hooks)} hooks found in weir.h: this script does not understand it any more")
print("\n".join(problems))
sys.exit(1 if problems else 0)
