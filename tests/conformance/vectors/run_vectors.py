#!/usr/bin/python3
"""Runs golden vectors against any implementation that speaks one JSON line per case (see README.md beside this file).

Usage: run_vectors.py [--adapter COMMAND] [--expect N] [FILE.jsonl ...]

Without FILEs: those of $TAMIS_VECTORS, or shared/vectors beside the checkout; exit 77 (skipped) when there are none. --expect N:
fail unless at least N cases ran. Exit 0 when every case that ran agrees, 1 otherwise.
"""
import argparse
import json
import math
import os
import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-7  # of the data's spread, for results in double (science.md 12)
GAMMA_TOLERANCE = 3e-5
OBJECTIVE_TOLERANCE = 1e-6


def number(value):
    return float(value)  # "nan", "inf" and "-inf" are strings in the vectors


def flat(value):
    if isinstance(value, list):
        return [x for item in value for x in flat(item)]
    return [number(value)]


def spread(rows):
    """The largest distance of a value from the mean of its coordinate."""
    if not isinstance(rows[0], list):
        rows = [[x] for x in rows]
    columns = [[number(x) for x in column] for column in zip(*rows)]
    finite = [[x for x in column if math.isfinite(x)] for column in columns]
    return max((abs(x - sum(column) / len(column)) for column in finite if column for x in column), default=1.0)


def differs(got, expected):
    """The largest difference; NaN agrees with NaN and infinities with themselves."""
    if len(got) != len(expected):
        return math.inf
    worst = 0.0
    for x, y in zip(got, expected):
        if x == y or (math.isnan(x) and math.isnan(y)):
            continue
        worst = max(worst, abs(x - y) if math.isfinite(x - y) else math.inf)
    return worst


def judge_votes(answer, expected):
    detected = sum(expected["attack_detected_votes"]) * 2 > len(expected["attack_detected_votes"])
    if bool(answer["attack_detected"]) != detected:
        return math.inf, 0.0
    return (0.0 if not detected or sorted(answer["flagged"]) == sorted(expected["flagged"]) else math.inf), 0.0


def judge(case, answer):
    """How far the answer is off, and how far it may be."""
    compare = case.get("compare", "")
    if compare.startswith("gamma"):
        return abs(answer["gamma"] - case["gamma"]), GAMMA_TOLERANCE * max(1.0, abs(case["gamma"]))
    if compare.startswith("objective"):
        return max(0.0, case["objective"] - answer["objective"]), OBJECTIVE_TOLERANCE * case["objective"]
    if compare.startswith("majority"):
        return judge_votes(answer, case["output"])
    expected, got = case["output"], answer["output"]
    allowed = case.get("tol", TOLERANCE) * spread(case["input"])
    if isinstance(expected, dict):
        return max(differs(flat(got[key]), flat(expected[key])) for key in expected), allowed
    return differs(flat(got), flat(expected)), allowed


def read_cases(paths):
    for path in paths:
        with open(path) as file:
            yield from (json.loads(line) for line in file if line.strip())


def default_paths():
    folder = pathlib.Path(os.environ.get("TAMIS_VECTORS") or HERE.parents[2].parent / "shared" / "vectors")
    return sorted(folder.glob("*.jsonl"))


class Adapter:
    def __init__(self, command):
        self.process = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, case):
        hidden = ("output", "output_raw", "weights", "selected", "objective", "tau", "gamma", "margin")
        question = {key: value for key, value in case.items() if key not in hidden}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the adapter ended at case {case['id']} (exit code {self.process.wait()})")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise SystemExit(f"the adapter ended with exit code {self.process.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", default=f"{sys.executable} {HERE / 'adapter_tamis.py'}")
    parser.add_argument("--expect", type=int, default=0)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    paths = arguments.files or default_paths()
    if not paths:
        print("skipped: there are no vectors; name files, or set TAMIS_VECTORS")
        return 77
    adapter = Adapter(arguments.adapter)
    ran = failed = skipped = 0
    for case in read_cases(paths):
        answer = adapter.ask(case)
        if "skip" in answer:
            skipped += 1
            print(f"skip {case['id']} {case['rule']:24} {answer['skip']}")
            continue
        ran += 1
        off, allowed = (math.inf, 0.0) if "error" in answer else judge(case, answer)
        good = off <= allowed
        failed += not good
        print(f"{'pass' if good else 'FAIL'} {case['id']} {case['rule']:24} off {off:.1e} of {allowed:.1e}  "
              f"{answer.get('how', '')} {answer.get('error', '')}".rstrip())
    adapter.close()
    print(f"{ran} cases run, {failed} failed, {skipped} skipped")
    if ran < arguments.expect:
        print(f"FAIL at least {arguments.expect} cases must run")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
