"""Parts of the tree of DuckDB's parser: looking for some, and making new ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rowpattern.sql.duckdb.functions import AGGREGATES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "LOCATION_KEYS",
    "Json",
    "and_a_window",
    "column",
    "expressions",
    "has_window",
    "is_aggregate",
    "key_of",
    "no_rows",
    "null",
    "select",
    "sources",
    "star",
    "statement",
    "table",
]

Json = dict[str, Any]

#: Keys that say where a node stood in the text.
LOCATION_KEYS = frozenset({"query_location", "query_location_length"})


def _without_locations(value: Any) -> Any:
    """Return a tree without the places where its nodes stood in the text."""
    if isinstance(value, dict):
        return {name: _without_locations(each) for name, each in value.items() if name not in LOCATION_KEYS}
    if isinstance(value, list):
        return [_without_locations(each) for each in value]
    return value


def key_of(node: Json) -> str:
    """Return a text that is the same for expressions that are the same, whatever they are called."""
    return json.dumps({**_without_locations(node), "alias": ""}, sort_keys=True)


def column(name: str, alias: str = "") -> Json:
    """Return a column by its name."""
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": alias, "column_names": [name]}


def null(alias: str) -> Json:
    """Return NULL under a name."""
    literal = {"kind": "NULL_LITERAL", "text": ""}
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": alias, "literal": literal}


def star(relation: str = "") -> Json:
    """Return `*`, or that of one table."""
    return {"class": "STAR", "type": "STAR", "relation_name": relation}


def table(name: str) -> Json:
    """Return a table by its name."""
    return {"type": "BASE_TABLE", "table_name": name, "qualified_name": {"path": [name]}}


def select(items: list[Json], source: Json, common: list[Json], **parts: Any) -> Json:
    """Return a SELECT."""
    return {
        "type": "SELECT_NODE",
        "modifiers": [],
        "cte_map": {"map": common} if common else {},
        "select_list": items,
        "from_table": source,
        "aggregate_handling": "STANDARD_HANDLING",
        **parts,
    }


def no_rows() -> Json:
    """Return LIMIT 0."""
    zero = {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": {"kind": "INTEGER", "text": "0"}}
    return {"type": "LIMIT_MODIFIER", "limit": zero, "limit_type": "ROW_COUNT"}


def and_a_window(condition: Json) -> Json:
    """Return a condition with a window in it that changes nothing."""
    number = {
        "class": "WINDOW",
        "type": "WINDOW_ROW_NUMBER",
        "function_name": "row_number",
        "start": "UNBOUNDED_PRECEDING",
        "end": "CURRENT_ROW_RANGE",
        "exclude_clause": "NO_OTHER",
        "qualified_name": {"path": ["row_number"]},
    }
    zero = {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": {"kind": "INTEGER", "text": "0"}}
    holds = {"class": "COMPARISON", "type": "COMPARE_GREATERTHAN", "left": number, "right": zero}
    return {"class": "CONJUNCTION", "type": "CONJUNCTION_AND", "children": [condition, holds]}


def statement(node: Json) -> Json:
    """Return a query as a statement."""
    return {"node": node}


def _children(node: Any) -> Iterator[Any]:
    """Give what is directly in a part of an expression, without the queries in it."""
    if isinstance(node, dict):
        for name, each in node.items():
            if not (node.get("class") == "SUBQUERY" and name == "subquery"):
                yield each
    elif isinstance(node, list):
        yield from node


def expressions(node: Any) -> Iterator[Json]:
    """Give all expressions in a part of a tree, without those of queries in it."""
    left = [node]
    while left:
        each = left.pop()
        if isinstance(each, dict) and "class" in each:
            yield each
        left.extend(_children(each))


def has_window(node: Any) -> bool:
    """Say whether an expression has a window."""
    return any(each["class"] == "WINDOW" for each in expressions(node))


def is_aggregate(node: Json) -> bool:
    """Say whether an expression is a call of an aggregate."""
    return node["class"] == "FUNCTION" and not node.get("is_operator") and node.get("function_name") in AGGREGATES


def sources(node: Json) -> list[tuple[str | None, Json]]:
    """Return the tables of FROM, each with what it is called."""
    kind = node.get("type")
    if kind == "JOIN" and node.get("join_type") in {"SEMI", "ANTI"}:
        return sources(node["left"])
    if kind == "JOIN":
        return [*sources(node["left"]), *sources(node["right"])]
    if kind == "EMPTY":
        return []
    name = node.get("alias") or node.get("table_name")
    if not name and kind == "TABLE_FUNCTION":
        name = node.get("function", {}).get("function_name")
    return [(name or None, node)]
