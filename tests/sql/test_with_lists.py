"""Names of WITH lists: a clause in a recursive query, and a table that a list makes further on."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from rowpattern import QueryError, UnsupportedQueryError, match_recognize

T = pa.table({"i": range(1, 6), "x": [3, 2, 1, 5, None]})
CLAUSE = "MATCH_RECOGNIZE (ORDER BY i MEASURES LAST(i) AS n PATTERN (Q+))"
RECURSIVE = "WITH RECURSIVE r(i) AS (SELECT 1::BIGINT UNION ALL {}) SELECT * FROM r"


def ask(query: str, *data: pa.Table, **named: pa.Table) -> list[Any]:
    return list(match_recognize(query, *data, **named).column(0).to_pylist())


@pytest.mark.parametrize(
    ("table", "place"), [("r", 1), ("r AS z", 1), ("R", 1), ("(SELECT * FROM r)", 16), ("(TABLE r)", 8)]
)
def test_a_clause_over_the_rows_of_a_recursion_is_refused(table: str, place: int) -> None:
    query = RECURSIVE.format(f"SELECT n + 1 FROM {table} {CLAUSE} WHERE n < 5")
    given: list[tuple[tuple[pa.Table, ...], dict[str, pa.Table]]] = [((T,), {}), ((), {"r": T}), ((), {"t": T})]
    for data, named in given:
        with pytest.raises(UnsupportedQueryError, match="a row pattern cannot stand in a recursive query") as raised:
            ask(query, *data, **named)
        assert raised.value.column == query.index(f"FROM {table}") + len("FROM ") + place


@pytest.mark.parametrize(
    "query",
    [
        RECURSIVE.format(
            f"SELECT i + 1 FROM r, (SELECT n FROM t {CLAUSE.replace('LAST(i)', '(SELECT max(i) FROM r)')}) WHERE i < n"
        ),
        f"WITH r AS (SELECT 5 AS i) SELECT * FROM ({RECURSIVE.format(f'SELECT n + 1 FROM r {CLAUSE} WHERE n < 5')})",
        RECURSIVE.format(f"SELECT n + 1 FROM r, LATERAL (SELECT n FROM t {CLAUSE.replace('LAST(i)', 'r.i')}) AS c"),
    ],
)
def test_so_is_one_that_reads_them_elsewhere(query: str) -> None:
    with pytest.raises(UnsupportedQueryError, match="a row pattern cannot stand in a recursive query"):
        ask(query, T)


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        (
            RECURSIVE.format(f"SELECT i + 1 FROM r, (SELECT n FROM t {CLAUSE}) WHERE i < n"),
            RECURSIVE.format("SELECT i + 1 FROM r, (SELECT max(i) AS n FROM t) WHERE i < n"),
        ),
        (
            RECURSIVE.format(
                f"SELECT i + 1 FROM r WHERE i < (WITH r AS (SELECT 3 AS i) SELECT max(n) FROM r {CLAUSE})"
            ),
            RECURSIVE.format("SELECT i + 1 FROM r WHERE i < (WITH r AS (SELECT 3 AS i) SELECT max(i) FROM r)"),
        ),
        (f"WITH RECURSIVE t AS (SELECT n FROM t {CLAUSE}) FROM t", "WITH RECURSIVE t AS (SELECT max(i) FROM t) FROM t"),
        (
            f"WITH RECURSIVE t AS (SELECT n AS i FROM t {CLAUSE} UNION ALL SELECT i + 1 FROM t WHERE i < 8) FROM t",
            "WITH RECURSIVE t AS (SELECT max(i) AS i FROM t UNION ALL SELECT i + 1 FROM t WHERE i < 8) FROM t",
        ),
    ],
)
def test_clauses_that_do_not_read_them_are_answered(query: str, plain: str) -> None:
    with duckdb.connect() as connection:
        connection.register("t", T)
        assert ask(query, t=T) == [row[0] for row in connection.execute(plain).fetchall()]


@pytest.mark.parametrize("word", ["WITH", "WITH RECURSIVE"])
@pytest.mark.parametrize("reads", ["SELECT max(i) AS n FROM b", f"SELECT n FROM b {CLAUSE}", "TABLE b"])
def test_a_name_that_a_list_makes_later_is_no_name_of_the_one_table(word: str, reads: str) -> None:
    query = f"{word} a AS ({reads}), b AS (SELECT 77 AS i) SELECT * FROM a"
    for data, named in (((T,), {}), ((), {"t": T})):
        with pytest.raises(QueryError, match="there is no table b; the WITH list makes it further on") as raised:
            ask(query, *data, **named)
        assert raised.value.column == query.index(" b") + 2
    # As DuckDB has it, a table of that name can be read there.
    assert ask(query, b=T)[-1] == T.num_rows


def test_names_of_outer_lists_and_of_given_tables_stay() -> None:
    query = f"WITH b AS (SELECT 9 AS i) FROM (WITH a AS (SELECT n FROM b {CLAUSE}), b AS (SELECT 1) SELECT * FROM a)"
    assert ask(query, T) == [9]
    assert ask(f"WITH t AS (SELECT * FROM t WHERE i < 4) SELECT n FROM t {CLAUSE}", T) == [3]


def test_a_column_may_be_called_match_recognize() -> None:
    query = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY {0} % 1 AS p ORDER BY {0}, i
        MEASURES FIRST({0}) AS a, B.{0} AS b PATTERN (A B+) DEFINE B AS {0} > PREV({0}) AND {0} IN (2, 3))"""
    table = pa.table({"m": [1, 2, 1, 3], "i": [4, 3, 2, 1]})
    expected = match_recognize(query.format("m"), table)
    assert expected.to_pylist() == [{"p": 0, "a": 1, "b": 3}]
    assert match_recognize(query.format("match_recognize"), table.rename_columns(["match_recognize", "i"])) == expected
