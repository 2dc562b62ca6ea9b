"""A small federation on a real server, and all that it shows to anybody, laid out as files for tools that are not ours.

usage: make_log.py BINARIES STUBS OUT

OUT gets log.vkey, checkpoint, entries/INDEX.json (the envelope as logged), receipts/INDEX.tlog-proof, blobs/SHA256, and what
`tamis log export` makes in export/."""

import pathlib
import shutil
import struct
import sys
import threading
import time

here = pathlib.Path(__file__).resolve().parent
binaries, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3])
sys.path[:0] = [str(here.parent.parent / "tools"), str(here.parent), sys.argv[2]]
if not all((binaries / name).exists() for name in ("tamis", "tamisd")):
    sys.exit(77)

from federation import Federation  # noqa: E402
from python_client import Client  # noqa: E402

CLIENTS, ROUNDS, PARAMETERS = 5, 3, 1000


def update(model, client, number):
    """Floats of all signs and sizes, another for each client and round."""
    head = 8 + struct.unpack("<Q", model[:8])[0]
    values = [(((i * 2654435761 + client * 40503 + number * 977) % 20011) - 10005) / 3001 for i in range(PARAMETERS)]
    return model[:head] + struct.pack(f"<{PARAMETERS}f", *values)


def take_part(number, line, failed, clients):
    try:
        client, done = Client(line).enrol(), 0
        clients[number] = client
        while done < ROUNDS:
            found = client.poll("shown", done)
            if not found:
                continue
            base, plan = found
            body = update(client.fetch(base), number, plan["round"])
            client.submit(client.update_make(base, plan, body), body)
            done = plan["round"]
    except Exception as error:  # noqa: BLE001
        failed.append(error)


def show(stage, client):
    for name in ("entries", "receipts", "blobs"):
        (out / name).mkdir(parents=True)
    size = client.note_read(client.call("GetConsistency", size=0, to=0).checkpoint.decode())[0]
    for index in range(size):
        entry = client.call("GetEntry", index=index)
        (out / "entries" / f"{index}.json").write_bytes(entry.envelope)
        (out / "receipts" / f"{index}.tlog-proof").write_bytes(entry.receipt)
    for path in (stage.home / "state" / "blobs").glob("??/*"):
        shutil.copy(path, out / "blobs" / path.name)
    (out / "checkpoint").write_bytes(client.call("GetConsistency", size=0, to=0).checkpoint)
    (out / "log.vkey").write_text(client.invitation["log_key"] + "\n")
    return size


def main():
    shutil.rmtree(out, ignore_errors=True)
    stage, failed, clients = Federation(binaries), [], {}
    try:
        stage.start()
        stage.create("shown", PARAMETERS, "median", "--quorum", str(CLIENTS), "--rounds", str(ROUNDS), "--policy", "enforce=0")
        lines = [stage.tamis("client", "invite", f"device-{i}")["invitation"] for i in range(CLIENTS)]
        threads = [threading.Thread(target=take_part, args=(i, line, failed, clients)) for i, line in enumerate(lines)]
        [thread.start() for thread in threads]
        [thread.join(90) for thread in threads]
        assert not failed, failed
        for _ in range(200):
            rounds = stage.tamis("round", "list", "shown")
            if len(rounds) == ROUNDS and rounds[-1]["outcome"] != "open":
                break
            time.sleep(0.1)
        assert [r["outcome"] for r in rounds] == ["promoted"] * ROUNDS, rounds
        size = show(stage, clients[0])
        assert stage.stop() == 0, stage.log_end()
        stage.tamis("log", "export", str(out / "export"), "--blobs", "--state", str(stage.home / "state"))
    finally:
        stage.close()
    print(f"{size} entries of {ROUNDS} rounds in {out}")


main()
