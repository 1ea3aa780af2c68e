#!/bin/sh
# Builds native/ for the project beside this file. Usage: build-native.sh SOURCE BUILD [LIBRARY...]
# LIBRARY is a target of CMake: xesvm_native, xesvm_native_static and xesvm_preload unless given.
set -eu
source=$1
build=$2
shift 2
[ $# -gt 0 ] || set -- xesvm_native xesvm_native_static xesvm_preload

fail() {
    # The form of a compiler's message, which MSBuild shows as its own error.
    echo "build-native.sh : error XESVM001: $1" >&2
    exit 1
}

command -v cmake >/dev/null 2>&1 || fail "cmake was not found; it builds native/ (on Debian: apt-get install cmake)."
command -v "${CC:-cc}" >/dev/null 2>&1 || fail "The C compiler '${CC:-cc}' was not found; it builds native/ (on Debian: apt-get install gcc libc6-dev make)."

mkdir -p "$build"
# Two builds of the project at once (other properties, one folder) take turns.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$build/.lock"
    flock 9
fi

cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release
cmake --build "$build" --parallel --target "$@"
# CMake leaves the file alone when a change has no effect on it, and MSBuild would then see it as older than its sources for ever.
touch "$build/lib$1.so"
