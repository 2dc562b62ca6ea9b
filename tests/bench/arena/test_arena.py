#!/usr/bin/python3
"""A few matches of docs/detection.md: what is demanded outright holds on them, a seed gives the same bytes whoever plays it, and a
run that was stopped goes on where it was.

usage: test_arena.py ARENA"""

import json
import pathlib
import subprocess
import sys
import tempfile

HARD, ODD = "sign_flip,gaussian,scale,ipm", "odd_small,odd_noisy"


def arena(*arguments):
    return subprocess.run([sys.argv[1], "--seeds", "1", "-o", "json", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True, text=True).stdout


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def what_is_demanded_holds():
    hard = rows(arena("--attack", HARD, "--fraction", "0.2", "--alpha", "0.5", "--rounds", "12"))
    odd = rows(arena("--attack", ODD, "--fraction", "0.06", "--alpha", "0.5", "--rounds", "20", "--beside", "none"))
    assert len(hard) == 4 and len(odd) == 2
    for row in hard + odd:
        match, = row["judged"]
        assert match["honest_excluded"] == 0 and match["honest_held_mean"] <= 0.01, match
    for row in hard:
        match, = row["judged"]
        assert match["liars"] == match["liars_excluded"] == 10 and match["rounds_most"] <= 10, match
        if row["attack"] in ("sign_flip", "ipm"):  # the others do no harm to this rule in so few rounds
            assert match["accuracy"] > row["bare"][0]["accuracy"], row


def nobody_judged_is_nobody_excluded():
    row, = rows(arena("--attack", "scale", "--alpha", "0.5", "--rounds", "8", "--policy", "enforce=0", "--beside", "none"))
    match, = row["judged"]
    assert match["liars"] == 10 and match["liars_excluded"] == 0 and match["lies_held"] == 0, match
    assert match["roc"]["norm"]["auc"] > 0.99, match["roc"]


def a_seed_gives_the_same_bytes_and_a_stopped_run_goes_on():
    with tempfile.TemporaryDirectory() as folder:
        results = pathlib.Path(folder) / "results"
        cells = ("--attack", "sybil,free_rider", "--rounds", "4", "--results", results)
        whole = arena(*cells, "--jobs", "2")
        lines = results.read_text().splitlines(keepends=True)
        results.write_text("".join(lines[:2]) + lines[2][:40])  # it was killed in the middle of a line
        assert arena(*cells, "--only-known") != whole
        assert arena(*cells, "--jobs", "1") == whole
        assert arena(*cells, "--only-known") == whole


for claim in (what_is_demanded_holds, nobody_judged_is_nobody_excluded, a_seed_gives_the_same_bytes_and_a_stopped_run_goes_on):
    claim()
    print(f"ok     {claim.__name__}", flush=True)
