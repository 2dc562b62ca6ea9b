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
    def __init__(self, binaries):
        self.server = subprocess.Popen([binaries / "bare_server", "127.0.0.1:0", str(NETWORK_MIB)],
                                       stdout=subprocess.PIPE, text=True)
        self.address = self.server.stdout.readline().strip()

    def close(self):
        self.server.terminate()
        return int(self.server.communicate()[0])


def run(binaries, clients, parameters, repetitions, bare=None):
    """Rows of (bytes, bare seconds, round seconds, scratch bytes), the warm-up left out, and tamisd's peak and present memory."""
    stage = Federation(binaries)
    try:
        stage.start()
        invitations = stage.invite(clients)
        stage.create("bench", parameters, "mean", "--quorum", str(clients), "--deadline", "600s")
        states = stage.folder / "devices"
        states.mkdir()
        command = [binaries / "bench_upload", states, invitations, str(repetitions)] + ([bare] if bare else [])
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"bench_upload: {done.stderr}\n{stage.log_end()}")
        rows = [tuple(map(float, line.split()[1:])) for line in done.stdout.splitlines()]
        now, peak = stage.resident()
        return rows[1:], peak, now
    finally:
        stage.close()


def memory_line(title, rows, peak, now, clients, model_bytes):
    tiles = rows[0][3] + clients * ROW_TILE
    bound = 64 * MIB + 2 * model_bytes + tiles
    print(f"{title:28} peak {peak / MIB:6.1f} MiB, afterwards {now / MIB:6.1f}, "
          f"bound {bound / MIB:6.1f} (tiles {tiles / MIB:.1f}): {peak / bound:.2f} of it", flush=True)


def main():
    binaries = pathlib.Path(sys.argv[1])
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    bare = Bare(binaries)
    rows, peak, now = run(binaries, 100, MIB, repetitions, bare.address)
    counted = bare.close()
    sent = sum(row[0] for row in rows) * (repetitions + 1) / repetitions
    if counted < sent:
        raise RuntimeError(f"the bare server counted {counted} bytes of {sent:.0f}")
    print(f"100 clients x 4 MiB, a connection each, load and servers on this machine (load average {os.getloadavg()[0]:.1f})")
    for size, bare_seconds, round_seconds, _ in rows:
        print(f"  bare {size / bare_seconds / 1e6:7.0f} MB/s    round {size / round_seconds / 1e6:7.0f} MB/s    "
              f"ratio {bare_seconds / round_seconds:.2f}")
    bare_rate = statistics.median(row[0] / row[1] for row in rows)
    round_rate = statistics.median(row[0] / row[2] for row in rows)
    print(f"median: bare {bare_rate / 1e6:.0f} MB/s, round {round_rate / 1e6:.0f} MB/s")
    print(f"ratio {round_rate / bare_rate:.2f} (at least 0.5)")
    memory_line("100 clients x 4 MiB", rows, peak, now, 100, 4 * MIB)
    rows, peak, now = run(binaries, 400, 20000, 2)
    memory_line("400 clients x 80 kB", rows, peak, now, 400, 80000)
    rows, peak, now = run(binaries, 1, 64 * MIB, 1)
    memory_line("1 client x 256 MiB", rows, peak, now, 1, 256 * MIB)


if __name__ == "__main__":
    main()
