#!/usr/bin/python3
"""Runs the demo on MNIST and holds it to what the README promises, seed by seed.

usage: demo_claims.py BINARIES DATA SEED... [--attacks A,B,...]"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time


def run(binaries, data, attack, seed):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tamis-claims-"))
    began = time.monotonic()
    done = subprocess.run([pathlib.Path(binaries) / "tamis-lab", "demo", "--data", data, "--attack", attack,
                           "--seed", str(seed), "--folder", folder / "demo", "--json", folder / "out.json"],
                          capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        sys.exit(f"demo --attack {attack} --seed {seed} exited {done.returncode}; it lies in {folder}\n"
                 f"{done.stdout[-3000:]}{done.stderr[-3000:]}")
    result = json.loads((folder / "out.json").read_text())
    shutil.rmtree(folder)
    return result, seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("data")
    parser.add_argument("seeds", nargs="+", type=int)
    parser.add_argument("--attacks", default="sign_flip,gaussian,scale")
    options = parser.parse_args()
    faults = []

    def claim(good, text):
        if not good:
            faults.append(text)

    print(f"{'seed':>4} {'attack':<10} {'robust':>7} {'plain':>7} {'excluded by round':>18} {'seconds':>8}")
    for seed in options.seeds:
        honest, seconds = run(options.binaries, options.data, "none", seed)
        print(f"{seed:>4} {'none':<10} {honest['final_accuracy']:>7.4f} {honest['plain_final_accuracy']:>7.4f} {'-':>18} {seconds:>8.1f}",
              flush=True)
        claim(honest["excluded"] == [], f"seed {seed}, no attack: excluded {honest['excluded']}")
        claim(honest["verify"] == "ok", f"seed {seed}, no attack: verify said {honest['verify']}")
        for attack in options.attacks.split(","):
            result, seconds = run(options.binaries, options.data, attack, seed)
            last = max(result["excluded_rounds"].values(), default=0)
            where = f"seed {seed}, {attack}"
            print(f"{seed:>4} {attack:<10} {result['final_accuracy']:>7.4f} {result['plain_final_accuracy']:>7.4f} {last:>18} {seconds:>8.1f}",
                  flush=True)
            claim(result["verify"] == "ok", f"{where}: verify said {result['verify']}")
            claim(result["final_accuracy"] > 0.94, f"{where}: final accuracy {result['final_accuracy']}")
            claim(result["final_accuracy"] >= honest["final_accuracy"] - 0.01,
                  f"{where}: {result['final_accuracy']} against {honest['final_accuracy']} without attack")
            if attack in ("sign_flip", "gaussian"):
                claim(result["plain_final_accuracy"] <= result["final_accuracy"] - 0.2,
                      f"{where}: the plain mean got {result['plain_final_accuracy']}")
            claim(result["honest_excluded"] == [], f"{where}: honest excluded {result['honest_excluded']}")
            claim(sorted(result["excluded"]) == sorted(result["attackers"]) and last <= 12,
                  f"{where}: attackers {result['attackers']}, excluded {result['excluded_rounds']}")
            claim(seconds < 180, f"{where}: took {seconds:.0f} s")
    print("\n".join(faults) or "every claim holds")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
