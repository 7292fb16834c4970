"""Columns of categories, whose dictionaries differ from batch to batch: all pushes together give the batch's answer."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

CLAUSES = (
    """PARTITION BY k ORDER BY at MEASURES FIRST(e) AS first, LAST(e) AS last, max(e) AS most, min(A.e) AS least
        PATTERN (A B+) DEFINE A AS e = 'a', B AS e <> PREV(e)""",
    """PARTITION BY e ORDER BY at MEASURES LAST(e) AS last, CLASSIFIER() AS c ALL ROWS PER MATCH
        PATTERN (A B?) DEFINE A AS k > 'b', B AS k = A.k""",
    """PARTITION BY k, e ORDER BY at MEASURES array_agg(e) AS es, string_agg(e, ',') AS s, count(DISTINCT k) AS d
        PATTERN (A{2}) DEFINE A AS e IS NOT NULL""",
    """ORDER BY at MEASURES PREV(FIRST(e)) AS before, NEXT(LAST(e)) AS behind, A.e || B.e AS pair
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS e > A.e""",
    """PARTITION BY k ORDER BY at MEASURES LAST(e IGNORE NULLS) AS last ALL ROWS PER MATCH WITH UNMATCHED ROWS
        PATTERN (A B*) DEFINE A AS e IS NULL OR e = 'c', B AS e >= 'b'""",
    """PARTITION BY k ORDER BY at MEASURES CASE WHEN count(A.*) > 1 THEN LAST(e) END AS last
        PATTERN (A+) DEFINE A AS count(DISTINCT e) <= 2""",
)
TEXTS = ["a", "b", "c", "", "\u00fc", None]


def encoded(texts: list[str | None], index: pa.DataType, value: pa.DataType, drawn: random.Random) -> pa.Array:
    """Return texts with a dictionary of its own: in an order of its own, with categories that no row has."""
    labels = list({text for text in texts if text is not None} | set(drawn.sample(["q", "r", "a"], 1)))
    drawn.shuffle(labels)
    places = pa.array([None if text is None else labels.index(text) for text in texts], index)
    return pa.DictionaryArray.from_arrays(places, pa.array(labels, pa.string()).cast(value))


def rows_of(table: Any) -> Counter[str]:
    plain = table.to_arrow() if isinstance(table, pl.DataFrame) else table
    return Counter(repr(row) for row in plain.to_pylist())


@pytest.mark.parametrize("value", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("clause", CLAUSES)
def test_all_pushes_give_the_answer_of_the_batch(clause: str, value: pa.DataType) -> None:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({clause})"
    drawn = random.Random(f"{clause}{value}")
    for kind in ("table", "batch", "polars", "table"):
        index = drawn.choice([pa.int8(), pa.uint16(), pa.int32(), pa.int64()])
        keys = pa.dictionary(index, value) if kind == "table" else pa.string()
        schema = pa.schema({"k": keys, "at": pa.int64(), "e": pa.dictionary(index, value)})
        count = drawn.choice([1, 12, 40])
        k, e = drawn.choices(TEXTS, k=count), drawn.choices(TEXTS, k=count)
        expected = rows_of(match_recognize(sql, pa.table({"k": k, "at": range(count), "e": e})))
        query, found = rowpattern.continuous(sql, schema), Counter[str]()
        cuts = [0, *sorted(drawn.choices(range(count + 1), k=4)), count]
        for first, end in zip(cuts, cuts[1:]):
            part = slice(first, end)
            given = k[part] if pa.types.is_string(keys) else encoded(k[part], index, value, drawn)
            columns = [pa.array(given), pa.array(range(first, end), pa.int64()), encoded(e[part], index, value, drawn)]
            batch: Any = pa.record_batch(columns, schema=schema)
            if kind != "batch":
                batch = pa.table(batch)
            found += rows_of(query.push(pl.from_arrow(batch) if kind == "polars" else batch))
            if drawn.random() < 0.3:
                query = rowpattern.continuous.restore(query.checkpoint(), sql)
        assert found + rows_of(query.finish()) == expected


def test_streams_take_dictionaries_of_views() -> None:
    """Arrow can neither cast such dictionaries nor take rows of them."""
    for texts in (["a", "b"], [b"a", b"b"]):
        views = pa.array(texts).cast(pa.string_view() if isinstance(texts[0], str) else pa.binary_view())
        table = pa.table({"at": [1, 2, 3], "e": pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), views)})
        for order in ("at", "e", "at, e"):
            clause = f"ORDER BY {order} MEASURES LAST(e) AS last ALL ROWS PER MATCH PATTERN (A+)"
            sql = f"SELECT * FROM t MATCH_RECOGNIZE ({clause})"
            plain = match_recognize(sql, table.set_column(1, "e", pa.array([*texts, None])))
            for answer in (match_recognize(sql, table), match_recognize(sql, table, stream=True).read_all()):
                assert answer.to_pylist() == plain.to_pylist()
