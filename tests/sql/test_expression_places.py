"""An expression means the same wherever it stands, whatever its operands are stored as: queries beside each other.

No value is said to be right here (`test_expression_matrix.py` has DuckDB for that); two ways of asking have to agree.
"""

from __future__ import annotations

import datetime as dt
import decimal
import os
import random
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from matrix_comparison import canonical
from matrix_duckdb import duckdb_answers, taken
from matrix_expressions import EXPRESSIONS
from matrix_values import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

LONG = bool(os.environ.get("ROWPATTERN_LONG"))
SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
# For each type.
ASKED = 1000 if LONG else 5
ROWS = 40


def drawn(kind: str, rng: random.Random) -> pa.Table:
    """Return partitions of rows with any of a type's values."""
    return table_of(kind, [rng.randrange(len(TYPES[kind].values)) for _ in range(ROWS)])


def table_of(kind: str, places: list[int]) -> pa.Table:
    """Return four partitions of rows with a type's values by their numbers."""
    values = TYPES[kind].values  # noqa: PD011 - a field of ours
    rows = range(len(places))
    return pa.table({"p": [4 * row // len(rows) for row in rows], "i": rows, "v": taken(values, places)})


def conditions(kind: str, rng: random.Random) -> list[str]:
    """Return some conditions over two values of a type for which no pair of values is an error."""
    every = list(EXPRESSIONS)
    rng.shuffle(every)
    found = []
    for each in every:
        kind_of = duckdb_answers(kind, each).kind
        condition = each if kind_of == "BOOLEAN" else f"({each}) IS DISTINCT FROM ({each.replace('{x}', '{y}')})"
        answers = duckdb_answers(kind, condition)
        if answers.refused is None and not answers.failed:
            found.append(condition)
        if len(found) == ASKED:
            break
    return found


def written(kind: str, expression: str, x: str, y: str) -> str:
    return expression.format(x=x, y=y, c=TYPES[kind].constant, k=TYPES[kind].constant)


def clause(condition: str, *, pattern: str = "A B", measures: str = "FIRST(i) AS begun, LAST(i) AS ended") -> str:
    return (
        f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY i MEASURES {measures} "
        f"AFTER MATCH SKIP TO NEXT ROW PATTERN ({pattern}) {condition})"
    )


def found(query: str, table: Any) -> list[tuple[Any, ...]]:
    answer = match_recognize(query, table)
    return list(zip(*(canonical(column) for column in answer.columns)))


def questions(kind: str) -> Iterator[tuple[pa.Table, str]]:
    """Give a random table and, one by one, conditions over its values."""
    rng = random.Random(f"{SEED} {kind}")
    table = drawn(kind, rng)
    for expression in conditions(kind, rng):
        yield table, expression


@pytest.mark.parametrize("kind", TYPES)
def test_the_row_before_is_the_one_of_a(kind: str) -> None:
    """`PREV(v)` in the condition of B is `A.v` in the pattern (A B), and so are other ways to that row."""
    for table, expression in questions(kind):
        before = written(kind, expression, "PREV(v)", "v")
        wanted = found(clause(f"DEFINE B AS {before}"), table)
        for x, y in (("A.v", "v"), ("FIRST(v)", "LAST(v)"), ("LAST(v, 1)", "B.v"), ("PREV(LAST(B.v))", "NEXT(A.v)")):
            depends = written(kind, expression, x, y)
            assert found(clause(f"DEFINE B AS {depends}"), table) == wanted, f"{before} and {depends}"
        later = written(kind, expression, "v", "NEXT(v)")
        # The other row's condition.
        assert found(clause(f"DEFINE A AS {later}"), table) == wanted, f"{before} and {later}"


@pytest.mark.parametrize("kind", TYPES)
def test_a_condition_is_the_same_as_a_measure(kind: str) -> None:
    for table, expression in questions(kind):
        condition = written(kind, expression, "A.v", "B.v")
        measured = match_recognize(clause("", measures=f"FIRST(i) AS i, {condition} AS m"), table)
        wanted = [row["i"] for row in measured.to_pylist() if row["m"] is True]
        held = match_recognize(clause(f"DEFINE B AS {condition}", measures="FIRST(i) AS i"), table)
        assert held["i"].to_pylist() == wanted, condition


@pytest.mark.parametrize("kind", TYPES)
def test_loops_read_the_rows_that_they_began_with(kind: str) -> None:
    """Which pairs of values hold is known from DuckDB; which rows are a match is counted out here."""
    rng = random.Random(f"{SEED} loops {kind}")
    count = len(TYPES[kind].values)
    places = [rng.randrange(count) for _ in range(ROWS)]
    table = table_of(kind, places)
    groups = [[row for row, p in enumerate(table["p"].to_pylist()) if p == part] for part in range(4)]
    for expression in conditions(kind, rng):
        truths = duckdb_answers(kind, expression).values.to_pylist()  # noqa: PD011 - a field of ours

        def holds(first: int, row: int, truths: list[Any] = truths) -> bool:
            return truths[places[first] * count + places[row]] is True

        # B+ takes rows as long as they hold with the first one.
        wanted = []
        for group in groups:
            at = 0
            while at < len(group):
                end = at + 1
                while end < len(group) and holds(group[at], group[end]):
                    end += 1
                if end > at + 1:
                    wanted.append((group[at], group[end - 1]))
                at = max(end, at + 1) if end > at + 1 else at + 1
        query = clause(f"DEFINE B AS {written(kind, expression, 'A.v', 'v')}", pattern="A B+")
        query = query.replace("TO NEXT ROW", "PAST LAST ROW")
        assert [row[1:] for row in found(query, table)] == wanted, query

        # A+ takes all rows, and gives back until one holds with the first one.
        wanted = []
        for group in groups:
            for at, first in enumerate(group):
                last = next((row for row in reversed(group[at + 1 :]) if holds(first, row)), None)
                wanted += [] if last is None else [(first, last)]
        query = clause(f"DEFINE B AS {written(kind, expression, 'FIRST(v)', 'v')}", pattern="A+ B")
        assert [row[1:] for row in found(query, table)] == wanted, query


# A type, DuckDB's name of another one that has all of these values, and Arrow's.
CASTS: list[tuple[str, str, pa.DataType]] = [
    ("int8", "BIGINT", pa.int64()),
    ("uint16", "INTEGER", pa.int32()),
    ("uint32", "BIGINT", pa.int64()),
    ("int64", "DECIMAL(38, 0)", pa.decimal128(38, 0)),
    ("int32", "DOUBLE", pa.float64()),
    ("float32", "DOUBLE", pa.float64()),
    ("float16", "FLOAT", pa.float32()),
    ("decimal(9,2)", "DECIMAL(18, 4)", pa.decimal128(18, 4)),
    ("decimal(18,4)", "DECIMAL(38, 10)", pa.decimal128(38, 10)),
    ("date64", "TIMESTAMP", pa.timestamp("us")),
    ("time32(s)", "TIME", pa.time64("us")),
    ("timestamp(s)", "TIMESTAMP", pa.timestamp("us")),
    ("timestamp(ms)", "TIMESTAMP", pa.timestamp("us")),
    ("large_string", "VARCHAR", pa.string()),
    ("string_view", "VARCHAR", pa.string()),
    ("dictionary", "VARCHAR", pa.string()),
    ("ordered categories", "VARCHAR", pa.string()),
    ("fixed_size_binary", "BLOB", pa.binary()),
]


@pytest.mark.parametrize(("kind", "name", "other"), CASTS, ids=lambda each: each if isinstance(each, str) else "")
def test_a_cast_column_is_one_of_the_other_type(kind: str, name: str, other: pa.DataType) -> None:
    rng = random.Random(f"{SEED} {kind}")
    table = drawn(kind, rng)
    twin = table.set_column(2, "v", table["v"].cast(other))
    wide = next(each for each in TYPES if TYPES[each].values.type == other)  # noqa: PD011 - a field of ours
    for expression in conditions(wide, rng):
        for x, y in (("PREV(v)", "v"), ("A.v", "v"), ("FIRST(v)", "LAST(v)")):
            plain = written(wide, expression, x, y)
            cast = written(wide, expression, f"{x}::{name}", f"{y}::{name}")
            queries = [clause(f"DEFINE B AS {plain}"), clause(f"DEFINE B AS {cast}")]
            assert _or_error(queries[0], twin) == _or_error(queries[1], table), cast


def _or_error(query: str, table: Any) -> Any:
    """Return an answer; of the values of the narrower type some may not be of the wider one."""
    try:
        return found(query, table)
    except rowpattern.RowPatternError as error:
        return type(error)


# The same table from each library.

NOON = dt.datetime.fromisoformat("2024-02-29 12:00")
COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "n": (pa.int64(), [3, 2**40 + 1, -1, 3, 0, 7]),
    "b": (pa.int8(), [1, -128, 127, 1, 0, 5]),
    "x": (pa.float64(), [1.5, float("inf"), -0.0, 0.0, 0.1, -3.25]),
    "s": (pa.string(), ["a", "", "é", "a", "Z", "ab"]),
    "f": (pa.bool_(), [True, False, True, True, False, False]),
    "t": (pa.timestamp("us"), [NOON + dt.timedelta(minutes=each) for each in (0, 30, -1440, 0, 44640, 1)]),
    "z": (pa.timestamp("us", "Europe/Berlin"), [NOON + dt.timedelta(days=each) for each in (0, 31, 30, 32, 240, 241)]),
    "d": (pa.duration("us"), [dt.timedelta(hours=each) for each in (1, 0, -30, 1, 24, 2)]),
    "c": (
        pa.decimal128(9, 2),
        [decimal.Decimal(each) for each in ("0.10", "3.00", "-0.20", "0.30", "99.99", "1")],
    ),
    "a": (pa.date32(), [NOON.date() + dt.timedelta(days=each) for each in (0, 1, -29, 0, 366, 2)]),
}

CONDITIONS = [
    "{n} + 1 > {n2}",
    "{n} * 2 = {n2} OR {n} % 2 = 1",
    "{b} < {b2} AND {x} >= {x2}",
    "{x} = {x2} OR {x} / 3 < 0.1",
    "{s} < {s2} OR {s} || 'b' = {s2}",
    "{s} LIKE 'a%' OR {f} IS DISTINCT FROM {f2}",
    "{t2} - {t} <= INTERVAL 1 HOUR",
    "{t2} <= {t} + INTERVAL 1 MONTH AND date_part('hour', {t}) = 12",
    "hour({z}) <> hour({z2})",
    "{z2}::DATE - {z}::DATE > 1",
    "{d} < {d2} OR {d} = INTERVAL 1 HOUR",
    "{c} + {c2} = 3.10 OR {c} * 3 = 0.3",
    "{a} > {a2} OR last_day({a}) = {a}",
    "date_diff('month', {a}, {a2}) = 0",
]
PLACES = [("PREV({})", "{}"), ("A.{}", "{}"), ("FIRST({})", "LAST({})")]


def _nullable(kind: pa.DataType) -> Any:
    return {pa.int64(): pd.Int64Dtype(), pa.int8(): pd.Int8Dtype(), pa.bool_(): pd.BooleanDtype()}.get(kind)


def _relation(table: pa.Table) -> Any:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Europe/Berlin'")
    return connection.from_arrow(table)


LIBRARIES: dict[str, Callable[[pa.Table], Any]] = {
    "arrow": lambda table: table,
    "chunks": lambda table: pa.concat_tables([table.slice(0, 2), table.slice(2)]),
    "pandas": lambda table: table.to_pandas(),
    "pandas, nullable": lambda table: table.to_pandas(types_mapper=_nullable).convert_dtypes(),
    "pandas, pyarrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.from_arrow,
    "polars, lazy": lambda table: pl.from_arrow(table).lazy(),  # type: ignore[union-attr]
    "duckdb": _relation,
}


def same_table(*, nulls: bool) -> pa.Table:
    rows = len(COLUMNS["n"][1])
    columns = {}
    for at, (name, (kind, values)) in enumerate(COLUMNS.items()):
        given = [None if nulls and row == at % rows else value for row, value in enumerate(values)]
        columns[name] = pa.array(given, kind)
    return pa.table({"i": range(rows), **columns})


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("nulls", [False, True], ids=["", "NULL"])
def test_the_same_table_gives_the_same(library: str, nulls: bool) -> None:
    table = same_table(nulls=nulls)
    given = LIBRARIES[library](table)
    for condition in CONDITIONS:
        for x, y in PLACES:
            names = {name: x.format(name) for name in COLUMNS} | {f"{name}2": y.format(name) for name in COLUMNS}
            text = condition.format(**names)
            query = (
                "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES FIRST(i) AS a, LAST(i) AS b "
                f"AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {text})"
            )
            assert _rows(match_recognize(query, given)) == _rows(match_recognize(query, table)), text


@pytest.mark.parametrize("library", LIBRARIES)
def test_aggregates_of_the_same_table(library: str) -> None:
    table = same_table(nulls=False)
    calls = {"sum": "nbxc", "avg": "nbxc", "min": "nbxstzdca", "max": "nbxstzdca", "count": "nbxsftzdca"}
    measures = ", ".join(f"{name}({each}) AS {name}_{each}" for name, columns in calls.items() for each in columns)
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES {measures} PATTERN (A+))"
    wanted, given = match_recognize(query, table), match_recognize(query, LIBRARIES[library](table))
    assert _rows(given) == _rows(wanted)


def _rows(answer: Any) -> list[tuple[Any, ...]]:
    if isinstance(answer, pl.LazyFrame):
        answer = answer.collect()
    if isinstance(answer, pl.DataFrame):
        answer = answer.to_arrow()
    elif isinstance(answer, pd.DataFrame):
        answer = pa.Table.from_pandas(answer, preserve_index=False)
    elif isinstance(answer, duckdb.DuckDBPyRelation):
        answer = answer.to_arrow_table()
    columns = []
    for column in answer.columns:
        if pa.types.is_interval(column.type):
            # DuckDB has no durations.
            lengths = [each.days * 86_400_000_000 + each.nanoseconds // 1000 for each in column.to_pylist()]
            columns.append(lengths)
        else:
            values = column.cast(pa.duration("us")) if pa.types.is_duration(column.type) else column
            columns.append(canonical(values))
    return list(zip(*columns))
