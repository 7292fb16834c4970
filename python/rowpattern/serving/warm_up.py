"""`warm_up`: what the first queries of a process would have to wait for, done before there is traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rowpattern.sql import match_recognize
from rowpattern.sql.first_use import query_module

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["warm_up"]


def warm_up(queries: Iterable[str | tuple[str, Any]] = ()) -> int:
    """Import what queries import, connect to DuckDB, and plan queries, before there is traffic.

    Args:
        queries: texts, or pairs of a text and the table that it will be asked of: a table as `match_recognize` takes
            it, or a `pyarrow.Schema`, or a mapping of names to those where a query has several. Of a text alone the
            query is read and its patterns are compiled; with a table names are looked up and expressions get their
            types too, and the query is answered once over no rows. The rows of a table are not read where it is one of
            Arrow, pandas or Polars; give a schema in place of anything else.

    Returns:
        how many queries there were.

    Raises:
        RowPatternError: what `match_recognize` raises; queries before the one that is wrong are planned.

    Takes about a second where nothing was imported before, and some milliseconds a query. Call it when a worker begins:
    what is planned before a fork is there in its children, but for connections and threads.

    >>> import pyarrow as pa
    >>> import rowpattern
    >>> sql = '''SELECT * FROM prices MATCH_RECOGNIZE (
    ...     ORDER BY day MEASURES LAST(DOWN.day) AS ended PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))'''
    >>> rowpattern.warm_up([(sql, pa.schema({"day": pa.date32(), "price": pa.float64()}))])
    1
    """
    module = query_module(connects=True)
    from rowpattern.sql.bind.clause import compiled_pattern
    from rowpattern.sql.duckdb.parser import parse_texts

    # By the connection that queries share.
    parse_texts(["SELECT 1"])
    count = 0
    for each in queries:
        sql, data = (each, None) if isinstance(each, str) else each
        if data is None:
            parsed = module.parsed_query(sql)
            for clause in parsed.clauses:
                compiled_pattern(clause)
        elif isinstance(data, Mapping):
            match_recognize(sql, **{name: _without_rows(value) for name, value in data.items()})
        else:
            match_recognize(sql, _without_rows(data))
        count += 1
    return count


def _without_rows(value: Any) -> Any:
    import pyarrow as pa

    from rowpattern.sql.tables.inputs import is_frame

    if isinstance(value, pa.Schema):
        return pa.Table.from_batches([], value)
    if isinstance(value, pa.Table):
        return value.slice(0, 0)
    if is_frame(value, "pandas", "DataFrame"):
        return value.iloc[:0]
    if is_frame(value, "polars", "DataFrame"):
        return value.head(0)
    return value
