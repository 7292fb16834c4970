"""One SELECT with row patterns in windows, cut into its two halves; see `window_step.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.parse.tree_parts import (
    Json,
    and_a_window,
    column,
    expressions,
    has_window,
    is_aggregate,
    key_of,
    no_rows,
    null,
    select,
    sources,
    star,
    statement,
    table,
)
from rowpattern.sql.parse.window_step import (
    WINDOWS_TABLES,
    AliasOrColumn,
    PlainSource,
    SelectItem,
    WindowStep,
    frame_column,
    measure_column,
)
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.errors import QueryError
    from rowpattern.sql.parse.window import PatternWindow, WindowMarks
    from rowpattern.sql.text.composed import Composed

__all__ = ["PlannedStep", "SelectHalves"]

_NODES_BETWEEN_LOOKS = 1024

# Functions that rank rows by ORDER BY and look at no frame, but at which rows are equal.
_RANKS = frozenset({"rank", "dense_rank", "rank_dense", "percent_rank", "cume_dist"})


class PlannedStep(NamedTuple):
    """A step whose texts are still trees.

    Attributes:
        step: the step without texts.
        first: the statement of `step.first`.
        source: that of `step.source`.
        qualified: those of `step.qualified`.
        names: expressions of the second half that the query does not name, each with the one it was.
    """

    step: WindowStep
    first: Json
    source: Json | None
    qualified: dict[str, Json]
    names: list[tuple[Json, Json]]


class SelectHalves:
    """Cuts one SELECT.

    Attributes:
        second: what takes its place, when it has been `planned`.
    """

    def __init__(  # noqa: PLR0917 - used once
        self,
        node: Json,
        seen: list[Json],
        number: int,
        text: Composed,
        marks: WindowMarks,
        windows: Sequence[PatternWindow],
        check: Callable[[], None],
    ) -> None:
        self._node = node
        self._text = text
        self._check = check
        self._looked_at = 0
        self._marks = marks
        self._windows = windows
        self._table = f"{WINDOWS_TABLES}{number}"
        self._hidden = marks.hidden(number)
        self._leaves: dict[str, tuple[str, Json]] = {}
        self._ambiguous: dict[str, AliasOrColumn] = {}
        self._measures: dict[tuple[int, str], None] = {}
        self._framed: set[int] = set()
        self._called: set[int] = set()
        self._names: list[tuple[Json, Json]] = []
        self._groups = {key_of(each) for each in node.get("group_expressions", [])}
        own = (node.get("cte_map") or {}).get("map", [])
        self._common = [*(entry for entry in seen if not _shadowed(entry, own)), *own]
        self._shadowing = [entry for entry in seen if _shadowed(entry, own)]
        if node.get("aggregate_handling", "STANDARD_HANDLING") != "STANDARD_HANDLING":
            raise self._fail("GROUP BY ALL cannot stand in a SELECT with row patterns in windows; name the keys", node)
        self._items = node.get("select_list", [])
        self._windowed: set[str] = set()
        for each in self._items:
            name = self._alias(each)
            if name is not None and self._is_windowed(each):
                self._windowed.add(lowered(name))
        self._aliases = {
            lowered(name) for each in self._items for name in [self._alias(each) or _own_name(each)] if name
        }
        self.second: Json = {}

    def _fail(self, message: str, node: Json) -> QueryError:
        return error_at(message, self._text.location(node.get("query_location", -1)), UnsupportedQueryError)

    def _alias(self, item: Json) -> str | None:
        """Return the name of an element, where it is given, or a measure called."""
        call = self._marks.read(item.get("function_name"))
        return item.get("alias") or (call.name if call is not None and call.measure else None)

    def _is_windowed(self, item: Json) -> bool:
        """Say whether an element of the SELECT list has a window, or a name that may be that of one before it."""
        return any(
            each["class"] == "WINDOW"
            or (len(each.get("column_names", [])) == 1 and lowered(each["column_names"][0]) in self._windowed)
            for each in expressions(item)
        )

    def planned(self) -> PlannedStep:
        """Cut the SELECT; `second` is what takes its place."""
        node = self._node
        items: list[SelectItem] = []
        before: list[Json] = []
        shown: list[Json] = []
        for at, each in enumerate(self._items):
            if any(one["class"] == "FUNCTION" and one.get("function_name") == "unnest" for one in expressions(each)):
                message = "unnest(...) makes rows behind windows; write it in a query around this one"
                raise self._fail(message, each)
            placeholder = f"{self._hidden}item {at}"
            if self._is_windowed(each):
                shown.append(self._shown(each))
                if node.get("group_expressions"):
                    before.append(null(placeholder))
                    items.append(SelectItem(placeholder, None, False, is_null=True))
                continue
            several = any(one["class"] == "STAR" for one in expressions(each))
            before.append(each)
            if several:
                before.append(null(placeholder))
            items.append(SelectItem(placeholder, each.get("alias") or None, several))
            shown.append(column(placeholder))
        qualify = None if node.get("qualify") is None else self._rewritten(node["qualify"])
        modifiers = [self._modifier(each) for each in node.get("modifiers", [])]
        self.second = select(shown, table(self._table), [], modifiers=modifiers)
        if qualify is not None and has_window([shown, qualify, modifiers]):
            # DuckDB takes QUALIFY only where it, or the SELECT list, has a window.
            self.second["qualify"] = qualify if has_window([shown, qualify]) else and_a_window(qualify)
        elif qualify is not None:
            self.second["where_clause"] = qualify
        source = node["from_table"]
        inputs = f"{self._hidden}inputs"
        first = {
            **{name: value for name, value in node.items() if name not in {"qualify", "modifiers", "cte_map"}},
            "modifiers": [],
            "cte_map": {"map": self._common} if self._common else {},
            "select_list": [
                *before,
                *({**leaf, "alias": name} for name, leaf in self._leaves.values()),
                column(inputs),
            ],
        }
        found = sources(source)
        called = {lowered(name): name for name, _ in found if name is not None}
        several = len(found) > 1
        step = WindowStep(
            table=self._table,
            hidden=self._hidden,
            windows=tuple(each for each in self._windows if each.number in self._called),
            measures=tuple(self._measures),
            framed=frozenset(self._framed),
            source=None,
            source_name=None if several or not found else found[0][0],
            qualified={},
            first="",
            inputs=inputs,
            items=tuple(items),
            leaves=tuple(name for name, _ in self._leaves.values()),
            leaf_texts=tuple(".".join(leaf.get("column_names", [])) for _, leaf in self._leaves.values()),
            ambiguous=tuple(self._ambiguous.values()),
            plain=self._plain(before),
            shown=self._only_columns(shown) if qualify is None and not modifiers else None,
        )
        empty = select([star()], source, self._common, modifiers=[no_rows()])
        qualified = {
            alias: self._around(select([star(name)], source, self._common, modifiers=[no_rows()]))
            for alias, name in (called.items() if several else ())
        }
        return PlannedStep(step, self._around(first), self._around(empty) if found else None, qualified, self._names)

    def _around(self, node: Json) -> Json:
        """Return a statement in which a query sees WITH lists whose names its own hide."""
        if self._shadowing:
            node = select([star()], {"type": "SUBQUERY", "subquery": {"node": node}}, self._shadowing)
        return statement(node)

    def _plain(self, items: list[Json]) -> PlainSource | None:
        """Say what the first half reads, where that is columns of one table that the query does not make."""
        node = self._node
        source = node["from_table"]
        parts = ("where_clause", "group_expressions", "having", "sample")
        name = source.get("table_name")
        made = {lowered(entry["key"]) for entry in (*self._common, *self._shadowing)}
        if (
            source.get("type") != "BASE_TABLE"
            or source.get("column_name_alias")
            or source.get("sample")
            or any(node.get(part) for part in parts)
            or lowered(name) in made
        ):
            return None
        called = source.get("alias") or name
        listed = []
        for each in items:
            if each.get("alias", "").startswith(self._hidden):
                # Where the columns of `*` end.
                continue
            column = _plain_name(each, called)
            if column is None and not _is_plain_star(each, called):
                return None
            listed.append(column)
        leaves = [_plain_name(leaf, called) for _, leaf in self._leaves.values()]
        known = tuple(each for each in leaves if each is not None)
        return PlainSource(name, called, tuple(listed), known) if len(known) == len(leaves) else None

    def _only_columns(self, shown: list[Json]) -> tuple[str | tuple[int, str, str], ...] | None:
        """Return what the second half shows, where that is nothing but columns."""
        measures = {measure_column(self._hidden, *each): each for each in self._measures}
        found: list[str | tuple[int, str, str]] = []
        for each in shown:
            if each["class"] != "COLUMN_REF":
                return None
            (name,) = each["column_names"]
            if name in measures:
                found.append((*measures[name], each["alias"]))
            elif name.startswith(f"{self._hidden}item "):
                found.append(name)
            else:
                return None
        return tuple(found)

    # The second half.

    def _shown(self, item: Json) -> Json:
        """Return an element of the SELECT list that has windows."""
        for each in expressions(item):
            if each["class"] == "STAR":
                message = "* and COLUMNS(...) cannot stand in one expression with a window; write the columns"
                raise self._fail(message, each)
        found: Json = self._rewritten(item)
        alias = self._alias(item) or _own_name(item)
        if alias is None:
            self._names.append((found, self._unmarked(item)))
        else:
            found["alias"] = alias
        return found

    def _unmarked(self, node: Any) -> Any:
        """Return an expression from which its column is to be named."""
        if isinstance(node, list):
            return [self._unmarked(each) for each in node]
        if not isinstance(node, dict):
            return node
        call = self._marks.read(node.get("function_name"))
        if call is not None and call.measure:
            return column(call.name)
        found = {name: self._unmarked(each) for name, each in node.items()}
        if call is not None:
            name = "count_star" if call.name == "count" and not node.get("arguments") else call.name
            found |= {"function_name": name, "qualified_name": {"path": [name]}}
        return found

    def _modifier(self, modifier: Json) -> Json:
        if modifier.get("type") == "ORDER_MODIFIER":
            orders = [{**each, "expression": self._ordered(each["expression"])} for each in modifier.get("orders", [])]
            return {**modifier, "orders": orders}
        if modifier.get("type") == "DISTINCT_MODIFIER" and modifier.get("distinct_on_targets"):
            return {**modifier, "distinct_on_targets": list(map(self._ordered, modifier["distinct_on_targets"]))}
        return modifier

    def _ordered(self, node: Json) -> Json:
        """Return an expression of ORDER BY: one that is a name means the answer's column before that of a table."""
        names = node.get("column_names", [])
        if node["class"] == "COLUMN_REF" and len(names) == 1 and lowered(names[0]) in self._aliases:
            return node
        return node if node["class"] == "STAR" else self._rewritten(node)

    def _rewritten(self, node: Any, *, in_window: bool = False) -> Any:
        """Return an expression over the table that the second half reads."""
        self._looked_at += 1
        if not self._looked_at % _NODES_BETWEEN_LOOKS:
            self._check()
        if isinstance(node, list):
            return [self._rewritten(each, in_window=in_window) for each in node]
        if not isinstance(node, dict):
            return node
        kind = node.get("class")
        if kind == "WINDOW":
            return self._window(node, in_window=in_window)
        if kind == "FUNCTION" and node.get("function_name") == "alias":
            message = "alias(...) cannot stand in an expression beside a row pattern in a window; write the text"
            raise self._fail(message, node)
        if kind in {"FUNCTION", "COLUMN_REF", "SUBQUERY"} or (kind is not None and self._groups):
            leaf = self._leaf(node)
            if leaf is not None:
                return leaf
        if kind == "SUBQUERY":
            return {
                name: each if name == "subquery" else self._rewritten(each, in_window=in_window)
                for name, each in node.items()
            }
        return {name: self._rewritten(each, in_window=in_window) for name, each in node.items()}

    def _leaf(self, node: Json) -> Json | None:
        """Return the column of what the first half computes; None where it computes parts of it only."""
        kind = node["class"]
        with_window = kind != "COLUMN_REF" and has_window(node)
        if with_window:
            if is_aggregate(node):
                message = "a window cannot stand in an aggregate; write the aggregate in a query around this one"
                raise self._fail(message, next(each for each in expressions(node) if each["class"] == "WINDOW"))
            if any(each["class"] == "LAMBDA" for each in expressions(node)):
                raise self._fail("a window cannot stand in a call with a lambda; name its value in a subquery", node)
            return None
        grouped = bool(self._groups) and key_of(node) in self._groups
        has_lambda = kind == "FUNCTION" and any(each["class"] == "LAMBDA" for each in expressions(node))
        if not (grouped or has_lambda or kind in {"COLUMN_REF", "SUBQUERY"} or is_aggregate(node)):
            return None
        names = node.get("column_names", [])
        if kind == "COLUMN_REF" and len(names) == 1 and lowered(names[0]) in self._windowed:
            found = self._ambiguous.setdefault(
                lowered(names[0]), AliasOrColumn(f"{self._hidden}name {len(self._ambiguous)}", names[0])
            )
            return column(found.placeholder, node.get("alias", ""))
        name, _ = self._leaves.setdefault(key_of(node), (f"{self._hidden}leaf {len(self._leaves)}", node))
        return column(name, node.get("alias", ""))

    def _window(self, node: Json, *, in_window: bool) -> Json:
        """Return a call over a window."""
        call = self._marks.read(node.get("function_name"))
        if in_window:
            message = "a window cannot stand in another one; name its value in a subquery"
            raise self._fail(message, node)
        if call is None:
            return {name: self._rewritten(each, in_window=True) for name, each in node.items()}
        self._called.add(call.window)
        if call.measure:
            self._measures.setdefault((call.window, call.name), None)
            return column(measure_column(self._hidden, call.window, call.name), node.get("alias", ""))
        found = {name: self._rewritten(each, in_window=True) for name, each in node.items()}
        found |= {"function_name": call.name, "qualified_name": {"path": [call.name]}}
        self._framed.add(call.window)

        def about(what: str) -> Json:
            return column(frame_column(self._hidden, call.window, what))

        found["partitions"] = [about("partition")]
        if call.name in _RANKS:
            return found
        position = {"type": "ASCENDING", "null_order": "NULLS LAST", "expression": about("position")}
        found["orders"] = [position]
        found |= {"start": "EXPR_FOLLOWING_ROWS", "end": "EXPR_FOLLOWING_ROWS"}
        return {**found, "start_expr": about("first"), "end_expr": about("last")}


def _plain_name(node: Json, called: str) -> str | None:
    """Return the name of a column of a table, without the table's; None where it is anything else."""
    names = node.get("column_names", [])
    if node["class"] != "COLUMN_REF" or len(names) not in {1, 2}:
        return None
    if len(names) == 2 and lowered(names[0]) != lowered(called):  # noqa: PLR2004 - a table's name and a column's
        return None
    return str(names[-1])


def _is_plain_star(node: Json, called: str) -> bool:
    changed = ("exclude_list", "replace_list", "rename_list", "qualified_exclude_list", "columns", "expr")
    relation = node.get("relation_name")
    plain = node["class"] == "STAR" and not any(node.get(each) for each in changed)
    return plain and (not relation or lowered(relation) == lowered(called))


def _shadowed(entry: Json, own: list[Json]) -> bool:
    return any(lowered(entry["key"]) == lowered(each["key"]) for each in own)


def _own_name(item: Mapping[str, Any]) -> str | None:
    """Return what an element of a SELECT list is called that is a column and has no alias."""
    names = item.get("column_names") or [None]
    return names[-1] if item["class"] == "COLUMN_REF" else None
