"""What a stream reads: files, datasets, scanners, lists and generators; its errors, its progress, its limits."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from rowpattern import ConfigurationError, QueryError, QueryLimitError, match_recognize
from rowpattern.sql.tables.datasets import dataset_batches
from rowpattern.sql.tables.streams import batch_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rowpattern.sql.runtime.context import Progress

SQL = """
    SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY o MEASURES count(*) AS n, LAST(name) AS name
        PATTERN (A B+) DEFINE B AS v > PREV(v))"""


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rows = 20_000
    numbers = np.random.default_rng(1)
    return pa.table(
        {
            "k": numbers.integers(0, 100, rows),
            "o": numbers.permutation(rows),
            "v": numbers.normal(size=rows),
            "name": pa.array([f"n{number}" for number in numbers.integers(0, 50, rows)]),
        }
    )


def expected(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = match_recognize(SQL, table).to_pylist()
    return rows


def parquet(table: pa.Table, place: Path) -> Path:
    path = place / "t.parquet"
    pq.write_table(table, path, row_group_size=3000)
    return path


def arrow_file(table: pa.Table, place: Path) -> Path:
    path = place / "t.arrow"
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=777)
    return path


def directory(table: pa.Table, place: Path) -> Path:
    path = place / "files"
    ds.write_dataset(table, path, format="parquet", max_rows_per_file=5000, max_rows_per_group=1000)
    return path


FORMS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "parquet, path": parquet,
    "parquet, text": lambda table, place: str(parquet(table, place)),
    "arrow": arrow_file,
    "directory": directory,
    "scanner": lambda table, place: ds.dataset(parquet(table, place)).scanner(),
    "scanner of batches": lambda table, _: ds.Scanner.from_batches(iter(table.to_batches()), schema=table.schema),
    "list": lambda table, _: table.to_batches(max_chunksize=999),
    "tuple": lambda table, _: tuple(table.to_batches(max_chunksize=999)),
    "generator": lambda table, _: (batch for batch in table.to_batches(max_chunksize=999)),
    "iterator": lambda table, _: iter(table.to_batches(max_chunksize=999)),
    "dataset in memory": lambda table, _: ds.dataset(table),
    "arrow dataset": lambda table, place: ds.dataset(arrow_file(table, place), format="ipc"),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, table: pa.Table, tmp_path: Path) -> None:
    found = match_recognize(SQL, FORMS[form](table, tmp_path), stream=True).read_all()
    assert found.to_pylist() == expected(table)


def test_columns_of_a_scanner(table: pa.Table, tmp_path: Path) -> None:
    path = parquet(table, tmp_path)
    scanner = ds.dataset(path).scanner(columns=["name", "v", "o", "k"], filter=pc.field("v") > 0)
    wanted = table.filter(pc.field("v") > 0)
    assert match_recognize(SQL, scanner, stream=True).read_all().to_pylist() == expected(wanted)


class TestDatasets:
    """A dataset gives what Arrow's own scanner gives."""

    def same(self, dataset: Any, names: list[str] | None = None) -> None:
        names = names or dataset.schema.names
        schema = pa.schema([dataset.schema.field(name) for name in names])
        found = pa.Table.from_batches(dataset_batches(dataset, names, lambda _: 100), schema)
        wanted = dataset.to_table(columns=names, use_threads=False)
        assert found.schema.equals(wanted.schema)
        assert found.to_pylist() == wanted.to_pylist()

    def test_files(self, table: pa.Table, tmp_path: Path) -> None:
        dataset = ds.dataset(directory(table, tmp_path))
        self.same(dataset)
        self.same(dataset, ["name", "k"])

    @pytest.mark.parametrize("dictionary", [False, True])
    def test_partitions_in_paths(self, dictionary: bool, table: pa.Table, tmp_path: Path) -> None:
        ds.write_dataset(table, tmp_path / "parts", format="parquet", partitioning=["name"], partitioning_flavor="hive")
        partitioning = ds.HivePartitioning.discover(infer_dictionary=dictionary)
        dataset = ds.dataset(tmp_path / "parts", partitioning=partitioning)
        self.same(dataset.replace_schema(dataset.schema))
        self.same(dataset, ["name"])
        self.same(dataset, ["v", "name"])

    def test_files_of_other_columns(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"a": pa.array([1, 2], pa.int32()), "b": ["x", "y"]}), tmp_path / "1.parquet")
        pq.write_table(pa.table({"c": [1.5], "a": pa.array([3], pa.int16())}), tmp_path / "2.parquet")
        schema = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.float64()), ("d", pa.date32())])
        dataset = ds.dataset(tmp_path, schema=schema)
        self.same(dataset)
        self.same(dataset, ["d"])
        self.same(dataset, ["c", "b"])

    def test_filter_and_union(self, table: pa.Table, tmp_path: Path) -> None:
        dataset = ds.dataset(directory(table, tmp_path))
        self.same(dataset.filter(pc.field("v") > 0.5), ["k", "v"])
        self.same(ds.dataset([dataset, ds.dataset(parquet(table, tmp_path))]))

    def test_names_with_dots_and_nested_columns(self, tmp_path: Path) -> None:
        table = pa.table({"a.b": [1, 2], "a": pa.array([{"b": 3}, {"b": 4}]), "l": [[1], [2, 3]]})
        pq.write_table(table, tmp_path / "t.parquet")
        dataset = ds.dataset(tmp_path)
        self.same(dataset)
        self.same(dataset, ["l", "a"])

    def test_some_row_groups(self, table: pa.Table, tmp_path: Path) -> None:
        fragment = next(iter(ds.dataset(parquet(table, tmp_path)).get_fragments())).subset(row_group_ids=[1, 3])
        self.same(ds.FileSystemDataset([fragment], table.schema, ds.ParquetFileFormat(), fragment.filesystem))

    def test_large_row_groups_are_read_in_slices(self, tmp_path: Path) -> None:
        rows = 3_000_000
        pq.write_table(pa.table({"a": range(rows)}), tmp_path / "t.parquet", row_group_size=rows)
        before = pa.total_allocated_bytes()
        batches = dataset_batches(ds.dataset(tmp_path), ["a"], batch_rows)
        most = max(pa.total_allocated_bytes() - before for _ in batches)
        assert most < 8 << 20  # of 24 MB

    def test_long_texts_make_smaller_batches(self, tmp_path: Path) -> None:
        texts = [random.Random(number).randbytes(10_000).hex() for number in range(2_000)]
        pq.write_table(pa.table({"a": texts}), tmp_path / "t.parquet", use_dictionary=False)
        sizes = [batch.nbytes for batch in dataset_batches(ds.dataset(tmp_path), ["a"], batch_rows)]
        assert max(sizes) < 20 << 20
        assert len(sizes) > 2


class TestErrors:
    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(QueryError, match=r"data, the file .*none\.parquet, cannot be read: No such file") as raised:
            match_recognize(SQL, tmp_path / "none.parquet", stream=True)
        assert isinstance(raised.value.__cause__, FileNotFoundError)

    def test_another_format(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("a,b\n1,2\n")
        with pytest.raises(QueryError, match=r"neither a Parquet file nor an Arrow IPC file.*read_csv"):
            match_recognize(SQL, t=str(tmp_path / "t.csv"), stream=True)

    def test_paths_are_not_read_from_the_text(self, table: pa.Table, tmp_path: Path) -> None:
        path = parquet(table, tmp_path)
        with pytest.raises(QueryError):
            match_recognize(SQL.replace("FROM t", f"FROM '{path}'"), t=table, stream=True)

    @pytest.mark.parametrize("stream", [True, "in order"])
    def test_a_damaged_file(self, stream: Any, table: pa.Table, tmp_path: Path) -> None:
        path = parquet(table, tmp_path)
        damaged = bytearray(path.read_bytes())
        damaged[4 : len(damaged) // 2] = bytes(len(damaged) // 2 - 4)
        path.write_bytes(damaged)
        answer = match_recognize(SQL, t=path, stream=stream)
        with pytest.raises(QueryError, match=r"^t cannot be read: ") as raised:
            answer.read_all()
        assert isinstance(raised.value.__cause__, (OSError, pa.ArrowException))

    @pytest.mark.parametrize("stream", [True, "in order"])
    def test_a_relation_that_fails(self, stream: Any) -> None:
        relation = duckdb.sql(
            "SELECT 1 AS k, i AS o, i AS v, CAST('x' || i AS INT)::VARCHAR AS name FROM range(9) t(i)"
        )
        answer = match_recognize(SQL, relation, stream=stream)
        with pytest.raises(QueryError, match=r"^data cannot be read: .*Could not convert string 'x") as raised:
            answer.read_all()
        assert isinstance(raised.value.__cause__, (OSError, duckdb.Error, pa.ArrowException))

    def test_a_lazy_frame_that_fails(self) -> None:
        frame = pl.LazyFrame({"k": ["1"], "o": [1], "v": [1], "name": ["x"]}).with_columns(
            pl.col("name").cast(pl.Int64).cast(pl.String)
        )
        with pytest.raises(QueryError, match=r"^data cannot be read: ") as raised:
            match_recognize(SQL, frame, stream=True).read_all()
        assert type(raised.value.__cause__).__module__.startswith("polars")

    @pytest.mark.parametrize("stream", [True, "in order"])
    @pytest.mark.parametrize("whole", [False, True])
    def test_the_callers_own_errors_come_out_as_they_are(self, stream: Any, whole: bool, table: pa.Table) -> None:
        cause = KeyError("behind")
        error = LookupError("the wire was cut")

        def batches() -> Iterator[pa.RecordBatch]:
            yield table.sort_by([("k", "ascending"), ("o", "ascending")]).to_batches(max_chunksize=100)[0]
            raise error from cause

        source = batches() if whole else pa.RecordBatchReader.from_batches(table.schema, batches())
        with pytest.raises(LookupError, match="the wire was cut") as raised:
            match_recognize(SQL, source, stream=stream).read_all()
        assert raised.value is error
        assert raised.value.__cause__ is cause
        names = []
        trace = raised.value.__traceback__
        while trace is not None:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        assert "batches" in names

    def test_items_that_are_no_batches(self, table: pa.Table) -> None:
        first = table.to_batches()[0]
        with pytest.raises(TypeError, match="data has a dict as item 1"):
            match_recognize(SQL, [first, {}], stream=True)
        with pytest.raises(TypeError, match="data has a dict as item 0"):
            match_recognize(SQL, iter([{}]), stream=True)
        with pytest.raises(TypeError, match="data has a dict as item 1"):
            match_recognize(SQL, iter([first, {}]), stream=True).read_all()
        with pytest.raises(QueryError, match="item 1 of data has other columns or types than the first"):
            match_recognize(SQL, [first, first.select(["k"])], stream=True)
        with pytest.raises(QueryError, match="item 1 of data has other columns or types than the first"):
            match_recognize(SQL, iter([first, first.select(["k"])]), stream=True).read_all()
        with pytest.raises(QueryError, match="data gives no batch"):
            match_recognize(SQL, iter([]), stream=True)

    def test_a_generator_is_read_once(self, table: pa.Table) -> None:
        sql = f"SELECT * FROM ({SQL}) m JOIN t USING (k)"
        with pytest.raises(QueryError, match="can be read once only"):
            match_recognize(sql, t=iter(table.to_batches()), stream=True).read_all()

    def test_a_generator_that_waits_for_ever(self) -> None:
        never = threading.Event()

        def batches() -> Iterator[pa.RecordBatch]:
            never.wait()
            yield pa.record_batch({"k": [1]})

        with pytest.raises(QueryLimitError, match=r"limit of 0\.2 s"):
            match_recognize(SQL, batches(), stream=True, timeout_seconds=0.2)
        never.set()


@pytest.mark.parametrize("limit", [-5, 0, float("nan"), True, "1"])
@pytest.mark.parametrize("name", ["memory_limit_mb", "timeout_seconds"])
def test_limits_are_checked_at_definition(name: str, limit: Any, table: pa.Table) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is .*allowed is a number above 0"):
        match_recognize(SQL, table, stream=True, **{name: limit})


class TestLargestPartition:
    def test_its_key_and_size(self) -> None:
        rows = 2_000_000
        table = pa.table(
            {
                "k": ["few"] * 1000 + ["it's many"] * (rows - 1000),
                "day": [None] * rows,
                "o": range(rows),
                "v": range(rows),
            }
        )
        sql = SQL.replace("PARTITION BY k", "PARTITION BY k, day, length(k) % 2").replace(", LAST(name) AS name", "")
        answer = match_recognize(sql, table, stream=True, memory_limit_mb=60)
        with pytest.raises(QueryLimitError, match="more memory than its limit of 60 MB") as raised:
            answer.read_all()
        message = str(raised.value)
        assert """the partition k = "it's many", day = NULL, """ in message
        assert " = 1, with " in message
        found = int(message.split(", with ", maxsplit=1)[1].split(" rows or more", maxsplit=1)[0].replace(",", ""))
        assert 1000 < found <= rows - 1000

    def test_without_partition_by(self) -> None:
        rows = 2_000_000
        table = pa.table({"o": range(rows), "v": range(rows)})
        sql = SQL.replace("PARTITION BY k", "").replace(", LAST(name) AS name", "")
        with pytest.raises(QueryLimitError, match=r"the one partition of all rows \(there is no PARTITION BY\), with "):
            match_recognize(sql, table, stream=True, memory_limit_mb=40).read_all()


class TestProgress:
    def test_bytes_read_and_sorted(self, table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rowpattern.sql.tables.reading._BETWEEN_REPORTS_SECONDS", 0.0)
        told: list[Progress] = []
        match_recognize(SQL, iter(table.to_batches(max_chunksize=1000)), stream=True, progress=told.append).read_all()
        reads = [each for each in told if each.step == "read" and each.size_bytes is not None]
        assert len(reads) == 21
        assert [each.done for each in reads] == [False] * 20 + [True]
        sizes = [each.size_bytes or 0 for each in reads]
        assert sizes == sorted(sizes)
        assert reads[-1].rows == table.num_rows
        assert abs((reads[-1].size_bytes or 0) / table.nbytes - 1) < 0.1
        sorts = [each for each in told if each.step == "sort"]
        assert [(each.rows, each.done) for each in sorts] == [(0, False), (table.num_rows, True)]
        assert told.index(sorts[0]) < told.index(reads[0])
        assert told.index(reads[-1]) < told.index(sorts[1])

    def test_some_times_a_second(self, table: pa.Table) -> None:
        told: list[Progress] = []
        match_recognize(SQL, iter(table.to_batches(max_chunksize=10)), stream=True, progress=told.append).read_all()
        reads = [each for each in told if each.step == "read" and each.size_bytes is not None]
        assert reads[-1].done
        assert len(reads) <= 2 + 4 * reads[-1].seconds

    def test_large_batches_are_told_in_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rowpattern.sql.tables.reading._BETWEEN_REPORTS_SECONDS", 0.0)
        rows = 1_000_000
        table = pa.table({"k": pa.array(np.arange(rows) % 7), "o": range(rows), "v": range(rows), "name": ["x"] * rows})
        told: list[Progress] = []
        match_recognize(SQL, table, stream=True, progress=told.append).read_all()
        assert len([each for each in told if each.step == "read"]) > 5

    def test_an_error_of_the_caller(self, table: pa.Table) -> None:
        def fail(progress: Progress) -> None:
            if progress.step == "read" and progress.size_bytes is not None:
                raise LookupError("no more")

        with pytest.raises(LookupError, match="no more"):
            match_recognize(SQL, table, stream=True, progress=fail).read_all()
