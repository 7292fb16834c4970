"""Texts that are only shown, or that order rows, stay views where the table has views: answers are the same."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from rowpattern import RowsError, match_recognize
from rowpattern.sql.tables import table

TEXTS = [
    "a",
    "a text of more than twelve bytes",
    None,
    "",
    "é",
    "a",
    "another long text, of which a view has four bytes",
]
QUERIES = [
    "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY u ORDER BY i MEASURES count(*) AS n {} PATTERN (A+))",
    "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY u DESC NULLS FIRST, i MEASURES LAST(i) AS last {} PATTERN (A A?))",
    "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES FIRST(u) AS first {} PATTERN (A A) DEFINE A AS u <> '')",
]


def rows(kind: pa.DataType, chunks: int = 1) -> pa.Table:
    # The column begins inside of its memory.
    texts = pa.array([None, "before", *TEXTS], pa.string()).cast(kind).slice(2)
    parts = [texts] if chunks == 1 else [texts.slice(0, 3), texts.slice(3)]
    return pa.table({"u": pa.chunked_array(parts, kind), "i": range(len(TEXTS))})


@pytest.mark.parametrize("shown", ["", "ALL ROWS PER MATCH", "ALL ROWS PER MATCH WITH UNMATCHED ROWS"])
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("chunks", [1, 2])
def test_answers(query: str, shown: str, chunks: int) -> None:
    wanted = match_recognize(query.format(shown), rows(pa.string()))
    found = match_recognize(query.format(shown), rows(pa.string_view(), chunks))
    assert found.to_pylist() == wanted.to_pylist()
    found.validate(full=True)
    assert {found.schema.field(name).type for name in ("u", "first") if name in found.column_names} <= {
        pa.string_view()
    }
    from_polars = match_recognize(query.format(shown), pl.DataFrame(rows(pa.string())))
    assert from_polars.to_dicts() == wanted.to_pylist()


def test_an_answer_of_tables_of_several_kinds_has_plain_texts() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY u ORDER BY i PATTERN (A+)) WHERE u IN (FROM other)"
    found = match_recognize(sql, t=pl.DataFrame(rows(pa.string())), other=pa.table({"name": ["a"]}))
    assert found.to_pylist() == [{"u": "a"}]
    assert found.schema.field("u").type in {pa.string(), pa.large_string()}


def test_texts_that_are_only_shown_are_not_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> Any:
        raise AssertionError(f"{arguments[1]} was converted")

    monkeypatch.setattr(table, "readable", refuse)
    match_recognize(QUERIES[0].format("ALL ROWS PER MATCH"), rows(pa.string_view()))


def test_texts_that_are_shown_are_checked() -> None:
    broken = pa.Array.from_buffers(
        pa.string_view(), 2, [None, pa.py_buffer(b"\1\0\0\0a" + bytes(11) + b"\1\0\0\0\xff" + bytes(11))]
    )
    with pytest.raises(RowsError, match="column u"):
        match_recognize(QUERIES[0].format(""), pa.table({"u": broken, "i": [1, 2]}))
