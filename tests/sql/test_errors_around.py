"""Errors of what stands before and around a clause, which DuckDB finds: they show where in the query that is."""

from __future__ import annotations

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

TABLE = pa.table({"x": [1, 2], "s": ["a", "b"]})
CLAUSE = "MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(x) AS m PATTERN (A+))"


@pytest.mark.parametrize(
    ("query", "message", "place"),
    [
        (f"SELECT * FROM t {CLAUSE} WHERE q > 1", "there is no column q here; did you mean m?", "q >"),
        (f"SELECT * FROM t {CLAUSE} ORDER BY zz", "there is no column zz here; did you mean m?", "zz"),
        (f"SELECT *, sum(m) OVER (PARTITION BY zz) FROM t {CLAUSE}", "there is no column zz here", "zz"),
        (f"SELECT sum(m) FROM t {CLAUSE} HAVING zz", 'column "zz" must appear in the GROUP BY clause', "zz"),
        (f"SELECT * FROM t {CLAUSE} JOIN t USING (zz)", 'Column "zz" does not exist on left side of join!', "zz"),
        (f"SELECT upper(m) FROM t {CLAUSE}", "there is no upper(BIGINT); it takes (VARCHAR)", "upper"),
        (f"SELECT m FROM t {CLAUSE} WHERE m LIKE 'a'", "there is no BIGINT LIKE VARCHAR", "LIKE"),
        (f"SELECT * FROM (SELECT x + s AS x FROM t) {CLAUSE}", "there is no BIGINT + VARCHAR", "+"),
        (f"SELECT * FROM (SELECT xx AS x FROM t) {CLAUSE}", "there is no column xx here; did you mean x", "xx"),
        (f"WITH u AS (SELECT lower(x) AS x FROM t) SELECT * FROM u {CLAUSE}", "there is no lower(BIGINT)", "lower"),
        # What stands in the clause is another thing of that name.
        (f"SELECT s FROM t {CLAUSE.replace('LAST(x)', 'LAST(s)')} WHERE m = 'b'", "there is no column s", "s FROM"),
    ],
)  # fmt: skip
def test_the_place_is_shown(query: str, message: str, place: str) -> None:
    for text in (query, f"-- a comment\n{query}"):
        with pytest.raises(rowpattern.QueryError) as caught:
            match_recognize(text, TABLE)
        assert str(caught.value).startswith(message)
        assert caught.value.line == text.count("\n") + 1
        assert caught.value.column == query.index(place) + 1


def test_what_stands_twice_has_no_place() -> None:
    with pytest.raises(rowpattern.QueryError, match="upper") as caught:
        match_recognize(f"SELECT upper(m), upper('a') FROM t {CLAUSE}", TABLE)
    assert (caught.value.line, caught.value.column) == (0, 0)
    with pytest.raises(rowpattern.QueryError, match=r"can only return a single row\.$"):
        # DuckDB's hint is a setting, and settings are locked.
        match_recognize(f"SELECT (SELECT x FROM t) FROM t {CLAUSE}", TABLE)
