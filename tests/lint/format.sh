#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# C sources and headers are as clang-format 14 writes them.
set -eu

command -v clang-format-14 >/dev/null || exit 77
cd "$WEIR_SOURCE"
find agent console server-example tests -name '*.[ch]' -print0 |
    xargs -0 clang-format-14 --dry-run -Werror
