#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctest: timeout=300
# A program built with ThreadSanitizer has no report of weir's, though the installed libraries are built
# without: in every latency mode, while an exporter reads.
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

install_and_move
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib TSAN_OPTIONS=exitcode=66
compilers=0
for compiler in gcc clang clang-14; do
    command -v "$compiler" >/dev/null || continue
    # shellcheck disable=SC2046 # a list of words
    "$compiler" -g -O1 -fsanitize=thread -o "$dir/threads" "$WEIR_SOURCE/tests/install/consumer/threads.c" \
        -pthread $(pkg-config --cflags --libs weir-agent)
    compilers=$((compilers + 1))
    for latency in off sampled full; do
        export WEIR_LATENCY=$latency
        run_all "$dir/threads"
        [ "$(cat "$dir/out")" = "120 threads" ] || { cat "$dir/out" >&2; exit 1; }
    done
done
[ $compilers -gt 0 ]
