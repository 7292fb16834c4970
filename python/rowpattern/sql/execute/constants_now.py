"""Constants that DuckDB computes for a query before it runs: the same in each, or anew (`now()`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.execute.engine_columns import literal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.expression.typed import Constant, Literal

__all__ = ["constants_now"]


def constants_now(constants: Sequence[Constant], zone: str, database: Database) -> dict[Constant, Literal | str]:
    """Have DuckDB compute constants in a time zone: literals, or why it refuses one.

    Raises:
        QueryLimitError: they took too long or too much memory.
    """
    using = database.in_zone(zone)
    nothing = pa.table({"none": pa.nulls(1)})
    try:
        columns = using.project(", ".join(f"({each.sql})" for each in constants), nothing).columns
        return {each: literal_of(values, each.type) for each, values in zip(constants, columns)}
    except QueryLimitError:
        raise
    except QueryError as error:
        if len(constants) == 1:
            return {constants[0]: str(error)}
    found: dict[Constant, Literal | str] = {}
    for each in constants:
        found |= constants_now([each], zone, database)
    return found
