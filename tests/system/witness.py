"""Clients as witnesses of a real tamisd: a promotion waits for two organisations; a server that came from an old backup, signer's
memory and all, and two servers with one key are found out within one round, with evidence that `tamis log fork` accepts.
usage: witness.py BINARIES"""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "tools"))
binaries = pathlib.Path(sys.argv[1])
if any(not (binaries / name).exists() for name in ("tamis", "tamisd", "tamis_minimal")):
    print("tamisd, tamis or tamis_minimal is not built: left out")
    sys.exit(77)

from federation import Federation, free_port, metrics_of, until  # noqa: E402

CLIENTS = {"north-1": "north", "north-2": "north", "south-1": "south"}
PARAMETERS = 50


class Devices:
    """tamis_minimal processes, each with its own state folder."""

    def __init__(self, federation):
        self.federation = federation
        self.invitation = {name: federation.tamis("client", "invite", name, "--organisation", organisation)["invitation"]
                           for name, organisation in CLIENTS.items()}

    def state(self, name):
        return self.federation.folder / f"device-{name}"

    def start(self, name, rounds, address=None):
        command = [binaries / "tamis_minimal", self.state(name), address or self.federation.address, str(rounds)]
        return subprocess.Popen(command + [self.invitation[name]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def play(self, rounds, names=CLIENTS):
        running = [self.start(name, rounds) for name in names]
        for process in running:
            out, error = process.communicate(timeout=90)
            assert process.returncode == 0, (error, self.federation.log_end())
        if rounds > 1:  # each has looked back at the rounds before, in the log
            last = int(re.findall(r"fit round (\d+): loss", out)[-1])
            assert self.wanted(names) == [[{"federation": "fit", "round": last}]] * len(names), self.wanted(names)

    def wanted(self, names=CLIENTS):
        """The rounds whose verdicts each device has not seen yet."""
        return [json.loads((self.state(name) / "verdicts-wanted").read_text()) for name in names]

    def finds_fork(self, name, address=None):
        """Takes part once and must not: FORK, evidence on disk, and FORK again in the next process."""
        for _ in range(2):
            process = self.start(name, 1, address)
            out, error = process.communicate(timeout=90)
            assert process.returncode == 1 and error.startswith("FORK: "), (out, error, self.federation.log_end())
            assert (self.state(name) / "fork-evidence").exists()
        return self.state(name) / "fork-evidence"


def kinds(federation, kind):
    return federation.tamis("log", "show", "--kind", kind)


def head_round(federation):
    return federation.tamis("federation", "show", "fit")["head_round"]


def wait_head(federation, number):
    until(f"round {number} is promoted", lambda: head_round(federation) >= number, federation.log_end)


@contextlib.contextmanager
def stage(*options):
    federation = Federation(binaries)
    try:
        federation.metrics = free_port()
        with open(federation.home / "tamisd.yaml", "a") as file:
            file.write(f'\nmetrics: "127.0.0.1:{federation.metrics}"\n')
        federation.start()
        devices = Devices(federation)
        federation.create("fit", PARAMETERS, "mean", "--quorum", "3", "--deadline", "60s", *options)
        yield federation, devices
    finally:
        federation.close()


def save(federation, name):
    """All that an administrator's backup of the machine would hold: state, keys, the signer's memory."""
    shutil.copytree(federation.home, federation.folder / name)


def restore(federation, name):
    federation.stop()
    shutil.rmtree(federation.home)
    shutil.copytree(federation.folder / name, federation.home)
    federation.start()


def play_and_save(federation, devices):
    """A round, then the backup."""
    devices.play(1)
    wait_head(federation, 1)
    federation.stop()
    save(federation, "backup")
    federation.start()


def refused_by_all(federation, devices):
    """No client takes part; the evidence of each, and what `tamis log fork` finds in it."""
    before = len(kinds(federation, "update"))
    for name in CLIENTS:
        evidence = devices.finds_fork(name)
        yield evidence, federation.tamis("log", "fork", str(evidence), "--state", str(federation.home / "state"))
    assert len(kinds(federation, "update")) == before == 3


def every_client_looks_at_every_verdict():
    with stage("--rounds", "3") as (federation, devices):
        running = [devices.start(name, 4) for name in CLIENTS]  # the fourth is told that all is over
        for process in running:
            out, error = process.communicate(timeout=90)
            assert process.returncode == 0 and "fit round 3: loss" in out and error.startswith("CANCELLED"), (out, error)
        assert devices.wanted() == [[]] * 3, devices.wanted()
        # Every blob that left the server: each client had each base model and both manifests of each round, once.
        blobs = federation.home / "state" / "blobs"
        size = {path.name: path.stat().st_size for path in blobs.rglob("*") if path.is_file()}
        subjects = {kind: [[s["digest"]["sha256"] for s in entry["statement"]["subject"]] for entry in kinds(federation, kind)]
                    for kind in ("round-open", "verdicts", "aggregate")}
        due = sum(size[s[-1]] for kind in subjects for s in subjects[kind])  # base; verdicts; weights behind the model
        assert [len(subjects[kind]) for kind in subjects] == [3, 3, 3], subjects
        sent = metrics_of(federation.metrics)["tamis_sent_bytes_total"]
        assert sent == 3 * due, (sent, due)
        assert not any((devices.state(name) / "omission-evidence").exists() for name in CLIENTS)


def a_promotion_waits_for_two_organisations():
    with stage("--witness-quorum", "2") as (federation, devices):
        # A client that has answered is asked while it waits for the next round.
        running = [devices.start(name, 3) for name in CLIENTS]
        for process in running:
            out, error = process.communicate(timeout=90)
            assert process.returncode == 0, (error, federation.log_end())
            assert "fit round 3: loss" in out, out
        assert devices.wanted() == [[{"federation": "fit", "round": 3}]] * 3, devices.wanted()
        witnessed = [entry["statement"]["predicate"] for entry in kinds(federation, "witnessed")]
        assert [w["round"] for w in witnessed][:2] == [1, 2], witnessed
        assert all(w["organisations"] == 2 and w["witnesses"] >= 2 for w in witnessed), witnessed
        promoted = [entry["index"] for entry in kinds(federation, "promote")]
        for entry, promotion in zip(kinds(federation, "witnessed"), promoted):
            assert entry["index"] < promotion
        code, answer = federation.tamis("verify", "--blobs", str(federation.home / "state" / "blobs"), check=False)
        assert code == 0, answer
        bundle = federation.folder / "model-2.tar"
        federation.tamis("bundle", "model", "fit", "--round", "2", "-O", str(bundle))
        claims = federation.tamis("verify", str(bundle))["claims"]
        vouched, = [claim for claim in claims if claim["claim"] == "witnessed"]
        assert vouched["organisations"] == 2 and len(vouched["clients"]) == witnessed[1]["witnesses"], vouched
        # The third round has nobody left to witness it: it is not promoted, however long one looks.
        assert head_round(federation) == 2 and len(kinds(federation, "aggregate")) == 3
        policy = federation.tamis("log", "policy", "fit")["policy"].splitlines()
        assert policy[0].startswith("log test.tamis/log+"), policy
        assert sum(line.startswith("witness client/") for line in policy) == 3, policy
        assert "group organisation/north 1 client/north-1 client/north-2" in policy, policy
        assert policy[-2:] == ["group witnesses 2 organisation/north organisation/south", "quorum witnesses"], policy
        files = list((federation.home / "state" / "cosignatures").iterdir())
        assert files and all(line.startswith("\u2014 ") for file in files for line in file.read_text().splitlines())


def a_server_from_an_old_backup_is_found_out():
    with stage() as (federation, devices):
        play_and_save(federation, devices)
        devices.play(2)
        wait_head(federation, 3)
        honest = federation.folder / "honest"
        federation.stop()
        save(federation, "honest")
        restore(federation, "backup")
        for evidence, found in refused_by_all(federation, devices):
            assert found["finding"] == "unlinked" and found["kept"]["log"] == "ends before", found
            code, answer = federation.tamis("log", "fork", str(evidence), "--state", str(honest / "state"), check=False)
            assert code == 1 and "holds both trees" in answer["data"]["message"], answer
        assert metrics_of(federation.metrics)["tamis_fork_evidence_total"] >= 1
        assert "another history was seen" in federation.log_end(), federation.log_end()
        (devices.state("north-1") / "fork-evidence").unlink()  # a human's word, but the server is still the wrong one
        devices.finds_fork("north-1")


def a_restored_server_that_has_grown_again_is_found_out():
    with stage() as (federation, devices):
        play_and_save(federation, devices)
        devices.play(1)
        wait_head(federation, 2)
        restore(federation, "backup")
        for i in range(20):  # another history, longer than what the clients saw
            federation.tamis("client", "invite", f"late-{i}", "--organisation", "east")
        for _, found in refused_by_all(federation, devices):
            assert found["finding"] == "unlinked" and found["answer"] == "OK", found
            assert (found["kept"]["log"], found["shown"]["log"]) == ("differs", "holds"), found


def two_servers_with_one_key_are_found_out():
    with stage() as (federation, devices):
        devices.play(1)
        wait_head(federation, 1)
        federation.stop()
        twin = Federation(binaries)
        try:
            twin.metrics = free_port()
            shutil.rmtree(twin.home)
            shutil.copytree(federation.home, twin.home)
            for path in twin.home.rglob("*"):  # the same server in every respect, but that it lives elsewhere
                if path.name in ("tamisd.yaml", "server.json"):
                    text = path.read_text().replace(federation.address, twin.address).replace(str(federation.home), str(twin.home))
                    path.write_text(text.replace(str(federation.metrics), str(twin.metrics)))
            federation.start()
            twin.start()
            for side in (federation, twin):  # one entry each, of the same length and not the same
                side.tamis("client", "invite", "other", "--organisation", "east")
            before = len(kinds(twin, "update"))
            devices.play(1, ["north-1"])  # sees the one
            evidence = devices.finds_fork("north-1", twin.address)  # and is shown the other
            assert federation.tamis("log", "fork", str(evidence))["finding"] in ("proved", "unlinked")
            assert len(kinds(twin, "update")) == before
        finally:
            twin.close()


if __name__ == "__main__":
    for claim in (every_client_looks_at_every_verdict, a_promotion_waits_for_two_organisations, a_server_from_an_old_backup_is_found_out,
                  a_restored_server_that_has_grown_again_is_found_out, two_servers_with_one_key_are_found_out):
        print(claim.__name__.replace("_", " "), flush=True)
        claim()
