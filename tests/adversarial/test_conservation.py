"""Nothing that comes in goes out quietly: whatever is sent, and however it breaks off, what was received is what ended."""

import hashlib
import threading
import time

import grpc

from door import MIB, Client, model, refused, run, tamis_pb2

BASE = model(MIB // 4)


def kinds(door):
    values = door.settled()
    return {k.split('"')[1]: v for k, v in values.items() if k.startswith("tamis_ingestion_errors_total")}, values


def moved(door, act):
    """By how much each kind of ingestion error, and the good answers, grew."""
    before, start = kinds(door)
    act()
    after, end = kinds(door)
    change = {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]}
    change["ok"] = end['tamis_responses_total{status="OK"}'] - start['tamis_responses_total{status="OK"}']
    assert end["tamis_requests_total"] - start["tamis_requests_total"] == sum(change.values()), change
    assert end["tamis_unaccounted_requests"] == 0, end["tamis_unaccounted_requests"]
    ended = sum(v for k, v in end.items() if k.startswith("tamis_uploads_total"))
    assert end["tamis_uploads_begun_total"] == ended, (end["tamis_uploads_begun_total"], ended)
    return change


def client_with_base(door, name="client-1"):
    operator = Client(door, "operator/alice").open()
    operator.put_blob(BASE)
    operator.close()
    return Client(door, name).open()


def good_requests(door):
    def act():
        client = client_with_base(door)
        client.update(model(MIB // 4, b"\0\0\x80?"), BASE)
        client.close()
    change = moved(door, act)
    assert set(change) == {"ok"} and change["ok"] >= 7, change


def malformed_requests(door):
    def act():
        client = Client(door)
        refused("BAD_REQUEST", lambda: client.method("Poll", None, raw=True)(b"\xff" * 64, timeout=10))
        try:
            client.method("/tamis.v1.Client/NoSuchThing", None, raw=True)(b"", timeout=10)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
        client.close()
    assert moved(door, act) == {"malformed": 2, "ok": 0}


def unauthenticated_requests(door):
    def act():
        client = Client(door)
        refused("NO_SESSION", lambda: client.call("Poll", tamis_pb2.PollRequest(session=b"x" * 64)))
        client.close()
    assert moved(door, act) == {"unauthenticated": 1, "ok": 0}


def truncated_requests(door):
    client = client_with_base(door)

    def act():
        blob = model(MIB // 4, b"\0\0\0@")
        offer = client.offer(blob, BASE)
        parts = client.parts(offer.upload, blob)
        refused("TRUNCATED", lambda: client.upload(parts[:-1]))
    assert moved(door, act) == {"truncated": 1, "ok": 1}
    client.close()


def aborted_requests(door):
    client = client_with_base(door)

    def act():
        blob = model(MIB // 4, b"\0\0\x40@")
        offer = client.offer(blob, BASE)
        hold = threading.Event()

        def parts():
            yield client.header(offer.upload, len(blob), offer.offset)
            hold.wait(20)
        call = client.method("Upload", tamis_pb2.UploadReply, "stream_unary").future(parts(), timeout=30)
        for _ in range(200):
            if door.metrics()[1]["tamis_uploads"]:
                break
            time.sleep(0.05)
        call.cancel()
        hold.set()
        for _ in range(200):  # the server hears of it in its own time
            if not door.metrics()[1]["tamis_calls"]:
                break
            time.sleep(0.05)
    change = moved(door, act)
    assert change == {"aborted": 1, "ok": 1}, change
    client.close()


def refused_requests(door):
    client = Client(door).open()

    def act():
        request = tamis_pb2.FetchBlobRequest(session=client.session, digest=bytes(32))
        refused("NOT_FOUND", lambda: list(client.method("FetchBlob", None, "unary_stream")(request, timeout=10)))
    assert moved(door, act) == {"refused": 1, "ok": 0}
    client.close()


def all_of_it_at_once(door):
    def act():
        threads = [threading.Thread(target=one, args=(door,)) for one in
                   (good_one, malformed_one, gone_one, good_one, gone_one, malformed_one)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):  # it holds at every moment, not only at rest
            assert door.metrics()[1]["tamis_unaccounted_requests"] == 0
        for thread in threads:
            thread.join()
    moved(door, act)


def good_one(door):
    for _ in range(20):
        client = Client(door).open()
        client.close()


def malformed_one(door):
    client = Client(door)
    for _ in range(40):
        refused("BAD_REQUEST", lambda: client.method("Poll", None, raw=True)(b"\xff" * 64, timeout=10))
    client.close()


def gone_one(door):
    client = Client(door).open()
    blob = hashlib.sha256(b"").digest()
    for _ in range(20):
        call = client.method("Upload", tamis_pb2.UploadReply, "stream_unary").future(
            iter([client.header(blob, 1)]), timeout=10)
        call.cancel()
    client.close()


run([good_requests, malformed_requests, unauthenticated_requests, truncated_requests, aborted_requests, refused_requests,
     all_of_it_at_once])
