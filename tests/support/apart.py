# SPDX-License-Identifier: MIT
"""For tests of the directories that all of a user's processes share: a mount namespace in which
/dev/shm and /run/user are the test's own. Nothing of the machine's is seen there, or removed."""

import os
import subprocess
import sys

SKIP = 77


def enter():
    """Runs the test anew in such a namespace; before all that makes files there. Skips aloud where the kernel
    does not allow it."""
    if os.environ.get("WEIR_APART"):
        return
    flags = ["--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        flags += ["--user", "--map-root-user"]
    own = "mount -t tmpfs none /dev/shm && { [ ! -d /run/user ] || mount -t tmpfs none /run/user; }"
    try:
        tried = subprocess.run(["unshare", *flags, "sh", "-c", own], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        print("skipped: no unshare")
        sys.exit(SKIP)
    if tried.returncode:
        print("skipped: no mount namespace can be had here:", tried.stderr.strip())
        sys.exit(SKIP)
    os.execvpe("unshare", ["unshare", *flags, "sh", "-c", own + ' && exec "$@"', "sh", sys.executable, *sys.argv],
               {**os.environ, "WEIR_APART": "1"})
