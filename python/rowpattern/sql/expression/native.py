"""Bound expressions to typed ones: what the engine computes, and the parts that are left to DuckDB.

DuckDB's bound tree and the tree of the query are gone through side by side. Where the engine computes a bound node,
the node is taken over; where it does not, the part of the query's tree that stands there is DuckDB's. A bound tree that
the engine computes as a whole needs no tree beside it: DuckDB has made BETWEEN, CASE and macros plain there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.functions import CHANGING
from rowpattern.sql.expression import nodes
from rowpattern.sql.expression.constants import constant_of, is_clock_interval
from rowpattern.sql.expression.typed import (
    INSTANTS,
    Call,
    Computed,
    Constant,
    Literal,
    Reference,
    Typed,
    cast_sql,
    engine_type,
    engine_type_of_columns,
    walk_typed,
)
from rowpattern.sql.expression.write import sql_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rowpattern.sql.expression.binder import Bound

__all__ = ["Translator"]

# They mean the same in every time zone.
_OF_INSTANTS = frozenset(
    {"=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from", "is null", "is not null", "in"}
) | {"coalesce", "case", "greatest", "least"}
_EQUALITIES = frozenset({"=", "<>", "is distinct from", "is not distinct from"})
_COMPARISONS = _EQUALITIES | {"<", "<=", ">", ">=", "in"}
# They give one of their arguments.
_CHOOSING = frozenset({"coalesce", "greatest", "least"})
_DAY_MICROSECONDS = 86_400_000_000
_MOST_NANOSECONDS = (1 << 63) - 1
# An interval in nanoseconds as intervals are compared: months of 30 days, days of 24 hours. More than a column of
# nanoseconds can have is the most.
_NANOSECONDS_SQL = f"""(SELECT CAST(greatest(least(((date_part('year', i) * 12 + date_part('month', i)) * 30
    + date_part('day', i))::HUGEINT * {_DAY_MICROSECONDS} + date_part('hour', i) * 3600000000
    + date_part('minute', i) * 60000000 + date_part('microseconds', i), {_MOST_NANOSECONDS // 1000}),
    -{_MOST_NANOSECONDS // 1000}) * 1000 AS BIGINT) FROM (SELECT {{}} AS i))"""
_WORDS = {"~~": "like", "~~*": "ilike"}
_NEGATED = {"!~~": "like", "!~~*": "ilike"}
_OPERATIONS = {"NOT": "not", "IS_NULL": "is null", "IS_NOT_NULL": "is not null", "COALESCE": "coalesce", "IN": "in"}
# No category has it.
_NO_RANK = -1
_SIDES = 2
# Functions that are another kind of node to the binder: its kind and name, and theirs.
_CHOICES = frozenset({("case", "", "if"), ("operator", "coalesce", "ifnull")})


class Translator:
    """Translates the expressions of one clause."""

    def __init__(
        self,
        is_native: Callable[[str, Sequence[str], str], bool],
        place: Callable[[nodes.Node], Hashable | None],
        labels: Mapping[str, Sequence[str]],
        *,
        utc: bool,
        nanoseconds: AbstractSet[str] = frozenset(),
    ) -> None:
        """Take what is known.

        Args:
            is_native: whether the engine computes a call: its name, its arguments' types, its own.
            place: of a part that is DuckDB's, the one row that it reads, where it reads one: such parts of one row are
                computed together.
            labels: the texts of ordered categories, by DuckDB's type of them.
            utc: whether the expressions are computed in UTC, where instants are timestamps.
            nanoseconds: references to durations in nanoseconds. DuckDB's intervals have microseconds, so that such are
                compared as whole numbers.
        """
        self._is_native = is_native
        self._place = place
        self._labels = labels
        self._utc = utc
        self._nanoseconds = nanoseconds
        self._known: dict[int, Typed | None] = {}

    def expression(self, tree: nodes.Node, bound: Bound) -> Typed | None:
        """Translate an expression; None where it is DuckDB's as a whole, and its type has no name here.

        Args:
            tree: the query's.
            bound: DuckDB's.
        """
        return self._beside(tree, bound)

    # Side by side.

    def _beside(self, tree: nodes.Node, bound: Bound) -> Typed | None:
        found = self._whole(bound)
        if found is not None:
            return found
        found = self._parts(tree, bound)
        if found is None or self._is_one_place(found):
            return self._duckdb(tree, bound)
        return found

    def _duckdb(self, tree: nodes.Node, bound: Bound) -> Typed | None:
        if bound.type is None:
            return None
        reads = any(isinstance(each, nodes.Column) for each in nodes.walk(tree))
        if not reads and engine_type_of_columns(bound.type, self._labels) is not None:
            changes = any(isinstance(each, nodes.Call) and each.name in CHANGING for each in nodes.walk(tree))
            return Constant(bound.type, cast_sql(sql_of(tree), bound.type), changes)
        return Computed(bound.type, tree)

    def _is_one_place(self, found: Typed) -> bool:
        """Say whether nothing but one row of DuckDB's parts is read: then DuckDB computes all of it at once."""
        leaves = [each for each in walk_typed(found) if isinstance(each, (Reference, Computed))]
        computed = [each for each in leaves if isinstance(each, Computed)]
        if not computed or len(computed) < len(leaves):
            return False
        places = {self._place(each.tree) for each in computed}
        return len(computed) == 1 or (len(places) == 1 and places != {None})

    def _parts(self, tree: nodes.Node, bound: Bound) -> Typed | None:
        """Go into both trees where they have the same parts."""
        if bound.kind in {"cast", "try_cast"}:
            return self._cast_parts(tree, bound)
        pairs = self._pairs(tree, bound)
        if pairs is None:
            return None
        arguments = []
        for one, other in pairs:
            found = self._beside(one, other)
            if found is None:
                return None
            arguments.append(found)
        if bound.kind == "logic" and isinstance(tree, nodes.Between):
            sides = [self._call(each, arguments[2 * at : 2 * at + 2]) for at, each in enumerate(bound.children)]
            known = [each for each in sides if each is not None]
            return self._call(bound, known) if len(known) == len(sides) else None
        return self._call(bound, arguments)

    def _cast_parts(self, tree: nodes.Node, bound: Bound) -> Typed | None:
        inner = bound.children[0]
        own = isinstance(tree, nodes.Cast) and tree.safe == (bound.kind == "try_cast")
        # Of two casts one above the other, the inner one may be the query's, or have been left out.
        if own and isinstance(tree, nodes.Cast) and inner.kind not in {"cast", "try_cast"}:
            found = self._beside(tree.value, inner)
        elif bound.kind == "cast":
            found = self._beside(tree, inner)
        else:
            found = None
        if found is None or isinstance(found, Computed):
            # The cast goes along.
            return None
        return self._call(bound, [found])

    def _pairs(self, tree: nodes.Node, bound: Bound) -> list[tuple[nodes.Node, Bound]] | None:
        inside = bound.children
        operands: list[nodes.Node] | None = None
        if bound.kind == "comparison" and isinstance(tree, nodes.Comparison) and tree.sign.lower() == bound.name:
            operands = [tree.left, tree.right]
        elif bound.kind == "logic" and isinstance(tree, nodes.Conjunction) and tree.word.lower() == bound.name:
            operands = list(tree.operands)
        elif bound.kind == "logic" and isinstance(tree, nodes.Between):
            return _between_pairs(tree, bound)
        elif bound.kind == "operator" and isinstance(tree, nodes.Operation):
            operands = list(tree.operands) if _OPERATIONS.get(tree.kind) == bound.name else None
        elif bound.kind == "case" and isinstance(tree, nodes.Case):
            operands = [each for branch in tree.branches for each in (branch.condition, branch.value)]
            operands.append(tree.otherwise)
        elif isinstance(tree, nodes.Call) and _is_plain(tree):
            same = bound.kind == "function" and tree.name == bound.name
            chosen = (bound.kind, bound.name, tree.name) in _CHOICES
            operands = list(tree.values) if same or chosen else None
        if operands is None or len(operands) != len(inside):
            return None
        return list(zip(operands, inside))

    # What the engine computes as a whole.

    def _whole(self, bound: Bound) -> Typed | None:
        if id(bound) not in self._known:
            self._known[id(bound)] = self._of_bound(bound)
        return self._known[id(bound)]

    def _of_bound(self, bound: Bound) -> Typed | None:
        if bound.type is None or engine_type_of_columns(bound.type, self._labels) is None:
            return None
        if bound.type == "NULL":
            # All values of this type are; only the function `error` does something else than giving one.
            return None if _raises(bound) else Literal("NULL", None)
        if bound.kind == "reference":
            return Reference(bound.type, bound.name)
        if bound.constant:
            return self._rank(bound) or constant_of(bound)
        ranked = self._of_ranks(bound)
        if ranked is not None:
            return ranked
        arguments = [self._whole(each) for each in bound.children]
        known = [each for each in arguments if each is not None]
        return self._call(bound, known) if len(known) == len(arguments) else None

    def _call(self, bound: Bound, arguments: list[Typed]) -> Typed | None:
        """Return a bound node over arguments that are known, where the engine computes it."""
        if bound.type is None or bound.kind == "unknown":
            return None
        name = bound.name or bound.kind
        if bound.kind == "function":
            if name == "timezone" and len(arguments) == _SIDES and arguments[0] == Literal("VARCHAR", "UTC"):
                return _retyped(arguments[1], bound.type) if arguments[1].type in INSTANTS else None
            if name in _NEGATED:
                positive = self._checked(bound, _NEGATED[name], "BOOLEAN", arguments)
                return None if positive is None else self._checked(bound, "not", "BOOLEAN", [positive])
            if name == "-" and len(arguments) == 1:
                name = "negate"
            name = _WORDS.get(name, name)
        if bound.kind in {"cast", "try_cast"} and isinstance(arguments[0], Literal) and arguments[0].value is None:
            return Literal(bound.type, None)
        return self._checked(bound, name, bound.type, arguments)

    def _checked(self, bound: Bound, name: str, kind: str, arguments: list[Typed]) -> Typed | None:
        if self._nanoseconds and name in _COMPARISONS:
            exact = [self._in_nanoseconds(each) for each in arguments]
            arguments = [each for each in exact if each is not None] if None not in exact else arguments
        types = [each.type for each in arguments]
        if not self._is_of_any_zone(bound, name, kind, types):
            return None
        own, of_arguments = engine_type(kind), [engine_type(each) for each in types]
        if own is None or None in of_arguments:
            return None
        known = [each for each in of_arguments if each is not None]
        if name == "cast" and known == [own] and own != "RANK":
            # Instants, and timestamps of UTC.
            return _retyped(arguments[0], kind)
        # Ranks of different categories are no numbers of one row.
        if "RANK" in {own, *known} and (
            name in {"cast", "try_cast"} or len({each for each in (kind, *types) if each.startswith("ENUM(")}) > 1
        ):
            return None
        return Call(kind, name, tuple(arguments)) if self._is_native(name, known, own) else None

    def _in_nanoseconds(self, node: Typed) -> Typed | None:
        """Return a duration as a number of nanoseconds; None where it is none that has them."""
        if isinstance(node, Reference):
            return Reference("BIGINT", node.name) if node.name in self._nanoseconds else None
        if isinstance(node, Literal):
            return _literal_nanoseconds(node)
        if isinstance(node, Constant):
            sql = _NANOSECONDS_SQL.format(node.sql)
            return Constant("BIGINT", sql, node.changes) if node.type == "INTERVAL" else None
        if not isinstance(node, Call) or node.name not in _CHOOSING or node.type != "INTERVAL":
            return None
        inside = [self._in_nanoseconds(each) for each in node.arguments]
        known = tuple(each for each in inside if each is not None)
        return Call("BIGINT", node.name, known) if len(known) == len(inside) else None

    def _is_of_any_zone(self, bound: Bound, name: str, kind: str, types: list[str]) -> bool:
        """Say whether what is computed is the same in the time zone of the expression and in UTC."""
        if not INSTANTS.keys() & {kind, *types} or name in _OF_INSTANTS:
            return True
        if name in {"+", "-"} and len(bound.children) == _SIDES and is_clock_interval(bound.children[1]):
            return True
        if name in {"cast", "try_cast"} and kind == "TIME":
            # DuckDB has no such cast.
            return False
        # Texts of timestamps show the zone; the name of a part of a time is none.
        texts = [at for at, each in enumerate(types) if each == "VARCHAR"]
        return self._utc and kind != "VARCHAR" and (not texts or (texts == [0] and bound.kind == "function"))

    # Ordered categories.

    def _rank(self, bound: Bound) -> Literal | None:
        """Return a text that is cast to ordered categories as its place among them."""
        labels = self._labels.get(bound.type or "")
        text = bound.children[0] if bound.kind == "cast" else None
        if labels is None or bound.type is None or text is None:
            return None
        found = constant_of(text)
        known = isinstance(found, Literal) and found.type == "VARCHAR" and found.value in labels
        return Literal(bound.type, list(labels).index(found.value)) if known and isinstance(found, Literal) else None

    def _of_ranks(self, bound: Bound) -> Typed | None:
        """Return whether a category is a text, or one of some texts, as a comparison of its rank."""
        equality = bound.kind == "comparison" and bound.name in _EQUALITIES
        if not equality and (bound.kind, bound.name) != ("operator", "in"):
            return None
        value, *others = sorted(bound.children, key=lambda each: each.constant) if equality else bound.children
        category = value.children[0] if value.kind == "cast" and value.type == "VARCHAR" else None
        labels = self._labels.get(category.type or "") if category is not None else None
        found = None if category is None or labels is None else self._whole(category)
        if found is None or labels is None:
            return None
        ranks: list[Typed] = []
        for each in others:
            text = constant_of(each) if each.constant else None
            if not isinstance(text, Literal) or text.type != "VARCHAR":
                return None
            place = list(labels).index(text.value) if text.value in labels else _NO_RANK
            ranks.append(Literal(found.type, None if text.value is None else place))
        return self._checked(bound, bound.name, "BOOLEAN", [found, *ranks])


def _literal_nanoseconds(node: Literal) -> Literal | None:
    if node.type == "NULL" or node.value is None:
        return Literal("BIGINT", None)
    if node.type != "INTERVAL":
        return None
    months, days, microseconds = node.value
    found = ((months * 30 + days) * _DAY_MICROSECONDS + microseconds) * 1000
    return Literal("BIGINT", max(-_MOST_NANOSECONDS, min(found, _MOST_NANOSECONDS)))


def _raises(bound: Bound) -> bool:
    return (bound.kind == "function" and bound.name == "error") or any(map(_raises, bound.children))


def _retyped(node: Typed, kind: str) -> Typed:
    """Return a node whose value is the same in another type."""
    if isinstance(node, Literal):
        return Literal(kind, node.value)
    if isinstance(node, Reference):
        return Reference(kind, node.name)
    if isinstance(node, Call):
        return Call(kind, node.name, node.arguments)
    return node


def _is_plain(call: nodes.Call) -> bool:
    named = any(argument.name for argument in call.arguments)
    return not (named or call.distinct or call.filter is not None or call.order_by)


def _between_pairs(tree: nodes.Between, bound: Bound) -> list[tuple[nodes.Node, Bound]] | None:
    low, high = bound.children if len(bound.children) == _SIDES else (bound, bound)
    if bound.name != "and" or (low.name, high.name) != (">=", "<=") or {low.kind, high.kind} != {"comparison"}:
        return None
    return [
        (tree.value, low.children[0]),
        (tree.low, low.children[1]),
        (tree.value, high.children[0]),
        (tree.high, high.children[1]),
    ]
