"""What /metrics says of federations, what it must say of liars, and that every alert that is shipped looks at something there
is and names commands that exist."""

import pathlib
import re
import shutil
import struct
import subprocess
import urllib.request

from stage import PARAMETERS, binaries, body, refused, run, task
from federation import until

ALERTS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "alerts.yml"


def send(client, base, plan, update):
    client.submit(client.update_make(base, plan, update), update)


def play(clients, name, value=0.001):
    """One round in which everybody answers."""
    for i, client in enumerate(clients):
        base, plan, model = task(client, name, play.after)
        send(client, base, plan, body(model, value + 0.0001 * i))
    play.after += 1


play.after = 0


def labelled(stage, name, **labels):
    """The value of one line; None when there is none."""
    for key, value in stage.metrics().items():
        found = dict(re.findall(r'(\w+)="([^"]*)"', key))
        if key.split("{")[0] == name and all(found.get(k) == v for k, v in labels.items()):
            return value
    return None


def shadows_and_anomalies_are_exported(stage):
    stage.create("digits", PARAMETERS, "mean", "--quorum", "3", "--shadow", "median", "--shadow", "trimmed_mean(f=1)")
    clients = stage.enrolled("anna", "berta", "carla", "doris")
    play(clients, "digits")
    stage.wait_round("digits", 1, "promoted")
    until("the shadows have seen round 1", lambda: labelled(stage, "tamis_shadow_age_rounds", federation="digits") == 0,
          stage.log_end)
    far = labelled(stage, "tamis_shadow_divergence", federation="digits", rule="median")
    assert far is not None and far < 0.2, far
    listed = stage.tamis("shadow", "list", "digits", "1")
    assert [row["rule"] for row in listed] == ["median", "trimmed_mean(f=1)"], listed
    assert abs(listed[0]["distance"] - far) < 1e-8, (listed, far)
    assert labelled(stage, "tamis_anomalous_input_rate", federation="digits", reason="any") == 0
    base, plan, model = task(clients[0], "digits", 1)
    bad = bytearray(body(model))
    bad[-4:] = struct.pack("<f", float("nan"))
    refused("NOT_FINITE", lambda: send(clients[0], base, plan, bytes(bad)))
    assert labelled(stage, "tamis_anomalous_input_rate", federation="digits", reason="NOT_FINITE") > 0
    rows = stage.tamis("slis", "digits", "--by", "client")
    assert {row["of"] for row in rows if row["sli"] == "M4" and row["value"] > 0} == {"anna"}, rows
    # Nobody's name is a label, however many there are.
    text = urllib.request.urlopen(f"http://127.0.0.1:{stage.metrics_port}/metrics").read().decode()
    assert "anna" not in text


def alerts_look_at_what_there_is(stage):
    text = urllib.request.urlopen(f"http://127.0.0.1:{stage.metrics_port}/metrics").read().decode()
    known = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    file = stage.folder / "tamis.prom"
    stage.tamis("audit", "--textfile", str(file))
    written = file.read_text()
    assert re.search(r'^tamis_provenance_completeness\{origin="test.tamis/log"\} 1$', written, re.M), written
    known |= set(re.findall(r"^# TYPE (\S+)", written, re.M))
    rules = ALERTS.read_text()
    named = set(re.findall(r"\btamis_[a-z_0-9]+", re.sub(r"^\s*(summary|action):.*$", "", rules, flags=re.M)))
    assert named and named <= known, sorted(named - known)
    # The indicators that docs/slis.md promises are there, those without a value yet too.
    page = (ALERTS.parents[1] / "docs" / "slis.md").read_text()
    promised = set(re.findall(r"^\| M\d+ \| `(tamis_[a-z_0-9]+)", page, re.M))
    assert len(promised) >= 7 and promised <= known, sorted(promised - known)


def alerts_say_what_to_do_in_commands_that_exist(stage):
    rules = ALERTS.read_text()
    alerts = re.split(r"^\s*- alert: ", rules, flags=re.M)[1:]
    assert len(alerts) > 10
    for alert in alerts:
        name = alert.split()[0]
        assert re.search(r"severity: (page|ticket)", alert), name
        action = re.search(r"^\s*action: \"(.*)\"$", alert, re.M)
        assert action, name
        commands = re.findall(r"`tamis ([a-z-]+)(?: ([a-z][a-z-]*)(?=[ `]))?", action[1])
        assert commands, name
        for noun, verb in commands:
            words = [noun, verb] if verb else [noun]
            done = subprocess.run([binaries / "tamis", "help", *words], capture_output=True, text=True)
            assert done.returncode == 0, (name, words, done.stderr)


def prometheus_reads_the_rules(stage):
    promtool = shutil.which("promtool")
    if not promtool:
        print("promtool (Debian: prometheus) is not here: its look at the rules is left out")
        return
    done = subprocess.run([promtool, "check", "rules", ALERTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


run([shadows_and_anomalies_are_exported, alerts_look_at_what_there_is, alerts_say_what_to_do_in_commands_that_exist,
     prometheus_reads_the_rules])
