#!/usr/bin/python3
"""Seed corpora for the targets of proto/, lab/idx.h, cli/npy.h and tamisd.yaml: the byte strings of PROTOCOL.md 8 and a few made here. Run it
when the page changes."""
import base64
import pathlib
import re
import struct

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parent.parent / "PROTOCOL.md"
BLOCK = dict(re.findall(r"^```text (\w+)\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.S | re.M))
TEXT = {name: value.encode() for name, value in BLOCK.items()}
LEAVES_NOTE = """fl.example/agg1
5
ANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=

— fl.example/agg1 qUS3kex1UEqYZ0/wLgF5JKjjfEn+9CMHUCWdsTrYym+AdFCwwTf5UCW6MhJbI0GGrXNCxFPMcSm3FpLd5xvgdD7Efwg=
— fl.example/client/c1 qYry3gAAAABlU/EA/ro3c6zXqA2ITwrQxnMBHSkg/aR2onmjzyYsop+VIoxmy4Es0TMiL7Z5OJXCEXOTrY0P9sE+7c8AC697IPdsAg==
"""
LEAF_2_PROOF = """c2sp.org/tlog-proof@v1
extra AAAA
index 2
92g2MlrsVpnY1x+OQunUfFwpsIBZuiljhPfKQK06QK4=
YKU+7Q3oepDI5ZQnxZxGJTwzp2oJUCpRgBMAknt+a9w=
6p/BobbhkbRg0NYwbj6HDBc/OTMPE82htwz8cr3DmLo=

"""


def unhex(name):
    return bytes.fromhex(BLOCK[name])


def safetensors(header, data):
    text = header.encode()
    text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + data


def field(number, data):
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


CONFIG = b"listen: 127.0.0.1:0\nstate: state\ngenesis: /dev/null\nkeys:\n  aggregator: /dev/null\n  log: /dev/null\n"


def idx(*dimensions, data):
    return struct.pack(f">4B{len(dimensions)}I", 0, 0, 8, len(dimensions), *dimensions) + data


def npy(dictionary, data=b"", version=1):
    text = dictionary.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def signer_request(kind, rest=b""):
    return b"TSR1" + bytes([kind]) + rest


def signer_answer(status, sentence, size, vkey, note):
    return (b"TSA1" + bytes([len(status)]) + status + struct.pack("<H", len(sentence)) + sentence + struct.pack("<Q", size)
            + bytes(32) + struct.pack("<H", len(vkey)) + vkey + struct.pack("<H", len(note)) + note)


CORPORA = {
    "signer": {
        "last": signer_request(1),
        "sign": signer_request(2, b"\x0ffl.example/agg1" + struct.pack("<Q", 5) + bytes(32) + b"\x02" + bytes(64)),
        "answer": signer_answer(b"OK", b"", 5, b"vkey", b"note\n"),
        "refusal": signer_answer(b"FORK", b"no", 0, b"", b""),
    },
    "tile": {
        "trust": b"tile/0/x001/x234/067", "entries": b"tile/entries/005.p/17", "last": b"tile/7/000.p/127",
        "dots": b"tile/0/../0/000", "bundle": b"\x00\x03abc\x00\x00\x00\x01x", "cut": b"\x00\x05ab",
        "announced": b"\xff\xff" + bytes(10),
    },
    "canonical": {
        **{name: TEXT[name] for name in BLOCK if name.endswith(("_payload", "_envelope"))},
        "manifest": TEXT["cohort_manifest"],
        "escapes": b'["\\"","\\\\","/",-9007199254740991,0,true,false,{},[]]',
        "deep": b"[" * 16 + b"]" * 16,
    },
    "statement": {name: TEXT[name] for name in BLOCK if name.endswith(("_payload", "_envelope"))},
    "checkpoint": {
        "cosigned": LEAVES_NOTE.encode(), "leaf_2": (LEAF_2_PROOF + LEAVES_NOTE).encode(),
        "plan": TEXT["plan_receipt"] + b"\n", "update": TEXT["update_receipt"] + b"\n",
    },
    "tensor": {
        "model": unhex("model_file"),
        "gram": safetensors('{"gram":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]}}', struct.pack("<4d", 1, 2, 2, 5)),
        "torch": safetensors('{"__metadata__":{"format":"pt"}, "b":{"shape":[1],"dtype":"F32","data_offsets":[8,12]},'
                             '"a":{"data_offsets":[0,8],"dtype":"F32","shape":[1,2]},'
                             '"none":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}', bytes(12)),
        "half": safetensors('{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,6]}}', bytes(6)),
        "unaligned": struct.pack("<Q", 55) + b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}' + bytes(2),
        "announced": safetensors('{"a":{"dtype":"F32","shape":[1048576],"data_offsets":[0,4194304]}}', b"")
                     + struct.pack("<Q", 4194304 + 128),
    },
    "chunk": {
        "update": unhex("upload_data_message"), "one": b"\x12\x01x", "empty": b"\x12\x00",
        "long": b"\x12\x81\x00x", "trailer": unhex("upload_trailer_message"),
        "two": b"\x12\x01a\x12\x01b",
    },
    "unpack": {
        "header": unhex("upload_header_message"), "trailer": unhex("upload_trailer_message"),
        "data": unhex("upload_data_message"),
        "query": field(1, b"session") + field(2, b"clients") + field(3, b"digits") + field(3, b"") + b"\x20\x05",
        "unknown": b"\x78\x01\xfa\x01\x02ab", "enrol": field(1, unhex("token")) + field(2, b"{}"),
        "poll": b"\x08\x01\x10\xe8\x07" + field(3, b"digits") + b"\x20\x01" + field(5, b"{}") + b"\x50\x01",
    },
    "npy": {
        "matrix": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" + " " * 10 + "\n", bytes(24)),
        "vector": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", bytes(24), 2),
        "half": npy("{\"shape\":(1,1,2),\"fortran_order\":False,\"descr\":\"<f2\"}", bytes(4), 3),
        "counts": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        "fortran": npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", bytes(24)),
        "records": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", bytes(4)),
        "announced": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1048576, 1)}" + " " * 55)
                     + struct.pack("<Q", 4194304 + 128),
    },
    "idx": {
        "images": idx(2, 1, 3, data=bytes(6)), "labels": idx(3, data=b"\x07\x03\x01"), "matrix": idx(2, 2, data=b"abcd"),
        "truncated": idx(2, 2, 2, data=bytes(7)), "announced": idx(1 << 28, 1024, 1024, data=b""), "empty": idx(0, data=b""),
    },
    "config": {
        "plain": CONFIG,
        "full": CONFIG.replace(b"127.0.0.1:0", b'"[::]:7414"') + b"tls: {certificate: /dev/null, key: /dev/null, client_ca: /dev/null}\n"
                b"metrics: 127.0.0.1:7415\nflow: wan\nthreads: 2\nlimits:\n  calls: 10\n  drain_seconds: 3\n"
                b"log: {level: debug, format: json}\n",
        "unix": CONFIG.replace(b"127.0.0.1:0", b"unix:/run/tamis/socket"),
        "unknown_key": CONFIG + b"extra: 1\n", "twice": CONFIG + b"state: other\n",
        "alias": b"a: &a [x, x]\nb: &b [*a, *a]\nlisten: *b\n", "deep": b"listen: " + b"[" * 200,
        "large": CONFIG + b"limits: {workers: 4294967296}\n", "half_tls": CONFIG + b"tls: {certificate: /dev/null}\n",
        "bytes": b"listen: \"\\0\\x41\"\n\xff\xfe",
    },
    "key": {
        **{name: TEXT[name] for name in BLOCK if name.endswith("_vkey")},
        "base64": base64.b64encode(bytes(range(32))), "high_bytes": b"A\xd4AA", "name": b"clinic-7", "witness":
        b"fl.example/client/c1+a98af2de+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU",
    },
}

for target, files in CORPORA.items():
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
