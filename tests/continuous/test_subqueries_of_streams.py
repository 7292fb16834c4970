"""Subqueries in the clause of a continuous query: over tables that are given, computed once, part of checkpoints."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern.errors import CheckpointError, QueryError, UnsupportedQueryError

SCHEMA = pa.schema({"k": pa.string(), "at": pa.int64(), "x": pa.int64()})
LIMITS = pa.table({"x": [1, 2, 3, 5], "name": ["a", "b", None, "d"]})
SQL = """
    SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY at
        MEASURES FIRST(at) AS f, LAST(at) AS l, (SELECT min(name) FROM limits) AS least
        PATTERN (A B+ C)
        DEFINE
            A AS EXISTS (SELECT * FROM limits WHERE x = 5),
            B AS x IN (SELECT x FROM limits),
            C AS x > (SELECT max(x) FROM LIMITS WHERE x < 4))"""
ROWS = pa.table({"k": ["a"] * 6, "at": range(6), "x": [0, 1, 2, 4, 5, 6]}, schema=SCHEMA)


def whole(sql: str, **tables: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rowpattern.match_recognize(sql, t=ROWS, **tables).to_pylist()
    return found


def pushed(query: Any, rows: pa.Table = ROWS) -> list[dict[str, Any]]:
    given = [query.push(rows.slice(at, 1)) for at in range(rows.num_rows)]
    return [row for each in (*given, query.finish()) for row in each.to_pylist()]


@pytest.mark.parametrize(
    "sql",
    [
        SQL,
        SQL.replace("FROM t ", "FROM (SELECT k, at, x + 0 AS x FROM t WHERE x >= 0) "),
        SQL.replace("SELECT x FROM limits)", "SELECT x FROM limits WHERE x > 99) OR x < 3"),
        SQL.replace("PATTERN (A B+ C)", "PATTERN (A B+ C) WITHIN (SELECT max(x) FROM limits)"),
    ],
)
def test_subqueries_read_tables_that_are_given(sql: str) -> None:
    expected = whole(sql, limits=LIMITS)
    assert expected
    assert pushed(rowpattern.continuous(sql, SCHEMA, tables={"limits": LIMITS.to_pandas()})) == expected


def test_a_restored_query_has_the_values_of_the_first_one() -> None:
    """Though they are of chance, and their table is gone."""
    sql = SQL.replace("min(name) FROM limits", "random()")
    query = rowpattern.continuous(sql, SCHEMA, tables={"limits": LIMITS})
    blob = query.checkpoint()
    (first,) = pushed(query)
    assert pushed(rowpattern.continuous.restore(blob, sql)) == [first]
    with pytest.raises(TypeError, match="the checkpoint has it"):
        rowpattern.continuous.restore(blob, sql, tables={})  # type: ignore[call-overload]


def test_values_of_other_subqueries_are_no_checkpoint() -> None:
    from rowpattern.continuous_query.checkpoint import Checkpoint, open_checkpoint, write_checkpoint
    from rowpattern.continuous_query.given_tables import SUBQUERIES

    query = rowpattern.continuous(SQL, SCHEMA, tables={"limits": LIMITS})
    stored = open_checkpoint(query.checkpoint(), most_bytes=1 << 30)
    tables = {name: stored.table(name, stored.schema(name)) for name in stored.names}
    rows = tables["subqueries"].to_pylist()
    assert [(row["value"], row["type"]) for row in rows][:2] == [("a", "VARCHAR"), ("true", "BOOLEAN")]
    for changed in (
        rows[1:],
        [{**rows[0], "place": -1}, *rows[1:]],
        [{**rows[0], "type": None}, *rows[1:]],
        [{**rows[0], "type": "VARCHAR); SELECT CAST(1 AS INT"}, *rows[1:]],
        [{**rows[0], "type": "x y z ("}, *rows[1:]],
        [{**rows[0], "value": "x", "type": "BIGINT"}, *rows[1:]],
    ):
        tables["subqueries"] = pa.Table.from_pylist(changed, schema=SUBQUERIES)
        blob = write_checkpoint(Checkpoint(stored.fingerprint, stored.metadata, tables))
        with pytest.raises(CheckpointError):
            rowpattern.continuous.restore(blob, SQL)


@pytest.mark.parametrize(
    ("old", "new", "kind", "why"),
    [
        ("min(name) FROM limits", "min(x) FROM t", UnsupportedQueryError, "reads t, whose rows are pushed"),
        (
            "min(name) FROM limits",
            "1 FROM limits WHERE x IN (FROM T SELECT x)",
            UnsupportedQueryError,
            "all rows at once",
        ),
        ("min(name) FROM limits", "min(x) FROM prices", QueryError, "no table prices; .* limits"),
        ("min(name) FROM limits", "min(x) FROM limits WHERE x = B.x", QueryError, "reads no column outside"),
        ("min(name) FROM limits", "name FROM limits", QueryError, "more than one row"),
        ("min(name) FROM limits", "x, name FROM limits", QueryError, "2 columns"),
        ("FROM t ", "FROM limits ", QueryError, "limits is the table whose rows are pushed"),
    ],
)
def test_what_subqueries_cannot_read_is_said(old: str, new: str, kind: type[QueryError], why: str) -> None:
    with pytest.raises(kind, match=why):
        rowpattern.continuous(SQL.replace(old, new), SCHEMA, tables={"limits": LIMITS})


def test_tables_are_given_by_their_names() -> None:
    with pytest.raises(QueryError, match=r"no table limits; give it when the query is made: tables="):
        rowpattern.continuous(SQL, SCHEMA)
    with pytest.raises(TypeError, match="by their names"):
        rowpattern.continuous(SQL, SCHEMA, tables=LIMITS.to_pylist())
    with pytest.raises(TypeError, match="one name"):
        rowpattern.continuous(SQL, SCHEMA, tables={"limits": LIMITS, "Limits": LIMITS})
