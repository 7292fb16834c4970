"""What an analyst writes without MATCH_RECOGNIZE: shifts in Polars and pandas, for what they can say.

A sequence of a fixed length, overlapping, is a conjunction of shifted conditions. Falls and rises of any length take
run lengths and a shift of runs, or the rows on which the direction turns. All find what the query finds, which reads
and gives a frame of the same library.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Callable

import polars as pl
import pytest

from rowpattern import match_recognize

from questions import THREE_AND_THREE, V_SHAPE, prices

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_000_000


@lru_cache(maxsize=1)
def pandas_prices() -> pd.DataFrame:
    return prices(ROWS).to_pandas()


def polars_fixed() -> pl.DataFrame:
    down, up = pl.col("price") < pl.col("price").shift(1), pl.col("price") > pl.col("price").shift(1)
    steps = [down.shift(-step) for step in range(3)] + [up.shift(-step) for step in range(3, 6)]
    return prices(ROWS).lazy().filter(pl.all_horizontal(steps)).select(pl.col("day").alias("begun")).collect()


def pandas_fixed() -> pd.DataFrame:
    frame = pandas_prices()
    before = frame["price"].shift(1)
    down, up = frame["price"] < before, frame["price"] > before
    found = down
    for step in range(1, 6):
        found = found & (down if step < 3 else up).shift(-step, fill_value=False)
    return frame.loc[found, ["day"]].rename(columns={"day": "begun"}).reset_index(drop=True)


def polars_run_lengths() -> pl.DataFrame:
    change = (pl.col("price") - pl.col("price").shift(1)).sign()
    runs = (
        prices(ROWS)
        .lazy()
        .with_columns(change.alias("change"))
        .with_columns(pl.col("change").rle_id().alias("run"))
        .group_by("run", maintain_order=True)
        .agg(pl.col("change").first(), pl.col("day").first().alias("begun"), pl.col("price").last().alias("low"))
        .with_columns(pl.col("change").shift(-1).alias("next"), pl.col("low").shift(-1).alias("ended"))
    )
    return runs.filter((pl.col("change") == -1) & (pl.col("next") == 1)).select("begun", "low", "ended").collect()


def polars_turning_points() -> pl.DataFrame:
    """Find the same with less work: the last row of each run, and what stands before and behind it."""
    change, day, price = pl.col("change"), pl.col("day"), pl.col("price")
    return (
        prices(ROWS)
        .lazy()
        .with_columns(price.diff().sign().alias("change"), day.shift(-1).alias("next_begins"))
        .filter((change != change.shift(-1)).fill_null(value=True))
        .with_columns(
            pl.col("next_begins").shift(1).alias("begun"),
            price.shift(-1).alias("ended"),
            change.shift(-1).alias("next_change"),
        )
        .filter((change == -1) & (pl.col("next_change") == 1))
        .select("begun", price.alias("low"), "ended")
        .collect()
    )


# Each with the query, the table, and the peers with how many times our time they must take, where that is asked.
QUESTIONS: dict[str, tuple[str, Callable[[], Any], dict[str, tuple[Callable[[], Any], float | None]]]] = {
    "three falls and three rises, overlapping, 1 M rows, Polars": (
        THREE_AND_THREE,
        lambda: prices(ROWS),
        {"Polars, shifts": (polars_fixed, 1.2)},
    ),
    "three falls and three rises, overlapping, 1 M rows, pandas": (
        THREE_AND_THREE,
        pandas_prices,
        {"pandas, shifts": (pandas_fixed, 4)},
    ),
    "falls and rises of any length, 1 M rows, Polars": (
        V_SHAPE.format(by="", rows=""),
        lambda: prices(ROWS),
        {"Polars, run lengths": (polars_run_lengths, 2), "Polars, turning points": (polars_turning_points, None)},
    ),
}


@pytest.mark.parametrize(
    ("question", "contender"),
    [(question, name) for question, (_, _, peers) in QUESTIONS.items() for name in ("rowpattern", *peers)],
)
def test_shifts(benchmark: Any, question: str, contender: str) -> None:
    benchmark.group = question
    query, table, peers = QUESTIONS[question]
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (query, table()), rounds=20, warmup_rounds=2)
        return
    by_shifts, least = peers[contender]
    assert match_recognize(query, table()).equals(by_shifts())
    if least is not None:
        benchmark.extra_info["at_least"] = least
    benchmark.pedantic(by_shifts, rounds=20, warmup_rounds=2)
