"""Ordered categories in queries: they compare by rank, and come back as what they were."""

from __future__ import annotations

import random

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from table_kinds import KINDS, LABELS, answered, as_kind, categories, clause, rows


@pytest.mark.parametrize("kind", KINDS)
def test_categories_are_ordered_by_rank(kind: str) -> None:
    if kind == "reader":
        kind = "arrow"
    rng = random.Random(3)
    values = [rng.choice([*LABELS, None]) for _ in range(30)]
    table = pa.table({"i": range(30), "g": [each // 10 for each in range(30)], "sev": categories(values)})
    rank = [None if each is None else LABELS.index(each) for each in values]
    for condition in ("sev > PREV(sev)", "sev > A.sev", "sev > LAST(A.sev)", "max(B.sev) > A.sev"):
        found = rows(
            clause("LAST(i) AS i", f"AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {condition}"), table, kind
        )
        pairs = [(before, after) for before, after in zip(rank, rank[1:])]
        wanted = [
            at
            for at, (before, after) in enumerate(pairs, 1)
            if before is not None and after is not None and after > before
        ]
        assert [row[0] for row in found] == wanted, condition
    for condition in (
        "sev > 'low'",
        "A.sev > 'low' AND A.i >= 0",
        "sev BETWEEN 'mid' AND 'high'",
        "sev IN ('mid', 'high', 'no')",
    ):
        found = rows(clause("LAST(i) AS i", f"PATTERN (A) DEFINE A AS {condition}"), table, kind)
        assert [row[0] for row in found] == [at for at, each in enumerate(rank) if each], condition
    found = answered(
        clause("max(sev) AS a, min(sev) AS b, LAST(sev) AS l", keys="PARTITION BY g ORDER BY i"), table, kind
    )
    groups = [[each for each in rank[first : first + 10] if each is not None] for first in (0, 10, 20)]
    assert found.column("a").to_pylist() == [LABELS[max(each)] for each in groups]
    assert found.column("b").to_pylist() == [LABELS[min(each)] for each in groups]
    ordered = rows(clause("LAST(i) AS i", "PATTERN (A)", "ORDER BY sev DESC, i"), table, kind)
    by_rank = sorted(range(30), key=lambda at: (rank[at] is None, -(rank[at] or 0), at))
    assert [row[0] for row in ordered] == by_rank
    keyed = answered(clause("count(*) AS n", keys="PARTITION BY sev ORDER BY i"), table, kind)
    assert keyed.column("sev").to_pylist() == [*LABELS, None]
    computed = rows(clause("count(*) AS n", keys="PARTITION BY sev > 'low' ORDER BY i"), table, kind)
    assert computed == [(False, rank.count(0)), (True, rank.count(1) + rank.count(2)), (None, rank.count(None))]


def test_the_types_of_categories_come_back() -> None:
    table = pa.table({"i": [1, 2, 3], "sev": categories(["low", "high", None])})
    query = clause("max(sev) AS m, LAST(sev, 1) AS l")
    dtype = pd.CategoricalDtype(LABELS, ordered=True)
    assert match_recognize(query, table.to_pandas()).dtypes.to_dict() == {"m": dtype, "l": dtype}
    assert match_recognize(query, as_kind(table, "polars")).schema == {"m": pl.Enum(LABELS), "l": pl.Enum(LABELS)}
    relation = match_recognize(query, as_kind(table, "duckdb"))
    assert [str(kind) for kind in relation.types] == ["ENUM('low', 'mid', 'high')"] * 2
    assert all(field.type.ordered for field in match_recognize(query, table).schema)


def test_categories_that_are_no_order() -> None:
    plain = pa.array(["low", "mid", "high"]).dictionary_encode()
    table = pa.table({"i": [1, 2, 3], "sev": plain})
    # Texts: low, mid, high are in no order of the alphabet.
    assert rows(clause("max(sev) AS m"), table) == [("mid",)]
    numbers = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array([30, 10, 20]), ordered=True)
    with pytest.raises(rowpattern.QueryError, match="column sev has ordered categories of the type int64 that are not"):
        rows(clause("max(sev) AS m"), pa.table({"i": [1, 2, 3], "sev": numbers}))
    cut = pd.DataFrame({"i": range(4), "sev": pd.cut([1, 2, 3, 4], 2)})
    assert match_recognize(clause("count(*) AS n"), cut).n.tolist() == [4]
    with pytest.raises(rowpattern.QueryError, match="column sev has ordered categories"):
        match_recognize(clause("max(sev) AS m"), cut)
    ascending = pd.DataFrame({"i": range(3), "sev": pd.Categorical([3, 1, 2], ordered=True)})
    assert match_recognize(clause("max(sev) AS m"), ascending).m.tolist() == [3]
    with pytest.raises(rowpattern.QueryError, match=r"none of the categories|Could not convert string"):
        rows(
            clause("1 AS m", "PATTERN (A B) DEFINE B AS A.sev < 'nosuch'"),
            pa.table({"i": [1, 2], "sev": categories(["low", "mid"])}),
        )
    reader = pa.table({"i": [1], "sev": categories(["low"])}).to_reader()
    with pytest.raises(rowpattern.QueryError, match="ordered categories, which are not known before"):
        match_recognize(clause("max(sev) AS m"), reader, stream=True).read_all()
