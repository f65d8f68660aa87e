#!/bin/sh
# SPDX-License-Identifier: MIT
# make.sh BUILD: makes the files beside it anew with a build of another version.
set -eu
build=$1 here=$(cd "$(dirname "$0")" && pwd) dir=$(mktemp -d /dev/shm/weir-make-XXXXXX)
ls "$build"/agent/*.a >/dev/null
cc -O1 -I"$build/../agent/include" "$here/make.c" -o "$dir/make" \
    "$build"/agent/libweir-agent.a "$build"/agent/libweir.a \
    $(pkg-config --libs libnghttp2 libprotobuf-c libmicrohttpd zlib) -lm -ldl -lpthread
chmod 700 "$dir"
export WEIR_DIR="$dir" WEIR_LIMIT=1M
mkfifo "$dir/told"
"$dir/make" >"$dir/told" &
pid=$!
read -r _ <"$dir/told"
"$build/console/weir" record -o "$dir/recording.weirrec" "$pid" --for 4
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
"$build/console/weir" snapshot -o json "$dir"/*.weir | gzip -9n >"$here/snapshot.json.gz"
"$build/console/weir" snapshot -o json "$dir/recording.weirrec" --at 3 |
    gzip -9n >"$here/recording.json.gz"
gzip -9n <"$(ls "$dir"/*.weir)" >"$here/process.weir.gz"
gzip -9n <"$(ls "$dir"/*.history)" >"$here/process.history.gz"
cp "$dir/recording.weirrec" "$here"
rm -r "$dir"
