"""What DuckDB's binder says of expressions: the type of every node, and the casts that it inserts.

Nothing is executed: DuckDB is asked for the plan of `SELECT (e1), (e2) FROM (SELECT NULL::T AS "i0", ...)` as JSON.
The reader takes what it knows. A node, a key, a type or a shape that it does not know is `UNKNOWN`: such a part is
computed by DuckDB, which is slower and never another meaning.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rowpattern.errors import QueryError
from rowpattern.sql.duckdb.enums import enum_type
from rowpattern.sql.duckdb.exchange import message_of
from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.expression.nodes import COMPARISON_SIGNS
from rowpattern.sql.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rowpattern.sql.duckdb.connection import Database

__all__ = ["Bound", "BoundAggregate", "BoundTexts", "bind_texts"]

Json = dict[str, Any]

_OPERATORS = {
    "OPERATOR_NOT": "not",
    "OPERATOR_IS_NULL": "is null",
    "OPERATOR_IS_NOT_NULL": "is not null",
    "OPERATOR_COALESCE": "coalesce",
    "COMPARE_IN": "in",
}
_PLACE = ("query_location", "query_location_length", "alias")
# How a function was called, which does not change what it computes.
_OF_CALLS = ("has_serialize", "positional_arguments", "is_operator")
# What the binder keeps of sums of decimals says no more than their types do.
_OF_DECIMALS = {"check_overflow", "return_type", "arguments"}
_TYPES_WITHOUT_MORE = {"alias", "extension_info"}
_NO_TYPES = frozenset({"ANY", "LAMBDA", "UNKNOWN"})
_WIDE = 1 << 64


class Bound(Record):
    """A node of DuckDB's bound expression.

    Attributes:
        kind: `reference`, `constant`, `cast`, `try_cast`, `comparison`, `logic` (AND, OR), `operator` (NOT, IS NULL,
            COALESCE, IN, ...), `case` (condition, value, ..., otherwise), `function`, or `unknown`.
        type: DuckDB's name of its type, as SQL; None where it is not known here.
        name: of the reference, comparison, operator or function.
        value: of a constant.
    """

    kind: str
    type: str | None
    name: str = ""
    children: tuple[Bound, ...] = ()
    value: Any = None
    constant: bool = False


UNKNOWN = Bound("unknown", None)


class BoundAggregate(Record):
    """An aggregate: its type, and what it is where it is a plain call.

    Attributes:
        name: the function; None where it has more than arguments, DISTINCT and an ORDER BY (FILTER, settings).
        ordered: whether it has an ORDER BY.
        distinct: whether it has DISTINCT.
        separator: what stands between two texts that it puts together; it is no argument then.
    """

    type: str | None
    name: str | None = None
    arguments: tuple[Bound, ...] = ()
    ordered: bool = False
    separator: str | None = None
    distinct: bool = False


class BoundTexts(Record):
    """What the binder says of some expressions and aggregates."""

    expressions: tuple[Bound, ...]
    aggregates: Mapping[str, BoundAggregate]


def bind_texts(
    texts: Sequence[str],
    types: Mapping[str, str],
    aggregates: Mapping[str, str],
    row_types: Mapping[str, str],
    database: Database,
) -> BoundTexts | None:
    """Ask DuckDB what expressions are; one call for all of them, of about a millisecond.

    Args:
        texts: SQL of the expressions, over columns named as in `types` and `aggregates`.
        types: what else they read, by name, and its type in DuckDB's words.
        aggregates: SQL of aggregates, by the names that the expressions have for them.
        row_types: what rows that are aggregated give, by name, and its type.
        database: who is asked.

    Returns:
        what it says; None where that cannot be read.

    Raises:
        QueryError: DuckDB refuses one of them.
    """
    source = f"(SELECT {_nulls(types)})"
    if aggregates:
        calls = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in aggregates.items())
        source += f", (SELECT {calls} FROM (SELECT {_nulls(row_types)}))"
    sql = f"SELECT {', '.join(f'({text})' for text in texts) or 'NULL'} FROM {source}"
    try:
        plan = json.loads(database.plan(sql))
    except ValueError:
        # DuckDB writes constants that are NaN as no JSON has them.
        return None
    if plan.get("error"):
        raise QueryError(message_of(str(plan.get("error_message", "DuckDB refuses it"))))
    names = [*(types or {"": ""}), *aggregates]
    try:
        (root,) = plan["plans"]
        expressions = root["expressions"]
        if root["type"] != "LOGICAL_PROJECTION" or len(expressions) != max(1, len(texts)):
            expressions = []
    except (KeyError, TypeError, ValueError):
        root, expressions = {}, []
    reader = _Reader(names)
    found = [reader.expression(each) for each in expressions][: len(texts)]
    found += [UNKNOWN] * (len(texts) - len(found))
    return BoundTexts(tuple(found), _aggregates(root, list(aggregates), list(row_types)))


def _nulls(types: Mapping[str, str]) -> str:
    """Return what to select so that columns of these types are there."""
    return (
        ", ".join(f"NULL{'' if kind == 'NULL' else f'::{kind}'} AS {quoted(name)}" for name, kind in types.items())
        or "NULL"
    )


def _aggregates(root: Json, names: list[str], row_names: list[str]) -> dict[str, BoundAggregate]:
    nothing = dict.fromkeys(names, BoundAggregate(None))
    if not names:
        return {}
    try:
        (product,) = root["children"]
        projection = product["children"][1]
        (grouped,) = projection["children"]
        shown, calls = projection["expressions"], grouped["expressions"]
        plain = product["type"] == "LOGICAL_CROSS_PRODUCT" and projection["type"] == "LOGICAL_PROJECTION"
    except (KeyError, TypeError, ValueError, IndexError):
        return nothing
    if not plain or grouped.get("type") != "LOGICAL_AGGREGATE_AND_GROUP_BY" or len(shown) != len(names):
        return nothing
    reader = _Reader(row_names or [""])
    found = {}
    for name, each in zip(names, shown):
        index = each.get("index", 0) if each.get("expression_class") == "BOUND_REF" else None
        kind = type_name(each.get("return_type"))
        if isinstance(index, int) and 0 <= index < len(calls):
            found[name] = reader.aggregate(calls[index], kind)
        else:
            found[name] = BoundAggregate(kind)
    return found


def type_name(node: Any) -> str | None:
    """Return the name of a type, as SQL, from its JSON; None where it is not known here."""
    if not isinstance(node, dict) or not isinstance(node.get("id"), str):
        return None
    name: str = node["id"]
    more = node.get("type_info")
    if len(node) != 1 + ("type_info" in node):
        return None
    if more is None:
        return None if name in _NO_TYPES else name
    if not isinstance(more, dict) or any(more.get(key) for key in _TYPES_WITHOUT_MORE):
        return None
    more = {key: value for key, value in more.items() if key not in _TYPES_WITHOUT_MORE}
    kind = more.pop("type", None)
    if name == "DECIMAL" and kind == "DECIMAL_TYPE_INFO" and set(more) == {"width", "scale"}:
        return f"DECIMAL({more['width']},{more['scale']})"
    if name == "ENUM" and kind == "ENUM_TYPE_INFO" and set(more) == {"values_count", "values"}:
        return enum_type(more["values"]) if len(more["values"]) == more["values_count"] else None
    if name == "LIST" and kind == "LIST_TYPE_INFO" and set(more) == {"child_type"}:
        inside = type_name(more["child_type"])
        return None if inside is None or inside == "NULL" else f"{inside}[]"
    return None


class _Reader:
    """Reads bound nodes."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the names of the columns in order."""
        self._names = names
        self._readers = {
            "BOUND_REF": self._reference,
            "BOUND_CONSTANT": self._constant,
            "BOUND_FUNCTION": self._function,
            "BOUND_CONJUNCTION": self._logic,
            "BOUND_OPERATOR": self._operator,
            "BOUND_CASE": self._case,
        }

    def expression(self, node: Any) -> Bound:
        """Read one node and all that is in it."""
        if not isinstance(node, dict):
            return UNKNOWN
        left = _without(node, _PLACE)
        read = self._readers.get(left.pop("expression_class", None))
        try:
            return UNKNOWN if read is None else read(left, left.pop("type"))
        except (KeyError, TypeError, ValueError):
            return UNKNOWN

    def aggregate(self, node: Any, kind: str | None) -> BoundAggregate:
        """Read an aggregate; `kind` is its type."""
        left = _without(node, (*_PLACE, *_OF_CALLS, "named_arguments"))
        name = left.pop("qname", {}).get("path", [])[-1:]
        form = (left.pop("expression_class", ""), left.pop("type", ""))
        takes = left.pop("aggregate_type", "")
        arguments = tuple(self.expression(each) for each in left.pop("children", None) or [])
        left.pop("return_type", None), left.pop("arguments", None)
        ordered = bool(left.pop("order_bys", None))
        data = left.pop("function_data", None) or {}
        separator = data.pop("separator", None)
        if separator is not None:
            arguments = arguments[:1]
        plain = not data and left.pop("state_export", "NONE") == "NONE" and not any(left.values())
        plain = plain and form == ("BOUND_AGGREGATE", "BOUND_AGGREGATE") and takes in {"NON_DISTINCT", "DISTINCT"}
        if not plain or len(name) != 1:
            return BoundAggregate(kind)
        return BoundAggregate(kind, str(name[0]), arguments, ordered, separator, takes == "DISTINCT")

    def _children(self, left: Json) -> tuple[Bound, ...]:
        return tuple(self.expression(each) for each in left.pop("children", None) or [])

    def _reference(self, left: Json, form: str) -> Bound:
        kind, at = type_name(left.pop("return_type")), left.pop("index", 0)
        if form != "BOUND_REF" or any(left.values()) or not isinstance(at, int) or not 0 <= at < len(self._names):
            return UNKNOWN
        return Bound("reference", kind, self._names[at])

    @staticmethod
    def _constant(left: Json, form: str) -> Bound:
        value = dict(left.pop("value"))
        kind, null, found = type_name(value.pop("type")), value.pop("is_null"), value.pop("value", None)
        if form != "VALUE_CONSTANT" or any(left.values()) or value or kind is None:
            return Bound("unknown", kind, constant=True)
        if null:
            return Bound("constant", kind, constant=True)
        if isinstance(found, dict) and set(found) == {"upper", "lower"}:
            found = found["upper"] * _WIDE + found["lower"]
        elif isinstance(found, dict) and set(found) == {"months", "days", "micros"}:
            found = (found["months"], found["days"], found["micros"])
        return Bound("constant", kind, value=found, constant=True)

    def _function(self, left: Json, form: str) -> Bound:
        left = _without(left, _OF_CALLS)
        kind, children = type_name(left.pop("return_type")), self._children(left)
        left.pop("arguments", None)
        path, data = left.pop("qname")["path"], left.pop("function_data", None) or {}
        if any(left.values()):
            return Bound("unknown", kind, children=children, constant=_constant(children))
        constant = _constant(children)
        if form == "OPERATOR_CAST":
            known = set(data) == {"try_cast", "is_default_cast"} and not data["is_default_cast"]
            name = "try_cast" if data.get("try_cast") else "cast"
            return Bound(name if known and len(children) == 1 else "unknown", kind, "", children, constant=constant)
        if form in COMPARISON_SIGNS:
            known = not data and len(children) == 2  # noqa: PLR2004 - two sides
            children, sign = tuple(map(_compared, children)), COMPARISON_SIGNS[form].lower()
            return Bound("comparison" if known else "unknown", kind, sign, children, constant=constant)
        if form == "COMPARE_BETWEEN" and data == {"lower_inclusive": True, "upper_inclusive": True}:
            value, low, high = map(_compared, children)
            sides = [Bound("comparison", kind, ">=", (value, low), constant=_constant((value, low)))]
            sides.append(Bound("comparison", kind, "<=", (value, high), constant=_constant((value, high))))
            return Bound("logic", kind, "and", tuple(sides), constant=constant)
        known = form == "BOUND_FUNCTION" and path[:-1] == ["system", "main"] and not set(data) - _OF_DECIMALS
        return Bound("function" if known else "unknown", kind, str(path[-1]), children, constant=constant)

    def _logic(self, left: Json, form: str) -> Bound:
        children = self._children(left)
        name = {"CONJUNCTION_AND": "and", "CONJUNCTION_OR": "or"}.get(form, "")
        known = name and not any(left.values())
        return Bound("logic" if known else "unknown", "BOOLEAN", name, children, constant=_constant(children))

    def _operator(self, left: Json, form: str) -> Bound:
        kind, children = type_name(left.pop("return_type")), self._children(left)
        known = form in _OPERATORS and not any(left.values())
        name = _OPERATORS.get(form, "")
        if name == "in":
            children = tuple(map(_compared, children))
        return Bound("operator" if known else "unknown", kind, name, children, constant=_constant(children))

    def _case(self, left: Json, form: str) -> Bound:
        kind, checks = type_name(left.pop("return_type")), left.pop("case_checks")
        children: list[Bound] = []
        for check in checks:
            if set(check) != {"when_expr", "then_expr"}:
                return UNKNOWN
            children += (self.expression(check["when_expr"]), self.expression(check["then_expr"]))
        children.append(self.expression(left.pop("else_expr")))
        known = form == "CASE_EXPR" and not any(left.values())
        return Bound("case" if known else "unknown", kind, "", tuple(children), constant=_constant(children))


def _without(node: Json, keys: Iterable[str]) -> Json:
    """Return what a node has beside some keys."""
    left = node.copy()
    for key in keys:
        left.pop(key, None)
    return left


def _compared(node: Bound) -> Bound:
    """Return what is compared: comparisons of intervals are those of their lengths, which is said by a function."""
    whole = (node.kind, node.name, len(node.children)) == ("function", "normalized_interval", 1)
    return node.children[0] if whole else node


def _constant(children: Sequence[Bound]) -> bool:
    """Say whether a node reads nothing."""
    return all(each.constant for each in children)
