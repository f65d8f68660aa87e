#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctest: folders=agent/include,agent/src
# The libraries show what is theirs to show: public names begin with weir_, libweir-agent shows
# weir_agent_* alone, and the list of public names only grows. With the installed files in their places.
set -eu
. "$WEIR_SOURCE/tests/support/install.sh"

install_and_move
status=0
exported() {
    nm -D --defined-only --with-symbol-versions "$1" | awk '$2 != "A" { print $3 }' | sed 's/@@*/ /'
}

exported "$lib/libweir.so.0" | awk '$2 !~ /^WEIR_PRIVATE_/ { print $1 }' | LC_ALL=C sort >"$dir/weir"
exported "$lib/libweir-agent.so.0" | awk '{ print $1 }' | LC_ALL=C sort >"$dir/weir-agent"
exported "$lib/libweir-agent-http.so" | awk '{ print $1 }' >"$dir/module"
exported "$lib/libweir.so.0" | awk '$2 ~ /^WEIR_PRIVATE_/ { print $1 }' | LC_ALL=C sort >"$dir/private"
if grep -v '^weir_' "$dir/weir" || grep -v '^weir_agent_' "$dir/weir-agent" || grep -v '^wi_' "$dir/private"; then
    echo "names that a library must not show" >&2
    status=1
fi
if ! LC_ALL=C sort "$dir/weir" "$dir/weir-agent" | diff -u "$WEIR_SOURCE/tests/install/symbols.list" -; then
    echo "the public names differ from tests/install/symbols.list: never take one away" >&2
    status=1
fi
if [ "$(cat "$dir/module")" != weir_agent_http ]; then
    echo "the module shows more than its table: $(cat "$dir/module")" >&2
    status=1
fi

# A thread's variables are found without a function that may allocate, also in a plugin.
if nm -D --undefined-only "$lib/libweir.so.0" "$lib/libweir-agent-http.so" | grep __tls_get_addr; then
    echo "a thread variable lacks WEIR_TLS_MODEL: its first use could allocate" >&2
    status=1
fi

# Assertions are counted in a host: no library of ours can end it.
if nm -D --undefined-only "$lib/libweir.so.0" "$lib/libweir-agent.so.0" "$lib/libweir-agent-http.so" | grep -w -e abort -e exit -e _exit ||
    nm -g --undefined-only "$lib/libweir.a" "$lib/libweir-agent.a" "$lib/libweir-agent-http.a" 2>/dev/null | grep -w -e abort -e exit -e _exit; then
    echo "a library calls what ends its host" >&2
    status=1
fi

# The archives bring no foreign global names into a program.
foreign=$(nm -g --defined-only "$lib/libweir.a" "$lib/libweir-agent.a" "$lib/libweir-agent-http.a" |
    awk 'NF == 3 && $3 !~ /^(weir_|wi_|DW\.ref)/ { print $3 }')
if [ -n "$foreign" ]; then
    echo "foreign names in the archives: $foreign" >&2
    status=1
fi

[ "$(find "$dir/prefix/include" -type f | wc -l)" -eq 8 ] || { echo "a header that is not public is installed" >&2; status=1; }
for file in include/weir/weir.h include/weir/agent.h include/weir/cell.h include/weir/sender.h include/weir/call.h include/weir/open.h include/weir/task.h bin/weir \
    "${lib#"$dir/prefix/"}/cmake/weir/weir-config.cmake" "${lib#"$dir/prefix/"}/libweir.a"; do
    [ -e "$dir/prefix/$file" ] || { echo "not installed: $file" >&2; status=1; }
done
if grep -rlF -e "$dir/stage" -e "$WEIR_BUILD" "$lib/cmake" "$lib/pkgconfig"; then
    echo "absolute paths in the package files" >&2
    status=1
fi
"$dir/prefix/bin/weir" version >/dev/null || { echo "the installed weir does not run" >&2; status=1; }

# DESTDIR is respected.
DESTDIR=$dir/dest cmake --install "$WEIR_BUILD" --prefix /usr >/dev/null
[ -e "$dir/dest/usr/include/weir/weir.h" ] || { echo "DESTDIR is not respected" >&2; status=1; }
exit $status
