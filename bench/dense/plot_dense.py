# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/benchmarks.md and its table of bars, from the CSVs of the benches here.

usage: plot_dense.py RESULTS PICTURES     CSVs in RESULTS, SVGs into PICTURES, the table in Markdown on stdout
*_again.csv: second runs, kept by hand. NumPy and drawing packages are not needed. A file that is
not there is named, and what it would give left out.
"""
import csv
import math
import sys
from pathlib import Path
from statistics import median

COLOURS = {"magpie": "#c8102e", "magpie clusters": "#e8798a", "SymphonyQG": "#1f5fa8",
           "FAISS IVF-PQfs, 100 refined": "#2a8c55", "FAISS IVF-PQfs, 400 refined": "#7fbf9b", "ScaNN": "#8a4fa8",
           "SVS Vamana": "#b8860b",
           "FAISS HNSW": "#17989e", "hnswlib": "#555555", "usearch": "#a0a0a0"}
BUSY = 3  # processes that want two cores
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 460, 70, 46, 200, 52
TITLES = {"real": "100,000 sentences x 384, real queries", "foreign": "the same rows, queries in other languages",
          "synth": "1,000,000 x 128, synthetic", "real_again": "100,000 sentences x 384, real queries, second run",
          "foreign_again": "the same rows, queries in other languages, second run"}


def rows_of(folder, name):
    path = folder / f"{name}.csv"
    if not path.exists():
        print(f"SKIPPED: no {path}", file=sys.stderr)
        return []
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for key, value in row.items():
            try:
                row[key] = float(value)
            except (TypeError, ValueError):
                pass
    return rows


# ---- curves ----

def curve(rows, queries, system, threads):
    """Recall and rate of the settings that no other setting of the system beats in both."""
    points = sorted((r["recall10"], r["qps"]) for r in rows
                    if (r["queries"], r["system"], r["threads"]) == (queries, system, threads))
    return [p for p in points if not any(q[0] >= p[0] and q[1] > p[1] for q in points)]


def rate_at(points, recall):
    """Queries a second at a recall: between two settings on a straight line in the logarithm; None if not reached."""
    reached = [p for p in points if p[0] >= recall]
    if not reached:
        return None
    high, low = reached[0], [p for p in points if p[0] < recall]
    if not low:
        return high[1]
    share = (recall - low[-1][0]) / (high[0] - low[-1][0])
    return math.exp(math.log(low[-1][1]) * (1 - share) + math.log(high[1]) * share)


def text(x, y, what, size=12, **more):
    attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{attributes}>{what}</text>'


class Axes:
    """Recall from left to right, stretched towards 1 (as -log(1 - recall)); queries a second upwards, logarithmic."""

    def __init__(self, rates):
        self.low, self.high = 0.8, 0.997
        self.least, self.most = min(rates) / 1.2, max(rates) * 1.3

    def x(self, recall):
        def stretched(value):
            return -math.log(1.002 - value)
        share = (stretched(recall) - stretched(self.low)) / (stretched(self.high) - stretched(self.low))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, rate):
        share = math.log(rate / self.least) / math.log(self.most / self.least)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def drawn(self):
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for recall in (0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995):
            x, strong = self.x(recall), recall in (0.95, 0.99)
            yield f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="{"#999" if strong else "#e4e4e4"}"/>'
            yield text(x, bottom + 18, f"{recall:g}", text_anchor="middle")
        for power in range(1, 6):
            for digit in (1, 2, 5):
                rate = digit * 10 ** power
                if self.least <= rate <= self.most:
                    yield f'<path d="M{LEFT} {self.y(rate):.1f}H{right}" stroke="#e4e4e4"/>'
                    yield text(LEFT - 8, self.y(rate) + 4, f"{rate:,}", text_anchor="end")
        yield text((LEFT + right) / 2, HEIGHT - 12, "recall@10", 13, text_anchor="middle")
        yield text(18, (TOP + bottom) / 2, "queries a second", 13, text_anchor="middle",
                   transform=f"rotate(-90 18 {(TOP + bottom) / 2:.0f})")


def spread(places):
    """Labels at least 16 apart, in the order of where they belong."""
    out, floor = {}, -math.inf
    for y, name in sorted(places):
        out[name] = floor = max(y, floor + 16)
    return out


def picture(rows, queries, threads):
    curves = {name: [p for p in curve(rows, queries, name, threads) if p[0] >= 0.8] for name in COLOURS}
    curves = {name: points for name, points in curves.items() if points}
    axes = Axes([rate for points in curves.values() for _, rate in points])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" fill="#222">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 26, f"{TITLES[queries]}; {'one thread' if threads == 1 else f'{threads} threads'}", 15),
           *axes.drawn()]
    ends = spread([(axes.y(points[-1][1]), name) for name, points in curves.items()])
    for name, points in curves.items():
        line = " ".join(f"{axes.x(min(p[0], 0.997)):.1f},{axes.y(p[1]):.1f}" for p in points)
        strong = 3.5 if name.startswith("magpie") else 1.8
        out.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[name]}" stroke-width="{strong}"/>')
        out += [f'<circle cx="{axes.x(min(p[0], 0.997)):.1f}" cy="{axes.y(p[1]):.1f}" r="{strong}" '
                f'fill="{COLOURS[name]}"/>' for p in points]
        x, y = axes.x(min(points[-1][0], 0.997)), axes.y(points[-1][1])
        label = WIDTH - RIGHT + 14
        out.append(f'<path d="M{x:.1f} {y:.1f}L{label - 4} {ends[name]:.1f}" stroke="{COLOURS[name]}" '
                   'stroke-dasharray="2 3" fill="none"/>')
        out.append(text(label, ends[name] + 4, name, 12, fill=COLOURS[name],
                        font_weight="bold" if name.startswith("magpie") else "normal"))
    return "\n".join([*out, "</svg>"]) + "\n"


# ---- the table of bars ----

def found(rows, **wanted):
    for row in rows:
        if all(row.get(key) == value for key, value in wanted.items()):
            return row
    return {}


class Bars:
    """Lines in the order in which they come; one that comes again, of a second run, joins its first."""

    def __init__(self):
        self.lines = {}

    def line(self, what, asked, value, note=""):
        if value is not None and not math.isnan(value):
            reached = value <= -asked if asked < 0 else value >= asked
            self.lines.setdefault((what, asked), []).append((f"{value:.2f}{note}", reached))

    def print(self):
        print("| bar | asked | measured | |\n|---|---|---|---|")
        for (what, asked), runs in sorted(self.lines.items(), key=lambda line: line[0][0][0]):
            reached = [run[1] for run in runs]
            verdict = "reached" if all(reached) else "in one run" if any(reached) else "**not reached**"
            values = "; ".join(dict.fromkeys(run[0] for run in runs))
            print(f"| {what} | {'≤' if asked < 0 else '≥'} {abs(asked):g} | {values} | {verdict} |")


def ratio(a, b):
    return a / b if a and b else float("nan")


def exact_bars(bars, rows):
    def rate(system, batch):
        return found(rows, system=system, batch=batch, threads=1).get("qps")

    def share(system, field="share_of_read", batch=1):
        return found(rows, system=system, batch=batch, threads=1).get(field, float("nan"))
    f32, half, byte = "magpie f32", "magpie bf16", "magpie int8"
    bars.line("1: exact f32, share of the read rate", 0.85, share(f32))
    bars.line("1: exact f32 / SVS", 1.1, ratio(rate(f32, 1), rate("svs Flat", 1)))
    bars.line("1: exact f32 / FAISS", 1.4, ratio(rate(f32, 1), rate("faiss Flat", 1)))
    bars.line("1: batch of 64, share of the multiply-adds", 0.55, share(f32, "share_of_peak", 64))
    bars.line("1: batch of 64 / NumPy", 2, ratio(rate(f32, 64), rate("numpy", 64)))
    bars.line("2: bf16, share of the read rate", 0.85, share(half))
    bars.line("2: bf16, batch / numkong", 1.5, ratio(rate(half, 64), rate("numkong bf16", 64)))
    bars.line("2: int8, share of the read rate", 0.8, share(byte))
    bars.line("2: int8 / FAISS SQ8", 1.9, ratio(rate(byte, 1), rate("faiss SQ8", 1)))
    bars.line("2: int8, batch / numkong", 2, ratio(rate(byte, 64), rate("numkong i8", 64)))
    bars.line("2: 1 bit, share of the cache's rate", 0.8, share("magpie rabitq1"))
    turbo = found(rows, system="turbovec 4 bit", batch=1, threads=1)
    level = [r for r in rows if r["system"].startswith("magpie") and r["group"] in ("4 bit", "re-scored")
             and r["threads"] == 1 and r["batch"] == 1 and turbo and r["recall10"] >= turbo["recall10"]]
    if level:
        ours = max(level, key=lambda r: r["qps"])
        bars.line("3: best scan at turbovec's recall and more / turbovec", 1,
                  ratio(ours["qps"], turbo["qps"]), f" ({ours['system'].removeprefix('magpie ')})")
    good = [r for r in rows if r["group"] == "re-scored" and r["system"].startswith("magpie") and r["threads"] == 1
            and r["batch"] == 1 and r["recall10"] >= 0.99]
    if good:
        ours = max(good, key=lambda r: r["qps"])
        bars.line("3: re-scored, recall 0.99 / int8 scan", 3.2, ratio(ours["qps"], rate(byte, 1)),
                  f" ({ours['system'].removeprefix('magpie ')}: {ours['recall10']:.3f})")


def ann_bars(bars, rows, queries):
    at = {name: {recall: rate_at(curve(rows, queries, name, 1), recall) for recall in (0.95, 0.99)}
          for name in COLOURS}
    if not any(at["magpie"].values()):
        return
    ours = at["magpie"]
    refined = [at[name][0.99] or 0 for name in COLOURS if name.startswith("FAISS IVF") or name == "SymphonyQG"]
    bars.line(f"4: {queries}, recall 0.95 / SymphonyQG", 1.2, ratio(ours[0.95], at["SymphonyQG"][0.95]))
    bars.line(f"4: {queries}, recall 0.99 / the best of SymphonyQG and IVF-PQfs", 1.2, ratio(ours[0.99], max(refined)))
    bars.line(f"4: {queries}, recall 0.95 / ScaNN", 1, ratio(ours[0.95], at["ScaNN"][0.95]))
    bars.line(f"4: {queries}, recall 0.99 / ScaNN", 1, ratio(ours[0.99], at["ScaNN"][0.99]))
    bars.line(f"5: {queries}, recall 0.95 / hnswlib", 2.5, ratio(ours[0.95], at["hnswlib"][0.95]))


def size_bars(bars, rows):
    size = found(rows, system="magpie", queries="real").get("bytes")
    if size:
        f32 = 100_000 * 384 * 4
        bars.line("5: all bytes / those of the f32 rows", -1.1, size / f32)
        bars.line("5: resident, full vectors on disk / f32 rows", -0.35, (size - f32) / f32)


def build_bars(bars, rows):
    def value(system, threads, field):
        return found(rows, system=system, threads=threads).get(field)
    bars.line("6: graph, one core / hnswlib", -0.8,
              ratio(value("magpie", 1, "seconds"), value("hnswlib", 1, "seconds")))
    bars.line("6: graph, two cores at best (processor seconds / 2) / hnswlib on one", -0.45,
              ratio((value("magpie", 2, "seconds") or 0) / 2, value("hnswlib", 1, "seconds")))
    bars.line("6: clusters, one core / hnswlib", -0.12,
              ratio(value("magpie clusters", 1, "seconds"), value("hnswlib", 1, "seconds")))
    bars.line("6: merge of two halves / rebuild", -0.6,
              ratio(value("magpie, merge of two halves", 1, "seconds"), value("magpie", 1, "seconds")))


def rates(rows, queries):
    print(f"\n{TITLES[queries]}\n\n| system | 0.90 | 0.95 | 0.99 | best recall | MB | build, s |")
    print("|---|---|---|---|---|---|---|")
    for name in COLOURS:
        points = curve(rows, queries, name, 1)
        if points:
            about = found(rows, system=name, queries=queries)
            cells = [f"{rate_at(points, r):,.0f}" if rate_at(points, r) else "-" for r in (0.9, 0.95, 0.99)]
            size = f"{about['bytes'] / 1e6:.0f}" if about["bytes"] else "-"
            print(f"| {name} | {' | '.join(cells)} | {points[-1][0]:.3f} | {size} | {about['build_s']:.0f} |")


def scans(rows):
    print("\n| scan | one query | of 64 | recall@10 | MB | share of the read rate |\n|---|---|---|---|---|---|")
    for row in rows:
        if row["threads"] == 1 and row["batch"] == 1:
            many = found(rows, system=row["system"], threads=1, batch=64)["qps"]
            print(f"| {row['system']} | {row['qps']:,.0f} | {many:,.0f} | {row['recall10']:.3f} | "
                  f"{row['bytes'] / 1e6:.1f} | {row['share_of_read']:.2f} |")


def main():
    results, pictures = Path(sys.argv[1]), Path(sys.argv[2])
    pictures.mkdir(parents=True, exist_ok=True)
    exact, again, built, rebuilt = (rows_of(results, name) for name in ("exact", "exact_again", "build", "build_again"))
    approximate = rows_of(results, "ann_real") + rows_of(results, "ann_synth")
    for row in rows_of(results, "ann_again"):  # ratios only within a run
        approximate.append({**row, "queries": f"{row['queries']}_again"})
    # on a busy machine a picture of two threads would show who else was there
    seen = sorted({(row["queries"], int(row["threads"])) for row in approximate
                   if row["threads"] == 1 or row["load"] < BUSY})
    for queries, threads in seen:
        name = f"ann_{queries}{'' if threads == 1 else '_two_threads'}.svg"
        (pictures / name).write_text(picture(approximate, queries, threads), encoding="utf-8")
    bars = Bars()
    exact_bars(bars, exact)
    exact_bars(bars, again)
    for queries in TITLES:
        ann_bars(bars, approximate, queries)
    size_bars(bars, approximate)
    build_bars(bars, built)
    build_bars(bars, rebuilt)
    bars.print()
    scans(again or exact)
    for queries in TITLES:
        rates(approximate, queries)
    loads = [row["load"] for row in exact + again + approximate + built + rebuilt]
    if loads:
        print(f"\nloads: {min(loads):.1f} to {max(loads):.1f}, median {median(loads):.1f}")


if __name__ == "__main__":
    main()
