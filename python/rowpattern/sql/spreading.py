"""What has to be known of a query to answer it on several machines: which rows belong together, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql import match_recognize
from rowpattern.sql.problems import nesting_limited, problem
from rowpattern.sql.query import bound_clause, parsed_query

if TYPE_CHECKING:
    import pyarrow as pa

    from rowpattern.sql.binding import Key

__all__ = ["Spread", "spread"]


@dataclass(frozen=True)
class Spread:
    """How a query is spread.

    Attributes:
        rows: the columns that it reads.
        partition_by: rows that are equal in these columns belong together.
        order: the order that rows must have in each place: first by these columns, so that partitions are together.
        answer: the columns that it gives, in each place.
    """

    rows: pa.Schema
    partition_by: tuple[str, ...]
    order: tuple[Key, ...]
    answer: pa.Schema


@nesting_limited("query")
def spread(sql: str, schema: pa.Schema) -> Spread:
    """Find out how to spread a query over a table of these columns.

    Raises:
        UnsupportedQueryError: it cannot be.
        What `rowpattern.match_recognize` raises for a table of these columns without rows.
    """
    parsed = parsed_query(sql)
    clause = parsed.clauses[-1] if parsed.clauses else None
    if clause is None or len(parsed.clauses) > 1 or parsed.projection is None or clause.table is None:
        message = (
            "only a SELECT of columns from one table with one MATCH_RECOGNIZE can be spread; do what is around it "
            "before, or with the answer"
        )
        raise problem(message, None if clause is None else clause.place, UnsupportedQueryError)
    if not clause.partition_by:
        message = (
            "a query without PARTITION BY cannot be spread: all rows are one partition, which one machine has to match;"
            " add PARTITION BY, or use rowpattern.match_recognize"
        )
        raise problem(message, clause.place, UnsupportedQueryError)
    bound = bound_clause(parsed, clause, schema.names)
    keys = (*bound.partition_by, *bound.order_by)
    places = [place for _, place in clause.partition_by] + [key.place for key in clause.order_by]
    for key, place in zip(keys, places):
        if key.column is None:
            message = f"{key.name} is computed, which is not done before rows are spread; make it a column first"
            raise problem(message, place, UnsupportedQueryError)
    read = set(bound.reads())
    rows = schema.empty_table().select([name for name in schema.names if name in read])
    return Spread(
        rows=rows.schema,
        partition_by=tuple(key.name for key in bound.partition_by),
        order=keys,
        answer=match_recognize(sql, rows, stream=True).schema,
    )
