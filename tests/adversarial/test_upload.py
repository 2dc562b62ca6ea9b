"""Uploads that are not what they say: each is refused by its name, and an honest client still gets its receipt."""

import hashlib
import os
import struct
import threading
import time

import grpc

from door import MIB, Client, header_bytes, model, refused, run
from tamis.v1 import tamis_pb2

COUNT = 600_000  # floats: a bit more than two parts of 1 MiB
BASE = model(COUNT)
serial = [0]


def update(fill=None):
    """A fresh honest update of the base's layout."""
    serial[0] += 1
    return header_bytes(COUNT) + (fill or struct.pack("<f", serial[0] / 1000)) * COUNT


def prepare(door):
    Client(door, "operator/boss").open().put_blob(BASE)


def honest(door):
    blob = update()
    client = Client(door, "client-honest").open()
    assert hashlib.sha256(blob).hexdigest() in client.update(blob, BASE)
    client.close()


def offered(door, blob, name="client-evil"):
    client = Client(door, name).open()
    return client, client.offer(blob, BASE)


def honest_upload_gets_its_receipt(door):
    prepare(door)
    honest(door)


def small_and_odd_parts_are_fine(door):
    blob = update()
    client = Client(door, "client-odd").open()
    offer = client.offer(blob, BASE)
    cuts = [1, 2, 127, 128, 129, 16383, 16384, 65537]
    parts, at = [client.header(offer.upload, len(blob))], 0
    while at < len(blob):
        size = cuts[len(parts) % len(cuts)]
        parts.append(tamis_pb2.UploadPart(data=blob[at:at + size]))
        at += size
    client.upload([*parts, client.trailer(blob)])


def the_same_upload_twice_is_fine(door):
    blob = update()
    client = Client(door, "client-twice").open()
    client.update(blob, BASE)
    client.update(blob, BASE)


def broken_upload_resumes_where_it_ended(door):
    blob = update()
    client, offer = offered(door, blob, "client-resume")
    refused("TRUNCATED", lambda: client.upload(client.parts(offer.upload, blob)[:2]))
    offer = client.offer(blob, BASE)
    assert offer.offset == MIB, offer.offset
    client.upload(client.parts(offer.upload, blob, offer.offset))


def stream_without_trailer(door):
    blob = update()
    client, offer = offered(door, blob)
    refused("TRUNCATED", lambda: client.upload(client.parts(offer.upload, blob)[:-1]))


def trailer_too_early(door):
    blob = update()
    client, offer = offered(door, blob)
    parts = client.parts(offer.upload, blob)
    refused("TRUNCATED", lambda: client.upload([parts[0], parts[1], parts[-1]]))


def empty_stream(door):
    client, _ = offered(door, update())
    refused("TRUNCATED", lambda: client.upload([]))


def duplicated_part(door):
    blob = update()
    client, offer = offered(door, blob)
    parts = client.parts(offer.upload, blob)
    refused("TOO_LARGE", lambda: client.upload([parts[0], parts[1], parts[1], *parts[2:]]))


def parts_out_of_order(door):
    blob = update()
    client, offer = offered(door, blob)
    parts = client.parts(offer.upload, blob, part=500_000)
    parts[1], parts[2] = parts[2], parts[1]
    different = blob[:500_000] != blob[500_000:1_000_000]
    assert different
    refused("DIGEST_MISMATCH", lambda: client.upload(parts))
    assert client.offer(blob, BASE).offset == 0  # wrong bytes are not kept


def part_larger_than_a_mebibyte(door):
    blob = update()
    client, offer = offered(door, blob)
    refused("BAD_REQUEST", lambda: client.upload(client.parts(offer.upload, blob, part=MIB + 1)))


def message_larger_than_four_mebibytes(door):
    blob = update()
    client, offer = offered(door, blob)
    try:
        client.upload([client.header(offer.upload, len(blob)), tamis_pb2.UploadPart(data=bytes(5 * MIB))])
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    else:
        raise AssertionError("5 MiB in one message were taken")


def more_bytes_than_announced(door):
    blob = update()
    client, offer = offered(door, blob)
    parts = client.parts(offer.upload, blob)
    refused("TOO_LARGE", lambda: client.upload([*parts[:-1], tamis_pb2.UploadPart(data=b"x"), parts[-1]]))


def wrong_tag_and_wrong_length(door):
    for message in (b"\x0a\x03abc", b"\x12\x05abc", b"\x12\x02abc", b"\x12\x83\x80\x80\x80\x80\x80\x80\x80\x80\x01abc",
                    b"\x12\x00", b"", b"\x92\x01\x03abc", b"\x12", b"\xff" * 40, b"\x12\xff\xff\xff\xff\x0f",
                    b"\x12\x03abc\x12\x03abc", os.urandom(1000), os.urandom(5000)):
        blob = update()
        client, offer = offered(door, blob)
        head = client.header(offer.upload, len(blob)).SerializeToString()
        refused("BAD_REQUEST", lambda: client.upload([head, message], raw=True))
        client.close()


def two_headers(door):
    blob = update()
    client, offer = offered(door, blob)
    head = client.header(offer.upload, len(blob))
    refused("BAD_REQUEST", lambda: client.upload([head, head]))


def data_before_the_header(door):
    blob = update()
    client, offer = offered(door, blob)
    parts = client.parts(offer.upload, blob)
    refused("BAD_REQUEST", lambda: client.upload([parts[1], parts[0]]))
    refused("BAD_REQUEST", lambda: client.upload([parts[-1]]))


def header_with_another_size(door):
    blob = update()
    client, offer = offered(door, blob)
    refused("BAD_REQUEST", lambda: client.upload([client.header(offer.upload, len(blob) + 1)]))
    refused("BAD_REQUEST", lambda: client.upload([client.header(offer.upload, 2**64 - 1)]))


def offset_elsewhere(door):
    blob = update()
    client, offer = offered(door, blob)
    for offset in (1, len(blob), 2**63, 2**64 - 1):
        error = refused("BAD_OFFSET", lambda: client.upload([client.header(offer.upload, len(blob), offset)]))
        assert dict(error.trailing_metadata())["tamis-offset"] == "0"


def upload_without_or_with_somebody_elses_offer(door):
    blob = update()
    client, offer = offered(door, blob)
    thief = Client(door, "client-thief").open()
    refused("NOT_FOUND", lambda: thief.upload(thief.parts(offer.upload, blob)))
    refused("NOT_FOUND", lambda: client.upload(client.parts(bytes(32), blob)))
    refused("BAD_REQUEST", lambda: client.upload(client.parts(b"short", blob)))


def trailer_with_another_digest(door):
    blob = update()
    client, offer = offered(door, blob)
    parts = client.parts(offer.upload, blob)
    refused("DIGEST_MISMATCH", lambda: client.upload([*parts[:-1], client.trailer(b"other")]))


def body_that_is_not_what_was_signed(door):
    blob, other = update(), update()
    client, offer = offered(door, blob)
    refused("DIGEST_MISMATCH",
            lambda: client.upload([*client.parts(offer.upload, other)[:-1], client.trailer(blob)]))


def content_is_refused(door):
    nan, infinity = struct.pack("<f", float("nan")), struct.pack("<f", float("inf"))
    plain = update()
    half = len(plain) // 8 * 4
    cases = [("NOT_FINITE", plain[:half] + nan + plain[half + 4:]), ("NOT_FINITE", plain[:-4] + infinity),
             ("NORM_TOO_LARGE", update(struct.pack("<f", 1e30))), ("NORM_TOO_LARGE", update(struct.pack("<f", 3e38))),
             ("WRONG_LAYOUT", BASE[:20] + b"X" + BASE[21:]), ("WRONG_LAYOUT", model(COUNT - 16)),
             ("WRONG_LAYOUT", b"\xff" * len(BASE))]
    for status, blob in cases:
        client, offer = offered(door, blob)
        refused(status, lambda: client.upload(client.parts(offer.upload, blob)))
        assert client.offer(blob, BASE).offset == 0
        client.close()


def second_upload_of_one_client(door):
    blob, other = update(), update()
    client, offer = offered(door, blob)
    go, begun = threading.Event(), threading.Event()

    def slow():
        parts = client.parts(offer.upload, blob)
        yield parts[0]
        yield parts[1]
        begun.set()
        go.wait(1.5)
        yield from parts[2:]

    first = client.method("Upload", tamis_pb2.UploadReply, "stream_unary").future(slow(), timeout=20)
    begun.wait()
    time.sleep(0.3)
    second = client.offer(other, BASE)
    refused("RATE_LIMITED", lambda: client.upload(client.parts(second.upload, other)))
    go.set()
    assert first.result().receipt


def client_vanishes_in_the_middle(door):
    for _ in range(20):
        blob = update()
        client, offer = offered(door, blob)
        stop = threading.Event()

        def vanish():
            yield from client.parts(offer.upload, blob)[:2]
            stop.wait(5)

        call = client.method("Upload", tamis_pb2.UploadReply, "stream_unary").future(vanish(), timeout=20)
        time.sleep(0.02)
        call.cancel()
        stop.set()
        client.close()
    door.settled()
    client = Client(door, "client-evil").open()
    client.update(blob, BASE)


def trickling_client_is_cut_off(door):
    blob = update()
    client, offer = offered(door, blob)

    def trickle():
        yield client.header(offer.upload, len(blob))
        for i in range(200):
            yield tamis_pb2.UploadPart(data=blob[i * 100:i * 100 + 100])
            time.sleep(0.1)

    begun = time.time()
    refused("TOO_SLOW", lambda: client.upload(trickle()))
    assert time.time() - begun < 8, time.time() - begun


def silent_tricklers_do_not_hold_up_others(door):
    """More silent uploads than there is memory for: honest ones go through in the meantime."""
    stop, clients = threading.Event(), []
    for i in range(12):
        blob = update()
        client, offer = offered(door, blob, f"client-silent-{i}")

        def silent(client=client, offer=offer, size=len(blob)):
            yield client.header(offer.upload, size)
            stop.wait(10)

        clients.append(client.method("Upload", tamis_pb2.UploadReply, "stream_unary").future(silent(), timeout=20))
    time.sleep(0.2)
    begun = time.time()
    honest(door)
    spent = time.time() - begun
    for call in clients:
        refused("TOO_SLOW", call.result)
    stop.set()
    assert spent < 4, spent


def upload_that_never_sends_its_header(door):
    client = Client(door, "client-evil").open()
    stop = threading.Event()

    def nothing():
        stop.wait(10)
        yield from ()

    refused("TOO_SLOW", lambda: client.upload(nothing()))
    stop.set()


def many_uploads_stay_within_the_memory(door):
    blobs = {f"client-many-{i}": update() for i in range(40)}
    before = door.resident()
    peak = [0]

    def one(name, blob, failed):
        try:
            Client(door, name).open().update(blob, BASE)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    failed = []
    threads = [threading.Thread(target=one, args=(n, b, failed)) for n, b in blobs.items()]
    [t.start() for t in threads]
    while any(t.is_alive() for t in threads):
        peak[0] = max(peak[0], door.resident())
        time.sleep(0.005)
    [t.join() for t in threads]
    assert not failed, failed
    print(f"       40 uploads of {len(BASE) >> 10} KiB at once: resident {before >> 20} -> {peak[0] >> 20} MiB")


def put_blob_is_for_operators(door):
    blob = os.urandom(3 * MIB + 17)
    assert Client(door, "operator/boss").open().put_blob(blob).digest == hashlib.sha256(blob).digest()
    refused("DENIED", lambda: Client(door, "client-evil").open().put_blob(blob))
    boss = Client(door, "operator/boss").open()
    size = boss.header(hashlib.sha256(blob).digest(), 2**62)
    refused("TOO_LARGE", lambda: boss.method("PutBlob", None, "stream_unary")(iter([size]), timeout=10))
    client = Client(door, "operator/boss").open()
    refused("DENIED", lambda: client.upload(client.parts(bytes(32), blob)))


run([honest_upload_gets_its_receipt, small_and_odd_parts_are_fine, the_same_upload_twice_is_fine,
     broken_upload_resumes_where_it_ended, stream_without_trailer, trailer_too_early, empty_stream, duplicated_part,
     parts_out_of_order, part_larger_than_a_mebibyte, message_larger_than_four_mebibytes, more_bytes_than_announced,
     wrong_tag_and_wrong_length, two_headers, data_before_the_header, header_with_another_size, offset_elsewhere,
     upload_without_or_with_somebody_elses_offer, trailer_with_another_digest, body_that_is_not_what_was_signed,
     content_is_refused, second_upload_of_one_client, client_vanishes_in_the_middle, trickling_client_is_cut_off,
     silent_tricklers_do_not_hold_up_others, upload_that_never_sends_its_header, many_uploads_stay_within_the_memory,
     put_blob_is_for_operators], after=honest)
