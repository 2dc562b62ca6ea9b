#!/usr/bin/python3
"""Plays every match behind docs/detection.md and writes its tables and plots.

usage: arena_tables.py ARENA RESULTS DOCS [--seeds N] [--minutes N] [--tables A,B] [--only-known] [--check]

RESULTS keeps what was played (by this very program: another build starts anew), so that a run that
was stopped goes on. Lower seeds are played first, of all tables; a table says how many it has.
--check exits with 1 unless what the issue demands outright holds."""

import argparse
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

RULE = "trimmed_mean(f=15)"
FRACTIONS, ALPHAS = "0.1,0.2,0.3", "0.1,0.5,iid"
HARD = "sign_flip,gaussian,scale,ipm,label_flip,free_noise,free_rider,free_rider_noisy,sybil"
SOFT = "alie,min_max,min_sum,mimic,backdoor,dba,sign_flip_quiet,backdoor_quiet"
ODD = "odd_one_class,odd_large,odd_small,odd_noisy,odd_moving"
MEMORYLESS = ["mean", "median", "trimmed_mean(f=10)", "meamed(f=10)", "geometric_median", "krum(f=10)",
              "multi_krum(f=10)", "bulyan(f=10)", "mda(f=10)", "cge(f=10)", "faba(f=10)", "monna(f=10)",
              "caf(f=10)", "dnc(f=10)", "flame", "nnm(f=10)|trimmed_mean(f=10)",
              "arc(f=10)|nnm(f=10)|trimmed_mean(f=10)"]
WITH_HISTORY = ["trimmed_mean(f=10)", "geometric_median", "nnm(f=10)|trimmed_mean(f=10)"]
TURNING = [("drift", 60), ("drift_min_max", 60), ("sleeper", 40), ("sleeper_min_max", 40)]


def group(attacks, rounds, fractions=FRACTIONS, alphas=ALPHAS, rule=RULE, policy="", beside="bare,clean,mean", seeds=99):
    return dict(attacks=attacks, rounds=rounds, fractions=fractions, alphas=alphas, rule=rule, policy=policy,
                beside=beside, seeds=seeds)


def groups():
    """By the table that they are for, in the order in which they are played."""
    plan = {"hard": [group(HARD, 30)], "soft": [group(SOFT, 30)]}
    plan["soft"] += [group(name, rounds) for name, rounds in TURNING]
    plan["odd"] = [group(ODD, 100, fractions="0.06", beside="clean")]
    plan["adaptive"] = [group("adaptive", 100, beside="clean", seeds=3)]
    plan["history"] = [group(name, rounds, "0.2", "0.1,0.5", rule, beside="none", seeds=3)
                       for name, rounds in TURNING for rule in WITH_HISTORY]
    plan["history"] += [group(name, rounds, "0.2", "0.1,0.5", rule, "enforce=0", "none", 3)
                        for name, rounds in TURNING for rule in MEMORYLESS]
    return plan


def command(options, wanted, seeds):
    return [options.arena, "-a", wanted["attacks"], "-f", wanted["fractions"], "-A", wanted["alphas"], "-R", wanted["rule"],
            "-p", wanted["policy"], "-r", str(wanted["rounds"]), "-s", str(min(seeds, wanted["seeds"])), "--beside", wanted["beside"],
            "--results", options.results, "-o", "json"]


def play(options, plan):
    """False when the time was over first."""
    for seeds in sorted({1, min(3, options.seeds), options.seeds}):
        for name in plan:
            for wanted in plan[name]:
                left = options.until - time.monotonic()
                if left <= 0:
                    return False
                print(f"{name}: {wanted['attacks']}, {wanted['rule']}, {seeds} seeds", file=sys.stderr, flush=True)
                one = subprocess.Popen(command(options, wanted, seeds), stdout=subprocess.DEVNULL, start_new_session=True)
                try:
                    if one.wait(timeout=left) != 0:
                        sys.exit(1)
                except subprocess.TimeoutExpired:
                    os.killpg(one.pid, signal.SIGTERM)
                    one.wait()
                    return False
    return True


def rows_of(options, wanted):
    lines = subprocess.run(command(options, wanted, options.seeds) + ["--only-known"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return [row for row in map(json.loads, lines.splitlines()) if row["judged"]]


# ---- numbers of rows ----

def mean(row, kind, name):
    values = [match[name] for match in row.get(kind, []) if name in match]
    return sum(values) / len(values) if values else None


def total(row, kind, name):
    return sum(match[name] for match in row[kind])


def most(row, kind, name):
    return max(match[name] for match in row[kind])


def share(row, part, whole):
    return total(row, "judged", part) / max(1, total(row, "judged", whole))


def percent(value, digits=0):
    return "" if value is None else f"{100 * value:.{digits}f}%"


def accuracy(value):
    return "" if value is None else f"{value:.3f}"


def skew(row):
    return "iid" if row["alpha"] == 0 else f"{row['alpha']:g}"


def matches(row):
    return len(row["judged"])


# ---- tables ----

def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def attack_rows(rows):
    for row in rows:
        caught = share(row, "liars_excluded", "liars")
        rounds = f"{mean(row, 'judged', 'rounds_median'):.0f}, {most(row, 'judged', 'rounds_most')}" if caught else ""
        success = " / ".join(percent(mean(row, kind, "success")) for kind in ("judged", "bare", "mean"))
        yield [row["attack"], percent(row["fraction"]), percent(caught), rounds, percent(mean(row, "judged", "lies_held")),
               total(row, "judged", "honest_excluded"),
               f"{percent(mean(row, 'judged', 'honest_held_mean'), 2)}, {percent(most(row, 'judged', 'honest_held_most'), 1)}",
               accuracy(mean(row, "judged", "accuracy")), accuracy(mean(row, "bare", "accuracy")),
               accuracy(mean(row, "clean", "accuracy")), accuracy(mean(row, "mean", "accuracy")), success.strip(" /"), matches(row)]


ATTACK_HEAD = ["attack", "liars", "of them excluded", "after rounds: median, most", "lies not accepted", "honest excluded",
               "honest held: mean, most", "accuracy", "bare rule", "clean", "mean", "success: judged / bare / mean", "seeds"]


def attack_tables(rows):
    text = ""
    for alpha in ("0.1", "0.5", "iid"):
        text += f"\nalpha {alpha}:\n\n" + table(ATTACK_HEAD, attack_rows([row for row in rows if skew(row) == alpha]))
    return text


def odd_table(rows):
    return table(["client", "alpha", "excluded of", "its updates not accepted", "others excluded", "accuracy", "clean", "seeds"],
                 [[row["attack"].removeprefix("odd_").replace("_", " "), skew(row),
                   f"{total(row, 'judged', 'liars_excluded')} of {total(row, 'judged', 'liars')}", percent(mean(row, "judged", "lies_held"), 1),
                   total(row, "judged", "honest_excluded") - total(row, "judged", "liars_excluded"),
                   accuracy(mean(row, "judged", "accuracy")), accuracy(mean(row, "clean", "accuracy")), matches(row)] for row in rows])


def adaptive_table(rows):
    return table(["liars", "alpha", "gamma", "harm a round: mean, most", "clean", "accuracy after 30 rounds", "clean",
                  "after 100", "clean", "liars excluded", "seeds"],
                 [[percent(row["fraction"]), skew(row), f"{mean(row, 'judged', 'gamma_mean'):.2f}",
                   f"{mean(row, 'judged', 'harm_mean'):.2f}, {most(row, 'judged', 'harm_most'):.2f}",
                   f"{mean(row, 'clean', 'harm_mean') or math.nan:.2f}",
                   accuracy(at_round(row, "judged", 30)), accuracy(at_round(row, "clean", 30)),
                   accuracy(mean(row, "judged", "accuracy")), accuracy(mean(row, "clean", "accuracy")),
                   percent(share(row, "liars_excluded", "liars")), matches(row)] for row in rows])


def at_round(row, kind, number):
    curves = [match["curve"] for match in row.get(kind, []) if len(match["curve"]) >= number]
    return sum(curve[number - 1] for curve in curves) / len(curves) if curves else None


def is_judged(row):
    return "enforce=0" not in row["policy"]


def history_table(rows):
    """A line a rule, a column an attack and skew."""
    columns = sorted({(row["attack"], skew(row)) for row in rows})
    place = {(row["rule"], is_judged(row), row["attack"], skew(row)): row for row in rows}
    lines = sorted({(not is_judged(row), row["rule"]) for row in rows})
    out = []
    for is_bare, rule in lines:
        cells = [place.get((rule, not is_bare, attack, alpha)) for attack, alpha in columns]
        out.append([spelled(rule) + ("" if is_bare else " and the judge")] +
                   [accuracy(mean(cell, "judged", "accuracy")) if cell else "" for cell in cells] + [max(matches(c) for c in cells if c)])
    return table(["rule"] + [f"{attack}, {alpha}" for attack, alpha in columns] + ["seeds"], out)


def spelled(rule):
    return "`" + rule.replace("|", " then ") + "`"


def history_verdict(rows):
    """Of each attack and skew: the best with history beside the best without."""
    text = ""
    for attack, alpha in sorted({(row["attack"], skew(row)) for row in rows}):
        some = [row for row in rows if (row["attack"], skew(row)) == (attack, alpha)]
        best = [max((row for row in some if is_judged(row) == judged), key=lambda row: mean(row, "judged", "accuracy"), default=None)
                for judged in (True, False)]
        if all(best):
            own, other = (mean(row, "judged", "accuracy") for row in best)
            text += (f"- {attack}, alpha {alpha}: {accuracy(own)} by {spelled(best[0]['rule'])} and the judge; the best rule alone "
                     f"{accuracy(other)} ({spelled(best[1]['rule'])}): {100 * (own - other):+.1f} points; "
                     f"{percent(share(best[0], 'liars_excluded', 'liars'))} of the liars excluded\n")
    return text + "\n"


# ---- how well single numbers tell ----

def roc_of(row):
    """Number: (AUC, curve), means over the seeds."""
    found = {}
    for match in row.get("bare", []):
        for name, one in match.get("roc", {}).items():
            found.setdefault(name, []).append(one)
    return {name: (sum(one["auc"] for one in many) / len(many), mean_curve([one["at"] for one in many])) for name, many in found.items()}


def mean_curve(curves):
    return [[curves[0][i][0], sum(c[i][1] for c in curves) / len(curves), sum(c[i][2] for c in curves) / len(curves)]
            for i in range(len(curves[0]))]


def caught_at(curve, false):
    return next((one[2] for one in curve if one[0] == false), 0)


def roc_tables(rows):
    text = ""
    for alpha in ("0.1", "0.5", "iid"):
        found = {row["attack"]: roc_of(row) for row in rows if skew(row) == alpha and row["fraction"] == 0.2}
        found = {attack: roc for attack, roc in found.items() if roc}
        numbers = sorted({name for roc in found.values() for name in roc})
        text += f"\nalpha {alpha}:\n\n" + table(["number"] + [attack.replace("_", " ") for attack in found],
            [[f"`{name}`"] + [f"{roc[name][0]:.2f}" if name in roc else "" for roc in found.values()] for name in numbers])
    return text


def best_numbers(roc, count):
    return sorted(roc, key=lambda name: -sum(one[2] for one in roc[name][1][1:6]))[:count]


def best_table(rows):
    lines = []
    for row in rows:
        roc = roc_of(row)
        if row["fraction"] == 0.2 and roc:
            best = best_numbers({name: one for name, one in roc.items() if not name.startswith("after.")}, 3)
            lines.append([row["attack"], skew(row)] + [f"`{name}` {percent(caught_at(roc[name][1], 0.01))} ({roc[name][0]:.2f})" for name in best])
    return table(["attack", "alpha", "best", "second", "third"], lines)


# ---- plots ----

COLOURS = ["#0b6e4f", "#c1440e", "#2c5aa0", "#7a3e9d"]
WIDTH, HEIGHT, LEFT, TOP = 250, 170, 46, 26


def line(points, colour, width=1.6, dash=""):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" {dash} points="{path}"/>'


def text(x, y, words, anchor="start", size=11, colour="#222", turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" {turn}>{words}</text>'


def frame(x0, y0, title, x_marks, y_marks):
    out = [f'<rect x="{x0}" y="{y0}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>',
           text(x0 + WIDTH / 2, y0 - 7, title, "middle", 12)]
    for at, word in x_marks:
        out.append(text(x0 + at * WIDTH, y0 + HEIGHT + 14, word, "middle", 10, "#555"))
    for at, word in y_marks:
        y = y0 + HEIGHT - at * HEIGHT
        out.append(f'<line x1="{x0}" y1="{y:.1f}" x2="{x0 + WIDTH}" y2="{y:.1f}" stroke="#eee"/>')
        out.append(text(x0 - 5, y + 3, word, "end", 10, "#555"))
    return out


def svg(panels, columns, draw, foot):
    rows = (len(panels) + columns - 1) // columns
    width, height = columns * (WIDTH + LEFT + 16) + 10, rows * (HEIGHT + TOP + 40) + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for i, panel in enumerate(panels):
        out += draw(panel, LEFT + (i % columns) * (WIDTH + LEFT + 16), TOP + (i // columns) * (HEIGHT + TOP + 40))
    return "\n".join(out + [text(LEFT, height - 8, foot, size=11), "</svg>"]) + "\n"


def draw_roc(panel, x0, y0):
    title, roc = panel
    shares = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]

    def x_of(false):
        return math.log(false / shares[0]) / math.log(shares[-1] / shares[0])
    out = frame(x0, y0, title, [(x_of(f), f"{100 * f:g}%") for f in (0.001, 0.01, 0.1, 0.5)], [(y / 4, f"{25 * y}%") for y in range(5)])
    for k, name in enumerate(best_numbers(roc, 4)):
        out.append(line([(x0 + WIDTH * x_of(f), y0 + HEIGHT * (1 - caught_at(roc[name][1], f))) for f in shares], COLOURS[k]))
        out.append(text(x0 + WIDTH - 6, y0 + HEIGHT - 50 + 13 * k, name, "end", 10, COLOURS[k]))
    return out


def plot_roc(rows):
    panels = [(f"{row['attack'].replace('_', ' ')}, alpha {skew(row)}", roc_of(row)) for row in rows
              if row["fraction"] == 0.2 and row["attack"] in ("label_flip", "free_rider_noisy", "sybil", "min_max", "mimic", "drift") and skew(row) in ("0.1", "0.5")]
    panels = sorted((panel for panel in panels if panel[1]), key=lambda panel: panel[0])
    return svg(panels, 4, draw_roc, "across: honest updates beyond the threshold; up: lies beyond it; 20% liars, nobody judged, the four numbers that find most")


def mean_curve_of(row):
    curves = [match["curve"] for match in row["judged"]]
    return [sum(c[i] for c in curves) / len(curves) for i in range(min(map(len, curves)))]


def draw_history(panel, x0, y0):
    title, rows, rounds, low = panel
    out = frame(x0, y0, title, [(r / rounds, str(r)) for r in range(0, rounds + 1, 10)],
                [((y / 10 - low) / (1 - low), f"0.{y}") for y in range(int(10 * low + 0.99), 10)])
    for row in sorted(rows, key=is_judged):
        colour = COLOURS[WITH_HISTORY.index(row["rule"])] if is_judged(row) else "#bbb"
        points = [(x0 + WIDTH * (i + 1) / rounds, y0 + HEIGHT * (1 - (max(y, low) - low) / (1 - low))) for i, y in enumerate(mean_curve_of(row))]
        out.append(line(points, colour, 1.8 if is_judged(row) else 0.9))
    for k, rule in enumerate(WITH_HISTORY):
        out.append(text(x0 + WIDTH - 6, y0 + HEIGHT - 34 + 13 * k, rule.replace("|", " then ") + " and the judge", "end", 9, COLOURS[k]))
    return out


def plot_history(rows):
    panels = []
    for name, rounds in TURNING:
        for alpha in ("0.1", "0.5"):
            some = [row for row in rows if row["attack"] == name and skew(row) == alpha]
            if some:
                panels.append((f"{name.replace('_', ' ')}, alpha {alpha}", some, rounds, 0.2 if alpha == "0.1" else 0.5))
    return svg(panels, 2, draw_history, "accuracy after each round, 20% liars; grey: every memoryless rule alone")


# ---- what is demanded outright ----

def all_out(row):
    caught = share(row, "liars_excluded", "liars")
    return None if caught == 1 else f"{percent(caught)} of them"


def soon_out(row):
    late = most(row, "judged", "rounds_most")
    return None if late <= 10 and share(row, "liars_excluded", "liars") == 1 else f"the last in round {late}" if late else "none"


def honest_in(row):
    out = total(row, "judged", "honest_excluded")
    return f"{out} in {matches(row)} federations" if out else None


def honest_heard(row):
    held = mean(row, "judged", "honest_held_mean")
    return f"{percent(held, 1)}" if held > 0.01 else None


def never_worse(row):
    judged, bare = mean(row, "judged", "accuracy"), mean(row, "bare", "accuracy")
    return f"{judged:.4f}, bare {bare:.4f}" if bare is not None and judged < bare else None


def odd_in(row):
    out = total(row, "judged", "liars_excluded")
    return f"{out} of {total(row, 'judged', 'liars')}" if out else None


DEMANDS = [("every liar of the first table is excluded", ["hard"], all_out),
           ("the last of them within 10 rounds", ["hard"], soon_out),
           ("no honest client is excluded", ["hard", "soft"], honest_in),
           ("at most 1% of honest updates are held", ["hard", "soft"], honest_heard),
           ("accuracy is not below the bare rule's", ["hard", "soft"], never_worse),
           ("no odd client is excluded", ["odd"], odd_in)]


def broken(rows, tables, check):
    return [(row, check(row)) for name in tables for row in rows[name] if check(row)]


def where(row):
    return f"{percent(row['fraction'])} at {skew(row)}"


def summary(rows):
    text = ""
    for demand, tables, check in DEMANDS:
        asked, against = sum(len(rows[name]) for name in tables), broken(rows, tables, check)
        text += f"- {demand}: holds in {asked - len(against)} of {asked} rows\n"
        for attack in dict.fromkeys(row["attack"] for row, _ in against):
            text += f"  - not for `{attack}`: " + "; ".join(f"{where(row)} ({said})" for row, said in against if row["attack"] == attack) + "\n"
    return text


# ---- the page ----

def put(page, name, content):
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
    if not pattern.search(page):
        sys.exit(f"arena_tables: the page has no place for {name}")
    return pattern.sub(lambda found: found.group(1) + content + found.group(2), page)


HISTORY_PLOT = "\n![Accuracy after each round when honest clients turn](detection-history.svg)\n"


def write(options, whole):
    rows = {name: [row for wanted in whole[name] for row in rows_of(options, wanted)] for name in whole}
    docs = pathlib.Path(options.docs)
    page = (docs / "detection.md").read_text()
    attacks = rows["hard"] + rows["soft"]
    content = {"hard": attack_tables(rows["hard"]), "soft": attack_tables(rows["soft"]), "odd": odd_table(rows["odd"]),
               "adaptive": adaptive_table(rows["adaptive"]), "history": history_verdict(rows["history"]) + history_table(rows["history"]) + HISTORY_PLOT,
               "best": best_table(attacks), "roc": roc_tables(attacks), "bars": summary(rows)}
    for name in content:
        page = put(page, name, content[name])
    (docs / "detection.md").write_text(page)
    (docs / "detection-roc.svg").write_text(plot_roc(attacks))
    (docs / "detection-history.svg").write_text(plot_history(rows["history"]))
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("arena")
    parser.add_argument("results")
    parser.add_argument("docs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--tables", help="play only for these, of hard, soft, odd, adaptive, history")
    parser.add_argument("--only-known", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    options.until = time.monotonic() + 60 * options.minutes
    whole = groups()
    plan = {name: whole[name] for name in (options.tables.split(",") if options.tables else whole)}
    if not options.only_known and not play(options, plan):
        print("arena_tables: the time is over; the tables have what was played", file=sys.stderr)
    rows = write(options, whole)
    print(summary(rows))
    return 1 if options.check and any(broken(rows, tables, check) for _, tables, check in DEMANDS) else 0


if __name__ == "__main__":
    sys.exit(main())
