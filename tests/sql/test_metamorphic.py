"""The same question asked in two ways has one answer, for values of every type: no other system is needed to tell.

`PREV(x)` against `A.x` where the row before is mapped to A; a condition against the same as a measure; a column of one
type against another one's cast to it; the same table from pandas, Polars, Arrow and DuckDB.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from matrix_comparison import canonical
from matrix_duckdb import duckdb_answers, values_of
from matrix_expressions import EXPRESSIONS
from matrix_values import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

pytestmark = pytest.mark.slow

LONG = bool(os.environ.get("ROWPATTERN_LONG"))
# Of each type, so many expressions that DuckDB takes, and so many that it refuses or that fail for some values.
TAKEN, REFUSED = (len(EXPRESSIONS), len(EXPRESSIONS)) if LONG else (8, 1)
# Of those that DuckDB takes all but the first are asked together, so many by a query.
TOGETHER = 12
# Of each question a copy of the table's rows, in which `e` is its number.
CLAUSE = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY e, p ORDER BY i
    MEASURES {measures} PATTERN (A ({variables})) DEFINE {conditions})"""


class Question(NamedTuple):
    """What is asked of each partition of two rows: the first is mapped to A, the second to a variable of the question.

    Attributes:
        number: tells it from others.
        conditions: of its variables, whose names end in its number.
        measure: what is asked of a match.
    """

    number: int
    conditions: dict[str, str]
    measure: str


def table_of(kind: str) -> pa.Table:
    values = values_of(kind)
    return values.rows(values.kind.values)


def unchanged(table: Any) -> Any:
    return table


def answers(
    questions: Sequence[Question],
    table: pa.Table,
    given: Callable[[pa.Table], Any] = unchanged,
    read: Callable[[Any], pa.Table] = unchanged,
) -> list[Any]:
    """Return what partitions are found and their measures, or that it is an error; each alone where one is.

    Args:
        questions: what is asked, by one query.
        table: the rows.
        given: makes what is asked of them.
        read: makes a table of Arrow of what is answered.
    """
    conditions = {
        name: f"e = {each.number} AND ({condition})" if len(questions) > 1 else condition
        for each in questions
        for name, condition in each.conditions.items()
    }
    query = CLAUSE.format(
        measures=", ".join(f"{each.measure} AS m{each.number}" for each in questions),
        variables=" | ".join(conditions),
        conditions=", ".join(f"{name} AS {condition}" for name, condition in conditions.items()),
    )
    copies = [table.append_column("e", pa.repeat(pa.scalar(each.number), table.num_rows)) for each in questions]
    try:
        found = read(match_recognize(query, given(pa.concat_tables(copies))))
    except rowpattern.QueryError:
        if len(questions) == 1:
            return ["an error"]
        return [answers([each], table, given, read)[0] for each in questions]
    places = list(zip(found["e"].to_pylist(), found["p"].to_pylist()))
    measures = {each.number: canonical(found[f"m{each.number}"]) for each in questions}
    return [
        {p: value for (e, p), value in zip(places, measures[each.number]) if e == each.number} for each in questions
    ]


def sampled(kind: str) -> Iterator[list[tuple[int, str]]]:
    """Give some expressions of a type with their numbers, in groups that are asked together."""
    taken: list[str] = []
    refused: list[str] = []
    for expression in random.Random(kind).sample(EXPRESSIONS, len(EXPRESSIONS)):
        by_duckdb = duckdb_answers(kind, expression)
        fails = by_duckdb.refused is not None or by_duckdb.failed
        (refused if fails else taken).append(expression)
        if len(taken) >= TAKEN and len(refused) >= REFUSED:
            break
    alone = [*taken[:1], *refused[:REFUSED]]
    yield from ([(0, expression)] for expression in alone)
    together = taken[1:TAKEN]
    for begin in range(0, len(together), TOGETHER):
        yield list(enumerate(together[begin : begin + TOGETHER]))


def written(kind: str, expression: str, x: str, y: str) -> str:
    constant = TYPES[kind].constant
    return expression.format(x=x, y=y, c=constant, k=constant, i="i")


@pytest.mark.parametrize("kind", TYPES)
def test_prev_is_the_row_before_by_its_variable(kind: str) -> None:
    table, answered = table_of(kind), 0
    for expressions in sampled(kind):
        by_prev, by_variable = (
            answers(
                [
                    Question(
                        number,
                        {
                            f"B{number}": f"i = 1 AND ({written(kind, expression, x, 'v')})::VARCHAR > '2'",
                            f"C{number}": f"i = 1 AND ({written(kind, expression, x, 'v')}) IS NULL",
                        },
                        "CLASSIFIER()",
                    )
                    for number, expression in expressions
                ],
                table,
            )
            for x in ("PREV(v)", "A.v")
        )
        for (_, expression), by_row, by_match in zip(expressions, by_prev, by_variable):
            # Over rows a value is computed where there is no row before, too.
            assert by_row in (by_match, "an error"), expression
            answered += by_row != "an error"
    assert answered


@pytest.mark.parametrize("kind", TYPES)
def test_a_condition_holds_where_it_is_true_as_a_measure(kind: str) -> None:
    table, answered = table_of(kind), 0
    for expressions in sampled(kind):
        conditions = []
        for number, expression in expressions:
            value = f"({written(kind, expression, 'A.v', f'B{number}.v')})::VARCHAR"
            conditions.append((number, f"length({value}) % 2 = 1 OR {value} LIKE '%1%'"))
        measured = answers([Question(at, {f"B{at}": "true"}, condition) for at, condition in conditions], table)
        matched = answers([Question(at, {f"B{at}": condition}, "count(*)") for at, condition in conditions], table)
        for (_, expression), values, found in zip(expressions, measured, matched):
            if "an error" in (values, found):
                assert values == found, expression
                continue
            assert found.keys() == {p for p, holds in values.items() if holds}, expression
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
    for expressions in sampled(kind):
        one, two = (
            answers(
                [
                    Question(
                        number,
                        {f"B{number}": f"({written(kind, expression, x, own)})::VARCHAR <> '1' OR A.i < i"},
                        written(kind, expression, x, y.format(number)),
                    )
                    for number, expression in expressions
                ],
                rows,
            )
            for rows, x, y, own in (
                (table, "A.v", "B{}.v", "v"),
                (other, f"A.v::{cast}", f"B{{}}.v::{cast}", f"v::{cast}"),
            )
        )
        for (_, expression), ours, theirs in zip(expressions, one, two):
            assert ours == theirs, expression
            answered += ours != "an error"
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
    libraries: dict[str, tuple[Callable[[pa.Table], Any], Callable[[Any], pa.Table]]] = {
        "pandas": (
            lambda rows: rows.to_pandas(types_mapper=pd.ArrowDtype),
            lambda found: pa.Table.from_pandas(found, preserve_index=False),
        ),
        "Polars": (pl.from_arrow, lambda found: found.to_arrow()),
        "DuckDB": (connection.from_arrow, lambda found: found.to_arrow_table()),
    }
    answered = 0
    for expressions in sampled(kind):
        questions = []
        for number, expression in expressions:
            value = written(kind, expression, "A.v", "v")
            measure = f"({value.replace('A.v', 'LAST(A.v)')})::VARCHAR"
            questions.append(Question(number, {f"B{number}": f"({value}) IS NOT NULL"}, measure))
        wanted = answers(questions, table)
        for library, (given, read) in libraries.items():
            found = answers(questions, table, given, read)
            for (_, expression), ours, theirs in zip(expressions, found, wanted):
                assert ours == theirs, (library, expression)
        answered += sum(each != "an error" for each in wanted)
    assert answered
