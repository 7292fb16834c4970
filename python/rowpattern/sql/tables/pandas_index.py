"""The levels of a pandas index as columns, where a query names them."""

from __future__ import annotations

from typing import Any

from rowpattern.sql.tables.inputs import is_frame
from rowpattern.sql.text.tokens import tokens_of

__all__ = ["with_index_levels"]


def with_index_levels(value: Any, sql: str) -> Any:
    """Return a pandas frame with the levels of its index that the query names, and no column is called, as columns.

    Anything else is returned as it is, and so is a frame of whose index the query names no level.

    Args:
        value: a table of any kind.
        sql: the query.
    """
    if not is_frame(value, "pandas", "DataFrame") or not any(name is not None for name in value.index.names):
        return value
    words = {token.text.lower() for token in tokens_of(sql) if token.is_name}
    columns = {str(label).lower() for label in value.columns}
    named = [name for name in value.index.names if name is not None and str(name).lower() in words - columns]
    if not named:
        return value
    return value.assign(**{str(name): value.index.get_level_values(name) for name in named})
