# SPDX-License-Identifier: MIT
# Sourced by the scripts beside it: builds this folder's project for another C library or processor, and runs its tests.

# build_and_test NAME CMAKE-ARGUMENTS...
build_and_test() {
    local build=$WEIR_BUILD/ports/$1 log flags=()
    shift
    log=$build.log
    mkdir -p "$build"
    ! command -v ccache >/dev/null || flags+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    ! command -v ninja >/dev/null || flags+=(-G Ninja)
    if ! cmake -S "$WEIR_SOURCE/tests/ports" -B "$build" "${flags[@]}" "$@" >"$log" 2>&1 ||
        ! cmake --build "$build" --parallel 2 >>"$log" 2>&1; then
        tail -n 40 "$log"
        return 1
    fi
    if grep 'warning:' "$log"; then
        echo "a build without warnings was expected"
        return 1
    fi
    ctest --test-dir "$build" --parallel 2 --output-on-failure
}

# Without COMMAND the test is skipped: tests/packages has what it is in.
need() {
    command -v "$1" >/dev/null || { echo "skipped: $1 is needed" && exit 77; }
}
