# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the demo and the experiment share: the packages that they need, and the build. Sourced by bash;
# sets nothing but functions.

setup_source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/lib.sh
. "$setup_source_dir/tests/lib.sh"

# setup_build NAME DIRECTORY GROUP...: installs the packages of these groups of tests/packages where they
# are missing, and builds the programs in DIRECTORY, and what `cmake --install DIRECTORY` lays down. NAME is who
# speaks. Returns 1 with a word on why not.
setup_build() {
    local name=$1 build=$2 log=$2/$1-build.log generator=()
    shift 2
    weir_need_packages "$@" || return 1
    mkdir -p "$build" || return 1
    [ -f "$build/CMakeCache.txt" ] || ! command -v ninja >/dev/null || generator=(-G Ninja)
    printf '%s: building in %s\n' "$name" "$build"
    if ! cmake "${generator[@]}" -S "$setup_source_dir" -B "$build" >"$log" 2>&1 ||
        ! cmake --build "$build" --parallel "$(nproc)" --target weir_installable weir-game weir-players \
            >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        printf '%s: the build failed; all of it: %s\n' "$name" "$log" >&2
        return 1
    fi
}
