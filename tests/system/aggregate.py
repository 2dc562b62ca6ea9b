#!/usr/bin/python3
"""`tamis aggregate` as a person runs it: numpy writes the rows, the command answers, numpy checks.

usage: aggregate.py BINARIES
"""
import fcntl
import json
import os
import pathlib
import re
import resource
import struct
import subprocess
import sys
import tempfile
import traceback

try:
    import numpy
except ImportError:
    print("numpy is not here")
    sys.exit(77)

TAMIS = pathlib.Path(sys.argv[1]).resolve() / "tamis"
RNG = numpy.random.default_rng(7)


def run(*words, code=0, says="", **how):
    done = subprocess.run([TAMIS, "aggregate", *map(str, words)], capture_output=True, text=True, **how)
    assert done.returncode == code, f"{words}: exit {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
    assert says in done.stdout + done.stderr, f"{words}: said {done.stdout}{done.stderr}"
    assert not list(pathlib.Path().glob("**/*.part")), f"{words}: a draft was left behind"
    return done


def has_rule(rule):
    """Rules come one by one; what is not there yet is not tested."""
    numpy.save("has.npy", numpy.ones((30, 3)))
    done = subprocess.run([TAMIS, "aggregate", "--rule", rule, "has.npy", "-o", "has-out.npy"], capture_output=True, text=True)
    return done.returncode != 2


def write_npy(path, array, pad=0, version=1):
    """As numpy.save, with a header of any length, so that the numbers stand at an odd place."""
    text = repr({"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}).encode() + b" " * pad + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    pathlib.Path(path).write_bytes(b"\x93NUMPY" + bytes([version, 0]) + length + text + array.tobytes())


def tensors_header(shapes, dtype, size, metadata):
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name, shape in shapes.items():
        end = at + size * int(numpy.prod(shape))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    return header


def write_tensors(path, shapes, dtype, data, metadata=None, align=8):
    text = json.dumps(tensors_header(shapes, dtype, {"F64": 8, "F32": 4}.get(dtype, 2), metadata)).encode()
    text += b" " * (-len(text) % align)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_tensors(path):
    data = pathlib.Path(path).read_bytes()
    length = 8 + struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:length]), data[:length], data[length:]


def bfloat16(array):
    return (array.astype("<f4").view("<u4") >> 16).astype("<u2")


def numbers_are_right_in_every_type():
    rows = RNG.standard_normal((9, 1111))
    for dtype, tolerance in (("<f2", 2e-7), ("<f4", 2e-7), ("<f8", 1e-15)):
        x = rows.astype(dtype)
        numpy.save("x.npy", x)
        exact = x.astype("f8")
        for rule, expected in (("mean", exact.mean(0)), ("median", numpy.median(exact, 0)),
                               ("trimmed_mean(f=2)", numpy.sort(exact, 0)[2:-2].mean(0))):
            run("--rule", rule, "x.npy", "-o", "out.npy")
            out = numpy.load("out.npy")
            assert out.dtype == ("f8" if dtype == "<f8" else "f4") and out.shape == (1111,), out.dtype
            assert numpy.abs(out - expected).max() <= tolerance * 4, (rule, dtype, numpy.abs(out - expected).max())


def threads_alignment_and_kind_of_file_change_no_bit():
    x = RNG.standard_normal((7, 2053)).astype("<f4")
    numpy.save("x.npy", x)
    shapes = {"w": (2, 1000), "none": (0,), "scale": (), "b": (52,)}
    for rule in ("multi_krum(f=2)", "median", "mean"):
        run("--rule", rule, "x.npy", "-o", "a.npy", "--threads", 1, "--gram", "ga.npy")
        run("--rule", rule, "x.npy", "-o", "b.npy", "--threads", 2, "--gram", "gb.npy")
        for pad, version in ((1, 1), (2, 2), (3, 3)):
            write_npy("odd.npy", x, pad, version)
            run("--rule", rule, "odd.npy", "-o", "c.npy")
            assert pathlib.Path("c.npy").read_bytes() == pathlib.Path("a.npy").read_bytes(), (rule, pad)
        for align in (64, 8, 1):
            for i, row in enumerate(x):
                write_tensors(f"row{i}.safetensors", shapes, "F32", row.tobytes(), {"n": "1" * i if align == 1 else "1"}, align)
            run("--rule", rule, *(f"row{i}.safetensors" for i in range(7)), "-o", "d.npy")
            assert pathlib.Path("d.npy").read_bytes() == pathlib.Path("a.npy").read_bytes(), (rule, align)
        assert pathlib.Path("a.npy").read_bytes() == pathlib.Path("b.npy").read_bytes(), rule
        assert pathlib.Path("ga.npy").read_bytes() == pathlib.Path("gb.npy").read_bytes(), rule
    exact = x.astype("f8")
    assert numpy.abs(numpy.load("ga.npy") - exact @ exact.T).max() < 1e-3


def layout_and_metadata_stay():
    shapes, metadata = {"layer.w": (3, 5), "layer.b": (5,)}, {"format": "pt", "note": "caf\u00e9 \"q\""}
    rows = RNG.standard_normal((3, 20))
    for dtype, data in (("F32", rows.astype("<f4")), ("F64", rows), ("F16", rows.astype("<f2")), ("BF16", bfloat16(rows))):
        files = []
        for i in range(3):
            files.append(f"{dtype}-{i}.safetensors")
            write_tensors(files[-1], shapes, dtype, data[i].tobytes(), metadata)
        run("--rule", "mean", *files, "-o", "out.safetensors")
        header, head, body = read_tensors("out.safetensors")
        said = "F64" if dtype == "F64" else "F32"
        assert header == tensors_header(shapes, said, 8 if said == "F64" else 4, metadata), header
        assert list(header) == ["__metadata__", *shapes], header
        if dtype in ("F32", "F64"):
            assert head == read_tensors(files[0])[1], "the layout's own bytes"
        exact = (data.astype("<u4") << 16).view("<f4") if dtype == "BF16" else data
        out = numpy.frombuffer(body, "<f8" if said == "F64" else "<f4")
        assert numpy.abs(out - exact.astype("f8").mean(0)).max() < 2e-7, dtype
    numpy.save("x.npy", rows)
    run("--rule", "mean", "x.npy", "-o", "out.safetensors")
    header, _, body = read_tensors("out.safetensors")
    assert header == {"aggregate": {"dtype": "F64", "shape": [20], "data_offsets": [0, 160]}}, header


def the_weights_make_the_result():
    x = RNG.standard_normal((12, 300))
    x[3] += 50
    x[7] -= 50
    numpy.save("x.npy", x)
    done = run("--rule", " multi_krum( 3 ) ", "x.npy", "-o", "out.npy", "--weights", "w.json", "--output", "json")
    why = json.loads(pathlib.Path("w.json").read_text())
    assert json.loads(done.stdout)["data"] == why, "the envelope has the same evidence"
    assert why["rule"] == "multi_krum(f=3)" and why["n"] == 12 and why["d"] == 300 and why["dtype"] == "float64"
    weights = numpy.array([float.fromhex(w) for w in why["weights_hex"]])
    assert list(weights) == why["weights"] and why["exact"] is True
    assert why["dropped"] == list(numpy.flatnonzero(weights == 0)) and {3, 7} <= set(why["dropped"])
    assert why["selected"] == 9 and 0 < why["margin"] <= 1 and len(why["scores"]) == 12
    assert numpy.abs(weights @ x - numpy.load("out.npy")).max() < 1e-12
    assert max(why["scores"][i] for i in range(12) if weights[i]) <= min(why["scores"][i] for i in why["dropped"])


def order_breaks_ties():
    x = numpy.zeros((4, 5))
    x[0], x[1], x[2], x[3] = 0, 0, 1, 1  # two pairs: each row has a twin, all scores are alike
    numpy.save("x.npy", x)
    run("--rule", "krum(f=1)", "x.npy", "-o", "a.npy")
    pathlib.Path("order.json").write_text("[2, 3, 0, 1]")
    run("--rule", "krum(f=1)", "x.npy", "-o", "b.npy", "--order", "order.json")
    numpy.save("order.npy", numpy.array([3, 2, 1, 0]))
    run("--rule", "krum(f=1)", "x.npy", "-o", "c.npy", "--order", "order.npy")
    assert [numpy.load(f"{k}.npy")[0] for k in "abc"] == [0, 1, 1]
    for bad in ("[0, 1, 2]", "[0, 1, 2, 2]", "[0, 1, 2, 4]", "[0, 1, 2, 3.5]", "{}", "[0, 1, 2, NaN]", "[0, 1, 2, null]"):
        pathlib.Path("order.json").write_text(bad)
        run("--rule", "krum(f=1)", "x.npy", "-o", "b.npy", "--order", "order.json", code=1, says="order.json")


def one_line(done):
    assert done.stderr.count("\n") == 1 and done.stdout == "", done


def what_cannot_be_answered_exits_10_and_leaves_nothing():
    x = RNG.standard_normal((5, 999))
    pathlib.Path("kept.npy").write_bytes(b"what was there")
    for dtype in ("<f2", "<f4", "<f8"):
        for bad in (numpy.nan, numpy.inf, -numpy.inf):
            y = x.astype(dtype)
            y[3, 998] = y[4, 0] = bad
            numpy.save("y.npy", y)
            one_line(run("--rule", "median", "y.npy", "-o", "kept.npy", code=10, says="row 3 of y.npy: coordinate 998"))
    write_tensors("a.safetensors", {"w": (2,)}, "BF16", struct.pack("<2H", 0, 0x3f80))
    write_tensors("b.safetensors", {"w": (2,)}, "BF16", struct.pack("<2H", 0, 0x7f80))
    one_line(run("--rule", "mean", "a.safetensors", "b.safetensors", "-o", "kept.npy", code=10,
                 says="row 1 (b.safetensors): coordinate 1 is NaN or infinite"))
    numpy.save("x.npy", x)
    one_line(run("--rule", "multi_krum(f=3)", "x.npy", "-o", "kept.npy", code=10, says="multi_krum(f=3) needs 2f < n; n is 5"))
    numpy.save("large.npy", numpy.full((3, 2), 1e308))
    one_line(run("--rule", "krum(f=1)", "large.npy", "-o", "kept.npy", code=10, says="row 0 of large.npy: coordinate 0 is too large"))
    answer = json.loads(run("--rule", "multi_krum(f=3)", "x.npy", "-o", "kept.npy", "--output", "json", code=10).stdout)
    assert answer["exit_code"] == 10 and answer["error_code"] == "RULE_NOT_FEASIBLE", answer
    assert pathlib.Path("kept.npy").read_bytes() == b"what was there"


def slips_are_named():
    x = RNG.standard_normal((5, 6))
    numpy.save("x.npy", x)
    numpy.save("flat.npy", x[0])
    numpy.save("whole.npy", numpy.ones((2, 2), "i8"))
    numpy.save("none.npy", numpy.ones((0, 6)))
    numpy.save("records.npy", numpy.zeros(3, [("a", "f4")]))
    numpy.save("fortran.npy", numpy.asfortranarray(x))
    numpy.save("big.npy", x.astype(">f4"))
    pathlib.Path("text.npy").write_text("hello, world: these are no numbers")
    pathlib.Path("empty.npy").touch()
    pathlib.Path("cut.npy").write_bytes(pathlib.Path("x.npy").read_bytes()[:-1])
    write_tensors("a.safetensors", {"w": (2,)}, "F32", bytes(8))
    write_tensors("shape.safetensors", {"w": (1, 2)}, "F32", bytes(8))
    write_tensors("name.safetensors", {"v": (2,)}, "F32", bytes(8))
    write_tensors("type.safetensors", {"w": (4,)}, "F16", bytes(8))
    write_tensors("more.safetensors", {"w": (1,), "v": (1,)}, "F32", bytes(8))
    os.mkfifo("pipe")
    mean = ("--rule", "mean", "-o", "out.npy")
    for words, code, says in (
            (("x.npy", *mean[:2]), 2, "--file OUT is missing"), (mean, 2, "wants IN..."),
            (("x.npy", "--rule", "mean", "-o", "json"), 2, "for the form write --output json"),
            (("x.npy", "--rule", "mean", "-o", "out"), 2, "neither .npy nor .safetensors"),
            (("x.npy", "--rule", "maen", "-o", "out.npy"), 2, "did you mean"),
            (("x.npy", "--rule", "mean(f=1)", "-o", "out.npy"), 2, "--rule"),
            (("x.npy", *mean, "--threads", 0), 2, "--threads wants 1"), (("nowhere.npy", *mean), 5, "nowhere.npy"),
            (("x.npy", *mean[:2], "-o", "nowhere/out.npy"), 1, "nowhere/out.npy"), ((".", *mean), 1, "not a file"),
            (("pipe", *mean), 1, "not a file"), (("x.npy", "x.npy", *mean), 1, "a .npy holds all rows"),
            (("flat.npy", *mean), 1, "not two-dimensional"), (("whole.npy", *mean), 1, "whole ones"),
            (("none.npy", *mean), 1, "no number"), (("records.npy", *mean), 1, "records"),
            (("fortran.npy", *mean), 1, "Fortran order"), (("big.npy", *mean), 1, "big-endian"),
            (("text.npy", *mean), 1, "text.npy: safetensors header"), (("empty.npy", *mean), 1, "empty.npy is empty"),
            (("cut.npy", *mean), 1, "not as long"), (("a.safetensors", "shape.safetensors", *mean), 1, "shape.safetensors"),
            (("a.safetensors", "name.safetensors", *mean), 1, "another name"),
            (("a.safetensors", "type.safetensors", *mean), 1, "holds float16"),
            (("a.safetensors", "more.safetensors", *mean), 1, "has 2 tensors"),
            (("a.safetensors", "x.npy", *mean), 1, "several files must be safetensors"),
            (("x.npy", *mean, "--reference", "x.npy"), 1, "a row has 6"),
            (("x.npy", *mean, "--counts", "flat.npy"), 1, "holds 6 numbers, and there are 5 rows")):
        run(*words, code=code, says=says)
    assert not pathlib.Path("out.npy").exists()


def a_full_disk_loses_nothing():
    numpy.save("x.npy", RNG.standard_normal((3, 10000)))
    pathlib.Path("out.npy").write_bytes(b"what was there")
    run("--rule", "mean", "x.npy", "-o", "out.npy", code=1, says="out.npy", restore_signals=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000)))
    assert pathlib.Path("out.npy").read_bytes() == b"what was there"


def memory_does_not_grow_with_the_rows():
    rows = numpy.lib.format.open_memmap("large.npy", "w+", "<f4", (64, 1 << 20))
    for i in range(64):
        rows[i] = RNG.standard_normal(1 << 20, dtype="f4")
    rows.flush()
    for rule in ("mean", "median", "multi_krum(f=9)"):
        running = subprocess.Popen([TAMIS, "aggregate", "--rule", rule, "large.npy", "-o", "out.npy", "--threads", "2"],
                                   stdout=subprocess.DEVNULL)
        most = seen = 0
        while running.poll() is None:
            found = re.search(r"RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{running.pid}/status").read_text())
            most, seen = max(most, int(found[1]) if found else 0), seen + 1
        assert running.returncode == 0 and seen > 3, (rule, running.returncode, seen)
        assert most < 64 << 10, f"{rule}: {most} kB of its own beside 256 MiB of rows"


def counts_weigh():
    if not has_rule("weighted_mean"):
        return
    x = RNG.standard_normal((4, 50))
    numpy.save("x.npy", x)
    counts = numpy.array([1, 5, 0, 2])
    for path in ("c.json", "c.npy"):
        numpy.save(path, counts) if path == "c.npy" else pathlib.Path(path).write_text(json.dumps(counts.tolist()))
        run("--rule", "weighted_mean", "x.npy", "-o", "out.npy", "--counts", path)
        assert numpy.abs(numpy.load("out.npy") - counts @ x / counts.sum()).max() < 1e-14
    pathlib.Path("c.json").write_text("[1, 2, 3, -1]")
    run("--rule", "weighted_mean", "x.npy", "-o", "out.npy", "--counts", "c.json", code=1, says="below zero")


def clip_step(x, last, tau):
    factor = numpy.minimum(1, tau / numpy.linalg.norm(x - last, axis=1))
    return last + (factor[:, None] * (x - last)).mean(0)


def the_last_output_is_kept_from_round_to_round():
    rule = "centered_clipping(tau=2)"
    if not has_rule(rule):
        return
    last = numpy.zeros(40)
    for k in range(3):
        x = RNG.standard_normal((6, 40)) + 3
        numpy.save("x.npy", x)
        run("--rule", rule, "x.npy", "-o", "out.npy", "--state", "cc", "--weights", "w.json", says=f"round         {k + 1}")
        last = clip_step(x, last, 2)
        assert numpy.abs(numpy.load("out.npy") - last).max() < 1e-12, k
        why = json.loads(pathlib.Path("w.json").read_text())
        assert why["round"] == k + 1 and (k == 0 or abs(sum(why["weights"]) + why["reference_weight"] - 1) < 1e-12)
        assert sorted(p.name for p in pathlib.Path("cc").iterdir()) == [f"last-{k + 1}.npy", "state.json"]
    before = pathlib.Path("cc/state.json").read_bytes()
    assert json.loads(before) == {"rule": json.loads(pathlib.Path("w.json").read_text())["rule"], "d": 40, "n": 6,
                                  "dtype": "float64", "round": 3}
    run("--rule", "centered_clipping(tau=3)", "x.npy", "-o", "o.npy", "--state", "cc", code=6, says="another rule")
    numpy.save("x4.npy", x.astype("f4"))
    run("--rule", rule, "x4.npy", "-o", "o.npy", "--state", "cc", code=6, says="another dtype: float64, not float32")
    numpy.save("xd.npy", x[:, :39])
    run("--rule", rule, "xd.npy", "-o", "o.npy", "--state", "cc", code=6, says="another d: 40, not 39")
    run("--rule", rule, "x.npy", "-o", "o.npy", "--state", "cc", "--reference", "out.npy", code=2, says="leave out --reference")
    descriptor = os.open("cc", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    run("--rule", rule, "x.npy", "-o", "o.npy", "--state", "cc", code=6, says="another tamis")
    os.close(descriptor)
    assert pathlib.Path("cc/state.json").read_bytes() == before and not pathlib.Path("o.npy").exists()
    numpy.save("cc/last-3.npy", numpy.full(40, numpy.nan))
    run("--rule", rule, "x.npy", "-o", "o.npy", "--state", "cc", code=10, says="last-3.npy: coordinate 0")
    os.remove("cc/last-3.npy")
    run("--rule", rule, "x.npy", "-o", "o.npy", "--state", "cc", code=5, says="last-3.npy")
    pathlib.Path("cc/state.json").write_text('{"rule": 1}')
    run("--rule", rule, "x.npy", "-o", "o.npy", "--state", "cc", code=1, says="state.json")


def histories_are_added_up():
    if not has_rule("foolsgold"):
        return
    total = 0
    for dtype in ("<f8", "<f4", "<f2"):
        total = 0
        for k in range(3):
            x = numpy.round(RNG.standard_normal((5, 30)), 2).astype(dtype)
            numpy.save("x.npy", x)
            run("--rule", "foolsgold", "x.npy", "-o", "out.npy", "--state", f"fg{dtype[1:]}")
            total = total + x.astype("f8" if dtype == "<f8" else "f4")
            kept = numpy.load(f"fg{dtype[1:]}/history-{k + 1}.npy")
            assert kept.dtype == total.dtype and numpy.array_equal(kept, total), (dtype, k)
    numpy.save("x.npy", x[:4])
    run("--rule", "foolsgold", "x.npy", "-o", "o.npy", "--state", "fgf2", code=6, says="another n: 5, not 4")


CLAIMS = [numbers_are_right_in_every_type, threads_alignment_and_kind_of_file_change_no_bit, layout_and_metadata_stay,
          the_weights_make_the_result, order_breaks_ties, what_cannot_be_answered_exits_10_and_leaves_nothing, slips_are_named,
          a_full_disk_loses_nothing, memory_does_not_grow_with_the_rows, counts_weigh,
          the_last_output_is_kept_from_round_to_round, histories_are_added_up]


def main():
    if not TAMIS.exists():
        sys.exit(77)
    broken = 0
    for claim in CLAIMS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                claim()
                print(f"holds: {claim.__name__}")
            except AssertionError:
                broken = 1
                print(f"BROKEN: {claim.__name__}")
                traceback.print_exc(file=sys.stdout)
            os.chdir("/")
    sys.exit(broken)


if __name__ == "__main__":
    main()
