"""A query of `query_reference` as the arguments of `rowpattern.recognize`."""

from __future__ import annotations

from typing import Any

import query_reference

ROWS_PER_MATCH = {
    "ONE ROW PER MATCH": "one",
    "ALL ROWS PER MATCH": "all",
    "ALL ROWS PER MATCH OMIT EMPTY MATCHES": "all omit empty",
    "ALL ROWS PER MATCH WITH UNMATCHED ROWS": "all with unmatched",
}


def arguments_of(query: query_reference.Query) -> dict[str, Any]:
    """Return what asks the same as `query_reference.query_text`."""
    return {
        "pattern": query.written_pattern(),
        "define": {name: query_reference.sql(query, e) for name, e in query.define.items()},
        "measures": {f"m{at}": query_reference.sql(query, e) for at, e in enumerate(query.measures)},
        "partition_by": query.column("p") if query.partition else None,
        "order_by": query.column("o") + (" DESC" if query.descending else ""),
        "rows_per_match": ROWS_PER_MATCH[query.rows_shown],
        "after_match": query.skip,
        "subset": query.subset or None,
        "within": query.within_text or None,
        "prefer": query.prefer,
    }
