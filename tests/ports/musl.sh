#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctest: labels=long,plain timeout=900 processors=2 folders=agent/src/segment,agent/src/hook,agent/src/snapshot
# The hooks, the segment and its readers with musl. It has no restartable sequences, so that threads without a shard
# count in shared cells.
set -eu
. "$WEIR_SOURCE/tests/ports/build.sh"

need musl-gcc
# Debian's musl comes without the kernel's headers, which are the same for each C library.
headers=$WEIR_BUILD/ports/musl-kernel
mkdir -p "$headers"
for folder in linux asm-generic; do
    ln -sfn "/usr/include/$folder" "$headers/$folder"
done
ln -sfn "/usr/include/$(gcc -print-multiarch)/asm" "$headers/asm"
build_and_test musl -DCMAKE_C_COMPILER=musl-gcc "-DCMAKE_C_FLAGS=-isystem $headers"
