"""Random clauses over few rows of all types, asked again: the answer, or the error, of the ordinary way."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import random
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from ways_taken import way_taken

import rowpattern
from rowpattern import match_recognize

QUERIES = 150
CALLED = "rowpattern.sql.execute.output.answer_few_rows"
CALLED_AGAIN = "rowpattern.sql.execute.query.answer_again"

_WHOLE = [None, 0, 1, 2, 3, 100]
_TEXTS = [None, "", "a", "ü", "a text of more than twelve bytes"]
# Seconds from 1970 on.
_TIMES = [None, 0, -1, 1_800_000_000]
VALUES: list[tuple[pa.DataType, list[Any]]] = [
    *((kind, _WHOLE) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())),
    *((kind, _WHOLE) for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())),
    *((kind, [None, 1.5, -0.0, 0.0, math.nan, math.inf, -2.5]) for kind in (pa.float32(), pa.float64())),
    *((kind, _TEXTS) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    (pa.bool_(), [None, True, False]),
    (pa.date32(), [None, dt.date(1969, 12, 31), dt.date(2026, 11, 27)]),
    *((pa.timestamp(unit, zone), _TIMES) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC")),
    # Of these there is no plan.
    (pa.decimal128(10, 2), [None, decimal.Decimal("1.25"), decimal.Decimal("-3.00")]),
    (pa.dictionary(pa.int8(), pa.string()), _TEXTS),
    (pa.binary(), [None, b"", b"\x00a"]),
    (pa.time64("us"), [None, dt.time(1), dt.time(2)]),
    (pa.duration("us"), [None, dt.timedelta(1), dt.timedelta(-1)]),
]
MEASURES = (
    "A.x AS a",
    "LAST(B.x) AS b",
    "FIRST(x) AS first",
    "PREV(A.x) AS before",
    "NEXT(LAST(x), 2) AS later",
    "LAST(A.i, 1) AS i",
    "FINAL LAST(y) AS y",
    "CLASSIFIER() AS name",
    "MATCH_NUMBER() AS number",
    "count(*) AS rows",
    "count(B.*) AS bs",
    "LAST(n) AS n",
)
CONDITIONS = (
    "x >= PREV(x)",
    "x IS DISTINCT FROM NEXT(x)",
    "x IS NULL OR n > 2",
    "y <> PREV(y, 2)",
    "n % 2 = 0",
    "n < PREV(n) + 1",
    "true",
    "false",
    "NULL",
    "n BETWEEN 1 AND 3 AND x IS NOT NULL",
    "n > $p",
    "n + $p > PREV(n)",
)
KEYS = ("", "PARTITION BY y ", "PARTITION BY x, y ", "PARTITION BY n ")
ORDERS = (
    "",
    "ORDER BY i ",
    "ORDER BY i DESC ",
    "ORDER BY n NULLS FIRST, i ",
    "ORDER BY x DESC NULLS LAST, y ",
    "ORDER BY y ",
)
PATTERNS = ("A+ B*", "A B? A", "(A | B)+ C?", "A*", "^A B+$", "PERMUTE(A, B?)", "B A+?")
SKIPS = ("PAST LAST ROW", "TO NEXT ROW", "TO LAST A", "TO FIRST B")


def question(chosen: random.Random) -> str:
    """Return a clause over columns i, n, x and y."""
    measures = chosen.sample(MEASURES, chosen.randrange(1, 6))
    defined = [f"{name} AS {chosen.choice(CONDITIONS)}" for name in "AB" if chosen.random() < 0.8]
    pattern = chosen.choice(PATTERNS)
    pattern += " C?" if "C" not in pattern and "$" not in pattern else ""
    define = f"DEFINE {', '.join(defined)}" if defined else ""
    return f"""SELECT * FROM t MATCH_RECOGNIZE ({chosen.choice(KEYS)}{chosen.choice(ORDERS)}
        MEASURES {", ".join(measures)} AFTER MATCH SKIP {chosen.choice(SKIPS)} PATTERN ({pattern}) {define})"""


def table(chosen: random.Random, kinds: list[tuple[pa.DataType, list[Any]]]) -> pa.Table:
    """Return rows in some order; often a part of larger columns, or several chunks."""
    rows, before = chosen.choice([0, 1, 2, 3, 5, 8, 30]), chosen.randrange(3)

    def column(kind: pa.DataType, values: list[Any]) -> pa.Array:
        some = values if chosen.random() < 0.6 else [each for each in values if each is not None]
        made = [chosen.choice(some) for _ in range(rows + before + 1)]
        seconds = pa.timestamp("s") if pa.types.is_timestamp(kind) else None
        return pa.array(made, seconds).cast(kind)

    order = list(range(rows + before + 1))
    if chosen.random() < 0.5:
        chosen.shuffle(order)
    x, y = [column(*each) for each in kinds]
    made = pa.table({"i": order, "x": x, "n": column(pa.int64(), _WHOLE), "y": y}).slice(before, rows)
    if chosen.random() < 0.1:
        made = pa.concat_tables([made[:1], made[1:]])
    return made


def outcome(sql: str, given: Any, parameters: Any) -> Any:
    """Return an answer as something that is equal where all of it is, or what is raised."""
    try:
        answer = match_recognize(sql, given, parameters=parameters)
    except rowpattern.RowPatternError as error:
        return type(error), str(error)
    if isinstance(answer, pd.DataFrame):
        described: Any = [*zip(answer.columns, answer.dtypes)], answer.index, answer.to_dict("list")
    elif isinstance(answer, pl.DataFrame):
        described = answer.schema, answer.to_dict(as_series=False)
    else:
        described = answer.schema, answer.to_pydict()
    # NaN is not equal to itself, and written as a text it is; so is -0.0 another text than 0.0.
    return repr(described)


@pytest.mark.slow
def test_random_clauses(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = way_taken(monkeypatch, "answer_few_rows")
    for seed in range(QUERIES):
        chosen = random.Random(seed)
        sql = question(chosen)
        kinds = [chosen.choice(VALUES[: len(VALUES) - 5 if seed % 4 else len(VALUES)]) for _ in range(2)]
        # The same plan answers for all of these.
        tables = [table(chosen, kinds) for _ in range(3)]
        values = [{"p": chosen.choice([0, 2, -1, 2**40, 1.5, None])} if "$p" in sql else None for _ in tables]
        for convert in (lambda rows: rows, pl.DataFrame, pa.Table.to_pandas):
            given = [convert(each) for each in tables]
            with monkeypatch.context() as patch:
                patch.setattr(CALLED, lambda *_: None)
                patch.setattr(CALLED_AGAIN, lambda *_: None)
                expected = [outcome(sql, *each) for each in zip(given, values)]
            for _ in range(2):
                for at, each in enumerate(zip(given, values)):
                    assert outcome(sql, *each) == expected[at], (seed, sql, given[at], values[at])
    assert sum(planned) > len(planned) / 4
