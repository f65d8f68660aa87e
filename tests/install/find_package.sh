#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctest: folders=agent/include
# A program finds the installed weir by find_package: hooks alone and with the exporter, shared and
# static, in C and C++.
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

install_and_move
cmake -S "$WEIR_SOURCE/tests/install/consumer" -B "$dir/build" -DCMAKE_PREFIX_PATH="$dir/prefix" \
    -DCMAKE_BUILD_TYPE=Release >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
cmake --build "$dir/build" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
run_consumers "$dir/build" hooks agent http
objdump -p "$dir/build/http-c" | grep -q 'NEEDED *libweir-agent-http.so'
