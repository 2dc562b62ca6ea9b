"""Bundles of a real server's log: what a client and an operator can each show an auditor who has the log's public key and nothing else,
and what the auditor makes of a file that was touched. The files are also opened with tar, sha256sum and openssl."""

import base64
import hashlib
import json
import random
import struct
import subprocess
import tarfile

from stage import Stage, binaries, body, refused, run, task
from python_client import key_id

PARAMETERS = 40
HONEST = ("ada", "ben", "cat", "dan", "eve")


def noisy(model, seed, scale=1.0):
    """0.01 everywhere and a little noise, as an update of the model's layout."""
    head, source = 8 + struct.unpack("<Q", model[:8])[0], random.Random(seed)
    count = (len(model) - head) // 4
    return model[:head] + struct.pack(f"<{count}f", *(scale * (0.01 + 0.002 * source.gauss(0, 1)) for _ in range(count)))


def answer(client, number, seed, scale=1.0):
    base, plan, model = task(client, "digits", number - 1)
    assert plan["round"] == number, plan
    blob = noisy(model, seed, scale)
    return client.submit(client.update_make(base, plan, blob), blob)


def too_long(client, number):
    base, plan, model = task(client, "digits", number - 1)
    blob = body(model, 50.0)
    refused("NORM_TOO_LARGE", lambda: client.submit(client.update_make(base, plan, blob), blob))


def device_folder(stage, client):
    """What the SDK keeps of a client: as if the device had been a C program."""
    folder = stage.folder / f"device-{client.name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    public, seed = bytes(client.key.verify_key), bytes(client.key)
    key = base64.b64encode(b"\x01" + seed).decode()
    files = {"identity.key": f"PRIVATE+KEY+{client.name}+{key_id(client.name, public).hex()}+{key}\n",
             "pinned": json.dumps({"address": client.invitation["address"], "client": client.name,
                                   "log_key": client.invitation["log_key"]}, separators=(",", ":"), sort_keys=True)}
    for name, text in files.items():
        path = folder / name
        path.write_text(text)
        path.chmod(0o600)
    return folder


def history(stage):
    """Round 1: mal lies, is rejected and quarantined. Round 2: it is held; eve is refused; late is not asked."""
    if hasattr(stage, "clients"):
        return stage.clients
    stage.clients = {c.name: c for c in stage.enrolled(*HONEST, "mal")}
    stage.create("digits", PARAMETERS, "trimmed_mean(f=1)", "--quorum", "4", "--rounds", "2", "--deadline", "60s",
                 "--norm-max", "100", "--policy", "strikes_quarantine=1")
    for seed, name in enumerate(HONEST):
        answer(stage.clients[name], 1, seed)
    answer(stage.clients["mal"], 1, 77, -30.0)
    stage.wait_round("digits", 1, "promoted")
    too_long(stage.clients["eve"], 2)
    for seed, name in enumerate((*HONEST[:4], "mal")):
        answer(stage.clients[name], 2, 10 + seed)
    stage.wait_round("digits", 2, "promoted")
    stage.clients["late"], = stage.enrolled("late")
    stage.vkey = json.loads((stage.home / "operator" / "server.json").read_text())["log_vkey"]
    return stage.clients


def made(stage, name, *words):
    path = stage.folder / f"{name}.tar"
    path.unlink(missing_ok=True)
    stage.tamis("bundle", *words, "-O", str(path))
    return path


def audited(stage, path, expected=0):
    """An auditor with another home, without a server: the log's key is all there is."""
    done = subprocess.run([binaries / "tamis", "--home", stage.folder / "nobody", "-o", "json", "verify", path, "--log-key",
                           stage.vkey], capture_output=True, text=True, timeout=60)
    assert done.returncode == expected, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)["data"]


def claims(data, word, **wanted):
    return [c for c in data["claims"] if c["claim"] == word and all(c.get(k) == v for k, v in wanted.items())]


def an_operator_shows_a_round(stage):
    history(stage)
    data = audited(stage, made(stage, "round", "round", "digits", "2"))
    assert data["kind"] == "round" and data["rounds"] == [2] and data["limits"] == ["not-recomputed", "absence"], data
    assert len(claims(data, "update", verdict="accept")) == 4, data["claims"]
    held, = claims(data, "update", verdict="hold")
    assert held["client"] == "mal" and "weight" not in held and "held, so it weighs nothing" in held["text"]
    refusal, = claims(data, "refusal")
    assert refusal["client"] == "eve" and refusal["status"] == "NORM_TOO_LARGE" and "was refused in entry" in refusal["text"]


def a_client_shows_that_it_was_in(stage):
    clients = history(stage)
    folder = device_folder(stage, clients["ada"])
    path = made(stage, "ada", "client", "ada", "digits", "--client-state", str(folder))
    data = audited(stage, path)
    assert data["client"] == "ada" and data["rounds"] == [1, 2], data
    for number in (1, 2):
        update, = claims(data, "update", round=number)
        assert update["verdict"] == "accept" and update["weight"].startswith("f64:3f") and update["outcome"] == "promoted"
        assert "was accepted with weight 0x1" in update["text"], update["text"]
    assert "no-gram" in data["limits"], data["limits"]  # which clients are not given


def a_client_shows_that_it_was_refused_or_held_or_not_asked(stage):
    clients = history(stage)
    data = audited(stage, made(stage, "eve", "client", "eve", "--round", "2", "--client-state",
                               str(device_folder(stage, clients["eve"]))))
    assert claims(data, "refusal", client="eve", status="NORM_TOO_LARGE") and not claims(data, "update"), data
    data = audited(stage, made(stage, "mal", "client", "mal", "--client-state", str(device_folder(stage, clients["mal"]))))
    assert [c["verdict"] for c in claims(data, "update")] == ["reject", "hold"], data["claims"]
    assert any("mal probation -> quarantined" in c["text"] for c in claims(data, "entry")), data["claims"]
    data = audited(stage, made(stage, "late", "client", "late", "digits", "--round", "2", "--client-state",
                               str(device_folder(stage, clients["late"]))))
    assert claims(data, "not-selected", client="late", round=2), data["claims"]


def a_model_names_everybody_who_made_it(stage):
    history(stage)
    path = made(stage, "model", "model", "digits", "--bodies")
    data = audited(stage, path)
    assert data["provenance"].startswith("operator/"), data
    with tarfile.open(path) as tar:
        envelope = json.load(tar.extractfile("provenance.intoto.json"))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    used = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert used[0]["name"] == "base" and sorted(u["annotations"]["client"] for u in used[1:]) == list(HONEST[:4]), used
    model = statement["subject"][0]["digest"]["sha256"]
    assert model == stage.tamis("federation", "show", "digits")["head"]
    with tarfile.open(path) as tar:  # with --bodies the model itself is in it, and each update
        for digest in [model] + [u["digest"]["sha256"] for u in used]:
            assert hashlib.sha256(tar.extractfile(f"blobs/{digest}").read()).hexdigest() == digest


def a_folder_gives_the_same_bytes_as_its_server(stage):
    history(stage)
    for name, words in (("round", ("round", "digits", "1")), ("client", ("client", "mal")), ("model", ("model", "digits"))):
        asked = made(stage, f"asked-{name}", *words).read_bytes()
        read = made(stage, f"read-{name}", *words, "--state", str(stage.home / "state")).read_bytes()
        assert asked == read, name


def tools_that_are_not_ours_check_it(stage):
    history(stage)
    path, folder = made(stage, "strangers", "model", "digits"), stage.folder / "opened"
    folder.mkdir()
    subprocess.run(["tar", "-C", folder, "-xf", path], check=True, timeout=30)
    listed = subprocess.run("sha256sum *", shell=True, cwd=folder / "blobs", capture_output=True, text=True, timeout=30).stdout
    assert listed and all(line.split()[0] == line.split()[1] for line in listed.splitlines()), listed
    genesis = json.loads((folder / "entries" / "0.json").read_text())
    payload = base64.b64decode(genesis["payload"])
    vkey = json.loads(payload)["predicate"]["operators"][0]
    raw = base64.b64decode(vkey.split("+", 2)[2])[1:]
    (folder / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + raw)
    for envelope in (genesis, json.loads((folder / "provenance.intoto.json").read_text())):
        payload = base64.b64decode(envelope["payload"])
        (folder / "message").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload)
        (folder / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key.der",
                               "-in", "message", "-sigfile", "signature"], cwd=folder, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr


def what_was_touched_is_refused(stage):
    history(stage)
    path = made(stage, "touched", "client", "ben")
    original, rng = path.read_bytes(), random.Random(4)
    for _ in range(60):
        at = rng.randrange(8 * len(original))
        changed = bytearray(original)
        changed[at // 8] ^= 1 << at % 8
        path.write_bytes(changed)
        audited(stage, path, 1)
    for cut in (0, 512, 1024, len(original) // 2, len(original) - 512, len(original) - 1):
        path.write_bytes(original[:cut] or b"\0")
        audited(stage, path, 1)
    with tarfile.open(path, "w") as repacked:
        (stage.folder / "extra").write_bytes(b"boo")
        repacked.add(stage.folder / "extra", "../../etc/passwd")
    audited(stage, path, 1)
    path.write_bytes(original)
    audited(stage, path)


def a_client_is_given_no_more_than_it_may_read(stage):
    clients = history(stage)
    path = made(stage, "bodies", "model", "digits", "--bodies", "--client-state", str(device_folder(stage, clients["ada"])))
    data = audited(stage, path)
    assert data["provenance"] == "", data
    with tarfile.open(path) as tar:
        there = {name.removeprefix("blobs/") for name in tar.getnames() if name.startswith("blobs/")}
    assert not there & {c["update"] for c in claims(data, "update")}, "another client's update"


if __name__ == "__main__":
    run([an_operator_shows_a_round, a_client_shows_that_it_was_in, a_client_shows_that_it_was_refused_or_held_or_not_asked,
         a_model_names_everybody_who_made_it, a_folder_gives_the_same_bytes_as_its_server, tools_that_are_not_ours_check_it,
         what_was_touched_is_refused, a_client_is_given_no_more_than_it_may_read])
