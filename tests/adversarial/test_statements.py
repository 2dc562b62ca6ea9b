"""Statements that should not be believed, against the real tamisd: each is refused by its name, in each the log keeps nothing of
it but the refusal, and an honest round still goes through."""

import struct
import threading
import time

import grpc
import nacl.signing

from stage import Client, PARAMETERS, Stage, body, refused, run, sha256, task
from python_client import pb, statement_sign, vkey_write

NAN, INFINITY = struct.pack("<f", float("nan")), struct.pack("<f", float("inf"))
people = {}


def prepare(stage):
    names = ("ann", "bob", "eve", "gone", "shut", "flaky", "listed")
    people.update(zip(names, stage.enrolled(*names)))
    stage.create("main", PARAMETERS, "mean", "--quorum", "2", "--deadline", "300s", "--examples-max", "1000", "--norm-max", "100")
    for name in names:
        people[name].task = task(people[name], "main")  # a signed claim, even a refused one, is an answer: Poll gives it once


def offer(client, envelope):
    return client.call("Offer", envelope=envelope)


def refused_offer(status, client, base, plan, blob, **changes):
    return refused(status, lambda: offer(client, client.update_make(base, plan, blob, **changes)))


def keys_and_invitations(stage):
    stranger = Client(stage.line("stranger"))
    refused("UNKNOWN_CLIENT", stranger.session_open)
    expired = Client(stage.line("late", "--valid", "1s"))
    time.sleep(2.1)
    refused("TOKEN_EXPIRED", expired.enrol)
    line = stage.line("twice")
    Client(line).enrol()
    refused("BAD_TOKEN", Client(line).enrol)
    forged = Client(stage.line("forged"))
    forged.invitation["token"] = "00" * 16
    refused("BAD_TOKEN", forged.enrol)
    other_name = Client(stage.line("mallory"))
    other_name.name = "ann"
    refused("BAD_TOKEN", other_name.enrol)


def key_that_is_not_possessed(stage):
    client = Client(stage.line("thief"))
    token, public = bytes.fromhex(client.invitation["token"]), bytes(people["ann"].key.verify_key)
    envelope = statement_sign(client.origin, "key-enrol", sha256(public), {
        "client": "thief", "key": vkey_write("thief", public), "token": sha256(token).hex()}, "thief", client.key)
    refused("BAD_SIGNATURE", lambda: client.rpc("Enrol", pb.EnrolRequest(token=token, envelope=envelope)))


def revoked_key(stage):
    client = people["gone"]
    base, plan, model = client.task
    envelope = client.update_make(base, plan, body(model))
    stage.tamis("client", "revoke", "gone", "--reason", "test")
    refused("KEY_REVOKED", lambda: offer(client, envelope))
    client.session = b""
    refused("KEY_REVOKED", client.session_open)


def excluded_client(stage):
    client = people["shut"]
    base, plan, model = client.task
    envelope = client.update_make(base, plan, body(model))
    stage.tamis("client", "exclude", "shut", "--federation", "main", "--reason", "test")
    refused("EXCLUDED", lambda: offer(client, envelope))


def key_on_the_feed(stage):
    """By the commands that people type, beside a digest that somebody shared and one that is withdrawn again."""
    client = people["listed"]
    base, plan, model = client.task
    envelope = client.update_make(base, plan, body(model))
    shared = stage.folder / "feed.json"
    shared.write_text('{"updates": [{"reason": "a backdoor", "digest": "%s"}], "keys": []}' % ("ab" * 32))
    stage.tamis("feed", "set", str(shared), "--note", "of a friend")
    stage.tamis("feed", "add", "--client", "listed", "--key", "--reason", "stolen")
    refused("KNOWN_BAD", lambda: offer(client, envelope))
    stage.tamis("feed", "withdraw", "ab" * 32, "--reason", "it was another")
    rows = stage.tamis("feed", "show")
    assert [(r["list"], r["reason"], r["since"], r["version"]) for r in rows] == [("keys", "stolen", 2, 3)], rows
    code, answer = stage.tamis("feed", "withdraw", "ab" * 32, "--reason", "again", check=False)
    assert code == 5 and answer["error_code"] == "NOT_FOUND", answer


def policy_by_the_commands_that_people_type(stage):
    file, report = stage.folder / "policy.yaml", stage.folder / "report.json"
    file.write_text("strikes_quarantine: 2\n")
    assert stage.tamis("policy", "set", "main", str(file), "--note", "stricter")["version"] == 2
    shown = stage.tamis("policy", "show", "main")
    assert shown["version"] == 2 and [t["name"] for t in shown["thresholds"] if t["changed"]] == ["strikes_quarantine"], shown
    history = stage.tamis("policy", "history", "main")
    assert [v["changed"] for v in history] == ["nothing", "strikes_quarantine 3 -> 2"], history
    code, answer = stage.tamis("policy", "set", "main", str(file), "--note", "again", check=False)
    assert code == 6 and answer["error_code"] == "CONFLICT", answer
    report.write_text('{"format":"tamis-dry-run/v1","federation":"main","policy":{}}')
    code, answer = stage.tamis("policy", "set", "main", str(file), "--note", "x", "--report", str(report), check=False)
    assert code == 2 and "no report of a dry run of this policy" in answer["data"]["message"], answer


def signatures(stage):
    eve = people["eve"]
    base, plan, model = eve.task
    refused_offer("BAD_SIGNATURE", eve, base, plan, body(model), key=nacl.signing.SigningKey.generate())
    good = eve.update_make(base, plan, body(model))
    for at in range(20, len(good), 97):
        changed = good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
        try:
            offer(eve, changed)
        except Exception as refusal:
            assert refusal.name in ("BAD_SIGNATURE", "BAD_STATEMENT", "BAD_REQUEST", "UNKNOWN_CLIENT", "DENIED",
                                    "WRONG_ORIGIN"), refusal
        else:
            raise AssertionError(f"byte {at} may be changed")


def statements_for_somewhere_else(stage):
    eve = people["eve"]
    base, plan, model = eve.task
    blob = body(model)
    refused_offer("WRONG_ORIGIN", eve, base, plan, blob, origin="other.tamis/log")
    refused_offer("UNKNOWN_FEDERATION", eve, base, plan, blob, federation="nowhere")
    refused_offer("STALE_ROUND", eve, base, plan, blob, round=plan["round"] + 1)
    refused_offer("BAD_STATEMENT", eve, base, plan, blob, round=0)
    refused_offer("WRONG_BASE", eve, bytes(32), plan, blob)


def statement_of_somebody_else(stage):
    """Bob's signed update in Eve's session: a statement counts for whom it names, or not at all."""
    bob, eve = people["bob"], people["eve"]
    base, plan, model = bob.task
    envelope = bob.update_make(base, plan, body(model))
    refused("DENIED", lambda: offer(eve, envelope))


def examples_that_cannot_be(stage):
    eve = people["eve"]
    base, plan, model = eve.task
    for examples in (0, -1, -(2**53) + 1, 1001, 2**53 - 1):
        refused_offer("BAD_EXAMPLES", eve, base, plan, body(model), examples=examples)
    for examples in (10**30, -10**30, 2**53, 1.5, "1", True):
        refused_offer("BAD_STATEMENT", eve, base, plan, body(model), examples=examples)
    refused_offer("BAD_STATEMENT", eve, base, plan, body(model), loss="f64:7ff8000000000000")
    refused_offer("BAD_STATEMENT", eve, base, plan, body(model), extra=1)


def sizes_that_cannot_be(stage):
    eve = people["eve"]
    base, plan, model = eve.task
    for size in (0, len(model) - 1, len(model) + 1, 2**53 - 1):
        refusal = None
        try:
            offer(eve, eve.update_make(base, plan, body(model), size=size))
        except Exception as error:
            refusal = error
        assert refusal and refusal.name in ("TOO_LARGE", "WRONG_LAYOUT", "BAD_STATEMENT"), (size, refusal)


def bodies_that_are_not_what_they_should_be(stage):
    """Each is refused at the end of its upload; Eve may still answer the round honestly."""
    eve = people["eve"]
    base, plan, model = eve.task
    plain = body(model)
    f64 = plain.replace(b'"F32"', b'"F64"')
    cases = [("NOT_FINITE", plain[:-4] + NAN), ("NOT_FINITE", plain[:-4] + INFINITY), ("NORM_TOO_LARGE", body(model, 1e30)),
             ("NORM_TOO_LARGE", body(model, 10)), ("WRONG_LAYOUT", f64), ("WRONG_LAYOUT", plain.replace(b"weight", b"height")),
             ("WRONG_LAYOUT", b"\xff" * len(plain))]
    for status, blob in cases:
        envelope = eve.update_make(base, plan, blob)
        opened = offer(eve, envelope)
        refused(status, lambda: eve.rpc("Upload", eve.upload_parts(opened, blob), "stream_unary"))


def uploads_that_lie(stage):
    eve = people["eve"]
    base, plan, model = eve.task
    blob, other = body(model), body(model, 0.002)
    opened = offer(eve, eve.update_make(base, plan, blob))

    def upload(parts):
        return lambda: eve.rpc("Upload", iter(parts), "stream_unary")

    parts, lie = list(eve.upload_parts(opened, blob)), list(eve.upload_parts(opened, other))
    refused("DIGEST_MISMATCH", upload([*lie[:-1], parts[-1]]))
    refused("DIGEST_MISMATCH", upload([*parts[:-1], lie[-1]]))

    def pieces(value):
        fresh = body(model, value)
        return list(eve.upload_parts(offer(eve, eve.update_make(base, plan, fresh)), fresh, part=1000))

    whole = pieces(0.003)
    refused("TOO_LARGE", upload([*whole[:-1], whole[2], whole[-1]]))  # a part twice
    whole = pieces(0.004)
    refused("DIGEST_MISMATCH", upload([whole[0], whole[2], whole[1], *whole[3:]]))
    whole = pieces(0.005)
    refused("TRUNCATED", upload(whole[:3]))
    refused("BAD_REQUEST", upload([whole[1], whole[0], *whole[2:]]))  # data before its header


def upload_that_vanishes_goes_on(stage):
    """Half an upload, then silence; the same envelope offered again says where to go on."""
    client = people["flaky"]
    base, plan, model = client.task
    blob = body(model)
    envelope = client.update_make(base, plan, blob)
    pieces, stop = list(client.upload_parts(offer(client, envelope), blob, part=500)), threading.Event()

    def vanish():
        yield from pieces[:4]
        stop.wait(5)

    method = client.channel.stream_unary("/tamis.v1.Client/Upload", request_serializer=lambda p: p.SerializeToString())
    call = method.future(vanish(), timeout=20)
    time.sleep(0.5)
    call.cancel()
    stop.set()
    stage.settled()
    again = offer(client, envelope)
    assert again.offset == 1500, again.offset
    wrong = list(client.upload_parts(again, blob))
    wrong[0].header.offset = 7
    assert refused("BAD_OFFSET", lambda: client.rpc("Upload", iter(wrong), "stream_unary")).offset == 1500
    people["sent"] = client, envelope, blob, client.submit(envelope, blob)


def replayed_and_second_statements(stage):
    client, envelope, blob, index = people["sent"]
    again = offer(client, envelope)
    assert again.complete and client.receipt_check(envelope, again.receipt)[0] == index
    base, plan, _ = client.task
    refused_offer("DUPLICATE", client, base, plan, blob)


def the_round_goes_on_among_liars(stage):
    """Eve, refused so often, may still answer honestly; then the next round comes, and its base is the mean."""
    values = {"flaky": 0.001, "ann": 0.001, "bob": 0.002, "eve": 0.004}
    for name in ("eve", "ann", "bob"):  # the last one closes the round
        client = people[name]
        base, plan, model = client.task
        client.submit(client.update_make(base, plan, body(model, values[name])), body(model, values[name]))
    stage.wait_round("main", 1, "promoted")
    client, envelope, *_ = people["sent"]
    again = offer(client, envelope)  # for ever
    assert again.complete
    base, plan, model = task(client, "main", 1)
    assert plan["round"] == 2 and abs(struct.unpack("<f", model[-4:])[0] - sum(values.values()) / 4) < 1e-9
    old_base, old_plan, old_model = client.task
    refused_offer("STALE_ROUND", client, old_base, old_plan, body(old_model, 0.5))
    people["eve"].task = task(people["eve"], "main", 1)


def thousand_streams(stage):
    eve = people["eve"]
    poll = eve.channel.unary_unary("/tamis.v1.Client/Poll", request_serializer=lambda m: m.SerializeToString())
    request = pb.PollRequest(session=eve.session, federation=b"main", round_after=2, wait_ms=20_000)
    calls = [poll.future(request, timeout=60) for _ in range(1000)]
    deadline = time.monotonic() + 20
    while sum(c.done() for c in calls) < 992 and time.monotonic() < deadline:
        time.sleep(0.05)
    done = [c for c in calls if c.done()]
    assert len(done) == 992, len(done)
    for call in done:
        assert dict(call.trailing_metadata())["tamis-status"] == "RATE_LIMITED"
        assert call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert people["ann"].call("Poll", federation=b"main").has_task  # others are served meanwhile
    [c.cancel() for c in calls]


def trickle(stage):
    eve = people["eve"]
    base, plan, model = eve.task
    blob = body(model, 0.007)
    opened = offer(eve, eve.update_make(base, plan, blob))

    def drops():
        parts = list(eve.upload_parts(opened, blob, part=1))
        for part in parts:
            yield part
            time.sleep(0.1)

    begun = time.monotonic()
    refused("TOO_SLOW", lambda: eve.rpc("Upload", drops(), "stream_unary", timeout=30))
    assert time.monotonic() - begun < 12


def the_log_has_nothing_of_a_liar(stage):
    updates = stage.tamis("log", "show", "--kind", "update", "--count", "1000")
    assert not [u for u in updates if u["client"] in ("gone", "shut", "listed", "thief", "stranger", "mallory")], updates
    values = stage.settled()

    def total(name, label=""):
        return sum(v for k, v in values.items() if k.startswith(name) and label in k)

    refused_updates = total("tamis_updates_total", 'verdict="refused"')
    verdicts = total("tamis_updates_total") - refused_updates  # one for each, as the round that took them is closed
    assert values["tamis_updates_accepted_total"] == len(updates) == verdicts == 4, (values, updates)
    good = 4 + 1 + 3  # updates, the first model, the lists of the feed
    assert total("tamis_uploads_total", 'status="OK"') == good < total("tamis_uploads_total")
    assert refused_updates > 10


run([prepare, keys_and_invitations, key_that_is_not_possessed, signatures, statements_for_somewhere_else,
     statement_of_somebody_else, examples_that_cannot_be, sizes_that_cannot_be, bodies_that_are_not_what_they_should_be,
     uploads_that_lie, upload_that_vanishes_goes_on, replayed_and_second_statements, revoked_key, excluded_client, key_on_the_feed,
     policy_by_the_commands_that_people_type,
     the_round_goes_on_among_liars, thousand_streams, trickle, the_log_has_nothing_of_a_liar],
    make=lambda: Stage("limits: {progress_seconds: 2}\n"))
