#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every public header compiles alone, as C11 and as C++17, with every warning an error; with clang too
# where it is installed. A program that uses every hook and every initialiser does, too, in both dialects of
# assembler. ctest: folders=agent/include
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

# What other people's builds ask of their compilers. Left out is what does not speak of a fault in a header:
# padding, older standards of C++, and what the program below does.
everything='-Weverything -Wno-padded -Wno-c++98-compat -Wno-c++98-compat-pedantic -Wno-comma
    -Wno-unknown-warning-option -Wno-unsafe-buffer-usage -Wno-pre-c11-compat'
strict_c='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align=strict -Wshadow
    -Wstrict-prototypes -Wmissing-prototypes -Wdeclaration-after-statement -Wbad-function-cast -Wundef
    -Wnull-dereference -Wduplicated-cond -Wlogical-op -Wdouble-promotion -Wredundant-decls'
strict_cc='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align=strict -Wshadow
    -Wold-style-cast -Wzero-as-null-pointer-constant -Wuseless-cast -Weffc++ -Wundef -Wnull-dereference
    -Wduplicated-cond -Wlogical-op -Wdouble-promotion -Wredundant-decls'

{
    cat <<'TEXT'
#include "weir/agent.h"
#define HOOK(hook, kind, metric, count, call) call;
void use(struct weir_channel *channel, struct weir_semaphore *semaphore, struct weir_task_kind *task,
         struct weir_counter *counter, struct weir_gauge *gauge, struct weir_loop *loop,
         struct weir_sender *sender, struct weir_task *single);
void use(struct weir_channel *channel, struct weir_semaphore *semaphore, struct weir_task_kind *task,
         struct weir_counter *counter, struct weir_gauge *gauge, struct weir_loop *loop,
         struct weir_sender *sender, struct weir_task *single)
{
#include "hooks.def"
}
void initialise(void);
void initialise(void)
{
TEXT
    # { struct weir_channel_options of_channel = WEIR_CHANNEL_INIT("name", 1); (void)of_channel; }
    cat "$include"/weir/*.h | sed -n 's/^#define WEIR_\(.*\)_INIT\(([^)]*)\)\{0,1\}  *\\$/\1 \2/p' |
        while read -r what arguments; do
            name=$(echo "$what" | tr '[:upper:]' '[:lower:]')
            structure=weir_${name%_options}_options
            [ "$what" != OPTIONS ] || structure=weir_options
            given=$(echo "$arguments" | sed 's/[a-z]*_name/"name"/; s/, [a-z_]*/, 1/')
            echo "{ struct $structure of_$name = WEIR_${what}_INIT$given; (void)of_$name; }"
        done
    echo '}'
} >"$dir/uses.c"
[ "$(grep -c '_INIT' "$dir/uses.c")" -eq "$(cat "$include"/weir/*.h | grep -c '^#define WEIR_.*_INIT')" ] ||
    { echo "not every initialiser is used here" >&2; status=1; }
cp "$dir/uses.c" "$dir/uses.cc"

build_uses() {
    local source=$1
    shift
    if ! "$@" -Werror -I"$include" -I"$WEIR_SOURCE/tests/support" -c "$dir/$source" -o "$dir/uses.o"; then
        echo "every hook and initialiser does not compile with: $*" >&2
        status=1
    fi
}

# shellcheck disable=SC2086 # lists of words
for level in -O0 -O2 '-O2 -masm=intel'; do
    case $level in *intel) [ "$(uname -m)" = x86_64 ] || continue ;; esac
    build_uses uses.c gcc -std=c11 $strict_c $level
    build_uses uses.cc g++ -std=c++17 $strict_cc $level
    build_uses uses.cc g++ -std=c++11 $strict_cc $level
    for compiler in clang clang-{14..21}; do
        command -v $compiler >/dev/null || continue
        build_uses uses.c $compiler -std=c11 $everything $level
        build_uses uses.cc $compiler -xc++ -std=c++17 $everything $level
    done
done
exit $status
