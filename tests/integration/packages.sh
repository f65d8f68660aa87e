#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Without apt, and without root, the scripts name the missing packages in one line and stop.
# ctest: labels=plain
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for tool in bash sed cut xargs dirname head sort env echo; do
    ln -s "$(type -P $tool)" "$dir/$tool"
done

# Runs weir_need_packages with only the tools above, and what else lies in $dir.
need() {
    env -i PATH="$dir" bash -c '. "$1/tests/lib.sh" && weir_need_packages build' bash "$WEIR_SOURCE"
}

check() {
    local what=$1 words=$2
    if need >"$dir/out" 2>"$dir/err"; then
        echo "$what: went on with nothing installed" >&2
        exit 1
    fi
    if [ "$(wc -l <"$dir/err")" -ne 1 ] || ! grep -q "$words.* libnghttp2-dev" "$dir/err"; then
        echo "$what:" >&2
        cat "$dir/err" >&2
        exit 1
    fi
}

check 'without apt' 'no apt here'

printf '#!%s\nexit 1\n' "$(command -v bash)" >"$dir/dpkg-query"
printf '#!%s\necho apt-get must not run >&2\n' "$(command -v bash)" >"$dir/apt-get"
printf '#!%s\necho 1000\n' "$(command -v bash)" >"$dir/id"
chmod +x "$dir/dpkg-query" "$dir/apt-get" "$dir/id"
check 'without root' 'apt-get install'
