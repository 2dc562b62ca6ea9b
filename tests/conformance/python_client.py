"""A client of Tamis in another language, written from PROTOCOL.md and the .proto files alone: it shares no code with libtamis.

Numbers in brackets are sections of PROTOCOL.md. It checks everything that the server says and trusts only its invitation."""

import base64
import hashlib
import json
import os
import random
import struct
import time

import grpc
import nacl.exceptions
import nacl.signing
from tamis.v1 import tamis_pb2 as pb

PAYLOAD_TYPE = "application/vnd.in-toto+json"
RETRY = {"NO_SESSION", "RATE_LIMITED", "DISK_FULL", "BAD_OFFSET", "TRUNCATED", "DIGEST_MISMATCH", "TOO_SLOW", "UNAVAILABLE",
         "TIMED_OUT", "NO_MEMORY"}
SUBJECT = {"key-enrol": "key", "update": "update", "round-open": "base", "genesis": "log"}


class Refusal(Exception):
    def __init__(self, name, sentence, offset=None):
        super().__init__(f"{name}: {sentence}")
        self.name, self.offset = name, offset


def check(holds, name, sentence):
    if not holds:
        raise Refusal(name, sentence)


def sha256(data):
    return hashlib.sha256(data).digest()


def canonical(value):  # [1]
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def canonical_read(text):
    value = json.loads(text)
    check(canonical(value) == text, "BAD_PROOF", "not canonical JSON")
    return value


def f64(number):
    return "f64:" + struct.pack(">d", number).hex()


def key_id(name, public):
    return sha256(name.encode() + b"\n\x01" + public)[:4]


def vkey_write(name, public):
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(bytes([1]) + public).decode()}"


def vkey_read(text):
    name, _, rest = text.partition("+")
    public = base64.b64decode(rest[9:], validate=True)[1:]
    check(vkey_write(name, public) == text, "BAD_PROOF", "not a vkey")
    return name, public


def verify(public, message, signature):
    try:
        nacl.signing.VerifyKey(public).verify(message, signature)
    except (nacl.exceptions.BadSignatureError, ValueError):
        raise Refusal("BAD_PROOF", "a signature does not verify") from None


def pae(payload):  # [2]
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def statement_sign(origin, kind, digest, predicate, signer, key):
    payload = canonical({"_type": "https://in-toto.io/Statement/v1", "predicate": predicate,
                         "predicateType": f"https://{origin}/v1/{kind}",
                         "subject": [{"digest": {"sha256": digest.hex()}, "name": SUBJECT[kind]}]})
    return canonical({"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": [
        {"keyid": signer, "sig": base64.b64encode(key.sign(pae(payload)).signature).decode()}]})


def statement_read(envelope, origin, kind, signer, public):
    """(subject digest, predicate) of a statement of this kind, by this signer; `public` None: not verified yet."""
    outer = canonical_read(envelope)
    payload = base64.b64decode(outer["payload"], validate=True)
    statement = canonical_read(payload)
    [signature], [subject] = outer["signatures"], statement["subject"]
    if public:
        check(signature["keyid"] == signer, "BAD_PROOF", "signed by somebody else")
        verify(public, pae(payload), base64.b64decode(signature["sig"], validate=True))
    check(outer["payloadType"] == PAYLOAD_TYPE and statement["predicateType"] == f"https://{origin}/v1/{kind}"
          and subject["name"] == SUBJECT[kind], "BAD_PROOF", "another kind of statement, or of another log")
    return bytes.fromhex(subject["digest"]["sha256"]), statement["predicate"]


def node(left, right):
    return sha256(b"\x01" + left + right)


def inclusion_root(leaf, index, size, path):
    """RFC 9162 2.1.3.2: the root that this path leads to."""
    f, s, root = index, size - 1, leaf
    for hash_ in path:
        check(s > 0, "BAD_PROOF", "a proof too long")
        if f & 1 or f == s:
            root = node(hash_, root)
            while not f & 1 and f:
                f, s = f >> 1, s >> 1
        else:
            root = node(root, hash_)
        f, s = f >> 1, s >> 1
    check(s == 0, "BAD_PROOF", "a proof too short")
    return root


def consistent(first, first_root, second, second_root, path):
    """RFC 9162 2.1.4.2."""
    if first in (0, second):
        return not path and (first == 0 or first_root == second_root)
    path = [first_root, *path] if first & (first - 1) == 0 else list(path)
    f, s = first - 1, second - 1
    while f & 1:
        f, s = f >> 1, s >> 1
    old = new = path[0] if path else None
    for hash_ in path[1:]:
        if s == 0:
            return False
        if f & 1 or f == s:
            old, new = node(hash_, old), node(hash_, new)
            while not f & 1 and f:
                f, s = f >> 1, s >> 1
        else:
            new = node(new, hash_)
        f, s = f >> 1, s >> 1
    return s == 0 and old == first_root and new == second_root


class Client:
    def __init__(self, invitation, channel=None):
        body = invitation.removeprefix("tamis-invite:v1:")
        self.invitation = canonical_read(base64.b64decode(body, validate=True))
        self.name = self.invitation["client"]
        self.origin, self.log_key = vkey_read(self.invitation["log_key"])
        self.channel = channel or grpc.insecure_channel(self.invitation["address"])
        self.key = nacl.signing.SigningKey.generate()
        self.seen = (0, sha256(b""))  # size and root of the last checkpoint that was verified
        self.session, self.aggregator = b"", None

    def rpc(self, name, request, kind="unary_unary", reply=None, timeout=20):
        """One call, as it is; a refusal by its name [4]."""
        serialize = (lambda part: part.SerializeToString())
        method = getattr(self.channel, kind)(f"/tamis.v1.Client/{name}", request_serializer=serialize,
                                             response_deserializer=(reply or getattr(pb, name + "Reply")).FromString)
        try:
            answer = method(request, timeout=timeout)
            return list(answer) if kind == "unary_stream" else answer
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            late = error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            offset = trailers.get("tamis-offset")
            raise Refusal(trailers.get("tamis-status", "TIMED_OUT" if late else "UNAVAILABLE"), error.details(),
                          offset and int(offset)) from None

    def patiently(self, action, give_up_seconds=60):
        """Full jitter, 100 ms doubling to 10 s, only what the list says may be tried again [4]."""
        begun, wait = time.monotonic(), 0.1
        while True:
            try:
                return action()
            except Refusal as refusal:
                if refusal.name not in RETRY or time.monotonic() - begun > give_up_seconds:
                    raise
                if refusal.name == "NO_SESSION":
                    self.session = b""
            time.sleep(random.uniform(0, wait))
            wait = min(10, 2 * wait)

    def note_read(self, text):  # [1], checkpoints
        body, _, lines = text.partition("\n\n")
        origin, size, root = body.split("\n")
        signed = False
        for line in lines.splitlines():
            dash, name, blob = line.split(" ")
            blob = base64.b64decode(blob, validate=True)
            if dash == "—" and name == self.origin and blob[:4] == key_id(name, self.log_key):
                verify(self.log_key, body.encode() + b"\n", blob[4:])
                signed = True
        check(signed and origin == self.origin, "BAD_PROOF", "the log did not sign its checkpoint")
        return int(size), base64.b64decode(root, validate=True)

    def receipt_check(self, envelope, receipt):
        """The entry's index and the checkpoint; nothing is believed of a log that forgot what it showed before."""
        head, _, note = receipt.decode().partition("\n\n")
        version, *lines = head.split("\n")
        check(version == "c2sp.org/tlog-proof@v1", "BAD_PROOF", "not a receipt")
        if lines[0].startswith("extra "):
            lines.pop(0)
        index, path = int(lines[0].removeprefix("index ")), [base64.b64decode(h, validate=True) for h in lines[1:]]
        size, root = self.note_read(note)
        check(index < size and inclusion_root(sha256(b"\x00" + envelope), index, size, path) == root, "BAD_PROOF",
              "the receipt does not prove the entry")
        return index, (size, root)

    def follow(self, checkpoint):
        """A checkpoint that comes in continues the last one, or comes before it; both are of one log [3.4]."""
        older, newer = sorted((self.seen, checkpoint), key=lambda head: head[0])
        reply = self.call("GetConsistency", size=older[0], to=newer[0])
        check(consistent(*older, *newer, reply.hashes), "FORK", "two histories that cannot both be true")
        self.seen = newer

    def enrol(self):  # [3.2]
        token, public = bytes.fromhex(self.invitation["token"]), bytes(self.key.verify_key)
        envelope = statement_sign(self.origin, "key-enrol", sha256(public), {
            "client": self.name, "key": vkey_write(self.name, public), "token": sha256(token).hex()}, self.name, self.key)
        reply = self.rpc("Enrol", pb.EnrolRequest(token=token, envelope=envelope))
        _, checkpoint = self.receipt_check(envelope, reply.receipt)
        self.follow(checkpoint)
        genesis = self.call("GetEntry", index=0)
        index, _ = self.receipt_check(genesis.envelope, genesis.receipt)
        subject, said = statement_read(genesis.envelope, self.origin, "genesis", None, None)
        check(index == 0 and subject == sha256(self.invitation["log_key"].encode())
              and said["log_key"] == self.invitation["log_key"], "BAD_PROOF", "another log's genesis")
        name, self.aggregator = vkey_read(said["aggregator_key"])
        check(name == "service/aggregator", "BAD_PROOF", "not the aggregator's key")
        return self

    def session_open(self):  # [3.3]
        nonce = self.rpc("Challenge", pb.ChallengeRequest()).nonce
        text = f"tamis-session/v1\n{self.origin}\n{self.name}\n{nonce.hex()}\n".encode()
        self.session = self.rpc("OpenSession", pb.OpenSessionRequest(
            principal=self.name.encode(), nonce=nonce, signature=self.key.sign(text).signature)).session

    def call(self, name, kind="unary_unary", reply=None, timeout=20, **fields):
        """A call within a session, tried again where that helps."""
        def once():
            if not self.session:
                self.session_open()
            return self.rpc(name, getattr(pb, name + "Request")(session=self.session, **fields), kind, reply, timeout)
        return self.patiently(once)

    def poll(self, federation, round_after=0, wait_ms=5000):  # [3.4]
        """(base digest, plan) of the next round, or None."""
        reply = self.call("Poll", timeout=wait_ms / 1000 + 20, federation=federation.encode(), round_after=round_after,
                          wait_ms=wait_ms)
        if not reply.has_task:
            return None
        base, plan = statement_read(reply.plan, self.origin, "round-open", "service/aggregator", self.aggregator)
        index, checkpoint = self.receipt_check(reply.plan, reply.receipt)
        check(index == reply.plan_index and plan["federation"] == reply.federation.decode() == federation
              and plan["round"] == reply.round > round_after, "BAD_PROOF", "not the plan that was asked for")
        self.follow(checkpoint)
        return base, plan

    def fetch(self, digest):  # [3.5]
        blob = b"".join(chunk.data for chunk in self.call("FetchBlob", "unary_stream", pb.Chunk, digest=digest))
        check(sha256(blob) == digest, "DIGEST_MISMATCH", "another model than the plan's")
        return blob

    def update_make(self, base, plan, body, **changes):  # [3.6]
        """The signed envelope; `changes` are for those who lie."""
        said = {"federation": plan["federation"], "round": plan["round"], "base": base.hex(), "client": self.name,
                "size": len(body), "examples": 32, "loss": f64(0.5), "train_ms": 1, "nonce": os.urandom(16).hex(),
                "checkpoint_size": self.seen[0], "checkpoint_root": (self.seen[1] if self.seen[0] else bytes(32)).hex()}
        origin, key = changes.pop("origin", self.origin), changes.pop("key", self.key)
        digest = changes.pop("digest", sha256(body))
        return statement_sign(origin, "update", digest, said | changes, self.name, key)

    def upload_parts(self, offer, body, part=1 << 17):  # [3.7]
        yield pb.UploadPart(header=pb.UploadHeader(session=self.session, upload=offer.upload, offset=offer.offset,
                                                   size=len(body)))
        for at in range(offer.offset, len(body), part):
            yield pb.UploadPart(data=body[at:at + part])
        yield pb.UploadPart(trailer=pb.UploadTrailer(digest=sha256(body)))

    def submit(self, envelope, body):
        """The index of the update in the log, proved."""
        def once():
            offer = self.call("Offer", envelope=envelope)
            if offer.complete:
                return offer.receipt
            try:
                return self.rpc("Upload", self.upload_parts(offer, body), "stream_unary", timeout=60).receipt
            except Refusal as refusal:  # NOT_FOUND here: the offer was forgotten, begin at Offer
                raise Refusal("TRUNCATED", str(refusal)) if refusal.name == "NOT_FOUND" else refusal from None
        index, checkpoint = self.receipt_check(envelope, self.patiently(once))
        self.follow(checkpoint)
        return index
