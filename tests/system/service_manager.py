#!/usr/bin/python3
"""A service manager's side of sd_notify: the real tamisd says READY once it serves, WATCHDOG while it lives, STOPPING
when it is told to end.

service_manager.py BINARIES
"""

import os
import pathlib
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from federation import Federation  # noqa: E402

SKIPPED = 77
PATIENCE_SECONDS = 20
WATCHDOG_USEC = 400000  # systemd would end a service that is silent for so long


def has_systemd(binaries):
    return b"libsystemd" in (binaries / "tamisd").read_bytes()


class Manager:
    """The datagram socket that systemd listens on."""

    def __init__(self, folder):
        self.path = f"{folder}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE_SECONDS)

    def next(self):
        """The assignments of one message."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def wait_for(self, name):
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            message = self.next()
            if name in message:
                return message
        raise AssertionError(f"no {name} within {PATIENCE_SECONDS} s")


def accepts(address):
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5):
        return True


def main():
    binaries = pathlib.Path(sys.argv[1])
    if not has_systemd(binaries):
        print("tamisd was built without libsystemd")
        return SKIPPED
    stage = Federation(binaries)
    with tempfile.TemporaryDirectory(prefix="tamis-notify-") as folder:
        manager = Manager(folder)
        os.environ["NOTIFY_SOCKET"] = manager.path
        os.environ["WATCHDOG_USEC"] = str(WATCHDOG_USEC)
        os.environ.pop("WATCHDOG_PID", None)  # unset: it is meant for whoever reads it
        try:
            stage.start()
            first = manager.next()
            assert first.get("READY") == "1", f"the first message is {first}"
            assert first["STATUS"] == f"serving on {stage.address}", first
            assert accepts(stage.address), "READY came before the port was open"

            began = time.monotonic()
            for _ in range(5):
                assert manager.wait_for("WATCHDOG")["WATCHDOG"] == "1"
            seconds = time.monotonic() - began
            assert seconds < 5 * WATCHDOG_USEC / 1e6, f"5 signs of life took {seconds:.1f} s"

            stage.server.terminate()
            last = manager.wait_for("STOPPING")
            assert last["STOPPING"] == "1", last
            assert stage.server.wait(PATIENCE_SECONDS) == 0
        finally:
            stage.close()
    print("READY, five signs of life, STOPPING")
    return 0


if __name__ == "__main__":
    sys.exit(main())
