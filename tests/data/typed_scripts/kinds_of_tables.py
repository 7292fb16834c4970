"""What a user's script looks like to a type checker: each kind of table comes back as what it is."""

import asyncio

import duckdb
import polars as pl
from typing_extensions import assert_type

import rowpattern
import rowpattern.polars
from rowpattern import match_recognize, recognize

SQL = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+) DEFINE A AS x > $low)"


class Prices(pl.DataFrame):
    """A frame of a class of its own."""


frame = pl.DataFrame({"o": [1, 2], "x": [3, 4]})

assert_type(match_recognize(SQL, frame, parameters={"low": 1}), pl.DataFrame)
assert_type(match_recognize(SQL, frame.lazy(), parameters={"low": 1}, threads=2), pl.LazyFrame)
assert_type(match_recognize(SQL, Prices(frame), parameters={"low": 1}), Prices)
assert_type(match_recognize(SQL, duckdb.from_arrow(frame.to_arrow()), parameters=[]), duckdb.DuckDBPyRelation)
match_recognize(SQL, frame, stream=True).read_all()
match_recognize(SQL, frame, stream="in order").read_all()
match_recognize(SQL, t=frame, u=frame).anything_at_all()

found = recognize(
    frame,
    pattern="A{1,$most} B?",
    define={"A": "x > $low", "B": pl.col("x") > 1},
    measures={"n": "count(*)"},
    partition_by=["o"],
    order_by="o DESC",
    rows_per_match="all with unmatched",
    after_match=("to last", "A"),
    subset={"U": ["A", "B"]},
    parameters={"low": 1, "most": 2},
    timeout_seconds=1,
)
assert_type(found, pl.DataFrame)
assert_type(recognize({"t": frame.lazy()}, pattern="A", after_match="to next row"), pl.LazyFrame)
recognize(frame, pattern="A", stream=True).read_all()
assert_type(frame.pipe(recognize, pattern="A"), pl.DataFrame)


async def main() -> None:
    """Await answers."""
    assert_type(await rowpattern.match_recognize_async(SQL, frame, parameters={"low": 1}), pl.DataFrame)
    assert_type(await rowpattern.recognize_async(frame.lazy(), pattern="A", cancel=None), pl.LazyFrame)


asyncio.run(main())

# What is wrong is refused.
match_recognize(SQL, frame, threads="two")  # type: ignore[call-overload]
recognize(frame)  # type: ignore[call-overload]
recognize(frame, pattern="A", rows_per_match="every")  # type: ignore[call-overload]
recognize(frame, pattern="A", after_match=("to first",))  # type: ignore[arg-type]
recognize(frame, pattern="A", streams=True)  # type: ignore[call-overload]
