#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every public header compiles alone, as C11 and as C++17, with every warning an error; with clang too
# where it is installed. ctest: folders=agent/include
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
include=$WEIR_SOURCE/agent/include
status=0

check() {
    local header=$1
    shift
    if ! "$@" -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$dir/alone.${ext}"; then
        echo "$header does not compile alone with: $*" >&2
        status=1
    fi
}

while read -r header; do
    for ext in c cc; do
        # Twice, so that a missing guard shows.
        printf '#include "%s"\n#include "%s"\nextern int weir_lint;\n' "$header" "$header" >"$dir/alone.$ext"
    done
    ext=c
    for compiler in gcc clang clang-{14..21}; do
        command -v $compiler >/dev/null || continue
        check "$header" $compiler -std=c11 -Wstrict-prototypes -Wshadow -Wconversion -Wcast-qual
        check "$header" $compiler -std=c11 -O2 -fsanitize=thread
        check "$header" $compiler -std=gnu17
    done
    ext=cc
    for compiler in g++ clang++ clang++-{14..21}; do
        command -v $compiler >/dev/null || continue
        echo 'int main() { return 0; }' >"$dir/probe.cc"
        $compiler -fsyntax-only "$dir/probe.cc" 2>/dev/null || continue
        check "$header" $compiler -std=c++17 -Wshadow -Wconversion
        check "$header" $compiler -std=c++20
    done
done < <(cd "$include" && find . -name '*.h' | sed 's,^\./,,' | sort)
exit $status
