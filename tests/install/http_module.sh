#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctest: timeout=300 folders=agent/src/wire,agent/src/http
# HTTP's libraries are in a host that wants HTTP and in no other. The module comes from beside libweir-agent, of the same
# build and as well guarded, or from what the program is linked with; else one line says why not, and the rest is served.
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

install_and_move
chmod 755 "$dir"
export PKG_CONFIG_PATH=$lib/pkgconfig
module=$(readlink -f "$lib/libweir-agent-http.so")
good=$dir/good.so
cp -p "$module" "$good"

# build OUTPUT PACKAGE [FLAG...]: the host, which finds its libraries where it was linked.
build() {
    local output=$1 package=$2
    shift 2
    # shellcheck disable=SC2046 # a list of words
    cc -std=gnu11 -Wall -Wextra -Werror "$WEIR_SOURCE/tests/install/consumer/http.c" \
        "$@" $(pkg-config --cflags --libs "$package") -Wl,-rpath,"$lib" -o "$output"
}
build "$dir/host" weir-agent
build "$dir/linked" weir-agent-http -Wl,--as-needed
# shellcheck disable=SC2046 # a list of words
{
    cc -std=gnu11 "$WEIR_SOURCE/tests/install/consumer/http.c" $(pkg-config --cflags weir-agent) "$lib/libweir-agent.a" \
        "$lib/libweir.a" $(pkg-config --libs libnghttp2 libprotobuf-c) -lm -pthread -o "$dir/archive"
    cc -std=gnu11 "$WEIR_SOURCE/tests/install/consumer/http.c" $(pkg-config --cflags weir-agent) \
        -Wl,--undefined=weir_agent_http "$lib/libweir-agent-http.a" "$lib/libweir-agent.a" "$lib/libweir.a" \
        $(pkg-config --libs libnghttp2 libprotobuf-c libmicrohttpd zlib) -lm -pthread -o "$dir/archive_http"
}

fail() {
    echo "$1" >&2
    cat "$dir/out" >&2
    exit 1
}

# expect PATTERN COMMAND...: it ends well, and a line of its output matches.
expect() {
    local pattern=$1
    shift
    "$@" >"$dir/out" 2>"$dir/err" || { cat "$dir/err" >&2; fail "$* failed"; }
    grep -qE "$pattern" "$dir/out" || fail "$*: no line is $pattern"
}
served='^(start|fork): ok: port [1-9][0-9]*: $'
on="--http 127.0.0.1:0 hooks"

# ---- who has HTTP's libraries

ldd "$dir/host" | awk '{ print $1 }' | sed 's,.*/,,' | grep -vE '^(linux-vdso|ld-linux[^.]*|libc|libm|libweir|libweir-agent|libnghttp2|libprotobuf-c)\.so' >"$dir/out" &&
    fail "a host with the exporter has more libraries than nghttp2's, protobuf-c's and the C library's"
expect '^mapped: 0$' "$dir/host" hooks start mapped
expect '^start: ok: port 0: $' "$dir/host" hooks start mapped
# shellcheck disable=SC2086 # a list of words
{
    expect '^mapped: [1-9]' "$dir/host" $on start mapped
    expect "$served" "$dir/host" $on start
    expect "$served" env WEIR_HTTP=127.0.0.1:0 "$dir/host" hooks start
    expect '^cycle: 20$' "$dir/host" $on cycle 20
    expect "$served" "$dir/host" $on close 0 close 2 start closed 0 closed 2 stop start closed 0 closed 2
    expect '^fork: ok: port [1-9]' "$dir/host" $on start fork
    expect '^fork: ok: port [1-9]' "$dir/host" $on fork
    expect "$served" env -C / LD_LIBRARY_PATH="${lib#/}" "$dir/host" $on chdir "$dir" start
}

# ---- what is served

mkfifo "$dir/in"
: >"$dir/out" # the port of a host before is in it
"$dir/host" --http 127.0.0.1:0 hooks start wait <"$dir/in" >"$dir/out" &
host=$!
exec 3>"$dir/in"
deadline=$((SECONDS + 20))
until port=$(sed -n 's/^start: ok: port \([1-9][0-9]*\): $/\1/p' "$dir/out") && [ -n "$port" ]; do
    [ $SECONDS -lt $deadline ] || fail "no HTTP"
done
curl -sS --compressed -D "$dir/head" "http://127.0.0.1:$port/metrics" >"$dir/metrics"
grep -q '^weir_agent_scrapes_total' "$dir/metrics" || fail "no metrics"
grep -qi '^content-encoding: gzip' "$dir/head" || fail "no gzip"
exec 3>&-
wait "$host"

# ---- a module that is not taken: the consoles' socket is served all the same, and nothing of it is mapped

# refused PATTERN: what weir_agent_start says, twice, of the module as it lies there now. Then the good one lies there again.
refused() {
    expect "^start: degraded: port 0: no HTTP: .*$1" "$dir/host" --http 127.0.0.1:0 hooks start stop start mapped
    [ "$(grep -c 'no HTTP' "$dir/out")" -eq 2 ] || fail "the second start says something else"
    [ ! -s "$dir/err" ] || fail "something was printed: $(cat "$dir/err")"
    rm -rf "$module"
    cp -p "$good" "$module"
}
rm "$module"
refused "install ${module##*/} beside libweir-agent: .*/${module##*/}\$"
grep -q '^mapped: 0' "$dir/out" || fail "it is mapped"
mkdir "$dir/elsewhere"
cp "$good" "$dir/elsewhere/${module##*/}"
rm "$module"
LD_LIBRARY_PATH=$dir/elsewhere refused 'install libweir-agent-http.so'
ln -sf "$good" "$module"
refused 'a symbolic link'
rm "$module" && mkdir "$module"
refused 'no file'
chmod o+w "$module"
refused 'others may change'
chmod g+w "$module"
refused 'others may change'
grep -q '^mapped: 0' "$dir/out" || fail "it is mapped"
echo "no library" >"$module"
refused 'is no library, or not all of it'
for bytes in 0 40 1000 20000; do
    head -c "$bytes" "$good" >"$module"
    refused 'is no library, or not all of it'
done
id=$(sed -n 's/.*"\(.*\)".*/\1/p' "$WEIR_BUILD/agent/build_id/build_id.h")
LC_ALL=C sed -i "s/$id/$(echo "$id" | tr 0-9a-f 1-9a-f0)/g" "$module"
refused 'different builds: install both from one build and restart'
cc -shared -o "$module" -x c - <<<'int nothing;'
refused 'cannot be loaded: .*weir_agent_http'

# Another version's module in the same directory, to which the links lead, is not in the way.
echo "of another version" >"$lib/libweir-agent-http.so.99.0.0"
ln -sf libweir-agent-http.so.99.0.0 "$lib/libweir-agent-http.so"
ln -sf libweir-agent-http.so.99.0.0 "$lib/libweir-agent-http.so.0"
# shellcheck disable=SC2086 # a list of words
expect "$served" "$dir/host" $on start
ln -sf "${module##*/}" "$lib/libweir-agent-http.so"
ln -sf "${module##*/}" "$lib/libweir-agent-http.so.0"

# Whoever takes another libweir-agent's place has no say in a program that has the first.
cp "$lib/libweir-agent.so.0" "$dir/again.so"
cat >"$dir/replace" <<EOF2
#!/bin/sh
mv "$dir/again.so" "\$(readlink -f "$lib/libweir-agent.so.0")"
EOF2
chmod +x "$dir/replace"
# shellcheck disable=SC2086 # a list of words
expect 'degraded: port 0: no HTTP: libweir-agent was replaced' "$dir/host" $on run "$dir/replace" start

# shellcheck disable=SC2086 # a list of words
if [ "$(id -u)" -eq 0 ]; then
    chown 1 "$module"
    refused 'others may change'
    chown 1 "$module" "$(readlink -f "$lib/libweir-agent.so.0")"
    expect "$served" "$dir/host" $on start # who owns the one may own the other
    chown 0 "$module" "$(readlink -f "$lib/libweir-agent.so.0")"

    # Another root directory: what lies at that path there is not what the program was started with.
    mkdir -p "$dir/root/$lib"
    cp -Lp "$lib"/libweir* "$dir/root/$lib"
    expect 'no HTTP: libweir-agent was replaced' "$dir/host" $on chroot "$dir/root" start
    # A program that is linked with the module needs no file.
    expect ': port [1-9]' "$dir/linked" $on chroot "$dir/root" start

    # More rights than the caller: root's file below root's folders, and nobody else's.
    private=$(mktemp -d /run/weir-install-XXXXXX)
    trap 'rm -rf "$dir" "$run_dir" "$private"' EXIT
    chmod 755 "$private"
    cp -a "$lib" "$private/lib"
    build "$private/host" weir-agent -Wl,--disable-new-dtags,-rpath,"$private/lib"
    chmod 4755 "$private/host"
    unprivileged="env -u WEIR_DIR setpriv --reuid 65534 --regid 65534 --clear-groups"
    expect ': port [1-9][0-9]*: [^H]*$' $unprivileged "$private/host" $on start
    expect ': port 0: ' $unprivileged env WEIR_HTTP=127.0.0.1:0 "$private/host" hooks start # only its options count
    chmod 777 "$private"
    expect 'no HTTP: the program has more rights than its caller' $unprivileged "$private/host" $on start
    chmod 755 "$private" && chown 1 "$private/lib"
    expect 'no HTTP: the program has more rights than its caller' $unprivileged "$private/host" $on start
fi

# ---- linked

# shellcheck disable=SC2086 # a list of words
{
    objdump -p "$dir/linked" | grep -q 'NEEDED *libweir-agent-http.so' || fail "the linker has left the module out"
    expect "$served" "$dir/linked" $on start
    expect '^start: degraded: port 0: no HTTP: the program is linked without it: link libweir-agent-http.a' "$dir/archive" $on start
    expect '^start: ok: port 0: $' "$dir/archive" hooks start
    expect "$served" "$dir/archive_http" $on start
    expect '^cycle: 20$' "$dir/archive_http" $on cycle 20

    # Without each of the allocations of a start: before the module is there, and with it.
    expect '^scarce: [1-9]' "$dir/host" $on scarce
    expect '^scarce: [1-9]' "$dir/host" $on start stop scarce
}
