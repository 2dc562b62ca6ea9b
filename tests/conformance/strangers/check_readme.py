"""The lines of the README's "Check it yourself", run as they stand on an exported log; and on copies with one byte changed.

usage: check_readme.py README LOG_FOLDER"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

readme, log = pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2])
[lines] = re.findall(r"^## Check it yourself\n.*?^```sh\n(.*?)^```", readme, re.S | re.M)
lines = lines.replace("python3 -", "/usr/bin/python3 -")
assert lines.count("\n") <= 11, "ten lines and the END of one were promised"


def run(folder):
    done = subprocess.run(["bash", "-e"], input=lines, cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and "Signature Verified Successfully" in done.stdout and "root True" in done.stdout


def changed(path, offset):
    with tempfile.TemporaryDirectory(prefix="tamis-readme-") as scratch:
        copy = pathlib.Path(scratch) / "copy"
        shutil.copytree(log / "export", copy)
        data = bytearray((copy / path).read_bytes())
        data[offset] ^= 1
        (copy / path).write_bytes(data)
        return run(copy)


with tempfile.TemporaryDirectory(prefix="tamis-readme-") as scratch:
    shutil.copytree(log / "export", f"{scratch}/copy")
    assert run(f"{scratch}/copy"), "the README's lines do not accept a good log"
bundle = next(p for p in (log / "export/tile/entries").rglob("*") if p.is_file()).relative_to(log / "export")
blob = next(p for p in (log / "export/blobs").rglob("*") if p.is_file()).relative_to(log / "export")
for path, offset in ((bundle, 500), (blob, 100), (pathlib.Path("checkpoint"), 5), (pathlib.Path("checkpoint"), -20)):
    assert not changed(path, offset), f"a changed {path} is accepted"
print("the README's lines accept the log and refuse four that were changed")
