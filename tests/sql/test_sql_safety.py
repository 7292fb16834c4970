"""Queries of strangers: what they can read, how much they can take, and that they end."""

from __future__ import annotations

import signal
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import QueryError, match_recognize

from commands import run_python

TABLE = pa.table({"x": [1, 2, 3], "path": ["/etc/passwd"] * 3})
CLAUSE = "MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+))"

# A name that a replacement scan would find.
secret = pa.table({"x": [42]})


@pytest.mark.parametrize(
    "source",
    [
        "'/etc/passwd'",
        "read_text('/etc/passwd')",
        "read_blob('/etc/passwd')",
        "read_csv('/etc/passwd')",
        "read_parquet('https://example.com/x.parquet')",
        "glob('/etc/*')",
        "arrow_scan(1, 2, 3)",
        "pandas_scan(1)",
        "query('SELECT 1')",
        "query_table('t')",
        "duckdb_settings()",
        "duckdb_secrets()",
        "pragma_version()",
        "information_schema.tables",
        "sqlite_master",
        "duckdb_tables",
        "secret",
        "(SELECT * FROM (FROM arrow_scan(1, 2, 3)))",
        "(SUMMARIZE t)",
        "(DESCRIBE t)",
    ],
)
@pytest.mark.parametrize(
    "query",
    ["SELECT * FROM {} " + CLAUSE, "SELECT * FROM t " + CLAUSE + " AS m, {} AS other", "SELECT * FROM t, LATERAL {} l"],
)
def test_a_query_reads_nothing_but_its_tables(query: str, source: str) -> None:
    with pytest.raises(rowpattern.QueryError):
        match_recognize(query.format(source), t=TABLE)


def test_one_table_stands_for_any_name_and_for_no_file() -> None:
    assert match_recognize("SELECT * FROM passwd " + CLAUSE, TABLE).to_pylist() == [{"n": 3}]
    with pytest.raises(QueryError, match="/etc/passwd"):
        match_recognize("SELECT * FROM '/etc/passwd' " + CLAUSE, TABLE)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '/tmp/rowpattern-must-not-be.csv'",
        "ATTACH '/tmp/rowpattern-must-not-be.db'",
        "INSTALL httpfs",
        "SET threads = 1",
        "CREATE TABLE u AS SELECT 1",
        "DROP VIEW t",
        "SELECT 1; SELECT 2",
        "PRAGMA version",
        "CALL pragma_version()",
        "",
        "EXPLAIN SELECT 1",
    ],
)
def test_only_one_query_is_taken(statement: str) -> None:
    with pytest.raises(rowpattern.QueryError):
        match_recognize(statement, TABLE)
    assert not list(Path("/tmp").glob("rowpattern-must-not-be*"))  # noqa: S108 - asserted not to exist


@pytest.mark.parametrize("place", ["condition", "measure"])
@pytest.mark.parametrize("expression", ["read_text('/etc/passwd')", "glob('/*')", "(SELECT max(x) FROM secret)"])
def test_expressions_read_rows_and_nothing_else(place: str, expression: str) -> None:
    condition, measure = (f"x = {expression}", "1") if place == "condition" else ("x > 0", expression)
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES {measure} AS m PATTERN (A+) DEFINE A AS {condition})"
    with pytest.raises(rowpattern.QueryError):
        match_recognize(query, t=TABLE)


def test_tables_do_not_stay_behind() -> None:
    match_recognize("SELECT count(*) FROM mine " + CLAUSE + " JOIN mine ON true", mine=TABLE)
    with pytest.raises(rowpattern.QueryError, match="no table mine"):
        match_recognize("SELECT * FROM other, mine", other=TABLE)


ENDLESS = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE (a.range * b.range) % 7 = 3"


def test_time_is_limited() -> None:
    begun = time.monotonic()
    with pytest.raises(rowpattern.QueryLimitError, match=r"longer than its limit of 0.2 s"):
        match_recognize(ENDLESS, timeout_seconds=0.2)
    assert time.monotonic() - begun < 30
    slow = "list_sum(list_transform(range(1000000), v -> v % 7 + x)) > 0"
    with pytest.raises(rowpattern.QueryLimitError):
        match_recognize(
            f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x ALL ROWS PER MATCH PATTERN (A+) DEFINE A AS {slow})",
            pa.table({"x": list(range(20_000))}),
            timeout_seconds=0.2,
        )


def test_memory_is_limited() -> None:
    with pytest.raises(rowpattern.QueryLimitError, match="limit of 50 MB"):
        match_recognize("SELECT list(range) FROM range(100000000)", memory_limit_mb=50)
    table = pa.table({"x": pa.array(range(1_000_000))})
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x DESC MEASURES A.x AS m ALL ROWS PER MATCH PATTERN (A+))"
    with pytest.raises(rowpattern.QueryLimitError, match="MR_MAX_MEMORY_MB"):
        match_recognize(query, table, memory_limit_mb=8)
    assert match_recognize(query, table).num_rows == 1_000_000


@pytest.mark.parametrize("limits", [{"timeout_seconds": 0}, {"memory_limit_mb": -1}, {"timeout_seconds": "soon"}])
def test_limits_are_checked(limits: dict[str, Any]) -> None:
    with pytest.raises(rowpattern.ConfigurationError, match="allowed is a number above 0"):
        match_recognize("SELECT 1", **limits)


@pytest.mark.parametrize(
    "limit",
    [np.int64(50), np.float32(50), Fraction(111, 2), 1e308, float("inf"), 10**400],
    ids=lambda limit: repr(limit)[:20],
)
@pytest.mark.parametrize("name", ["timeout_seconds", "memory_limit_mb"])
def test_limits_are_any_numbers(name: str, limit: Any) -> None:
    limits: dict[str, Any] = {name: limit}
    query = "SELECT 1 + 1, m FROM (SELECT * FROM t) MATCH_RECOGNIZE (MEASURES 1 AS m PATTERN (A))"
    assert match_recognize(query, pa.table({"x": [1]}), **limits).num_rows == 1


def test_limits_come_from_the_settings() -> None:
    code = f"from rowpattern import match_recognize; match_recognize({ENDLESS!r})"
    result = run_python("-c", code, env={"MR_EXECUTION_TIMEOUT_SECONDS": "0.2"})
    assert "QueryLimitError: the query took longer than its limit of 0.2 s" in result.stderr


@pytest.mark.parametrize("sql", [ENDLESS, f"SELECT * FROM ({ENDLESS}) {CLAUSE}"])
def test_interrupting(sql: str) -> None:
    threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,)).start()
    with pytest.raises(KeyboardInterrupt):
        match_recognize(sql.replace("ORDER BY x", ""), timeout_seconds=60)
    # The connection that was interrupted serves again.
    assert match_recognize("SELECT * FROM t " + CLAUSE, TABLE).to_pylist() == [{"n": 3}]


def test_a_query_that_nests_deeply_or_is_long_is_refused() -> None:
    for sql in ("SELECT " + "(" * 100_000, "SELECT " + "1 + " * 400_000 + "1", "SELECT " + "- " * 50_000 + "1"):
        with pytest.raises(rowpattern.QueryError):
            match_recognize(sql, TABLE)


# Each joins many parts into one condition, which nests as deep as they are many.
NESTED = {
    "sum": "A.x < " + " + ".join(["x"] * 5_000),
    "not": "NOT " * 5_000 + "A.x > 1",
    "case": "CASE WHEN A.x > 1 THEN true ELSE " * 5_000 + "false" + " END" * 5_000,
}


@pytest.mark.parametrize("condition", NESTED.values(), ids=NESTED)
def test_a_condition_that_nests_deeply_is_refused(condition: str) -> None:
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES 1 AS m PATTERN (A B) DEFINE B AS {condition})"
    for refused in (
        lambda: match_recognize(query, TABLE),
        lambda: rowpattern.explain(query, TABLE),
        lambda: rowpattern.compile("A B").find_iter(TABLE, conditions={"B": condition}),
    ):
        with pytest.raises(rowpattern.QuerySyntaxError, match="nested too deeply"):
            refused()


@pytest.mark.parametrize(
    ("condition", "matches"), [(" OR ".join(["A.x = 7"] * 5_000), 0), (" AND ".join(["x > 0"] * 5_000), 1)]
)
@pytest.mark.slow
def test_and_and_or_of_many_do_not_nest(condition: str, matches: int) -> None:
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES 1 AS m PATTERN (A B) DEFINE B AS {condition})"
    assert match_recognize(query, TABLE).num_rows == matches


@pytest.mark.slow
def test_a_long_list_does_not_nest() -> None:
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES 1 AS m PATTERN (A B) DEFINE B AS A.x IN ({}))"
    # Once, so many brought the process down: each value stood below the one before it.
    others = ", ".join(map(str, range(10, 20_010)))
    assert match_recognize(query.format(others), TABLE).num_rows == 0
    assert match_recognize(query.format(f"{others}, 1"), TABLE).num_rows == 1


def test_the_core_refuses_conditions_that_nest_deeply() -> None:
    condition: tuple[Any, ...] = ("literal", "BOOLEAN", True)
    for _ in range(100_000):
        condition = ("call", "BOOLEAN", "not", (condition,))
    with pytest.raises(rowpattern.QueryError, match="nests more than"):
        rowpattern._core.Conditions(rowpattern.compile("A"), [], [], [], {"A": condition})
