#!/usr/bin/python3
"""The log as files: `tamis log export` from a server and from a state folder, again after the log grew and after bytes
were changed; `tamis log serve`, its answers and its refusals.

log_files.py BINARIES
"""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from federation import Federation  # noqa: E402

CLIENTS, ROUNDS = 6, 30


def claim(holds, what):
    if not holds:
        raise AssertionError(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def root_of(leaves):
    """RFC 6962 2.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + root_of(leaves[:left]) + root_of(leaves[left:]))


def bundle_entries(data):
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at:at + 2], "big")
        entries.append(data[at + 2:at + 2 + length])
        claim(len(entries[-1]) == length, "a whole entry")
        at += 2 + length
    return entries


def tile_names(kind, count):
    """Of the tiles of `count` hashes; the log of this test is below 256,000."""
    full, rest = divmod(count, 256)
    return [f"tile/{kind}/{n:03}" for n in range(full)] + ([f"tile/{kind}/{full:03}.p/{rest}"] if rest else [])


def check_folder(folder):
    """Everything that a stranger would check, but for signatures: the Go program of tests/conformance does those."""
    lines = (folder / "checkpoint").read_text().split("\n")
    size, root = int(lines[1]), base64.b64decode(lines[2])
    entries = [entry for name in tile_names("entries", size) for entry in bundle_entries((folder / name).read_bytes())]
    claim(len(entries) == size, f"{size} entries in the bundles, not {len(entries)}")
    hashes = [sha256(b"\0" + entry) for entry in entries]
    claim(root_of(hashes) == root, "the entries give the signed root")
    level = 0
    while hashes:
        stored = b"".join((folder / name).read_bytes() for name in tile_names(level, len(hashes)))
        claim(stored == b"".join(hashes), f"the hashes of level {level}")
        hashes = [root_of(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
        level += 1
    return size, entries


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run_rounds(stage, rounds, name):
    states = stage.folder / "states"
    states.mkdir(exist_ok=True)
    load = subprocess.run([stage.binaries / "load_clients", states, stage.folder / "load.invitations", str(rounds)],
                          capture_output=True, text=True, timeout=300)
    claim(load.returncode == 0, f"{name}: {load.stdout[-500:]}{load.stderr[-500:]}")
    size = -1
    while size != log_size(stage):  # the last round is judged when its clients are gone
        size = log_size(stage)
        time.sleep(1)


def check_export(stage):
    public, offline = stage.folder / "public", stage.folder / "offline"
    vkey = json.loads((stage.home / "operator/server.json").read_text())["log_vkey"]

    first = stage.tamis("log", "export", str(public))
    size, _ = check_folder(public)
    claim(first["entries"] == first["new"] == size and first["tiles_written"] >= 2, first)
    claim((public / "log.vkey").read_text() == vkey + "\n", "the key beside it")
    claim((public / "tile/0/000").stat().st_mode & 0o044, "others may read it")

    shown = subprocess.run([stage.binaries / "tamis", "--home", stage.home, "log", "export", public], capture_output=True,
                           text=True)
    for words in (f"exported the log test.tamis/log to {public}", f"{size}, 0 of them new; they give the signed root",
                  "0 written"):
        claim(words in shown.stdout, f"{words}: {shown}")
    again = stage.tamis("log", "export", str(public))
    claim(again["tiles_written"] == 0 and again["new"] == 0, f"nothing to write: {again}")

    run_rounds(stage, 4, "more rounds")
    more = stage.tamis("log", "export", str(public), "--blobs")
    size, entries = check_folder(public)
    claim(more["new"] > 0 and more["entries"] == size > 256, more)
    claim(0 < more["tiles_written"] <= 2 * (more["new"] // 256 + 2) + 2, f"only new tiles: {more}")
    blobs = [p for p in (public / "blobs").rglob("*") if p.is_file()]
    claim(more["blobs"] == more["blobs_new"] == len(blobs) > 50, more)
    for blob in blobs:
        claim(sha256(blob.read_bytes()).hex() == blob.name and blob.parent.name == blob.name[:2], blob)
    inside = {p.name for p in (stage.home / "state/blobs").rglob("*") if p.is_file()}
    claim({blob.name for blob in blobs} == inside, "every file of the server that the log names")

    one = stage.tamis("log", "export", str(offline), "--state", str(stage.home / "state"), "--log-key", vkey, "--blobs")
    claim(one["entries"] == size and one["blobs"] == len(blobs), one)
    check_folder(offline)
    ours, theirs = files_of(offline), files_of(public)
    for name in [name for name in ours if name.startswith("cosignatures/")]:
        del ours[name]  # what clients have sent by now; a server does not give these
    claim(all(theirs[name] == data for name, data in ours.items()), "the same bytes from state folder and server")
    audited = stage.tamis("audit", "--state", str(public), "--log-key", vkey)
    claim(audited["entries"] == size, f"an export can be audited as a state folder can: {audited}")
    check_answers_offline(stage, offline, vkey)
    tlogcheck = stage.binaries / "tlogcheck"  # golang.org/x/mod, where Go is installed
    if tlogcheck.exists():
        found = subprocess.run([tlogcheck, "export", public], capture_output=True, text=True)
        claim(found.returncode == 0 and found.stdout.startswith(f"{size} entries under a good"), found)
    return public, entries, vkey


def check_answers_offline(stage, export, vkey):
    """What is asked of an export, which has no journal, is answered to the byte as by the state folder."""
    state, answers, bundles = stage.home / "state", [], []
    for folder in (state, export):
        offline = ["--state", str(folder), "--log-key", vkey]
        answers.append([stage.tamis("model", "lineage", "files", *offline), stage.tamis("client", "rounds", "load-000", *offline)])
        bundle = stage.folder / f"{folder.name}.bundle"
        stage.tamis("bundle", "round", "files", "1", "--file", str(bundle), *offline)
        bundles.append(bundle.read_bytes())
    claim(answers[0][1] and answers[0] == answers[1], f"lineage and rounds from an export: {answers}")
    claim(bundles[0] == bundles[1], "a bundle from an export is the one from the state folder")


def check_refusals(stage, public, vkey):
    export = ["log", "export"]
    code, answer = stage.tamis(*export, str(stage.home / "state"), check=False)
    claim(code == 6 and "is a state folder" in answer["data"]["message"], answer)

    # A changed byte in a bundle, or a bundle and its tile: fetched and written anew.
    good = files_of(public)
    for name in ("tile/entries/000", "tile/0/000", "tile/1/000.p/1"):
        damaged = bytearray(good[name])
        damaged[len(damaged) // 2] ^= 1
        (public / name).write_bytes(damaged)
        stage.tamis(*export, str(public))
        claim((public / name).read_bytes() == good[name], f"{name} was written anew")

    # A signed checkpoint of another history, and one beyond ours: kept, and nothing is changed.
    other = Federation(stage.binaries)
    try:
        code, answer = stage.tamis(*export, str(public), "--log-key", other_vkey(other), check=False)
        claim(code == 6 or code == 1, answer)
    finally:
        other.close()
    longer, copy = stage.folder / "longer", stage.folder / "copy"
    shutil.copytree(public, longer)
    stage.stop()
    shutil.copytree(stage.home / "state", copy, ignore=shutil.ignore_patterns("tamis.db*"))
    for mark in (stage.home / "keys").glob("*.signed"):
        shutil.copy(mark, stage.folder)
    stage.start()
    run_rounds(stage, 2, "the server goes on")
    stage.tamis(*export, str(longer))
    code, answer = stage.tamis(*export, str(longer), "--state", str(copy), "--log-key", vkey, check=False)
    claim(code == 1 and answer["error_code"] == "FORK" and "set back" in answer["data"]["message"], answer)
    check_folder(longer)
    before = files_of(longer)
    check_two_histories(stage, longer, copy)
    claim(files_of(longer)["checkpoint"] == before["checkpoint"], "the checkpoint that proves it is kept")

    # A state folder with another byte in its journal.
    journal = bytearray((copy / "journal").read_bytes())
    journal[100] ^= 1
    (copy / "journal").write_bytes(journal)
    code, answer = stage.tamis(*export, str(stage.folder / "never"), "--state", str(copy), "--log-key", vkey, check=False)
    claim(code == 1 and not (stage.folder / "never/checkpoint").exists(), answer)


def check_two_histories(stage, longer, copy):
    """The same key signs another continuation of an old backup, longer than what the export has."""
    state, first = stage.home / "state", stage.home / "state.first"
    keys, kept = stage.home / "keys", stage.folder / "keys.kept"
    stage.stop()
    state.rename(first)
    shutil.copytree(copy, state)
    shutil.copytree(keys, kept)
    for mark in keys.glob("*.signed"):  # what the signer would know better by
        mark.write_bytes((stage.folder / mark.name).read_bytes())
    stage.start()
    while log_size(stage) <= int((longer / "checkpoint").read_text().split()[1]):
        stage.invite(5, f"other-{log_size(stage)}")
    code, answer = stage.tamis("log", "export", str(longer), check=False)
    claim(code == 1 and answer["error_code"] == "FORK" and "two histories" in answer["data"]["message"], answer)
    stage.stop()
    shutil.rmtree(state)
    first.rename(state)
    for mark in keys.glob("*.signed"):
        shutil.copy(kept / mark.name, mark)
    stage.start()


def log_size(stage):
    return int((stage.home / "state/checkpoint").read_text().split()[1])


def other_vkey(other):
    return json.loads((other.home / "operator/server.json").read_text())["log_vkey"]


def check_rebuild(stage):
    state, command = stage.home / "state", ["log", "rebuild-index"]
    code, answer = stage.tamis(*command, "--check", check=False)
    claim(code == 6 and "tamisd" in answer["hint"], f"not while a server runs: {answer}")
    stage.stop()
    before = files_of(state)
    good = stage.tamis(*command, "--check")
    claim(good["rows_right"] > 300 and good["entries"] == log_size(stage), good)
    claim(files_of(state) == before, "a check changes nothing")

    damaged = bytearray((state / "tile/entries/000").read_bytes())
    damaged[5000] ^= 4
    (state / "tile/entries/000").write_bytes(damaged)
    (state / "tile/0/000").unlink()
    (state / "tile/0/999").write_bytes(b"x")
    with sqlite3.connect(state / "tamis.db") as rows:
        rows.execute("UPDATE entries SET size = size + 1 WHERE entry = 7")
        rows.execute("DELETE FROM entries WHERE entry = 9")
    rows.close()
    code, answer = stage.tamis(*command, "--check", check=False)
    found = answer["data"]
    claim(code == 1 and answer["error_code"] == "CORRUPT", answer)
    claim((found["tiles_different"], found["tiles_missing"], found["tiles_stray"]) == (1, 1, 1), found)
    claim((found["rows_wrong"], found["rows_missing"]) == (1, 2) and len(found["differences"]) == 6, found)
    shown = subprocess.run([stage.binaries / "tamis", "--home", stage.home, *command, "--check"], capture_output=True,
                           text=True)
    for words in ("compared with its journal", "3 were not right", "different: tile/entries/000", "missing: tile/0/000",
                  "not of this log: tile/0/999", "row that should be: entries entry=7"):
        claim(words in shown.stdout, f"{words}: {shown.stdout}")

    mended = stage.tamis(*command)
    claim(mended["tiles_different"] == mended["tiles_missing"] == 1 and mended["rows_missing"] == 2, mended)
    stage.tamis(*command, "--check")
    for name, data in files_of(state / "tile").items():
        claim(before["tile/" + name] == data, name)
    for name in ("tamis.db", "tamis.db-wal"):
        (state / name).unlink(missing_ok=True)
    shutil.rmtree(state / "tile")
    fresh = stage.tamis(*command)
    claim(fresh["rows_missing"] == good["rows_right"] and fresh["tiles_missing"] >= 5, fresh)
    stage.tamis(*command, "--check")
    stage.start()
    stage.tamis("verify")


class Serving:
    def __init__(self, stage, *arguments):
        self.process = subprocess.Popen([stage.binaries / "tamis", "--home", stage.home, "-o", "json", "log", "serve",
                                         "--listen", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        answer = json.loads(line)
        self.port = int(answer.get("data", answer)["url"].rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.kill()
        self.process.wait()

    def ask(self, path, method="GET"):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        link.request(method, path)
        answer = link.getresponse()
        body = answer.read()
        link.close()
        return answer.status, dict(answer.getheaders()), body

    def raw(self, request):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as link:
            link.sendall(request)
            link.settimeout(0.3)  # some get no answer at all
            return link.recv(65536)

    def stop(self):
        self.process.terminate()
        claim(self.process.wait(20) == 0, "it ends well when it is told to")


def check_answers(serving, folder, blobs):
    ask = serving.ask
    status, headers, body = ask("/checkpoint")
    note = (folder / "checkpoint").read_bytes()
    witnesses = folder / "cosignatures" / note.split(b"\n")[1].decode()
    lines = witnesses.read_bytes().splitlines(True)[:16] if witnesses.exists() else []
    claim(status == 200 and body == note + b"".join(lines), "the checkpoint, and who vouched for it")
    claim(headers["Cache-Control"] == "no-cache" and headers["Content-Type"].startswith("text/plain"), headers)
    size = int(body.split(b"\n")[1])
    for name in tile_names("entries", size) + tile_names(0, size) + tile_names(1, size // 256):
        status, headers, body = ask("/" + name)
        claim(status == 200 and body == (folder / name).read_bytes(), name)
        claim("immutable" in headers["Cache-Control"] and headers["Content-Type"] == "application/octet-stream", headers)
        status, headers, body = ask("/" + name, "HEAD")
        claim(status == 200 and body == b"" and int(headers["Content-Length"]) == (folder / name).stat().st_size, name)
    # Partial tiles whose full one is there already, and older ones: the first hashes, the first entries.
    full, entries = (folder / "tile/0/000").read_bytes(), (folder / "tile/entries/000").read_bytes()
    for width in (1, 2, 100, 255):
        claim(ask(f"/tile/0/000.p/{width}")[2] == full[:32 * width], f"{width} hashes")
        found = ask(f"/tile/entries/000.p/{width}")[2]
        claim(entries.startswith(found) and len(bundle_entries(found)) == width, f"{width} entries")
    last = size // 256
    for width in range(1, size % 256):
        claim(len(ask(f"/tile/0/{last:03}.p/{width}")[2]) == 32 * width, "an older checkpoint's partial tile")
    claim(ask(f"/tile/0/{last:03}.p/{size % 256 + 1}")[0] == 404, "more than there are")
    status, headers, body = ask("/")
    claim(status == 200 and b"Nothing here asks for trust" in body, body)
    claim(ask("/log.vkey")[2] == (folder / "log.vkey").read_bytes(), "the key")
    blob = next(p for p in (folder / "blobs").rglob("*") if p.is_file())
    path = f"/blobs/{blob.parent.name}/{blob.name}"
    claim(ask(path)[0] == (200 if blobs else 404), "blobs only where they were asked for")
    if blobs:
        claim(ask(path)[2] == blob.read_bytes(), "a blob")


def check_witnesses(serving, folder):
    """Sixteen lines with the note, all at their own path."""
    size = (folder / "checkpoint").read_bytes().split(b"\n")[1].decode()
    path = folder / "cosignatures" / size
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    lines = [f"— witness-{i} {'A' * 104}\n".encode() for i in range(500)]
    path.write_bytes(b"".join(lines) + b"half a line")
    claim(serving.ask("/checkpoint")[2] == (folder / "checkpoint").read_bytes() + b"".join(lines[:16]), "sixteen witnesses")
    claim(serving.ask(f"/cosignatures/{size}")[2] == path.read_bytes(), "all of them")
    path.write_bytes(before) if before is not None else path.unlink()


def check_hostile(serving, folder):
    (folder.parent / "secret").write_text("secret")
    (folder / "cosignatures").mkdir(exist_ok=True)
    (folder / "cosignatures/7").unlink(missing_ok=True)
    (folder / "cosignatures/7").symlink_to("../../secret")
    (folder / "cosignatures/8").write_text("— witness AAAA\n")
    claim(serving.ask("/cosignatures/8")[0] == 200, "cosignatures where there are")
    for path in ("/../secret", "/tile/../../secret", "/%2e%2e/secret", "/tile/%2e%2e/%2e%2e/secret", "//checkpoint",
                 "/./checkpoint", "/checkpoint/", "/checkpoint%00", "/tile/0/000/", "/tile/0/0", "/tile/0/000.p/256",
                 "/tile/0/000.p/0", "/tile/0/000.p/01", "/tile/00/000", "/tile/8/000", "/tile/0/x000/000", "/tile/",
                 "/tile/entries", "/tile", "/journal", "/tamis.db", "/cosignatures/7", "/cosignatures/07",
                 "/cosignatures/", "/cosignatures/-1", "/blobs/../checkpoint", "/blobs/unfinished", "/" + "a" * 5000,
                 "/log.vkey.new", "/tile/0/000.new"):
        status, _, body = serving.ask(path)
        claim(status in (400, 404, 414, 431) and b"secret" not in body[:20], f"{path}: {status} {body[:50]}")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        status, headers, _ = serving.ask("/checkpoint", method)
        claim(status == 405 and headers["Allow"] == "GET, HEAD", f"{method}: {status}")
    for request in (b"\r\n\r\n", b"GET\r\n\r\n", b"\0" * 100, b"GET /checkpoint HTTP/9.9\r\n\r\n",
                    b"GET / HTTP/1.1\r\nA: " + b"a" * 100000 + b"\r\n\r\n"):
        try:
            serving.raw(request)
        except OSError:
            pass
    claim(serving.ask("/checkpoint")[0] == 200, "it goes on")


def main():
    binaries = pathlib.Path(sys.argv[1])
    if not (binaries / "load_clients").exists():
        return 77
    stage = Federation(binaries)
    good = False
    try:
        stage.start()
        stage.invite(CLIENTS)
        stage.create("files", 1000, "mean", "--quorum", "3", "--deadline", "600s", "--policy", "enforce=0")
        run_rounds(stage, ROUNDS, "rounds")
        public, _, vkey = check_export(stage)
        check_refusals(stage, public, vkey)
        stage.tamis("log", "export", str(public), "--blobs")
        for blobs in (True, False):
            with Serving(stage, str(public), *(["--blobs"] if blobs else [])) as serving:
                check_answers(serving, public, blobs)
                check_witnesses(serving, public)
                check_hostile(serving, public)
                serving.stop()
        state = stage.home / "state"
        with Serving(stage) as serving:  # the site's own, with the server running on it
            check_answers(serving, state, False)
            run_rounds(stage, 2, "while it is served")
            check_answers(serving, state, False)
            serving.stop()
        check_rebuild(stage)
        code = subprocess.run([binaries / "tamis", "--home", stage.home, "log", "serve", stage.folder / "none"],
                              capture_output=True, text=True)
        claim(code.returncode == 5 or code.returncode == 1, code)
        good = True
        print("exported, checked, damaged, repaired, served, refused and made again as it should be")
    finally:
        stage.close(keep=not good and "TAMIS_KEEP" in os.environ)
    return 0


if __name__ == "__main__":
    sys.exit(main())
