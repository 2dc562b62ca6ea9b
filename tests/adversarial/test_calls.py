"""Calls that are not what they should be: garbage, floods, silence, stolen and old sessions; the server goes on."""

import hashlib
import os
import socket
import threading
import time

import grpc

from door import ORIGIN, KEY, MIB, SANITIZED, Client, model, refused, run
from tamis.v1 import health_pb2, tamis_pb2

BASE = model(400_000)
METHODS = {"Describe": "DescribeRequest", "Enrol": "EnrolRequest", "Challenge": "ChallengeRequest",
           "OpenSession": "OpenSessionRequest", "Poll": "PollRequest", "Offer": "OfferRequest",
           "GetReceipt": "GetReceiptRequest", "GetEntry": "GetEntryRequest",
           "GetConsistency": "GetConsistencyRequest", "Submit": "SubmitRequest", "Query": "QueryRequest"}


def honest(door):
    client = Client(door, "client-honest").open()
    assert client.call("Describe", tamis_pb2.DescribeRequest()).origin == ORIGIN.encode()
    poll = client.call("Poll", tamis_pb2.PollRequest(session=client.session))
    assert not poll.has_task
    client.close()


def health(door, service=""):
    with door.channel() as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check",
                                    request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                                    response_deserializer=health_pb2.HealthCheckResponse.FromString)
        return check(health_pb2.HealthCheckRequest(service=service), timeout=10).status


def health_is_serving(door):
    assert health(door) == health(door, "tamis.v1.Client") == health_pb2.HealthCheckResponse.SERVING
    refused("NOT_FOUND", lambda: health(door, "nothing"))


def everything_else_answers(door):
    client = Client(door).open()
    entry = client.call("GetEntry", tamis_pb2.GetEntryRequest(session=client.session, index=1))
    assert entry.envelope == b"entry 1" and entry.receipt and not entry.hashes
    entry = client.call("GetEntry", tamis_pb2.GetEntryRequest(session=client.session, index=1, size=2))
    assert entry.envelope == b"entry 1" and not entry.receipt and len(entry.hashes) == 3
    for size in (1, 2 ** 64 - 1):
        refused("NOT_FOUND", lambda: client.call("GetEntry", tamis_pb2.GetEntryRequest(
            session=client.session, index=1, size=size)))
    assert len(client.call("GetConsistency", tamis_pb2.GetConsistencyRequest(session=client.session)).hashes) == 2
    boss = Client(door, "operator/boss").open()
    assert boss.call("Query", tamis_pb2.QueryRequest(session=boss.session, name=b"status")).rows == b"[{}]"
    assert boss.call("Submit", tamis_pb2.SubmitRequest(envelope=b"x")).result == b"{}"
    entries = boss.method("GetEntries", tamis_pb2.Entry, "unary_stream")(
        tamis_pb2.GetEntriesRequest(session=boss.session, **{"from": 1}, count=100), timeout=10)
    assert [(e.index, e.envelope) for e in entries] == [(1, b"entry 1"), (2, b"entry 2")]


def fetch(client, digest, offset=0, timeout=20):
    return client.method("FetchBlob", tamis_pb2.Chunk, "unary_stream")(
        tamis_pb2.FetchBlobRequest(session=client.session, digest=digest, offset=offset), timeout=timeout)


def fetch_gives_the_bytes_from_any_offset(door):
    Client(door, "operator/boss").open().put_blob(BASE)
    digest = hashlib.sha256(BASE).digest()
    client = Client(door).open()
    for offset in (0, 1, MIB, len(BASE) - 1, len(BASE)):
        assert b"".join(c.data for c in fetch(client, digest, offset)) == BASE[offset:]
    refused("BAD_OFFSET", lambda: list(fetch(client, digest, len(BASE) + 1)))
    refused("NOT_FOUND", lambda: list(fetch(client, bytes(32))))
    refused("BAD_REQUEST", lambda: list(fetch(client, b"short")))


def reader_that_takes_nothing_costs_nothing(door):
    digest = hashlib.sha256(BASE).digest()
    before = door.resident()
    clients = [Client(door, f"client-{i}").open() for i in range(60)]
    calls = [fetch(c, digest) for c in clients]
    [next(iter(c)) for c in calls]
    time.sleep(0.5)
    grown = door.resident() - before
    [c.cancel() for c in calls]
    [c.close() for c in clients]
    print(f"       60 stalled readers: {grown >> 10} KiB")
    assert SANITIZED or grown < 40 * MIB, grown


def unknown_methods_are_unimplemented_at_once(door):
    for path in ("/tamis.v1.Client/Nothing", "/x/y", "/", "/tamis.v1.Client/", "/" + "a" * 4000):
        begun = time.time()
        try:
            with door.channel() as channel:
                channel.unary_unary(path)(b"", timeout=10)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED, (path, error)
        assert time.time() - begun < 2


def garbage_requests(door):
    client = Client(door).open()
    for name in METHODS:
        for body in (b"\xff" * 7, os.urandom(50), b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 1000):
            try:
                client.method(name, raw=True)(body, timeout=10)
            except grpc.RpcError as error:
                assert dict(error.trailing_metadata())["tamis-status"] in (
                    "BAD_REQUEST", "NO_SESSION", "BAD_TOKEN", "BAD_STATEMENT"), (name, body, error)


def amplifying_requests_meet_a_budget(door):
    """Thousands of empty repeated fields: 56 bytes of memory for two on the wire."""
    client = Client(door, "operator/boss").open()
    before = door.resident()
    for _ in range(20):
        refused("BAD_REQUEST", lambda: client.method("Query", raw=True)(b"\x1a\x00" * 60_000, timeout=10))
    assert SANITIZED or door.resident() - before < 8 * MIB


def control_messages_have_a_size(door):
    client = Client(door)
    for name in ("Describe", "Submit", "Enrol"):
        refused("BAD_REQUEST", lambda: client.method(name, raw=True)(bytes(200 << 10), timeout=10))


def giant_metadata(door):
    for size in (10_000, 100_000, 1_000_000):
        with door.channel() as channel:
            try:
                channel.unary_unary("/tamis.v1.Client/Describe")(b"", timeout=5, metadata=[("x", "y" * size)])
            except grpc.RpcError:
                continue
            raise AssertionError(f"{size} bytes of metadata were taken")


def sessions_that_are_not_ours(door):
    client = Client(door).open()
    good = client.session
    flipped = bytes([good[5] ^ 1])
    for token in (b"", b"x", os.urandom(100), good[:-1], good + b"x", good[:5] + flipped + good[6:],
                  b"S\x01" + good[2:], b"S" + bytes(300), good[:10] + b"\xff" + good[11:]):
        refused("NO_SESSION", lambda: client.call("Poll", tamis_pb2.PollRequest(session=token)))
        refused("NO_SESSION", lambda: list(client.method("FetchBlob", None, "unary_stream")(
            tamis_pb2.FetchBlobRequest(session=token, digest=bytes(32)), timeout=10)))
        refused("NO_SESSION", lambda: client.upload([tamis_pb2.UploadPart(
            header=tamis_pb2.UploadHeader(session=token, upload=bytes(32)))]))


def session_ends(door):
    client = Client(door).open()
    client.call("Poll", tamis_pb2.PollRequest(session=client.session))
    time.sleep(3.1)
    refused("NO_SESSION", lambda: client.call("Poll", tamis_pb2.PollRequest(session=client.session)))


def sessions_need_the_key(door):
    client = Client(door)
    nonce = client.call("Challenge", tamis_pb2.ChallengeRequest()).nonce
    assert len(nonce) == 56

    def answer(principal, nonce, text, origin=ORIGIN):
        signed = KEY.sign(f"tamis-session/v1\n{origin}\n{text}\n{nonce.hex()}\n".encode()).signature
        return client.call("OpenSession", tamis_pb2.OpenSessionRequest(
            principal=principal, nonce=nonce, signature=signed))

    refused("BAD_SIGNATURE", lambda: answer(b"client-1", nonce, "client-2"))
    refused("BAD_SIGNATURE", lambda: answer(b"client-1", nonce, "client-1", "other/log"))
    refused("UNKNOWN_CLIENT", lambda: answer(b"stranger", nonce, "stranger"))
    refused("NO_SESSION", lambda: answer(b"client-1", os.urandom(56), "client-1"))
    refused("NO_SESSION", lambda: answer(b"client-1", nonce[:55], "client-1"))
    refused("BAD_REQUEST", lambda: answer(b"client-1\0x", nonce, "client-1"))
    refused("BAD_REQUEST", lambda: answer(b"client-" + b"x" * 300, nonce, "client-1"))
    refused("BAD_SIGNATURE", lambda: client.call("OpenSession", tamis_pb2.OpenSessionRequest(
        principal=b"client-1", nonce=nonce, signature=b"short")))
    assert answer(b"client-1", nonce, "client-1").session


def clients_are_no_operators(door):
    client = Client(door).open()
    for name in (b"status", b"clients", b"round-entries2", b""):
        refused("DENIED", lambda: client.call("Query", tamis_pb2.QueryRequest(session=client.session, name=name)))
    assert client.call("Query", tamis_pb2.QueryRequest(session=client.session, name=b"round-entries")).rows == b"[{}]"
    refused("NO_SESSION", lambda: client.call("Query", tamis_pb2.QueryRequest(session=b"", name=b"round-entries")))
    boss = Client(door, "operator/boss").open()
    refused("DENIED", lambda: boss.call("Poll", tamis_pb2.PollRequest(session=boss.session)))
    refused("DENIED", lambda: boss.call("Offer", tamis_pb2.OfferRequest(session=boss.session)))


def queries_have_bounds(door):
    boss = Client(door, "operator/boss").open()
    for arguments in ([b"x"] * 9, [b"x" * 5000], [b"a\0b"]):
        refused("BAD_REQUEST", lambda: boss.call("Query", tamis_pb2.QueryRequest(
            session=boss.session, name=b"status", arguments=arguments)))


def thousand_streams_of_one_client(door):
    client = Client(door, "client-flood").open()
    poll = client.method("Poll", tamis_pb2.PollReply)
    request = tamis_pb2.PollRequest(session=client.session, wait_ms=30_000)
    begun = time.time()
    calls = [poll.future(request, timeout=60) for _ in range(1000)]
    refusals = 0
    while refusals < 992 and time.time() - begun < 20:
        refusals = sum(c.done() for c in calls)
        time.sleep(0.05)
    assert refusals == 992, refusals
    honest(door)  # while eight are still waiting
    for call in calls:
        if call.done():
            refused("RATE_LIMITED", call.result)
        call.cancel()
    client.close()
    print(f"       992 of 1000 refused in {time.time() - begun:.2f} s")


def calls_that_say_nothing(door):
    channel = door.channel()
    stop = threading.Event()

    def nothing():
        stop.wait(20)
        yield from ()

    calls = [channel.stream_unary("/tamis.v1.Client/Describe").future(nothing(), timeout=20) for _ in range(50)]
    for call in calls:
        refused("TIMED_OUT", call.result)
    stop.set()
    refused("BAD_REQUEST", lambda: channel.stream_unary("/tamis.v1.Client/Describe")(iter([]), timeout=10))
    assert channel.stream_unary("/tamis.v1.Client/Describe")(iter([b""] * 5), timeout=10)
    channel.close()


def poll_waits_and_gives_up_by_itself(door):
    client = Client(door).open()
    begun = time.time()
    reply = client.call("Poll", tamis_pb2.PollRequest(session=client.session, wait_ms=700))
    assert 0.65 < time.time() - begun < 1.5 and not reply.has_task and reply.retry_after_ms
    refused("BAD_REQUEST", lambda: client.call("Poll", tamis_pb2.PollRequest(
        session=client.session, federation=b"x" * 65)))


def waiting_clients_leave(door):
    for deadline in (0.05, 0.2):
        clients = [Client(door, f"client-{i}").open() for i in range(20)]
        calls = [c.method("Poll", tamis_pb2.PollReply).future(
            tamis_pb2.PollRequest(session=c.session, wait_ms=20_000), timeout=deadline) for c in clients]
        for call in calls:
            try:
                call.result()
                raise AssertionError("nobody had a task to give")
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        [c.close() for c in clients]
    assert not door.settled()["tamis_sessions"]


def watch_follows_the_log(door):
    boss = Client(door, "operator/boss").open()
    boss.put_blob(BASE)
    events = boss.method("Watch", tamis_pb2.WatchEvent, "unary_stream")(
        tamis_pb2.WatchRequest(session=boss.session), timeout=20)
    assert [next(events).index for _ in range(3)] == [0, 1, 2]
    client = Client(door, "client-2").open()
    blob = model(400_000, b"\0\0\x80\x3f")
    client.update(blob, BASE)  # makes an entry
    assert next(events).index == 3
    events.cancel()


def hasty_clients(door):
    """Calls begun and dropped at once, by the thousand, on one connection."""
    channel = door.channel()
    describe = channel.unary_unary("/tamis.v1.Client/Describe")
    for _ in range(3000):
        describe.future(b"", timeout=5).cancel()
    assert describe(b"", timeout=10)
    channel.close()


def bytes_that_are_no_http2(door):
    host, port = door.address.rsplit(":", 1)
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(2000),
                    b"\x16\x03\x01" + bytes(500), b""):
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(garbage)
            raw.settimeout(1)
            try:
                raw.recv(1000)
            except OSError:
                pass


def compressed_messages_are_refused(door):
    with grpc.insecure_channel(door.address, compression=grpc.Compression.Gzip) as channel:
        try:
            channel.unary_unary("/tamis.v1.Client/Submit")(bytes(3 * MIB), timeout=10)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
        else:
            raise AssertionError("gzip was inflated")


def metrics_are_consistent(door):
    text, values = door.metrics()
    assert values['tamis_build_info{version="0.1.0"}'] == 1
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    helps = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    assert names == helps
    assert {key.split("{")[0] for key in values} <= names
    assert "client-" not in text


run([health_is_serving, everything_else_answers, fetch_gives_the_bytes_from_any_offset,
     reader_that_takes_nothing_costs_nothing, unknown_methods_are_unimplemented_at_once, garbage_requests,
     amplifying_requests_meet_a_budget, control_messages_have_a_size, giant_metadata, sessions_that_are_not_ours,
     session_ends, sessions_need_the_key, clients_are_no_operators, queries_have_bounds,
     thousand_streams_of_one_client, calls_that_say_nothing, poll_waits_and_gives_up_by_itself,
     waiting_clients_leave, hasty_clients, bytes_that_are_no_http2, compressed_messages_are_refused,
     metrics_are_consistent, watch_follows_the_log], after=honest)
