#!/usr/bin/env bash
# The one way in, for people and for CI. Run without arguments for help.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

configuration=Release
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1

usage() {
  cat <<'TEXT'
usage: ./build.sh VERB [ARGUMENTS]

  build          build everything; the tool is artifacts/bin/XeSvm.Cli/release/xesvm afterwards
  run [ARGS]     build and run xesvm; without ARGS: xesvm measure
  test [FILTER]  build and run all tests, C and .NET; the last line is 'N passed, N failed, N skipped'
                 FILTER is handed to 'dotnet test --filter'
  igt [--cpu-faults MODE] [LIST]
                 build, make a Debian root with the kernel driver's own test suite (IGT) in artifacts/igt or $IGT, and run its subtests
                 on the software device: those of tests/igt/targets.txt, or of LIST with lines "binary subtest". As root.
                 MODE is that of 'xesvm run': with userfaultfd memory in VRAM has left the page tables of the tests
  bench [ARGS]   build and run the benchmarks; ARGS go to BenchmarkDotNet (default: all benchmarks)
  bench soak     one hour of a daemon that is scraped, probed and reloaded: nothing of it may grow (--seconds N for another length)
  publish        make the daemon xesvmd as a native program in artifacts/publish/xesvmd, start it, scrape it and stop it
  pack [--check] make NuGet packages, the native program xesvm, its man page and shell completions in artifacts/package;
                 with --check, install them outside the tree and run them, and go a new user's whole path from a clone, timed
  docs           build and write the API reference of the libraries as pages for a browser to artifacts/docs
  help           this text

exit codes: 0 all went well, 1 something failed, 2 usage, 3 a tool is missing that could not be installed
TEXT
}

say() { printf '%s\n' "$*" >&2; }

# The .NET SDK cannot be installed by us: say what is needed.
need_dotnet() {
  if ! command -v dotnet >/dev/null; then
    say "The .NET 10 SDK is missing: 'dotnet' is not on the PATH. Install it (https://dotnet.microsoft.com/download/dotnet/10.0) and come again."
    exit 3
  fi
  if ! dotnet --list-sdks | grep -q '^10\.'; then
    say "The .NET 10 SDK is missing: 'dotnet --list-sdks' shows $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd' ')."
    exit 3
  fi
}

# The C toolchain can, on a Debian-like system, as root.
need_c_toolchain() {
  local missing=()
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  command -v cmake >/dev/null || missing+=(cmake)
  command -v make >/dev/null || missing+=(make)
  command -v readelf >/dev/null || missing+=(binutils)
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing the C toolchain: ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 && return
  fi
  say "A C toolchain is needed and parts of it are missing. On Debian or Ubuntu: sudo apt-get install ${missing[*]}"
  say "On Fedora: sudo dnf install gcc glibc-devel cmake make binutils"
  exit 3
}

build() {
  need_dotnet
  need_c_toolchain
  dotnet build XeSvm.sln -c "$configuration" -v quiet -clp:NoSummary "$@"
}

igt_root() { printf '%s' "${IGT:-artifacts/igt}/sid"; }

has_igt_root() { [ -x "$(igt_root)/usr/libexec/igt-gpu-tools/xe_query" ]; }

# Subtests of IGT; the last line is the count.
run_igt() { tests/igt/run.sh "$(igt_root)" artifacts/bin/XeSvm.Cli/release "$1" artifacts/igt-results "${IGT_JOBS:-1}"; }

igt() {
  if [ "${1:-}" = --cpu-faults ] && [ $# -ge 2 ]; then
    export XESVM_CPU_FAULTS=$2
    shift 2
  fi
  build
  if ! has_igt_root; then
    say "Making a Debian root with IGT in $(igt_root)"
    tests/igt/setup.sh "$(igt_root)" || return 3
  fi
  run_igt "${1:-tests/igt/targets.txt}"
}

# Runs the tests of one project: test_project NAME RESULTS [FILTER]
test_project() {
  dotnet test "artifacts/bin/$1/${configuration,,}/$1.dll" --logger "trx;LogFileName=$1.trx" --logger "console;verbosity=normal" \
    --results-directory "$2" ${3:+--filter "$3"} > "$2/$1.txt" 2>&1
}

# Runs the test programs and adds their counts up.
tests() {
  build
  local results=artifacts/test-results passed=0 failed=0 skipped=0 status=0
  rm -rf "$results" && mkdir -p "$results"

  say "== native"
  cmake --build artifacts/native/linux-x64 --target xesvm_native_tests > "$results/native-build.txt" || { cat "$results/native-build.txt" >&2; return 1; }
  local line
  line=$(artifacts/native/linux-x64/xesvm_native_tests 2>&1 | tee "$results/native.txt" | tail -n 1) || status=1
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1)) # it did not come to its last line
  fi
  # What did not pass, with what it printed.
  awk '/^[^ ]/ { block = $0; next } /^  passed$/ { block = ""; next } { block = block "\n" $0 } /^  (FAILED|skipped)$/ { print block; block = "" } END { if (block ~ /\n/) print block }' \
    "$results/native.txt" >&2
  say "$line"

  # The daemon's tests mostly wait for timeouts: they run beside the others.
  local waiting=XeSvm.Daemon.Tests project name
  test_project "$waiting" "$results" "${1:-}" &
  local background=$!
  for project in tests/*.Tests/*.csproj; do
    name=$(basename "$project" .csproj)
    [ "$name" = "$waiting" ] || test_project "$name" "$results" "${1:-}" || status=1
  done
  wait "$background" || status=1
  for project in tests/*.Tests/*.csproj; do
    name=$(basename "$project" .csproj)
    say "== $name"
    # Failures whole, skips with their reasons, and the count.
    grep -vE '^\s+Passed |^\s*$' "$results/$name.txt" >&2 || true
    local counts
    counts=$(sed -n 's/.*<Counters total="\([0-9]*\)" executed="\([0-9]*\)" passed="\([0-9]*\)" failed="\([0-9]*\)".*/\1 \2 \3 \4/p' "$results/$name.trx" 2>/dev/null)
    if [ -n "$counts" ]; then
      read -r total executed ok bad <<<"$counts"
      passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + total - executed))
    else
      failed=$((failed + 1)) # no result file: the run itself broke
    fi
  done
  say "== igt"
  if [ "$(id -u)" != 0 ] || ! has_igt_root; then
    say "  skipped: no root with IGT at $(igt_root), or this is not root: './build.sh igt' makes one"
    skipped=$((skipped + 1))
  elif [ -z "${1:-}" ]; then
    line=$(run_igt tests/igt/smoke.txt | tee "$results/igt.txt" | tail -n 1) || status=1
    sed '$d' "$results/igt.txt" >&2
    say "$line"
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
      passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    else
      failed=$((failed + 1))
    fi
  fi
  [ "$failed" -gt 0 ] && status=1
  [ "$status" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
  echo "$passed passed, $failed failed, $skipped skipped"
  return "$status"
}

# The daemon as a native program, with the libraries that belong beside it.
publish() {
  need_dotnet
  need_c_toolchain
  local out=artifacts/publish/xesvmd
  rm -rf "$out"
  dotnet publish src/XeSvm.Daemon -c "$configuration" -r linux-x64 -p:PublishAot=true -p:CppCompilerAndLinker="$(native_compiler)" -v quiet -o "$out"
  mv "$out/XeSvm.Daemon" "$out/xesvmd"
  rm -f "$out"/*.dbg "$out"/*.xml "$out"/*.pdb
  tests/packages/daemon.sh "$out/xesvmd"
  say "$out: $(cd "$out" && find . -type f -printf '%P\n' | sort | paste -sd' ')"
}

native_compiler() { basename "$(command -v clang || command -v gcc || command -v cc)"; }

# Packages, and the tool as one file with what belongs to it.
pack() {
  build
  local out=artifacts/package
  rm -rf "$out"
  if command -v aarch64-linux-gnu-gcc >/dev/null; then
    say "== native library for linux-arm64"
    CC=aarch64-linux-gnu-gcc sh src/XeSvm.Interop/build-native.sh native artifacts/native/linux-arm64 xesvm_native >/dev/null
  else
    say "== linux-arm64 is left out: there is no cross compiler (on Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross)"
  fi
  say "== packages"
  dotnet pack XeSvm.sln -c "$configuration" --no-build -v quiet # to $out/release
  if dotnet restore src/XeSvm.Cli -r linux-x64 -p:PublishAot=true -v quiet; then
    native_program "$out"
  else
    say "== the native program is left out: the packages of the native compiler (ILCompiler) cannot be had"
  fi
  if [ $# -gt 0 ]; then
    tests/packages/check.sh "$out/release" native jit aot tool
    say "== a new user's path, of what is committed"
    tests/new-user-path.sh
  fi
  say "$out: $(cd "$out" && find . -type f -printf '%P\n' | sort | paste -sd' ')"
}

# xesvm as one file, with the library that 'xesvm run' gives to programs, the manual page and the completion scripts.
native_program() {
  local out=$1
  say "== native program"
  dotnet publish src/XeSvm.Cli -c "$configuration" -r linux-x64 --no-restore -p:PublishAot=true -p:CppCompilerAndLinker="$(native_compiler)" -v quiet
  mkdir -p "$out/linux-x64"
  cp artifacts/publish/XeSvm.Cli/release_linux-x64/XeSvm.Cli "$out/linux-x64/xesvm"
  cp artifacts/native/linux-x64/libxesvm_preload.so "$out/linux-x64/" # for 'xesvm run': the program that it starts loads it
  "$out/linux-x64/xesvm" man > "$out/linux-x64/xesvm.1"
  local shell
  for shell in bash zsh fish; do
    "$out/linux-x64/xesvm" completion "$shell" > "$out/linux-x64/xesvm.$shell"
  done
}

# The API reference; fails when a public member is not described or a reference in a description leads nowhere.
docs() {
  build
  dotnet artifacts/bin/XeSvm.ApiReference/release/XeSvm.ApiReference.dll artifacts/docs
}

verb=${1:-help}
[ $# -gt 0 ] && shift
case "$verb" in
  build) build "$@" ;;
  run)
    build
    [ $# -gt 0 ] || set -- measure
    exec artifacts/bin/XeSvm.Cli/release/xesvm "$@"
    ;;
  test) tests "$@" ;;
  igt) igt "$@" ;;
  bench)
    build
    [ $# -gt 0 ] || set -- --filter '*'
    exec dotnet artifacts/bin/XeSvm.Benchmarks/release/XeSvm.Benchmarks.dll "$@"
    ;;
  publish) publish ;;
  pack)
    if [ $# -gt 1 ] || [ "${1:---check}" != --check ]; then
      say "build.sh: pack takes --check or nothing"
      exit 2
    fi
    pack "$@"
    ;;
  docs) docs ;;
  help | -h | --help) usage ;;
  *)
    say "build.sh: unknown verb '$verb'"
    usage >&2
    exit 2
    ;;
esac
