#!/usr/bin/python3
"""Derives the worked example of PROTOCOL.md from the page's own words, with Python's standard library and no code of Tamis."""
import base64
import hashlib
import json
import pathlib
import re
import struct
import sys


def sha256(data):
    return hashlib.sha256(data).digest()


# Ed25519 as RFC 8032 5.1 describes it: slow, plain, and nobody's library.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - square) % P == 0, "not a point"
    return P - x if x & 1 != sign else x


def add(a, b):
    """Points as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z."""
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def compress(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def public_of(seed):
    return compress(times(expand(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = expand(seed)
    public = compress(times(scalar, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % ORDER
    point = compress(times(r, BASE))
    k = int.from_bytes(hashlib.sha512(point + public + message).digest(), "little")
    return point + ((r + k * scalar) % ORDER).to_bytes(32, "little")


# Section 1: keys, canonical JSON, the tree, checkpoints and receipts.
def key_id(name, public):
    return sha256(name.encode() + b"\n\x01" + public)[:4]


def vkey(name, public):
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(bytes([1]) + public).decode()}"


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def leaf(entry):
    return sha256(b"\x00" + entry)


def node(left, right):
    return sha256(b"\x01" + left + right)


def split(count):
    return 1 << (count - 1).bit_length() - 1


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def inclusion(index, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return inclusion(index, leaves[:k]) + [root(leaves[k:])]
    return inclusion(index - k, leaves[k:]) + [root(leaves[:k])]


def consistency(old, leaves, whole=True):
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return consistency(old, leaves[:k], whole) + [root(leaves[k:])]
    return consistency(old - k, leaves[k:], False) + [root(leaves[:k])]


def checkpoint(origin, leaves, seed):
    text = f"{origin}\n{len(leaves)}\n{base64.b64encode(root(leaves)).decode()}\n"
    line = base64.b64encode(key_id(origin, public_of(seed)) + sign(seed, text.encode())).decode()
    return f"{text}\n— {origin} {line}\n"


def receipt(index, origin, leaves, seed):
    hashes = "".join(base64.b64encode(h).decode() + "\n" for h in inclusion(index, leaves))
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{checkpoint(origin, leaves, seed)}"


# Section 2: envelopes.
def envelope(payload, keyid, seed):
    kind = "application/vnd.in-toto+json"
    message = f"DSSEv1 {len(kind)} {kind} {len(payload)} {payload}".encode()
    signature = base64.b64encode(sign(seed, message)).decode()
    return canonical({"payload": base64.b64encode(payload.encode()).decode(), "payloadType": kind,
                      "signatures": [{"keyid": keyid, "sig": signature}]})


def f64(number):
    return "f64:" + struct.pack(">d", number).hex()


# Protobuf, as far as the upload needs it.
def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return bytes([number << 3 | 2]) + varint(len(data)) + data


class Page:
    """The blocks of the page, and the count of those that were derived and found equal."""

    def __init__(self, path):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        self.block = dict(re.findall(r"^```text (\w+)\n(.*?)\n```$", text, re.S | re.M))
        self.checked = set()

    def hex(self, name):
        return bytes.fromhex(self.block[name])

    def expect(self, name, value):
        if isinstance(value, bytes):
            value = value.hex()
        if self.block[name] != value:
            sys.exit(f"PROTOCOL.md, {name}: the page has\n{self.block[name]}\nand its words give\n{value}")
        self.checked.add(name)


ORIGIN = "fl.example/agg1"
SUBJECT = {"genesis": "log", "federation-create": "model", "client-invite": "token", "key-enrol": "key",
           "round-open": "base", "update": "update"}


def check_keys(page):
    names = {"log": ORIGIN, "client": "c1", "aggregator": "service/aggregator", "operator": "operator/ada"}
    seeds = {}
    for byte, (who, name) in enumerate(names.items(), 1):
        seeds[who] = bytes([byte]) * 32
        page.expect(f"{who}_seed", seeds[who])
        page.expect(f"{who}_vkey", vkey(name, public_of(seeds[who])))
    return names, seeds


def check_file(page, name, first):
    file = page.hex(name)
    size = 8 + struct.unpack("<Q", file[:8])[0]
    header = json.loads(file[8:size])
    assert file[8:9] == b"{" and size % 64 == 0
    assert header == {"fc.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
                      "fc.bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]}}
    page.expect(name, file[:size] + struct.pack("<8f", *[first + i / 4 for i in range(8)]))
    return file, file[:size]


def main(path):
    page = Page(path)
    block = page.block
    names, seeds = check_keys(page)
    model, layout = check_file(page, "model_file", 1.0)
    update, update_layout = check_file(page, "update_file", -1.0)
    assert layout == update_layout
    page.expect("model_digest", sha256(model))
    page.expect("layout_digest", sha256(layout))
    page.expect("update_digest", sha256(update))
    page.expect("token", b"\x5a" * 16)
    page.expect("token_digest", sha256(page.hex("token")))
    page.expect("invitation_json", canonical({"address": "fl.example:7443", "client": "c1",
                                              "log_key": block["log_vkey"], "token": block["token"]}))
    page.expect("invitation_line",
                "tamis-invite:v1:" + base64.b64encode(block["invitation_json"].encode()).decode())
    page.expect("session_text", f"tamis-session/v1\n{ORIGIN}\nc1\n{bytes(range(56)).hex()}")
    page.expect("session_signature", sign(seeds["client"], block["session_text"].encode() + b"\n"))
    page.expect("cohort_manifest",
                canonical({"clients": ["c1", "c2", "c3"], "federation": "digits", "round": 1}))
    page.expect("cohort_digest", sha256(block["cohort_manifest"].encode()))

    leaves = []

    def entry(prefix, kind, who, subject, predicate):
        payload = canonical({
            "_type": "https://in-toto.io/Statement/v1", "predicate": predicate,
            "predicateType": f"https://{ORIGIN}/v1/{kind}",
            "subject": [{"digest": {"sha256": subject.hex()}, "name": SUBJECT[kind]}]})
        page.expect(f"{prefix}_payload", payload)
        page.expect(f"{prefix}_envelope", envelope(payload, names[who], seeds[who]))
        leaves.append(leaf(block[f"{prefix}_envelope"].encode()))

    entry("genesis", "genesis", "operator", sha256(block["log_vkey"].encode()), {
        "log_key": block["log_vkey"], "aggregator_key": block["aggregator_vkey"],
        "operators": [block["operator_vkey"]], "nonce": "a0" * 16})
    entry("federation", "federation-create", "operator", sha256(model), {
        "federation": "digits", "rule": "trimmed_mean(f=1)", "layout": sha256(layout).hex(), "parameters": 8,
        "quorum": 3, "cohort": 0, "over_selection_percent": 0, "deadline_ms": 60000, "rounds_max": 0,
        "norm_max": f64(100), "examples_max": 100000, "policy": {"ratio_low": f64(2.5)}, "nonce": "a1" * 16})
    entry("invite", "client-invite", "operator", page.hex("token_digest"), {
        "client": "c1", "organisation": "clinic-7", "not_after": 1800000000, "nonce": "a2" * 16})
    entry("enrol", "key-enrol", "client", sha256(public_of(seeds["client"])), {
        "client": "c1", "key": block["client_vkey"], "token": block["token_digest"]})
    entry("plan", "round-open", "aggregator", sha256(model), {
        "federation": "digits", "round": 1, "rule": "trimmed_mean(f=1)", "layout": sha256(layout).hex(),
        "parameters": 8, "cohort": block["cohort_digest"], "selected": 3, "quorum": 3, "target": 3,
        "opened_at_ms": 1700000000000, "closes_at_ms": 1700000060000, "norm_max": f64(100),
        "examples_max": 100000, "randomness": sha256(root(leaves) + b"digits\n1").hex()})
    page.expect("plan_receipt", receipt(4, ORIGIN, leaves, seeds["log"]).rstrip("\n"))
    entry("update", "update", "client", sha256(update), {
        "federation": "digits", "round": 1, "base": sha256(model).hex(), "client": "c1", "size": len(update),
        "examples": 512, "loss": f64(0.75), "train_ms": 1234, "nonce": "a5" * 16,
        "checkpoint_size": 5, "checkpoint_root": root(leaves).hex()})
    page.expect("update_receipt", receipt(5, ORIGIN, leaves, seeds["log"]).rstrip("\n"))
    page.expect("consistency", "\n".join(h.hex() for h in consistency(5, leaves)))

    header = field(1, b"session") + field(2, b"upload") + b"\x20" + varint(len(update))
    page.expect("upload_header_message", field(1, header))
    page.expect("upload_data_message", field(2, update))
    page.expect("upload_trailer_message", field(3, field(1, sha256(update))))

    left = set(block) - page.checked
    if left:
        sys.exit(f"PROTOCOL.md has blocks that this program does not derive: {sorted(left)}")
    print(f"{len(page.checked)} byte strings of PROTOCOL.md derived from its words")


if __name__ == "__main__":
    main(sys.argv[1])
