"""What an analyst writes without MATCH_RECOGNIZE: shifts in Polars and pandas, for what they can say.

A sequence of a fixed length, overlapping, is a conjunction of shifted conditions. Falls and rises of any length take
run lengths and a shift of runs. Both find what the query finds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
import polars as pl
import pytest

from rowpattern import match_recognize

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_000_000

FIXED = """SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY day MEASURES FIRST(day) AS begun AFTER MATCH SKIP TO NEXT ROW
    PATTERN (DOWN{3} UP{3}) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""

SHAPES = """SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY day MEASURES FIRST(DOWN.day) AS begun, LAST(DOWN.price) AS low, LAST(UP.price) AS ended
    PATTERN (DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""


@lru_cache(maxsize=1)
def prices() -> pl.DataFrame:
    walk = np.random.default_rng(0).normal(size=ROWS).cumsum()
    return pl.DataFrame({"day": np.arange(ROWS), "price": walk})


@lru_cache(maxsize=1)
def pandas_prices() -> pd.DataFrame:
    return prices().to_pandas()


def polars_fixed() -> pl.DataFrame:
    down, up = pl.col("price") < pl.col("price").shift(1), pl.col("price") > pl.col("price").shift(1)
    steps = [down.shift(-step) for step in range(3)] + [up.shift(-step) for step in range(3, 6)]
    return prices().lazy().filter(pl.all_horizontal(steps)).select(pl.col("day").alias("begun")).collect()


def pandas_fixed() -> pd.DataFrame:
    frame = pandas_prices()
    before = frame["price"].shift(1)
    down, up = frame["price"] < before, frame["price"] > before
    found = down
    for step in range(1, 6):
        found = found & (down if step < 3 else up).shift(-step, fill_value=False)
    return frame.loc[found, ["day"]].rename(columns={"day": "begun"}).reset_index(drop=True)


def polars_shapes() -> pl.DataFrame:
    change = (pl.col("price") - pl.col("price").shift(1)).sign()
    runs = (
        prices()
        .lazy()
        .with_columns(change.alias("change"))
        .with_columns(pl.col("change").rle_id().alias("run"))
        .group_by("run", maintain_order=True)
        .agg(pl.col("change").first(), pl.col("day").first().alias("begun"), pl.col("price").last().alias("low"))
        .with_columns(pl.col("change").shift(-1).alias("next"), pl.col("low").shift(-1).alias("ended"))
    )
    return runs.filter((pl.col("change") == -1) & (pl.col("next") == 1)).select("begun", "low", "ended").collect()


QUESTIONS: dict[str, tuple[str, dict[str, Callable[[], Any]]]] = {
    "three falls and three rises, overlapping, 1 M rows": (
        FIXED,
        {"Polars, shifts": polars_fixed, "pandas, shifts": pandas_fixed},
    ),
    "falls and rises of any length, 1 M rows": (SHAPES, {"Polars, run lengths": polars_shapes}),
}


@pytest.mark.parametrize(
    ("question", "contender"),
    [(question, name) for question, (_, others) in QUESTIONS.items() for name in ("rowpattern", *others)],
)
def test_shifts(benchmark: Any, question: str, contender: str) -> None:
    benchmark.group = question
    query, others = QUESTIONS[question]
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (query, prices()), rounds=20, warmup_rounds=2)
        return
    answer = others[contender]()
    ours = match_recognize(query, prices())
    assert ours.equals(answer if isinstance(answer, pl.DataFrame) else pl.from_pandas(answer))
    benchmark.pedantic(others[contender], rounds=20, warmup_rounds=2)
