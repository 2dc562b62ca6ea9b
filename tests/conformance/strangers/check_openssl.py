"""openssl and coreutils look at a log: every signature, every file's digest. No code of ours, no cryptography of Python's.

usage: check_openssl.py LOG_FOLDER"""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile

SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: an Ed25519 key in DER is this and the 32 bytes
log = pathlib.Path(sys.argv[1])
scratch = pathlib.Path(tempfile.mkdtemp(prefix="tamis-openssl-"))


def signed(public, message, signature):
    for name, data in (("key", SPKI + public), ("message", message), ("signature", signature)):
        (scratch / name).write_bytes(data)
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", scratch / "key",
                           "-in", scratch / "message", "-sigfile", scratch / "signature"], capture_output=True, text=True)
    return done.returncode == 0 and "Signature Verified Successfully" in done.stdout


def public_of(vkey):
    return base64.b64decode(vkey.split("+", 2)[2])[1:]


def pae(envelope):
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def entries():
    for path in sorted((log / "entries").iterdir(), key=lambda path: int(path.stem)):
        envelope = json.loads(path.read_bytes())
        yield int(path.stem), envelope, json.loads(base64.b64decode(envelope["payload"]))


def check_entries():
    """Keys are learnt as the log goes: the genesis names operators and aggregator, an enrolment the client's."""
    keys, count = {}, 0
    for index, envelope, statement in entries():
        said, kind = statement["predicate"], statement["predicateType"].rsplit("/", 1)[1]
        if kind == "genesis":
            for vkey in [said["aggregator_key"], *said["operators"]]:
                keys[vkey.split("+")[0]] = public_of(vkey)
        if kind == "key-enrol":
            keys[said["client"]] = public_of(said["key"])
        [signature] = envelope["signatures"]
        public, raw = keys[signature["keyid"]], base64.b64decode(signature["sig"])
        assert signed(public, pae(envelope), raw), f"entry {index} ({kind}): openssl does not accept the signature"
        if index % 7 == 0:
            assert not signed(public, flipped(pae(envelope), 8 * 40 + index % 8), raw), "openssl accepts anything"
            assert not signed(public, pae(envelope), flipped(raw, index % 512)), "openssl accepts anything"
        count += 1
    return count


def check_checkpoint():
    text, _, lines = (log / "checkpoint").read_text().rpartition("\n\n")
    vkey = (log / "log.vkey").read_text().strip()
    name, raw = next((line.split(" ")[1], base64.b64decode(line.split(" ")[2])) for line in lines.splitlines())
    assert name == vkey.split("+")[0] and signed(public_of(vkey), text.encode() + b"\n", raw[4:])
    assert not signed(public_of(vkey), text.encode() + b" \n", raw[4:])


def check_blobs():
    paths = sorted((log / "blobs").iterdir())
    said = subprocess.run(["sha256sum", *paths], capture_output=True, text=True, check=True).stdout.splitlines()
    for path, line in zip(paths, said):
        assert line.split()[0] == path.name, f"{path} is not what its name says"
    return len(paths)


count = check_entries()
check_checkpoint()
print(f"openssl accepts {count} envelopes and the checkpoint; sha256sum {check_blobs()} files")
