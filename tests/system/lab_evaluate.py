#!/usr/bin/python3
"""`tamis-lab evaluate` names one number, and only for models it can run. usage: lab_evaluate.py BINARIES MNIST"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

binaries, data = map(pathlib.Path, sys.argv[1:3])


def model(path, inputs=784, hidden=4, favourite=0, first="dense1.weight"):
    """A learner that always answers `favourite`: all zeros but one bias."""
    shapes = {first: [hidden, inputs], "dense1.bias": [hidden], "dense2.weight": [10, hidden], "dense2.bias": [10]}
    header, at, values = {}, 0, []
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * count]}
        values += [1.0 if name == "dense2.bias" and i == favourite else 0.0 for i in range(count)]
        at += 4 * count
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    path.write_bytes(struct.pack("<Q", len(text)) + text + struct.pack(f"<{len(values)}f", *values))
    return path


def evaluate(path):
    run = subprocess.run([binaries / "tamis-lab", "evaluate", "--data", data, path], capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    # The test set of MNIST has 1,135 ones and 892 fives among its 10,000.
    assert evaluate(model(folder / "ones", favourite=1)) == (0, "0.113500\n", ""), evaluate(folder / "ones")
    assert evaluate(model(folder / "fives", favourite=5, hidden=7)) == (0, "0.089200\n", "")
    (folder / "noise").write_bytes(b"no model")
    for path, complaint in ((folder / "absent", "cannot read"), (folder / "noise", "not a model"),
                            (model(folder / "small", inputs=9), "looks at 9 pixels, the images have 784"),
                            (model(folder / "other", first="conv.weight"), "no model of tamis-lab's learner")):
        code, out, err = evaluate(path)
        assert code == 1 and out == "" and complaint in err, (path, code, out, err)
print("one number for models, a sentence for the rest")
