#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The example's command lines: wrong words are one line and exit 2, a port in use one line that says
# what to do, nobody there exit 3. ctest: folders=server-example
set -u

game=$WEIR_BUILD/server-example/weir-game
players=$WEIR_BUILD/server-example/weir-players
[ -x "$game" ] && [ -x "$players" ] || exit 77

dir=$(mktemp -d)
server=''
end() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null
    rm -rf "$dir"
}
trap end EXIT
export WEIR_DIR=$dir
failures=0

# check STATUS PATTERN COMMAND...: the command's exit status, and its one line on stderr.
check() {
    local status=$1 pattern=$2 got text
    shift 2
    text=$("$@" 2>&1 >/dev/null </dev/null)
    got=$?
    if [ $got != "$status" ] || [ "$(wc -l <<<"$text")" != 1 ] || ! grep -q -- "$pattern" <<<"$text"; then
        echo "$*: exit $got, not $status, or not '$pattern': $text" >&2
        failures=$((failures + 1))
    fi
}

check 2 "no such flag: --fast" "$game" --fast
check 2 "no such flag: -x" "$game" -x
check 2 "no such flag: -x" "$players" -x
check 2 "--port needs a value" "$game" --port
check 2 "--port takes a whole number from 0 to 65535, not '65536'" "$game" --port 65536
check 2 "--port takes a whole number from 1 to 65535, not '0'" "$players" --port 0
check 2 "--workers takes a whole number" "$game" --workers two
check 2 "--serve takes a whole number from 1" "$game" --serve 0
check 2 "--after takes seconds" "$game" --after -1
check 2 "--for takes seconds" "$players" --for soon
check 2 "no such mode: 'bounded:0'" "$game" --mode bounded:0
check 2 "there are unbounded, bounded:N, as-published or admission" "$game" mode fast
check 2 "mode takes one MODE" "$game" mode
check 2 "no such command: 'fly'" "$game" fly
check 2 "too many words after 'status'" "$game" status now
check 2 "-o takes human or json, not 'xml'" "$game" -o xml
check 2 "no such word: 'fast'" "$players" fast

"$game" --port 0 >"$dir/out" 2>"$dir/err" &
server=$!
port=''
deadline=$((SECONDS + 30))
while [ -z "$port" ] && [ $SECONDS -lt $deadline ]; do
    port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\),.*/\1/p' "$dir/out")
done
[ -n "$port" ] || { echo "the server does not start: $(cat "$dir/err")" >&2 && exit 1; }
check 1 "UDP port $port on 127.0.0.1 is in use: end the other server, or give --port" \
    "$game" --port "$port"
"$game" status --port "$port" | grep -q '^queued  *0$' || failures=$((failures + 1))
kill -TERM "$server"
wait "$server" || { echo "the server ends with $?" >&2 && failures=$((failures + 1)); }
server=''
check 3 "no server answers on 127.0.0.1:$port: start weir-game, or give --port" \
    "$game" status --port "$port"
check 3 "no server answers" "$game" mode admission --port "$port"
check 3 "no server answers" "$players" --port "$port" --wait 0.2

for program in "$game" "$players"; do
    "$program" --help | grep -q '^  --port N' || failures=$((failures + 1))
done
[ $failures = 0 ]
