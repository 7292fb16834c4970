"""Answers that are computed while they are read are those of tables in memory."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from rowpattern import (
    ConfigurationError,
    QueryError,
    QueryLimitError,
    UnsupportedQueryError,
    match_recognize,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("sorted_where")

ROWS = 60_000

SHAPES = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY at DESC NULLS FIRST
        MEASURES FIRST(DOWN.price) AS high, LAST(UP.price) - LAST(DOWN.price) AS gain, sum(DOWN.size) AS sizes,
            MATCH_NUMBER() AS number, CLASSIFIER() AS label
        {rows}
        PATTERN (START DOWN+ UP+)
        DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""


@pytest.fixture(scope="module")
def ticks() -> pa.Table:
    random = np.random.default_rng(3)
    return pa.table(
        {
            "symbol": pa.array(
                [f"s{number}" for number in random.integers(0, 300, ROWS)], mask=random.random(ROWS) < 0.01
            ),
            # Many are equal: such rows keep the order in which they come.
            "at": pa.array(random.integers(0, 1000, ROWS), mask=random.random(ROWS) < 0.01),
            "price": np.round(random.normal(0, 5, ROWS), 1),
            "size": pa.array(random.integers(0, 1000, ROWS), pa.uint16()),
            "kind": pa.array(random.choice(["x", "y"], ROWS)).dictionary_encode(),
            "seen": pa.array(random.integers(0, 10**12, ROWS)).cast(pa.timestamp("ms", "Asia/Tokyo")),
            "fee": pa.array(random.integers(0, 10**6, ROWS)).cast(pa.decimal128(22, 2)),
            "day": pa.array(random.integers(0, 20_000, ROWS).astype(np.int32)).cast(pa.date32()),
        }
    )


def small_batches(table: pa.Table) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.schema, iter(table.to_batches(max_chunksize=777)))


def parquet(table: pa.Table) -> str:
    path = Path(tempfile.mkdtemp()) / "ticks.parquet"
    pq.write_table(table, path, row_group_size=5000)
    return str(path)


class Exports:
    """Has nothing but Arrow's stream interface."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


SOURCES: dict[str, Callable[[pa.Table], Any]] = {
    "table": lambda table: table,
    "reader": small_batches,
    "relation": duckdb.from_arrow,
    "relation of a file": lambda table: duckdb.read_parquet(parquet(table)),
    "dataset": lambda table: ds.dataset(parquet(table)),
    "frame": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "lazy": lambda table: pl.scan_parquet(parquet(table)),
    "exports": Exports,
}


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with values in place of indices: equal values can have other dictionaries."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def same_rows(found: pa.Table, wanted: pa.Table) -> bool:
    """Whether tables have the same values, by Arrow where it can: 60,000 rows are long lists."""
    return found.column_names == wanted.column_names and all(
        ours.equals(theirs) if ours.type == theirs.type else ours.to_pylist() == theirs.to_pylist()
        for ours, theirs in zip(map(decoded, found.columns), map(decoded, wanted.columns))
    )


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH WITH UNMATCHED ROWS"])
@pytest.mark.parametrize("source", SOURCES)
def test_every_source(source: str, rows: str, ticks: pa.Table) -> None:
    sql = SHAPES.format(rows=rows)
    local = match_recognize(sql, ticks)
    answer = match_recognize(sql, SOURCES[source](ticks), stream=True, memory_limit_mb=200)
    assert isinstance(answer, pa.RecordBatchReader)
    found = answer.read_all()
    assert same_rows(found, local)
    if source in {"table", "reader", "exports"}:
        assert found.schema.types == local.schema.types


def test_in_small_pieces(ticks: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks of one partition or two.
    monkeypatch.setattr("rowpattern.sql.execute.stream_batches._MOST_BLOCK_BYTES", 20_000)
    monkeypatch.setattr("rowpattern.sql.tables.streams._BATCH_BYTES", 1)
    sql = SHAPES.format(rows="ALL ROWS PER MATCH")
    batches = list(match_recognize(sql, ticks, stream=True))
    assert len(batches) > 50
    assert same_rows(pa.Table.from_batches(batches), match_recognize(sql, ticks))


def test_what_is_around_the_clause(ticks: pa.Table) -> None:
    names = pa.table({"symbol": ["s1", "s2", "s3"], "name": ["one", "two", "three"]})
    sql = f"""
        WITH shapes AS ({SHAPES.format(rows="")})
        SELECT name, count(*) AS shapes, sum(sizes) AS sizes, max(gain) AS gain
        FROM shapes JOIN names USING (symbol) GROUP BY ALL ORDER BY name"""
    found = match_recognize(sql, ticks=small_batches(ticks), names=names, stream=True).read_all()
    assert found.equals(match_recognize(sql, ticks=ticks, names=names))
    assert found.num_rows == 3


def test_a_subquery_before_the_clause(ticks: pa.Table) -> None:
    sql = """
        SELECT symbol, n FROM (SELECT symbol, "at", seen, price * 2 AS twice FROM ticks WHERE size > 100)
        MATCH_RECOGNIZE (
            PARTITION BY symbol ORDER BY at, seen MEASURES count(*) AS n
            PATTERN (A B+) DEFINE B AS twice > PREV(twice))"""
    found = match_recognize(sql, small_batches(ticks), stream=True).read_all()
    assert found.to_pylist() == match_recognize(sql, ticks).to_pylist()


def test_keys_that_are_computed(ticks: pa.Table) -> None:
    sql = """
        SELECT * FROM ticks MATCH_RECOGNIZE (
            PARTITION BY date_trunc('year', day), size % 3 ORDER BY lower(symbol), at
            MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS price > PREV(price))"""
    found = match_recognize(sql, ticks, stream=True).read_all()
    assert found.to_pylist() == match_recognize(sql, ticks).to_pylist()


def test_one_partition(ticks: pa.Table) -> None:
    sql = SHAPES.format(rows="").replace("PARTITION BY symbol", "")
    assert match_recognize(sql, ticks, stream=True).read_all().to_pylist() == match_recognize(sql, ticks).to_pylist()


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH"])
def test_no_rows(rows: str, ticks: pa.Table) -> None:
    found = match_recognize(SHAPES.format(rows=rows), ticks.slice(0, 0), stream=True)
    assert found.schema.equals(match_recognize(SHAPES.format(rows=rows), ticks).schema)
    assert found.read_all().num_rows == 0


class TestInOrder:
    SQL = SHAPES.format(rows="")

    def in_order(self, ticks: pa.Table) -> pa.Table:
        order = 'symbol ASC NULLS LAST, "at" DESC NULLS FIRST'
        ordered: pa.Table = duckdb.from_arrow(ticks).order(order).to_arrow_table()
        return ordered

    def test_rows_are_not_sorted(self, ticks: pa.Table) -> None:
        ordered = self.in_order(ticks)
        found = match_recognize(self.SQL, small_batches(ordered), stream="in order").read_all()
        assert found.to_pylist() == match_recognize(self.SQL, ordered).to_pylist()

    def test_the_answer_begins_before_the_rows_end(self, ticks: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rowpattern.sql.execute.stream_batches._MOST_BLOCK_BYTES", 100_000)
        ordered, read = self.in_order(ticks), [0]

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in ordered.to_batches(max_chunksize=1000):
                read[0] += batch.num_rows
                yield batch

        answer = match_recognize(
            self.SQL, pa.RecordBatchReader.from_batches(ordered.schema, batches()), stream="in order"
        )
        assert answer.read_next_batch().num_rows > 0
        assert read[0] < ROWS / 4

    def test_nothing_is_written(self, ticks: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
        assert match_recognize(self.SQL, self.in_order(ticks), stream="in order").read_all().num_rows > 0

    @pytest.mark.parametrize("at", [0, 776, 777, 30_000, ROWS - 1])
    def test_a_row_out_of_order(self, at: int, ticks: pa.Table) -> None:
        # One row, moved to the other end: within a batch, and between two.
        ordered = self.in_order(ticks)
        moved = pa.concat_tables([ordered.slice(0, at), ordered.slice(at + 1)])
        moved = pa.concat_tables([moved, ordered.slice(at, 1)] if at < ROWS / 2 else [ordered.slice(at, 1), moved])
        answer = match_recognize(self.SQL, small_batches(moved), stream="in order")
        with pytest.raises(QueryError, match="not in the order of PARTITION BY and ORDER BY"):
            answer.read_all()


def test_a_partition_that_does_not_fit(ticks: pa.Table) -> None:
    sql = SHAPES.format(rows="").replace("PARTITION BY symbol", "")
    large = pa.concat_tables([ticks] * 40)
    answer = match_recognize(sql, large, stream=True, memory_limit_mb=100)
    with pytest.raises(QueryLimitError, match="more memory than its limit"):
        answer.read_all()


def test_rows_are_read_once() -> None:
    table = pa.table({"a": [1, 2, 3], "b": [1, 1, 1]})
    clause = "MATCH_RECOGNIZE (PARTITION BY b ORDER BY a MEASURES X.a AS x PATTERN (X))"
    twice = f"SELECT * FROM (SELECT * FROM t UNION ALL SELECT * FROM t) {clause}"
    with pytest.raises(UnsupportedQueryError, match=r"reads t once only"):
        match_recognize(twice, small_batches(table), stream=True)
    both = f"SELECT * FROM t {clause} m JOIN t USING (b)"
    assert match_recognize(both, t=table, stream=True).read_all().num_rows == 9
    with pytest.raises(QueryError, match="can be read once only"):
        match_recognize(both, t=small_batches(table), stream=True).read_all()


def test_a_table_in_the_subquery_and_around_it() -> None:
    table = pa.table({"a": [1, 2, 3], "b": [1, 1, 2]})
    sql = """
        SELECT x, t.a FROM (SELECT * FROM t WHERE a > 1) MATCH_RECOGNIZE (
            PARTITION BY b ORDER BY a MEASURES X.a AS x PATTERN (X)) m JOIN t USING (b) ORDER BY ALL"""
    assert (
        match_recognize(sql, t=table, stream=True).read_all().to_pylist() == match_recognize(sql, t=table).to_pylist()
    )
    with pytest.raises(QueryError, match="can be read once only"):
        match_recognize(sql, t=small_batches(table), stream=True).read_all()


def test_two_clauses() -> None:
    clause = "MATCH_RECOGNIZE (PARTITION BY b MEASURES X.a AS a PATTERN (X))"
    with pytest.raises(UnsupportedQueryError, match="one MATCH_RECOGNIZE"):
        match_recognize(f"SELECT * FROM t {clause} {clause}", pa.table({"a": [1], "b": [1]}), stream=True)


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigurationError, match="stream is 'sorted'"):
        match_recognize("SELECT 1", pa.table({"a": [1]}), stream="sorted")  # type: ignore[call-overload]
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a PATTERN (X))"
    with pytest.raises(TypeError, match="is a list"):
        match_recognize(sql, [1], stream=True)


def test_what_is_wrong_with_names_is_said_at_once(ticks: pa.Table) -> None:
    with pytest.raises(QueryError, match="did you mean price"):
        match_recognize(SHAPES.format(rows="").replace("PREV(price)", "PREV(prise)"), ticks, stream=True)


def test_what_is_wrong_with_rows_is_raised_by_reading(ticks: pa.Table) -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY symbol MEASURES CAST(A.symbol AS INT) AS e PATTERN (A))"
    answer = match_recognize(sql, ticks, stream=True)
    with pytest.raises(QueryError, match=r"measure e: .*Could not convert"):
        answer.read_all()


def test_a_source_that_fails(ticks: pa.Table) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from ticks.to_batches(max_chunksize=1000)[:3]
        raise RuntimeError("the wire was cut")

    reader = pa.RecordBatchReader.from_batches(ticks.schema, batches())
    with pytest.raises(RuntimeError, match=r"^the wire was cut$"):
        match_recognize(SHAPES.format(rows=""), reader, stream=True).read_all()


def test_sums_that_outgrow_the_column() -> None:
    table = pa.table({"a": [2**62, 2**62, 1], "b": [1, 1, 2]})
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY b MEASURES sum(a) AS s PATTERN (X+))"
    with pytest.raises(QueryError, match="a value of s does not fit into int64"):
        match_recognize(sql, table, stream=True).read_all()
    cast = sql.replace("sum(a)", "sum(a)::DOUBLE")
    assert match_recognize(cast, table, stream=True).read_all()["s"].to_pylist() == [2.0**63, 1.0]


def test_time_counts_while_the_query_works(ticks: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rowpattern.sql.execute.stream_batches._MOST_BLOCK_BYTES", 300_000)
    answer = match_recognize(SHAPES.format(rows=""), ticks, stream=True, timeout_seconds=3)
    rows = answer.read_next_batch().num_rows
    time.sleep(3.2)
    assert sum(batch.num_rows for batch in answer) + rows == match_recognize(SHAPES.format(rows=""), ticks).num_rows
    with pytest.raises(QueryLimitError, match=r"limit of 0\.001 s"):
        match_recognize(SHAPES.format(rows=""), ticks, stream=True, timeout_seconds=0.001).read_all()


def test_nothing_stays_behind(
    ticks: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sorted_where: str
) -> None:
    monkeypatch.setattr("rowpattern.sql.execute.stream_batches._MOST_BLOCK_BYTES", 100_000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = match_recognize(SHAPES.format(rows=""), ticks, stream=True)
    answer.read_next_batch()
    assert bool(list(tmp_path.iterdir())) == (sorted_where != "in memory")
    # Given up in the middle.
    del answer
    gc.collect()
    assert not list(tmp_path.iterdir())
    match_recognize(SHAPES.format(rows=""), ticks, stream=True).read_all()
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Sorting this takes minutes.
    endless = duckdb.sql(
        "SELECT hash(i) % 1000 AS symbol, hash(i + 1) AS at, i AS price, 1 AS size FROM range(10_000_000_000) t(i)"
    )
    answer = match_recognize(SHAPES.format(rows=""), endless, stream=True, memory_limit_mb=300)
    timer = threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        answer.read_all()
    timer.join()
    del answer
    gc.collect()
    # What DuckDB was doing ends in the background, and then goes.
    until = time.monotonic() + 20
    while list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(tmp_path.iterdir())


def test_rows_that_are_wider_than_they_seem() -> None:
    # DuckDB gives as many rows at once as would fit if texts were short; a block that large did not fit.
    count = 150_000
    order = np.random.default_rng(0).permutation(count)
    table = pa.table({"k": order % 1000, "o": order, "text": ["x" * 100] * count})
    query = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES max(text) AS m PATTERN (A+))"
    answer = match_recognize(query, table, stream=True, memory_limit_mb=64, threads=1)
    assert answer.read_all().num_rows == 1000
