#!/usr/bin/env bash
# The path of a new user, timed: clone, first run, page, record and compare, sample, package in a fresh project. Needs no GPU.
# Every step must succeed, and all together must take less than LIMIT seconds.
#   usage: tests/new-user-path.sh [SECONDS]      (default 600)
# Git takes what is committed. The .NET SDK is there already, as the README demands.
set -euo pipefail

limit=${1:-600}
source=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
began=$SECONDS

step() {
  local name=$1 from=$SECONDS
  shift
  if "$@" > "$folder/log" 2>&1; then
    printf '%5d s  %s\n' $((SECONDS - from)) "$name"
  else
    printf 'FAILED   %s: %s\n' "$name" "$*"
    tail -n 25 "$folder/log"
    exit 1
  fi
}

clone() { git clone -q "$source" "$folder/XeSvm" && cd "$folder/XeSvm"; }
first_run() { ./build.sh run | tee "$folder/table" && grep -q '^2M  *iova  *896 ' "$folder/table"; }
page() { ./build.sh run measure --size 2M --migrations 64 --html "$folder/run.html" && grep -q '^<!DOCTYPE html>' "$folder/run.html"; }
opened() {
  local browser
  browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo 'no browser here'; return; }
  "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --dump-dom "file://$folder/run.html" > "$folder/run.dom" && grep -q 'per-page' "$folder/run.dom"
}
compared() {
  ./build.sh run record "$folder/before.json" --backend software --strategy per-page --migrations 64 &&
    ./build.sh run record "$folder/after.json" --backend software --strategy iova --migrations 64 &&
    ./build.sh run compare "$folder/before.json" "$folder/after.json" | grep -q '^Average migrate 2M cpu time'
}
sample() { dotnet run --project samples/HelloSvm -c Release; }
packed() {
  # The packages go to a folder of their own: those of the user's would keep this version for ever, and later tests would take it.
  local cache=${NUGET_PACKAGES:-$HOME/.nuget/packages} others=
  [ -d "$cache" ] && ! compgen -G "$cache/xesvm*" > /dev/null && others="<fallbackPackageFolders><add key=\"user\" value=\"$cache\" /></fallbackPackageFolders>"
  ./build.sh pack && export NUGET_PACKAGES="$folder/packages" && mkdir "$folder/fresh" && cd "$folder/fresh" && dotnet new console -n Fresh -o . &&
    cat > nuget.config <<XML && dotnet add package XeSvm --version "$(ls "$folder"/XeSvm/artifacts/package/release/XeSvm.[0-9]*.nupkg | sed 's/.*XeSvm\.\([0-9].*\)\.nupkg/\1/')" &&
<configuration>
  $others
  <packageSources><add key="local" value="$folder/XeSvm/artifacts/package/release" /></packageSources>
</configuration>
XML
    cat > Program.cs <<'CS' && dotnet run | grep -q 'software'
using XeSvm;
using XeDevice device = XeDevice.Open(BackendChoice.Software);
Console.WriteLine($"{device.BackendName}: {device.Node.Path}");
CS
}

step 'clone' clone
cd "$folder/XeSvm"
step './build.sh run (builds everything, first table)' first_run
step 'the page of a run (--html)' page
step 'the page opened in a browser, if there is one' opened
step 'record, record, compare' compared
step 'a sample (HelloSvm)' sample
step 'pack, and the package in a fresh project' packed
total=$((SECONDS - began))
echo "$total s in all, the limit is $limit s"
[ "$total" -le "$limit" ]
