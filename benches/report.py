"""Writes docs/benchmarks.md and its charts from what pytest-benchmark saved, and from nothing else.

Curves of growth have a page of their own, which growth_page.py writes.

python benches/report.py benches/baseline/*/0001_baseline.json docs
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = "rowpattern"

#: Questions in the order of the report: the file of benches that asks, and what it asks.
QUESTIONS = {
    "test_compile": "Compiling a pattern that is not cached",
    "test_cache_hit": "A hit in the cache",
    "test_cache_contention": "Hits from several threads",
    "test_hit_ratio": "How often the cache hits",
    "test_kernel": "Matching rows",
    "test_sql": "Queries",
    "test_numba_loops": "Queries beside loops compiled by numba",
    "test_shift_expressions": "Queries beside shift expressions",
    "test_sessions": "Sessions of unsorted events",
    "test_funnels": "Funnels of unsorted events",
    "test_order": "Rows in order",
    "test_first_query": "The first query of a process",
    "test_small_queries": "Small queries",
    "test_flink": "Queries beside Apache Flink",
    "test_continuous": "Continuous matching",
    "test_conditions": "Conditions that depend on the match",
    "test_match_expressions": "Expressions over several rows of a match",
    "test_larger_than_memory": "Larger than memory",
    "test_memory": "Memory",
    "test_limits": "Limits and signals",
    "test_interpreter": "Other threads while columns are read",
    "test_cancellation": "Cancelled queries",
    "test_load": "Many clients at once",
    "test_production": "Running in production",
}

# Groups in which the contender is another amount of work or the same thing asked otherwise, not a peer.
_NO_PEERS = (
    "growth",
    "hit ratio",
    "from 1 M to 10 M rows",
    "refusing",
    "a match and how late",
    "2 M rows",
    "1 M rows without a C",
    "10 M rows in one partition",
    "10 M rows: spans",
    "a condition in rounds",
    "a condition of few combinations",
)

_MANY = 1.0


def file_of(bench: dict[str, Any]) -> str:
    """Return the name of the file that a bench stands in."""
    return Path(bench["fullname"].split("::")[0]).stem


def contender_of(bench: dict[str, Any]) -> str:
    """Return who was measured."""
    params = bench.get("params") or {}
    return str(params.get("contender") or " ".join(map(str, params.values())) or bench["name"])


def grouped(benches: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Return benches by file, group and contender."""
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = defaultdict(lambda: defaultdict(dict))
    for bench in benches:
        group = bench["group"] or bench["name"]
        found[file_of(bench)][group][contender_of(bench)] = bench
    return found


def seconds_shown(seconds: float) -> str:
    """Write a time with a unit that fits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:,.3g} {unit}"
    return f"{seconds * 1e9:,.3g} ns"


def table(group: dict[str, dict[str, Any]]) -> list[str]:
    """Return a group as a Markdown table."""
    ours = group.get(OURS)
    more = list(dict.fromkeys(head for bench in group.values() for head in bench["extra_info"].get("columns", ())))
    heads = ["", "least time", *(["times rowpattern's"] if ours else []), *more]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for name, bench in sorted(group.items(), key=lambda item: item[1]["stats"]["min"]):
        least = bench["stats"]["min"]
        cells = [name.replace("|", "\\|"), seconds_shown(least)]
        if ours:
            cells.append(f"{least / ours['stats']['min']:,.2f}")
        cells += [bench["extra_info"].get("columns", {}).get(head, "") for head in more]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def draw(title: str, groups: dict[str, dict[str, dict[str, Any]]], path: Path) -> bool:
    """Draw how many times rowpattern's time the peers take; False when there are none."""
    bars: list[tuple[str, float]] = []
    for group, contenders in groups.items():
        ours = contenders.get(OURS)
        if ours is None or group.startswith(_NO_PEERS):
            continue
        for name, bench in contenders.items():
            if not name.startswith(OURS):
                bars.append((f"{group}: {name}"[:95], bench["stats"]["min"] / ours["stats"]["min"]))
    if not bars:
        return False
    figure, axis = plt.subplots(figsize=(11, 0.6 + 0.28 * len(bars)))
    labels, ratios = zip(*reversed(bars))
    colours = ["tab:green" if ratio >= _MANY else "tab:orange" for ratio in ratios]
    axis.barh(range(len(bars)), ratios, color=colours)
    axis.set_yticks(range(len(bars)), labels, fontsize=7)
    axis.set_xscale("log")
    axis.axvline(1, color="black", linewidth=1)
    for at, ratio in enumerate(ratios):
        axis.text(ratio, at, f" {ratio:,.2f}", va="center", fontsize=7)
    axis.set_xlabel(
        "time of the contender, in times of rowpattern's (right of the line: rowpattern is faster)", fontsize=8
    )
    axis.set_title(title, fontsize=10)
    axis.margins(x=0.12)
    figure.savefig(path, dpi=90, bbox_inches="tight")
    plt.close(figure)
    return True


def asked(by_file: dict[str, dict[str, dict[str, dict[str, Any]]]]) -> list[str]:
    """Return what was asked of this package beside what was measured, as a Markdown table."""
    lines = ["| question | asked | measured | reached |", "| --- | --- | ---: | --- |"]
    for file in QUESTIONS:
        for group, contenders in by_file.get(file, {}).items():
            ours = contenders.get(OURS)
            for name, bench in contenders.items():
                info = bench["extra_info"]
                if "promise" in info:
                    promise = info["promise"]
                    lines.append(row(promise["asked"], "", promise["measured"], promise["reached"]))
                if ours is None or name == OURS or not {"at_least", "at_most"} & set(info):
                    continue
                ratio = bench["stats"]["min"] / ours["stats"]["min"]
                least, most = info.get("at_least"), info.get("at_most")
                words = f"at least {least:,.2f} times" if least is not None else f"at most {most:,.2f} times"
                reached = (least is None or ratio >= least) and (most is None or ratio <= most)
                lines.append(row(f"{group}: {name}", words, f"{ratio:,.2f} times", reached))
    return lines


def row(question: str, words: str, measured: str, reached: bool) -> str:
    """Return a row of the table of what was asked."""
    cells = [question, words, measured, "yes" if reached else "**no**"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def heading(saved: dict[str, Any]) -> list[str]:
    """Say when and where a run was, and of what."""
    machine, commit = saved["machine_info"], saved["commit_info"]
    cpu = machine.get("cpu", {})
    changed = " with changes" if commit.get("dirty") else ""
    processor = cpu.get("brand_raw", machine.get("processor", "?"))
    return [
        f"- {saved['datetime'][:10]}, commit {commit.get('id', '?')[:10]}{changed}",
        f"- {processor}, {cpu.get('count', '?')} cores; Python {machine['python_version']}",
        f"- {', '.join(f'{name} {version}' for name, version in sorted(machine.get('packages', {}).items()))}",
    ]


def terabyte(groups: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """Say what a terabyte would take, at the rates of this run."""
    rates = {
        name.rpartition(", ")[2]: rate
        for benches in groups.values()
        for bench in benches.values()
        for name, rate in bench["extra_info"].items()
        if name.startswith("bytes a second")
    }
    if not {"sorting", "in order"} <= set(rates):
        return []
    alone, core = 1e12 / rates["sorting"] / 3600, 1e12 / rates["in order"] / 3600
    sentence = (
        f"**A terabyte** of such columns at these rates: {alone:,.1f} hours on one machine like this, sorting within "
        f"512 MB included ({rates['sorting'] / 2**20:,.0f} MB/s); {core:,.1f} hours of one core for matching rows that "
        f"are in order already ({rates['in order'] / 2**20:,.0f} MB/s), so {core * 60 / 100:,.1f} minutes on a cluster "
        "of 100 cores, beside its own shuffle and sort, which were not measured at that size. Computed, not run."
    )
    return [sentence, ""]


def report(saved: dict[str, Any], folder: Path) -> None:
    """Write the page and its charts into a folder."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench-report` from one run, and from nothing else. Times are the least of several; ratios",
        "are within this run. The machine is shared: take differences below a fifth as none.",
        "",
        *heading(saved),
    ]
    by_file = grouped(saved["benchmarks"])
    lines += ["", "## What was asked", "", *asked(by_file)]
    for file, title in QUESTIONS.items():
        groups = by_file.get(file)
        if not groups:
            continue
        lines += ["", f"## {title}", ""]
        chart = f"benchmarks-{file.removeprefix('test_')}.png"
        if draw(title, groups, folder / chart):
            lines += [f"![{title}]({chart})", ""]
        for group, contenders in groups.items():
            lines += [f"**{group.replace('|', chr(92) + '|')}**", "", *table(contenders), ""]
        lines += terabyte(groups)
    text = "\n".join(lines).rstrip() + "\n"
    (folder / "benchmarks.md").write_text(text, encoding="utf-8")


def main(write: Callable[[dict[str, Any], Path], None], description: str) -> None:
    """Read the file that pytest-benchmark saved, and write a page of it into a folder."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("saved", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    write(json.loads(options.saved.read_text(encoding="utf-8")), options.folder)


if __name__ == "__main__":
    main(report, __doc__)
