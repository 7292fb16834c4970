"""Conditions computed straight to symbols: the same rows as DuckDB says of the rows in their order.

Matches of `PATTERN (A | B)` are the rows where one of two conditions is true. DuckDB evaluates the same conditions over
the rows in order, with PREV and NEXT as `lag` and `lead`.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rowpattern
from rowpattern import _core, match_recognize
from rowpattern.errors import RowsError, UnknownVariableError

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = dt.date(2024, 2, 28)
NOON = dt.datetime.fromisoformat("2024-02-28 12:00")
TEXTS = ["", "a", "ab", "view", "cart", "checkout", "a text of sixteen", "ß", "\U0001f600", "a text of sixteem"]

# Of each type, the Arrow type, and values among which equal and neighbouring ones are frequent.
VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "double": (pa.float64(), [0.0, -0.0, 1.5, -1.5, math.inf, -math.inf, math.nan, 1e300]),
    "float": (pa.float32(), [0.0, -0.0, 1.5, -1.5, math.inf, math.nan]),
    "bigint": (pa.int64(), [0, 1, -1, 2**63 - 1, -(2**63)]),
    "integer": (pa.int32(), [0, 1, -1, 2**31 - 1, -(2**31)]),
    "tiny": (pa.uint8(), [0, 1, 255]),
    "huge": (pa.uint64(), [0, 1, 2**64 - 1]),
    "decimal": (pa.decimal128(12, 2), [0, 1, -1, 12]),
    "date": (pa.date32(), [DAY, DAY + dt.timedelta(1), dt.date(1969, 12, 31)]),
    "timestamp": (
        pa.timestamp("us"),
        [NOON, NOON + dt.timedelta(microseconds=1), dt.datetime.fromisoformat("1969-01-01")],
    ),
    "boolean": (pa.bool_(), [True, False]),
    "text": (pa.string(), TEXTS),
    "large text": (pa.large_string(), TEXTS),
    "views": (pa.string_view(), TEXTS),
    "categories": (pa.dictionary(pa.int8(), pa.string()), TEXTS),
}
COMPARISONS = ["<", "<=", ">", ">=", "=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]


def literal(kind: str, value: Any) -> str:
    if kind in {"text", "large text", "views", "categories"}:
        return f"'{value}'"
    if isinstance(value, float):
        return f"'{value}'::{'FLOAT' if kind == 'float' else 'DOUBLE'}"
    if isinstance(value, dt.datetime):
        return f"TIMESTAMP '{value}'"
    if isinstance(value, dt.date):
        return f"DATE '{value}'"
    return str(value)


@st.composite
def tables(draw: Any) -> tuple[str, pa.Table]:
    """A table of a key, an order with ties, and a column of some type, in chunks that are slices of others."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    arrow, values = VALUES[kind]
    rows = draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from([None, *values])), max_size=40)
    )
    columns = {
        "k": pa.array([row[0] for row in rows], pa.int64()),
        "o": pa.array([row[1] for row in rows], pa.int32()),
        "x": pa.array([row[2] for row in rows], arrow),
        "id": pa.array(range(len(rows)), pa.int64()),
    }
    whole = pa.table(columns)
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    pieces = [whole.slice(begin, end - begin) for begin, end in zip([0, *cuts], [*cuts, len(rows)])]
    return kind, pa.concat_tables(pieces)


@st.composite
def conditions(draw: Any, kind: str, depth: int = 2) -> str:
    """A condition over the column `x`, with @1 for PREV(x, 1) and so on."""
    if depth and draw(st.booleans()):
        one, other = draw(conditions(kind, depth - 1)), draw(conditions(kind, depth - 1))
        joined = draw(st.sampled_from(["{} AND {}", "{} OR {}", "NOT ({})", "({}) IS NULL"]))
        return f"({joined.format(one, other)})"
    values = VALUES[kind][1]
    one = draw(st.sampled_from(["x", "x", "@-1", "@1", "@-2"]))
    form = draw(st.sampled_from(["compare", "compare", "compare", "in", "between", "null"]))
    if form == "null":
        return f"{one} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    if form == "in":
        items = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
        return f"{one} IN ({', '.join(literal(kind, item) for item in items)})"
    operand = st.one_of(
        st.sampled_from(["x", "@-1", "@1", "@-3"]), st.sampled_from(values).map(lambda v: literal(kind, v))
    )
    if form == "between":
        return f"{one} BETWEEN {draw(operand)} AND {draw(operand)}"
    return f"{one} {draw(st.sampled_from(COMPARISONS))} {draw(operand)}"


def navigated(condition: str) -> str:
    for rows in (3, 2, 1):
        condition = condition.replace(f"@-{rows}", f"PREV(x, {rows})").replace(f"@{rows}", f"NEXT(x, {rows})")
    return condition


def windowed(condition: str) -> str:
    for rows in (3, 2, 1):
        condition = condition.replace(f"@-{rows}", f"lag(x, {rows}) OVER w")
        condition = condition.replace(f"@{rows}", f"lead(x, {rows}) OVER w")
    return condition


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data(), threads=st.sampled_from([1, 2, 8]), partitioned=st.booleans())
def test_conditions_are_those_of_duckdb(
    connection: duckdb.DuckDBPyConnection, data: Any, threads: int, partitioned: bool
) -> None:
    kind, table = data.draw(tables())
    texts = [data.draw(conditions(kind)) for _ in range(2)]
    by = "PARTITION BY k " if partitioned else ""
    query = f"""SELECT id, c FROM t MATCH_RECOGNIZE ({by}ORDER BY o MEASURES A.id AS id, CLASSIFIER() AS c
        PATTERN (A | B) DEFINE A AS {navigated(texts[0])}, B AS {navigated(texts[1])})"""
    answer = match_recognize(query, table, threads=threads).to_pydict()
    found = sorted(zip(answer["id"], answer["c"]), key=str)
    # DuckDB has no views of text in this form of a table, and text is all that counts.
    plain = pa.string() if kind in {"views", "categories"} else VALUES[kind][0]
    given_table = table.set_column(2, "x", table.column("x").cast(plain))
    connection.register("t", given_table)
    wanted = connection.sql(f"""SELECT id, CASE WHEN a THEN 'A' ELSE 'B' END FROM (
        SELECT id, ({windowed(texts[0])}) AS a, ({windowed(texts[1])}) AS b FROM t
        WINDOW w AS ({by}ORDER BY o, id)) WHERE a OR b""").fetchall()
    # Of a row that B alone begins, A.id is NULL.
    assert found == sorted(((row if name == "A" else None, name) for row, name in wanted), key=str)


NUMBER_OF_ROWS = 300_000


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.slow
def test_many_rows_and_threads(threads: int, ordered: bool) -> None:
    """Longer than a morsel, with NULLs and partitions across the borders of batches and morsels."""
    rows = range(NUMBER_OF_ROWS)
    number = [None if row % 97 == 0 else (row * 7919) % 1009 / 8 for row in rows]
    kind = [None if row % 89 == 0 else ("view", "cart", "a text that is longer")[row * 31 % 3] for row in rows]
    table = pa.table({"k": [row // 613 for row in rows], "o": list(rows), "x": number, "t": kind})
    if not ordered:
        table = table.take(pa.array([row * 7 % NUMBER_OF_ROWS for row in range(NUMBER_OF_ROWS)]))
        assert table.column("o").to_pylist() != list(rows)
    answer = match_recognize(
        """SELECT o, c FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES LAST(o) AS o, CLASSIFIER() AS c
            PATTERN (A | B | C)
            DEFINE A AS x < PREV(x) AND t = 'view', B AS x > NEXT(x, 3) OR t = 'cart', C AS t IS NULL)""",
        table,
        threads=threads,
    ).to_pydict()
    wanted = []
    for row in rows:
        before = number[row - 1] if row % 613 else None
        after = number[row + 3] if row % 613 < 610 and row + 3 < NUMBER_OF_ROWS else None
        x, text = number[row], kind[row]
        if x is not None and before is not None and x < before and text == "view":
            wanted.append((row, "A"))
        elif (x is not None and after is not None and x > after) or text == "cart":
            wanted.append((row, "B"))
        elif text is None:
            wanted.append((row, "C"))
    assert list(zip(answer["o"], answer["c"])) == wanted


@pytest.mark.parametrize("nans", [[], [0], [70_001], [-1], [5, 65_535, 65_536, 131_071]])
@pytest.mark.parametrize("threads", [1, 2])
def test_nan_of_pandas_is_null_wherever_it_stands(nans: list[int], threads: int) -> None:
    """Of many rows, NaN is looked for where conditions are computed: in the first batch, the last, and between."""
    rows = 140_000
    x = np.random.default_rng(0).integers(0, 9, rows).astype(float)
    x[nans] = math.nan
    frame = pd.DataFrame({"o": np.arange(rows), "x": x, "unread": np.where(np.arange(rows) % 2, math.nan, 1.0)})
    # DuckDB's order has NULL apart from numbers, and NaN above all of them, which nothing here must depend on.
    query = """SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY o MEASURES FIRST(o) AS o, LAST(x) AS x, sum(A.x) AS total, count(B.x) AS known, LAST(unread) AS u
        PATTERN (A+ B) DEFINE A AS x <= PREV(x), B AS (x > PREV(x)) IS NOT TRUE AND NEXT(x) <> 3)"""
    given = match_recognize(query, frame, threads=threads)
    nulls = pa.Table.from_pandas(frame, preserve_index=False)
    assert nulls.column("x").null_count == len(nans)
    wanted = match_recognize(query, nulls).to_pandas()
    assert len(wanted) > 1000
    pd.testing.assert_frame_equal(given, wanted, check_dtype=False)


@pytest.mark.parametrize("variables", [3, 8, 9, 16, 17, 40])
def test_many_variables(variables: int) -> None:
    """More than a byte, and more than a plane of 16 bits."""
    names = [f"V{at}" for at in range(variables)]
    rows = [row * 5 % variables for row in range(500)]
    defined = ", ".join(f"V{at} AS x = {at} AND t = '{at}'" for at in range(variables))
    query = f"""SELECT c FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES CLASSIFIER() AS c
        PATTERN ({" | ".join(names)}) DEFINE {defined})"""
    table = pa.table({"o": list(range(500))[::-1], "x": rows, "t": [str(row) for row in rows]})
    assert match_recognize(query, table)["c"].to_pylist() == [f"V{row}" for row in rows[::-1]]


def test_more_different_texts_than_are_remembered() -> None:
    texts = [f"text number {row % 40_000}" for row in range(100_000)]
    query = """SELECT i FROM t MATCH_RECOGNIZE (MEASURES A.i AS i PATTERN (A)
        DEFINE A AS t IN ('text number 3', 'text number 39999') OR t LIKE '%number 2345_')"""
    found = match_recognize(query, pa.table({"t": texts, "i": range(100_000)}))["i"].to_pylist()
    numbers = {3, 39_999, *range(23_450, 23_460)}
    assert found == [row for row in range(100_000) if row % 40_000 in numbers]


def test_errors_of_values_are_those_of_the_whole_condition() -> None:
    """What AND does not need is not computed, whichever part is computed first."""
    table = pa.table({"o": [3, 2, 1, 0], "x": [2, 0, 4, 8]})
    query = "SELECT i FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES A.o AS i PATTERN (A) DEFINE A AS {})"
    safe = "PREV(x) <> 0 AND x + (CASE WHEN x = 0 THEN 9223372036854775807 ELSE 0 END) > 0"
    assert match_recognize(query.format(safe + " AND x <> 0"), table)["i"].to_pylist() == [1]
    with pytest.raises(rowpattern.QueryError):
        match_recognize(query.format("CAST(x * 100 AS TINYINT) > 0 AND PREV(x) > 0"), table)


def test_text_that_is_not_utf_8_is_named() -> None:
    offsets = pa.py_buffer(np.array([0, 1, 2], dtype=np.int32).tobytes())
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"a\xff")])
    query = "SELECT i FROM t MATCH_RECOGNIZE (MEASURES A.i AS i PATTERN (A) DEFINE A AS t = 'a')"
    for values in (broken, broken.cast(pa.binary()).cast(pa.binary_view()).view(pa.string_view())):
        with pytest.raises(RowsError, match=r"column t.*row 1"):
            match_recognize(query, pa.table({"t": values, "i": [1, 2]}))


def test_text_of_polars() -> None:
    texts = [["view", None, "cart", "a text of sixteen"][row % 4] for row in range(100)]
    frame = pl.DataFrame({"t": texts, "i": range(100)})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i DESC MEASURES A.i AS a, B.i AS b PATTERN (A B)
        DEFINE A AS t = 'cart' OR t IS NULL, B AS t IN ('view', 'a text of sixteen'))"""
    wanted = [(row, row - 1) for row in range(97, 0, -4)]
    assert match_recognize(query, frame).rows() == wanted
    # In pieces, and read by a measure too.
    frame = pl.concat([frame[:30], frame[30:]], rechunk=False)
    shown = match_recognize(query.replace("B.i", "B.t"), frame)
    assert shown["b"].to_list() == [texts[row] for _, row in wanted]


OBJECTS = [["view", None, "cart", float("nan"), "a text of sixteen", "ß"][row * 7 % 6] for row in range(3000)]


@pytest.mark.parametrize(
    "objects", [OBJECTS, OBJECTS[:10], [*OBJECTS, "\udc80"], [*OBJECTS, 1], [*OBJECTS, np.str_("cart")]]
)
def test_columns_of_pandas_objects(objects: list[object]) -> None:
    frame = pd.DataFrame({"t": pd.Series(objects, dtype=object), "i": range(len(objects))})
    query = """SELECT i FROM t MATCH_RECOGNIZE (ORDER BY i DESC MEASURES LAST(i) AS i PATTERN (A | B)
        DEFINE A AS t = 'cart' AND i >= 0, B AS t IS NULL)"""
    if not all(isinstance(each, (str, float, type(None))) for each in objects) or "\udc80" in objects:
        with pytest.raises((rowpattern.QueryError, RowsError)):
            match_recognize(query, frame)
        return
    wanted = [row for row, each in enumerate(objects) if each == "cart" or not isinstance(each, str)]
    assert match_recognize(query, frame)["i"].tolist() == wanted[::-1]


def test_objects_that_measures_read_too() -> None:
    frame = pd.DataFrame({"t": pd.Series(OBJECTS, dtype=object), "i": range(len(OBJECTS))})
    query = "SELECT t FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES A.t AS t PATTERN (A) DEFINE A AS t > 'b')"
    wanted = [each for each in OBJECTS if isinstance(each, str) and each > "b"]
    assert match_recognize(query, frame)["t"].tolist() == wanted


def test_placed_texts() -> None:
    texts = np.array(OBJECTS, dtype=object)
    for array in (texts, texts[::-3], texts[:0], np.array(["", "a", "", "aaaaaaaa", "aaaaaaaaa"], dtype=object)):
        found = _core.placed_texts(array)
        wanted = [each if isinstance(each, str) else None for each in array]
        assert (None if found is None else pa.array(found).to_pylist()) == (wanted or None)
    for other in (
        np.array([None, None], dtype=object),
        np.array(["a", 1], dtype=object),
        np.array(["a", "\ud800"], dtype=object),
        np.array([str(number) for number in range(5000)], dtype=object),
        np.array(["a"]),
        np.array([[None]], dtype=object)[0][:0],
    ):
        assert _core.placed_texts(other) is None


# The class itself.

READ = ("read", "BIGINT", 0, None, False, 0, 0)
BEFORE = ("read", "BIGINT", 0, None, False, 0, -1)
RISES = ("call", "BOOLEAN", ">", (READ, BEFORE))
POSITIVE = ("call", "BOOLEAN", ">", (READ, ("literal", "BIGINT", 0)))
PATTERN = rowpattern.compile("A B")
NUMBERS = pa.array([3, -1, 2, 5])


def test_a_variable_without_condition_is_true() -> None:
    rows = _core.RowSymbols(PATTERN, 4, [("B", RISES)], [("BIGINT", NUMBERS)])
    assert len(rows) == 4
    assert [(match.start, match.end) for match in PATTERN.find_iter(rows)] == [(1, 3)]
    with pytest.raises(RowsError, match="matched before"):
        PATTERN.count(rows)


def test_the_order_moves_what_the_table_says() -> None:
    options: dict[str, Any] = {"table_conditions": [("A", POSITIVE)], "table_columns": [("BIGINT", NUMBERS)]}
    for kind in (pa.uint32(), pa.int64()):
        rows = _core.RowSymbols(PATTERN, 4, order=pa.array([1, 3, 0, 2], kind), **options)
        assert [match.start for match in PATTERN.find_iter(rows)] == [1]
    computed = [("B", pa.chunked_array([[None, False], [True, True]]))]
    rows = _core.RowSymbols(PATTERN, 4, order=pa.array([1, 3, 0, 2]), computed=computed, **options)
    assert [match.start for match in PATTERN.find_iter(rows)] == [1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"order": pa.array([0, 1, 2, 4])}, RowsError, "that the table does not have"),
        ({"order": pa.array([0, 1, 2, -1])}, RowsError, "that the table does not have"),
        ({"order": pa.array([0, 1])}, RowsError, "there are 4 rows, but the order has 2"),
        ({"table_conditions": [("A", RISES)]}, ValueError, "reads another row"),
        (
            {"table_columns": [("BIGINT", pa.array([1]))]},
            RowsError,
            "there are 4 rows, but column of the table 0 has 1",
        ),
        ({"table_conditions": [("X", POSITIVE)]}, UnknownVariableError, "X"),
        ({"computed": [("B", pa.array([True]))]}, RowsError, "there are 4 rows, but the condition of B has 1"),
        ({"threads": 0}, ValueError, "threads"),
        ({"columns": [("DOUBLE", pa.array([1.0, 2.0, math.nan, 0.0]))], "numbers": [0]}, RowsError, "has NaN"),
        ({"columns": [("BIGINT", NUMBERS)], "numbers": [0]}, ValueError, "column 0 is not of doubles"),
        ({"columns": [("BIGINT", NUMBERS)], "numbers": [1]}, ValueError, "column 1 is not of doubles"),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    given_options = {"table_conditions": [("A", POSITIVE)], "table_columns": [("BIGINT", NUMBERS)], **options}
    with pytest.raises(error, match=message):
        _core.RowSymbols(PATTERN, 4, **given_options)


def test_rows_of_another_pattern_are_refused() -> None:
    rows = _core.RowSymbols(PATTERN, 4)
    with pytest.raises(RowsError, match="other variables"):
        rowpattern.compile("A B C").match(rows)
