"""Columns of the rows that come: whose types fit those of the schema, and what answers make of them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern

PAIRS = """
    SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES LAST(k) AS last
        PATTERN (A B) DEFINE A AS x = 1, B AS x = 2)"""


def _categories(kind: str, count: int, at: int) -> Any:
    keys = [f"{at} {number}" for number in range(count)] * 2
    columns = {"at": [at] * (2 * count), "x": [1] * count + [2] * count}
    if kind == "pandas":
        return pd.DataFrame({"k": pd.Categorical(keys), **columns})
    if kind == "polars":
        return pl.DataFrame({"k": pl.Series(keys, dtype=pl.Categorical), **columns})
    index = {"int8": pa.int8(), "uint16": pa.uint16(), "int64": pa.int64()}[kind]
    return pa.table({"k": pa.array(keys).dictionary_encode().cast(pa.dictionary(index, pa.string())), **columns})


@pytest.mark.parametrize("kind", ["pandas", "polars", "int8", "uint16", "int64"])
def test_batches_have_more_categories_together_than_one_has_room_for(kind: str) -> None:
    first = _categories(kind, 1, 0)
    query = rowpattern.continuous(PAIRS, first, lateness=1, late="collect")
    batches = [_categories(kind, 100, at) for at in (1, 2, 3)]
    found = [query.push(batch) for batch in batches] + [query.finish()]
    keys: list[str] = []
    for answer in found:
        assert type(answer) is type(first)
        plain = answer["last"].to_pylist() if isinstance(answer, pa.Table) else answer["last"].to_list()
        keys += plain
        if isinstance(answer, pa.Table):
            assert answer.schema == found[0].schema
            assert pa.types.is_dictionary(answer.schema.field("k").type)
    assert sorted(keys) == sorted({str(key) for batch in batches for key in _keys(batch)})


def _keys(batch: Any) -> list[str]:
    found: list[str] = batch["k"].to_pylist() if isinstance(batch, pa.Table) else batch["k"].to_list()
    return found


def test_late_rows_have_all_their_categories() -> None:
    query = rowpattern.continuous(PAIRS, _categories("pandas", 1, 0), lateness=0, late="collect")
    query.push(_categories("pandas", 1, 1))
    late = _categories("pandas", 200, 0)
    query.push(late)
    assert query.late_rows["k"].tolist() == late["k"].tolist()
