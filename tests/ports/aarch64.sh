#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctest: labels=long,plain timeout=900 processors=2 folders=agent/src/segment,agent/src/hook,agent/src/snapshot
# The hooks, the segment and its readers on aarch64, in an emulator of one program. It registers no restartable
# sequences: unit.cpu_test runs the sequence by itself, and plays the kernel.
set -eu
. "$WEIR_SOURCE/tests/ports/build.sh"

need aarch64-linux-gnu-gcc
need qemu-aarch64
# The emulator moves no memory in a way that weir_start after an opening, and a fork, need (mremap of nothing, and in
# place), and lets no process adopt others.
export PORTS_WITHOUT="test_fork_without_a_shard a_forked_child_counts_only_after_its_own_start test_a_child_counts_its_own \
test_a_child_counts_anew test_closes_before_the_start test_forks_while_it_folds test_closes_and_opens_after_a_fork \
test_closes_more_names_before_the_start_than_there_is_room_for test_finds_room_after_the_start"
build_and_test aarch64 -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/aarch64-linux-gnu"
