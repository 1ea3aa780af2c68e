#!/usr/bin/env bash
# Starts an xesvmd, waits until it is ready, scrapes it, asks for its history and its page, and stops it by SIGTERM.
# usage: tests/packages/daemon.sh PROGRAM
set -euo pipefail
program=$(readlink -f "${1:?usage: daemon.sh PROGRAM}")
folder=$(mktemp -d)
daemon=
cleanup() {
  [ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

fail() {
  printf 'daemon.sh: %s\n' "$1" >&2
  cat "$folder/log" >&2
  exit 1
}

# The body of an answer with status 200: ask PATH
ask() {
  local status line
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
  IFS= read -r status <&3
  while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
  cat <&3
  exec 3>&-
  [[ $status == *' 200 '* ]]
}

# Until it is so, at most a minute: until_so COMMAND...
until_so() {
  local limit=$((SECONDS + 60))
  until "$@"; do
    kill -0 "$daemon" 2>/dev/null || fail "it has ended by itself"
    [ "$SECONDS" -lt "$limit" ] || fail "it never came to this: $*"
    sleep 0.1
  done
}

is_ready() { [[ $(ask /readyz 2>/dev/null) == *'"status":"ready"'* ]]; }
has_history() { [[ $(ask '/api/v1/history?last=1m&points=60') == *'"to_device_bytes"'* ]]; }
has_probe() { [[ $(ask /metrics) == *'xesvm_probe_cpu_time_seconds{'* ]]; }

port=$((20000 + RANDOM % 10000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((20000 + RANDOM % 10000)); done
"$program" run --backend=software --software.vram=64M --sampling.interval=100ms --probe.interval=1s --probe.migrations=2 --probe.batches=3 \
  "--http.listen=127.0.0.1:$port" "--history.path=$folder/h.db" 2> "$folder/log" &
daemon=$!
until_so is_ready
metrics=$(ask /metrics) || fail "a scrape is refused"
grep -q '^xesvm_daemon_devices{xesvm_backend="software"} 1$' <<<"$metrics" || fail "a scrape has no device: $metrics"
[[ $(ask /) == *'<script src='* ]] || fail "there is no page"
until_so has_history
until_so has_probe
kill -TERM "$daemon"
code=0
wait "$daemon" || code=$?
daemon=
[ "$code" = 0 ] || fail "its exit code is $code"
grep -Eq ' (error|fatal) ' "$folder/log" && fail "it has logged an error"
printf '%s: ready, scraped, probed, stopped\n' "$1" >&2
