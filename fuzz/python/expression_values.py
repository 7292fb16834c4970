"""Writes what DuckDB answers for scalar functions over edge values: the data that `rust/core/tests/functions.rs` reads.

    python fuzz/python/expression_values.py                            # rewrites rust/core/tests/data/expression/
    python fuzz/python/expression_values.py --share 50 --seed 7 --output /tmp/values
    EXPRESSION_VALUES=/tmp/values cargo test --test functions          # the same test over more values

The calls are in `expression_calls.py`, the values that they get in `expression_pools.py`.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import unicodedata
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from expression_calls import CALLS, Call

OUTPUT = Path(__file__).parents[2] / "rust" / "core" / "tests" / "data" / "expression"

HEADER = r"""# What DuckDB {version} answers.
# Written by `python fuzz/python/expression_values.py --share {share} --seed {seed}`.
# A line that begins with `=`: a call's name, its SQL, its arguments' types, its result's type. Then a line for each
# case: arguments and result in physical form (days, microseconds and other units; an interval's months, days and
# microseconds; text after an apostrophe, with \u and a hexadecimal number in braces for some characters), `NULL`, or
# `error`."""

# How whole numbers become values of these types, without going through text.
_ARROW: dict[str, pa.DataType] = {
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP_S": pa.timestamp("s"),
    "TIMESTAMP_MS": pa.timestamp("ms"),
    "TIMESTAMP_NS": pa.timestamp("ns"),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
}


class Encoded(NamedTuple):
    """A column of DuckDB: the Arrow columns that carry it, and the expression that makes it of them."""

    columns: list[pa.Array]
    expression: str


def encode(kind: str, values: list[Any]) -> Encoded:
    """Values in their physical form as Arrow columns; `{}` in the expression stands for a column's name."""
    if kind == "INTERVAL":
        parts = [pa.array([value[place] for value in values], pa.int64()) for place in range(3)]
        return Encoded(parts, "to_months({}::INTEGER) + to_days({}::INTEGER) + to_microseconds({})")
    if kind in _ARROW:
        carrier = _ARROW[kind]
        if pa.types.is_date(carrier):
            return Encoded([pa.array(values, pa.int32()).view(carrier)], "{}")
        if pa.types.is_temporal(carrier):
            return Encoded([pa.array(values, pa.int64()).view(carrier)], "{}")
        return Encoded([pa.array(values, carrier)], "{}")
    if kind.startswith("DECIMAL"):
        scale = int(kind[:-1].split(",")[1])
        with localcontext(prec=60):
            texts = [format(Decimal(value).scaleb(-scale), "f") for value in values]
        return Encoded([pa.array(texts, pa.string())], f"{{}}::{kind}")
    return Encoded([pa.array([str(value) for value in values], pa.string())], f"{{}}::{kind}")


def decode(kind: str) -> str:
    """The expression over a value `v` of a type that Arrow carries in full."""
    if kind == "INTERVAL":
        months = "date_part('year', v) * 12 + date_part('month', v)"
        seconds = "date_part('hour', v)::HUGEINT * 3600000000 + date_part('minute', v) * 60000000"
        return f"concat_ws(' ', {months}, date_part('day', v), {seconds} + date_part('microsecond', v))"
    return "v::VARCHAR" if kind in ("HUGEINT", "UBIGINT", "FLOAT") or kind.startswith("DECIMAL") else "v"


def _is_plain(letter: str) -> bool:
    """Whether nobody takes a character for the end of a line, for part of another one, or the file for a binary one."""
    return letter.isprintable() and letter != "\\" and not unicodedata.combining(letter)


def show(kind: str, value: Any) -> str:
    """A value as the data files have it."""
    if kind == "VARCHAR":
        return "'" + "".join(letter if _is_plain(letter) else f"\\u{{{ord(letter):x}}}" for letter in value)
    if kind == "INTERVAL" and isinstance(value, tuple):
        return " ".join(map(str, value))
    if kind == "BOOLEAN":
        return str(value).lower()
    return str(value)


def physical(kind: str, column: pa.Array) -> list[str | None]:
    """The values of an answer's column as the data files have them."""
    if pa.types.is_date(column.type):
        column = column.view(pa.int32())
    elif pa.types.is_temporal(column.type):
        column = column.view(pa.int64())
    values = column.to_pylist()
    if kind.startswith("DECIMAL"):
        with localcontext(prec=60):
            scale = int(kind[:-1].split(",")[1])
            values = [None if value is None else int(Decimal(value).scaleb(scale)) for value in values]
    return [None if value is None else show(kind, value) for value in values]


def rows_of(call: Call, share: float, chance: random.Random) -> list[tuple[Any, ...]]:
    """Every combination of the edge values, or as many as wanted of them, and random values where more are wanted."""
    pools = [pool.edges for pool in call.arguments]
    total = math.prod(map(len, pools))
    wanted = max(4, round(call.cases * share))
    if total <= wanted:
        rows = list(itertools.product(*pools))
    else:
        numbers = chance.sample(range(total), wanted)
        rows = []
        for number in numbers:
            row, rest = [], number
            for pool in pools:
                rest, place = divmod(rest, len(pool))
                row.append(pool[place])
            rows.append(tuple(row))
    if wanted > total:
        rows += [tuple(pool.random(chance) for pool in call.arguments) for _ in range(wanted - total)]
    return rows


def answers(connection: duckdb.DuckDBPyConnection, call: Call, rows: list[tuple[Any, ...]]) -> tuple[str, list[str]]:
    """The type of a call's result, and its results: a value, `NULL`, or `error`."""
    columns: dict[str, pa.Array] = {"i": pa.array(range(len(rows) + 1), pa.int64())}
    expressions = []
    for place, pool in enumerate(call.arguments):
        encoded = encode(pool.kind, [row[place] for row in rows])
        names = [f"c{place}_{part}" for part in range(len(encoded.columns))]
        for name, column in zip(names, encoded.columns):
            # A row of NULLs at the end: nothing may be concluded from a column that has none.
            columns[name] = pa.concat_arrays([column, pa.nulls(1, column.type)])
        expressions.append(f"{encoded.expression.format(*names)} AS {'abc'[place]}")
    table = pa.table(columns)
    connection.register("carriers", table)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE given AS SELECT i, {', '.join(expressions)} FROM carriers")
    kind = str(connection.sql(f"SELECT {call.sql} FROM given").types[0])
    value = f"TRY({call.sql}) AS v, TRY(CASE WHEN ({call.sql}) IS NULL THEN 1 ELSE 2 END) AS s"
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE got AS SELECT i, {value} FROM given")
    except duckdb.Error:
        # An error that TRY does not catch: row by row.
        connection.execute(f"CREATE OR REPLACE TEMP TABLE got(i BIGINT, v {kind}, s INTEGER)")
        for row in range(len(rows)):
            try:
                connection.execute(f"INSERT INTO got SELECT i, {value} FROM given WHERE i = {row}")
            except duckdb.Error:  # noqa: PERF203 - which row has the error is the question
                connection.execute(f"INSERT INTO got VALUES ({row}, NULL, NULL)")
    result = connection.sql(
        f"SELECT CASE WHEN v IS NOT NULL THEN {decode(kind)} END AS v, s FROM got WHERE i < {len(rows)} ORDER BY i"
    ).to_arrow_table()
    values = physical(kind, result.column("v").combine_chunks())
    states = result.column("s").to_pylist()
    # No state is an error, the state 1 is NULL.
    return kind, ["error" if state is None else value or "NULL" for value, state in zip(values, states)]


def connect() -> duckdb.DuckDBPyConnection:
    """A database whose answers depend on the calls alone."""
    connection = duckdb.connect()
    connection.execute("PRAGMA disable_optimizer")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def main() -> None:
    """Writes a file for each family of calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.13, help="how many times the cases that a call names")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--only", default="", help="a part of the calls' names")
    options = parser.parse_args()
    connection = connect()
    texts: dict[str, list[str]] = {}
    for call in CALLS:
        if options.only not in call.name:
            continue
        # The same cases for a call whatever other calls there are.
        rows = rows_of(call, options.share, random.Random(f"{options.seed} {call.name} {call.cases}"))
        result, found = answers(connection, call, rows)
        kinds = ", ".join(pool.kind for pool in call.arguments)
        lines = texts.setdefault(call.family, [])
        lines.append(f"= {call.name}\t{call.sql}\t{kinds}\t{result}")
        for row, value in zip(rows, found):
            given = [show(pool.kind, value) for pool, value in zip(call.arguments, row)]
            lines.append("\t".join([*given, value]))
    options.output.mkdir(parents=True, exist_ok=True)
    for family, lines in texts.items():
        header = HEADER.format(version=duckdb.__version__, share=options.share, seed=options.seed)
        (options.output / f"{family}.tsv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        print(f"{family}: {len(lines)} lines")


if __name__ == "__main__":
    main()
