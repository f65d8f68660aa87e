#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctest: folders=agent/include
# A program finds the installed weir by pkg-config: shared, and the hooks wholly static.
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

install_and_move
export PKG_CONFIG_PATH=$lib/pkgconfig
main=$WEIR_SOURCE/tests/install/consumer/main.c
cp "$main" "$dir/main.cc"
strict='-Wall -Wextra -Wpedantic -Werror -O2'
[ "$(pkg-config --modversion weir)" = "$(pkg-config --modversion weir-agent)" ]

# A shared program needs no package of the libraries that the exporter uses itself, and no folder of theirs.
flags=$(PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR=$lib/pkgconfig pkg-config --cflags --libs weir-agent)
[ "$(echo "$flags" | tr ' ' '\n' | grep -c '^-I')" -eq 1 ] || { echo "folders of others: $flags" >&2; exit 1; }
if echo "$flags" | grep -E 'nghttp2|protobuf|microhttpd|-lz'; then
    echo "a shared program is linked with the exporter's own libraries" >&2
    exit 1
fi

# shellcheck disable=SC2046,SC2086 # lists of words
{
    gcc -std=c11 $strict -DWITH_AGENT "$main" $flags -o "$dir/agent-lone"
    gcc -std=c11 $strict "$main" $(pkg-config --cflags --libs weir) -o "$dir/hooks-c"
    gcc -std=c11 $strict -DWITH_AGENT "$main" $(pkg-config --cflags --libs weir-agent) -o "$dir/agent-c"
    g++ -std=c++17 $strict -DWITH_AGENT "$dir/main.cc" $(pkg-config --cflags --libs weir-agent) \
        -o "$dir/agent-cc"
    gcc -std=c11 $strict -static "$main" $(pkg-config --static --cflags --libs weir) -o "$dir/hooks-static"
    gcc -std=c11 $strict -DWITH_AGENT "$main" $(pkg-config --cflags weir-agent) \
        "$lib/libweir-agent.a" "$lib/libweir.a" \
        $(pkg-config --libs libnghttp2 libprotobuf-c) -lm -pthread -o "$dir/agent-archive"
}
LD_LIBRARY_PATH=$lib run_all "$dir/hooks-c" "$dir/agent-c" "$dir/agent-cc" "$dir/agent-lone"
if [ "$(uname -m)" = x86_64 ]; then
    for compiler in gcc clang-14; do
        command -v $compiler >/dev/null || continue
        # shellcheck disable=SC2046,SC2086
        $compiler -std=c11 $strict -masm=intel "$main" $(pkg-config --cflags --libs weir) -o "$dir/hooks-intel"
        LD_LIBRARY_PATH=$lib run_all "$dir/hooks-intel"
    done
fi
run_all "$dir/hooks-static" "$dir/agent-archive"

# The hooks ask for nothing but the C library.
needed=$(objdump -p "$lib/libweir.so.0" | sed -n 's/ *NEEDED *//p' | grep -vE '^(libc|ld-linux.*)\.so' || true)
if [ -n "$needed" ]; then
    echo "libweir needs more than libc: $needed" >&2
    exit 1
fi
