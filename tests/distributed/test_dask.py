"""rowpattern.dask on a real cluster of two worker processes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from typing import TYPE_CHECKING, Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from distributed import Client, LocalCluster

import rowpattern
from rowpattern import dask as rowpattern_dask

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY at DESC
        MEASURES FIRST(DOWN.price) AS high, LAST(UP.price) - LAST(DOWN.price) AS gain, MATCH_NUMBER() AS number,
            CLASSIFIER() AS label
        {rows}
        PATTERN (START DOWN+ UP+)
        DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price) AND price > FIRST(DOWN.price) - 3)"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def ticks() -> pd.DataFrame:
    random = np.random.default_rng(3)
    count = 20_000
    return pd.DataFrame(
        {
            "symbol": [f"s{number}" for number in random.integers(0, 97, count)],
            "at": random.permutation(count),
            "price": np.round(random.normal(0, 5, count), 1),
            "kind": pd.Categorical(random.choice(["x", "y"], count)),
            "seen": pd.Timestamp("2026-01-01", tz="Asia/Tokyo")
            + pd.to_timedelta(random.integers(0, 10**6, count), unit="s"),
        }
    )


@pytest.mark.usefixtures("client")
def test_expressions_over_a_row_and_where_are_spread(ticks: pd.DataFrame) -> None:
    query = SHAPES.format(rows="").replace("SELECT *", "SELECT symbol || '!' AS name, gain * 2 AS twice, number")
    query += " AS m WHERE m.gain > 2 AND number % 2 = 1"
    wanted = rowpattern.match_recognize(query, ticks)
    found = rowpattern_dask.match_recognize(query, dd.from_pandas(ticks, npartitions=5)).compute()
    columns = ["name", "number"]
    pd.testing.assert_frame_equal(
        found.sort_values(columns, ignore_index=True),
        wanted.sort_values(columns, ignore_index=True),
        check_dtype=False,
    )
    assert len(wanted) > 100


AROUND = """ticks MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY at
    MEASURES FIRST(price) AS price, LAST(seen) - FIRST(seen) AS took, LAST(seen) AS ended, count(*) AS n,
        LAST(kind) AS kind
    PATTERN (START DOWN+) DEFINE DOWN AS price < PREV(price))"""


@pytest.mark.parametrize(
    ("query", "parameters", "partitions"),
    [
        (
            f"SELECT symbol, count(*) AS c, sum(n) FROM {AROUND} AS m WHERE n > 2 GROUP BY m.symbol HAVING c > 9",
            None,
            5,
        ),
        (f"SELECT kind, SYMBOL, max(ended) FROM {AROUND} GROUP BY kind, ticks.symbol", None, 5),
        (f"SELECT count(*), sum(n), avg(price), min(took), max(ended), mode(n), max(kind) FROM {AROUND}", None, 1),
        (f"SELECT upper(symbol) AS symbol, count(*) FROM {AROUND} GROUP BY 1 ORDER BY 1", None, 1),
        (f"SELECT symbol, n FROM {AROUND} GROUP BY ROLLUP (symbol, n) ORDER BY ALL", None, 1),
        (f"SELECT symbol, took, ended, kind FROM {AROUND} ORDER BY n DESC, price, ended LIMIT 9 OFFSET 1", None, 1),
        (f"SELECT DISTINCT kind, n + ? AS n FROM {AROUND.replace('< P', '< ? + P')} LIMIT ?", [1, 0, 99], 1),
        (f"SELECT symbol, sum(n) OVER w FROM {AROUND} WINDOW w AS (PARTITION BY kind ORDER BY ended, symbol)", None, 1),
        (f"WITH m AS (FROM {AROUND}) SELECT a.n, count(*) FROM m AS a JOIN m USING (took) GROUP BY a.n", None, 1),
        (f"SELECT n, (SELECT $a::INT) AS a FROM {AROUND} WHERE price > $b", {"a": 1, "b": 3}, 1),
        (f"FROM {AROUND} |> AGGREGATE sum(n) AS n GROUP BY kind |> WHERE n > 3", None, 1),
        (f"SELECT count(*), max(price) FROM {AROUND} WHERE n > 1000", None, 1),
        (f"SELECT symbol, count(*) FROM {AROUND.replace('price < ', 'false AND price < ')} GROUP BY symbol", None, 5),
    ],
)
@pytest.mark.usefixtures("client")
def test_what_is_around_a_clause(ticks: pd.DataFrame, query: str, parameters: Any, partitions: int) -> None:
    wanted = rowpattern.match_recognize(query, ticks, parameters=parameters)
    answer = rowpattern_dask.match_recognize(query, dd.from_pandas(ticks, npartitions=5), parameters=parameters)
    assert answer.npartitions == partitions
    found = answer.compute()
    assert dict(found.dtypes) == dict(answer.dtypes)
    # Categories that are computed are texts, as elsewhere on Dask.
    texts = {name: object for name in wanted if isinstance(wanted[name].dtype, pd.CategoricalDtype)}
    found, wanted = (each.reset_index(drop=True).astype(texts) for each in (found, wanted))
    if not any(order in query for order in ("ORDER BY ALL", "ORDER BY 1", "LIMIT 9")):
        found, wanted = (each.sort_values(list(each.columns), ignore_index=True) for each in (found, wanted))
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH"])
def test_the_answer_is_that_of_one_machine(client: Client, ticks: pd.DataFrame, rows: str) -> None:
    sql = SHAPES.format(rows=rows)
    frame = dd.from_pandas(ticks, npartitions=7)
    answer = rowpattern_dask.match_recognize(sql, frame)
    # As Dask has it: it gives texts a type of its own.
    local = rowpattern.match_recognize(sql, frame.compute())
    by = ["symbol", "number", *(["at"] if "at" in local else [])]

    def in_order(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sort_values(by).reset_index(drop=True)

    assert len(local) > 1000
    found = answer.compute()
    # A column that is computed has the dtype that can hold NULL.
    local = local.astype({"number": "Int64"})
    pd.testing.assert_frame_equal(in_order(found), in_order(local))
    assert list(answer.dtypes) == list(local.dtypes) == list(found.dtypes)

    def sizes() -> tuple[int, Any]:
        from rowpattern.pattern_cache import get_cache_stats

        return os.getpid(), get_cache_stats()["size"]

    # Each worker has a cache of its own.
    seen = dict(client.run(sizes).values())
    assert len(seen) == 2
    assert os.getpid() not in seen
    # The pattern; plans have a cache of their own.
    assert min(seen.values()) >= 1


def test_the_longest_match_within_a_length(ticks: pd.DataFrame) -> None:
    sql = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY at MEASURES count(*) AS n
        PATTERN (A | A B{1,9} C) WITHIN 900 DEFINE B AS B.price > A.price)"""
    frame = dd.from_pandas(ticks[:5000], npartitions=3)
    local = rowpattern.match_recognize(sql, ticks[:5000], prefer="longest")
    with alone():
        found = rowpattern_dask.match_recognize(sql, frame, prefer="longest").compute()
    assert sorted(zip(found["symbol"], found["n"])) == sorted(zip(local["symbol"], local["n"]))
    assert set(local["n"]) > {1, 3, 4}


def test_what_cannot_be_spread(ticks: pd.DataFrame) -> None:
    with pytest.raises(rowpattern.UnsupportedQueryError, match="without PARTITION BY cannot be spread"):
        rowpattern_dask.match_recognize(
            SHAPES.format(rows="").replace("PARTITION BY symbol", ""), dd.from_pandas(ticks, npartitions=2)
        )
    for query, message in [
        (f"SELECT count(*) FROM {AROUND} JOIN other USING (symbol)", "reads the table other; join the answer to it"),
        (f"SELECT count(*) FROM {AROUND.replace('ticks', '(FROM ticks)')}", "do what else is before it"),
        (f"SELECT count(*) FROM {AROUND}, (FROM {AROUND})", "answer an inner clause first"),
        (f"SELECT nope, count(*) FROM {AROUND} GROUP BY nope", '"nope" not found'),
    ]:
        with pytest.raises(rowpattern.QueryError, match=message):
            rowpattern_dask.match_recognize(query, dd.from_pandas(ticks, npartitions=2))


def alone() -> Any:
    """Compute in this thread, whether there is a cluster or not."""
    return dask.config.set({"scheduler": "synchronous", "dataframe.shuffle.method": "tasks"})


def from_parts(*parts: pd.DataFrame) -> Any:
    """Return a Dask frame of these partitions, of which the first says what all hold."""
    return dd.from_map(lambda at: parts[at], range(len(parts)), meta=parts[0].iloc[:0])


COUNT = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES count(*) AS n PATTERN (A+))"


def counts(frame: Any) -> dict[Any, int]:
    """Return how many rows each partition has; one that is in two places fails."""
    with alone():
        answer = rowpattern_dask.match_recognize(COUNT, frame).compute()
    keys = [None if pd.isna(key) else key for key in answer["k"]]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, answer["n"]))


def part(keys: Any, dtype: Any) -> pd.DataFrame:
    return pd.DataFrame({"k": pd.Series(keys, dtype=dtype), "o": range(len(keys))})


def test_equal_keys_meet_whatever_is_beside_them() -> None:
    booleans = [[True, False, True], [True, None, False], [False, False], [None, True]]
    for dtype in ("bool[pyarrow]", "boolean"):
        assert counts(from_parts(*(part(keys, dtype) for keys in booleans))) == {True: 4, False: 4, None: 2}
    parts = [[0.0, 1.5, float("nan")], [-0.0, 1.5], [None, -0.0]]
    assert counts(from_parts(*(part(keys, "float64") for keys in parts))) == {0.0: 3, 1.5: 2, None: 2}
    # Whole numbers that a partition with NULL holds as real ones.
    parts_of_both = [part([1, 2], "int64"), part([1.0, None], "float64"), part([2, None], "Int64")]
    frame = dd.from_map(lambda at: parts_of_both[at], range(3), meta=part([], "Int64"))
    assert counts(frame) == {1: 2, 2: 2, None: 2}
    texts = [
        part(["x", "y"], "str"),
        part(["y", None], "string[pyarrow]"),
        part(["x"], object),
        part(["y"], "category"),
    ]
    assert counts(from_parts(*texts)) == {"x": 2, "y": 3, None: 1}
    categories = [part(["x", "y"], pd.CategoricalDtype(["x", "y"])), part(["y", None], pd.CategoricalDtype(["y", "z"]))]
    frame = dd.from_map(lambda at: categories[at], range(2), meta=part([], pd.CategoricalDtype(["x", "y", "z"])))
    assert counts(frame) == {"x": 1, "y": 2, None: 1}


def test_rows_that_are_equal_in_order_by_keep_the_frames_order(client: Client) -> None:  # noqa: ARG001
    random = np.random.default_rng(2)
    ticks = pd.DataFrame({"k": random.integers(0, 5, 5000), "o": random.integers(0, 4, 5000), "x": np.arange(5000)})
    sql = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES FIRST(x) AS a, LAST(x) AS b
        PATTERN (UP+ DOWN) DEFINE UP AS x > PREV(x), DOWN AS x < PREV(x))"""
    local = rowpattern.match_recognize(sql, ticks)
    assert len(local) > 10
    for where in (contextlib.nullcontext, alone):
        with where():
            found = rowpattern_dask.match_recognize(sql, dd.from_pandas(ticks, npartitions=9)).compute()
        found = found.sort_values(["k", "a"]).reset_index(drop=True)
        wanted = local.sort_values(["k", "a"]).reset_index(drop=True)
        pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


def test_meta_is_what_comes() -> None:
    # In some partitions of Dask a measure is NULL, and in others never.
    ticks = pd.DataFrame({"k": [1, 1, 2, 3, 3], "o": range(5), "x": [2**60 + 1, 2, 3, 4, 5]})
    ticks["day"] = pd.Series([dt.date(2024, 1, 1 + at) for at in range(5)], dtype=pd.ArrowDtype(pa.date32()))
    sql = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES FIRST(A.x) AS a, LAST(B.x) AS b,
            LAST(B.day) AS day, LAST(B.x) > 3 AS more, count(*) AS n, LAST(day) + 1 AS later, o - o AS zero
        PATTERN (A B?))"""
    with alone():
        answer = rowpattern_dask.match_recognize(sql, dd.from_pandas(ticks, npartitions=4))
        for piece in answer.to_delayed():
            assert list(piece.compute().dtypes) == list(answer.dtypes)
        found = answer.compute().sort_values("k").reset_index(drop=True)
    assert found["a"].tolist() == [2**60 + 1, 3, 4]
    assert found["b"].isna().tolist() == [False, True, False]
    assert found["day"][0] == dt.date(2024, 1, 2)


def test_a_column_of_objects_that_are_no_texts_is_said() -> None:
    dates = pd.DataFrame({"k": [1], "o": [1], "day": [dt.date(2024, 1, 1)]})
    sql = COUNT.replace("count(*)", "LAST(day)")
    # By default Dask makes texts of them itself.
    with dask.config.set({"dataframe.convert-string": False}), alone():
        answer = rowpattern_dask.match_recognize(sql, dd.from_pandas(dates, npartitions=1))
        with pytest.raises(rowpattern.QueryError, match=r"column day has .*date32"):
            answer.compute()


def test_what_is_no_frame_and_no_limit(ticks: pd.DataFrame) -> None:
    with pytest.raises(TypeError, match=r"data is a pandas\.DataFrame; give a Dask frame"):
        rowpattern_dask.match_recognize(COUNT, ticks)
    frame = from_parts(part([1], "int64"))
    with pytest.raises(rowpattern.ConfigurationError, match="memory_limit_mb is -5"):
        rowpattern_dask.match_recognize(COUNT, frame, memory_limit_mb=-5)


def test_names_that_are_no_texts() -> None:
    frame = dd.from_pandas(pd.DataFrame([[1, 2], [1, 3]]), npartitions=2)
    sql = """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY "0" ORDER BY "1" MEASURES count(*) AS n, LAST("1") AS last PATTERN (A+))"""
    with alone():
        assert rowpattern_dask.match_recognize(sql, frame).compute().to_numpy().tolist() == [[1, 2, 3]]


ARGUMENTS: dict[str, Any] = {
    "partition_by": "symbol",
    "order_by": "at DESC",
    "pattern": "START DOWN{1,$most} UP+",
    "define": {"DOWN": "price < PREV(price)", "UP": "price > PREV(price) AND price > FIRST(DOWN.price) - $most"},
    "measures": {"high": "FIRST(DOWN.price)", "number": "MATCH_NUMBER()"},
}


@pytest.mark.usefixtures("client")
def test_the_clause_without_sql_text(ticks: pd.DataFrame) -> None:
    frame = dd.from_pandas(ticks, npartitions=5)
    found = rowpattern_dask.recognize({"ticks": frame}, **ARGUMENTS, parameters={"most": 2}).compute()
    wanted = rowpattern.recognize(ticks, **ARGUMENTS, parameters={"most": 2})
    by = ["symbol", "number"]
    found, wanted = (each.sort_values(by).reset_index(drop=True)[[*by, "high"]] for each in (found, wanted))
    assert len(wanted) > 1000
    assert found.to_numpy().tolist() == wanted.to_numpy().tolist()


def test_what_the_clause_without_sql_text_cannot_be(ticks: pd.DataFrame) -> None:
    frame = dd.from_pandas(ticks.head(10), npartitions=1)
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"define": {"UP": lambda _: True}}, rowpattern.UnsupportedQueryError, "other machines are sent texts only"),
        ({"partition_by": None}, rowpattern.UnsupportedQueryError, "without PARTITION BY cannot be spread"),
        ({"stream": True}, TypeError, "there is no argument stream; the parts of a clause are"),
        ({"measures": {"m": "nothing + $most"}}, rowpattern.QueryError, r'measures\["m"\], line 1, column 1'),
    ]
    for changed, kind, message in cases:
        with pytest.raises(kind, match=message):
            rowpattern_dask.recognize(frame, **ARGUMENTS | changed, parameters={"most": 2})
    with pytest.raises(rowpattern.QueryError, match=r"no value for the parameter \$most"):
        rowpattern_dask.recognize(frame, **ARGUMENTS)
