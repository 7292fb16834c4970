"""Whether what stands around clauses is so plain that DuckDB need not execute it, or can for parts of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.expression.nodes import Column, Star
from rowpattern.sql.expression.read import TreeReader
from rowpattern.sql.parse.parsed_query import result_name
from rowpattern.sql.parse.query_reader import QueryReader
from rowpattern.sql.parse.tree_parts import expressions, is_aggregate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.window_step import WindowStep
    from rowpattern.sql.text.composed import Composed

__all__ = ["grouped_by", "is_row_by_row", "is_second_half", "projection"]


def projection(
    statement: dict[str, Any], clauses: Sequence[Clause], text: Composed, check: Callable[[], None]
) -> list[tuple[Column, str]] | None:
    """Return the columns of the last clause's answer where a statement shows these and nothing more.

    Args:
        statement: the tree of the text around the clauses.
        clauses: all of the query.
        text: the text around them.
        check: called now and then; it raises an error where time is over.

    Returns:
        each with the name that it gets; empty for `SELECT *`; None where the statement is anything else.
    """
    last = clauses[-1] if clauses else None
    node = None if last is None else _select_from(statement, last)
    if last is None or node is None:
        return None
    source = node["from_table"]
    plain = {"type", "alias", "table_name", "qualified_name", "query_location", "query_location_length"}
    if _stated(source).keys() - plain:
        return None
    name = lowered(source.get("alias", result_name(last)))
    reader = TreeReader(text)
    stars = QueryReader(text, check)
    found: list[tuple[Column, str]] = []
    for each in node["select_list"]:
        if each.get("class") not in {"COLUMN_REF", "STAR"}:
            return None
        shown = (stars if each["class"] == "STAR" else reader).expression(each)
        if isinstance(shown, Star) and shown.relation is None and len(node["select_list"]) == 1:
            return []
        if not isinstance(shown, Column) or len(shown.names) > 2:  # noqa: PLR2004 - a table's name and a column's
            return None
        if len(shown.names) == 2 and lowered(shown.names[0]) != name:  # noqa: PLR2004 - see above
            return None
        own = Column(shown.names[-1:], shown.quoted[-1:], span=shown.span)
        found.append((own, each.get("alias", "")))
    return found


def is_second_half(statement: dict[str, Any], steps: Sequence[WindowStep]) -> bool:
    """Say whether a statement is the second half of its one step, which is a list of columns."""
    source = statement["node"].get("from_table", {})
    return len(steps) == 1 and steps[0].shown is not None and source.get("table_name") == steps[0].table


def _stated(node: dict[str, Any]) -> dict[str, Any]:
    """Return what a node of the parser's tree says, without keys that say nothing."""
    return {name: value for name, value in node.items() if value not in (None, [], {}, "")}


def _select_from(statement: dict[str, Any], clause: Clause, *more: str) -> dict[str, Any] | None:
    """Return the parts of a SELECT of expressions from a clause's answer; None where it has others than that and more.

    Args:
        statement: the statement.
        clause: the clause.
        more: which other parts it may have.
    """
    node = _stated(statement["node"])
    if node.keys() - {"type", "select_list", "from_table", "aggregate_handling", *more}:
        return None
    is_plain = node.get("aggregate_handling") == "STANDARD_HANDLING"
    return node if is_plain and node.get("from_table", {}).get("table_name") == result_name(clause) else None


def is_row_by_row(statement: dict[str, Any], clause: Clause) -> bool:
    """Say whether a statement is expressions over one row of a clause's answer, and perhaps a condition on that row."""
    node = _select_from(statement, clause, "where_clause")
    if node is None or node["from_table"].get("sample"):
        return False
    parts = expressions([node["select_list"], node.get("where_clause")])
    return not any(is_aggregate(each) or _reads_other_rows(each) for each in parts)


def grouped_by(statement: dict[str, Any], clause: Clause) -> frozenset[str] | None:
    """Return by which columns a statement groups a clause's answer, as names are compared.

    None where it does not, or does more than to filter the rows before and the groups behind.
    """
    node = _select_from(statement, clause, "where_clause", "group_expressions", "group_sets", "having")
    if node is None or node["from_table"].get("sample"):
        return None
    keys = node.get("group_expressions", [])
    if node.get("group_sets") != [list(range(len(keys)))]:
        return None
    if any(map(_reads_other_rows, expressions([node["select_list"], node.get("where_clause"), node.get("having")]))):
        return None
    return frozenset(lowered(each["column_names"][-1]) for each in keys if each.get("class") == "COLUMN_REF")


def _reads_other_rows(node: dict[str, Any]) -> bool:
    """Say whether an expression reads rows beyond those of a group, or makes rows."""
    return node["class"] in {"WINDOW", "SUBQUERY"} or node.get("function_name") == "unnest"
