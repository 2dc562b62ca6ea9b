#!/usr/bin/python3
"""Kills the log's signer, tamisd or both with SIGKILL at random instants under load: it starts again, nothing acknowledged is
lost, and no size of the log is ever signed with two roots. The first half of the kills with tamisd's own signer, which ends
tamisd with it; the second with a tamis-signd behind a socket, which comes back while tamisd runs.

usage: kill_signer.py BINARIES KILLS [SEED]. The seed decides the instants; it is printed."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from federation import Federation  # noqa: E402
from kill_server import begin, survives  # noqa: E402


class Watch:
    """Every checkpoint that is ever published, by its size."""

    def __init__(self, path):
        self.path, self.roots, self.forks, self.ends = path, {}, [], False
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.ends:
            try:
                _, size, root = self.path.read_text().split("\n")[:3]
            except (OSError, ValueError):
                continue
            if self.roots.setdefault(int(size), root) != root:
                self.forks.append(int(size))
            time.sleep(0.0005)


class Signed(Federation):
    """A federation whose signer can be found and killed."""

    def children(self):
        found = pathlib.Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        return [int(pid) for pid in found]

    def kill_child(self):
        [child] = self.children()
        os.kill(child, signal.SIGKILL)
        assert self.server.wait(60) == 1, "tamisd goes on without its signer"
        assert "signer ended" in self.log_end()
        self.start()

    def go_outside(self):
        """From now on the key is behind a socket."""
        self.stop()
        config = self.home / "tamisd.yaml"
        text = config.read_text().replace("  log: keys/log.key\n", "")
        config.write_text(text + f"\nsigner: unix:{self.folder}/signd\n")
        self.sign()
        self.start()

    def sign(self):
        self.signer = subprocess.Popen([self.binaries / "tamis-signd", "--key", self.home / "keys" / "log.key", "--socket",
                                        self.folder / "signd"], stderr=subprocess.PIPE, text=True)
        assert "serving" in self.signer.stderr.readline()

    def kill_outside(self):
        self.signer.kill()
        self.signer.wait()
        self.sign()


def main():
    binaries, kills, chance = begin()
    stage = Signed(binaries)
    stage.signer, good = None, False

    def blow(number):
        if number == kills // 2:
            stage.go_outside()
        time.sleep(chance.uniform(0.02, 0.6))
        acts = [stage.kill_outside if stage.signer else stage.kill_child, lambda: (stage.kill(), stage.start())]
        for act in chance.choice([acts[:1], acts[1:], acts]):
            act()

    try:
        stage.start()
        watch = Watch(stage.home / "state" / "checkpoint")
        good = survives(stage, kills, blow)
        watch.ends = True
        watch.thread.join()
        print(f"{len(watch.roots)} checkpoints seen")
        if watch.forks or len(watch.roots) < kills:
            print(f"FAILED: sizes signed with two roots: {watch.forks}")
            good = False
    finally:
        stage.close(keep=not good)
        if stage.signer:
            stage.signer.kill()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
