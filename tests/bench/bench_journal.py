"""Entries a second and the wait for a receipt, through the core in one process: with tiles and without, beside SQLite.

/usr/bin/python3 bench_journal.py BINARIES [FOLDER [ENTRIES]]      FOLDER: on the disk that is meant (.)
"""

import pathlib
import subprocess
import sys
import tempfile

REPETITIONS = 3
KINDS = (("the log, with tiles", "bench_journal", "log"),
         ("the log, without", "bench_journal_without_tiles", "log"),
         ("SQLite, one insert each", "bench_journal", "each"),
         ("SQLite, grouped", "bench_journal", "grouped"))


def run(binaries, program, mode, folder, writers, entries):
    done = subprocess.run([binaries / program, mode, folder, str(writers), str(entries)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} {mode}: {done.stdout}{done.stderr}")
    count, seconds, median, late = (float(x) for x in done.stdout.split())
    return count / seconds, median / 1000, late / 1000


def main():
    binaries = pathlib.Path(sys.argv[1])
    parent = sys.argv[2] if len(sys.argv) > 2 else "."
    entries = int(sys.argv[3]) if len(sys.argv) > 3 else 16384
    print(f"{'':26} {'writers':>7} {'entries/s':>10} {'p50 ms':>8} {'p99 ms':>8}     (best of {REPETITIONS})")
    with tempfile.TemporaryDirectory(prefix="bench-journal-", dir=parent) as folder:
        for writers, count in ((64, entries), (1, max(256, entries // 16))):
            # In turn, so that what else the machine does falls on all of them.
            results = [[run(binaries, program, mode, folder, writers, count) for _, program, mode in KINDS]
                       for _ in range(REPETITIONS)]
            for i, (name, _, _) in enumerate(KINDS):
                rate, median, late = max(result[i] for result in results)
                print(f"{name:26} {writers:7} {rate:10.0f} {median:8.2f} {late:8.2f}", flush=True)


if __name__ == "__main__":
    main()
