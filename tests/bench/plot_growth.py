#!/usr/bin/python3
"""Draws how the rules' times grow with n and with d, from what `bench_robust.py --json` wrote, as one SVG file.

Usage: plot_growth.py FILE.json OUT.svg
"""
import json
import math
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 460, 340, 62, 48, 40
RULES = {"read": "#888888", "mean": "#4c78a8", "median": "#f58518", "trimmed_mean": "#e45756", "exact Gram": "#54a24b",
         "krum": "#72b7b2", "geometric_median": "#b279a2", "nnm then trimmed_mean": "#9d755d"}


def decades(low, high):
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def text(x, y, words, anchor="middle", color="#444", turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{turn}>{words}</text>'


class Panel:
    def __init__(self, x0, title, label, series):
        points = [p for values in series.values() for p in values]
        self.x0, self.title, self.label, self.series = x0, title, label, series
        self.xs = decades(min(p[0] for p in points), max(p[0] for p in points))
        self.ys = decades(min(p[1] for p in points), max(p[1] for p in points))

    def at(self, x, y):
        across = (math.log10(x) - self.xs[0]) / (self.xs[-1] - self.xs[0])
        up = (math.log10(y) - self.ys[0]) / (self.ys[-1] - self.ys[0])
        return self.x0 + LEFT + across * (WIDTH - LEFT - 20), HEIGHT - BOTTOM - up * (HEIGHT - BOTTOM - TOP)

    def draw(self):
        out = [text(self.x0 + WIDTH / 2 + 20, 22, self.title, color="#111"), text(self.x0 + WIDTH / 2 + 20, HEIGHT - 10, self.label)]
        for e in self.xs:
            x, bottom = self.at(10.0**e, 10.0 ** self.ys[0])
            _, top = self.at(10.0**e, 10.0 ** self.ys[-1])
            out += [f'<path d="M{x:.1f} {bottom:.1f}V{top:.1f}" stroke="#e6e6e6"/>', text(x, bottom + 18, f"10<tspan dy='-5' font-size='9'>{e}</tspan>")]
        for e in self.ys:
            x, y = self.at(10.0 ** self.xs[0], 10.0**e)
            right, _ = self.at(10.0 ** self.xs[-1], 10.0**e)
            out += [f'<path d="M{x:.1f} {y:.1f}H{right:.1f}" stroke="#e6e6e6"/>', text(x - 8, y + 4, f"{10.0**e:g} s" if e >= 0 else f"{10.0**e * 1e3:g} ms", "end")]
        for name, values in self.series.items():
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*p) for p in values))
            dash = ' stroke-dasharray="4 3"' if name == "read" else ""
            out.append(f'<polyline points="{line}" fill="none" stroke="{RULES[name]}" stroke-width="2"{dash}/>')
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{RULES[name]}"/>' for x, y in (self.at(*p) for p in values)]
        return out


def series(results, key, fixed, value):
    chosen = sorted((r for r in results if r[fixed] == value), key=lambda r: r[key])
    return {name: [(r[key], r["seconds"][name]) for r in chosen] for name in RULES}


def main():
    with open(sys.argv[1]) as file:
        results = json.load(file)
    panels = [Panel(0, "100,000 coordinates: growth with the rows", "n", series(results, "n", "d", 100_000)),
              Panel(WIDTH, "100 rows: growth with the coordinates", "d", series(results, "d", "n", 100))]
    body = [line for panel in panels for line in panel.draw()]
    for i, (name, color) in enumerate(RULES.items()):
        x, y = 60 + (i % 4) * 220, HEIGHT + 18 + (i // 4) * 22
        body += [f'<path d="M{x} {y - 4}h24" stroke="{color}" stroke-width="3"/>', text(x + 32, y, name, "start")]
    height = HEIGHT + 54
    with open(sys.argv[2], "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {height}" font-family="sans-serif" font-size="12">\n'
                   f'<rect width="{2 * WIDTH}" height="{height}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n")


if __name__ == "__main__":
    main()
