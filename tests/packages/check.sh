#!/usr/bin/env bash
# Installs the packages of a folder as a stranger would, outside the tree, and runs what they are for.
# Usage: check.sh FOLDER WAY...   with the ways native (the C libraries are what their folders say), jit, aot (hello-svm in a fresh project) and
# tool (xesvm as a .NET tool).
# Each way prints one line, 'WAY: passed ...' or 'WAY: skipped: why'; the first failure ends it with what was printed.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
[ $# -ge 2 ] || { echo "usage: check.sh FOLDER native|jit|aot|tool..." >&2; exit 2; }
folder=$(cd "$1" && pwd)
shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 XESVM_BACKEND=software
unset XESVM_DEVICE XESVM_FAULTS XESVM_VRAM_BYTES XESVM_CPU_FAULTS

# The version is in the packages' names.
version=$(cd "$folder" && ls XeSvm.Interop.*.nupkg | sed 's/^XeSvm\.Interop\.\(.*\)\.nupkg$/\1/')

# A packages folder of its own, so that no earlier package of the same version is taken; others may come from the user's, unless it has such ones.
cache=${NUGET_PACKAGES:-$HOME/.nuget/packages}
unset NUGET_PACKAGES
{
  echo "<configuration><config><add key=\"globalPackagesFolder\" value=\"$work/packages\" /></config>"
  [ -d "$cache" ] && ! compgen -G "$cache/xesvm*" > /dev/null && echo "<fallbackPackageFolders><add key=\"user\" value=\"$cache\" /></fallbackPackageFolders>"
  echo "<packageSources><add key=\"xesvm\" value=\"$folder\" /></packageSources></configuration>"
} > "$work/nuget.config"

# Runs a command quietly; what it printed is shown when it fails.
quietly() {
  "$@" > "$work/output.txt" 2>&1 || { local status=$?; cat "$work/output.txt" >&2; echo "failed: $*" >&2; return $status; }
}

project() {
  mkdir -p "$work/$1"
  cat > "$work/$1/Hello.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
    <NuGetAudit>false</NuGetAudit>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="XeSvm" Version="$version" />
  </ItemGroup>
</Project>
PROJECT
  cp "$here/../../samples/HelloSvm/Program.cs" "$work/$1/"
}

# The sample's exit code says whether the values were right; the words, that it was the sample that ran.
runs() {
  quietly "$@"
  grep -q "element 1000 is 42 (the GPU's)" "$work/output.txt" || { cat "$work/output.txt" >&2; echo "wrong output: $*" >&2; return 1; }
}

jit() {
  project jit
  quietly dotnet build "$work/jit" -c Release -o "$work/jit/out" -v quiet
  runs dotnet "$work/jit/out/Hello.dll"
  echo "jit: passed with XeSvm $version"
}

aot() {
  local compiler
  compiler=$(command -v clang || command -v gcc || true)
  [ -n "$compiler" ] || { echo "aot: skipped: neither clang nor gcc is there to link a native program"; return; }
  project aot
  if ! dotnet restore "$work/aot" -r linux-x64 -p:PublishAot=true -v quiet > "$work/output.txt" 2>&1; then
    grep -qi "ilcompiler" "$work/output.txt" || { cat "$work/output.txt" >&2; return 1; }
    echo "aot: skipped: the package of the native compiler (ILCompiler) cannot be had"
    return
  fi
  quietly dotnet publish "$work/aot" -c Release -r linux-x64 --no-restore -p:PublishAot=true -p:CppCompilerAndLinker="$(basename "$compiler")" \
    -o "$work/aot/out" -v quiet
  runs "$work/aot/out/Hello"
  echo "aot: passed with XeSvm $version, $(stat -c %s "$work/aot/out/Hello") bytes"
}

# The C libraries of each architecture: the processor that the file says, and nothing needed but libc.
native() {
  local library folder machine needed architectures=()
  project native
  quietly dotnet restore "$work/native" -v quiet
  for library in "$work/packages/xesvm.interop/$version"/runtimes/linux-*/native/libxesvm_native.so; do
    folder=$(basename "$(dirname "$(dirname "$library")")")
    case "$folder" in
      linux-x64) machine=X86-64 ;;
      linux-arm64) machine=AArch64 ;;
      *) echo "native: $folder is not an architecture that is built" >&2; return 1 ;;
    esac
    LC_ALL=C readelf -h "$library" | grep -q "Machine:.*$machine" || { echo "native: $folder holds a library of another processor" >&2; return 1; }
    needed=$(LC_ALL=C readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | paste -sd' ')
    [ "$needed" = libc.so.6 ] || { echo "native: the library of $folder needs $needed" >&2; return 1; }
    architectures+=("$folder")
  done
  [[ " ${architectures[*]} " == *" linux-x64 "* ]] || { echo "native: there is no library for linux-x64" >&2; return 1; }
  echo "native: passed for ${architectures[*]}"
}

tool() {
  (cd "$work" && quietly dotnet tool install XeSvm.Tool --version "$version" --tool-path "$work/tool" --configfile "$work/nuget.config")
  quietly "$work/tool/xesvm" info
  grep -q "^Backend  *software" "$work/output.txt" || { cat "$work/output.txt" >&2; return 1; }
  echo "tool: passed with XeSvm.Tool $version"
}

for way in "$@"; do
  case "$way" in
    native | jit | aot | tool) "$way" ;;
    *) echo "check.sh: unknown way '$way'; native, jit, aot and tool are ways" >&2; exit 2 ;;
  esac
done
