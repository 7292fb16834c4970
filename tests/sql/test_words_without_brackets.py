"""CURRENT_DATE and the like call functions without parentheses, unless a column has the name."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

WORDS = ["current_date", "CURRENT_TIMESTAMP", "Current_Time", "localtime", "localtimestamp"]
TABLE = pa.table({"o": [1, 2], "x": [1, 2]})


@pytest.mark.parametrize("word", WORDS)
def test_it_is_the_clock(word: str) -> None:
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY {word} IS NULL ORDER BY o, {word}
        MEASURES {word} AS m, list(DISTINCT {word}) AS every
        PATTERN (A B) DEFINE B AS {word} IS NOT NULL AND x > A.x)"""
    (row,) = match_recognize(sql, TABLE).to_pylist()
    assert len(row["every"]) == 1
    assert type(row["every"][0]) is type(row["m"])
    if word == "current_date":
        assert abs(row["m"] - dt.datetime.now(dt.timezone.utc).date()) <= dt.timedelta(days=1)


@pytest.mark.parametrize("word", WORDS)
def test_a_column_of_that_name_is_meant(word: str) -> None:
    table = TABLE.append_column(word.lower(), pa.array([7, 8]))
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY {word} DESC
        MEASURES LAST({word}) AS m PATTERN (A B) DEFINE B AS {word} < A.{word})"""
    assert match_recognize(sql, table)["m"].to_pylist() == [7]


@pytest.mark.parametrize("name", ['"current_date"', "A.current_date", "current_user", "session_user"])
def test_other_names_are_columns(name: str) -> None:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {name} AS m PATTERN (A))"
    with pytest.raises(rowpattern.QueryError, match="there is no column"):
        match_recognize(sql, TABLE)
