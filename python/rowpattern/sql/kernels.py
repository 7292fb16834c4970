"""Comparisons of columns and literals by Arrow's kernels, which take a twentieth of the time of a query to DuckDB.

Only what means the same in both is done here: columns of one type with each other, numbers with number literals, text
with text literals, and AND, OR, NOT and IS NULL over that. Everything else is DuckDB's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.sql.tables import Array

__all__ = ["Kernel", "has_nan", "kernel_of", "run_kernel"]

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
    return None


def _operand(node: exp.Expr) -> Kernel | None:
    node = node.unnest()
    if isinstance(node, exp.Column):
        return ("input", node.name)
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


def run_kernel(kernel: Kernel, columns: Mapping[str, Array]) -> Array | None:
    """Compute an expression over inputs; None where types are such that DuckDB must."""
    try:
        return _run(kernel, columns)
    except (_OtherTypesError, pa.ArrowNotImplementedError):
        return None


def _run(kernel: Kernel, columns: Mapping[str, Array]) -> Array:
    function, *arguments = kernel
    if function in {"and_kleene", "or_kleene", "invert"}:
        return pc.call_function(function, [_run(each, columns) for each in arguments])
    operands = [_value(each, columns) for each in arguments]
    if function != "is_null":
        _check_types(*operands)
    return pc.call_function(function, operands)


def _value(operand: Kernel, columns: Mapping[str, Array]) -> Array | int | str:
    return columns[operand[1]] if operand[0] == "input" else operand[1]


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
        if has_nan(each):
            raise _OtherTypesError
        if pa.types.is_nested(each.type) or pa.types.is_dictionary(each.type) or pa.types.is_duration(each.type):
            raise _OtherTypesError
