#!/usr/bin/python3
"""A standby follows a server under load, through ends of either; is not promoted without the signer, nor without the last
entries; and then serves the same log to the same clients at the same address.

usage: standby.py BINARIES"""

import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from federation import Federation, Load, free_port, metrics_of, until  # noqa: E402

if not all((pathlib.Path(sys.argv[1]) / name).exists() for name in ("tamis", "tamisd", "tamis-standby", "load_clients")):
    sys.exit(77)
CLIENTS, PARAMETERS = 6, 2000


class Standby:
    def __init__(self, primary):
        self.primary, self.home = primary, primary.folder / "standby"
        self.metrics_port = free_port()
        self.home.mkdir()
        for name in ("keys", "operator"):
            shutil.copytree(primary.home / name, self.home / name)
        shutil.copy(primary.home / "genesis.json", self.home)
        for name in ("log.key", "log.key.signed"):
            (self.home / "keys" / name).unlink()
        server = (primary.home / "operator" / "server.json").read_text()
        vkey = re.search(r'"log_vkey": "([^"]+)"', server)[1]
        self.config = self.home / "tamisd.yaml"
        self.config.write_text((primary.home / "tamisd.yaml").read_text() + f'''
metrics: "127.0.0.1:{self.metrics_port}"
follow:
  address: "{primary.address}"
  log_key: "{vkey}"
  operator_key: operator/operator.key
''')
        self.log, self.process = self.home / "log", None

    def start(self):
        self.ready = self.home / "ready"
        self.ready.unlink(missing_ok=True)
        self.process = subprocess.Popen([self.primary.binaries / "tamisd", "--config", self.config, "--follow", "--ready-file",
                                         self.ready], stderr=open(self.log, "ab"))

    def says(self, prefix):
        return self.ready.exists() and self.ready.read_text().startswith(prefix)

    def said(self, words):
        return words in self.log.read_text()

    def metric(self, name):
        try:
            return metrics_of(self.metrics_port)[f"tamis_follow_{name}"]
        except OSError:
            return -1

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


def signd(primary, *arguments):
    return subprocess.run([primary.binaries / "tamis-signd", *arguments], capture_output=True, text=True, timeout=30)


def follows_through_everything(primary, standby):
    standby.start()
    until("caught up", lambda: standby.says("following"))
    standby.stop(signal.SIGKILL)
    primary.tamis("client", "invite", "later", "--organisation", "test")
    standby.start()
    until("caught up again", lambda: standby.says("following"))
    primary.kill()
    until("out of reach", lambda: standby.said("primary out of reach"))
    until("not reachable in the metrics", lambda: standby.metric("reachable") == 0)
    primary.start()
    size = lambda: primary.tamis("log", "show", "--count", "100000")[-1]["index"] + 1  # noqa: E731
    grown = size()
    until("followed on", lambda: standby.metric("covered") > grown)


def is_not_promoted_without_the_signer(standby):
    standby.process.send_signal(signal.SIGUSR1)
    until("refused", lambda: standby.said("not promoted"))
    assert standby.said("--hand-over") and standby.process.poll() is None
    entries = standby.metric("entries")
    until("it goes on following", lambda: standby.metric("entries") > entries)


def is_promoted_with_everything(primary, standby):
    parcel = primary.folder / "parcel"
    assert primary.stop() == 0
    old, new = primary.home / "keys" / "log.key", standby.home / "keys" / "log.key"
    assert signd(primary, "--key", old, "--hand-over", parcel).returncode == 0
    refused = subprocess.run([primary.binaries / "tamisd", "--config", primary.home / "tamisd.yaml"], capture_output=True, text=True)
    assert refused.returncode != 0, "the old one serves on"
    done = signd(primary, "--key", new, "--take-over", parcel)
    assert done.returncode == 0, done
    standby.process.send_signal(signal.SIGUSR1)
    until("promoted, or told what is missing", lambda: standby.says("127.") or standby.said("follow.folder"))
    if standby.said("follow.folder"):  # clients were answered after the standby last looked
        print("the last entries come from the primary's folder")
        with open(standby.config, "a") as config:
            config.write(f"  folder: {primary.home}/state\n")
        standby.stop()
        standby.start()
        until("it runs", lambda: standby.metric("entries") > 0)
        standby.process.send_signal(signal.SIGUSR1)
    until("promoted", lambda: standby.says("127."))


def refuses_a_fork(binaries):
    """A primary that was put back, log, key's mark and all, and went on differently."""
    primary, good, standby = Federation(binaries), False, None
    try:
        primary.start()
        standby = Standby(primary)
        standby.start()
        until("caught up", lambda: standby.says("following"))
        primary.stop()
        shutil.copytree(primary.home, primary.folder / "backup")
        primary.start()
        primary.tamis("client", "invite", "ann", "--organisation", "test")
        until("ann is there", lambda: standby.metric("covered") == 2)
        primary.stop()
        shutil.rmtree(primary.home)
        shutil.copytree(primary.folder / "backup", primary.home)
        primary.start()
        for name in ("bob", "cid", "dan"):
            primary.tamis("client", "invite", name, "--organisation", "test")
        assert standby.process.wait(60) == 1 and standby.said("status=FORK"), standby.log.read_text()
        assert (standby.home / "state" / "follow" / "fork-evidence").exists()
        standby.start()
        assert standby.process.wait(60) == 1, "it forgot"
        good = True
    finally:
        if standby and standby.process and standby.process.poll() is None:
            standby.stop()
        if not good and standby:
            print(standby.log.read_text()[-3000:])
        primary.close(keep=not good)


def main():
    refuses_a_fork(sys.argv[1])
    primary = Federation(sys.argv[1])
    standby, load, good = Standby.__new__(Standby), None, False
    standby.process = None
    try:
        primary.start()
        load = Load(primary, CLIENTS)
        primary.create("stand", PARAMETERS, "mean", "--quorum", "3", "--deadline", "5s", "--policy", "enforce=0", "--keep-rounds", "1")
        until("files were let go", lambda: primary.tamis("federation", "show", "stand")["head_round"] >= 4)
        standby = Standby(primary)
        follows_through_everything(primary, standby)
        is_not_promoted_without_the_signer(standby)
        is_promoted_with_everything(primary, standby)
        promoted_at = len(load.acknowledged)
        until("the clients go on", lambda: len(load.acknowledged) > promoted_at + 3 * CLIENTS)
        load.end()
        lost = load.lost()
        assert not lost, f"{len(lost)} acknowledged updates are not in the log, first {lost[0]}"
        assert primary.tamis("verify", check=False)[0] == 0
        assert "FORK" not in (primary.folder / "load.log").read_text()
        code = standby.stop()
        assert code == 0, code
        standby.start()  # as its service manager would: it remembers that it was promoted
        until("it serves again", lambda: standby.says("127."))
        print(f"{len(load.acknowledged)} acknowledged updates, {promoted_at} of them before the promotion; none lost")
        good = True
    finally:
        if load:
            load.process.kill()
        if standby.process and standby.process.poll() is None:
            standby.stop()
        if not good and standby.process:
            print(standby.log.read_text()[-3000:])
        primary.close(keep=not good)
    return 0


if __name__ == "__main__":
    sys.exit(main())
