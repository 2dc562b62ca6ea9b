"""An honest client that errs once, against the real tamisd: it is told what was wrong, nothing of it counts against the client, and
its next good update has the weight of any other."""

import struct

from stage import Stage, body, refused, run, task

NAN = struct.pack("<f", float("nan"))
PARAMETERS, CLIENTS = 1000, ("ann", "bob", "slip")
people = {}


def prepare(stage):
    people.update(zip(CLIENTS, stage.enrolled(*CLIENTS)))
    stage.create("main", PARAMETERS, "mean", "--quorum", "3", "--deadline", "300s")


def send(name, base, plan, blob):
    return people[name].submit(people[name].update_make(base, plan, blob), blob)


def play(stage, number):
    """The others' part of the round, and its end."""
    for name in ("ann", "bob"):
        base, plan, model = task(people[name], "main", number - 1)
        send(name, base, plan, body(model, 0.001 * number))
    stage.wait_round("main", number, "promoted")


def history(stage):
    return next(client for client in stage.tamis("client", "list", "main") if client["client"] == "slip")


def nan_once_is_told_and_a_good_update_still_counts(stage):
    base, plan, model = task(people["slip"], "main")
    blob = body(model, 0.004)
    refusal = refused("NOT_FINITE", lambda: send("slip", base, plan, blob[:-4] + NAN))
    assert "NaN" in str(refusal) and str(PARAMETERS - 1) in str(refusal), refusal
    send("slip", base, plan, blob)
    play(stage, 1)
    people["stale"] = base, plan, model


def a_base_that_is_gone_is_told_and_the_next_update_counts(stage):
    old_base, old_plan, old_model = people["stale"]
    base, plan, model = task(people["slip"], "main", 1)
    refusal = refused("STALE_ROUND", lambda: send("slip", old_base, old_plan, body(old_model, 0.004)))
    assert "round 1" in str(refusal), refusal
    refused("WRONG_BASE", lambda: send("slip", old_base, plan, body(model, 0.004)))
    send("slip", base, plan, body(model, 0.004))
    play(stage, 2)


def nothing_of_it_is_remembered_against_the_client(stage):
    said = history(stage)
    assert said["rounds"] == said["accepted"] == 2 and said["strikes"] == 0, said
    assert said["state"] in ("probation", "trusted"), said
    model = task(people["slip"], "main", 2)[2]
    value = struct.unpack("<f", model[-4:])[0]
    assert abs(value - (0.001 + 0.001 + 0.004) / 3 - (0.002 + 0.002 + 0.004) / 3) < 1e-8, value


def make():
    stage = Stage()
    prepare(stage)
    return stage


run([nan_once_is_told_and_a_good_update_still_counts, a_base_that_is_gone_is_told_and_the_next_update_counts,
     nothing_of_it_is_remembered_against_the_client], make)
