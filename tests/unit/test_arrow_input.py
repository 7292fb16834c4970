"""Arrow data and Python buffers from outside: malformed ones are refused, valid ones of every form answered."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pytest

import rowpattern
from rowpattern import RowsError, match_recognize

from arrow_cases import Array, Node, Stream

CASES = int(os.environ.get("ROWPATTERN_ARROW_CASES", "3000"))
AB = rowpattern.compile("A+ B")
QUERY = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES LAST(A.x) AS x PATTERN (A) DEFINE A AS x >= '')"


def _text(data: bytes, offsets: list[int]) -> pa.Array:
    """Arrow text of any bytes, as pyarrow makes it without a word."""
    buffer = pa.py_buffer(struct.pack(f"{len(offsets)}i", *offsets))
    return pa.StringArray.from_buffers(len(offsets) - 1, buffer, pa.py_buffer(data))


NOT_UTF8 = _text(b"A\xffB", [0, 1, 2, 3])


def _given(rows: object) -> Any:
    """Give rows that no type says are rows."""
    return rows


@pytest.mark.parametrize("part", range(4))
def test_generated_cases(part: int, tmp_path: Path) -> None:
    # In a process of its own: a crash is a failure that names its case.
    place = tmp_path / "case"
    place.write_bytes(bytes(8))
    count = CASES // 4
    command = [
        sys.executable,
        str(Path(__file__).parents[1] / "helpers" / "arrow_cases.py"),
        str(part * count),
        str(count),
        str(place),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (case,) = struct.unpack("q", place.read_bytes())
    assert done.returncode == 0, f"ended with {done.returncode} at case {case}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "labels",
    [
        NOT_UTF8,
        pa.chunked_array([pa.array(["A"]), NOT_UTF8.slice(1)]),
        NOT_UTF8.cast(pa.binary()).view(pa.binary()).cast(pa.large_binary()).view(pa.large_string()),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), NOT_UTF8),
    ],
    ids=["string", "chunks", "large", "dictionary"],
)
def test_text_that_is_not_utf8_names_the_row(labels: Any) -> None:
    with pytest.raises(RowsError, match=r"labels.*(row|place) 1.*UTF-8"):
        AB.match(labels)


@pytest.mark.parametrize("keys", [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64()])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view()])
def test_labels_of_every_encoding(keys: pa.DataType, text: pa.DataType) -> None:
    plain = pa.array(["A", "A", "B", None, "a", "b"]).cast(text)
    dictionary = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1, None, 0, 1], keys), pa.array(["A", "B"]).cast(text))
    for labels in (plain, dictionary, pa.chunked_array([plain.slice(0, 2), plain.slice(2)])):
        spans = AB.spans(labels)
        assert [spans[at] for at in range(len(spans))] == [(0, 3), (4, 6)]


def test_runs_of_booleans_labels_and_numbers() -> None:
    truths, numbers = pa.array([True] * 5 + [None] + [False] * 3), pa.array([3, 3, 3])
    runs = pc.run_end_encode(truths)
    only = rowpattern.compile("A+")
    assert only.spans({"A": runs})[0] == (0, 5)
    assert only.spans({"A": runs.slice(3)})[0] == (0, 2)
    assert only.count({"A": runs}, partitions=("counts", pc.run_end_encode(numbers))) == 2
    assert AB.spans(pc.run_end_encode(pa.array(["A", "A", "B"])))[0] == (0, 3)


def test_null_records_are_null_in_every_column() -> None:
    record = pa.StructArray.from_arrays(
        [pa.array([True, True, True])], names=["A"], mask=pa.array([False, True, False])
    )
    spans = rowpattern.compile("A+").spans(record)
    assert [spans[at] for at in range(len(spans))] == [(0, 1), (2, 3)]


def test_a_capsule_is_used_once() -> None:
    class Once:
        def __init__(self, source: Any, method: str) -> None:
            self.exported = getattr(source, method)()
            setattr(type(self), method, lambda self, requested_schema=None: self.exported)  # noqa: ARG005

    array = type("Array", (Once,), {})(pa.array(["A", "B"]), "__arrow_c_array__")
    stream = type("Stream", (Once,), {})(pa.chunked_array([["A", "B"]]), "__arrow_c_stream__")
    for labels in (array, stream):
        assert AB.count(labels) == 1
        with pytest.raises(RowsError, match="released"):
            AB.count(labels)


def _labels(labels: str) -> Node:
    data = labels.encode()
    return Node(b"u", len(data), [None, struct.pack(f"{len(data) + 1}i", *range(len(data) + 1)), data])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fail_at": 1, "error": b"the disk is gone"}, "the disk is gone"),
        ({"fail_at": 0, "error": b"\xff"}, "its producer failed"),
        ({"fail_at": 0}, "Input/output error"),
        ({"lies": ("get_next",)}, "get_next"),
        ({"lies": ("get_schema",)}, "get_schema"),
        ({"lies": ("release",)}, "released"),
        ({"lies": ("get_last_error",), "fail_at": 0}, "Input/output error"),
    ],
)
def test_streams_that_fail(options: dict[str, Any], message: str) -> None:
    nodes = [_labels("AAB"), _labels("AB")]
    with pytest.raises(RowsError, match=message):
        AB.count(_given(Stream(nodes, nodes[0], **options)))


def test_an_array_of_a_stream_that_does_not_fit_names_its_row() -> None:
    wrong = Node(b"b", 1, [None, b"\0"])
    with pytest.raises(RowsError, match="array 1 of its stream, from row 3 on: it has 2 buffers"):
        AB.count(_given(Stream([_labels("AAB"), wrong], _labels(""))))


def test_a_producer_whose_threads_need_python(tmp_path: Path) -> None:
    # Such a stream was drained while the interpreter was held.
    rows = 210_000
    truths = np.arange(rows) % 3 != 2
    table = pa.table({"A": truths, "B": ~truths})
    for number in range(4):
        pyarrow.parquet.write_table(table, tmp_path / f"{number}.parquet", row_group_size=20_000)

    files = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fsspec.filesystem("file")))
    dataset = pyarrow.dataset.dataset(str(tmp_path), filesystem=files, format="parquet")
    assert AB.count(dataset.scanner(use_threads=True).to_reader()) == 4 * rows // 3


def test_a_producer_that_is_a_python_generator() -> None:
    schema = pa.schema([("A", pa.bool_()), ("B", pa.bool_())])
    batch = pa.record_batch([[True, True, False], [False, False, True]], schema=schema)
    assert AB.count(pa.RecordBatchReader.from_batches(schema, (batch for _ in range(7)))) == 7

    def fails() -> Any:
        yield batch
        raise OSError("no such tape")

    with pytest.raises(RowsError, match="no such tape"):
        AB.count(pa.RecordBatchReader.from_batches(schema, fails()))


@pytest.mark.parametrize("pause", [0.01, 30], ids=["between batches", "while the producer blocks"])
def test_ctrl_c_ends_the_draining(pause: float) -> None:
    wake = threading.Event()
    begun: list[float] = []

    def before_next() -> None:
        if not begun:
            begun.append(time.monotonic())
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        wake.wait(pause)

    nodes = [_labels("AB") for _ in range(1000)]
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            AB.count(_given(Stream(nodes, nodes[0], before_next=before_next)))
        assert time.monotonic() - begun[0] < 3
    finally:
        wake.set()
        signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize("kind", ["i1", "u1", "<i2", ">i2", ">u2", "<i4", ">i4", ">u4", "<i8", ">i8", ">u8"])
def test_partitions_of_any_width_and_byte_order(kind: str) -> None:
    # S13: `>i2` was read as if its bytes stood the other way round.
    starts = [0, 1, 100]
    assert rowpattern.compile("A+").count({"A": [True] * 120}, partitions=("starts", np.array(starts, kind))) == 3
    spread = np.zeros(9, kind)
    spread[::-3] = starts
    assert rowpattern.compile("A+").count({"A": [True] * 120}, partitions=("starts", spread[::-3])) == 3


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "c8", "i1", ">i4"])
def test_numbers_are_no_booleans(kind: str) -> None:
    with pytest.raises(RowsError, match="numbers, not booleans"):
        AB.count({"A": np.ones(2, kind)})


@pytest.mark.parametrize("kind", ["f2", "f8", "?"])
def test_fractions_and_booleans_are_no_partitions(kind: str) -> None:
    with pytest.raises(RowsError, match="whole numbers"):
        AB.count({"A": [True]}, partitions=np.ones(1, kind))


def test_masked_arrays() -> None:
    masked = np.ma.masked_array([True, True, True, True], mask=[False, True, False, False])
    spans = rowpattern.compile("A+").spans({"A": masked})
    assert [spans[at] for at in range(len(spans))] == [(0, 1), (2, 4)]
    labels = np.ma.masked_array(np.array(["A", "A", "B"], dtype=object), mask=[False, True, False])
    assert AB.count(labels) == 0
    with pytest.raises(RowsError, match="masked"):
        AB.count("AB", partitions=np.ma.masked_array([2, 0], mask=[False, True]))
    assert AB.count("AB", partitions=np.ma.masked_array([2], mask=[False])) == 1


def test_buffers_of_any_shape() -> None:
    truths = np.array([True, False, True, False, True, True])
    only = rowpattern.compile("A+")
    for view in (truths[::2], truths[::-1], truths[::-2], truths[:0], np.broadcast_to(np.array([True]), (5,))):
        read_only = view.view()
        read_only.flags.writeable = False
        expected = "".join("x" if truth else "." for truth in view).split(".")
        assert only.count({"A": read_only}) == sum(1 for part in expected if part)
    with pytest.raises(RowsError, match="one dimension"):
        only.count({"A": truths.reshape(2, 3)})
    with pytest.raises(RowsError):
        only.count({"A": np.zeros(3, "V0")})


def test_rows_that_no_memory_holds() -> None:
    # This ended the process.
    with pytest.raises(MemoryError):
        AB.count({"A": np.broadcast_to(np.array([True]), (10**15,))})
    with pytest.raises(MemoryError):
        AB.count("AB", partitions=np.broadcast_to(np.array([1]), (10**15,)))
    for node in (Node(b"n", 10**15, []), _endless_run()):
        with pytest.raises(MemoryError):
            AB.count(_given(Array(node)))


def _endless_run() -> Node:
    ends = Node(b"l", 1, [None, struct.pack("q", 10**15)], name=b"run_ends")
    return Node(b"+r", 10**15, [], 0, 0, [ends, _labels("A")])


class Broken:
    """Fails in every way in which rows can be asked for."""

    def __init__(self, method: str, error: BaseException) -> None:
        def fail(*_: object, **__: object) -> Any:
            raise error

        setattr(type(self), method, fail)


@pytest.mark.parametrize("error", [KeyError("k"), OSError("o"), RuntimeError("r"), AttributeError("a")], ids=repr)
@pytest.mark.parametrize("method", ["__arrow_c_stream__", "__arrow_c_array__"])
def test_errors_of_producers_come_out_as_ours(method: str, error: Exception) -> None:
    kind = type("Broken", (Broken,), {})
    with pytest.raises(RowsError) as raised:
        AB.count({"A": kind(method, error)})
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyError("k"), OSError("o"), RuntimeError("r"), AttributeError("a")], ids=repr)
@pytest.mark.parametrize("method", ["__array__", "__iter__"])
def test_errors_of_the_callers_own_code_stay_as_they_are(method: str, error: Exception) -> None:
    kind = type("Broken", (Broken,), {})
    with pytest.raises(type(error)) as raised:
        AB.count({"A": kind(method, error)})
    assert raised.value is error


@pytest.mark.parametrize("exported", [(), (None,), (1, 2), "x", None])
def test_capsules_that_are_none(exported: object) -> None:
    class Odd:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return exported

    with pytest.raises((RowsError, TypeError, ValueError)):
        AB.count(_given(Odd()))


MALFORMED = [
    (NOT_UTF8, "row 1"),
    (pa.chunked_array([pa.array(["a"]), NOT_UTF8]), "row 2"),
    (_text(b"abc", [0, 3, 2, 3]), "."),
    (pa.DictionaryArray.from_arrays(pa.array([0, 9], pa.int8()), pa.array(["a"]), safe=False), "key is 9"),
    (pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), NOT_UTF8), "UTF-8"),
]


@pytest.mark.parametrize(("column", "message"), MALFORMED)
@pytest.mark.parametrize("stream", [False, True])
def test_sql_refuses_malformed_columns(column: Any, message: str, stream: bool) -> None:
    # Answers had broken text.
    table = pa.table({"x": column, "i": range(len(column))})
    with pytest.raises(RowsError, match=f"column x.*{message}"):
        # A stream reads when it is read.
        list(match_recognize(QUERY, table, stream=stream))


def test_sql_does_not_look_at_columns_that_are_not_read() -> None:
    table = pa.table({"x": ["a", "b", "c"], "y": NOT_UTF8})
    assert match_recognize(QUERY, table).num_rows == 3


def test_sql_reads_columns_of_other_kinds_of_table() -> None:
    column = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([NOT_UTF8])))
    with pytest.raises(RowsError, match=r"column x.*row 1"):
        match_recognize(QUERY, pd.DataFrame({"x": column}))
    assert match_recognize(QUERY, pl.DataFrame({"x": ["a", "b"]})).height == 2


def _runs(values: pa.Array, ends: list[int]) -> pa.Array:
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), values)


_TEXTS = _runs(pa.array(["a", None, "b"]), [2, 3, 5])
ENCODED = {
    "runs": _TEXTS,
    "a slice of runs": _TEXTS.slice(1, 3),
    "no rows of runs": _TEXTS.slice(2, 0),
    "runs of runs": _runs(_TEXTS.slice(1, 3), [1, 2, 4]),
    "runs of views": _runs(pa.array(["a", "b" * 20], pa.string_view()), [1, 4]),
    "runs of a dictionary": _runs(pa.array(["a", "b"]).dictionary_encode(), [1, 4]),
    "runs in a struct": pa.StructArray.from_arrays([_TEXTS], ["x"], mask=pa.array([False, True, False, False, False])),
    "views of lists": pa.array([["a"], None, [], ["b" * 20, None]], pa.list_view(pa.string_view())),
    "views of lists of lists": pa.array([[["a"]], None, [["b"], []]], pa.large_list_view(pa.list_(pa.string_view()))),
    "views in a struct in a list": pa.array([[{"v": "a"}], [None]], pa.list_(pa.struct([("v", pa.string_view())]))),
}


@pytest.mark.parametrize("column", ENCODED.values(), ids=ENCODED)
def test_sql_reads_encoded_columns(column: pa.Array) -> None:
    values = column.to_pylist()
    ends = range(len(column))
    query = """SELECT {} FROM t MATCH_RECOGNIZE (
        ORDER BY i DESC MEASURES LAST(x) AS m ALL ROWS PER MATCH PATTERN (A) DEFINE A AS x IS NOT NULL)"""
    expected = [value for value in values[::-1] if value is not None]
    for table in (pa.table({"x": column, "i": ends}), pa.table({"x": pa.chunked_array([column]), "i": ends})):
        assert match_recognize(query.format("m, x"), table).to_pylist() == [{"m": v, "x": v} for v in expected]
        found = match_recognize(query.format("m, 1 AS one").replace("t MATCH", "(SELECT * FROM t) MATCH"), table)
        assert [row["m"] for row in found.to_pylist()] == expected
    for source in (table, table.to_reader()):
        found = match_recognize(query.format("m, x"), source, stream=True).read_all()
        assert found.to_pylist() == [{"m": v, "x": v} for v in expected]


def test_runs_count_against_the_memory_limit() -> None:
    # A gigabyte; where nothing is optimised, as for the sanitizer, each of its rows takes time.
    table = pa.table({"x": _runs(pa.array([1]), [2**27])})
    with pytest.raises(rowpattern.QueryLimitError):
        match_recognize(
            "SELECT * FROM t MATCH_RECOGNIZE (MEASURES LAST(x) AS m PATTERN (A))", table, memory_limit_mb=100
        )


class _Exported:
    """A table that is given away once."""

    def __init__(self, table: pa.Table) -> None:
        self.stream = table.__arrow_c_stream__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.stream


def test_sql_names_a_stream_that_was_read_before() -> None:
    table: Any = _Exported(pa.table({"x": ["a", "b"]}))
    assert match_recognize(QUERY, table).num_rows == 2
    with pytest.raises(RowsError, match=r"data cannot be read from Arrow: .*released.*once"):
        match_recognize(QUERY, table)
    with pytest.raises(TypeError, match="a table is"):
        match_recognize(QUERY, pl.Series(["a"]))


def test_sql_names_a_column_that_arrow_has_no_type_for() -> None:
    # Columns that no query reads may be of any type.
    frame = pl.DataFrame({"x": ["a"], "y": pl.Series([object()], dtype=pl.Object)})
    assert match_recognize(QUERY, frame).height == 1
    for query in (
        QUERY.replace("x >= ''", "y > 1"),
        QUERY.replace("SELECT *", "SELECT *, 1").replace("t M", "(FROM t) M"),
    ):
        with pytest.raises(rowpattern.QueryError, match="column y of the type Object"):
            match_recognize(query, frame)


@pytest.mark.parametrize(("name", "odd"), [("a\0b", "a NUL character"), ("a\ud800", "half of a surrogate pair")])
def test_sql_refuses_names_that_duckdb_would_change(name: str, odd: str) -> None:
    # Of the columns "a\0b" and "a", DuckDB would take the first for "a".
    frames: list[Any] = [pd.DataFrame([["a", 1]], columns=pd.Index(["x", name], dtype=object))]
    if "\0" in name:
        frames += [pa.table({name: ["a"], "x": ["b"]}), pl.DataFrame({name: ["a"], "x": ["b"]})]
    for frame in frames:
        with pytest.raises(rowpattern.QueryError, match=odd) as caught:
            match_recognize(QUERY, frame)
        str(caught.value).encode()
    with pytest.raises(rowpattern.QueryError, match=odd):
        match_recognize(QUERY, **{name: pa.table({"x": ["a"]})})


def test_half_of_a_surrogate_pair_is_no_label() -> None:
    with pytest.raises(RowsError, match="row 1 has a label with half of a surrogate pair"):
        AB.count(["A", "\ud800"])
