"""Simple expressions over columns and literals by Arrow's kernels, which take a twentieth of a query to DuckDB.

Only what means the same in both is done here: comparisons of columns of one type with each other, of numbers with whole
literals, of text with text literals, and of the time between two columns with intervals of a fixed length; AND, OR, NOT
and IS NULL over that; sums, differences and products of doubles and of 64-bit integers. Everything else is DuckDB's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.sql.arrow.arrays import has_nan
from rowpattern.sql.expression.intervals import interval_microseconds
from rowpattern.sql.expression.nodes import Call, Column, Comparison, Conjunction, Literal, Operation, balanced
from rowpattern.sql.runtime.threads import MANY_ROWS, in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.expression.nodes import Node

__all__ = ["Kernel", "kernel_of", "run_kernels"]

#: ("reference", name), ("literal", value), (function, argument, ...), or ("between", comparison, reference, reference,
#: length), which compares the first time less the second with this number of microseconds.
Kernel = tuple[Any, ...]

_COMPARISONS = {
    "=": "equal",
    "<>": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}

# With the sides changed.
_TURNED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

_ARITHMETIC = {"+": "add_checked", "-": "subtract_checked", "*": "multiply_checked"}

_LOGIC = {"AND": "and_kleene", "OR": "or_kleene"}

# Integers up to here are the same as floats.
_EXACT = 1 << 53
# Time stamps up to here, in microseconds, are not infinite, and have differences of 64 bits.
# Zones without changes of the clock.
_UTC = frozenset({"UTC", "Etc/UTC"})

_FINITE = 1 << 61


def kernel_of(node: Node) -> Kernel | None:
    """Return an expression over references as kernels; None where that cannot be."""
    if isinstance(node, Comparison):
        between = _between(node.sign, node.left, node.right) or _between(_TURNED.get(node.sign), node.right, node.left)
        if between is not None:
            return between
        left, right = _operand(node.left), _operand(node.right)
        return (
            None if None in {left, right} or node.sign not in _COMPARISONS else (_COMPARISONS[node.sign], left, right)
        )
    if isinstance(node, Conjunction):
        operands = [kernel_of(each) for each in node.operands]
        known = [each for each in operands if each is not None]
        function = _LOGIC[node.word]
        return balanced(lambda one, other: (function, one, other), known) if len(known) == len(operands) else None
    if isinstance(node, Operation) and node.kind == "NOT":
        inner = kernel_of(node.operands[0])
        return None if inner is None else ("invert", inner)
    if isinstance(node, Operation) and node.kind == "IS_NULL":
        operand = _operand(node.operands[0])
        return None if operand is None or operand[0] != "reference" else ("is_null", operand)
    return _operand(node) if _is_arithmetic(node) else None


def _between(sign: str | None, left: Node, right: Node) -> Kernel | None:
    """Return `one - other < INTERVAL ...` or `one < other + INTERVAL ...` as a kernel; None where it is neither."""
    if sign not in _COMPARISONS:
        return None
    for subtracting, difference, constant in ((True, left, right), (False, right, None)):
        if not isinstance(difference, Call) or not _is_arithmetic(difference):
            continue
        one, other = difference.values if subtracting else (left, difference.values[0])
        microseconds = interval_microseconds(difference.values[1] if constant is None else constant)
        signs = {"-"} if subtracting else {"+", "-"}
        inputs = [_operand(each) for each in (one, other) if isinstance(each, Column)]
        if microseconds is not None and difference.name in signs and len(inputs) == 2 and None not in inputs:  # noqa: PLR2004
            length = microseconds if subtracting or difference.name == "+" else -microseconds
            return ("between", _COMPARISONS[sign], *inputs, length)
    return None


def _is_arithmetic(node: Node) -> bool:
    return isinstance(node, Call) and node.operator and node.name in _ARITHMETIC and len(node.values) == 2  # noqa: PLR2004


def _operand(node: Node) -> Kernel | None:
    if isinstance(node, Column) and len(node.names) == 1:
        return ("reference", node.names[0])
    if isinstance(node, Call) and _is_arithmetic(node):
        left, right = (_operand(each) for each in node.values)
        return None if left is None or right is None else (_ARITHMETIC[node.name], left, right)
    if not isinstance(node, Literal):
        return None
    if node.is_text:
        return ("literal", node.text)
    # Whether 0.1 is a decimal or a double is for DuckDB to say.
    return ("literal", node.integer) if node.integer is not None and abs(node.integer) <= _EXACT else None


class _OtherTypesError(Exception):
    """DuckDB must decide."""


def run_kernels(
    kernels: Sequence[Kernel | None],
    columns: Mapping[str, Array],
    rows: int,
    threads: int,
    zone: str | None = None,
) -> list[Array | None]:
    """Compute expressions over references; None for those where types are such that DuckDB must.

    Args:
        kernels: as `kernel_of` gives them.
        columns: the references.
        rows: how many rows these have.
        threads: the most threads; where there are many rows, each takes a stretch of them.
        zone: that of all expressions; None for their columns' own. Differences of times are computed in UTC only, where
            all days are equally long.
    """
    references = sorted({name for kernel in kernels if kernel is not None for name in _references(kernel)})
    nan = in_threads(threads, lambda name: has_nan(columns[name]), references, rows)
    with_nan = {name for name, found in zip(references, nan) if found}
    stretch = max(1, -(-rows // threads)) if rows >= MANY_ROWS else max(1, rows)
    firsts = range(0, max(1, rows), stretch)
    kernels = [None if kernel is None or _needs_zone(kernel, columns, zone) else kernel for kernel in kernels]
    pieces = [(kernel, first, stretch) for kernel in kernels if kernel is not None for first in firsts]
    found = iter(in_threads(threads, lambda piece: _run_piece(piece, columns, with_nan), pieces, rows))
    results: list[Array | None] = []
    for kernel in kernels:
        if kernel is None:
            results.append(None)
            continue
        parts = [next(found) for _ in firsts]
        made = [part for part in parts if part is not None]
        results.append(_joined(made) if len(made) == len(parts) else None)
    return results


def _joined(parts: list[Array]) -> Array:
    if len(parts) == 1:
        return parts[0]
    chunks = [chunk for part in parts for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    return pa.chunked_array(chunks, parts[0].type)


def _references(kernel: Kernel) -> Iterator[str]:
    if kernel[0] == "reference":
        yield kernel[1]
    elif kernel[0] != "literal":
        for argument in kernel[2:4] if kernel[0] == "between" else kernel[1:]:
            yield from _references(argument)


def _needs_zone(kernel: Kernel, columns: Mapping[str, Array], zone: str | None) -> bool:
    """Say whether it has a difference of times in a zone whose days are not equally long."""
    if kernel[0] in {"reference", "literal"}:
        return False
    if kernel[0] == "between":
        kinds = [columns[name].type for name in _references(kernel)]
        zones = {zone or kind.tz for kind in kinds if pa.types.is_timestamp(kind) and kind.tz is not None}
        return not zones <= _UTC
    return any(_needs_zone(each, columns, zone) for each in kernel[1:])


def _run_piece(
    piece: tuple[Kernel, int, int], columns: Mapping[str, Array], with_nan: AbstractSet[str]
) -> Array | None:
    kernel, first, rows = piece
    try:
        return _run(kernel, {name: columns[name].slice(first, rows) for name in _references(kernel)}, with_nan)
    except (_OtherTypesError, pa.ArrowNotImplementedError, pa.ArrowInvalid):
        # An integer overflow; DuckDB makes the error.
        return None


def _run(kernel: Kernel, columns: Mapping[str, Array], with_nan: AbstractSet[str]) -> Array:
    function, *arguments = kernel
    if function == "between":
        return _run_between(kernel, columns)
    if function in {"and_kleene", "or_kleene", "invert"}:
        return pc.call_function(function, [_run(each, columns, with_nan) for each in arguments])
    operands: list[Any] = [_value(each, columns, with_nan) for each in arguments]
    if function == "is_null":
        return pc.call_function(function, operands)
    if any(name in with_nan for each in arguments for name in _references(each)):
        raise _OtherTypesError
    _check_types(*operands)
    if function not in _ARITHMETIC.values():
        return pc.call_function(function, operands)
    if not all(isinstance(each, int) or each.type in {pa.int64(), pa.float64()} for each in operands):
        raise _OtherTypesError
    found = pc.call_function(function, operands)
    if pa.types.is_floating(found.type) and not pc.all(pc.is_finite(found), min_count=0).as_py():
        # Older DuckDB refuses infinities.
        raise _OtherTypesError
    return found


def _run_between(kernel: Kernel, columns: Mapping[str, Array]) -> Array:
    _, comparison, one, other, length = kernel
    kinds = {columns[name].type for name in _references(kernel)}
    kind = kinds.pop()
    if kinds or not pa.types.is_timestamp(kind) or kind.unit == "ns":
        raise _OtherTypesError
    times = []
    for _, name in (one, other):
        times.append(columns[name].cast(pa.timestamp("us", kind.tz)).cast(pa.int64()))
        bounds = pc.min_max(times[-1])
        if any(bound.is_valid and abs(bound.as_py()) > _FINITE for bound in bounds.values()):
            raise _OtherTypesError
    return pc.call_function(comparison, [pc.subtract(*times), pa.scalar(length, pa.int64())])


def _value(operand: Kernel, columns: Mapping[str, Array], with_nan: AbstractSet[str]) -> Array | int | str:
    if operand[0] == "reference":
        return columns[operand[1]]
    found: Array | int | str = operand[1] if operand[0] == "literal" else _run(operand, columns, with_nan)
    return found


def _check_types(left: Any, right: Any) -> None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (int, str)):
            if isinstance(other, (int, str)):
                raise _OtherTypesError
            kind = other.type
            text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
            number = pa.types.is_floating(kind) or pa.types.is_int64(kind)
            if not (text if isinstance(one, str) else number):
                raise _OtherTypesError
    kinds = [each.type for each in (left, right) if not isinstance(each, (int, str))]
    if len(kinds) == 2 and kinds[0] != kinds[1]:  # noqa: PLR2004 - both sides
        raise _OtherTypesError
    for each in (left, right):
        if isinstance(each, (int, str)):
            continue
        if pa.types.is_nested(each.type) or pa.types.is_dictionary(each.type) or pa.types.is_duration(each.type):
            raise _OtherTypesError
