"""Conditions that the caller's library computes: they hold where the same condition as a text holds."""

from __future__ import annotations

import asyncio
from typing import Any

import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
import rowpattern.ibis
from rowpattern import recognize

TEXTS = {"DOWN": "price < PREV(price)", "UP": "price > PREV(price)"}
ARGUMENTS: dict[str, Any] = {
    "pattern": "DOWN+ UP+",
    "measures": {"first": "FIRST(t)", "last": "LAST(t)", "lowest": "LAST(DOWN.price)"},
}

price = pl.col("price")
POLARS = {"DOWN": price < price.shift(), "UP": price > price.shift()}
PANDAS = {"DOWN": lambda df: df.price < df.price.shift(), "UP": lambda df: df["price"].diff() > 0}
OF_POLARS_FRAMES = {"DOWN": lambda df: df["price"] < df["price"].shift(), "UP": lambda _: price > price.shift()}
IBIS = {"DOWN": ibis._.price < ibis._.price.lag(), "UP": lambda t: t.price > t.price.lag()}


def rows(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 60))
    frame = pd.DataFrame(
        {
            "symbol": [("a", "b", None)[at] for at in rng.integers(0, 3, count)],
            "t": rng.permutation(count),
            "price": rng.integers(0, 6, count).astype(float),
        },
        index=rng.permutation(count) + 7,
    )
    frame.loc[rng.random(count) < 0.1, "price"] = np.nan
    return frame.astype({"symbol": "str"})


KEYS: list[dict[str, Any]] = [
    {"partition_by": "symbol", "order_by": "t"},
    {"partition_by": "upper(symbol), t % 2", "order_by": "t DESC"},
    {"order_by": "-t"},
    {},
]


@pytest.mark.parametrize("keys", KEYS, ids=str)
@pytest.mark.parametrize("rows_per_match", ["one", "all with unmatched"])
def test_they_are_the_texts_of_the_same_condition(keys: dict[str, Any], rows_per_match: Any) -> None:
    for seed in range(5):
        frame = rows(seed)
        arguments = ARGUMENTS | keys | {"rows_per_match": rows_per_match}
        wanted = recognize(frame, define=TEXTS, **arguments)
        for define in (PANDAS, POLARS, TEXTS | {"UP": PANDAS["UP"]}, TEXTS | {"DOWN": POLARS["DOWN"]}):
            pd.testing.assert_frame_equal(recognize(frame, define=define, **arguments), wanted)
        polars = pl.from_pandas(frame)
        as_polars = recognize(polars, define=TEXTS, **arguments)
        for define in (POLARS, OF_POLARS_FRAMES, TEXTS | {"UP": POLARS["UP"]}):
            assert recognize(polars, define=define, **arguments).equals(as_polars)
            assert recognize(polars.lazy(), define=define, **arguments).collect().equals(as_polars)
        table = polars.to_arrow()
        as_table = recognize(table, define=TEXTS, **arguments)
        assert recognize(table, define=POLARS, **arguments) == as_table
        assert recognize(table.to_reader(), define=POLARS, **arguments).read_all() == as_table


@pytest.mark.parametrize("keys", KEYS, ids=str)
def test_ibis(keys: dict[str, Any]) -> None:
    for seed in range(2):
        table = pa.Table.from_pandas(rows(seed), preserve_index=False)
        arguments = ARGUMENTS | keys
        wanted = recognize(table, define=TEXTS, **arguments)
        of_ibis = ibis.memtable(table)
        bound = {"DOWN": of_ibis.price < of_ibis.price.lag(), "UP": of_ibis.price > of_ibis.price.lag()}
        for define in (TEXTS, IBIS, bound, TEXTS | {"UP": IBIS["UP"]}):
            found = rowpattern.ibis.recognize(of_ibis, define=define, **arguments)
            assert isinstance(found, ibis.Table)
            assert found.to_pyarrow().to_pylist() == wanted.to_pylist()
        assert recognize(table, define={"DOWN": IBIS["DOWN"], "UP": bound["UP"]}, **arguments) == wanted


def test_ibis_tables() -> None:
    table = ibis.memtable(pa.table({"t": [1, 2, 3], "price": [3, 2, 4]}))
    define = {"DOWN": "x.price < PREV(x.price)", "UP": table.price > 3}
    found = rowpattern.ibis.recognize({"x": table}, define=define, **ARGUMENTS)
    assert found.filter(found.lowest == 2).count().to_pyarrow().as_py() == 1
    stream = rowpattern.ibis.recognize(table, define=TEXTS, stream=True, **ARGUMENTS)
    assert stream.read_all().num_rows == 1
    with pytest.raises(TypeError, match=r"is a pyarrow\.Table; give one of Ibis"):
        rowpattern.ibis.recognize(table.to_pyarrow(), define=define, **ARGUMENTS)
    with pytest.raises(rowpattern.QueryError, match=r"define\['UP'\]"):
        rowpattern.ibis.recognize(table, define={"UP": ibis._.nothing > 3}, **ARGUMENTS)


@pytest.mark.parametrize(
    "define", [PANDAS, POLARS, IBIS | {"UP": "price > PREV(price)"}], ids=["pandas", "polars", "ibis"]
)
def test_streams(define: dict[str, Any]) -> None:
    frame = rows(1)
    arguments = ARGUMENTS | KEYS[0]
    wanted = recognize(frame, define=TEXTS, stream=True, **arguments).read_all()
    assert recognize(frame, define=define, stream=True, **arguments).read_all() == wanted


class Prices(pd.DataFrame):  # type: ignore[misc]  # pandas is not typed here
    """A frame of a class of its own."""

    @property
    def _constructor(self) -> type[Prices]:
        return Prices


def test_frames_of_a_class_of_their_own() -> None:
    frame = Prices(rows(2))
    seen = []

    def down(part: Any) -> Any:
        seen.append(type(part))
        return part.price < part.price.shift()

    arguments = ARGUMENTS | KEYS[0]
    found = recognize(frame, define=TEXTS | {"DOWN": down}, **arguments)
    assert type(found) is Prices
    pd.testing.assert_frame_equal(found, recognize(frame, define=TEXTS, **arguments))
    assert set(seen) == {Prices}


def test_they_stand_beside_conditions_on_the_match() -> None:
    for seed in range(5):
        frame = rows(seed)
        wanted = recognize(frame, define=TEXTS | {"UP": "price > FIRST(price)"}, order_by="t", **ARGUMENTS)
        define = {"DOWN": PANDAS["DOWN"], "UP": "price > FIRST(price)"}
        pd.testing.assert_frame_equal(recognize(frame, define=define, order_by="t", **ARGUMENTS), wanted)


def test_plans_are_kept_whatever_the_function() -> None:
    table = pa.table({"t": [1, 2, 3]})
    arguments: dict[str, Any] = {"pattern": "A", "order_by": "t", "measures": {"t": "t"}}
    for least in (0, 1, 2):
        found = recognize(
            table, define={"A": lambda rows, least=least: [t > least for t in rows["t"].to_pylist()]}, **arguments
        )
        assert found["t"].to_pylist() == [t for t in (1, 2, 3) if t > least]


def test_hidden_columns_are_not_seen() -> None:
    frame = pl.DataFrame({"t": [2, 1, 3]})
    found = recognize(frame, pattern="A+", order_by="t", define={"A": pl.col("t") > 1}, rows_per_match="all")
    assert found.to_dict(as_series=False) == {"t": [2, 3]}
    with pytest.raises(rowpattern.QueryError, match="no column"):
        recognize(frame, pattern="A+", define={"A": pl.col("t") > 1}, measures={"m": '"rowpattern condition A"'})


@pytest.mark.parametrize(
    ("condition", "kind", "message"),
    [
        (lambda df: df.price, rowpattern.QueryError, "gives values of the type double; a condition is true or false"),
        (lambda _: [True], rowpattern.QueryError, "gives 1 value for a partition of 5 rows"),
        (lambda _: object(), rowpattern.QueryError, "does not give a boolean for each row"),
        (lambda _: 1 / 0, ZeroDivisionError, "division by zero"),
        (price, rowpattern.QueryError, "gives values of the type double"),
        (pl.col("pric") > 1, rowpattern.QueryError, "there is no column pric; did you mean price?"),
        (pl.all() > pl.all(), rowpattern.QueryError, "is several expressions; give one"),
        (price.str.len_bytes() > 1, rowpattern.QueryError, r"define\['DOWN'\]: "),
        (3, TypeError, "may also be an expression of Polars or Ibis, or a function of a frame"),
    ],
)
def test_what_a_condition_cannot_be(condition: Any, kind: type[Exception], message: str) -> None:
    frame = pd.DataFrame({"t": range(5), "price": [1.0, 2, 3, 4, 5]})
    with pytest.raises(kind, match=message):
        recognize(frame, define={"DOWN": condition}, **ARGUMENTS)


def test_what_they_cannot_do() -> None:
    frame = pd.DataFrame({"t": range(5), "price": [1.0, 2, 3, 4, 5]})
    with pytest.raises(rowpattern.ConfigurationError, match="computed in this process"):
        recognize(frame, define=PANDAS, isolation="process", **ARGUMENTS)
    for measure in (price, PANDAS["UP"], ibis._.price):
        with pytest.raises(TypeError, match="a measure reads rows of a match"):
            recognize(frame, define=PANDAS, **ARGUMENTS | {"measures": {"m": measure}})
    with pytest.raises(rowpattern.UnknownVariableError, match=r'define\["X"\]'):
        recognize(frame, define={"X": price > 1}, **ARGUMENTS)
    with pytest.raises(rowpattern.QueryError, match="DEFINE defines DOWN twice"):
        recognize(frame, define={"DOWN": "true", "down": price > 1}, **ARGUMENTS)


def test_async() -> None:
    frame = rows(3)
    wanted = recognize(frame, define=TEXTS, order_by="t", **ARGUMENTS)
    found = asyncio.run(rowpattern.recognize_async(frame, define=PANDAS, order_by="t", **ARGUMENTS))
    pd.testing.assert_frame_equal(found, wanted)


def test_time_is_looked_at_between_partitions() -> None:
    table = pa.table({"p": range(1000)})

    def slow(_: Any) -> bool:
        import time

        time.sleep(0.01)
        return True

    with pytest.raises(rowpattern.QueryLimitError, match="time"):
        recognize(table, pattern="A", define={"A": slow}, partition_by="p", measures={"n": "1"}, timeout_seconds=0.3)


def test_a_function_that_gives_no_column_is_named() -> None:
    with pytest.raises(rowpattern.QueryError, match=r"define\['A'\] does not give a boolean for each row"):
        recognize(
            pd.DataFrame({"i": [1, 2]}), pattern="A", define={"A": lambda frame: frame}, measures={"n": "count(*)"}
        )


def test_a_series_in_another_order_is_taken_by_its_index() -> None:
    frame = pd.DataFrame({"o": range(6), "x": [3, 1, 2, 5, 4, 6]}, index=list("abcdef"))

    def found(condition: Any) -> list[int]:
        answer = rowpattern.recognize(
            frame, order_by="o", pattern="A", define={"A": condition}, measures={"f": "FIRST(o)"}
        )
        return list(answer["f"])

    wanted = found("x > 3")
    assert wanted == [3, 4, 5]
    assert found(lambda df: (df.x > 3).sort_index(ascending=False)) == wanted
    assert found(lambda df: df.sort_values("x").x > 3) == wanted
    assert found(lambda df: (df.sort_values("x").x > 3).sort_index().to_numpy()) == wanted
    with pytest.raises(rowpattern.QueryError, match="whose index is not that of its frame"):
        found(lambda df: df.sort_values("x", ignore_index=True).x > 3)
