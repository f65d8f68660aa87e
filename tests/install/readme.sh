#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The README's server, as it stands there, builds against the installed package and is seen by weir.
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

install_and_move
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib
sed -n '/^```c$/,/^```$/p' "$WEIR_SOURCE/README.md" | sed '/^```/d' >"$dir/server.c"
# shellcheck disable=SC2046 # a list of words
cc -std=gnu11 -Wall -Wextra -Werror -o "$dir/server" "$dir/server.c" -pthread $(pkg-config --cflags --libs weir-agent)

mkfifo "$dir/jobs"
"$dir/server" <"$dir/jobs" >"$dir/done" &
server=$!
exec 3>"$dir/jobs"
printf 'one\ntwo\nthree\n' >&3
deadline=$((SECONDS + 20))
until [ "$(wc -l <"$dir/done")" -eq 3 ]; do
    [ $SECONDS -lt $deadline ] || { echo "the server did not do its jobs" >&2; exit 1; }
done
# The exporter reads at most ten times a second: the last receive may not be in the first snapshot.
python3 - "$dir/prefix/bin/weir" "$server" <<'PYTHON'
import json, subprocess, sys, time

wanted = {"name": "jobs", "sent": 3, "received": 3, "depth": 0, "capacity": None}
deadline = time.monotonic() + 20
while True:
    text = subprocess.run([sys.argv[1], "snapshot", sys.argv[2], "-o", "json"], check=True, capture_output=True).stdout
    seen = [{key: channel[key] for key in wanted} for channel in json.loads(text)["data"]["channels"]]
    if seen == [wanted]:
        break
    assert time.monotonic() < deadline, seen
PYTHON
exec 3>&-
wait "$server"

# It does every job before it ends.
n=$(seq 500 | "$dir/server" | grep -c '^done: ')
[ "$n" -eq 500 ] || { echo "the server did $n of 500 jobs" >&2; exit 1; }
