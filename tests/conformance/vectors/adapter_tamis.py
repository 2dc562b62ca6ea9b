#!/usr/bin/python3
"""Answers golden vectors with tamis.robust: spells each case as a pipeline, and hands over what the case records beside it.

Usage: adapter_tamis.py [--rows float32|float64] [--reversed] [--programs FOLDER], spoken to as README.md says.
FOLDER holds answer_cases and answer_attacks, for what is in C only (build/release/bin).
PYTHONPATH must hold the package (build/release/python).
"""
import argparse
import json
import os
import subprocess
import sys

import numpy

from tamis import robust


class Skip(Exception):
    """The case is about something that we do not have; the reason follows."""


def call(name, **parameters):
    given = {key: value for key, value in parameters.items() if value is not None}
    return name + ("(" + ", ".join(f"{key}={value}" for key, value in given.items()) + ")" if given else "")


MIXERS = {
    "NNM": lambda p: call("nnm", f=p["f"]),
    "Bucketing": lambda p: call("bucketing", s=p["s"]),
    "Clipping": lambda p: call("clip", c=p["c"]),
    "ARC": lambda p: call("arc", f=p["f"]),
}

RULES = {
    "Average": lambda p: "mean",
    "Median": lambda p: "median",
    "TrMean": lambda p: call("trimmed_mean", f=p["f"]),
    "TrMean_fraction": lambda p: call("trimmed_mean", f=p["cut"]),
    "GeometricMedian": lambda p: call("geometric_median", nu=p["nu"], iterations=p["T"]),
    "RFA_from_zero": lambda p: call("geometric_median", nu=p["nu"], iterations=p["T"]),
    "RFA_weighted": lambda p: call("geometric_median", nu=p["eps"], iterations=p["maxiter"], init="mean", weighted="yes",
                                   tolerance=p["ftol"]),
    "Krum": lambda p: call("krum", f=p["f"]),
    "Krum_nf2": lambda p: call("krum", f=p["f"], neighbours=p["neighbours"]),
    "Krum_d4_nf2": lambda p: call("krum", f=p["f"], neighbours=p["neighbours"], power=p["power"]),
    "MultiKrum": lambda p: call("multi_krum", f=p["f"]),
    "MultiKrum_nf2_weighted": lambda p: call("multi_krum", f=p["f"], m=p["m"], neighbours=p["neighbours"], weighted="yes"),
    "MultiKrum_iterative": lambda p: call("multi_krum", f=p["f"], selection="iterated"),
    "FedAvg_weighted": lambda p: "weighted_mean",
    "CenteredClipping": lambda p: call("centered_clipping", tau=p["tau"], iterations=p["L"]),
    "MDA": lambda p: call("mda", f=p["f"]),
    "MoNNA": lambda p: call("monna", f=p["f"], pivot=p["idx"]),
    "Meamed": lambda p: call("meamed", f=p["f"]),
    "CAF": lambda p: call("caf", f=p["f"]),
    "SMEA": lambda p: call("smea", f=p["f"]),
    "Bulyan": lambda p: call("bulyan", f=p["f"]),
    "FoolsGold": lambda p: "foolsgold",
    "DnC": lambda p: call("dnc", f=p["f"], c=p["filter_frac"], iterations=p["num_iters"], size=p["sub_dim"]),
    "SignGuard_kmeans": lambda p: call("signguard", lower=p["L"], upper=p["R"], epsilon=1e-6),
    "FLTrust": lambda p: "fltrust",
}


def spell(table, rule, params):
    if rule not in table:
        raise Skip(f"no {rule} here")
    return table[rule](params)


class Adapter:
    def __init__(self, options):
        self.dtype = numpy.dtype(options.rows)
        self.is_reversed = options.reversed
        self.programs = options.programs

    def rows(self, values):
        exact = numpy.array([[float(x) for x in row] for row in values])
        rows = exact.astype(self.dtype)
        if not numpy.array_equal(rows.astype(numpy.float64), exact, equal_nan=True):
            raise Skip(f"the input is not exact in {self.dtype}")
        return rows

    def beside(self, params, n):
        """What a case records beside its rows, under our names."""
        memory = params.get("m") if isinstance(params.get("m"), list) else None  # multi_krum has a number of that name
        given = {"counts": params.get("weights", params.get("alphas")),
                 "reference": memory or params.get("server_update"),
                 "order": params.get("perm")}
        for stage in params.get("pre", []):
            given["order"] = stage["params"].get("perm", given["order"])
        if params.get("history") is not None:
            given["history"] = self.rows(params["history"])
        if params.get("coords") is not None:
            given["coordinates"] = numpy.concatenate([numpy.asarray(c) for c in params["coords"]])
        if given["order"] is None:
            given["order"] = list(range(n))
        return {key: value for key, value in given.items() if value is not None}

    def run(self, text, rows, beside):
        pipeline = robust.Pipeline(text)
        output = pipeline.run(rows, dtype=numpy.float64, **beside).output
        if self.is_reversed and "pivot" not in text:
            n = len(rows)
            turned = {key: numpy.asarray(value)[::-1] if key in ("counts", "history") else value for key, value in beside.items()}
            turned["order"] = [n - 1 - i for i in beside["order"]]
            again = pipeline.run(rows[::-1], dtype=numpy.float64, **turned).output
            if output.tobytes() != again.tobytes():
                raise robust.Error("ORDER", "rows the other way round give other bits")
        return output

    def aggregator(self, case):
        if case["params"].get("eig") == "starts":  # byzfl's random step, from what it drew; no pipeline spells it
            return self.detector(case)
        text = spell(RULES, case["rule"], case["params"])
        rows = self.rows(case["input"])
        return {"output": self.run(text, rows, self.beside(case["params"], len(rows))).tolist(), "how": text}

    def preagg(self, case):
        text = spell(MIXERS, case["rule"], case["params"])
        rows = self.rows(case["input"])
        order = case["params"].get("perm")
        return {"output": robust.mix(text, rows, order=order).astype(numpy.float64).tolist(), "how": text}

    @staticmethod
    def spell_pipeline(params):
        stages = [spell(MIXERS, stage["rule"], stage["params"]) for stage in params.get("pre", [])]
        return " | ".join(stages + [spell(RULES, params["agg"]["rule"], params["agg"]["params"])])

    def pipeline(self, case):
        params = case["params"]
        text = self.spell_pipeline(params)
        rows = self.rows(case["input"])
        return {"output": self.run(text, rows, self.beside(params, len(rows))).tolist(), "how": text}

    def sequence(self, case):
        """Rounds stacked; each round's output is the next one's reference, kept in double."""
        text = spell(RULES, case["rule"], case["params"])
        rows = self.rows(case["input"]).reshape(case["params"]["rounds"], -1, case["d"])
        outputs, reference = [], None
        for now in rows:
            reference = robust.run(text, now, reference=reference, dtype=numpy.float64).output
            outputs.append(reference.tolist())
            if self.dtype != numpy.float64:
                reference = reference.astype(numpy.float32)
        return {"output": outputs, "how": text}

    def program(self, name, case):
        """What is in C only is answered by a program of the tests."""
        if self.programs is None or not os.path.exists(f"{self.programs}/{name}"):
            raise Skip(f"{name} is not in the folder that --programs names")
        answer = subprocess.run([f"{self.programs}/{name}"], input=json.dumps(case) + "\n", capture_output=True, text=True)
        if answer.returncode != 0:
            return {"error": answer.stderr.strip()}
        return {"how": name, **json.loads(answer.stdout)}

    def attack(self, case):
        params = case["params"]
        if "agg" in params:
            case = {**case, "pipeline": self.spell_pipeline(params)}
        return self.program("answer_attacks", case)

    def detector(self, case):
        if case["rule"] == "FLAME_select":
            result = robust.run("flame", self.rows(case["input"]))
            return {"output": numpy.flatnonzero(result.weights).tolist(), "how": "flame"}
        return self.program("answer_cases", case)

    def answer(self, case):
        try:
            return getattr(self, case["kind"])(case)
        except Skip as reason:
            return {"skip": str(reason)}
        except robust.Error as failure:
            return {"error": f"{failure.status}: {failure}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", choices=["float32", "float64"], default="float64")
    parser.add_argument("--reversed", action="store_true")
    parser.add_argument("--programs", metavar="FOLDER")
    adapter = Adapter(parser.parse_args())
    for line in sys.stdin:
        print(json.dumps(adapter.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
