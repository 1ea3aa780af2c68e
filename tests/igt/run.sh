#!/usr/bin/env bash
# Runs unmodified subtests of IGT on the software device, and counts. As root: every subtest gets mounts and process ids of its own, because
# IGT writes to consoles, to /proc/sys and to /sys.
#
# usage: run.sh ROOT TOOL LIST OUT [JOBS]
#   ROOT  a system with IGT's binaries, as setup.sh makes it      TOOL  folder of xesvm and libxesvm_preload.so
#   LIST  lines "binary subtest"                                  OUT   folder for results.tsv and one log for each subtest
# XESVM_DEVICE: another device than bmg; dual-bmg for multigpu.txt. targets.txt must pass; more.txt, which has passed, is beyond it.
# IGT_TIMEOUT: seconds that one subtest may take, 120 unless given. Last line: N passed, N failed, N skipped. Exit code 1 when one failed.
set -u

# Inside a subtest's own mounts: just the entries that IGT looks for.
if [ "${1:-}" = --enter ]; then
  root=$2 preload=$3 sockets=$4 binary=$5 subtest=$6
  mkdir -p /run/xesvm && mount --bind "$sockets" /run/xesvm
  mount -t tmpfs none /sys
  mkdir -p /sys/kernel/debug
  mount -t tmpfs none /sys/kernel/debug # IGT tells by the file system's number that debugfs is there
  cp -a "$XESVM_SERVER.sys/." /sys/     # udev goes from folder to folder by itself, past the preload library
  devices=$(mktemp -d)
  mount -t tmpfs none "$devices"
  mkdir "$devices/shm" "$devices/dri"
  for node in null zero full random urandom tty; do : >"$devices/$node" && mount --bind "/dev/$node" "$devices/$node"; done
  : >"$devices/kmsg"
  ln -s /proc/self/fd "$devices/fd"
  mount -t tmpfs none "$devices/shm"
  mount --move "$devices" /dev
  echo 1048576 >/proc/sys/kernel/msgmnb # of our own namespace: IGT's allocator wants long message queues, and may not ask for them itself
  mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys
  export SYSTEMD_DEVICE_VERIFY_SYSFS=0 # udev takes no devices from a /sys that is no sysfs; programs that look for several ask udev
  libraries=$root/usr/lib/x86_64-linux-gnu
  exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" --preload "$preload" --argv0 "$binary" \
    "$root/usr/libexec/igt-gpu-tools/$binary" --run-subtest "$subtest"
fi

here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$1") tool=$(readlink -f "$2") list=$(readlink -f "$3") out=$4 jobs=${5:-1}
mkdir -p "$out/log"
out=$(readlink -f "$out")
: >"$out/results.tsv"
sockets=$(mktemp -d) # short: a socket's path has 107 bytes
servers=()
finish() { kill "${servers[@]}" 2>/dev/null; wait "${servers[@]}" 2>/dev/null; rm -rf "$sockets"; }
trap finish EXIT

# IGT fills VRAM one and a half times over in some programs, and maps pieces of gigabytes in another: two sizes of (sparse) VRAM.
small=536870912 large=8589934592
for size in $small $large; do
  XESVM_VRAM_BYTES=$size "$tool/xesvm" serve --socket "$sockets/$size" >"$out/server-$size.log" 2>&1 &
  servers+=($!)
done
for size in $small $large; do
  for _ in $(seq 300); do [ -S "$sockets/$size" ] && break; sleep 0.1; done
  [ -S "$sockets/$size" ] || { cat "$out/server-$size.log" >&2; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
done

one() {
  local binary=$1 subtest=$2 size=$small log status code begin
  [ "$binary" = xe_vm ] && size=$large
  log="$out/log/$binary@$subtest"
  begin=$(date +%s%N)
  env IGT_SRANDOM=1 XESVM_SERVER="/run/xesvm/$size" timeout -k 2 "${IGT_TIMEOUT:-120}" \
    unshare --mount --ipc --pid --fork --kill-child --mount-proc bash "$here/run.sh" --enter "$root" "$tool/libxesvm_preload.so" "$sockets" "$binary" "$subtest" >"$log" 2>&1
  code=$?
  status=$(grep -aoE "^Subtest $subtest: (SUCCESS|SKIP|FAIL|CRASH)" "$log" | tail -n 1 | sed 's/.*: //')
  case $code in 124 | 137) status=TIMEOUT ;; esac
  printf '%s %s\t%s\t%d\t%s\n' "$binary" "$subtest" "${status:-NONE}" $((($(date +%s%N) - begin) / 1000000)) \
    "$(grep -aE 'Failed assertion|Test requirement|error:' "$log" | head -n 2 | tr '\n\t' '| ' | cut -c1-240)" >>"$out/results.tsv"
}
export -f one
export here root tool out sockets small large
xargs -a "$list" -P "$jobs" -L1 bash -c 'one "$0" "$1"'

grep -vP '\t(SUCCESS|SKIP)\t' "$out/results.tsv" | cut -f1,2,4 | sed 's/^/  /'
# What benchmarks have measured, when there are any in the list. The time is this host's, of the software device.
cut -f1 "$out/results.tsv" | grep -E ' .*benchmark' | while read -r binary subtest; do
  grep -aE '[0-9]+(\.[0-9]+)? ?(us|ms|[KMG]i?B/s)' "$out/log/$binary@$subtest" | grep -avE 'DEBUG|^Subtest' | sed "s|^|  $subtest: |"
done
passed=$(grep -cP '\tSUCCESS\t' "$out/results.tsv") skipped=$(grep -cP '\tSKIP\t' "$out/results.tsv") all=$(wc -l <"$out/results.tsv")
empty=$(cut -f1,2 "$out/results.tsv" | grep -P '\tSUCCESS$' | cut -f1 | grep -cxFf "$here/vacuous.txt")
# What the devices have counted meanwhile: that memory has moved to VRAM, and home again where CPU touches are noticed.
for size in $small $large; do
  statistics=$(XESVM_SERVER="$sockets/$size" LD_PRELOAD="$tool/libxesvm_preload.so" cat /sys/kernel/debug/dri/0/gt0/stats |
    grep -E '^svm_(pagefault_count|(4K|64K|2M)_migrate_count|device_copy_kb|cpu_copy_kb): ' | tr -d ':' | paste -sd, - | sed 's/,/, /g')
  echo "GT statistics of the device with $((size >> 20)) MiB: $statistics"
done
echo "$empty of those that passed test nothing (tests/igt/vacuous.txt)"
echo "$passed passed, $((all - passed - skipped)) failed, $skipped skipped"
[ $((passed + skipped)) -eq "$all" ]
