"""Writes docs/growth.md and its curves from what pytest-benchmark saved of the benches of growth.

python benches/growth_page.py benches/baseline/*/0001_baseline.json docs
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from report import file_of, heading, main, seconds_shown

if TYPE_CHECKING:
    from pathlib import Path

#: The files of benches, and what the page calls them.
FILES = {"test_query_growth": "Queries", "test_growth": "Patterns and the cache, without queries"}

INTRODUCTION = """# How time grows

Written from one run, by `make growth` or `make bench-report`. Each curve has one question asked at several sizes; its
time is the least of several rounds. Both axes are logarithmic, and the grey line is what grows in proportion: where a
curve is parallel to it, twice the size takes twice the time. The text under a curve says why it bends.
[Benchmarks](benchmarks.md) compares with other implementations.
"""

# Texts stay texts, and the same figures give the same file.
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "rowpattern", "font.size": 8}

_Points = dict[str, list[tuple[int, float]]]


def curves_of(benches: list[dict[str, Any]]) -> dict[str, tuple[dict[str, Any], _Points]]:
    """Return the curves of a file of benches by title: what is said of each, and its points by line."""
    found: dict[str, tuple[dict[str, Any], _Points]] = {}
    for bench in benches:
        info = bench["extra_info"]
        _, points = found.setdefault(info["curve"], (info, defaultdict(list)))
        points[info["line"]].append((info["at"], bench["stats"]["min"]))
    return {
        title: (info, {line: sorted(each) for line, each in points.items()}) for title, (info, points) in found.items()
    }


def draw(info: dict[str, Any], points: _Points, path: Path) -> None:
    """Draw a curve."""
    with mpl.rc_context(_STYLE):
        figure, axis = plt.subplots(figsize=(5.2, 3.2))
        for line, found in points.items():
            axis.loglog(*zip(*found), marker="o", markersize=4, label=line)
        sizes = sorted({at for found in points.values() for at, _ in found})
        seconds = [least for found in points.values() for _, least in found]
        # A curve that is nearly flat is to look flat: the axis has a decade at least.
        middle = (min(seconds) * max(seconds)) ** 0.5
        low, high = min(min(seconds) / 1.5, middle / 4), max(max(seconds) * 1.5, middle * 4)
        axis.plot(sizes, [max(seconds) / sizes[-1] * at for at in sizes], color="lightgrey", linewidth=1, zorder=0)
        axis.set_ylim(low, high)
        axis.set_xticks(sizes, [f"{at:,}" if at < 10_000 else f"{at:.0e}".replace("e+0", "e") for at in sizes])
        axis.minorticks_off()
        if len(points) > 1:
            axis.legend(fontsize=7)
        axis.set_xlabel(info["axis"])
        axis.set_ylabel("seconds")
        axis.grid(alpha=0.3)
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def table(info: dict[str, Any], points: _Points) -> list[str]:
    """Return the points of a curve as a Markdown table: a row for each size."""
    heads = [info["axis"], *(line or "least time" for line in points)]
    lines = ["| " + " | ".join(heads) + " |", "| ---: |" + " ---: |" * len(points)]
    by_line = [dict(found) for found in points.values()]
    for at in sorted({at for found in by_line for at in found}):
        cells = [f"{at:,}", *(seconds_shown(found[at]) if at in found else "" for found in by_line)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def page(saved: dict[str, Any], folder: Path) -> None:
    """Write the page and its curves into a folder."""
    by_file: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for bench in saved["benchmarks"]:
        if "curve" in bench["extra_info"]:
            by_file[file_of(bench)].append(bench)
    for older in folder.glob("growth-*.svg"):
        older.unlink()
    lines = [INTRODUCTION, *heading(saved)]
    number = 0
    for file, title in FILES.items():
        lines += ["", f"## {title}"]
        for curve, (info, points) in curves_of(by_file[file]).items():
            number += 1
            name = f"growth-{number:02}.svg"
            draw(info, points, folder / name)
            lines += ["", f"### {curve[0].upper()}{curve[1:]}", "", f"![Time by {info['axis']}]({name})", ""]
            lines += [info["bends"].replace("|", "\\|"), "", *table(info, points)]
    (folder / "growth.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(page, __doc__)
