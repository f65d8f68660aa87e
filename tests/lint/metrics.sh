#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/metrics.md says what the tables say, and no metric has left its place: a row's index is its
# identity on the wire. ctest: folders=agent/metrics
set -u

status=0
doc=$WEIR_BUILD/tests/metrics_doc
if ! "$doc" | diff -u "$WEIR_SOURCE/docs/metrics.md" -; then
    echo "docs/metrics.md is out of date: tests/metrics_doc >docs/metrics.md" >&2
    status=1
fi
list=$WEIR_SOURCE/tests/lint/metrics.list
if ! "$doc" --list | diff -u "$list" -; then
    echo "no metric may move, change or go; a new one stands at the end of its kind, and in $list" >&2
    status=1
fi
exit $status
