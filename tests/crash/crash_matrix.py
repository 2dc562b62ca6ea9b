#!/usr/bin/python3
"""Makes every write, sync, rename and truncation of a scripted life fail or kill, one after the other, and asks each time
whether anything acknowledged was lost.

usage: crash_matrix.py CRASH_SCRIPT [--runs N] [--seed S] [--part I/N] [--only CALL:FAULT:WHEN]

Without --runs the whole matrix; with it a share of it, drawn by the seed, which is printed; with --part every Nth cell from the
Ith on, for several processors. Needs strace; exit code 77 without."""

import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CALLS = ["write", "pwrite64", "writev", "fsync", "fdatasync", "rename", "renameat", "renameat2", "ftruncate", "openat", "unlink",
         "unlinkat", "mkdir", "fallocate", "mmap"]
KILL, ONCE, EVER = "signal=KILL:when={n}", "error={e}:when={n}", "error={e}:when={n}+"
# What a call can meet: a crash at it; a disk that fails once or for good; a disk that is full.
FAULTS = {"kill": KILL, "eio": ONCE.replace("{e}", "EIO"), "eio-ever": EVER.replace("{e}", "EIO"),
          "enospc": ONCE.replace("{e}", "ENOSPC"), "enospc-ever": EVER.replace("{e}", "ENOSPC")}
TAKES_SPACE = {"write", "pwrite64", "writev", "openat", "mkdir", "fallocate", "renameat2", "rename", "renameat"}
# How a life may end: whole; refusing to start; killed; by its own hand after a failed fsync (DESIGN 4); at a question that the
# script asks and the broken disk cannot answer. Never 1: a receipt that does not verify. Never by a fault of memory.
ENDS = {0, 3, -9, -6, 255}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("script", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--part")
    parser.add_argument("--only")
    return parser.parse_args()


def fresh(script, root):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="life-", dir=root))
    subprocess.run([script, "prepare", folder], check=True, timeout=30)
    return folder


def tracer_of(process):
    return int(re.search(r"TracerPid:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])


def strace(options, script, folder):
    """A life from its first own call on: it stops itself before, so that no fault hits the loader of its libraries."""
    life = subprocess.Popen([script, "play", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "CRASH_WAIT": "1"})
    os.waitid(os.P_PID, life.pid, os.WSTOPPED | os.WNOWAIT)
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", folder / "trace", *options, "-p", str(life.pid)],
                              stderr=subprocess.DEVNULL)
    while tracer.poll() is None and not tracer_of(life):
        time.sleep(0.001)
    life.send_signal(signal.SIGCONT)
    try:
        said = life.communicate(timeout=180)  # a busy machine is slow under strace
    except subprocess.TimeoutExpired:
        life.kill()
        raise
    finally:
        tracer.wait(30)
    return subprocess.CompletedProcess(life.args, life.returncode, *said)


def calls_of(script, root):
    """How often each call is made by the thread that makes it most: strace counts by thread."""
    folder, most = fresh(script, root), {}
    done = strace(["-e", "trace=" + ",".join("?" + c for c in CALLS)], script, folder)
    assert done.returncode == 0, done.stderr
    count = {}
    for line in open(folder / "trace"):
        found = re.match(r"(\d+)\s+(\w+)\(", line)
        if found:
            count[found[1], found[2]] = count.get((found[1], found[2]), 0) + 1
    for (_, call), times in count.items():
        most[call] = max(most.get(call, 0), times)
    shutil.rmtree(folder)
    return most, done.stdout.count("ack")


def notices_a_loss(script, root):
    """The matrix proves nothing unless `check` fails when an acknowledged entry is really gone."""
    folder = fresh(script, root)
    played = subprocess.run([script, "play", folder], capture_output=True, text=True, check=True, timeout=60)
    journal = folder / "state" / "journal"
    data, at = journal.read_bytes(), 0
    for _ in range(int(played.stdout.split()[-2])):  # up to the last entry that was acknowledged
        at += 8 + int.from_bytes(data[at:at + 4], "little")
    journal.write_bytes(data[:at])
    for path in [folder / "log.key.signed", *(folder / "state").iterdir()]:
        if path.is_file() and path.name != "journal":
            path.unlink()
    checked = subprocess.run([script, "check", folder], input=played.stdout, capture_output=True, text=True, timeout=60)
    shutil.rmtree(folder)
    return checked.returncode != 0


def matrix(most):
    for call, times in sorted(most.items()):
        for fault in FAULTS:
            if fault.startswith("enospc") and call not in TAKES_SPACE:
                continue
            for when in range(1, times + 1):
                yield call, fault, when


def run(script, root, call, fault, when):
    """What went wrong, or None."""
    folder = fresh(script, root)
    inject = FAULTS[fault].format(n=when)
    try:
        played = strace(["-e", f"trace={call}", "-e", f"inject={call}:{inject}"], script, folder)
        checked = subprocess.run([script, "check", folder], input=played.stdout, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired as late:
        return f"{late.cmd[0]} hangs"
    good = checked.returncode == 0 and played.returncode in ENDS
    shutil.rmtree(folder) if good else print(f"   left in {folder}")
    if good:
        return None
    return (f"play exit {played.returncode}: {played.stderr.strip()[-300:]}\n   check exit {checked.returncode}: "
            f"{checked.stderr.strip()[-600:]}")


def main():
    options = arguments()
    if not shutil.which("strace"):
        print("strace is not here: left out")
        return 77
    root = tempfile.mkdtemp(prefix="tamis-crash-", dir="/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None)
    most, acknowledged = calls_of(options.script, root)
    assert notices_a_loss(options.script, root), "an entry was taken away and nobody noticed"
    cells = list(matrix(most))
    total = len(cells)
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    if options.only:
        call, fault, when = options.only.split(":")
        cells = [(call, fault, int(when))]
    elif options.part:
        first, step = map(int, options.part.split("/"))
        cells = cells[first - 1::step]
    elif options.runs and options.runs < total:
        cells = random.Random(seed).sample(cells, options.runs)
    print(f"{acknowledged} acknowledgements in a whole life; {total} cells, {len(cells)} of them now; seed {seed}\n"
          f"calls: {', '.join(f'{c} {n}' for c, n in sorted(most.items()))}", flush=True)
    failed = 0
    for i, (call, fault, when) in enumerate(cells):
        wrong = run(options.script, root, call, fault, when)
        if wrong:
            failed += 1
            print(f"FAILED --only {call}:{fault}:{when}\n   {wrong}", flush=True)
        if (i + 1) % 100 == 0:
            print(f"{i + 1} of {len(cells)}, {failed} failed", flush=True)
    print(f"{len(cells)} runs, {failed} failed")
    if not failed:
        shutil.rmtree(root)
    return 1 if failed else 0


sys.exit(main())
