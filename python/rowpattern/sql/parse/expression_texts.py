"""Expressions of clauses: written as one text for DuckDB's parser, and read from the tree that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.expression.read import TreeReader
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.copied_text import copy_piece
from rowpattern.sql.parse.statement import statement_of
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.composed import Composed
from rowpattern.sql.text.source_location import SourceLocation, error_at, nesting_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.parse.clause import ExpressionSource

__all__ = ["expressions_text", "read_expressions"]


def expressions_text(
    sql: str, written: Sequence[ExpressionSource], parameters: Mapping[int, str] | None = None
) -> Composed:
    """Compose `SELECT (expression), (expression), ...`.

    RUNNING and FINAL before a call are marks in its name. One text takes DuckDB's parser half of the time of many.
    """
    composed = Composed(sql, parameters).insert("SELECT (")
    for number, each in enumerate(written):
        at = each.begin
        if number:
            composed.insert("), (")
        for subquery in each.subqueries:
            call = f"{quoted(f'{composed.subquery_mark}{subquery.first}')}()"
            copy_piece(composed, at, subquery.first, marks=True).put(call, subquery.first, subquery.behind)
            at = subquery.behind
        copy_piece(composed, at, each.end, marks=True)
    return composed.insert(")")


def read_expressions(
    text: Composed,
    tree: dict[str, Any],
    written: Sequence[ExpressionSource],
    check: Callable[[], None] = no_limit,
) -> None:
    """Read the trees of the expressions of a text that `expressions_text` composed."""
    if tree.get("error") and "position" not in tree and len(written) > 1:
        # The parser does not say where; it may be asked again.
        for each in written:
            check()
            alone = expressions_text(text.query, [each], text.parameters)
            read_expressions(alone, parse_texts([alone.text])[0], [each], check)
    with nesting_limited("expression"):
        statement = statement_of(text, tree, SourceLocation(text.query, written[0].begin))
        node = statement.get("node", {})
        plain = {"type", "select_list", "from_table", "aggregate_handling", "cte_map"}
        listed = node.get("select_list", [])
        bare = node.get("from_table", {}).get("type") == "EMPTY" and not node.get("cte_map")
        if node.get("type") != "SELECT_NODE" or set(node) - plain or not bare:
            raise _no_expression(written[-1], text)
        if set(statement) - {"node", "named_param_map"}:
            raise _no_expression(written[-1], text)
        reader = TreeReader(text, check)
        for each, found in zip(written, listed, strict=False):
            # Nothing stands between the parentheses but one expression, and each in its own.
            location = text.location(found.get("query_location", -1))
            if found.get("alias") or (location is not None and not each.begin <= location.offset < each.end):
                raise _no_expression(each, text)
            each.node = reader.expression(found)
        if len(listed) != len(written):
            raise _no_expression(written[-1], text)


def _no_expression(written: ExpressionSource, text: Composed) -> QuerySyntaxError:
    return error_at(
        f"this is no expression: {written.text[:100]}", SourceLocation(text.query, written.begin), QuerySyntaxError
    )
