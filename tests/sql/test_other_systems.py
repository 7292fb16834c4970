"""Words of other systems: the error says what to write here."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.expression.other_functions import INSTEAD_OF_FUNCTIONS

TABLE = pa.table({"i": [1, 2, 3], "v": [1, 2, 3]})
CLAUSE = "MATCH_RECOGNIZE (ORDER BY i {measures} {rows} PATTERN (A+) {behind})"


def query(
    measures: str = "MEASURES count(*) AS n", rows: str = "", behind: str = "", select: str = "SELECT * FROM t"
) -> str:
    return f"{select} {CLAUSE.format(measures=measures, rows=rows, behind=behind)}"


CASES = {
    "BigQuery's options": (query(behind="DEFINE A AS v > 0 OPTIONS (use_longest_match = TRUE)"), 'prefer="longest"'),
    "BigQuery's options without DEFINE": (query(behind="OPTIONS (use_longest_match = TRUE)"), 'prefer="longest"'),
    "Esper's interval": (query(behind="INTERVAL 10 SECONDS"), "write WITHIN INTERVAL ..."),
    "Esper's interval behind DEFINE": (query(behind="DEFINE A AS v > 0 WITHIN 5"), "WITHIN cannot stand here"),
    "all matches": (query(rows="ALL MATCHES"), "write AFTER MATCH SKIP TO NEXT ROW"),
    "Oracle's length of a stream": (
        query(behind="WITHIN 3000 MILLISECONDS"),
        "write INTERVAL 3000 MILLISECONDS",
    ),
    "Oracle's duration": (query(behind="DURATION 10 MINUTES"), "WITHIN INTERVAL 10 SECONDS"),
    "British spelling": (query().replace("RECOGNIZE", "RECOGNISE"), "write MATCH_RECOGNIZE"),
    "skip to next": (query(rows="AFTER MATCH SKIP TO NEXT"), "write AFTER MATCH SKIP TO NEXT ROW"),
    "skip past last": (query(rows="AFTER MATCH SKIP PAST LAST"), "write AFTER MATCH SKIP PAST LAST ROW"),
    "skip to current row": (query(rows="AFTER MATCH SKIP TO CURRENT ROW"), "write AFTER MATCH SKIP TO NEXT ROW"),
    "empty matches alone": (query(rows="SHOW EMPTY MATCHES"), "stands behind ALL ROWS PER MATCH"),
    "qualify": (f"{query()} QUALIFY n > 1", "filter them with WHERE"),
    "an order in FIRST": (query("MEASURES first(v ORDER BY i) AS n"), "arg_min(x, key)"),
    "windows": (query("MEASURES first_value(v) AS n"), "write FIRST(x)"),
    "CLASSIFIER without brackets": (query("MEASURES CLASSIFIER AS n"), "write CLASSIFIER()"),
    "MATCH_NUMBER without brackets": (query("MEASURES MATCH_NUMBER AS n"), "write MATCH_NUMBER()"),
    "a mistyped function": (query("MEASURES CLASIFIER() AS n"), "did you mean classifier or"),
    "an operator of pipes": (query(select="FROM t |> FORK |> "), "FORK is no operator behind |>"),
    "a skip without AFTER": (query(rows="MATCH SKIP PAST LAST ROW"), "write AFTER MATCH SKIP"),
    "unmatched rows alone": (query(rows="WITH UNMATCHED ROWS"), "stands behind ALL ROWS PER MATCH"),
    "a word behind a measure": (query("MEASURES v AS n FOO"), "the next part of the clause in place of FOO"),
    "a pattern without brackets": (query().replace("(A+)", "A+"), "write PATTERN (A ...)"),
    "a mistyped pattern": (query().replace("PATTERN", "PATERN"), "expected PATTERN (...) in place of PATERN"),
    "mistyped measures": (query("MEASURE v AS n"), "did you mean MEASURES?"),
    "a mistyped definition": (query(behind="DEFIN A AS v > 0"), "did you mean DEFINE?"),
    "a mistyped order": (query().replace("ORDER", "PARTITION BY v ODER"), "did you mean ORDER?"),
    "any of a list": (
        query(behind="DEFINE A AS v = ANY ([1, 2])"),
        "or list_contains(list, x) (line 1",
    ),
    "all of a list": (
        query(behind="DEFINE A AS v > ALL ([1, i])"),
        "or list_contains(list, x) (line 1",
    ),
    "a word of SQL as a name": (query("MEASURES LAST(v) AS select"), 'in quotes: "select" (line 1, column'),
    "a word of SQL as a variable": (query("MEASURES LAST(SELECT.v) AS n"), 'in quotes: "SELECT" (line 1, column'),
    "a pattern as a text": (query().replace("(A+)", "'A+'"), "write PATTERN (A+) (line 1, column"),
    "no pattern": (
        query(behind="DEFINE A AS v > 0").replace("PATTERN (A+)", ""),
        "PATTERN (...) is missing",
    ),
    "one row": (query(rows="ONE ROW"), "write ONE ROW PER MATCH"),
    "all rows": (query(rows="ALL ROWS"), "write ALL ROWS PER MATCH"),
    "WHERE in the clause": (query("MEASURES LAST(v) AS n WHERE v > 1"), "write FROM (SELECT * FROM the_table WHERE"),
    "LIMIT in the clause": (query(behind="DEFINE A AS v > 0 LIMIT 3"), "write it behind MATCH_RECOGNIZE (...)"),
    "skip to the last row": (query(rows="AFTER MATCH SKIP TO LAST ROW"), "write AFTER MATCH SKIP PAST LAST ROW"),
    "skip to the first row": (query(rows="AFTER MATCH SKIP TO FIRST ROW"), "write AFTER MATCH SKIP TO NEXT ROW"),
    "a comma behind measures": (query("MEASURES LAST(v) AS n,"), "leave the comma before it out"),
    "a comma behind DEFINE": (query(behind="DEFINE A AS v > 0,"), "leave the comma out"),
    "a subset without brackets": (query(behind="SUBSET U = A"), "write SUBSET U = (A, B)"),
    "a comma in a pattern": (query().replace("A+", "A, B"), "as A B, and PERMUTE(A, B) for any order"),
    "a column as a text": (query("MEASURES PREV('v') AS n"), "'v' is a text; write v without quotes"),
    "rows ahead by PREV": (query("MEASURES PREV(v, -1) AS n"), "NEXT reads in the other direction"),
    "a logical not": (query(behind="DEFINE A AS !(v > 0)"), "write NOT x"),
    "Oracle's clock": (query(behind="DEFINE A AS v < SYSDATE"), "no column SYSDATE; write now()::TIMESTAMP(0)"),
    "a unit as a name": (query("MEASURES date_diff(hour, v, v) AS n"), "a unit of time stands in quotes: 'hour'"),
    "typographic quotes": (query(behind="DEFINE A AS v = ‘x’"), "write 'x' for a text"),  # noqa: RUF001
    "a typographic minus": (query(behind="DEFINE A AS v – 1 > 0"), "a minus is written -"),  # noqa: RUF001
    "C's and": (query(behind="DEFINE A AS v > 0 && v < 9"), "&& is written AND"),
    "C's or": (query(behind="DEFINE A AS v > 9 || v < 1"), "|| is written OR"),
    "a row before by brackets": (query(behind="DEFINE A AS v > v[-1]"), "write PREV(x) for the row before"),
    "a row before of pandas": (query(behind="DEFINE A AS v > v.shift(1)"), "write PREV(x)"),
    "a variable as an offset": (query("MEASURES FIRST(v, A) AS n"), "write FIRST(A.x)"),
    "a variable before a call": (query("MEASURES A.LAST(v) AS n"), "write LAST(A.x)"),
    "Oracle's choice": (query("MEASURES decode(LAST(v), 1, 2, 3) AS n"), "write CASE x WHEN y THEN z ELSE w END"),
    "a column as a unit": (
        query("MEASURES datediff(v, DATE '2024-01-01', DATE '2024-01-02') AS n"),
        "write date_diff('",
    ),
    "a parameter of Python": (query(behind="DEFINE A AS v > :least"), "a parameter is written $name"),
    "a parameter of Python's format": (query(behind="DEFINE A AS v > {least}"), "in the place of {least} write $least"),
    "one around the clause": (query(select="SELECT {n} FROM t"), "in the place of {n} write $n, and give parameters={"),
    "one of a shell": (query(behind="DEFINE A AS v > ${least}"), "in the place of ${least} write $least"),
    "one of a template": (query(behind="DEFINE A AS v > {{ least }}"), "in the place of {{ least }} write $least"),
    "one of psycopg": (query(behind="DEFINE A AS v > %(least)s"), "in the place of %(least)s write $least"),
    "one of psycopg by place": (query(behind="DEFINE A AS v > %s"), "in the place of %s write ?"),
    "one of BigQuery": (query(behind="DEFINE A AS v > @least"), "in the place of @least write $least"),
    "a reserved name before SKIP": (
        query("MEASURES LAST(v) AS both AFTER MATCH SKIP TO NEXT ROW"),
        'both is a word of SQL; as a name write it in quotes: "both"',
    ),
    "nothing selected": (query(select="SELECT FROM t"), "write SELECT * or the columns (line 1, column 1)"),
    "a comment of Python": (f"{query()} # all", "a comment begins with --"),
    "a path in JSON": (query(behind="DEFINE A AS v:a > 0"), "one of JSON x->>'name'"),
    "Oracle's numbers": (query("MEASURES LAST(v)::NUMBER(10, 2) AS n"), "no type NUMBER; write DECIMAL"),
    "Oracle's texts": (query("MEASURES LAST(v)::VARCHAR2(10) AS n"), "no type VARCHAR2; write VARCHAR"),
    "a mistyped type": (query("MEASURES LAST(v)::INTEGR AS n"), "no type INTEGR; write INTEGER"),
    "another statement": (f"CREATE VIEW w AS {query()}", "in place of CREATE (line 1, column 1)"),
    "no table": (query(select="SELECT *"), "write FROM the_table MATCH_RECOGNIZE (...)"),
    "a variable around the clause": (f"{query()} WHERE A.v > 1", "A is a variable, which only its clause has"),
    "Flink's names": (query(select="SELECT * FROM `default`.`t`"), 'in double quotes: "default" (line 1, column 15)'),
    "any of a subquery": (query(behind="DEFINE A AS v > ANY (SELECT 1)"), "compare with its max or min, or use IN"),
}


@pytest.mark.parametrize("name", CASES)
def test_words_of_other_systems(name: str) -> None:
    text, instead = CASES[name]
    with pytest.raises(rowpattern.RowPatternError) as raised:
        match_recognize(text, TABLE)
    assert instead in str(raised.value)


@pytest.mark.parametrize(("name", "instead"), INSTEAD_OF_FUNCTIONS.items())
def test_functions_of_other_systems(name: str, instead: str) -> None:
    """DuckDB does not have them, and has what the error says."""
    for text in (query(f"MEASURES {name}(v) AS n"), query(select=f"SELECT {name}(n) FROM t")):
        with pytest.raises(rowpattern.QueryError) as raised:
            match_recognize(text, TABLE)
        assert f"write {instead}" in str(raised.value)
    if instead.startswith(("LAST", "FINAL", "RUNNING", "PREV", "a column")):
        return
    values = {"x": "TIMESTAMP '2024-01-01'", "y": "TIMESTAMP '2024-01-02'", "z": "NULL", "condition": "TRUE"}
    if "strptime" in instead:
        values["x"] = "'2024-01-01'"
    if "DECIMAL" in instead or "0)" in instead or "to_timestamp" in instead:
        values["x"] = "5"
    if "regexp" in instead:
        values |= {"x": "'a'", "y": "'b'"}
    if instead == "NOT x":
        values["x"] = "TRUE"
    written = re.sub(r"\b[xyz]\b|\bcondition\b", lambda found: values[found[0]], instead)
    assert match_recognize(query(f"MEASURES {written} AS n"), TABLE).num_rows == 1


def test_names_of_arguments_are_not_given_twice() -> None:
    given: list[dict[str, Any]] = [{"define": {"A": "A AS v > 0"}}, {"measures": {"last": "LAST(v) AS last"}}]
    for arguments in given:
        with pytest.raises(rowpattern.QuerySyntaxError, match="leave AS and the name out, as the argument names it"):
            rowpattern.recognize(TABLE, pattern="A+", order_by="i", **arguments)


def test_words_that_are_names_too() -> None:
    """None of these words is reserved."""
    table = pa.table(
        {"options": [1, 2], "duration": [3, 4], "matches": [5, 6], "within": [1, 2], "ignore": [1, 2], "values": [7, 8]}
    )
    text = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY within MEASURES LAST(options) AS omit, sum(duration) AS within,
        FIRST(matches) AS show, LAST(ignore) options, sum(values) AS v PATTERN (OPTIONS DURATION+)
        DEFINE OPTIONS AS options = 1 AND within = 1, DURATION AS duration > PREV(duration) AND ignore > 0)"""
    assert match_recognize(text, table).to_pylist() == [{"omit": 2, "within": 7, "show": 5, "options": 2, "v": 15}]
