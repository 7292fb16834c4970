"""Nodes of SQL expressions: plain, immutable, and all that a query may hold.

Each kind of node has one class. Trees are compared and hashed by what they mean; places in the query are no part of it.

>>> from rowpattern.sql.expression.nodes import Column, Comparison, Literal
>>> Comparison("<", Column(("price",)), Literal("INTEGER", "10")) == Comparison(
...     "<", Column(("price",), span=(0, 5)), Literal("INTEGER", "10", span=(8, 10)))
True
"""

from __future__ import annotations

from operator import is_not
from typing import TYPE_CHECKING, Any, TypeVar

from rowpattern.sql.records import Record, field, field_names, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "COMPARISON_SIGNS",
    "PARAMETER_COLUMN",
    "Argument",
    "Between",
    "Branch",
    "Call",
    "Case",
    "Cast",
    "Collate",
    "Column",
    "Comparison",
    "Conjunction",
    "Lambda",
    "Literal",
    "Node",
    "Opaque",
    "Operation",
    "OrderItem",
    "Parameter",
    "Semantics",
    "Star",
    "TypeName",
    "balanced",
    "children",
    "conditions_of",
    "map_children",
    "replaced",
    "span_of",
    "text_of",
    "walk",
]


#: Signs of `Comparison` by DuckDB's names for them, which its parser and its binder share.
COMPARISON_SIGNS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}

#: Names of columns that stand for parameters begin with this.
PARAMETER_COLUMN = "parameter "

# 128 bits have 39.
_MOST_DIGITS = 100


class Node(Record):
    """A part of an expression.

    Attributes:
        span: its first character in the query, and the character behind its last; None where it is not the user's.
    """

    span: tuple[int, int] | None = field(default=None, compare=False, kw_only=True)


class Literal(Node):
    """A constant as it was written.

    Attributes:
        kind: INTEGER, NUMERIC (has a point or an exponent), STRING, BOOLEAN, NULL_LITERAL, HEX or BIT.
        text: the characters of a STRING, HEX or BIT; otherwise as it was written.
    """

    kind: str
    text: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is a character string."""
        return self.kind == "STRING"

    @property
    def is_null(self) -> bool:
        """Whether it is NULL."""
        return self.kind == "NULL_LITERAL"

    @property
    def integer(self) -> int | None:
        """Its value where it is a whole number; one that no type of DuckDB holds is cut."""
        if self.kind != "INTEGER":
            return None
        digits = self.text.replace("_", "")
        # Python refuses to read very long ones.
        return int(digits) if len(digits) <= _MOST_DIGITS else int(digits[:_MOST_DIGITS])


class Column(Node):
    """A name with its qualifiers, outermost first; `quoted` says of each whether it stood in double quotes."""

    names: tuple[str, ...]
    quoted: tuple[bool, ...] = field(default=(), compare=False)

    def is_quoted(self, at: int) -> bool:
        """Say whether the name at this place stood in double quotes."""
        return at < len(self.quoted) and self.quoted[at]


class SubqueryValue(Node):
    """What a subquery gives; `place` is where in the query its text stands."""

    place: int


class Star(Node):
    """`*`, or `A.*` with the name before it."""

    relation: str | None = None
    quoted: bool = field(default=False, compare=False)


class Argument(Node):
    """An argument of a call, and its name where it has one (`f(name := value)`)."""

    value: Node
    name: str | None = None


class OrderItem(Node):
    """An expression of an ORDER BY inside a call; `direction` and `nulls` as DuckDB's parser names them."""

    value: Node
    direction: str = "ORDER_DEFAULT"
    nulls: str = "ORDER_DEFAULT"


class Call(Node):
    """A call of a function, an aggregate or an operator.

    Attributes:
        name: in lower case.
        operator: written between or before its arguments, as `+`.
    """

    name: str
    arguments: tuple[Argument, ...] = ()
    operator: bool = False
    distinct: bool = False
    filter: Node | None = None
    order_by: tuple[OrderItem, ...] = ()

    @property
    def values(self) -> tuple[Node, ...]:
        """The arguments without their names."""
        return tuple(argument.value for argument in self.arguments)


class Comparison(Node):
    """A comparison: `=`, `<>`, `<`, `<=`, `>`, `>=`, `IS DISTINCT FROM` or `IS NOT DISTINCT FROM`."""

    sign: str
    left: Node
    right: Node


class Conjunction(Node):
    """AND or OR of two or more conditions."""

    word: str
    operands: tuple[Node, ...]


class Operation(Node):
    """What has a syntax of its own: NOT, IS NULL, IN, COALESCE, TRY, `x[1]`, `x[1:2]`, `(x).field`, `ARRAY[...]`.

    Attributes:
        kind: as DuckDB's parser names it, without the class: NOT, IS_NULL, IS_NOT_NULL, IN, COALESCE, TRY, ...
    """

    kind: str
    operands: tuple[Node, ...]


class Between(Node):
    """`value BETWEEN low AND high`."""

    value: Node
    low: Node
    high: Node


class Branch(Node):
    """WHEN and THEN of a CASE."""

    condition: Node
    value: Node


class Case(Node):
    """CASE WHEN ... THEN ... ELSE ... END; the parser compares the operand of the other form in each condition."""

    branches: tuple[Branch, ...]
    otherwise: Node


class TypeName(Node):
    """A type: its name in upper case, and what stands in its parentheses: types (with field names) and literals."""

    name: str
    parts: tuple[tuple[str | None, Node], ...] = ()


class Cast(Node):
    """CAST or TRY_CAST to a type."""

    value: Node
    to: TypeName
    safe: bool = False


class Collate(Node):
    """`value COLLATE collation`."""

    value: Node
    collation: str


class Lambda(Node):
    """`lambda x, y: body`; its parameters are names of their own inside the body."""

    parameters: tuple[str, ...]
    body: Node


class Semantics(Node):
    """RUNNING or FINAL before a call (ISO/IEC 19075-5, section 5.4); never written to DuckDB."""

    word: str
    call: Node


class Parameter(Node):
    """A value that is given with the query, `$name` or `?`.

    Written, it is a column of its name, so that DuckDB's binder tells it from constants; only the binder is given
    that. What is computed has the value in its place (`rowpattern.sql.expression.parameters`).

    Attributes:
        name: without the `$`; of `?` its number.
        kind: DuckDB's name of its type; empty where that is not known yet.
    """

    name: str
    kind: str = ""

    @property
    def column(self) -> str:
        """The name of the column."""
        return f"{PARAMETER_COLUMN}{self.name}"


class Opaque(Node):
    """What may stand around a clause but not in one: a window, a subquery, a parameter, `COLUMNS(...)`.

    It has been checked with all that is in it, and is never written.
    """

    kind: str


_Item = TypeVar("_Item")

_LINKS: dict[type, tuple[str, ...]] = {}


def _links(kind: type[Node]) -> tuple[str, ...]:
    """Return the fields in which nodes stand. A type is no part of the expression, and neither is what is in it."""
    plain = {"span", "quoted", "kind", "text", "names", "name", "relation", "sign", "word", "operator", "distinct"}
    plain |= {"direction", "nulls", "safe", "collation", "parameters", "to", "place"}
    names = () if issubclass(kind, TypeName) else field_names(kind)
    found = _LINKS[kind] = tuple(name for name in names if name not in plain)
    return found


def children(node: Node) -> Sequence[Node]:
    """Return the nodes directly in a node, from left to right; a type is no part of the expression."""
    kind = type(node)
    links = _LINKS.get(kind)
    if links is None:
        links = _links(kind)
    found: list[Node] = []
    for name in links:
        value = getattr(node, name)
        if isinstance(value, tuple):
            found += value
        elif value is not None:
            found.append(value)
    return found


def map_children(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return a node with a function's answers in the place of the nodes directly in it."""
    kind = type(node)
    links = _LINKS.get(kind)
    if links is None:
        links = _links(kind)
    changed: dict[str, Any] = {}
    for name in links:
        value = getattr(node, name)
        if isinstance(value, tuple):
            many = [change(each) for each in value]
            if any(map(is_not, many, value)):
                changed[name] = tuple(many)
        elif value is not None:
            new = change(value)
            if new is not value:
                changed[name] = new
    return replace(node, **changed) if changed else node


def conditions_of(node: Node) -> Iterator[Node]:
    """Give the conditions that AND joins to one, from left to right; the node itself where it is none of these."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Conjunction) and node.word == "AND":
            waiting += reversed(node.operands)
        else:
            yield node


def walk(node: Node) -> Iterator[Node]:
    """Give a node and all that is in it, each before what is in it, from left to right."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))


def span_of(node: Node) -> tuple[int, int] | None:
    """Return where in the query a node and all that is in it stand; None where none of it is the user's."""
    if not children(node):
        return node.span
    spans = [each.span for each in walk(node) if each.span is not None]
    return (min(spans)[0], max(end for _, end in spans)) if spans else None


def text_of(node: Node, query: str) -> str:
    """Return a node as the query has it, in one line; nothing where none of it is the user's."""
    begin, end = span_of(node) or (0, 0)
    return " ".join(query[begin:end].split())


def replaced(root: Node, new: dict[int, Node]) -> Node:
    """Return a tree in which nodes are replaced: `new` has the `id` of each, and what comes in its place."""
    found = new.get(id(root))
    return found if found is not None else map_children(root, lambda child: replaced(child, new))


def balanced(join: Callable[[_Item, _Item], _Item], items: Sequence[_Item]) -> _Item:
    """Join items two by two, in their order, so that what comes out nests as deep as the logarithm of their number."""
    if len(items) == 1:
        return items[0]
    middle = len(items) // 2
    return join(balanced(join, items[:middle]), balanced(join, items[middle:]))
