#!/usr/bin/python3
"""Reads the layers from ARCHITECTURE.md and the includes from the sources: the picture and the code must be the same thing.

`layers` block: a line `FOLDER: FOLDER ...` names whom a folder may include besides itself.
`ladder` block: aggregator's files from the ground up, a rung a line; a file may include its own rung and those below.
Also: <grpc/...> stands in exactly one file of the server's and one of the client's side, and every source file opens with a sentence."""

import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
page = (root / "ARCHITECTURE.md").read_text()
faults = []


def block(name):
    found = re.search(rf"^```{name}\n(.*?)^```", page, re.S | re.M)
    if not found:
        sys.exit(f"ARCHITECTURE.md has no ```{name} block")
    return [line.split("#")[0].strip() for line in found[1].splitlines() if line.split("#")[0].strip()]


def includes(path):
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.M)


layers = {}
for line in block("layers"):
    folder, _, allowed = line.partition(":")
    layers[folder.strip()] = set(allowed.split())
sources = {folder: sorted((root / folder).rglob("*.[ch]")) for folder in layers}

for folder, files in sources.items():
    if not files:
        faults.append(f"{folder}/ is in the picture but has no source")
    for path in files:
        for name in includes(path):
            target = name.split("/")[0]
            if target in layers and target != folder and target not in layers[folder]:
                faults.append(f"{path.relative_to(root)} includes {name}: {folder} may not include {target}")

rungs = {}
for height, line in enumerate(block("ladder")):
    for stem in line.split():
        rungs[stem] = height


def stem_of(relative):
    """aggregator/rpc/upload.c -> rpc/upload, or rpc/* when the rung names the folder."""
    stem = relative.removeprefix("aggregator/").rsplit(".", 1)[0]
    return stem if stem in rungs else (stem.split("/")[0] + "/*" if "/" in stem else stem)


for path in sources["aggregator"]:
    own = stem_of(str(path.relative_to(root)))
    if own not in rungs:
        faults.append(f"{path.relative_to(root)} stands on no rung of the ladder in ARCHITECTURE.md")
        continue
    for name in includes(path):
        if name.startswith("aggregator/") and rungs.get(stem_of(name), 99) > rungs[own]:
            faults.append(f"{path.relative_to(root)} includes {name}, which stands higher on the ladder")

for folder, home in (("aggregator", "aggregator"), ("client-sdk", "client-sdk")):
    users = [p for p in sources[folder] if p.suffix == ".c" and re.search(r"#\s*include\s+<grpc/", p.read_text())]
    if len(users) != 1:
        faults.append(f"{home}: <grpc/...> belongs in one .c file, found in {[str(p.relative_to(root)) for p in users]}")

for files in sources.values():
    for path in files:
        if not path.read_text().startswith("/*"):
            faults.append(f"{path.relative_to(root)} does not open with a sentence")

print("\n".join(faults) or f"{sum(map(len, sources.values()))} files agree with ARCHITECTURE.md")
sys.exit(1 if faults else 0)
