"""Errors of functions and operators that are given values of types which they do not take."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.duckdb.exchange import message_of
from rowpattern.sql.duckdb.names import quoted

TABLE = pa.table({"x": [1], "s": ["a"], "d": pa.array([0], pa.timestamp("us")), "l": [[1]], "r": [{"a": 1}]})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("x + s", "there is no BIGINT + VARCHAR; cast one of the two, as in CAST(x AS DOUBLE)"),
        ("d + 1", "there is no TIMESTAMP + INTEGER; write an interval in the place of the number, as INTERVAL 1 DAY"),
        ("d - s", "there is no TIMESTAMP - VARCHAR; cast one of the two, as in CAST(x AS TIMESTAMP)"),
        ("l + 1", "there is no BIGINT[] + INTEGER; take a part of what has several, as in x[1] or x.name"),
        ("r + 1", "there is no STRUCT(a BIGINT) + INTEGER; take a part of what has several"),
        ("x LIKE 'a'", "there is no BIGINT LIKE VARCHAR; cast one of the two, as in CAST(x AS VARCHAR)"),
        ("x NOT LIKE 'a'", "there is no BIGINT NOT LIKE VARCHAR; cast one of the two, as in CAST(x AS VARCHAR)"),
        ("-s", "there is no - VARCHAR; cast it to a number"),
        ("upper(x)", "there is no upper(BIGINT); it takes (VARCHAR); cast what is given, as in CAST(x AS VARCHAR)"),
        ("substring(x, 1)", "there is no substring(BIGINT, INTEGER); it takes (VARCHAR, a number); cast what"),
        ("abs(x, x)", "there is no abs(BIGINT, BIGINT); it takes (a number) (line 1"),
        ("upper(r)", "there is no upper(STRUCT(a BIGINT)); it takes (VARCHAR)"),
        ("date_trunc('day', x)", "there is no date_trunc(VARCHAR, BIGINT); write date_trunc('day', x), with the unit"),
        ("x[1]", "there is no array_extract(BIGINT, INTEGER); write PREV(x) for the row before"),
    ],
)
def test_the_types_and_what_to_write(call: str, message: str) -> None:
    for name, clause in (
        ("measure m", f"MEASURES {call} AS m PATTERN (A)"),
        ("DEFINE A", f"MEASURES 1 AS m PATTERN (A) DEFINE A AS ({call}) IS NULL"),
    ):
        with pytest.raises(rowpattern.QueryError) as caught:
            match_recognize(f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x {clause})", TABLE)
        assert f"{name}: {message}" in str(caught.value)
        assert len(str(caught.value).split("\n")) == 3


def test_messages_of_all_functions_are_short() -> None:
    """DuckDB lists all forms of each, some of more than 2,000 characters."""
    connection = duckdb.connect()
    names = connection.sql("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar'")
    seen = 0
    for (name,) in names.fetchall():
        for types in ("{'a': 1}", "[1], {'a': 1}", "1, 'a', {'a': 1}"):
            try:
                connection.sql(f"SELECT {quoted(name)}({types})")
            except duckdb.BinderException as error:
                message = message_of(str(error))
                if "No function matches" in str(error):
                    seen += 1
                    assert message.startswith("there is no ")
                    assert "\n" not in message
                    assert len(message) < 400
            except duckdb.Error:
                # It takes them.
                continue
    assert seen > 500
