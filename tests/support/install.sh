# SPDX-License-Identifier: MIT
# What the install tests share. Sourced by bash with set -eu.

dir=$(mktemp -d)
run_dir=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/weir-install-XXXXXX")
trap 'rm -rf "$dir" "$run_dir"' EXIT
export WEIR_DIR=$run_dir
[ -z "$WEIR_SANITIZE" ] || exit 77

# Installs the build into $dir/stage and moves it to $dir/prefix, so that nothing may hold on to the
# place where it was installed first.
install_and_move() {
    cmake --install "$WEIR_BUILD" --prefix "$dir/stage" >"$dir/install.log" ||
        { cat "$dir/install.log"; exit 1; }
    mv "$dir/stage" "$dir/prefix"
    lib=$(dirname "$(find "$dir/prefix" -name libweir.so.0)")
}

# Runs programs that must work by themselves.
run_all() {
    local program
    for program in "$@"; do
        "$program" >"$dir/out" 2>&1 || { echo "$program failed:" >&2; cat "$dir/out" >&2; exit 1; }
    done
}

# The consumer's programs in a folder, shared and static; `hooks` alone or `agent`, too.
run_consumers() {
    local folder=$1 what linking
    shift
    for what in "$@"; do
        for linking in "" _static; do
            run_all "$folder/$what$linking-c" "$folder/$what$linking-cc"
        done
    done
}

# Consumers are built with what the build itself uses: there may be no other.
CMAKE_GENERATOR=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$WEIR_BUILD/CMakeCache.txt")
export CMAKE_GENERATOR

# What other builds have compiled is taken from them: the folder's name in debug information does not count.
export CCACHE_NOHASHDIR=1
! command -v ccache >/dev/null || export CMAKE_C_COMPILER_LAUNCHER=ccache
