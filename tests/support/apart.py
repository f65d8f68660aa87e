# SPDX-License-Identifier: MIT
"""For tests of the directories that all of a user's processes share: they must never run on the machine's own. ctest
starts every script apart (tests/support/apart); this holds for one that is started by hand, too."""

import os
import sys

SKIP = 77


def enter():
    """Runs the test again with a /dev/shm and /run/user of its own, if it has none yet; before all that makes files
    there; and as root, or who passes for root there. Skips aloud where the kernel does not allow it."""
    how = os.environ.get("WEIR_APART")
    if how is None:
        apart = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apart")
        os.execv(apart, [apart, sys.executable, *sys.argv])
    if how == "lock":
        print("skipped: no namespaces can be had here")
        sys.exit(SKIP)
    if how == "namespace" and os.geteuid() != 0:
        os.environ["WEIR_APART"] = "namespace as root"
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--mount", sys.executable, *sys.argv])
