#!/usr/bin/python3
"""A real tamisd whose candidates are measured by `tamis evaluate` and approved by a person: green, red, frozen, found wanting later.
usage: gates.py BINARIES"""

import json
import pathlib
import subprocess
import sys
import time

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "tools"))
binaries = pathlib.Path(sys.argv[1])
if any(not (binaries / name).exists() for name in ("tamis", "tamisd", "load_clients")):
    print("tamisd, tamis or load_clients is not built: left out")
    sys.exit(77)

from federation import Federation, Load, free_port, metrics_of, until  # noqa: E402

MEASURE = """#!/usr/bin/python3
import json, pathlib, sys
here = pathlib.Path(__file__).parent
bad = (here / "bad").exists()
assert sys.argv[1].endswith(".safetensors") and pathlib.Path(sys.argv[1]).stat().st_size > 64
print(json.dumps({"loss": 0.5, "trigger_rate": 0.25 if (here / "triggers").exists() else 0,
                  "classes": [{"class": str(c), "examples": 100, "correct": 70 if bad and c else 90, "predicted": 100}
                              for c in range(2)]}))
"""


def shown(federation):
    return federation.tamis("federation", "show", "fit")


def waits_for(federation):
    return shown(federation)["waits_for"]


def refused(federation, *arguments):
    code, answer = federation.tamis(*arguments, check=False)
    assert code != 0, arguments
    return answer["data"]


def round_row(federation, number):
    return [row for row in federation.tamis("round", "list", "fit") if row["round"] == number][0]


def main():
    federation = Federation(binaries)
    load = watch = None
    try:
        federation.metrics = free_port()
        config = federation.home / "tamisd.yaml"
        text = config.read_text()
        config.write_text("\n".join(line for line in text.splitlines() if not line.startswith("metrics")) +
                          f'\nmetrics: "127.0.0.1:{federation.metrics}"\n')
        federation.start()
        measure, suite = federation.folder / "measure", federation.folder / "suite"
        measure.write_text(MEASURE)
        measure.chmod(0o755)
        suite.write_text("the test images\n")
        federation.create("fit", 50, "mean", "--quorum", "3", "--deadline", "20s", "--gates",
                          "evaluator(drop_max=0.05, trigger_max=0, rollback=on) | approval(persons=1)", "--freeze-after", "2")
        load = Load(federation, 3)
        command = ["evaluate", "fit", "--suite", str(suite), "--command", str(measure)]

        # Green: measured, approved, promoted.
        until("a candidate waits", lambda: waits_for(federation) == "evaluator", federation.log_end)
        assert "waits for no approval" in refused(federation, "model", "approve", "fit", "1", "--reason", "early")["message"]
        said = federation.tamis(*command)["evaluations"]
        assert [(row["round"], row["accuracy"]) for row in said] == [(0, 0.9), (1, 0.9)], said
        until("it waits for a person", lambda: waits_for(federation) == "approval", federation.log_end)
        assert federation.tamis(*command)["evaluations"] == []  # all was said
        federation.tamis("model", "approve", "fit", "1", "--reason", "looks fine")
        until("round 1 is the head", lambda: shown(federation)["head_round"] == 1, federation.log_end)

        # Red: held by a sentence with the numbers, counted, told; twice in a row freezes.
        (federation.folder / "bad").touch()
        watch = subprocess.Popen([binaries / "tamis", "--home", federation.home, *command, "--watch"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until("two rounds are held", lambda: shown(federation)["frozen"] is not None, federation.log_end)
        held = round_row(federation, 2)
        assert held["outcome"] == "held" and held["gate"] == "evaluator", held
        assert "accuracy 0.8000 is 0.1000 below the head's 0.9000, at most 0.05 is allowed" in held["sentence"], held
        assert "2 rounds in a row were held by a gate" in shown(federation)["frozen"], shown(federation)
        metrics = metrics_of(federation.metrics)
        assert metrics['tamis_gates_total{gate="evaluator",colour="red"}'] == 2, metrics
        assert metrics["tamis_federations_frozen"] == 1
        assert "round held" in federation.log_end()
        (federation.folder / "bad").unlink()
        federation.tamis("unfreeze", "fit", "--reason", "the suite was wrong")
        until("round 4 waits for a person", lambda: waits_for(federation) == "approval", federation.log_end)

        # One command stops it, in seconds, without waiting for any round.
        began = time.monotonic()
        federation.tamis("freeze", "fit", "--reason", "looking")
        federation.tamis("model", "approve", "fit", "4", "--reason", "fine")
        federation.tamis("client", "exclude", "load-000", "--federation", "fit", "--reason", "a test")
        assert shown(federation)["head_round"] == 1 and shown(federation)["excluded"] == 1
        print(f"freeze, approval and exclusion took {time.monotonic() - began:.2f} s")
        federation.tamis("client", "reinstate", "load-000", "--federation", "fit", "--reason", "a test")
        federation.tamis("unfreeze", "fit", "--reason", "it was nothing")
        until("round 4 is the head", lambda: shown(federation)["head_round"] == 4, federation.log_end)
        watch.terminate()
        watch.communicate()

        # A suite with new triggers: the head is left by itself.
        (federation.folder / "triggers").touch()
        suite.write_text("the test images, and triggers\n")
        federation.tamis(*command, check=False)
        until("the head went back", lambda: shown(federation)["head_round"] < 4, federation.log_end)
        assert metrics_of(federation.metrics)["tamis_auto_rollbacks_total"] >= 1
        back = federation.tamis("log", "show", "--kind", "auto-rollback")[0]
        assert "0.25 of the triggers hit, at most 0 may" in back["sentence"], back
        load.end()
        load = None
        federation.tamis("verify")
        federation.stop()
        federation.tamis("audit", "--state", str(federation.home / "state"))
        print("measured, approved, held, frozen, gone back; verified and audited")
    finally:
        for process in (watch, load.process if load else None):
            if process and process.poll() is None:
                process.kill()
        federation.close()


main()
