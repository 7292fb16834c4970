"""Conditions and measures that the caller's library computes: they say what the same expression as a text says."""

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
@pytest.mark.slow
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


# Measures of which row the match's last row, or the row itself, reads what.
SUMS = {"n": "count(*)", "double": "price * 2", "name": "symbol || '!'", "lowest": "LAST(DOWN.price)"}
PANDAS_SUMS = SUMS | {"double": lambda df: df.price * 2, "name": lambda df: df.symbol + "!"}
POLARS_SUMS = SUMS | {"double": price * 2, "name": pl.col("symbol") + "!"}
OF_ARROW_SUMS = SUMS | {"double": lambda rows: [None if x is None else 2 * x for x in rows["price"].to_pylist()]}


@pytest.mark.parametrize("keys", KEYS, ids=str)
@pytest.mark.parametrize("rows_per_match", ["one", "all with unmatched"])
@pytest.mark.slow
def test_they_are_the_texts_of_the_same_measure(keys: dict[str, Any], rows_per_match: Any) -> None:
    for seed in range(4):
        frame = rows(seed)
        arguments: dict[str, Any] = {"pattern": "DOWN+ UP+", "rows_per_match": rows_per_match} | keys
        wanted = recognize(frame, define=TEXTS, measures=SUMS, **arguments)
        for define, measures in ((TEXTS, PANDAS_SUMS), (PANDAS, POLARS_SUMS)):
            found = recognize(frame, define=define, measures=measures, **arguments)
            pd.testing.assert_frame_equal(found, wanted)
        polars = pl.from_pandas(frame)
        as_polars = recognize(polars, define=TEXTS, measures=SUMS, **arguments)
        assert recognize(polars, define=POLARS, measures=POLARS_SUMS, **arguments).equals(as_polars)
        table = polars.to_arrow()
        wanted_table = recognize(table, define=TEXTS, measures=SUMS, **arguments)
        found = recognize(table, define=TEXTS, measures=OF_ARROW_SUMS, **arguments)
        assert found.to_pylist() == wanted_table.to_pylist()
        more: dict[str, Any] = {"double": lambda t: t.price * 2, "name": ibis._.symbol + "!"}
        of_ibis = rowpattern.ibis.recognize(
            ibis.memtable(table), define=TEXTS, measures=SUMS | more, **arguments
        ).to_pyarrow()
        assert sorted(map(str, of_ibis.to_pylist())) == sorted(map(str, wanted_table.to_pylist()))


def test_measures_see_their_partition_in_order_and_may_have_any_type() -> None:
    frame = pd.DataFrame({"k": ["a", "b", "a", "b"], "t": [2, 1, 1, 2], "x": [1, 2, 3, 4]})
    measures: dict[str, Any] = {
        "total": lambda df: df.x.cumsum(),
        "one": lambda _: 7,
        "half": lambda df: df.x / 2 if df.k.iloc[0] == "a" else df.x,
        "day": lambda df: pd.Timestamp("2024-01-01") + pd.to_timedelta(df.t, "D"),
        "lists": lambda df: [[t] for t in df.t],
    }
    found = recognize(frame, pattern="A+", partition_by="k", order_by="t", measures=measures)
    assert list(found.columns) == ["k", *measures]
    assert found["total"].tolist() == [4, 6]
    assert found["one"].tolist() == [7, 7]
    assert found["half"].tolist() == [0.5, 4.0]
    assert found["day"].tolist() == [pd.Timestamp("2024-01-03")] * 2
    assert [list(each) for each in found["lists"]] == [[2], [2]]
    # Later measures may name them: they are columns.
    named: dict[str, Any] = {
        "y": lambda df: df.x * 10,
        "z": "y + 1",
        "s": "sum(Y)",
        "f": "FIRST(y) || '!'",
        "y2": '"y"',
    }
    found = recognize(frame, pattern="A+", partition_by="k", order_by="t", measures=named)
    assert found.to_numpy().tolist() == [["a", 10, 11, 40, "30!", 10], ["b", 40, 41, 60, "20!", 40]]
    # An empty match has no row to read.
    empty = recognize(frame, pattern="B?", define={"B": "false"}, measures={"x": lambda df: df.x})
    assert empty["x"].isna().all()
    nothing = recognize(frame.iloc[:0], pattern="A", measures={"x": lambda df: df.x, "bad": lambda df: df.x.iloc[0]})
    assert (list(nothing.columns), len(nothing), nothing["x"].dtype) == (["x", "bad"], 0, "int64")
    text = str(rowpattern.explain(frame, pattern="A", measures={"x": lambda df: df.x}))
    assert "measure x: computed by the caller's library, over each partition, and read at the last row" in text


def test_measures_of_streams_have_the_type_that_they_have_of_no_rows() -> None:
    frame = pd.DataFrame({"k": ["a", "b"], "x": [1, 3]})
    arguments: dict[str, Any] = {"pattern": "A", "partition_by": "k", "stream": True}
    found = recognize(frame, measures={"x": lambda df: df.x * 2}, **arguments).read_all()
    assert found.to_pylist() == [{"k": "a", "x": 2}, {"k": "b", "x": 6}]
    assert found.schema.field("x").type == pa.int64()
    for measure in (lambda df: df.x / 2 if len(df) else df.x, lambda df: df.x if df.k.iloc[0] else None):
        reader = recognize(frame, measures={"x": measure}, **arguments)
        with pytest.raises(rowpattern.QueryError, match="a value of x does not fit into"):
            reader.read_all()


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
    arguments = ARGUMENTS | {"measures": {"m": price}}
    with pytest.raises(rowpattern.ConfigurationError, match=r"measures\['m'\] is no text"):
        recognize(frame, define=TEXTS, isolation="process", **arguments)
    with pytest.raises(rowpattern.QueryError, match="there is no column m"):
        recognize(frame, define=TEXTS, **ARGUMENTS | {"measures": {"n": "m + 1", "m": price}})
    with pytest.raises(rowpattern.QueryError, match="two columns t; give the measure another name"):
        recognize(frame, order_by="t", **ARGUMENTS | {"measures": {"m": price, "t": price}, "rows_per_match": "all"})
    with pytest.raises(rowpattern.QueryError, match=r"measures\['m'\] gives 1 value for a partition of 5 rows"):
        recognize(frame, define=TEXTS, **ARGUMENTS | {"measures": {"m": lambda _: [1]}})
    either = {"m": lambda df: df.t if df.t.iloc[0] else df.t.astype(str)}
    with pytest.raises(rowpattern.QueryError, match=r"measures\['m'\] gives values of other types"):
        recognize(frame, define=TEXTS, partition_by="t", **ARGUMENTS | {"measures": either})
    with pytest.raises(TypeError, match=r"measures\['m'\] must be an expression as a text, not int; it may also be"):
        recognize(frame, define=TEXTS, **ARGUMENTS | {"measures": {"m": 3}})
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
