"""A query with row patterns in windows, cut into what DuckDB executes before and after these are computed.

This works on the tree of DuckDB's parser: parts of it are put into other trees, which DuckDB writes as SQL again. What
was written is parsed and checked like any text (`window_texts.py`), and must give the tree from which it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import QueryError, UnsupportedQueryError
from rowpattern.sql.parse.select_halves import PlannedStep, SelectHalves
from rowpattern.sql.parse.tree_parts import Json, expressions
from rowpattern.sql.parse.with_list import IN_A_RECURSION
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rowpattern.sql.parse.window import MarkedCall, PatternWindow, WindowMarks
    from rowpattern.sql.text.composed import Composed

__all__ = ["Splitter"]

_SET_OPERATION = "SET_OPERATION_NODE"
_WHERE_NOT = {
    "where_clause": "WHERE",
    "having": "HAVING",
    "group_expressions": "GROUP BY",
    "from_table": "a condition of FROM",
    "sample": "TABLESAMPLE",
}


class Splitter:
    """Cuts the statement of one text.

    Attributes:
        steps: what is to be done before the statement that is left can be executed, in order.
    """

    def __init__(
        self,
        text: Composed,
        marks: WindowMarks,
        windows: Sequence[PatternWindow],
        begin: int,
        check: Callable[[], None],
    ) -> None:
        """Take the text that was parsed.

        Args:
            text: it knows what stands where in the query.
            marks: what calls over windows with row patterns have become in it.
            windows: all such windows of the query, by their numbers.
            begin: how many steps other texts of the query have.
            check: called now and then; it raises an error where time is over.
        """
        self.steps: list[PlannedStep] = []
        self._text = text
        self._marks = marks
        self._windows = windows
        self._begin = begin
        self._check = check

    def split(self, statement: Json) -> Json:
        """Return a statement over the tables of steps; it takes the place of the one given, which is changed.

        Raises:
            QueryError, UnsupportedQueryError: a call stands where it cannot.
        """
        self._query(statement["node"], [])
        return {"node": statement["node"]}

    def _fail(self, message: str, node: Json, kind: type[QueryError] = QueryError) -> QueryError:
        return error_at(message, self._text.location(node.get("query_location", -1)), kind)

    def _query(self, node: Json, seen: list[Json]) -> None:
        """Cut the SELECTs of a query.

        Args:
            node: the query.
            seen: the entries of WITH lists that it sees, outer ones first.
        """
        self._check()
        inside = list(seen)
        for entry in (node.get("cte_map") or {}).get("map", []):
            self._query(entry["value"]["query_node"], inside)
            inside = [*inside, entry]
        if node.get("type") == "RECURSIVE_CTE_NODE":
            calls = [call for each in (node["left"], node["right"]) for call in self._calls_in_query(each)]
            if calls:
                raise self._fail(IN_A_RECURSION, calls[0], UnsupportedQueryError)
            return
        if node.get("type") == _SET_OPERATION:
            for each in node.get("children", []):
                self._query(each, inside)
            return
        if node.get("type") != "SELECT_NODE":
            return
        for name, part in node.items():
            if name != "cte_map":
                self._subqueries(part, inside)
        self._refuse_outside(node)
        shown = [node.get("select_list", []), node.get("qualify"), node.get("modifiers", [])]
        if any(True for part in shown for _ in self._calls(part)):
            self._cut(node, seen)

    def _subqueries(self, part: Any, seen: list[Json]) -> None:
        """Cut the queries in a part of a SELECT."""
        left = [part]
        while left:
            each = left.pop()
            if isinstance(each, dict):
                inner = each.get("subquery")
                if isinstance(inner, dict) and isinstance(inner.get("node"), dict):
                    self._query(inner["node"], seen)
                    left.extend(value for name, value in each.items() if name != "subquery")
                else:
                    left.extend(each.values())
            elif isinstance(each, list):
                left.extend(each)

    def _calls(self, part: Any) -> Iterator[tuple[Json, MarkedCall]]:
        for each in expressions(part):
            call = self._marks.read(each.get("function_name")) if each["class"] in {"WINDOW", "FUNCTION"} else None
            if call is not None:
                yield each, call

    def _calls_in_query(self, node: Any) -> Iterator[Json]:
        left = [node]
        while left:
            each = left.pop()
            if isinstance(each, dict):
                if self._marks.read(each.get("function_name")) is not None:
                    yield each
                left.extend(each.values())
            elif isinstance(each, list):
                left.extend(each)

    def _refuse_outside(self, node: Json) -> None:
        """Refuse calls where windows are not known yet."""
        for name, where in _WHERE_NOT.items():
            for each, call in self._calls(node.get(name)):
                what = f"the measure {call.name}" if call.measure else f"{call.name}(...)"
                instead = (
                    "write QUALIFY" if name in {"where_clause", "having"} else "write it in a query around this one"
                )
                message = f"{what} over a window cannot stand in {where}, which comes before windows; {instead}"
                raise self._fail(message, each)
        for modifier in node.get("modifiers", []):
            if modifier.get("type") in {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}:
                for each, call in self._calls(modifier):
                    raise self._fail(f"{call.name} over a window cannot stand in LIMIT or OFFSET", each)

    def _cut(self, node: Json, seen: list[Json]) -> None:
        number = self._begin + len(self.steps)
        cut = SelectHalves(node, seen, number, self._text, self._marks, self._windows, self._check)
        self.steps.append(cut.planned())
        second = cut.second
        node.clear()
        node.update(second)
