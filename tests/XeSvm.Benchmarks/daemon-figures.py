#!/usr/bin/env python3
"""What xesvmd costs: idle at 1 Hz with two software devices, a scrape, and a week of history.

usage: daemon-figures.py PROGRAM [SECONDS]

PROGRAM is a published or built xesvmd, JIT or NativeAOT; SECONDS (30) is how long the idle cost is watched. CPU time is that of all threads
(/proc/PID/task/*/schedstat), times of requests are those that a client on one kept connection sees, medians of 100 after a warm-up.
"""

import glob
import http.client
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

WARM_UP = 1000
SAMPLES = 100
MINUTES_OF_A_WEEK = 7 * 24 * 60


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One run of the program in a folder, until it has taken its first samples."""

    def __init__(self, program, folder):
        self.socket = os.path.join(folder, "s.sock")
        self.process = subprocess.Popen(
            [program, "run", "--backend=software", "--software.device=dual-bmg", "--software.cpu-faults=coherent", "--software.vram=64M",
             "--probe.enabled=off", "--sampling.interval=1s", "--log.level=error", f"--http.listen=unix:{self.socket}",
             f"--history.path={os.path.join(folder, 'h.db')}"])
        limit = time.monotonic() + 60
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > limit:
                sys.exit(f"{program} has not begun to serve.")
            time.sleep(0.05)
        self.connection = UnixConnection(self.socket)
        while b'"device"' not in self.get("/api/v1/history?last=1m&points=20"):
            time.sleep(0.2)

    def get(self, path):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = response.read()
        if response.status != 200:
            sys.exit(f"{path}: {response.status} {body.decode()}")
        return body

    def milliseconds(self, path, warm_up):
        """The median time of a request, and the size of its answer."""
        for _ in range(warm_up):
            self.get(path)
        times = []
        for _ in range(SAMPLES):
            begin = time.perf_counter()
            body = self.get(path)
            times.append((time.perf_counter() - begin) * 1e3)
        return statistics.median(times), min(times), len(body)

    def cpu_seconds(self):
        total = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def resident_megabytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def fill(folder):
    """A week of minutes for every series, in the shape that the daemon itself gave the table."""
    with sqlite3.connect(os.path.join(folder, "h.db")) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(minute)")]
        start = (int(time.time()) // 60 - MINUTES_OF_A_WEEK) * 60000
        values = ", ".join("60" if name == "seconds" else "i % 100" for name in columns[2:])
        database.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {MINUTES_OF_A_WEEK - 1}) "
            f"INSERT OR REPLACE INTO minute SELECT id, {start} + i * 60000, {values} FROM n, series")
        database.execute("UPDATE progress SET blocks_until = 0")  # blocks are made of them when the daemon starts
        rows = database.execute("SELECT count(*) FROM minute").fetchone()[0]
    database.close()
    return rows


def load():
    return "load %.1f on %d processors" % (os.getloadavg()[0], os.cpu_count())


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) == 3 else 30
    with tempfile.TemporaryDirectory(prefix="xesvmd-figures-") as folder:
        daemon = Daemon(program, folder)
        time.sleep(5)  # what the start leaves to do
        begin, before = time.monotonic(), daemon.cpu_seconds()
        time.sleep(seconds)
        share = (daemon.cpu_seconds() - before) / (time.monotonic() - begin)
        print(f"idle, 1 Hz, two devices: {share:.3%} of a core, RSS {daemon.resident_megabytes():.1f} MB; {load()}")
        median, best, size = daemon.milliseconds("/metrics", WARM_UP)
        print(f"a scrape of {size} bytes: median {median:.2f} ms, best {best:.2f} ms; then RSS {daemon.resident_megabytes():.1f} MB; {load()}")
        if daemon.stop() != 0:
            sys.exit("The daemon has not ended well.")
        rows = fill(folder)
        daemon = Daemon(program, folder)
        median, best, size = daemon.milliseconds("/api/v1/history?last=7d&points=300", 20)
        print(f"a week of history, {rows} rows, {size} bytes: median {median:.1f} ms, best {best:.1f} ms; {load()}")
        sys.exit(daemon.stop())


if __name__ == "__main__":
    main()
