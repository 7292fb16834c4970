"""A schema, rows and queries for `rowpattern.continuous`, and where the matches of its answers are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["RISES", "SCHEMA", "clause", "rows", "spans"]

SCHEMA = pa.schema({"k": pa.string(), "at": pa.int64(), "x": pa.int64()})


def rows(*values: tuple[str, int, int | None]) -> pa.Table:
    """Return rows of the schema."""
    return pa.table([list(column) for column in zip(*values)] or [[], [], []], schema=SCHEMA)


def clause(pattern: str, define: str = "", measures: str = "FIRST(at) AS f, LAST(at) AS l", more: str = "") -> str:
    """Return a query with PARTITION BY k."""
    within = f"DEFINE {define}" if define else ""
    return (
        f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES {measures} {more} "
        f"PATTERN ({pattern}) {within})"
    )


RISES = clause("A B+", "B AS x > PREV(x)")


def spans(answer: Any) -> list[tuple[str, int, int]]:
    """Return the partition and the bounds of each match."""
    return [(row["k"], row["f"], row["l"]) for row in answer.to_pylist()]
