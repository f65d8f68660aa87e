#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# -DWEIR_AGENT=OFF on a machine with a compiler and CMake: no pkg-config, no generator, no library of others.
# What is installed is libweir, found by find_package and by pkg-config. ctest: timeout=300 folders=agent/include
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

# Whoever asks for one of these is told so.
mkdir "$dir/bin"
for tool in pkg-config pkgconf protoc protoc-c; do
    printf '#!/bin/sh\necho "%s was asked for" >&2\nexit 1\n' $tool >"$dir/bin/$tool"
    chmod +x "$dir/bin/$tool"
done
cmake() { PATH=$dir/bin:$PATH PKG_CONFIG=$dir/bin/pkg-config command cmake "$@" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }; }

cmake -S "$WEIR_SOURCE" -B "$dir/build" -DWEIR_AGENT=OFF
grep -q 'WEIR_AGENT is off' "$dir/log" || { echo "nobody is told what is not built" >&2; exit 1; }
cmake --build "$dir/build" --parallel
cmake --install "$dir/build" --prefix "$dir/prefix"
if find "$dir/prefix" | grep -E 'agent|/weir$|serve' | grep -v 'include/weir$\|cmake/weir$'; then
    echo "more than the hooks is installed" >&2
    exit 1
fi
lib=$(dirname "$(find "$dir/prefix" -name libweir.so.0)")
needed=$(objdump -p "$lib/libweir.so.0" | sed -n 's/ *NEEDED *//p' | grep -vE '^(libc|ld-linux.*)\.so' || true)
[ -z "$needed" ] || { echo "libweir needs more than libc: $needed" >&2; exit 1; }

cmake -S "$WEIR_SOURCE/tests/install/consumer" -B "$dir/consumer" -DHOOKS_ALONE=ON -DCMAKE_PREFIX_PATH="$dir/prefix"
cmake --build "$dir/consumer"
run_consumers "$dir/consumer" hooks
cmake -S "$WEIR_SOURCE/tests/install/consumer" -B "$dir/folder" -DHOOKS_ALONE=ON -DWEIR_AGENT=OFF \
    -DWEIR_SUBDIRECTORY="$WEIR_SOURCE"
cmake --build "$dir/folder" --parallel
run_consumers "$dir/folder" hooks
# shellcheck disable=SC2046 # a list of words
gcc -std=c11 "$WEIR_SOURCE/tests/install/consumer/main.c" \
    $(PKG_CONFIG_LIBDIR=$lib/pkgconfig pkg-config --cflags --libs weir) -o "$dir/hooks"
LD_LIBRARY_PATH=$lib run_all "$dir/hooks"
