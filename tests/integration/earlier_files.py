#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What earlier versions left is read as they read it: every number of a dead process's segment and history,
and of a recording.
ctest: folders=agent/src/snapshot,console/src/record"""

import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["WEIR_SOURCE"], "tests", "support"))
from earlier import compare  # noqa: E402

DATA = os.path.join(os.environ["WEIR_SOURCE"], "tests", "data")
WEIR = os.path.join(os.environ["WEIR_BUILD"], "console", "weir")
# What a reader says of itself, and what it makes of the numbers: that may get better.
OWN = {"agent", "warnings", "growth_bytes_per_second", "window_seconds", "age_seconds"}


def told(path):
    with gzip.open(path, "rt") as file:
        return json.load(file)


def unpack(path, to):
    with gzip.open(path) as packed, open(to, "wb") as file:
        file.write(packed.read())


def now(path, *flags):
    done = subprocess.run([WEIR, "snapshot", "-o", "json", path, *flags], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode in (0, 6), done
    return json.loads(done.stdout)


def count(value):
    if isinstance(value, (dict, list)):
        return sum(map(count, value.values() if isinstance(value, dict) else value))
    return value is not None


def main():
    folders = sorted(glob.glob(os.path.join(DATA, "layout-*")))
    assert folders
    for folder in folders:
        with tempfile.TemporaryDirectory() as work:
            for suffix in "weir", "history":
                unpack(os.path.join(folder, f"process.{suffix}.gz"), os.path.join(work, f"1-1.{suffix}"))
            recording = os.path.join(work, "recording.weirrec")
            with open(os.path.join(folder, "recording.weirrec"), "rb") as file, open(recording, "wb") as copy:
                copy.write(file.read())
            for name, path, flags in (("snapshot", os.path.join(work, "1-1.weir"), ()),
                                      ("recording", recording, ("--at", "3"))):
                was = told(os.path.join(folder, f"{name}.json.gz"))
                assert count(was["data"]) > 200, count(was["data"])
                has = now(path, *flags)
                compare(was["target"], has["target"], "target", OWN)
                compare(was["data"], has["data"], "data", OWN)


if __name__ == "__main__":
    sys.exit(main())
