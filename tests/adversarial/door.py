"""A fake_server process and a gRPC client of it that can misbehave: what the adversarial tests stand on."""

import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import grpc
import nacl.signing

sys.path.insert(0, sys.argv[2])
from tamis.v1 import health_pb2, tamis_pb2  # noqa: E402

from claims import held  # noqa: E402

ORIGIN = "fake.tamis/log"
KEY = nacl.signing.SigningKey(bytes([7] * 32))  # of every principal of the fake core
MIB = 1 << 20
SANITIZED = bool(os.environ.get("TAMIS_SANITIZED"))  # then resident memory says nothing


def header_bytes(count):
    text = b'{"weight":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (count, 4 * count)
    text += b" " * (-(len(text) + 8) % 64)
    return len(text).to_bytes(8, "little") + text


def model(count, fill=b"\0\0\0\0"):
    """A safetensors file of `count` float32."""
    return header_bytes(count) + fill * count


class Door:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tamis-door-"))
        self.log = open(self.folder / "log", "wb")
        (self.folder / "blobs").mkdir()
        self.server = subprocess.Popen([sys.argv[1], self.folder / "blobs"], stdout=subprocess.PIPE, stderr=self.log)
        address, port = self.server.stdout.readline().decode().split()
        self.address, self.metrics_port = address, int(port)

    def channel(self, **options):
        # Equal channels of one process would share a connection.
        return grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1), *options.items()])

    def metrics(self):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10).read().decode()
        return text, {m[1]: float(m[2]) for m in re.finditer(r"^([^#\s]+) (\S+)$", text, re.M)}

    def settled(self):
        """The metrics once nothing is in flight; every call received has then been counted once."""
        for _ in range(200):
            values = self.metrics()[1]
            if not values["tamis_calls"]:
                break
            time.sleep(0.05)
        ended = sum(v for k, v in values.items() if k.startswith("tamis_responses_total"))
        assert not values["tamis_calls"], values["tamis_calls"]
        assert values["tamis_requests_total"] == ended, (values["tamis_requests_total"], ended)
        return values

    def resident(self):
        text = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024

    def close(self):
        self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(30)
        self.log.close()
        log = (self.folder / "log").read_text(errors="replace")
        shutil.rmtree(self.folder)
        assert code == 0, f"the server ended with {code}\n{log[-4000:]}"


class Client:
    def __init__(self, door, principal="client-1", **options):
        self.channel = door.channel(**options)
        self.principal = principal
        self.session = b""

    def method(self, name, reply=None, kind="unary_unary", raw=False):
        service = "tamis.v1.Operator" if name in ("PutBlob", "Submit", "Query", "Watch", "GetEntries") else "tamis.v1.Client"
        path = name if name.startswith("/") else f"/{service}/{name}"
        write = (lambda b: b) if raw else (lambda m: m.SerializeToString())
        read = reply.FromString if reply else (lambda b: b)
        return getattr(self.channel, kind)(path, request_serializer=write, response_deserializer=read)

    def call(self, name, request, timeout=10):
        reply = getattr(tamis_pb2, name + "Reply")
        return self.method(name, reply)(request, timeout=timeout)

    def open(self):
        nonce = self.call("Challenge", tamis_pb2.ChallengeRequest()).nonce
        text = f"tamis-session/v1\n{ORIGIN}\n{self.principal}\n{nonce.hex()}\n".encode()
        self.session = self.call("OpenSession", tamis_pb2.OpenSessionRequest(
            principal=self.principal.encode(), nonce=nonce, signature=KEY.sign(text).signature)).session
        return self

    def put_blob(self, blob):
        parts = self.parts(hashlib.sha256(blob).digest(), blob)
        return self.method("PutBlob", tamis_pb2.PutBlobReply, "stream_unary")(iter(parts), timeout=30)

    def offer(self, blob, base):
        envelope = f"{hashlib.sha256(blob).hexdigest()} {len(blob)} {hashlib.sha256(base).hexdigest()}".encode()
        return self.call("Offer", tamis_pb2.OfferRequest(session=self.session, envelope=envelope))

    def header(self, upload, size, offset=0):
        return tamis_pb2.UploadPart(header=tamis_pb2.UploadHeader(
            session=self.session, upload=upload, offset=offset, size=size))

    def trailer(self, blob):
        return tamis_pb2.UploadPart(trailer=tamis_pb2.UploadTrailer(digest=hashlib.sha256(blob).digest()))

    def parts(self, upload, blob, offset=0, part=MIB):
        data = [tamis_pb2.UploadPart(data=blob[i:i + part]) for i in range(offset, len(blob), part)]
        return [self.header(upload, len(blob), offset), *data, self.trailer(blob)]

    def upload(self, parts, timeout=30, raw=False):
        method = self.method("Upload", tamis_pb2.UploadReply, "stream_unary", raw)
        return method(iter(parts), timeout=timeout)

    def update(self, blob, base, part=MIB):
        """The whole straight line of an honest client."""
        offer = self.offer(blob, base)
        return self.upload(self.parts(offer.upload, blob, offer.offset, part)).receipt.decode()

    def close(self):
        self.channel.close()


def refused(status, action):
    """Does `action` end in this refusal, message and trailer included?"""
    try:
        done = action()
    except grpc.RpcError as error:
        trailer = dict(error.trailing_metadata() or ()).get("tamis-status")
        assert trailer == status, (status, trailer, error.code(), error.details())
        assert error.details().startswith(status + ": "), error.details()
        return error
    raise AssertionError(f"expected {status}, got {done!r}")


def run(tests, after=None):
    """Runs each claim on one server; after each, `after(door)` must still hold."""
    door = Door()
    good = held(tests, door, lambda: (door.folder / "log").read_text(errors="replace")[-4000:], after)
    door.close()
    sys.exit(not good)
