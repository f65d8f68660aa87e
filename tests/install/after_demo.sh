#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The folder that server-example/demo has built can be installed: it builds some targets, and cmake --install
# builds none. ctest: timeout=600 folders=server-example
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"
. "$WEIR_SOURCE/server-example/setup.sh"

setup_build demo "$dir/build"
cmake --install "$dir/build" --prefix "$dir/prefix" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
"$dir/prefix/bin/weir" version >/dev/null
