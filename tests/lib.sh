# SPDX-License-Identifier: MIT
# What the demo and the test scripts share: the packages that are needed, and how to get them.
# Sourced by bash; sets nothing but functions.

weir_lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The packages of some groups, one per line: PACKAGE [VERSION].
weir_packages() {
    local group
    for group in "$@"; do
        sed -n "s/^$group  *//p" "$weir_lib_dir/packages"
    done
}

# Whether apt could install that version of the package, or a later one.
weir_can_upgrade() {
    local candidate
    candidate=$(LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p')
    [ -n "$candidate" ] && dpkg --compare-versions "$candidate" ge "$2"
}

# Those of the groups that are not installed, or older than asked for and than apt has.
weir_missing_packages() {
    local package version installed
    weir_packages "$@" | while read -r package version; do
        # shellcheck disable=SC2016 # dpkg's own variables
        installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' "$package" 2>/dev/null |
            sed -n 's/^ii *//p' | head -n 1)
        if [ -z "$installed" ] || { [ -n "$version" ] &&
            dpkg --compare-versions "$installed" lt "$version" &&
            weir_can_upgrade "$package" "$version"; }; then
            echo "$package"
        fi
    done
}

# Whether a system without dpkg looks as if it had what a build needs.
weir_can_build() {
    local tool
    for tool in cc cmake pkg-config protoc-c; do
        command -v "$tool" >/dev/null 2>&1 || return 1
    done
    pkg-config --exists libnghttp2 libprotobuf-c libmicrohttpd zlib ncursesw libuv
}

# Runs apt-get as root, or fails at once when that would need a password.
weir_apt_get() {
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
        apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# Makes sure that the packages of the groups are there: installs the missing ones with apt, or says
# in one line which they are and returns 1.
weir_need_packages() {
    local missing log
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        weir_can_build && return 0
        echo "weir: no apt here; install what Debian calls: $(weir_packages "$@" |
            cut -d' ' -f1 | xargs), then run this again or use plain CMake" >&2
        return 1
    fi
    missing=$(weir_missing_packages "$@" | sort -u | xargs)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ] && ! { command -v sudo && sudo -n true; } >/dev/null 2>&1; then
        echo "weir: not root, so install first: apt-get install $missing" >&2
        return 1
    fi
    echo "weir: installing $missing" >&2
    log=$(mktemp) || return 1
    # shellcheck disable=SC2086 # a list of words
    if weir_apt_get update >"$log" 2>&1; weir_apt_get install -y --no-install-recommends $missing \
        >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
    echo "weir: apt could not install them (see above); install by hand: $missing" >&2
    return 1
}
