#!/usr/bin/python3
"""Why the thresholds are what they are: each moved over its range while the arena plays liars and odd honest clients, and what
comes of it as curves and in docs/policy.md, whose table of thresholds is written here too.

Usage: policy_sweep.py BIN sweep RESULTS.json [THRESHOLD...]    plays; keeps what it has played, so it can be stopped
       policy_sweep.py BIN page RESULTS.json                    writes docs/policy.md and docs/policy/*.svg
"""
import json
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "policy.md"
LIARS = ["label_flip", "drift", "ipm", "sybil", "free_rider"]
HONEST = ["none", "odd_one_class", "odd_large"]
SEEDS, ROUNDS, LIAR_ALPHA, HONEST_ALPHA = 2, 30, "0.5", "0.1"
# The most telling ones, over what range; the default is always played too.
RANGES = {"z_high": [2.5, 3, 5, 6, 8], "ratio_low": [1.4, 1.8, 2.2, 3, 3.5], "ratio_high": [3, 5, 6, 8],
          "opposed_high": [0.35, 0.45, 0.75, 0.9], "copy_cosine": [0.8, 0.9, 0.95, 0.999, 2], "risk_hold": [0.1, 0.3, 0.7, 0.85],
          "strikes_quarantine": [1, 2, 4, 5], "strikes_exclude": [3, 4, 7, 10], "forgive_rounds": [1, 3, 5, 10],
          "cusum_watch": [4, 8, 20, 40], "drift_watch": [3, 6, 15, 25]}


# ---- playing ----

def thresholds(binaries):
    answer = subprocess.run([binaries / "tamis", "policy", "show", "-o", "json"], capture_output=True, text=True, check=True)
    return {row["name"]: row for row in json.loads(answer.stdout)["data"]["thresholds"]}


def play(binaries, attacks, alpha, policy, extra=()):
    command = [binaries / "arena", "--alone", "-o", "json", "-a", ",".join(attacks), "-A", alpha, "-s", str(SEEDS), "-r", str(ROUNDS),
               *(["-p", policy] if policy else []), *extra]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{answer.stderr}")
    return [match for line in answer.stdout.splitlines() for match in json.loads(line)["judged"]]


def share(matches, part, whole):
    return sum(part(m) for m in matches) / max(1, sum(whole(m) for m in matches))


def measure(binaries, policy):
    lied = play(binaries, LIARS, LIAR_ALPHA, policy)
    meant = play(binaries, HONEST, HONEST_ALPHA, policy)
    return {"caught": share(lied, lambda m: m["liars_excluded"], lambda m: m["liars"]),
            "lies_held": sum(m["lies_held"] for m in lied) / len(lied),
            "honest_excluded": share(lied + meant, lambda m: m["honest_excluded"],
                                     lambda m: m["clients"] - (m["liars"] if m in lied else 0)),
            "honest_held": sum(m["honest_held_mean"] for m in lied + meant) / len(lied + meant)}


def may_be_together(rows, name, value):
    """An order that the server demands is kept by moving nothing else: such values are left out."""
    pairs = [("z_low", "z_high", 1), ("ratio_low", "ratio_high", 1), ("opposed_low", "opposed_high", 1),
             ("risk_hold", "risk_reject", 0), ("strikes_quarantine", "strikes_exclude", 0)]
    at = {n: row["default"] for n, row in rows.items()} | {name: value}
    return all(at[low] < at[high] or (not strict and at[low] == at[high]) for low, high, strict in pairs if low in at and high in at)


def sweep(binaries, path, wanted):
    rows = thresholds(binaries)
    defaults = {name: row["default"] for name, row in rows.items()}
    kept = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("defaults") != defaults:  # other defaults: nothing of before can stand beside it
        kept = {"defaults": defaults, "default": measure(binaries, ""), "points": {}}
        path.write_text(json.dumps(kept, indent=1))
    for name, values in RANGES.items():
        if name not in rows or (wanted and name not in wanted):
            continue
        points = kept["points"].setdefault(name, {})
        for value in values:
            row = rows[name]
            if not row["least"] <= value <= row["most"] or value == row["default"] or not may_be_together(rows, name, value):
                continue
            if f"{value:g}" not in points:
                points[f"{value:g}"] = measure(binaries, f"{name}={value:g}")
                path.write_text(json.dumps(kept, indent=1))
                print(name, value, points[f"{value:g}"], flush=True)


# ---- drawing ----

WIDTH, LEFT, RIGHT, TOP, TALL, LOW, GAP = 460, 52, 150, 30, 120, 64, 26


def text(x, y, words, anchor="middle", color="#444", size=11):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">{words}</text>'


def panel(points, keys, top, height, most, low, high, default):
    across = lambda x: LEFT + (x - low) / (high - low or 1) * (WIDTH - LEFT - RIGHT)
    up = lambda y: top + height - min(y, most) / most * height
    out = [f'<path d="M{LEFT} {up(part * most):.1f}H{WIDTH - RIGHT}" stroke="#e6e6e6"/>' + text(LEFT - 6, up(part * most) + 4, f"{100 * part * most:g} %", "end")
           for part in (0, 0.5, 1)]
    out.append(f'<path d="M{across(default):.1f} {top}V{top + height}" stroke="#bbb" stroke-dasharray="3 3"/>')
    placed = []
    for key, words, color in keys:
        line = [(across(x), up(values[key])) for x, values in points]
        out.append('<path fill="none" stroke="%s" stroke-width="2" d="M%s"/>' % (color, "L".join(f"{x:.1f} {y:.1f}" for x, y in line)))
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in line]
        y = line[-1][1] + 4
        while any(abs(y - other) < 13 for other in placed):
            y += 13 if y < top + height / 2 else -13
        placed.append(y)
        out.append(text(WIDTH - RIGHT + 8, y, words, "start", color))
    return out, across


def draw(name, points, default):
    points = sorted(points)
    low, high = points[0][0], points[-1][0]
    most = max([0.02] + [values[key] for _, values in points for key in ("honest_held", "honest_excluded")])
    most = next(m for m in (0.02, 0.05, 0.1, 0.2, 0.5, 1) if m >= most)
    bottom = TOP + TALL + GAP + LOW
    first, across = panel(points, [("caught", "liars excluded", "#4c78a8"), ("lies_held", "lies held back", "#54a24b")], TOP, TALL, 1, low, high, default)
    second, _ = panel(points, [("honest_held", "honest, held", "#f58518"), ("honest_excluded", "honest, excluded", "#e45756")],
                      TOP + TALL + GAP, LOW, most, low, high, default)
    marks, last = [], -100
    for x, _ in points:
        if across(x) - last > 26 or x == default:
            marks.append(text(across(x), bottom + 16, f"{x:g}", color="#111" if x == default else "#444"))
            last = across(x)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 34}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{bottom + 34}" fill="white"/>', text((LEFT + WIDTH - RIGHT) / 2, 18, name, color="#111", size=13),
           *first, *second, *marks, text((LEFT + WIDTH - RIGHT) / 2, bottom + 30, "dashed: the default"), "</svg>"]
    return "\n".join(out) + "\n"


# ---- the page ----

def percent(value):
    return f"{100 * value:.1f} %"


def table_of_thresholds(rows):
    out = ["| threshold | default | from | to | meaning | more | less |", "|---|---|---|---|---|---|---|"]
    for row in rows.values():
        cells = [row["more"] or "-", row["less"] or "-"]
        if row["weaker"]:
            cells[row["weaker"] < 0] = "**weaker**: " + cells[row["weaker"] < 0]
        out.append(f"| `{row['name']}` | {row['default']:g} | {row['least']:g} | {row['most']:g} | {row['meaning']} | {cells[0]} | {cells[1]} |")
    return out


def table_of_points(points, default):
    out = ["| value | liars excluded | lies held back | honest held | honest excluded |", "|---|---|---|---|---|"]
    for value, found in sorted(points):
        words = f"**{value:g}**" if value == default else f"{value:g}"
        out.append(f"| {words} | {percent(found['caught'])} | {percent(found['lies_held'])} | {percent(found['honest_held'])} | {percent(found['honest_excluded'])} |")
    return out


def curves(kept, rows):
    out = []
    for name, found in kept["points"].items():
        default = rows[name]["default"]
        points = [(float(value), values) for value, values in found.items()] + [(default, kept["default"])]
        (PAGE.parent / "policy").mkdir(exist_ok=True)
        (PAGE.parent / "policy" / f"{name}.svg").write_text(draw(name, points, default))
        out += [f"### `{name}`", "", f"![{name}](policy/{name}.svg)", "", *table_of_points(points, default), ""]
    return out


def put(page, mark, lines):
    begin, end = f"<!-- {mark}: written by tests/bench/policy_sweep.py -->\n", f"<!-- end of {mark} -->"
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return before + begin + "\n".join(lines).rstrip("\n") + "\n" + end + after


def write_page(binaries, path):
    rows = thresholds(binaries)
    page = put(PAGE.read_text(), "thresholds", table_of_thresholds(rows))
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["defaults"] != {name: row["default"] for name, row in rows.items()}:
            raise SystemExit("the results are of other defaults: sweep again")
        page = put(page, "curves", curves(kept, rows))
    PAGE.write_text(page)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[2] not in ("sweep", "page"):
        raise SystemExit(__doc__)
    where, results = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3])
    if sys.argv[2] == "sweep":
        sweep(where, results, sys.argv[4:])
    else:
        write_page(where, results)
