"""Simple expressions over columns and literals by Arrow's kernels, which take a twentieth of a query to DuckDB.

Only what means the same in both is done here: comparisons of columns of one type with each other, of numbers with whole
literals and of text with text literals; AND, OR, NOT and IS NULL over that; sums, differences and products of doubles
and of 64-bit integers. Everything else is DuckDB's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from rowpattern.sql.workers import MANY_ROWS, in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rowpattern.sql.tables import Array

__all__ = ["Kernel", "has_nan", "kernel_of", "run_kernels"]

#: ("input", name), ("literal", value), or (function, argument, ...).
Kernel = tuple[Any, ...]

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "equal",
    exp.NEQ: "not_equal",
    exp.LT: "less",
    exp.LTE: "less_equal",
    exp.GT: "greater",
    exp.GTE: "greater_equal",
}

_ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "add_checked",
    exp.Sub: "subtract_checked",
    exp.Mul: "multiply_checked",
}

_LOGIC: dict[type[exp.Expr], str] = {exp.And: "and_kleene", exp.Or: "or_kleene"}

# Integers up to here are the same as floats.
_EXACT = 1 << 53


def kernel_of(node: exp.Expr) -> Kernel | None:
    """Return an expression over inputs as kernels; None where that cannot be."""
    node = node.unnest()
    for functions, reader in ((_COMPARISONS, _operand), (_LOGIC, kernel_of)):
        if type(node) in functions:
            left, right = reader(node.this), reader(node.expression)
            return None if left is None or right is None else (functions[type(node)], left, right)
    if type(node) is exp.Not:
        inner = kernel_of(node.this)
        return None if inner is None else ("invert", inner)
    if type(node) is exp.Is and isinstance(node.expression, exp.Null):
        operand = _operand(node.this)
        return None if operand is None or operand[0] != "input" else ("is_null", operand)
    return _operand(node) if type(node) in _ARITHMETIC else None


def _operand(node: exp.Expr) -> Kernel | None:
    node = node.unnest()
    if isinstance(node, exp.Column):
        return ("input", node.name)
    if type(node) in _ARITHMETIC:
        left, right = _operand(node.this), _operand(node.expression)
        return None if left is None or right is None else (_ARITHMETIC[type(node)], left, right)
    sign = 1
    if isinstance(node, exp.Neg):
        sign, node = -1, node.this
    if not isinstance(node, exp.Literal) or (sign < 0 and node.is_string):
        return None
    if node.is_string:
        return ("literal", node.name)
    if not node.name.isdecimal():
        # Whether 0.1 is a decimal or a double is for DuckDB to say.
        return None
    value = sign * int(node.name)
    return ("literal", value) if abs(value) <= _EXACT else None


def has_nan(values: Array) -> bool:
    """Say whether there is a NaN, which is equal to itself and above all else in DuckDB, and not in Arrow."""
    return bool(pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py())


class _OtherTypesError(Exception):
    """DuckDB must decide."""


def run_kernels(
    kernels: Sequence[Kernel | None], columns: Mapping[str, Array], rows: int, threads: int
) -> list[Array | None]:
    """Compute expressions over inputs; None for those where types are such that DuckDB must.

    Args:
        kernels: as `kernel_of` gives them.
        columns: the inputs.
        rows: how many rows these have.
        threads: the most threads; where there are many rows, each takes a stretch of them.
    """
    inputs = sorted({name for kernel in kernels if kernel is not None for name in _inputs(kernel)})
    nan = in_threads(threads, lambda name: has_nan(columns[name]), inputs, rows)
    with_nan = {name for name, found in zip(inputs, nan) if found}
    stretch = max(1, -(-rows // threads)) if rows >= MANY_ROWS else max(1, rows)
    firsts = range(0, max(1, rows), stretch)
    pieces = [(kernel, first, stretch) for kernel in kernels if kernel is not None for first in firsts]
    found = iter(in_threads(threads, lambda piece: _run_piece(piece, columns, with_nan), pieces, rows))
    results: list[Array | None] = []
    for kernel in kernels:
        if kernel is None:
            results.append(None)
            continue
        parts = [next(found) for _ in firsts]
        known = [part for part in parts if part is not None]
        results.append(_joined(known) if len(known) == len(parts) else None)
    return results


def _joined(parts: list[Array]) -> Array:
    if len(parts) == 1:
        return parts[0]
    chunks = [chunk for part in parts for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    return pa.chunked_array(chunks, parts[0].type)


def _inputs(kernel: Kernel) -> Iterator[str]:
    if kernel[0] == "input":
        yield kernel[1]
    elif kernel[0] != "literal":
        for argument in kernel[1:]:
            yield from _inputs(argument)


def _run_piece(
    piece: tuple[Kernel, int, int], columns: Mapping[str, Array], with_nan: AbstractSet[str]
) -> Array | None:
    kernel, first, rows = piece
    try:
        return _run(kernel, {name: columns[name].slice(first, rows) for name in _inputs(kernel)}, with_nan)
    except (_OtherTypesError, pa.ArrowNotImplementedError, pa.ArrowInvalid):
        # Invalid is a whole number that leaves 64 bits; DuckDB says so.
        return None


def _run(kernel: Kernel, columns: Mapping[str, Array], with_nan: AbstractSet[str]) -> Array:
    function, *arguments = kernel
    if function in {"and_kleene", "or_kleene", "invert"}:
        return pc.call_function(function, [_run(each, columns, with_nan) for each in arguments])
    operands: list[Any] = [_value(each, columns, with_nan) for each in arguments]
    if function == "is_null":
        return pc.call_function(function, operands)
    if any(name in with_nan for each in arguments for name in _inputs(each)):
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


def _value(operand: Kernel, columns: Mapping[str, Array], with_nan: AbstractSet[str]) -> Array | int | str:
    if operand[0] == "input":
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
