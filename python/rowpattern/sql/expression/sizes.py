"""How much memory functions ask for that make values of any size: `repeat(s, n)`, `range(n)`, `lpad(s, n, '-')`.

DuckDB's memory limit does not count what such a function makes of a chunk of rows. So their sizes are computed first,
from their arguments. Sizes are upper bounds in bytes; functions whose values are about as large as their arguments have
none. What a lambda makes by growing its own result (`list_reduce(l, lambda a, b: a || a)`) is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rowpattern.sql.expression import nodes
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["generated_bytes"]

# Of a character.
_UTF8 = 4
# Of an item of a list, and of each text.
_ITEM = 16
# What is put in the place of others is of a bounded size where it is a constant as long as this.
_SHORT = 64

# True, and not known to be before it is computed: the parameter of a lambda, as TRY takes nothing that changes.
_CHANGING = nodes.Column(("rowpattern changing",))
_NULL = nodes.Literal("NULL_LITERAL")

_REPLACING = frozenset({"replace", "regexp_replace"})
_JOINING = frozenset({"array_to_string", "array_to_string_comma_default"})
_MAPPING = frozenset({"list_transform", "array_transform", "list_apply", "array_apply", "apply"})


def generated_bytes(tree: nodes.Node, most: int) -> str | None:
    """Return SQL for the bytes that functions make of a row, over the expression's columns; None where there are none.

    Args:
        tree: the expression.
        most: arguments that themselves need more than this are not computed.
    """
    parts = _Sizes(most).made(tree)
    return " + ".join(parts) if parts else None


class _Sizes:
    def __init__(self, most: int) -> None:
        self._most = most
        self._made: dict[int, list[str]] = {}

    def made(self, node: nodes.Node) -> list[str]:
        """Return the sizes of all values that are made in a node; they are to be added."""
        found = self._made.get(id(node))
        if found is None:
            found = self._made[id(node)] = self._parts(node)
        return found

    def _parts(self, node: nodes.Node) -> list[str]:
        if isinstance(node, nodes.Lambda):
            return []
        if isinstance(node, nodes.Case) and not any(self.made(each.condition) for each in node.branches):
            return self._chosen(node, self.made)
        inside = [size for each in nodes.children(node) for size in self.made(each)]
        if not isinstance(node, nodes.Call):
            return inside
        values = node.values
        if node.name in _MAPPING and len(values) == 2 and isinstance(values[1], nodes.Lambda):  # noqa: PLR2004
            return inside + self._mapped(values[0], values[1])
        return [*inside, self._bytes(node)] if self._is_making(node) else inside

    def _is_making(self, call: nodes.Call) -> bool:
        values = call.values
        if call.name in _REPLACING:
            return len(values) > 2 and not _is_short(values[2])  # noqa: PLR2004 - the third is put in
        if call.name in _JOINING:
            return len(values) > 1 and not _is_short(values[1])
        if call.name in {"printf", "format"}:
            return not (isinstance(values[0], nodes.Literal) and _is_short(values[0]) and not _has_width(values[0]))
        return call.name in self._FORMULAS and len(values) > (0 if call.name in {"range", "generate_series"} else 1)

    def _sql(self, node: nodes.Node) -> str:
        return sql_of(self._unfolded(node))

    def _unfolded(self, node: nodes.Node) -> nodes.Node:
        """Return what DuckDB does not compute before the query runs, as it does where no column is read.

        It would compute the large value that a guard keeps away.
        """
        if isinstance(node, nodes.Lambda) or not self.made(node):
            return node
        new = nodes.map_children(node, self._unfolded)
        reads = any(isinstance(each, nodes.Column) for each in nodes.walk(node))
        if reads or not (isinstance(node, nodes.Call) and isinstance(new, nodes.Call) and self._is_making(node)):
            return new
        first, *others = new.arguments
        changing = nodes.Case((nodes.Branch(_CHANGING, first.value),), _NULL)
        return replace(new, arguments=(replace(first, value=changing), *others))

    # Sizes of values.

    def _bytes(self, node: nodes.Node) -> str:
        """Return the bytes of a node's value."""
        if isinstance(node, nodes.Call) and self._is_making(node):
            values = node.values
            if node.name in _REPLACING:
                return f"({self._bytes(values[0])} * (1 + {self._bytes(values[2])}))"
            if node.name in _JOINING:
                return f"({self._bytes(values[0])} * (1 + {self._bytes(values[1])}))"
            return f"({self._FORMULAS[node.name](self, values)})"
        if isinstance(node, nodes.Case) and not any(self.made(each.condition) for each in node.branches):
            return (self._chosen(node, lambda each: [self._bytes(each)]) or ["0"])[0]
        if self.made(node):
            return f"({' + '.join(self._bytes(each) for each in nodes.children(node))})"
        return f"COALESCE(TRY(strlen(CAST({self._sql(node)} AS VARCHAR))), 0)::DOUBLE"

    def _number(self, node: nodes.Node) -> str:
        """Return the value of a node that is a number, which is not computed where that takes too much."""
        value = f"greatest(COALESCE(TRY(CAST({self._sql(node)} AS DOUBLE)), 0), 0)"
        return self._guarded(node, value)

    def _guarded(self, node: nodes.Node, size: str) -> str:
        made = self.made(node)
        if not made:
            return size
        needed = " + ".join(made)
        if self._unfolded(node) is not node:
            size = f"list_transform([random() >= 0], lambda {sql_of(_CHANGING)}: {size})[1]"
        return f"CASE WHEN {needed} > {self._most} THEN {needed} ELSE {size} END"

    def _range(self, of: Sequence[nodes.Node]) -> str:
        begin, end = (self._sql(of[0]), self._sql(of[1])) if len(of) > 1 else ("0", self._sql(of[0]))
        step = self._sql(of[2]) if of[2:] else "1"
        numbers = f"({_as(end, 'DOUBLE')} - {_as(begin, 'DOUBLE')}) / {_as(step, 'DOUBLE')}"
        size = f"COALESCE({numbers}, 0)"
        if of[2:]:
            # Numbers or times, which is not known here. A month has at least 28 days.
            seconds = f"epoch(normalized_interval({_as(step, 'INTERVAL')}))"
            times = f"(epoch({_as(end, 'TIMESTAMP')}) - epoch({_as(begin, 'TIMESTAMP')})) / {seconds}"
            size = f"COALESCE({numbers}, {times} * 1.1, 0)"
        size = f"{_ITEM} * greatest({size}, 0)"
        for each in of:
            size = self._guarded(each, size)
        return size

    def _resized(self, of: Sequence[nodes.Node]) -> str:
        item = f"({_ITEM} + {self._bytes(of[2])})" if of[2:] else str(_ITEM)
        return f"{self._bytes(of[0])} + {item} * {self._number(of[1])}"

    def _formatted(self, of: Sequence[nodes.Node]) -> str:
        # A number in the text may be a width, and where a width is an argument, each may be.
        text = self._sql(of[0])
        widths = f"list_sum(CAST(regexp_extract_all({text}, '[0-9]{{1,18}}') AS DOUBLE[]))"
        sizes = [f"{_UTF8} * COALESCE(TRY({widths}), 0)", *(self._bytes(each) for each in of)]
        sizes += [f"{_UTF8} * {self._number(each)} * contains({text}, '*')::INTEGER" for each in of[1:]]
        sizes += [f"{_UTF8} * {self._number(each)} * regexp_matches({text}, ':[^}}]*\\{{')::INTEGER" for each in of[1:]]
        return self._guarded(of[0], " + ".join(sizes))

    def _mapped(self, values: nodes.Node, change: nodes.Lambda) -> list[str]:
        """Return the size of what a lambda makes of all items of a list."""
        made = self.made(change.body)
        if not made:
            return []
        names = ", ".join(f'"{name}"' for name in change.parameters)
        each = f"list_transform({self._sql(values)}, lambda {names}: {' + '.join(made)})"
        return [self._guarded(values, f"COALESCE(list_sum({each}), 0)")]

    def _chosen(self, node: nodes.Case, sizes: Callable[[nodes.Node], list[str]]) -> list[str]:
        """Return the size of the branch of a CASE that is taken."""
        every = [*(each.value for each in node.branches), node.otherwise]
        found = [" + ".join(sizes(each)) or "0" for each in every]
        if all(size == "0" for size in found):
            return []
        whens = " ".join(f"WHEN {self._sql(each.condition)} THEN {size}" for each, size in zip(node.branches, found))
        return [f"CASE {whens} ELSE {found[-1]} END"]

    # By function, the bytes of its value, as SQL over its arguments.
    _FORMULAS: ClassVar[dict[str, Callable[[_Sizes, Sequence[nodes.Node]], str]]] = {
        "repeat": lambda self, of: f"{self._bytes(of[0])} * {self._number(of[1])}",
        "lpad": lambda self, of: f"{_UTF8} * {self._number(of[1])}",
        "rpad": lambda self, of: f"{_UTF8} * {self._number(of[1])}",
        "range": _range,
        "generate_series": _range,
        "list_resize": _resized,
        "array_resize": _resized,
        "bar": lambda self, of: f"{_UTF8} * {self._number(of[3]) if of[3:] else 80}",
        "printf": _formatted,
        "format": _formatted,
        "to_base": lambda self, of: f"{self._number(of[2]) if of[2:] else 64}",
    }


def _as(sql: str, kind: str) -> str:
    """Return a value of another type by its text, NULL where it is none: what has no cast would be refused."""
    return f"TRY_CAST(TRY(CAST({sql} AS VARCHAR)) AS {kind})"


def _is_short(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Literal) and len(node.text) <= _SHORT


def _has_width(text: nodes.Literal) -> bool:
    return any(each.isdigit() or each in "*:" for each in text.text)
