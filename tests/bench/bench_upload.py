"""A round's way into tamisd beside a server that only counts bytes, and what tamisd holds in memory meanwhile.

/usr/bin/python3 bench_upload.py BINARIES [REPETITIONS]
"""

import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from federation import Federation  # noqa: E402

MIB = 1 << 20
NETWORK_MIB = 512    # tamisd's default, given to the bare server too
ROW_TILE = 64 << 10  # of every update that is read: what the kernel maps at one touch of a file


class Bare:
    """The bare server; `lean`: with tamisd's way of memory."""

    def __init__(self, binaries, *lean):
        self.server = subprocess.Popen([binaries / "bare_server", "127.0.0.1:0", str(NETWORK_MIB), *lean],
                                       stdout=subprocess.PIPE, text=True)
        self.address = self.server.stdout.readline().strip()

    def close(self):
        self.server.terminate()
        return int(self.server.communicate()[0])


class Span:
    """Seconds by the wall clock, and of the processors for the load and for the server."""

    def __init__(self, fields):
        self.wall, self.load, self.server = fields


class Row:
    def __init__(self, fields):
        self.bytes, self.scratch = fields[:2]
        self.spans = [Span(fields[i:i + 3]) for i in range(2, len(fields), 3)]  # of tamisd, then of each rival


class Run:
    """A round repeated: its rows (without the warm-up), what hashing and writing cost, tamisd's memory in bytes."""

    def __init__(self, binaries, clients, parameters, repetitions, rivals=()):
        stage = Federation(binaries)
        try:
            stage.start()
            invitations = stage.invite(clients)
            stage.create("bench", parameters, "mean", "--quorum", str(clients), "--deadline", "600s")
            states = stage.folder / "devices"
            states.mkdir()
            command = [binaries / "bench_upload", states, invitations, str(repetitions), str(stage.server.pid)]
            for rival in rivals:
                command += [rival.address, str(rival.server.pid)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"bench_upload: {done.stderr}\n{stage.log_end()}")
            *rows, cost = [line.split()[1:] for line in done.stdout.splitlines()]
            self.rows = [Row(list(map(float, row))) for row in rows[1:]]
            size, hashing, writing = map(float, cost)
            self.hash_per_byte, self.write_per_byte = hashing / size, writing / size
            self.now, self.peak = stage.resident()
        finally:
            stage.close()

    def rate(self, which):
        return statistics.median(row.bytes / row.spans[which].wall for row in self.rows)

    def processor_per_byte(self, which, name):
        return statistics.median(getattr(row.spans[which], name) / row.bytes for row in self.rows)


def memory_line(title, run, clients, model_bytes):
    tiles = run.rows[0].scratch + clients * ROW_TILE
    bound = 64 * MIB + 2 * model_bytes + tiles
    print(f"{title:28} peak {run.peak / MIB:6.1f} MiB, afterwards {run.now / MIB:6.1f}, "
          f"bound {bound / MIB:6.1f} (tiles {tiles / MIB:.1f}): {run.peak / bound:.2f} of it", flush=True)


def speed_lines(run, names):
    """tamisd beside each rival; and what any server must spend that hashes and keeps what the rival only counts."""
    for which, name in enumerate(names):
        load, server = (run.processor_per_byte(which, part) * 1e9 for part in ("load", "server"))
        print(f"  {name:34} {run.rate(which) / 1e6:6.0f} MB/s; processor seconds per GB: load {load:.2f}, server {server:.2f}")
    kept = (run.hash_per_byte + run.write_per_byte) * 1e9
    print(f"  SHA-256 takes {run.hash_per_byte * 1e9:.2f} s per GB of one processor, the copy into the page cache "
          f"{run.write_per_byte * 1e9:.2f}")
    for which, name in enumerate(names[1:], 1):
        counted = sum(run.processor_per_byte(which, part) * 1e9 for part in ("load", "server"))
        print(f"ratio {run.rate(0) / run.rate(which):.2f} to {name} (at least 0.5); with these processors all busy, "
              f"counting, hashing and writing alone give {counted / (counted + kept):.2f}")


def main():
    binaries = pathlib.Path(sys.argv[1])
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rivals = [Bare(binaries, "lean"), Bare(binaries)]
    run = Run(binaries, 100, MIB, repetitions, rivals)
    sent = sum(row.bytes for row in run.rows) * (repetitions + 1) / repetitions
    for rival in rivals:
        counted = rival.close()
        if counted < sent:
            raise RuntimeError(f"a bare server counted {counted} bytes of {sent:.0f}")
    print(f"100 clients x 4 MiB, a connection each, load and servers on this machine of {os.cpu_count()} processors "
          f"(load average {os.getloadavg()[0]:.1f}); medians of {repetitions}")
    speed_lines(run, ["tamisd", "bare server, tamisd's memory", "bare server, glibc's memory"])
    memory_line("100 clients x 4 MiB", run, 100, 4 * MIB)
    memory_line("400 clients x 80 kB", Run(binaries, 400, 20000, 2), 400, 80000)
    memory_line("1 client x 256 MiB", Run(binaries, 1, 64 * MIB, 1), 1, 256 * MIB)


if __name__ == "__main__":
    main()
