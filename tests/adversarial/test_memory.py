"""What the server remembers between rounds (an optimiser's momentum, centred clipping's last output), with the real tamisd: it
goes back with the model, survives kill -9, and an auditor recomputes every round of it from the log and the blobs alone."""

import base64
import json
import math
import shutil
import struct
import subprocess

from stage import PARAMETERS, Stage, binaries, body, refused, run, sha256, task

BETA = 0.75
TERMS = ("--quorum", "3", "--deadline", "300s", "--policy", "enforce=0")


def single(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def floats(file):
    start = 8 + struct.unpack("<Q", file[:8])[0]
    return struct.unpack(f"<{(len(file) - start) // 4}f", file[start:])


def value_of(step, client):
    """Exact in float32, and client 1 in the middle."""
    return (step * step % 7 - 2) / 64 + (client - 1) / 8


class Training:
    def __init__(self, stage, name, rule, *options):
        self.stage, self.name = stage, name
        if not hasattr(stage, "people"):  # everybody is a member of every federation
            stage.people = stage.enrolled("ann", "bob", "eve")
        self.clients = stage.people
        stage.create(name, PARAMETERS, rule, *TERMS, *options)
        self.model = {}

    def play(self, step):
        """One round of everybody; its (number, model). A round of before a rollback may still be there for a moment."""
        head = self.stage.tamis("federation", "show", self.name)["head"]
        for i, client in enumerate(self.clients):
            while (found := task(client, self.name))[0].hex() != head:
                pass
            base, plan, model = found
            blob = body(model, value_of(step, i))
            client.submit(client.update_make(base, plan, blob), blob)
        self.stage.wait_round(self.name, plan["round"], "promoted")
        self.model[plan["round"]] = self.stage.tamis("federation", "show", self.name)["head"]
        return plan["round"], self.model[plan["round"]]

    def rollback(self, number):
        self.stage.tamis("rollback", self.name, "--to", str(number), "--reason", "a test", "--yes")

    def restart(self):
        self.stage.kill()
        self.stage.start()

    def said(self):
        """(kind, subjects, predicate) of every entry about this federation, from the envelopes as they are in the log."""
        done = subprocess.run([binaries / "tamis", "--home", self.stage.home, "log", "show", "--raw", "--from", "0", "--count",
                               "100000"], capture_output=True, text=True, timeout=60, check=True)
        for line in done.stdout.splitlines():
            statement = json.loads(base64.b64decode(json.loads(line)["payload"]))
            if statement["predicate"].get("federation") == self.name:
                yield (statement["predicateType"].rsplit("/", 1)[1],
                       [s["digest"]["sha256"] for s in statement["subject"]], statement["predicate"])

    def blob(self, digest):
        """From the server's disk: updates are not for clients to read."""
        [path] = [p for p in self.stage.home.rglob(digest) if p.is_file()]
        data = path.read_bytes()
        assert sha256(data).hex() == digest
        return data

    def audited(self, recompute):
        """Folds the log anew: what each round remembers must follow from its base's, and the model from both."""
        head, base_round, state, pending, rounds = 0, {}, {0: {}}, None, 0
        model = {}
        for kind, subject, said in self.said():
            if kind == "federation-create":
                model[0] = subject[0]
            elif kind == "round-open":
                base_round[said["round"]] = head
            elif kind == "aggregate":
                manifest = json.loads(self.clients[0].fetch(bytes.fromhex(subject[1])))
                after = {s["name"]: floats(self.clients[0].fetch(bytes.fromhex(s["blob"]))) for s in manifest["state"]}
                rows = [floats(self.blob(u["update"])) for u in manifest["updates"]]
                base = base_round[said["round"]]
                recompute(floats(self.blob(model[base])), state[base], rows, after, floats(self.blob(subject[0])), manifest)
                pending, rounds = (subject[0], after), rounds + 1
            elif kind == "promote":
                head = said["round"]
                model[head], state[head] = pending
            elif kind == "rollback":
                head = said["to_round"]
        return rounds


def check_momentum(base, before, rows, after, model, manifest):
    assert manifest["optimiser"] == f"momentum(beta={BETA})" and set(after) == {"momentum"}, manifest
    for k in range(PARAMETERS):
        m = BETA * before["momentum"][k] if before else 0.0
        m += sorted(row[k] for row in rows)[1]
        assert after["momentum"][k] == single(m) and model[k] == single(base[k] + single(m)), k


def momentum_goes_back_and_survives_kills(stage):
    training = Training(stage, "momentum", "median", "--optimiser", f"momentum(beta={BETA})")
    assert stage.tamis("federation", "show", "momentum")["optimiser"] == f"momentum(beta={BETA})"
    for step in (1, 2, 3, 4):
        assert training.play(step)[0] == step
        if step == 2:
            training.restart()
    training.rollback(2)
    again = [training.play(3)]
    training.restart()
    again.append(training.play(4))
    assert [model for _, model in again] == [training.model[3], training.model[4]], training.model
    other = training.play(5)
    training.rollback(4)  # forward again, to the line that was left
    training.restart()
    assert training.play(5)[1] == other[1]
    training.rollback(0)
    assert training.play(1)[1] == training.model[1]
    assert training.audited(check_momentum) == 9


def f64(text):
    return struct.unpack(">d", bytes.fromhex(text.removeprefix("f64:")))[0]


def check_clipping(base, before, rows, after, model, manifest):
    """One step of tau = 0.5 from the last output: the weights are right (up to the Gram matrix's own rounding, 2^-21 of a
    distance), and with them the output follows to the last bit of a float."""
    last = before.get("rule", (0.0,) * PARAMETERS)
    away = [math.sqrt(sum((row[k] - last[k]) ** 2 for k in range(PARAMETERS))) for row in rows]
    weight = [f64(update["weight"]) for update in manifest["updates"]]
    kept = f64(manifest["reference_weight"])
    for length, found in zip(away, weight):
        assert abs(found - min(1.0, 0.5 / length) / len(rows)) < 2 ** -21, (found, length)
    assert abs(kept - (1 - sum(weight))) < 1e-12, (kept, weight)
    for k in range(PARAMETERS):
        v = sum(w * row[k] for w, row in zip(weight, rows)) + kept * last[k]
        assert abs(after["rule"][k] - v) <= 2 ** -24 * abs(v) + 1e-15 and model[k] == single(base[k] + after["rule"][k]), k


def centred_clipping_remembers_its_output(stage):
    training = Training(stage, "clipping", "centered_clipping(tau=0.5)")
    for step in (1, 2, 3):
        training.play(step)
    training.rollback(1)
    training.restart()
    assert [training.play(step)[1] for step in (2, 3)] == [training.model[2], training.model[3]]
    assert training.audited(check_clipping) == 5


def what_cannot_be_done_is_refused(stage):
    for options, words in ((("median", "--optimiser", "adam"), "adam needs lr"), (("fltrust",), "trains none")):
        code, answer = stage.tamis("federation", "create", "never", "--model", str(stage.folder / "momentum.safetensors"),
                                   "--rule", *options, *TERMS, check=False)
        assert code != 0 and words in json.dumps(answer), answer


def without_an_optimiser_nothing_is_remembered(stage):
    training = Training(stage, "plain", "median")
    for step in (1, 2):
        training.play(step)
    for kind, subject, said in training.said():
        assert "optimiser" not in said, said
        if kind == "aggregate":
            manifest = json.loads(training.clients[0].fetch(bytes.fromhex(subject[1])))
            assert sorted(manifest) == ["federation", "gram", "margin", "round", "rule", "updates"], manifest


def an_update_is_nobodys_to_fetch_and_state_is(stage):
    training = Training(stage, "readable", "median", "--optimiser", "yogi(lr=0.1)")
    training.play(1)
    client = training.clients[0]
    [(subject, _)] = [(s, p) for kind, s, p in training.said() if kind == "aggregate"]
    manifest = json.loads(client.fetch(bytes.fromhex(subject[1])))
    assert [s["name"] for s in manifest["state"]] == ["momentum", "second_moment"]
    for state in manifest["state"]:
        assert len(floats(client.fetch(bytes.fromhex(state["blob"])))) == PARAMETERS
    refused("DENIED", lambda: client.fetch(bytes.fromhex(manifest["updates"][0]["update"])))


def a_state_that_is_gone_or_changed_does_not_verify(stage):
    """On a copy of the log and its blobs, without the server."""
    training = Training(stage, "lost", "median", "--optimiser", "adam(lr=0.1, beta1=0.5)")
    training.play(1)
    [(subject, _)] = [(s, p) for kind, s, p in training.said() if kind == "aggregate"]
    [state, _] = json.loads(training.clients[0].fetch(bytes.fromhex(subject[1])))["state"]
    copy = stage.folder / "copy"
    [journal] = stage.home.rglob("journal")
    shutil.copytree(journal.parent, copy)

    def verify():
        code, answer = stage.tamis("verify", "--journal", str(copy / "journal"), "--blobs", str(copy / "blobs"), check=False)
        return code, json.dumps(answer)

    assert verify()[0] == 0, verify()
    [blob] = copy.rglob(state["blob"])
    good = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(good[:-1] + b"\x01")
    assert verify()[0] == 1 and state["blob"] in verify()[1], verify()
    blob.unlink()
    assert verify()[0] == 1 and state["blob"] in verify()[1], verify()
    blob.write_bytes(good)
    assert verify()[0] == 0, verify()


if __name__ == "__main__":
    run([momentum_goes_back_and_survives_kills, centred_clipping_remembers_its_output, what_cannot_be_done_is_refused,
         without_an_optimiser_nothing_is_remembered, an_update_is_nobodys_to_fetch_and_state_is,
         a_state_that_is_gone_or_changed_does_not_verify], Stage)
