"""A real tamisd and, beside it, the client of tests/conformance written from PROTOCOL.md: what the tests against the real thing
stand on."""

import pathlib
import struct
import sys
import time

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "tools"), str(here.parent / "conformance"), sys.argv[2]]
binaries = pathlib.Path(sys.argv[1]).parent
if not (binaries / "tamis").exists() or not (binaries / "tamisd").exists():
    print("tamisd and tamis are not built: left out")
    sys.exit(77)

from claims import held  # noqa: E402
from federation import Federation, free_port, metrics_of  # noqa: E402
from python_client import Client, Refusal, sha256  # noqa: E402

PARAMETERS = 1000


class Stage(Federation):
    """With /metrics, and with what a test adds to the configuration."""

    def __init__(self, configuration=""):
        super().__init__(binaries)
        self.metrics_port = free_port()
        with open(self.home / "tamisd.yaml", "a") as file:
            file.write(f'\nmetrics: "127.0.0.1:{self.metrics_port}"\n{configuration}')
        self.start()

    def enrolled(self, *names, **options):
        return [Client(self.line(name), **options).enrol() for name in names]

    def line(self, name, *options):
        return self.tamis("client", "invite", name, "--organisation", "test", *options)["invitation"]

    def metrics(self):
        return metrics_of(self.metrics_port)

    def settled(self):
        """The metrics once nothing is in flight: what came in is what was answered."""
        for _ in range(200):
            values = self.metrics()
            if not values["tamis_calls"]:
                break
            time.sleep(0.05)
        answered = sum(v for k, v in values.items() if k.startswith("tamis_responses_total"))
        assert not values["tamis_calls"], values["tamis_calls"]
        assert values["tamis_requests_total"] == answered, (values["tamis_requests_total"], answered)
        assert not values["tamis_inflight_bytes"], values["tamis_inflight_bytes"]
        return values

    def verified(self):
        code, answer = self.tamis("verify", check=False)
        assert code == 0, answer

    def round(self, name, number):
        return next(r for r in self.tamis("round", "list", name) if r["round"] == number)

    def wait_round(self, name, number, outcome, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            rounds = [r for r in self.tamis("round", "list", name) if r["round"] == number]
            if rounds and rounds[0]["outcome"] == outcome:
                return rounds[0]
            assert time.monotonic() < deadline, (rounds, self.log_end())
            time.sleep(0.05)


def task(client, federation, after=0):
    """The next round's (base, plan, model); waits for it."""
    for _ in range(12):
        found = client.poll(federation, after)
        if found:
            return *found, client.fetch(found[0])
    raise AssertionError("no round came")


def body(model, value=0.001):
    """An update of the model's layout, the same float everywhere."""
    head = 8 + struct.unpack("<Q", model[:8])[0]
    return model[:head] + struct.pack("<f", value) * ((len(model) - head) // 4)


def refused(status, action):
    try:
        done = action()
    except Refusal as refusal:
        assert refusal.name == status, (status, str(refusal))
        return refusal
    raise AssertionError(f"expected {status}, got {done!r}")


def run(tests, make=Stage):
    """Runs each claim on one server; at the end the log must verify and the server stop when asked."""
    stage = make()
    try:
        good = held(tests, stage, stage.log_end)
        stage.verified()
        assert stage.stop() == 0, stage.log_end()
    finally:
        stage.close()
    sys.exit(not good)
