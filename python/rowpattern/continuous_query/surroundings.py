"""What stands around a clause of a continuous query: what works on each row alone, and nothing else.

Rows come and go one batch after another, so that a sum, a sort or a join around the clause would have no end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.duckdb.functions import AGGREGATES, CHANGING
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["check_surroundings", "is_changing"]

_INSTEAD = (
    "a continuous query may have SELECT of expressions and WHERE around MATCH_RECOGNIZE; do the rest with its answers"
)

# Parts of a SELECT, each with what people call it.
_PARTS = {
    "group_expressions": "GROUP BY",
    "group_sets": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "sample": "TABLESAMPLE",
    "modifiers": "DISTINCT, ORDER BY or LIMIT",
}

#: Functions in the list of those that change which give the same value for the same arguments, where they have two.
_OF_TWO_ARGUMENTS = frozenset({"age"})
_ALWAYS_THE_SAME = frozenset({"error"})


def is_changing(name: str, arguments: int) -> bool:
    """Say whether a function may give another value each time that it is called with the same arguments."""
    if name in _ALWAYS_THE_SAME or (name in _OF_TWO_ARGUMENTS and arguments > 1):
        return False
    return name in CHANGING


def check_surroundings(parsed: ParsedQuery, context: ExecutionContext) -> None:
    """Check that what is before and behind a query's clause works on each row alone.

    Raises:
        UnsupportedQueryError: it does not; the message says why.
    """
    location = parsed.clauses[0].location
    texts = list(parsed.sources.values())
    if parsed.projection is None:
        texts.append(parsed.outer)
    for tree in parse_texts(texts, context) if texts else ():
        _check_select(tree["statements"][0]["node"], location)


def _check_select(node: dict[str, Any], location: SourceLocation) -> None:
    if node.get("type") != "SELECT_NODE":
        raise _refused("UNION, INTERSECT, EXCEPT and recursive queries need all rows at once", location)
    if (node.get("cte_map") or {}).get("map"):
        raise _refused("WITH is not computed batch by batch", location)
    for part, name in _PARTS.items():
        if node.get(part):
            raise _refused(f"{name} needs all rows at once", location)
    source = node.get("from_table") or {}
    kind = source.get("type")
    if kind == "SUBQUERY":
        _check_select(source["subquery"]["node"], location)
    elif kind != "BASE_TABLE":
        raise _refused("a join needs all rows at once", location)
    for each in (*node.get("select_list", ()), node.get("where_clause")):
        for found in _parts(each):
            _check_part(found, location)


def _check_part(part: dict[str, Any], location: SourceLocation) -> None:
    kind, name = part.get("class"), str(part.get("function_name", "")).lower()
    if kind == "WINDOW":
        raise _refused("a window function needs all rows at once", location)
    if kind == "SUBQUERY":
        raise _refused("a subquery needs all rows at once", location)
    if kind != "FUNCTION":
        return
    if name in AGGREGATES:
        raise _refused(f"{name}() needs all rows at once", location)
    if name == "unnest":
        raise _refused("unnest() changes the number of rows", location)
    if is_changing(name, len(part.get("children", ()))):
        raise _refused(f"{name}() gives another value for each batch", location)


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _parts(each)


def _refused(what: str, location: SourceLocation) -> UnsupportedQueryError:
    return error_at(f"{what}; {_INSTEAD}", location, UnsupportedQueryError)
