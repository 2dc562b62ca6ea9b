#!/usr/bin/python3
"""Kills tamisd with SIGKILL at random instants under load, and asks each time whether anything acknowledged was lost.

usage: kill_server.py BINARIES KILLS [SEED]. The seed decides the instants; it is printed."""

import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from federation import Federation, Load, until  # noqa: E402

CLIENTS, PARAMETERS, ROUNDS_MAX = 8, 50000, 0


def begin():
    """The binaries, the number of kills and the chance, as the command line says."""
    name, binaries, kills = pathlib.Path(sys.argv[0]).name, sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}: {name} {binaries} {kills} {seed}", flush=True)
    return binaries, kills, random.Random(seed)


def survives(stage, kills, blow):
    """Load on a server that runs, blow(0), blow(1), ...: does the round go on, and is everything there?"""
    load = Load(stage, CLIENTS)
    stage.create("crash", PARAMETERS, "multi_krum(f=1)", "--quorum", "5", "--deadline", "20s", "--policy", "enforce=0")
    for number in range(kills):
        until("an update for each kill", lambda: len(load.acknowledged) >= number)  # a slow machine is no loss
        blow(number)
    head = lambda: stage.tamis("federation", "show", "crash")["head_round"]  # noqa: E731
    before = head()
    try:
        until("three more promotions without anyone's help", lambda: head() >= before + 3)
        goes_on = True
    except AssertionError:
        goes_on = False
    load.end()
    return examine(stage, load, kills, goes_on, head())


def examine(stage, load, kills, goes_on, head):
    good, acknowledged = goes_on, load.acknowledged
    if not goes_on:
        print(f"FAILED: the head stayed at round {head} after the last kill")
    lost = load.lost()
    if lost:
        print(f"FAILED: {len(lost)} acknowledged updates are not in the log, first {lost[0]}")
        good = False
    code, answer = stage.tamis("verify", check=False)
    if code != 0:
        print(f"FAILED: verify says {answer}")
        good = False
    stage.stop()
    code, answer = stage.tamis("log", "rebuild-index", "--check", check=False)
    if code != 0:
        print(f"FAILED: rows and tiles are not those of the journal: {answer}")
        good = False
    print(f"{kills} kills, {len(acknowledged)} acknowledged updates, {len(lost)} lost, head at round {head}")
    return good


def main():
    binaries, kills, chance = begin()
    stage, good = Federation(binaries), False

    def blow(_):
        time.sleep(chance.uniform(0.02, 0.8))
        stage.kill()
        stage.start()

    try:
        stage.start()
        good = survives(stage, kills, blow)
    finally:
        stage.close(keep=not good)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
