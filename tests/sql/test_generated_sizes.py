"""Functions that make values of any size: what they make is known before they run, and within the memory limit."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.expression.sizes import generated_bytes
from rowpattern.sql.parse.condition_text import parse_condition

if TYPE_CHECKING:
    from collections.abc import Iterator

# Over a text s, whole numbers n and m, a time t: the bytes of each value are at most what is said of it.
MAKING = [
    "repeat(s, n)",
    "repeat(s, n) || 'x'",
    "repeat(repeat(s, n), m)",
    "lpad(s, n::INTEGER, 'é')",
    "rpad(s, n::INTEGER, '-')",
    "range(n)",
    "range(m, n)",
    "range(m, n, 3)",
    "range(n, m, -3)",
    "generate_series(m, n)",
    "range(t, t + to_days(n), INTERVAL 1 DAY)",
    "generate_series(t, t + to_days(n), INTERVAL 1 MONTH)",
    "list_resize([s], n, s)",
    "list_resize([m], n)",
    "bar(m, 0, 10, n)",
    "printf('%*d', n, m)",
    "printf('%0300d', m)",
    "format('{:>{}}', s, n)",
    "format('{:900}', s)",
    "replace(s, 'a', repeat('b', n))",
    "regexp_replace(s, '.', repeat('b', n), 'g')",
    "array_to_string(range(n), repeat('ab', 50))",
    "list_transform(range(n), lambda e: repeat(s, e))",
    "list_transform([m, n], lambda e: range(e))",
    "CASE WHEN n > 500 THEN repeat(s, 1) ELSE repeat(s, n) END",
    "CASE WHEN length(repeat(s, 2)) > 1 THEN repeat(s, n) END",
    "coalesce(NULL, repeat(s, n))",
    "length(repeat(s, n))",
    "{'a': repeat(s, n)}",
    "repeat(s, length(repeat('x', n)))",
    "repeat(NULL, n)",
    "range(NULL)",
]
VALUES = [("abc", 100, 3), ("é", 1000, 7), ("", 5, 5), (None, 3, 3), ("aaaa", None, 4), ("b", -5, 1), ("a", 0, 0)]


def size(expression: str, most: int = 1 << 40) -> str | None:
    return generated_bytes(parse_condition("A", expression).condition.node, most)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("CREATE TABLE t (s VARCHAR, n BIGINT, m BIGINT, t TIMESTAMP DEFAULT TIMESTAMP '2024-01-31')")
    made.executemany("INSERT INTO t (s, n, m) VALUES (?, ?, ?)", VALUES)
    return made


@pytest.mark.parametrize("expression", MAKING)
def test_a_size_is_an_upper_bound(expression: str, connection: duckdb.DuckDBPyConnection) -> None:
    bound = size(expression)
    assert bound is not None
    # A list's text has two characters more than its items, and so has each item.
    sql = f"SELECT CAST({bound} AS DOUBLE), strlen(TRY(CAST({expression} AS VARCHAR))) FROM t"
    for most, actual in connection.sql(sql).fetchall():
        assert most is None or most >= 0
        if actual is not None and actual > 64:
            assert most >= actual / 2, expression


@pytest.mark.parametrize(
    "expression", ["s || s", "upper(s)", "replace(s, 'a', 'bc')", "n + m", "[n, m]", "printf('%s', s)", "trim(s)"]
)
def test_values_as_large_as_their_arguments_have_none(expression: str) -> None:
    assert size(expression) is None


def test_what_needs_too_much_is_not_computed_to_know_a_size(connection: duckdb.DuckDBPyConnection) -> None:
    bound = size("repeat(s, length(repeat('x', 3000000000)))", 1 << 20)
    assert connection.sql(f"SELECT min(CAST({bound} AS DOUBLE)) >= 3e9 FROM t").fetchall() == [(True,)]


ROWS = 3000
TABLE = pa.table({"o": range(ROWS), "n": range(ROWS), "s": ["ab"] * ROWS})
QUERY = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {m} AS m PATTERN (A B) DEFINE B AS {d})"
TOO_LARGE = [
    ("1", "length(repeat('a', 100000000 + n)) > 0"),
    ("1", "length(repeat(A.s || s, 100000000 + n)) > 0"),
    ("1", "len(range(A.n + n * 30000000)) > 0"),
    ("1", "len(range(300000000)) > A.n"),
    ("1", "len(range(300000000)) > n"),
    ("length(repeat(LAST(s), 100000000))", "true"),
    ("len(range(300000000))", "true"),
    ("repeat(FIRST(s) || LAST(s), 20000)", "true"),
    ("1", "length(format('{:>{}}', A.s || s, 100000000 + n)) > 0"),
]


@pytest.mark.parametrize(("measure", "condition"), TOO_LARGE)
def test_a_value_larger_than_the_limit_is_an_error(measure: str, condition: str) -> None:
    with pytest.raises(rowpattern.QueryLimitError, match="more memory than its limit of 50 MB"):
        match_recognize(QUERY.format(m=measure, d=condition), TABLE, memory_limit_mb=50)


def test_a_branch_that_is_not_taken_needs_nothing() -> None:
    condition = "CASE WHEN n < 0 THEN length(repeat(A.s || s, 100000000)) > 0 ELSE true END"
    found = match_recognize(QUERY.format(m="count(*)", d=condition), TABLE, memory_limit_mb=50)
    assert found.num_rows == ROWS // 2


def _most_memory_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


@contextlib.contextmanager
def adds_at_most(megabytes: float) -> Iterator[None]:
    """Check how much memory the process has at the peak, beyond what it has before."""
    # The peak is measured from here on.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _most_memory_mb()
    yield
    assert _most_memory_mb() - before < megabytes


@pytest.mark.parametrize(
    ("measure", "condition"),
    [("1", "length(repeat(A.s || s, 20000)) > 0"), ("length(repeat(FIRST(s) || LAST(s), 40000))", "true")],
)
def test_rows_are_computed_in_pieces_that_fit(measure: str, condition: str) -> None:
    """All rows of a chunk together would take some 160 MB in each thread."""
    query = QUERY.format(m=measure, d=condition)
    match_recognize(query.replace("0000)", ")"), TABLE)
    with adds_at_most(120):
        found = match_recognize(query, TABLE, memory_limit_mb=50)
        assert found.num_rows == ROWS // 2


def test_large_values_of_many_rows_are_within_time_and_size() -> None:
    """Together they are 20 GB, which nothing computes in that time."""
    rows = 20_000
    table = pa.table({"o": range(rows), "n": range(rows)})
    query = QUERY.format(m="count(*)", d="length(repeat('a', 1000000 + n)) > 0")
    # Imports do not count.
    match_recognize(query, table[:4], memory_limit_mb=50)
    begun = time.perf_counter()
    with adds_at_most(150), pytest.raises(rowpattern.QueryLimitError):
        match_recognize(query, table, memory_limit_mb=50, timeout_seconds=0.3)
    # 0.2 s are promised after it; the machine may be loaded.
    assert time.perf_counter() - begun < 0.3 + 5 * 0.2


@pytest.mark.parametrize(
    "wide", ["SELECT a.f, b.n, a.f + b.n AS s FROM {clause} a, t b", "SELECT n, f FROM {clause} a, t b"]
)
def test_what_is_computed_around_a_clause_counts(wide: str) -> None:
    clause = "t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS f PATTERN (A))"
    assert match_recognize(wide.format(clause=clause) + " LIMIT 5", TABLE, memory_limit_mb=100).num_rows == 5
    with adds_at_most(180), pytest.raises(rowpattern.QueryLimitError, match="more memory than its limit of 100 MB"):
        match_recognize(wide.format(clause=clause), TABLE, memory_limit_mb=100)
