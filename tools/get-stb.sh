#!/bin/sh
# Puts a patched stb_image.h at the path given: sh tools/get-stb.sh build/stb/stb_image.h
#
# Looked for in this order: $STB_DIR, the system's header, the header out of Debian 13's
# libstb-dev (its package list in a private folder; nothing is installed), the pinned upstream
# commit. Only version 2.30 with this checksum is taken: 2.27, which Debian 12 has, reads out of
# bounds on damaged JPEG files. tools/stb_image.patch is applied; a hunk that fails ends the build.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
sum=594c2fe35d49488b4382dbfaec8f98366defca819d916ac95becf3e75f4200b3
commit=31c1ad37456438565541f4919958214b6e762fb4
work=$(dirname "$out")/fetch
mkdir -p "$work"

digest() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}
fits() { [ -f "$1" ] && [ "$(digest "$1")" = "$sum" ]; }

found=
for file in ${STB_DIR:+"$STB_DIR/stb_image.h"} /usr/include/stb/stb_image.h /usr/local/include/stb/stb_image.h \
    /opt/homebrew/include/stb/stb_image.h "$work/stb_image.h"; do
    if fits "$file"; then found=$file; break; fi
done

if [ -z "$found" ] && command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
    root=$(cd "$work" && pwd)/apt
    mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
    key=
    for ring in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
        [ -f "$ring" ] && key="[signed-by=$ring] "
    done
    echo "deb ${key}http://deb.debian.org/debian trixie main" > "$root/sources.list"
    set -- -qq -o "Dir::Etc::sourcelist=$root/sources.list" -o Dir::Etc::sourceparts=- \
        -o "Dir::State::lists=$root/lists" -o "Dir::Cache=$root/cache" -o APT::Sandbox::User=root
    if apt-get "$@" update && (cd "$root" && apt-get "$@" download libstb-dev); then
        dpkg -x "$root"/libstb-dev_*.deb "$root/unpacked"
        if fits "$root/unpacked/usr/include/stb/stb_image.h"; then
            found=$root/unpacked/usr/include/stb/stb_image.h
        fi
    fi
fi

if [ -z "$found" ] && command -v curl >/dev/null; then
    curl -fsSL -o "$work/stb_image.h" \
        "https://raw.githubusercontent.com/nothings/stb/$commit/stb_image.h" || true
    if fits "$work/stb_image.h"; then found=$work/stb_image.h; fi
fi

if [ -z "$found" ]; then
    echo "stb_image.h 2.30 was not found. Put it in a folder and name that in STB_DIR: make STB_DIR=/that/folder, or STB_DIR=/that/folder pip install ./python" >&2
    exit 1
fi
[ "$found" = "$work/stb_image.h" ] || cp "$found" "$work/stb_image.h"
cp "$work/stb_image.h" "$out.new"
patch -s --no-backup-if-mismatch -F0 "$out.new" "$here/stb_image.patch"
mv "$out.new" "$out"
