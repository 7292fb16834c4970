"""The texts into which a query with row patterns in windows is cut, written by DuckDB and read again.

DuckDB writes SQL from the trees of the two halves of each SELECT. What it wrote is parsed, has to give the tree from
which it was written, and is checked by the reader that checks what users write; then it may be executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.duckdb.parser import parse_texts, write_trees
from rowpattern.sql.expression.nodes import Parameter
from rowpattern.sql.parse.query_reader import QueryReader, TextParameter
from rowpattern.sql.parse.tree_parts import LOCATION_KEYS
from rowpattern.sql.parse.window_split import Splitter
from rowpattern.sql.parse.window_step import WINDOWS_TABLES
from rowpattern.sql.records import replace
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.composed import Composed
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from rowpattern.sql.expression.fields import Fields
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.parse.select_halves import PlannedStep
    from rowpattern.sql.parse.window import PatternWindow, WindowMarks
    from rowpattern.sql.parse.window_step import WindowStep
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["split_at_windows"]

_EMPTY_SELECT: dict[str, Any] = {
    "type": "SELECT_NODE",
    "cte_map": {},
    "from_table": {"type": "EMPTY"},
    "aggregate_handling": "STANDARD_HANDLING",
}

# Functions that DuckDB's parser makes of an operator, and writes as functions.
_ESCAPES = frozenset({"like_escape", "ilike_escape", "not_like_escape", "not_ilike_escape"})


def split_at_windows(
    text: Composed,
    statement: dict[str, Any],
    windows: Sequence[PatternWindow],
    marks: WindowMarks,
    *,
    begin: int,
    tables: Collection[str],
    parameters: Sequence[TextParameter],
    context: ExecutionContext | None,
) -> tuple[str, tuple[WindowStep, ...], dict[str, list[TextParameter]]]:
    """Cut a text that was checked.

    Args:
        text: the text.
        statement: its tree, which is changed.
        windows: all windows with row patterns of the query.
        marks: what calls over these have become in the text.
        begin: how many steps other texts of the query have.
        tables: names of the tables that the query may read.
        parameters: those of the text.
        context: the limits of the query.

    Returns:
        what is left of the text over the tables of steps, these steps, and the parameters of each written text.

    Raises:
        QueryError, UnsupportedQueryError: a call stands where it cannot, or DuckDB does not read a part of the query as
            it writes it.
        QueryLimitError: the time of the query was over.
    """
    check = no_limit if context is None else context.check
    splitter = Splitter(text, marks, windows, begin, check)
    left = splitter.split(statement)
    planned = splitter.steps
    if not planned:
        return text.text, (), {}
    _name_columns(planned, context)
    trees: list[dict[str, Any]] = [left]
    for step in planned:
        trees += [step.first, *([] if step.source is None else [step.source]), *step.qualified.values()]
    texts = write_trees(trees, context)
    written_parameters: dict[str, list[TextParameter]] = {}
    for written, again, tree in zip(texts, parse_texts(texts, context), trees, strict=True):
        check()
        composed = Composed(text.query).insert(written)
        found = (again.get("statements") or [{}])[0]
        if again.get("error") or _plain(found.get("node")) != _plain(tree["node"]):
            location = planned[0].step.windows[0].clause.location
            message = (
                "the query has a part that cannot stand beside row patterns in windows; answer that part before, as a "
                "table of its own, and give it to this query"
            )
            raise error_at(message, location, UnsupportedQueryError)
        reader = _WrittenReader(composed, check, {each.identifier: each.name for each in parameters})
        reader.read(found)
        written_parameters[written] = reader.parameters
        unknown = [each.name for each in reader.tables if each.name not in tables]
        if not all(name.startswith(WINDOWS_TABLES) for name in unknown):
            raise UnsupportedQueryError(f"what was written for the query reads other tables: {unknown}")
    rest = iter(texts)
    outer = next(rest)
    steps = []
    for each in planned:
        first = next(rest)
        source = None if each.source is None else next(rest)
        qualified = {alias: next(rest) for alias in each.qualified}
        steps.append(replace(each.step, first=first, source=source, qualified=qualified))
    return outer, tuple(steps), written_parameters


class _WrittenReader(QueryReader):
    """Reads a query that DuckDB wrote, in which parameters have DuckDB's names."""

    def __init__(self, text: Composed, check: Callable[[], None], names: Mapping[str, str]) -> None:
        """Take the names of parameters in the query by those that DuckDB has for them."""
        super().__init__(text, check)
        self._names = names

    def _parameter(self, keys: Fields, _: str) -> Node:
        identifier = str(keys.take("identifier"))
        name = self._names.get(identifier)
        if name is None:
            raise self.unknown("a parameter", keys)
        self.parameters.append(TextParameter(name, identifier, 0, 0))
        return Parameter(name)


def _name_columns(planned: Sequence[PlannedStep], context: ExecutionContext | None) -> None:
    """Name columns that the query does not name as DuckDB would."""
    named = [pair for step in planned for pair in step.names]
    if not named:
        return
    items = [{"node": {**_EMPTY_SELECT, "select_list": [original]}} for _, original in named]
    for (node, _), text in zip(named, write_trees(items, context), strict=True):
        node["alias"] = text.removeprefix("SELECT ")


def _plain(value: Any) -> Any:
    """Return a tree without what says nothing, for comparison."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    unsaid = set(LOCATION_KEYS)
    if value.get("class") == "WINDOW":
        # It says no more than the function's name.
        unsaid.add("type")
    if value.get("function_name") in _ESCAPES:
        unsaid.add("is_operator")
    left = {name: _plain(each) for name, each in value.items() if name not in unsaid}
    if "class" not in value and isinstance(left.get("expression"), dict):
        # Of an argument the name counts.
        left["expression"] = {name: each for name, each in left["expression"].items() if name != "alias"}
    return _values(left) or {name: each for name, each in left.items() if each not in (None, False, "", [], {})}


def _values(node: dict[str, Any]) -> dict[str, Any] | None:
    """Return the VALUES that a subquery is which DuckDB writes around them; None for everything else."""
    inner = node.get("subquery")
    if node.get("type") != "SUBQUERY" or node.get("alias") != "valueslist" or not isinstance(inner, dict):
        return None
    select = inner.get("node", {})
    source: dict[str, Any] = select.get("from_table", {})
    whole = {"type", "select_list", "from_table", "aggregate_handling"}
    is_star = select.get("select_list") == [{"class": "STAR", "type": "STAR"}]
    plain = set(node) == {"type", "alias", "subquery"} and set(inner) == {"node"} and set(select) == whole and is_star
    return source if plain and source.get("type") == "EXPRESSION_LIST" else None
