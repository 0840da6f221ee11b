#!/bin/sh
# Prints Emscripten's version as a number to compare (3.1.6 -> 3001006), 0 when there is none. The file
# beside emcc is asked first: emcc itself takes half a second to say it.
emcc=$(command -v emcc) || { echo 0; exit 0; }
home=$(dirname "$(readlink -f "$emcc" 2>/dev/null || echo "$emcc")")
text=$(cat "$home/emscripten-version.txt" "$home/../emscripten-version.txt" \
    "$home/../libexec/emscripten-version.txt" 2>/dev/null | head -n 1)
[ -n "$text" ] || text=$(emcc --version 2>/dev/null </dev/null | head -n 1)
number=$(echo "$text" | sed -n 's/^[^0-9]*\([0-9][0-9]*\)\.\([0-9][0-9]*\)\.\([0-9][0-9]*\).*/\1 \2 \3/p')
# shellcheck disable=SC2086
set -- ${number:-0 0 0}
echo $(($1 * 1000000 + $2 * 1000 + $3))
