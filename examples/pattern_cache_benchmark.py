"""Compile many row patterns and match each over real daily prices, again and again, with and without the cache.

    python examples/pattern_cache_benchmark.py --num-patterns 100 --complexity 2 --iterations 5

The prices are those of the bokeh-sampledata package: five tickers, one partition each.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from bokeh_sampledata import stocks
from tqdm import tqdm

import rowpattern
from rowpattern import pattern_cache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern.pattern_cache import CacheStatistics

TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
# What a day's row can be. Conditions overlap: a day can be UP, WIDE and BUSY at once.
VARIABLES = ("UP", "DOWN", "WIDE", "QUIET", "BUSY", "GAP")


@dataclass
class Prices:
    """Conditions of every day of every ticker, and how many days each ticker has."""

    conditions: dict[str, np.ndarray] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """All days."""
        return sum(self.counts)


@dataclass
class Run:
    """What one run measured; times in seconds."""

    iterations: list[float] = field(default_factory=list)
    compiling: float = 0.0
    matching: float = 0.0
    matches: int = 0
    statistics: CacheStatistics = field(default_factory=pattern_cache.get_cache_stats)


def read_prices() -> Prices:
    """Compute the conditions over whole columns, ticker by ticker, so that no day looks at another ticker's."""
    prices = Prices()
    columns: dict[str, list[np.ndarray]] = {name: [] for name in VARIABLES}
    for ticker in TICKERS:
        table = getattr(stocks, ticker)
        opening, high, low, close, volume = (
            np.asarray(table[name], dtype=float) for name in ("open", "high", "low", "close", "volume")
        )
        # The first day has no day before it, so it is neither up nor down.
        before = np.concatenate([[np.nan], close[:-1]])
        spread = (high - low) / close
        columns["UP"].append(close > before)
        columns["DOWN"].append(close < before)
        columns["WIDE"].append(spread > 0.03)  # noqa: PLR2004 - three percent in a day
        columns["QUIET"].append(spread < 0.01)  # noqa: PLR2004
        columns["BUSY"].append(volume > 1.5 * np.median(volume))
        columns["GAP"].append(np.abs(opening - before) > 0.01 * before)
        prices.counts.append(len(close))
    prices.conditions = {name: np.concatenate(pieces) for name, pieces in columns.items()}
    return prices


def patterns(complexity: int) -> Iterator[str]:
    """Give distinct row patterns without end.

    Complexity 1: one variable after the other. 2: with quantifiers. 3: alternation, PERMUTE and nesting.
    """
    rng = random.Random(complexity)  # noqa: S311 - the same patterns in every run
    quantifiers = ("", "+", "*", "?", "+?", "{2,4}", "{1,8}?")
    seen = set()
    for length in itertools.count(4):
        # Longer patterns come when short ones have run out.
        for _ in range(200):
            names = [rng.choice(VARIABLES) for _ in range(rng.randint(2, length))]
            if complexity == 1:
                text = " ".join(names)
            elif complexity == 2:  # noqa: PLR2004
                text = " ".join([names[0], *(name + rng.choice(quantifiers) for name in names[1:])])
            else:
                some = ", ".join(rng.sample(VARIABLES, 3))
                inner = " | ".join(f"{name}{rng.choice(quantifiers[:3])} {rng.choice(VARIABLES)}" for name in names)
                text = f"{names[0]} PERMUTE({some}) ({inner}){{1,3}} {names[-1]}"
            if text not in seen:
                seen.add(text)
                yield text


def run(arguments: argparse.Namespace, prices: Prices, *, cached: bool) -> Run:
    """Compile and match every pattern in each iteration."""
    texts = list(itertools.islice(patterns(arguments.complexity), arguments.num_patterns))
    pattern_cache.clear_pattern_cache()
    pattern_cache.set_caching_enabled(cached)
    measured = Run()
    bar = tqdm(total=len(texts) * arguments.iterations, desc="cached" if cached else "not cached", unit="pattern")
    for iteration in range(arguments.iterations):
        if iteration and arguments.clear_between_iterations:
            pattern_cache.get_pattern_cache().clear()
        begun = time.perf_counter()
        for text in texts:
            asked = time.perf_counter()
            pattern = rowpattern.compile(text)
            compiled = time.perf_counter()
            used = {name: prices.conditions[name] for name in pattern.variables}
            measured.matches += len(pattern.match(used, partitions=("counts", prices.counts)))
            measured.compiling += compiled - asked
            measured.matching += time.perf_counter() - compiled
            bar.update()
        measured.iterations.append(time.perf_counter() - begun)
    bar.close()
    measured.statistics = pattern_cache.get_cache_stats()
    return measured


def report(arguments: argparse.Namespace, prices: Prices, runs: dict[str, Run]) -> str:
    """Write the table: a column for each run."""
    rows = prices.rows * arguments.num_patterns * arguments.iterations
    columns = []
    for measured in runs.values():
        statistics = measured.statistics
        columns.append(
            {
                "patterns, iterations": f"{arguments.num_patterns}, {arguments.iterations}",
                "rows, tickers": f"{prices.rows:,}, {len(prices.counts)}",
                "matches found": f"{measured.matches:,}",
                "total time": f"{sum(measured.iterations):.3f} s",
                "mean time of an iteration": f"{sum(measured.iterations) / len(measured.iterations) * 1e3:.2f} ms",
                "time asking for patterns": f"{measured.compiling * 1e3:.2f} ms",
                "compile time saved by hits": f"{statistics['compilation_time_saved'] * 1e3:.2f} ms",
                "hits, misses": f"{statistics['hits']:,}, {statistics['misses']:,}",
                "cache efficiency": f"{statistics['cache_efficiency']:.1f} %",
                "memory, entries": f"{statistics['memory_used_mb']:.2f} MB, {statistics['size']:,}",
                "rows matched a second": f"{rows / measured.matching / 1e6:.1f} million",
            }
        )
    width = max(map(len, columns[0]))
    lines = [f"{name:<{width}}" + "".join(f"  {column[name]:>20}" for column in columns) for name in columns[0]]
    if len(runs) > 1:
        lines.insert(0, " " * width + "".join(f"  {name:>20}" for name in runs))
    return "\n".join(lines)


def plot(path: str, runs: dict[str, Run]) -> None:
    """Draw the time of each iteration."""
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")

    figure, axes = plt.subplots(figsize=(8, 4.5))
    for name, measured in runs.items():
        milliseconds = [seconds * 1e3 for seconds in measured.iterations]
        axes.plot(range(1, len(milliseconds) + 1), milliseconds, marker="o", label=name)
    axes.set_xlabel("iteration")
    axes.set_ylabel("milliseconds")
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(1, max(len(measured.iterations) for measured in runs.values()) + 1))
    axes.set_title("Compiling and matching all patterns once")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main(options: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--num-patterns", type=positive, default=100, help="distinct row patterns (default 100)")
    parser.add_argument("--complexity", type=int, choices=(1, 2, 3), default=2, help="1 simple, 2 quantified, 3 nested")
    parser.add_argument("--iterations", type=positive, default=5, help="how often all are compiled and matched")
    parser.add_argument("--cache-size", type=int, help="the cache's limit of entries")
    parser.add_argument("--disable-cache", action="store_true", help="compile every time")
    parser.add_argument("--clear-between-iterations", action="store_true", help="begin each iteration cold")
    parser.add_argument("--compare", action="store_true", help="with and without the cache, side by side")
    parser.add_argument("--plot", metavar="FILE.png", help="draw iterations with and without the cache")
    arguments = parser.parse_args(options)
    if arguments.cache_size is not None:
        pattern_cache.resize_cache(arguments.cache_size)
    prices = read_prices()
    cached = [not arguments.disable_cache]
    if arguments.plot or arguments.compare:
        cached.append(arguments.disable_cache)
    runs = {"with the cache" if each else "without the cache": run(arguments, prices, cached=each) for each in cached}
    print(report(arguments, prices, runs if arguments.compare else dict(list(runs.items())[:1])))
    if arguments.plot:
        plot(arguments.plot, runs)
        print(f"drawn in {arguments.plot}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
