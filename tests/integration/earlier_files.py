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


def compare(was, has, where):
    """Every value that there was is there now; fields may have come since."""
    if isinstance(was, dict):
        for key, value in was.items():
            if key not in OWN:
                assert key in has, (where, key)
                compare(value, has[key], f"{where}.{key}")
    elif isinstance(was, list):
        assert len(was) == len(has), (where, was, has)
        for i, (one, other) in enumerate(zip(was, has)):
            compare(one, other, f"{where}[{i}]")
    elif isinstance(was, float):
        assert abs(was - has) <= 1e-9 * abs(was), (where, was, has)
    else:
        assert was == has, (where, was, has)


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
                compare(was["target"], has["target"], "target")
                compare(was["data"], has["data"], "data")


if __name__ == "__main__":
    sys.exit(main())
