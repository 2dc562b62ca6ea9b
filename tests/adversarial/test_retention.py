"""Updates that the policy let go, seen by the commands that people type: what was planned, what went, what is said of it, and that
nothing else is missed."""

import json
import shutil
import subprocess
import sys

from stage import PARAMETERS, Stage, binaries, body, run, task

TERMS = ("--quorum", "3", "--deadline", "300s", "--policy", "enforce=0")


def play(stage, name, rounds):
    """Rounds of everybody; gives {round: {client: digest}}."""
    if not hasattr(stage, "people"):
        stage.people = stage.enrolled("ann", "bob", "eve")
    sent = {}
    for _ in range(rounds):
        head = stage.tamis("federation", "show", name)["head"]
        for i, client in enumerate(stage.people):
            while (found := task(client, name))[0].hex() != head:
                pass
            base, plan, model = found
            blob = body(model, 0.001 * (plan["round"] * 10 + (i + 1) ** 2))  # none is the mean: that would be a model too
            client.submit(client.update_make(base, plan, blob), blob)
        stage.wait_round(name, plan["round"], "promoted")
        sent[plan["round"]] = {r["client"]: r["update"] for r in stage.tamis("round", "show", name, str(plan["round"]))}
    return sent


def is_here(stage, digest):
    return any(path.is_file() for path in (stage.home / "state" / "blobs").glob(f"{digest[:2]}/{digest}"))


def settled(stage):
    """A tombstone at a time goes between two answers, so when two are the same there is no more to do."""
    before = None
    while (now := [stage.tamis("space")[key] for key in ("bodies", "dropped")]) != before:
        before = now


def said_to_people(stage, *arguments):
    done = subprocess.run([binaries / "tamis", "--home", stage.home, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def copied(stage):
    copy = stage.folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for part in ("checkpoint", "journal"):
        shutil.copy(stage.home / "state" / part, copy)
    shutil.copytree(stage.home / "state" / "blobs", copy / "blobs")
    return copy


def verify_copy(stage, copy):
    code, answer = stage.tamis("verify", "--journal", str(copy / "journal"), "--blobs", str(copy / "blobs"), check=False)
    return code, answer


def a_policy_lets_old_updates_go(stage):
    stage.create("old", PARAMETERS, "mean", *TERMS, "--keep-rounds", "2")
    sent = play(stage, "old", 5)
    settled(stage)
    last = max(sent) + 1  # the round that waits
    for number, updates in sent.items():
        for digest in updates.values():
            assert is_here(stage, digest) == (number > last - 2 or number == max(sent)), (number, last)
    rows = stage.tamis("round", "show", "old", "1")
    assert all(r["dropped"] for r in rows), rows
    space = stage.tamis("space")
    assert space["dropped"] >= 9 and space["bodies_bytes"] > 0 and not space["full"], space
    metrics = stage.metrics()
    assert metrics["tamis_updates_dropped_total"] >= 9 and metrics["tamis_store_full"] == 0, metrics
    assert metrics["tamis_store_body_bytes"] == space["bodies_bytes"], (metrics, space)


def the_log_verifies_without_them_and_not_without_others(stage):
    copy = copied(stage)
    code, answer = verify_copy(stage, copy)
    assert code == 0 and answer["data"]["dropped"] >= 9, answer
    kept = next(r["update"] for r in stage.tamis("round", "show", "old", "5"))
    [path] = (copy / "blobs").rglob(kept)
    path.unlink()
    code, answer = verify_copy(stage, copy)
    assert code == 1 and kept in json.dumps(answer), answer


def an_audit_says_what_it_could_not_recompute(stage):
    code, answer = stage.tamis("audit", "--state", str(copied(stage)), check=False)
    assert code == 0 and answer["data"]["not_recomputable"] >= 3, (code, answer)


def a_plan_is_shown_before_anything_goes(stage):
    stage.create("plan", PARAMETERS, "mean", *TERMS)
    sent = play(stage, "plan", 4)
    code, out, err = said_to_people(stage, "federation", "retain", "plan", "--rounds", "1", "--reason", "disk", "--dry-run")
    assert code == 0 and "go for ever, their digests stay" in err and "dry run" in out, (out, err)
    assert "9 updates of " in err, err
    code, out, err = said_to_people(stage, "federation", "retain", "plan", "--rounds", "1", "--reason", "disk")
    assert code != 0 and "add --yes" in err, (code, err)
    settled(stage)
    assert all(is_here(stage, d) for updates in sent.values() for d in updates.values())


def a_dispute_keeps_one_update(stage):
    sent = {r["client"]: r["update"] for r in stage.tamis("round", "show", "plan", "1")}
    stage.tamis("client", "dispute", "bob", "--federation", "plan", "--round", "1", "--reason", "says it was honest")
    stage.tamis("federation", "retain", "plan", "--rounds", "1", "--reason", "disk", "--yes")
    settled(stage)
    assert is_here(stage, sent["bob"]) and not is_here(stage, sent["ann"])
    stage.kill()
    stage.start()
    assert is_here(stage, sent["bob"])
    stage.tamis("client", "dispute", "bob", "--federation", "plan", "--round", "1", "--close")
    settled(stage)
    assert not is_here(stage, sent["bob"])
    code, answer = stage.tamis("client", "dispute", "ann", "--federation", "plan", "--round", "1", check=False)
    assert code != 0 and "dropped by policy in entry" in json.dumps(answer), answer
    words = [e["sentence"] for e in stage.tamis("log", "show", "--kind", "tombstone", "--from", "0")]
    assert any("updates dropped by policy" in w for w in words), words


def models_are_kept_and_rounds_go_on(stage):
    for number in range(5):
        out = stage.folder / f"m{number}.safetensors"
        stage.tamis("model", "get", "old", "--round", str(number), "-O", str(out))
    play(stage, "old", 1)
    code, out, _ = said_to_people(stage, "space")
    assert code == 0 and "that the policy let go" in out and "kept for ever" in out, out


if __name__ == "__main__":
    run([a_policy_lets_old_updates_go, the_log_verifies_without_them_and_not_without_others,
         an_audit_says_what_it_could_not_recompute, a_plan_is_shown_before_anything_goes, a_dispute_keeps_one_update,
         models_are_kept_and_rounds_go_on], Stage)
    sys.exit(0)
