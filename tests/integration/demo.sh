#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The demo without a screen: a short leak that drains again, and nothing left running however it ends.
# ctest: labels=plain timeout=120 folders=server-example
set -u

for program in server-example/weir-game server-example/weir-players console/weir; do
    [ -x "$WEIR_BUILD/$program" ] || exit 77
done
demo=$WEIR_SOURCE/server-example/demo
dir=$(mktemp -d -p /dev/shm)
export WEIR_DIR=$dir
failures=0
group=''
end() {
    [ -z "$group" ] || kill -KILL -- "-$group" 2>/dev/null
    rm -rf "$dir"
}
trap end EXIT

complain() {
    echo "$*" >&2
    failures=$((failures + 1))
}

# start ARGUMENTS...: the demo in a process group of its own.
start() {
    setsid "$demo" --no-build "$@" >"$dir.out" 2>"$dir.err" </dev/null &
    group=$!
}

# finish STATUS: it ends so, and with it all it started.
finish() {
    local got deadline=$((SECONDS + 30))
    wait "$group"
    got=$?
    [ $got = "$1" ] || complain "exit $got, not $1: $(cat "$dir.out" "$dir.err")"
    while pgrep -g "$group" >/dev/null; do
        [ $SECONDS -lt $deadline ] || { complain "left running: $(pgrep -ag "$group")" && break; }
    done
    group=''
    [ -z "$(ls "$dir")" ] || complain "left behind: $(ls "$dir")"
}

start --headless --fast
finish 2
grep -q 'no such flag: --fast' "$dir.err" || complain "no word on the wrong flag: $(cat "$dir.err")"

start
finish 2
grep -q 'use --headless' "$dir.err" || complain "no word on the missing terminal: $(cat "$dir.err")"

start --headless --after 3
finish 0
grep -q 'the queue grew, was given a bound at the door, and drained' "$dir.out" ||
    complain "no happy end: $(cat "$dir.out")"

for signal in TERM HUP; do
    start --headless --after 60
    deadline=$((SECONDS + 30))
    until grep -q 'demo: weir-game, pid' "$dir.out" || [ $SECONDS -ge $deadline ]; do :; done
    kill -$signal "$group"
    finish $((128 + $(kill -l $signal)))
done
rm -f "$dir.out" "$dir.err"
[ $failures = 0 ]
