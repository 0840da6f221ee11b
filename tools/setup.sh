#!/bin/sh
# Finds out what the build and the tests need, and installs what is missing (Debian and Ubuntu; as
# root or by sudo). Elsewhere, or without the rights, it prints the command and exits 1. When
# nothing is missing it is done in a moment and changes nothing.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }
stop() { printf '%s\n' "$@" >&2; exit 1; }

have node || stop "Kin needs Node 20 or newer, and there is no 'node': see https://nodejs.org/en/download"
node_version=$(node --version)
node_major=${node_version#v}
[ "${node_major%%.*}" -ge 20 ] ||
    stop "Kin needs Node 20 or newer; this is $node_version: see https://nodejs.org/en/download"

# The first clang that is there, as the Makefile picks it, or nothing.
find_clang() {
    for name in clang clang-22 clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 clang-15 clang-14; do
        have $name && echo $name && return
    done
    return 0
}
clang=$(find_clang)

# Asked by trying: an AddressSanitizer and a libFuzzer program have to link.
clang_sanitizes() {
    [ -n "$clang" ] || return 1
    mkdir -p build
    probe=$(mktemp -d build/setup.XXXXXX)
    echo '#include <stddef.h>
        int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n) { return n && *p == 77 ? 0 : 0; }' \
        > "$probe/probe.c"
    ok=0
    "$clang" -fsanitize=fuzzer,address,undefined "$probe/probe.c" -o "$probe/probe" 2>/dev/null || ok=1
    rm -rf "$probe"
    return $ok
}
# A browser of CHROME, of the system, or one that Playwright has fetched.
has_browser() {
    [ -n "${CHROME:-}" ] || have chromium || have chromium-browser || have google-chrome ||
        [ -n "$(find "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}" -maxdepth 1 \
            -name 'chromium*' 2>/dev/null | head -n 1)" ]
}

if [ "$(uname -s)" = Darwin ]; then
    missing=
    have emcc || missing="$missing emscripten"
    has_browser || [ -d '/Applications/Google Chrome.app' ] || missing="$missing chromium"
    have cc || stop "There is no C compiler. Install one: xcode-select --install"
    [ -z "$missing" ] || stop "Missing:$missing" "Install with: brew install$missing"
    exit 0
fi

missing=
need() { missing="$missing $1"; }
have cc || need gcc
[ -e /usr/include/stdio.h ] || need libc6-dev
have emcc || need emscripten
# Debian's emscripten reads acorn from here; other ones bring their own.
if ! have emcc || [ "$(command -v emcc)" = /usr/bin/emcc ]; then
    [ -d /usr/share/nodejs/acorn ] || need node-acorn
fi
have npm || need npm
python3 -c 'import ensurepip, venv' 2>/dev/null || need python3-venv # the Python module's tests
have patch || need patch
have curl || need curl
have openssl || need openssl # a certificate for the tests' https server
[ -d /etc/ssl/certs ] || need ca-certificates
if ! clang_sanitizes; then
    case $clang in
        clang-*) need "libclang-rt-${clang#clang-}-dev" ;;
        # Debian's `clang` is the newest of its release; its run-time library is named by number.
        clang) need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" ;;
        '') need clang; late_rt=1 ;;
    esac
fi
if ! has_browser; then
    # Ubuntu's chromium is a snap, which containers cannot run: Playwright's own is taken there.
    if [ "$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null)" = debian ]; then
        need chromium
        need fonts-liberation # a page without any font has no text to measure
    else
        playwright=1
    fi
fi

install() { # packages, as root or by sudo
    have apt-get || stop "Install what these Debian packages hold with your system's package manager: $*"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        have sudo || stop "Run as root: apt-get update && apt-get install -y --no-install-recommends $*"
        as_root=sudo
    fi
    [ -n "${updated:-}" ] || $as_root apt-get update -qq
    updated=1
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $*
}

if [ -n "$missing" ]; then
    echo "Missing packages:$missing"
    install "$missing"
    # A clang that came just now, or with emscripten, has a run-time library of its own number.
    clang=$(find_clang)
    if [ -n "${late_rt:-}" ] && ! clang_sanitizes; then
        install "libclang-rt-$("$clang" -dumpversion | cut -d. -f1)-dev"
    fi
fi

# An emcc older than 3.1.50 knows no relaxed SIMD: the Makefile then wants a newer clang for it.
has_relaxed_clang() {
    for n in 19 22 21 20 18 17 16; do
        have clang-$n && have wasm-ld-$n && return 0
    done
    return 1
}
if [ "$(sh tools/em-version.sh)" -lt 3001050 ] && ! has_relaxed_clang; then
    [ -n "${updated:-}" ] || install ca-certificates
    for n in 19 22 21 20 18 17 16; do
        apt-cache show clang-$n lld-$n >/dev/null 2>&1 || continue
        echo "Missing packages: clang-$n lld-$n"
        install clang-$n lld-$n
        break
    done
    has_relaxed_clang || stop "There is no clang from 16 on with its lld: install one, or Emscripten from 3.1.50 on."
fi
if [ -n "${playwright:-}" ]; then
    echo "There is no Chromium: fetching Playwright's."
    npm ci --ignore-scripts --no-fund --no-audit
    with_deps=
    if [ "$(id -u)" = 0 ] || have sudo; then with_deps=--with-deps; fi
    # shellcheck disable=SC2086
    node node_modules/playwright-core/cli.js install $with_deps chromium
fi
