"""What is said about queries that are wrong: what, where, and what would be right."""

from __future__ import annotations

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

TABLE = pa.table({"o": [1, 2], "price": [1.0, 2.0], "name": ["a", "b"], "flags": [[1], [2]]})

WRONG = [
    # The text.
    ("ORDER BY o MEASURES price PATTERN (A)", "QuerySyntaxError", "a measure needs a name", "PATTERN (A)"),
    ("ORDER BY o MEASURES price AS p", "QuerySyntaxError", "expected PATTERN (...)", ")"),
    ("ORDER BY o PATERN (A+)", "QuerySyntaxError", "expected PATTERN (...) in place of PATERN", "PATERN"),
    ("ORDER BY o PATTERN (A) DEFINE A price > 1", "QuerySyntaxError", "expected AS and a condition after A", "price"),
    ("ORDER BY o PATTERN (A) MEASURES price AS p", "QuerySyntaxError", "MEASURES cannot stand here", "MEASURES"),
    ("PATTERN (A) ORDER BY o", "QuerySyntaxError", "ORDER BY cannot stand here", "ORDER"),
    ("ONE ROW PER MATCH OMIT EMPTY MATCHES PATTERN (A)", "QuerySyntaxError", "only ALL ROWS PER MATCH takes", "OMIT"),
    ("AFTER MATCH SKIP PATTERN (A)", "QuerySyntaxError", "expected MATCH SKIP PAST LAST ROW", "PATTERN"),
    ("SEEK PATTERN (A)", "QuerySyntaxError", "INITIAL and SEEK are for", "SEEK"),
    ("PATTERN (A) SUBSET U = A", "QuerySyntaxError", "write SUBSET U = (A, B)", "A)"),
    # The pattern.
    ("PATTERN (A B{3,1})", "PatternSyntaxError", "lower bound of this quantifier", "{3,1}"),
    ("PATTERN (A\n  (B", "QuerySyntaxError", "never closed", "(A"),
    ("PATTERN ({- A -}) ALL", "QuerySyntaxError", "ALL cannot stand here", "ALL"),
    (
        "ALL ROWS PER MATCH WITH UNMATCHED ROWS PATTERN ({- A -})",
        "QueryError",
        "cannot stand in the pattern WITH",
        "{-",
    ),
    # Names.
    ("PATTERN (A) DEFINE A AS prise > 1", "QueryError", "no column prise; did you mean price?", "prise"),
    ("MEASURES LAST(A.prise) AS p PATTERN (A)", "QueryError", "no column prise; did you mean price?", "prise"),
    (
        "MEASURES LAST(Q.price) AS p PATTERN (A)",
        "UnknownVariableError",
        "no variable Q; the only one is A",
        "Q.price",
    ),
    ("MEASURES count(A) AS n PATTERN (A)", "QueryError", "A is a variable, not a column; write A with a column", "A)"),
    ("PATTERN (A) DEFINE B AS price > 1", "UnknownVariableError", "no variable B", "B AS"),
    ("MEASURES CLASSIFIER(Z) AS p PATTERN (A)", "UnknownVariableError", "no variable Z", "Z)"),
    ("AFTER MATCH SKIP TO LAST Z PATTERN (A)", "UnknownVariableError", "no variable Z", "AFTER"),
    ("PATTERN (A) SUBSET U = (A, Z)", "UnknownVariableError", "Z", "U ="),
    ("PATTERN (A B) SUBSET A = (B)", "QueryError", "is a primary variable of the row pattern", "A = (B)"),
    ("PATTERN (A) SUBSET U = (A), U = (A)", "QuerySyntaxError", "SUBSET defines U twice", "U = (A)"),
    ("PATTERN (A) DEFINE A AS true, A AS false", "QueryError", "DEFINE defines A twice", "A AS false"),
    ("PATTERN (A) SUBSET U = (A) DEFINE U AS true", "QueryError", "DEFINE cannot define U", "U AS true"),
    ("ORDER BY nothing PATTERN (A)", "QueryError", "no column nothing", "nothing"),
    ("ORDER BY o MEASURES 1 AS o ALL ROWS PER MATCH PATTERN (A)", "QueryError", "two columns o", "1 AS o"),
    ("MEASURES 1 AS x, 2 AS X PATTERN (A)", "QueryError", "two columns X", "2 AS X"),
    # Rules.
    ("MEASURES sum(max(price)) AS p PATTERN (A)", "QueryError", "an aggregate cannot stand inside an aggregate", None),
    ("MEASURES FIRST(sum(price)) AS p PATTERN (A)", "QueryError", "an aggregate cannot stand inside FIRST", None),
    ("MEASURES FIRST(PREV(price)) AS p PATTERN (A)", "QueryError", "PREV cannot stand inside FIRST", None),
    ("MEASURES PREV(NEXT(price)) AS p PATTERN (A)", "QueryError", "NEXT cannot stand inside PREV", None),
    ("MEASURES LAST(A.price + B.o) AS p PATTERN (A B)", "QueryError", "must be of the same variable", None),
    ("MEASURES sum(A.price + B.o) AS p PATTERN (A B)", "QueryError", "must be of the same variable", None),
    ("MEASURES LAST(price, -1) AS p PATTERN (A)", "QueryError", "must be a whole number from 0", None),
    ("MEASURES LAST(price, o) AS p PATTERN (A)", "QueryError", "must be a whole number from 0", None),
    ("MEASURES FIRST() AS p PATTERN (A)", "QueryError", "FIRST takes an expression", None),
    ("MEASURES MATCH_NUMBER(1) AS p PATTERN (A)", "QueryError", "takes no argument", None),
    ("MEASURES FINAL abs(1) AS p PATTERN (A)", "QueryError", "FINAL stands before FIRST, LAST or an aggregate", None),
    ("MEASURES sum(price) OVER () AS p PATTERN (A)", "QueryError", "a window function cannot stand", None),
    ("MEASURES * AS p PATTERN (A)", "QueryError", "* can only stand in", None),
    ("MEASURES A.* AS p PATTERN (A)", "QueryError", "* can only stand in", None),
    ("PATTERN (A) DEFINE A AS FINAL LAST(price) > 1", "QueryError", "FINAL cannot stand in DEFINE", None),
    ("PATTERN (A) DEFINE A AS price > ANY (SELECT 1)", "UnsupportedQueryError", "compare with its max or min", None),
    ("PATTERN (A) DEFINE A AS sum(o) OVER () > 1", "QueryError", "a window function cannot stand", None),
    ("PARTITION BY sum(o) PATTERN (A)", "QueryError", "takes expressions over one row", None),
    ("ORDER BY o PATTERN (A)", "QueryError", "the answer would have no column", "MATCH_RECOGNIZE"),
    # Types, which DuckDB knows.
    (
        "ALL ROWS PER MATCH PATTERN (A) DEFINE A AS name",
        "QueryError",
        "the condition of A is of the type string",
        "A AS name",
    ),
    ("ALL ROWS PER MATCH PATTERN (A) DEFINE A AS name > DATE '2020-01-01'", "QueryError", "DEFINE A: ", "A AS name"),
    ("ALL ROWS PER MATCH PATTERN (A) DEFINE A AS nofunction(price) > 1", "QueryError", "nofunction", "nofunction("),
    ("MEASURES 1 AS one, name + LAST(o) AS p PATTERN (A)", "QueryError", "measure p: ", "name + "),
    ("MEASURES 1 AS one, sum(name) AS p PATTERN (A)", "QueryError", "measure p: ", "sum(name)"),
]


@pytest.mark.parametrize(("text", "kind", "message", "place"), WRONG)
def test_wrong_clauses(text: str, kind: str, message: str, place: str | None) -> None:
    query = f"SELECT *\nFROM t MATCH_RECOGNIZE ({text})"
    with pytest.raises(rowpattern.RowPatternError) as caught:
        match_recognize(query, TABLE)
    shown = str(caught.value)
    assert type(caught.value).__name__ == kind, shown
    assert message in shown
    if place is not None:
        *_, line, caret = shown.splitlines()
        assert line[caret.index("^") :].startswith(place.split("\n")[0]) or place == ")", shown
        assert caret.strip() == "^"
        if isinstance(caught.value, rowpattern.QueryError):
            before = query.split("\n")[: caught.value.line - 1]
            offset = sum(len(each) + 1 for each in before) + caught.value.column - 1
            assert query[offset:].startswith(place)


def test_patterns_past_a_limit() -> None:
    with pytest.raises(rowpattern.PatternTooLargeError, match="line 2"):
        match_recognize("SELECT *\nFROM t MATCH_RECOGNIZE (PATTERN (((A{1,1000}){1,1000}){1,1000}))", TABLE)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT FROM WHERE", r"line 1, column"),
        ("SELECT * FROM t WHERE (o = 1", r"line 1, column"),
        ("SELECT 'open", "not closed"),
        ("SELECT sum(o) OVER (ORDER BY o MEASURES o AS x PATTERN (A) DEFINE A AS true) FROM t", "expected the frame"),
        ("SELECT nothing FROM t", "nothing"),
        ("SELECT * FROM a.t MATCH_RECOGNIZE (PATTERN (A))", "one name, without a schema"),
        ("SELECT nothing FROM t MATCH_RECOGNIZE (MEASURES 1 AS x PATTERN (A))", "no column nothing; the only one is x"),
    ],
)
def test_wrong_queries(query: str, message: str) -> None:
    with pytest.raises(rowpattern.QueryError, match=message):
        match_recognize(query, TABLE)


def test_places_count_lines_and_characters() -> None:
    query = (
        "SELECT 'é' AS s\r\n\tFROM t\n  MATCH_RECOGNIZE (ORDER BY o\n    MEASURES 'é' AS a, LAST(Q.o) AS b PATTERN (A))"
    )
    with pytest.raises(rowpattern.UnknownVariableError) as caught:
        match_recognize(query, TABLE)
    assert str(caught.value).endswith("(line 4, column 29)\n" + query.split("\n")[3] + "\n" + " " * 28 + "^")
