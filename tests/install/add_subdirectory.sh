#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A program takes weir in as a folder, by add_subdirectory and by FetchContent: the same target names, neither
# tests nor console built; its own build type, flags and tests are as they were, and what it asks of its own
# sources does not break weir's. ctest: timeout=300 folders=agent/include
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

take_in() {
    local build=$dir/$1
    shift
    cmake -S "$WEIR_SOURCE/tests/install/consumer" -B "$build" "$@" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
    cmake --build "$build" --parallel >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
    run_consumers "$build" hooks agent http
    if grep -E '^CMAKE_BUILD_TYPE:[A-Z]*=.+' "$build/CMakeCache.txt"; then
        echo "the parent has a build type that it did not ask for" >&2
        exit 1
    fi
    ctest --test-dir "$build" -N >"$dir/log" 2>&1
    grep -q 'Total Tests: 0' "$dir/log" || { cat "$dir/log"; exit 1; }
}
take_in folder -DWEIR_SUBDIRECTORY="$WEIR_SOURCE" '-DPARENT_OPTIONS=-Wconversion;-Wcast-qual;-Wunused-macros'
take_in fetched -DWEIR_FETCH="$WEIR_SOURCE"
cmake --install "$dir/folder" --prefix "$dir/prefix" >/dev/null
if [ -e "$dir/prefix" ]; then
    echo "a consumer's install lays weir's files down too:" >&2
    find "$dir/prefix" -type f >&2
    exit 1
fi
