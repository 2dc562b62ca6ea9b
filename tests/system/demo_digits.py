#!/usr/bin/python3
"""The demo without any data at hand, short, with every attack and both rules: it must end well and write the promised JSON.

usage: demo_digits.py BINARIES"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROUND_FIELDS = {"round", "accuracy", "plain_accuracy", "accepted", "held", "rejected", "seconds"}
FIELDS = {"rounds", "attackers", "excluded", "honest_excluded", "final_accuracy", "plain_final_accuracy", "head_digest",
          "verify"}


def play(binaries, folder, attack, rule):
    where = f"{attack}, {rule}"
    out = folder / f"{attack}.json"
    done = subprocess.run([binaries / "tamis-lab", "demo", "--clients", "8", "--attackers", "2", "--attack", attack,
                           "--rule", rule, "--rounds", "3", "--folder", folder / attack, "--json", out],
                          capture_output=True, text=True)
    assert done.returncode == 0, f"{where}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    result = json.loads(out.read_text())
    assert FIELDS <= result.keys(), f"{where}: missing {FIELDS - result.keys()}"
    assert [r["round"] for r in result["rounds"]] == [1, 2, 3], f"{where}: {result['rounds']}"
    assert all(ROUND_FIELDS <= r.keys() for r in result["rounds"]), f"{where}: {result['rounds']}"
    assert result["verify"] == "ok", where
    assert len(result["head_digest"]) == 64, where
    assert len(result["attackers"]) == (0 if attack == "none" else 2), f"{where}: {result['attackers']}"
    assert result["honest_excluded"] == [], where
    if attack == "nan":  # a client that sends NaN loses its slot, never the round
        assert all(r["refused"] == 2 and r["accepted"] == 6 for r in result["rounds"]), f"{where}: {result['rounds']}"
    assert 0.3 < result["final_accuracy"] <= 1, f"{where}: {result['final_accuracy']}"
    print(f"{where}: {result['final_accuracy']:.4f} robust, {result['plain_final_accuracy']:.4f} plain")


def main():
    binaries = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="tamis-digits-") as folder:
        folder = pathlib.Path(folder)
        for attack, rule in (("none", "multi_krum(f=2)"), ("nan", "multi_krum(f=2)"), ("label_flip", "trimmed_mean(f=2)"),
                             ("sign_flip", "median"), ("scale", "krum(f=2)")):
            play(binaries, folder, attack, rule)


if __name__ == "__main__":
    main()
