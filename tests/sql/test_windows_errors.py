"""What is refused of row patterns in windows: the error says what was found, where, and what to write instead."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.distributed.plan import table_named
from rowpattern.errors import QueryError, QuerySyntaxError, RowPatternError, UnsupportedQueryError

TABLE = pa.table({"id": [1, 2, 3], "x": [3, 2, 1], "p": ["a", "a", "b"]})
FRAME = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"
WHOLE = f"ORDER BY id MEASURES LAST(x) AS m {FRAME} PATTERN (A B*) DEFINE B AS x < PREV(x)"


def refused(query: str, kind: type[RowPatternError] = RowPatternError, table: pa.Table = TABLE) -> RowPatternError:
    with pytest.raises(kind) as caught:
        match_recognize(query, t=table)
    return caught.value


# The window's text, a part of the message, and the text at which the error points.
WINDOWS = [
    (WHOLE.replace(FRAME, ""), "expected the frame; write ROWS BETWEEN CURRENT ROW AND", "PATTERN"),
    (WHOLE.replace("ROWS BETWEEN", "RANGE BETWEEN"), "has a frame of rows, not RANGE", "RANGE"),
    (WHOLE.replace("ROWS BETWEEN", "GROUPS BETWEEN"), "has a frame of rows, not GROUPS", "GROUPS"),
    (WHOLE.replace("CURRENT ROW AND", "1 PRECEDING AND"), "begins at the current row", "1 PRECEDING"),
    (WHOLE.replace("CURRENT ROW AND", "UNBOUNDED PRECEDING AND"), "begins at the current row", "UNBOUNDED PRECEDING"),
    (WHOLE.replace("UNBOUNDED FOLLOWING", "2 PRECEDING"), "ends at or behind the current row", "PRECEDING"),
    (WHOLE.replace(FRAME, f"{FRAME} EXCLUDE TIES"), "has no EXCLUDE", "EXCLUDE"),
    (WHOLE.replace("UNBOUNDED FOLLOWING", "-1 FOLLOWING"), "below 0", "-1"),
    (WHOLE.replace("UNBOUNDED FOLLOWING", "'two' FOLLOWING"), "of the type string; it must be a whole number", "'two'"),
    (WHOLE.replace("UNBOUNDED FOLLOWING", "nullif(x, 2) FOLLOWING"), "is NULL in some row", "nullif"),
    (WHOLE.replace("UNBOUNDED FOLLOWING", "y FOLLOWING"), "there is no column y", "y FOLLOWING"),
    (WHOLE.replace(FRAME, f"ONE ROW PER MATCH {FRAME}"), "has no ONE ROW or ALL ROWS PER MATCH", "ONE"),
    (WHOLE.replace(FRAME, f"{FRAME} ALL ROWS PER MATCH"), "has no ONE ROW or ALL ROWS PER MATCH", "ALL"),
    (f"ORDER BY id {FRAME} MEASURES LAST(x) AS m PATTERN (A)", "MEASURES cannot stand here; the order is", "MEASURES"),
    (f"ORDER BY id MEASURES LAST(x) AS m {FRAME} DEFINE A AS x > 1", "PATTERN (...) is missing", "DEFINE"),
    (f"ORDER BY id MEASURES LAST(x) AS m {FRAME}", r"expected PATTERN \(...\)", ")"),
    (WHOLE.replace("PATTERN (A B*)", "PATTERN (^ A B*)"), r"\^ and \$ cannot stand in the pattern of a window", "^"),
    (WHOLE.replace("PATTERN (A B*)", 'PATTERN (A "^" B* $)'), r"\^ and \$ cannot stand", "$"),
    (WHOLE.replace("LAST(x)", "MATCH_NUMBER()"), r"MATCH_NUMBER\(\) cannot stand in a window", "MATCH_NUMBER"),
    (WHOLE.replace("x < PREV(x)", "x < MATCH_NUMBER()"), r"MATCH_NUMBER\(\) cannot stand in a window", "MATCH_NUMBER"),
    (WHOLE.replace("x < PREV(x)", "x < FINAL LAST(x)"), "FINAL cannot stand in DEFINE", "FINAL"),
    (WHOLE.replace("x < PREV(x)", "x < m OVER w"), "a window cannot stand in a window with a row pattern", "OVER"),
    (WHOLE.replace("LAST(x)", "lag(x) OVER (ORDER BY id)"), "a window cannot stand in a window with a row", "OVER"),
    (WHOLE.replace("UNBOUNDED FOLLOWING", "(SELECT 1) FOLLOWING"), "a subquery cannot be the number of", "(SELECT"),
    (WHOLE.replace("x < PREV(x)", "x < (SELECT t.x)"), "subquery: ", "(SELECT"),
    (WHOLE.replace("LAST(x)", "LAST(z)"), "there is no column z", "z)"),
    (WHOLE.replace("LAST(x)", "LAST(C.x)"), "no variable C", "C.x"),
    (WHOLE.replace("PATTERN", "WITHIN INTERVAL 1 HOUR PATTERN"), "WITHIN cannot stand here; the order is", "WITHIN"),
    (WHOLE.replace("AS m", "AS m, 1 AS M"), "MEASURES has M twice", "1 AS M"),
    (WHOLE.replace("DEFINE B", "DEFINE C"), "no variable C", "C AS"),
    (WHOLE.replace("PATTERN (A B*)", "PATTERN (A B"), "never closed", "("),
    (WHOLE.replace("PATTERN", "AFTER MATCH SKIP TO FIRST C PATTERN"), "no variable C", "AFTER"),
    (WHOLE.replace("ORDER BY id", "ORDER BY LAST(id)"), "ORDER BY takes expressions over one row", "LAST(id)"),
]


@pytest.mark.parametrize(("window", "message", "at"), WINDOWS)
def test_windows(window: str, message: str, at: str) -> None:
    query = f"SELECT id, m OVER ({window}) FROM t"
    error = refused(query)
    assert message.replace("\\", "") in str(error).replace("\n", " "), str(error)
    if at == "(":
        return
    begin = query.index(window)
    place = query.index(at, begin) if at != ")" else begin + len(window)
    line = getattr(error, "line", 0)
    column = getattr(error, "column", None)
    if column is not None and line:
        assert query[column - 1 :].startswith(at), (query[column - 1 : column + 20], query[place : place + 20])
    else:
        assert f"column {place + 1})" in str(error)


# Whole queries, the kind of error, and a part of the message.
CALLS = [
    (f"SELECT n OVER w FROM t WINDOW w AS ({WHOLE})", QueryError, "the window w has no measure n; the only one is m"),
    (f"SELECT n OVER ({WHOLE}) FROM t", QueryError, "the window has no measure n"),
    (f"SELECT t.m OVER w FROM t WINDOW w AS ({WHOLE})", QuerySyntaxError, "called by its name alone; write m OVER"),
    (f"SELECT RUNNING m OVER w FROM t WINDOW w AS ({WHOLE})", QuerySyntaxError, "RUNNING and FINAL stand in MEASURES"),
    ("SELECT m OVER w FROM t WINDOW w AS (ORDER BY id)", QuerySyntaxError, "the window w has no MEASURES"),
    (f"SELECT m OVER ww FROM t WINDOW w AS ({WHOLE})", QuerySyntaxError, "no window ww; did you mean w?"),
    ("SELECT m OVER w FROM t", QuerySyntaxError, "there is no window w; write WINDOW w AS"),
    (f"SELECT id FROM t WHERE m OVER w > 1 WINDOW w AS ({WHOLE})", QueryError, "cannot stand in WHERE.*write QUALIFY"),
    (f"SELECT p FROM t GROUP BY p HAVING m OVER w > 1 WINDOW w AS ({WHOLE})", QueryError, "cannot stand in HAVING"),
    (f"SELECT 1 FROM t GROUP BY m OVER w WINDOW w AS ({WHOLE})", QueryError, "cannot stand in GROUP BY"),
    (f"SELECT id FROM t JOIN t u ON m OVER w > 1 WINDOW w AS ({WHOLE})", QueryError, "cannot stand in a condition of"),
    (f"SELECT id FROM t LIMIT m OVER ({WHOLE})", QueryError, "cannot stand in LIMIT"),
    (f"SELECT sum(m OVER w) FROM t WINDOW w AS ({WHOLE})", QueryError, "a window cannot stand in an aggregate"),
    (f"SELECT sum(m OVER w) OVER w FROM t WINDOW w AS ({WHOLE})", QueryError, "a window cannot stand in another one"),
    (
        f"SELECT sum(x) OVER (ORDER BY m OVER w) FROM t WINDOW w AS ({WHOLE})",
        QueryError,
        "window functions are not allowed in window definitions",
    ),
    (f"SELECT m OVER (w) FROM t WINDOW w AS ({WHOLE})", QuerySyntaxError, "the window w has a frame.*write OVER w"),
    (f"SELECT 1 FROM t WINDOW w AS ({WHOLE}), v AS (w ORDER BY x)", QuerySyntaxError, "the window w has a frame"),
    (f"SELECT 1 FROM t WINDOW w AS ({WHOLE}), v AS (w {WHOLE[12:]})", QuerySyntaxError, "the window w has a frame"),
    (f"SELECT 1 FROM t WINDOW w AS ({WHOLE}), w AS ({WHOLE})", QuerySyntaxError, "WINDOW defines w twice"),
    (f"SELECT m OVER w FROM t WINDOW w AS ({WHOLE}), W AS (ORDER BY x)", QuerySyntaxError, "WINDOW defines W twice"),
    (f"SELECT m OVER w FROM t WINDOW w AS (ORDER BY x), w AS ({WHOLE})", QuerySyntaxError, "WINDOW defines w twice"),
    (f"SELECT m OVER w FROM t WINDOW w AS ({WHOLE}), v AS (), v AS ()", QuerySyntaxError, "WINDOW defines v twice"),
    (f"SELECT 1 FROM t WINDOW v AS (), w AS ({WHOLE}), V AS ()", QuerySyntaxError, "WINDOW defines V twice"),
    (f"SELECT 1 FROM t WINDOW w AS (), W AS ({WHOLE})", QuerySyntaxError, "WINDOW defines W twice"),
    (f"SELECT 1 FROM t WINDOW v AS (w {WHOLE}), w AS (ORDER BY id)", QuerySyntaxError, "there is no window w before"),
    (
        f"SELECT 1 FROM t WINDOW w AS (PARTITION BY p), v AS (w PARTITION BY p {WHOLE})",
        QuerySyntaxError,
        "extends w and so has its PARTITION BY",
    ),
    (
        f"SELECT 1 FROM t WINDOW w AS (ORDER BY p), v AS (w {WHOLE})",
        QuerySyntaxError,
        "extends w, which has an ORDER BY already",
    ),
    (
        f"SELECT 1 FROM t WINDOW w AS (ORDER BY id {FRAME}), v AS (w {WHOLE[12:]})",
        QuerySyntaxError,
        "the window w has a frame, so that no other can extend it; leave its frame out",
    ),
    (f"SELECT unnest([1, 2]), m OVER ({WHOLE}) FROM t", UnsupportedQueryError, "unnest.*in a query around this one"),
    (f"SELECT m OVER ({WHOLE}), COLUMNS(*) + m OVER ({WHOLE}) FROM t", UnsupportedQueryError, "write the columns"),
    (f"SELECT m OVER ({WHOLE}), sum(x) FROM t GROUP BY ALL", UnsupportedQueryError, "GROUP BY ALL.*name the keys"),
    (
        f"WITH RECURSIVE r AS (SELECT 1 AS id, 1 AS x UNION ALL SELECT id + 1, m OVER ({WHOLE}) FROM r) FROM r",
        UnsupportedQueryError,
        "cannot stand in a recursive query",
    ),
    (
        f"SELECT (SELECT max(m) FROM (SELECT m OVER ({WHOLE}) AS m FROM t i WHERE i.id = t.id) q) FROM t",
        QueryError,
        "not found.*reads no column of a query around it",
    ),
    (f"SELECT no_such(x) OVER w FROM t WINDOW w AS ({WHOLE})", QueryError, "no function|does not exist"),
    (f"SELECT read_csv(x) OVER w FROM t WINDOW w AS ({WHOLE})", QueryError, "no function|does not exist"),
    (f"SELECT main.sum(x) OVER w FROM t WINDOW w AS ({WHOLE})", QuerySyntaxError, "expected the call of a function"),
    (f"SELECT m OVER ({WHOLE}) FROM 'secret.parquet'", QueryError, "there is no table secret.parquet"),
    (f'SELECT m OVER ({WHOLE}) FROM "rowpattern windows 0"', UnsupportedQueryError, "is taken"),
]


@pytest.mark.parametrize(("query", "kind", "message"), CALLS)
def test_calls(query: str, kind: type[RowPatternError], message: str) -> None:
    with pytest.raises(kind, match=f"(?s){message}"):
        match_recognize(query, t=TABLE)


@pytest.mark.parametrize(
    ("shown", "kind", "message"),
    [
        ("(m OVER w)::DATE", QueryError, "casting from source column m OVER w"),
        ("(m OVER w).foo", QueryError, "from expression m OVER w because"),
        ("nullif(m OVER w, name)", QueryError, "casting from source column name"),
        ("alias(x) || (m OVER w)", UnsupportedQueryError, r"alias\(...\) cannot stand.*write the text"),
        ("alias(sum(x) OVER w)", UnsupportedQueryError, r"alias\(...\) cannot stand.*write the text"),
    ],
)
def test_errors_have_the_query_s_own_words(shown: str, kind: type[RowPatternError], message: str) -> None:
    """No name that stands between the halves of a SELECT comes out."""
    table = pa.table({"id": [1, 2], "x": [3, 1], "name": ["a", "b"]})
    error = refused(f"SELECT {shown} FROM t WINDOW w AS ({WHOLE})", kind, table)
    assert re.search(message, str(error), re.DOTALL), str(error)
    assert "rowpattern " not in str(error)


def test_too_many_windows() -> None:
    calls = ", ".join(f"m OVER ({WHOLE}) AS m{at}" for at in range(101))
    with pytest.raises(QuerySyntaxError, match="more than 100 windows"):
        match_recognize(f"SELECT {calls} FROM t", t=TABLE)


def test_a_stream_is_refused() -> None:
    with pytest.raises(UnsupportedQueryError, match=r"not answered as a stream.*leave out stream"):
        match_recognize(f"SELECT m OVER ({WHOLE}) FROM t", TABLE, stream=True)


def test_tasks_of_clusters_are_refused() -> None:
    with pytest.raises(UnsupportedQueryError, match="cannot be spread; write MATCH_RECOGNIZE"):
        table_named(f"SELECT m OVER ({WHOLE}) FROM t")


def test_errors_of_conditions_name_the_variable_as_the_query_has_it() -> None:
    window = WHOLE.replace("x < PREV(x)", "PREV(x)::VARCHAR")
    error = refused(f"SELECT m OVER ({window.replace('A B*', 'B+')}) FROM t", QueryError)
    assert "condition of B is of the type" in str(error)


def test_words_of_windows_are_still_names() -> None:
    table = pa.table({"measures": [1, 2], "pattern": [3, 4], "define": [5, 6], "seek": [1, 1], "over": [7, 8]})
    query = """SELECT sum(measures) OVER (PARTITION BY seek ORDER BY define, "pattern") AS s, over, "over" AS window_
        FROM t ORDER BY measures"""
    assert match_recognize(query, t=table).to_pydict() == {"s": [1, 3], "over": [7, 8], "window_": [7, 8]}
    assert rowpattern.match_recognize("SELECT measures AS seek FROM t ORDER BY 1", t=table).num_rows == 2
