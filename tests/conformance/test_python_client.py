"""Two clients in another language and one of libtamis make two rounds together: PROTOCOL.md says enough.

usage: test_python_client.py BINARIES STUBS"""

import pathlib
import struct
import subprocess
import sys
import threading
import time

here = pathlib.Path(__file__).resolve().parent
binaries = pathlib.Path(sys.argv[1])
sys.path[:0] = [str(here.parent / "tools"), sys.argv[2]]
if not all((binaries / name).exists() for name in ("tamis", "tamisd", "load_clients")):
    sys.exit(77)

from federation import Federation  # noqa: E402
from python_client import Client, Refusal  # noqa: E402

PARAMETERS, ROUNDS, STEP = 300_000, 2, 0.25  # more than one chunk and part each way


def take_part(line, failed):
    try:
        client, done = Client(line).enrol(), 0
        while done < ROUNDS:
            found = client.poll("mixed", done)
            if not found:
                continue
            base, plan = found
            model = client.fetch(base)
            head = 8 + struct.unpack("<Q", model[:8])[0]
            body = model[:head] + struct.pack("<f", STEP) * plan["parameters"]
            client.submit(client.update_make(base, plan, body), body)
            done = plan["round"]
    except Exception as error:  # noqa: BLE001
        failed.append(error)


def believes_only_proofs(stage):
    client = Client(stage.tamis("client", "invite", "py-3")["invitation"]).enrol()
    entry, other = client.call("GetEntry", index=1), client.call("GetEntry", index=2)
    assert client.receipt_check(entry.envelope, entry.receipt)[0] == 1
    for envelope, receipt in ((other.envelope, entry.receipt), (entry.envelope, entry.receipt.replace(b"index 1", b"index 2")),
                              (entry.envelope, entry.receipt[:-12] + entry.receipt[-11:-7] + b"A" + entry.receipt[-7:])):
        try:
            client.receipt_check(envelope, receipt)
        except (Refusal, ValueError):
            continue
        raise AssertionError("a proof of something else was believed")


def main():
    stage, failed, device = Federation(binaries), [], None
    try:
        stage.start()
        stage.create("mixed", PARAMETERS, "median", "--quorum", "3", "--rounds", str(ROUNDS), "--deadline", "60s")
        lines = [stage.tamis("client", "invite", name)["invitation"] for name in ("py-1", "py-2", "c-1")]
        (stage.folder / "states").mkdir()
        (stage.folder / "lines").write_text(lines[2] + "\n")
        device = subprocess.Popen([binaries / "load_clients", stage.folder / "states", stage.folder / "lines", str(ROUNDS)],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threads = [threading.Thread(target=take_part, args=(line, failed)) for line in lines[:2]]
        [thread.start() for thread in threads]
        [thread.join(60) for thread in threads]
        assert not failed, failed
        said = device.communicate(timeout=60)[0]
        assert said.count("ack c-1 mixed") == ROUNDS, said
        for _ in range(100):
            rounds = stage.tamis("round", "list", "mixed")
            if rounds[-1]["outcome"] != "open":
                break
            time.sleep(0.1)
        assert [(r["outcome"], r["updates"]) for r in rounds] == [("promoted", 3)] * ROUNDS, rounds
        stage.tamis("model", "get", "mixed", "--file", str(stage.folder / "last"))
        # Two of three say a quarter a round, so that is the median of every weight.
        assert struct.unpack("<f", (stage.folder / "last").read_bytes()[-4:])[0] == ROUNDS * STEP
        assert stage.tamis("verify", check=False)[0] == 0
        believes_only_proofs(stage)
        assert stage.stop() == 0, stage.log_end()
    finally:
        if device and device.poll() is None:
            device.kill()
        stage.close()


main()
print(f"{ROUNDS} rounds of two Python clients and one of libtamis")
