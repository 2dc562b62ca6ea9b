#!/usr/bin/python3
"""Kills tamisd with SIGKILL at random instants under load, and asks each time whether anything acknowledged was lost.

usage: kill_server.py BINARIES KILLS [SEED]. The seed decides the instants; it is printed."""

import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from federation import Federation  # noqa: E402

CLIENTS, PARAMETERS, ROUNDS_MAX = 8, 50000, 0


def main():
    binaries, kills = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}: kill_server.py {binaries} {kills} {seed}", flush=True)
    chance = random.Random(seed)
    stage = Federation(binaries)
    good = False
    try:
        stage.start()
        invitations = stage.invite(CLIENTS)
        (stage.folder / "states").mkdir()
        load = subprocess.Popen([stage.binaries / "load_clients", stage.folder / "states", invitations, "1000000"],
                                stdout=subprocess.PIPE, stderr=open(stage.folder / "load.log", "wb"), text=True)
        acknowledged = []
        reader = threading.Thread(target=lambda: acknowledged.extend(line.split()[1:] for line in load.stdout),
                                  daemon=True)
        reader.start()
        stage.create("crash", PARAMETERS, "multi_krum(f=1)", "--quorum", "5", "--deadline", "20s",
                     "--policy", "enforce=0")
        for kill in range(kills):
            time.sleep(chance.uniform(0.02, 0.8))
            stage.kill()
            stage.start()
        before = stage.tamis("federation", "show", "crash")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # the round goes on: three more promotions without anyone's help
            now = stage.tamis("federation", "show", "crash")
            if now["head_round"] >= before["head_round"] + 3:
                break
            time.sleep(0.2)
        load.terminate()
        load.wait()
        reader.join(10)
        good = examine(stage, acknowledged, kills, before, now)
    finally:
        stage.close(keep=not good)
    return 0 if good else 1


def examine(stage, acknowledged, kills, before, now):
    good = True
    if now["head_round"] < before["head_round"] + 3:
        print(f"FAILED: the head stayed at round {now['head_round']} after the last kill")
        good = False
    entries = {entry["index"]: entry for entry in stage.tamis("log", "show", "--kind", "update", "--count", "1000000")}
    lost = [ack for ack in acknowledged
            if (entry := entries.get(int(ack[3]))) is None or entry["client"] != ack[0] or int(entry["round"]) != int(ack[2])]
    if lost:
        print(f"FAILED: {len(lost)} acknowledged updates are not in the log, first {lost[0]}")
        good = False
    code, answer = stage.tamis("verify", check=False)
    if code != 0:
        print(f"FAILED: verify says {answer}")
        good = False
    if len(acknowledged) < kills:
        print(f"FAILED: only {len(acknowledged)} updates were acknowledged; that is no load")
        good = False
    stage.stop()
    code, answer = stage.tamis("log", "rebuild-index", "--check", check=False)
    if code != 0:
        print(f"FAILED: rows and tiles are not those of the journal: {answer}")
        good = False
    print(f"{kills} kills, {len(acknowledged)} acknowledged updates, {len(lost)} lost, head at round {now['head_round']}")
    return good


if __name__ == "__main__":
    sys.exit(main())
