#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A program takes weir in as a folder: the same target names, neither tests nor console built.
# ctest: timeout=300 folders=agent/include
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

cmake -S "$WEIR_SOURCE/tests/install/consumer" -B "$dir/build" -DWEIR_SUBDIRECTORY="$WEIR_SOURCE" \
    -DCMAKE_BUILD_TYPE=Release >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
cmake --build "$dir/build" --parallel >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
run_all "$dir/build/hooks-c" "$dir/build/hooks-cc" "$dir/build/agent-c" "$dir/build/agent-cc"
cmake --install "$dir/build" --prefix "$dir/prefix" >/dev/null
if [ -e "$dir/prefix" ]; then
    echo "a consumer's install lays weir's files down too:" >&2
    find "$dir/prefix" -type f >&2
    exit 1
fi
