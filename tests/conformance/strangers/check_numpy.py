"""numpy reads the files of a log and makes every promoted model again: base plus the median of what was accepted.

usage: check_numpy.py LOG_FOLDER

The safetensors form is read here as its definition says (length, JSON header, data), so that no reader of ours has a part in it."""

import base64
import json
import pathlib
import struct
import sys

import numpy

log = pathlib.Path(sys.argv[1])


def tensors(digest):
    data = (log / "blobs" / digest).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, begin = json.loads(data[8:8 + length]), 8 + length
    assert begin % 64 == 0, "the data does not begin on a multiple of 64"
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        kind = {"F32": "<f4", "F64": "<f8"}[entry["dtype"]]
        found[name] = numpy.frombuffer(data[begin + first:begin + last], kind).reshape(entry["shape"])
    assert begin + max(e["data_offsets"][1] for n, e in header.items() if n != "__metadata__") == len(data)
    return found


def statements():
    for path in sorted((log / "entries").iterdir(), key=lambda path: int(path.stem)):
        statement = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
        yield statement["predicateType"].rsplit("/", 1)[1], statement


def subject(statement, name):
    return next(s["digest"]["sha256"] for s in statement["subject"] if s["name"] == name)


bases, models, grams = {}, 0, 0
for kind, statement in statements():
    said = statement["predicate"]
    if kind == "round-open":
        bases[said["round"]] = subject(statement, "base")
    if kind == "verdicts":
        manifest = json.loads((log / "blobs" / subject(statement, "manifest")).read_bytes())
        rows = numpy.array([tensors(u["update"])["weight"] for u in manifest["updates"]], numpy.float64)
        gram = tensors(said["gram"])["gram"]
        # The exact Gram is of rows rounded to 22 bits of each tile's largest number (PROTOCOL.md 6 and DESIGN 5).
        assert numpy.allclose(gram, rows @ rows.T, rtol=1e-5, atol=1e-5 * numpy.abs(gram).max()) and (gram == gram.T).all()
        grams += 1
    if kind == "aggregate":
        manifest = json.loads((log / "blobs" / subject(statement, "manifest")).read_bytes())
        rows = numpy.array([tensors(u["update"])["weight"] for u in manifest["updates"]])
        base = tensors(bases[said["round"]])["weight"]
        made = base + numpy.median(rows, axis=0).astype(numpy.float32)
        logged = tensors(subject(statement, "model"))["weight"]
        assert logged.tobytes() == made.tobytes(), f"round {said['round']}: numpy makes another model"
        models += 1
assert models and grams
print(f"numpy makes {models} models again, bit for bit, and finds {grams} Gram matrices right")
