"""Queries that once failed, and their kinds: a right answer, or one of our errors."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

TABLE = pa.table({"x": [1, 2, 3], "s": ["a", "b", None], "o": [{"i": 1, "x": 5}, {"i": 2, "x": 5}, {"i": 3, "x": 6}]})


def clause(text: str) -> str:
    return f"SELECT * FROM t MATCH_RECOGNIZE ({text})"


def rows(query: str, **tables: Any) -> list[Any]:
    given = tables or {"t": TABLE}
    return [tuple(row.values()) for row in match_recognize(query, **given).to_pylist()]


READS_SETTINGS = "(SELECT string_agg(value, ';') FROM duckdb_settings())"


@pytest.mark.parametrize(
    "measure",
    [
        f'CAST(x AS "oid)::varchar || {READS_SETTINGS} || cast(1 as oid")',
        f'CAST(x AS "DECIMAL(1) || {READS_SETTINGS} || cast(1 as int")',
        f'EXTRACT("day FROM now()) || {READS_SETTINGS} || extract(day" FROM now())',
        f"now() AT TIME ZONE 'UTC' || {READS_SETTINGS}",
        f"date_trunc('day') || {READS_SETTINGS} || ('', now())",
        f'INTERVAL 1 "day || {READS_SETTINGS} || "',
        f'x COLLATE "nocase || {READS_SETTINGS} || x"',
        f'CAST(o AS STRUCT("a" INT) || {READS_SETTINGS})',
    ],
)
def test_no_name_in_quotes_is_another_text(measure: str) -> None:
    for text in (f"MEASURES {measure} AS m PATTERN (A)", f"MEASURES 1 AS m PATTERN (A) DEFINE A AS {measure} IS NULL"):
        with pytest.raises(rowpattern.QueryError):
            match_recognize(clause(text), t=TABLE)


def test_a_name_in_quotes_may_be_any_text() -> None:
    name = f"a: 1)::varchar || {READS_SETTINGS} || list_transform([1], lambda b"
    text = f'MEASURES list_transform([1], lambda "{name}": "{name}" + 1) AS "{name}" PATTERN ("{name}")'
    assert match_recognize(clause(text), t=TABLE).to_pylist() == [{name: [2]}] * 3


CLAUSE = "MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+))"


@pytest.mark.parametrize(
    "query",
    [
        "WITH duckdb_databases AS (SELECT * FROM duckdb_databases) SELECT * FROM duckdb_databases, t {}",
        "WITH c AS (TABLE duckdb_databases) SELECT * FROM c, t {}",
        "SELECT * FROM (TABLE duckdb_databases) AS c, t {}",
        "SELECT (TABLE duckdb_databases), n FROM t {}",
        # A Kelvin sign, whose small letter is k.
        'WITH "duc\u212adb_databases" AS (SELECT 1 AS q) SELECT * FROM duckdb_databases, t {}',
        "WITH c AS (WITH duckdb_databases AS (SELECT 1) SELECT 1) SELECT * FROM c, duckdb_databases, t {}",
        "WITH RECURSIVE c AS (SELECT 1 AS v UNION FROM c), d AS (FROM duckdb_databases) SELECT * FROM d, t {}",
        "SELECT * FROM (WITH duckdb_databases AS (SELECT 1) SELECT 1) AS c, duckdb_databases, t {}",
        "SELECT current_setting('secret_directory') FROM t {}",
        "SELECT * FROM t {} WHERE current_setting('secret_directory') = ''",
        "SELECT * FROM t {} ORDER BY getvariable('x')",
    ],
)
def test_the_catalog_and_settings_are_out_of_reach(query: str) -> None:
    with pytest.raises(rowpattern.QueryError):
        match_recognize(query.format(CLAUSE), t=TABLE)


def test_a_given_table_may_have_a_name_of_the_catalog() -> None:
    given = pa.table({"x": [7]})
    assert rows("SELECT x FROM duckdb_databases", duckdb_databases=given) == [(7,)]
    assert rows(f"SELECT u.x FROM t {CLAUSE} AS m, duckdb_settings AS u", t=TABLE, duckdb_settings=given) == [(7,)]


@pytest.mark.parametrize("name", ["rowpattern answer 0", "ROWPATTERN ANSWER 0", "rowpattern keys", "rowpattern rows"])
def test_names_of_ours_are_refused(name: str) -> None:
    for query in (
        f'WITH "{name}" AS (SELECT 7 AS n) SELECT * FROM t {CLAUSE}',
        f'SELECT * FROM t {CLAUSE} AS m, "{name}"',
        f'SELECT * FROM t {CLAUSE} AS m, (TABLE "{name}")',
        f'SELECT * FROM (SELECT * FROM "{name}") {CLAUSE}',
    ):
        with pytest.raises(rowpattern.QueryError, match="is taken"):
            match_recognize(query, TABLE)


def test_tables_named_keys_and_rows() -> None:
    given = pa.table({"x": [3, 1, 2]})
    query = f"SELECT n, k.x AS k, r.x AS r FROM keys {CLAUSE} AS m, keys AS k, rows AS r ORDER BY k.x, r.x LIMIT 1"
    assert rows(query.replace("count(*)", "sum(x)"), keys=given, rows=given) == [(6, 1, 1)]
    twice = f"SELECT a.n AS a, b.n AS b FROM (SELECT * FROM keys) {CLAUSE} AS a, (SELECT * FROM keys) {CLAUSE} AS b"
    assert rows(twice.replace("count(*)", "sum(x)"), keys=given) == [(6, 6)]


def test_tables_whose_names_differ_in_case_only() -> None:
    with pytest.raises(TypeError, match="have one name"):
        match_recognize("SELECT * FROM t", t=TABLE, T=TABLE)


# What is no expression, or ends too early: one of our errors, with its place.

WRONG = [
    ("MEASURES x AS", None),
    ("MEASURES x AS PATTERN (A)", ")"),
    ("PARTITION BY product(x) MEASURES 1 AS m PATTERN (A)", "product"),
    ("MEASURES 1 AS m PATTERN (A)) |> SELEKT (m", "SELEKT"),
    ("MEASURES (SELECT 1 FROM t MATCH_RECOGNIZE (PATTERN (A))) AS m PATTERN (A)", "MATCH_RECOGNIZE (PATTERN (A)))"),
    ("MEASURES to_char(x, 'YYYY') AS m PATTERN (A)", "to_char"),
    ("MEASURES 1 AS y, PREV(sum(x) IGNORE NULLS) AS m PATTERN (A)", "sum(x)"),
    ("MEASURES 'é' AS é, PREV(sum(x) IGNORE NULLS) AS m PATTERN (A)", "sum(x)"),
    ("MEASURES 1 AS y, x + AS m PATTERN (A)", "+ AS m"),
    ("MEASURES 'हिन्दी' AS y, x + AS m PATTERN (A)", "+ AS m"),
    ("MEASURES 'é' || nosuch AS m PATTERN (A)", "nosuch"),
    ("MEASURES '😀' || nosuch(1) AS m PATTERN (A)", "nosuch"),
    ("MEASURES x y z AS m PATTERN (A)", "y z"),
    ("ORDER BY nosuch.i MEASURES 1 AS m PATTERN (A)", "nosuch"),
    ("ORDER BY A.x MEASURES 1 AS m PATTERN (A)", "A.x"),
    ("PARTITION BY outer_table.x MEASURES 1 AS m PATTERN (A)", "outer_table"),
    ('MEASURES 1 AS "" PATTERN (A)', '""'),
    ("MEASURES $a$ AS m PATTERN (A)", "$a$"),
    ("MEASURES 1) FROM (SELECT 1 AS m PATTERN (A)", ") FROM"),
    ("MEASURES x ≥ 1 AS m PATTERN (A)", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place"), WRONG)
def test_wrong_clauses_are_refused_at_their_place(text: str, place: str | None) -> None:
    for newline in ("\n", "\r\n", " "):
        with pytest.raises(rowpattern.QueryError) as caught:
            match_recognize(clause(f"/* é */{newline}{text}"), t=TABLE)
        shown = str(caught.value)
        assert "(line " in shown
        if place is not None:
            *_, line, caret = shown.split("\n")
            assert line[caret.index("^") :].startswith(place[:20]), shown


def test_half_a_surrogate_pair_is_refused_and_can_be_shown() -> None:
    with pytest.raises(rowpattern.QuerySyntaxError, match=r"line 1, column 48") as caught:
        match_recognize(clause("MEASURES 1 AS \ud800 PATTERN (A)"), t=TABLE)
    str(caught.value).encode()


def test_partitions_by_intervals_and_conditions_that_are_null() -> None:
    day = dt.timedelta(days=1)
    found = rows(clause("PARTITION BY INTERVAL 1 DAY MEASURES count(*) AS m PATTERN (A+)"))
    assert found == [(day, TABLE.num_rows)]
    assert rows(clause("MEASURES 1 AS m PATTERN (A) DEFINE A AS NULL::TIMESTAMPTZ")) == []


@pytest.mark.parametrize(("condition", "expected"), [("count(1) = 3", 3), ("sum(2) = 4", 2), ("count(NULL) > 0", None)])
def test_aggregates_of_constants_in_conditions(condition: str, expected: int | None) -> None:
    found = rows(clause(f"ORDER BY x MEASURES B.x AS m PATTERN (A+ B) DEFINE B AS {condition}"))
    assert found == ([] if expected is None else [(expected,)])


# One scope: a table's name and alias, then the fields of structs.


def test_qualified_names() -> None:
    table = pa.table({"price": [{"day": 3}, {"day": 1}, {"day": 2}], "day": [1, 2, 3]})
    query = "SELECT d FROM price MATCH_RECOGNIZE (ORDER BY price.day MEASURES LAST(day) AS d PATTERN (A))"
    assert rows(query, price=table) == [(1,), (2,), (3,)]
    field = query.replace("FROM price", "FROM price AS p").replace("LAST(day)", "LAST(p.day)")
    assert rows(field, price=table) == [(2,), (3,), (1,)]
    assert rows(clause("PARTITION BY o.x MEASURES count(*) AS n PATTERN (A+)")) == [(5, 2), (6, 1)]


@pytest.mark.parametrize(
    "name", ["range", "at", "left", "right", "full", "glob", "drop", "key", "day", "row", "pattern", "define"]
)
def test_words_that_are_names(name: str) -> None:
    table = pa.table({name: [3, 1, 2]})
    text = (
        f"ORDER BY {name} MEASURES LAST({name}) - {name} AS a, B.{name} AS {name} PATTERN (A+ B) DEFINE B AS {name} > 2"
    )
    assert rows(clause(text), t=table) == [(0, 3)]
    if name not in {"pattern", "define"}:
        assert rows(f"SELECT {name} FROM t MATCH_RECOGNIZE (MEASURES 1 AS {name} PATTERN (A)) LIMIT 1", t=table) == [
            (1,)
        ]


@pytest.mark.parametrize("variable", ["DROP", "RANGE", "AT", "LEFT", "ROW", "KEY", "é", '"a b"'])
def test_words_that_are_variables(variable: str) -> None:
    text = f"MEASURES {variable}.x AS m, CLASSIFIER() AS c PATTERN ({variable} B) DEFINE {variable} AS {variable}.x < 3"
    assert [row[0] for row in rows(clause(text))] == [1]


# What stands around a clause.

AROUND = [
    ("SELECT q.m FROM t AS q (a, b, c) {}", "a", [(3,)]),
    ("SELECT q.m FROM (SELECT x AS a FROM t) q {}", "a", [(3,)]),
    ("SELECT q.m FROM q: t {}", "x", [(3,)]),
    ("SELECT t.m FROM t TABLESAMPLE 100 PERCENT {}", "x", [(3,)]),
    ("SELECT q.z FROM t {} AS q (z)", "x", [(3,)]),
    ("SELECT q.z FROM t {} q (z)", "x", [(3,)]),
    ("SELECT q.m FROM t {} q", "x", [(3,)]),
    ("SELECT count(*) FROM t NATURAL JOIN (SELECT m AS x FROM t {})", "x", [(1,)]),
    ("SELECT count(*) FROM t JOIN (SELECT m AS x FROM t {}) USING (x)", "x", [(1,)]),
    ("SELECT count(*) FROM t {} AS a JOIN t AS b ON a.m = b.x", "x", [(1,)]),
    ("WITH t AS (SELECT 5 AS x) SELECT * FROM t {}", "x", [(5,)]),
    ("WITH t AS (SELECT x + 1 AS x FROM t) SELECT * FROM t {}", "x", [(4,)]),
    ("WITH T AS (SELECT 5 AS x) SELECT * FROM t {}", "x", [(5,)]),
    ("SELECT a.m AS a, b.m AS b FROM t {0} AS a, t {0} AS b", "x", [(3, 3)]),
    ("SELECT n FROM t {} AS a MATCH_RECOGNIZE (MEASURES LAST(a.m) AS n PATTERN (A))", "x", [(3,)]),
    ("SELECT t.n FROM t {} MATCH_RECOGNIZE (MEASURES LAST(t.m) AS n PATTERN (A))", "x", [(3,)]),
    ("SELECT /* FROM */ m -- it's\n\n FROM /**/ t /* ; */ {} -- ;", "x", [(3,)]),
    ("SELECT\r\n m\r\nFROM\r\n t -- \r {}\r\n;", "x", [(3,)]),
    ("SELECT\xa0m\u2003FROM\u3000t\ufeff{}", "x", [(3,)]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "column", "expected"), AROUND)
def test_around_a_clause(query: str, column: str, expected: list[Any]) -> None:
    text = f"MATCH_RECOGNIZE (ORDER BY {column} MEASURES LAST({column}) AS m PATTERN (A+))"
    assert rows(query.format(text)) == expected


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1, t {}",
        "SELECT x, t {} FROM t",
        "SELECT t {}",
        "SELECT * FROM t AS {}",
        "SELECT x FROM t GROUP BY x, t {}",
    ],
)
def test_a_clause_stands_behind_a_table(query: str) -> None:
    with pytest.raises(rowpattern.QuerySyntaxError, match=r"MATCH_RECOGNIZE stands behind|behind AS"):
        match_recognize(query.format(CLAUSE), t=TABLE)


RUNNING = [
    ("RUNNING sum(x)", [1, 3, 6]),
    ("running\t sum (x)", [1, 3, 6]),
    ("RUNNING/* é */sum(x)", [1, 3, 6]),
    ('RUNNING "sum"(x)', [1, 3, 6]),
    ("FINAL\n\nsum(x)", [6, 6, 6]),
    ("'é' || FINAL sum(x)", ["é6", "é6", "é6"]),
    ("RUNNING sum(x) FILTER (WHERE x > 1)", [None, 2, 5]),
    ("FINAL count(*) FILTER (WHERE A.x > 1)", [2, 2, 2]),
    ("FINAL LAST(A.x) - RUNNING FIRST(A.x)", [2, 2, 2]),
]


@pytest.mark.parametrize(("measure", "expected"), RUNNING)
def test_running_and_final(measure: str, expected: list[Any]) -> None:
    query = f"SELECT m FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES {measure} AS m ALL ROWS PER MATCH PATTERN (A+))"
    assert [row[0] for row in rows(query)] == expected


@pytest.mark.parametrize(
    "measure", ['"RUNNING" sum(x)', "RUNNING RUNNING sum(x)", "ﬁnal sum(x)", "RUNNING x", "FINAL (sum(x))"]
)
def test_what_only_looks_like_running_and_final(measure: str) -> None:
    with pytest.raises(rowpattern.QueryError):
        match_recognize(clause(f"MEASURES {measure} AS m PATTERN (A+)"), t=TABLE)


# Long texts of one token: the time is linear, and the number of tokens limited.

_MATCH = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES 1 AS m PATTERN (A) DEFINE A AS "
LONG = {
    "brackets": "(" * (1 << 20),
    "commas": "a," * (1 << 19),
    "signs": "SELECT " + "- " * (1 << 19),
    "quotes": "'" * ((1 << 20) - 1),
    "names": '"a' * (1 << 19),
    "comments": "/*" * (1 << 19),
    "dollar quotes": "".join(f"$a{number}$ " for number in range(110_000)),
    "WITH": "WITH " * 200_000,
    "WITH lists": "WITH "
    + ",".join(f"a{number} AS (SELECT 1)" for number in range(30_000))
    + f" FROM (t) {CLAUSE}" * 99,
    "clauses": f"SELECT * FROM t {CLAUSE}" + f", t {CLAUSE}" * 10_000,
    "clauses behind each other": f"SELECT * FROM t {CLAUSE * 10_000}",
    "words of windows": "SELECT sum(1) OVER (PARTITION BY " + "a MEASURES 1," * 70_000 + "1)",
    "comments of a pattern": "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (" + "/*" * 500_000 + "))",
    "a table of many words": "SELECT * FROM " + "a " * 90_000 + CLAUSE,
    "NOT": _MATCH + "NOT " * 90_000 + "true)",
    "CASE": _MATCH + "CASE WHEN x THEN " * 20_000 + "1" + " END" * 20_000 + ")",
    "casts": _MATCH + "x" + "::int" * 30_000 + ")",
    "fields": _MATCH + "x" + '."x"' * 40_000 + ")",
    "nesting": "SELECT " + "list_transform([1], lambda x: " * 99 + "1" + ")" * 99,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_long_texts_are_refused_soon(text: str) -> None:
    begun = time.thread_time()
    with pytest.raises(rowpattern.RowPatternError):
        match_recognize(text, t=TABLE)
    # In quadratic time each would take minutes.
    assert time.thread_time() - begun < 10


@pytest.mark.parametrize(
    ("measure", "wanted"),
    [
        ("max(A.s::INTEGER)", 12),
        ("list(A.s::INTEGER)", [12]),
        ("count(A.s::INTEGER) + 1", 2),
        ("string_agg(A.s, ',' ORDER BY A.s::INTEGER)", "12"),
        ("count(*) FILTER (WHERE A.s::INTEGER > 1)", 1),
    ],
)
@pytest.mark.parametrize("shown", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH"])
def test_aggregates_do_not_compute_with_rows_of_other_variables(measure: str, wanted: Any, shown: str) -> None:
    table = pa.table({"i": [0, 1], "s": ["12", "none"]})
    query = f"SELECT m FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES {measure} AS m {shown} PATTERN (A B))"
    assert rowpattern.match_recognize(query, table)["m"].to_pylist()[-1] == wanted
