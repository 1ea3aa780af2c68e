#!/usr/bin/env bash
# Makes a Debian sid root with IGT's own test binaries. Usage: setup.sh ROOT. As root, on a Debian-like machine; about 600 MB.
# The mirror is the machine's own, or $IGT_MIRROR.
set -euo pipefail
root=$1
[ "$(id -u)" = 0 ] || { echo "setup.sh: only root can make a Debian root" >&2; exit 3; }
mirror=${IGT_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')}
[ -n "$mirror" ] || { echo "setup.sh: no Debian mirror in /etc/apt; name one in IGT_MIRROR" >&2; exit 3; }
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; } ||
  { echo "setup.sh: debootstrap is missing and cannot be installed" >&2; exit 3; }
mkdir -p "$root"
# What is unfinished is made again: a root counts once its binaries are there.
debootstrap --variant=minbase sid "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; exit 3; }
for file in /etc/resolv.conf /etc/hosts; do [ -f "$file" ] && cp "$file" "$root/etc/"; done
chroot "$root" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends igt-gpu-tools-tests' \
  >>"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; exit 3; }
