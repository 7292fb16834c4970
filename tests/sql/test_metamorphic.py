"""The same question asked in two ways has one answer, for values of every type: no other system is needed to tell.

`PREV(x)` against `A.x` where the row before is mapped to A; a condition against the same as a measure; a column of one
type against another one's cast to it; the same table from pandas, Polars, Arrow and DuckDB.
"""

from __future__ import annotations

import os
import random
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from matrix_comparison import canonical
from matrix_duckdb import values_of
from matrix_expressions import EXPRESSIONS
from matrix_values import TYPES

pytestmark = pytest.mark.slow

SAMPLE = len(EXPRESSIONS) if os.environ.get("ROWPATTERN_LONG") else 12
CLAUSE = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY i MEASURES {m} AS m PATTERN ({pattern}) DEFINE {d})"


def table_of(kind: str) -> pa.Table:
    values = values_of(kind)
    return values.rows(values.kind.values)


def answer(query: str, table: pa.Table) -> Any:
    """Return partitions and measures, or that it is an error."""
    try:
        found = match_recognize(query, table)
    except rowpattern.QueryError:
        return "an error"
    return dict(zip(found["p"].to_pylist(), canonical(found["m"])))


def sampled(kind: str) -> list[str]:
    """Return some expressions of a type."""
    return random.Random(kind).sample(EXPRESSIONS, SAMPLE)


def written(kind: str, expression: str, x: str, y: str) -> str:
    constant = TYPES[kind].constant
    return expression.format(x=x, y=y, c=constant, k=constant, i="i")


@pytest.mark.parametrize("kind", TYPES)
def test_prev_is_the_row_before_by_its_variable(kind: str) -> None:
    table, answered = table_of(kind), 0
    for expression in sampled(kind):
        by_prev, by_variable = (
            answer(
                CLAUSE.format(
                    m="CLASSIFIER()",
                    pattern="A (B | C)",
                    d=f"A AS i = 0, B AS i = 1 AND ({value})::VARCHAR > '2', C AS i = 1 AND ({value}) IS NULL",
                ),
                table,
            )
            for value in (written(kind, expression, x, "v") for x in ("PREV(v)", "A.v"))
        )
        # Over rows a value is computed where there is no row before, too.
        assert by_prev in (by_variable, "an error"), expression
        answered += by_prev != "an error"
    assert answered


@pytest.mark.parametrize("kind", TYPES)
def test_a_condition_holds_where_it_is_true_as_a_measure(kind: str) -> None:
    table, answered = table_of(kind), 0
    for expression in sampled(kind):
        value = f"({written(kind, expression, 'A.v', 'B.v')})::VARCHAR"
        condition = f"length({value}) % 2 = 1 OR {value} LIKE '%1%'"
        measured = answer(CLAUSE.format(m=condition, pattern="A B", d="B AS true"), table)
        matched = answer(CLAUSE.format(m="count(*)", pattern="A B", d=f"B AS {condition}"), table)
        if "an error" in (measured, matched):
            assert measured == matched, expression
            continue
        assert matched.keys() == {p for p, holds in measured.items() if holds}, expression
        answered += 1
    assert answered


@pytest.mark.parametrize(
    ("kind", "wider", "cast"),
    [
        ("int8", pa.int64(), "TINYINT"),
        ("int32", pa.float64(), "INTEGER"),
        ("uint16", pa.int32(), "USMALLINT"),
        ("int64", pa.decimal128(38, 0), "BIGINT"),
        ("float32", pa.float64(), "FLOAT"),
        ("decimal(9,2)", pa.decimal128(18, 2), "DECIMAL(9,2)"),
        ("date64", pa.timestamp("us"), "DATE"),
        ("timestamp(s)", pa.timestamp("us"), "TIMESTAMP_S"),
        ("timestamp(us)", pa.string(), "TIMESTAMP"),
        ("string", pa.large_string(), "VARCHAR"),
        ("dictionary", pa.string(), "VARCHAR"),
        ("bool", pa.int8(), "BOOLEAN"),
    ],
)
def test_a_column_and_a_cast_to_its_type(kind: str, wider: pa.DataType, cast: str) -> None:
    table, answered = table_of(kind), 0
    other = table.set_column(2, "v", table["v"].cast(wider))
    for expression in sampled(kind):
        one, two = (
            answer(CLAUSE.format(m=written(kind, expression, x, y), pattern="A B", d=f"B AS {condition}"), rows)
            for rows, x, y, own in ((table, "A.v", "B.v", "v"), (other, f"A.v::{cast}", f"B.v::{cast}", f"v::{cast}"))
            for condition in (f"({written(kind, expression, x, own)})::VARCHAR <> '1' OR A.i < i",)
        )
        assert one == two, expression
        answered += one != "an error"
    assert answered


# Of DuckDB's dates, in days.
INFINITE = 2**31 - 1
IN_ALL = ["bool", "int8", "int64", "uint32", "float64", "float32", "string", "date32", "timestamp(us)", "duration(us)"]


@pytest.mark.parametrize("kind", IN_ALL)
def test_the_same_table_from_each_library(kind: str) -> None:
    values = values_of(kind)
    # NaN of pandas is NULL, and only DuckDB has dates that are infinite.
    own = [row for row, each in enumerate(canonical(values.kind.values)) if each not in {"nan", INFINITE}]
    pairs = [a * values.count + b for a in own for b in own]
    table = values.rows(values.kind.values, pairs)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    tables = {
        "pandas": table.to_pandas(types_mapper=pd.ArrowDtype),
        "Polars": pl.from_arrow(table),
        "DuckDB": connection.from_arrow(table),
    }
    answered = 0
    for expression in sampled(kind):
        value = written(kind, expression, "A.v", "v")
        condition = f"B AS ({value}) IS NOT NULL"
        query = CLAUSE.format(m=f"({value.replace('A.v', 'LAST(A.v)')})::VARCHAR", pattern="A B", d=condition)
        expected = answer(query, table)
        for library, given in tables.items():
            try:
                found: Any = match_recognize(query, given)
            except rowpattern.QueryError:
                assert expected == "an error", (library, expression)
                continue
            if library == "pandas":
                found = pa.Table.from_pandas(found, preserve_index=False)
            else:
                found = found.to_arrow() if library == "Polars" else found.to_arrow_table()
            assert dict(zip(found["p"].to_pylist(), canonical(found["m"]))) == expected, (library, expression)
        answered += expected != "an error"
    assert answered
