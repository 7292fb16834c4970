"""Constants of bound expressions: as the engine holds them, or as SQL that DuckDB computes once."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rowpattern.sql.duckdb.functions import CHANGING
from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.expression.typed import Constant, Literal, Typed, cast_sql, engine_type

if TYPE_CHECKING:
    from rowpattern.sql.expression.binder import Bound

__all__ = ["constant_of", "is_clock_interval"]

_WHOLE = {
    "TINYINT": (7, True),
    "SMALLINT": (15, True),
    "INTEGER": (31, True),
    "BIGINT": (63, True),
    "HUGEINT": (127, True),
    "UTINYINT": (8, False),
    "USMALLINT": (16, False),
    "UINTEGER": (32, False),
    "UBIGINT": (64, False),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
# Whole numbers up to here are the same as doubles.
_EXACT = 1 << 53
_EXACT_SCALE = 22

_OPERATORS = frozenset({"+", "-", "*", "/", "//", "%"})
# Intervals of these have neither months nor days.
_CLOCK_FUNCTIONS = frozenset({"to_hours", "to_minutes", "to_seconds", "to_milliseconds", "to_microseconds"})
_CLOCK_TEXT = re.compile(r"\s*\d{1,9}\s+(microsecond|millisecond|second|minute|hour)s?\s*", re.IGNORECASE)


def constant_of(bound: Bound) -> Typed | None:
    """Return what reads nothing as a literal, or as SQL; None where it can be written as neither."""
    if bound.type is None or engine_type(bound.type) is None:
        return None
    found = _literal(bound)
    if found is not None:
        return found
    sql = _sql(bound)
    return None if sql is None else Constant(bound.type, sql, _changes(bound))


def is_clock_interval(bound: Bound) -> bool:
    """Say whether a constant is an interval without months and days, which is the same length in every time zone."""
    if not bound.constant or bound.type != "INTERVAL":
        return False
    if bound.kind == "constant":
        return bound.value is not None and bound.value[:2] == (0, 0)
    if bound.kind == "function":
        return bound.name in _CLOCK_FUNCTIONS
    text = bound.children[0] if bound.kind == "cast" else None
    return text is not None and isinstance(text.value, str) and _CLOCK_TEXT.fullmatch(text.value) is not None


def _literal(bound: Bound) -> Literal | None:
    """Return a constant whose value is known without asking DuckDB."""
    kind = bound.type
    if kind is None:
        return None
    if bound.kind == "constant":
        return Literal(kind, bound.value) if _is_held(kind, bound.value) else None
    inner = _literal(bound.children[0]) if bound.kind in {"cast", "try_cast"} else None
    if inner is None:
        return None
    value = inner.value
    if value is None or inner.type == kind:
        return Literal(kind, value)
    before, after = _scale(inner.type), _scale(kind)
    if before is None or isinstance(value, bool):
        return None
    if after is not None:
        more, limit = after[0] - before[0], after[1]
        value *= 10 ** max(more, 0)
        return Literal(kind, value) if more >= 0 and limit[0] <= value <= limit[1] else None
    if kind == "DOUBLE" and abs(value) < _EXACT and before[0] <= _EXACT_SCALE:
        return Literal(kind, value / 10 ** before[0])
    return None


def _scale(kind: str) -> tuple[int, tuple[int, int]] | None:
    """Return the digits behind the point and the least and greatest number of units, for whole numbers and decimals."""
    if kind in _WHOLE:
        bits, signed = _WHOLE[kind]
        return 0, (-(1 << bits) if signed else 0, (1 << bits) - 1)
    found = _DECIMAL.fullmatch(kind)
    if found is None:
        return None
    most = 10 ** int(found[1]) - 1
    return int(found[2]), (-most, most)


def _is_held(kind: str, value: Any) -> bool:
    if value is None:
        return True
    if kind == "BOOLEAN":
        return isinstance(value, bool)
    if kind in _WHOLE or _DECIMAL.fullmatch(kind):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in {"DOUBLE", "FLOAT"}:
        return isinstance(value, float)
    if kind == "INTERVAL":
        return isinstance(value, tuple)
    return kind == "VARCHAR" and isinstance(value, str)


def _sql(bound: Bound) -> str | None:
    """Write a constant anew; None where that could mean something else."""
    if bound.kind == "constant":
        return _constant_sql(bound)
    inside = [_sql(each) for each in bound.children]
    known = [each for each in inside if each is not None]
    if bound.type is None or len(known) < len(inside):
        return None
    if bound.kind in {"cast", "try_cast"}:
        return f"{bound.kind.upper()}({known[0]} AS {bound.type})"
    if bound.kind != "function":
        return None
    if bound.name in _OPERATORS:
        return f"({f' {bound.name} '.join(known)})" if len(known) == 2 else f"({bound.name} {known[0]})"  # noqa: PLR2004
    return f"{quoted(bound.name)}({', '.join(known)})" if bound.name.isidentifier() else None


def _constant_sql(bound: Bound) -> str | None:
    kind, value = bound.type, bound.value
    if kind is None or not _is_held(kind, value):
        return None
    if value is None:
        return cast_sql("NULL", kind)
    if kind == "VARCHAR":
        return f"""'{value.replace("'", "''")}'"""
    if kind == "INTERVAL":
        months, days, micros = value
        return f"(to_months({months}) + to_days({days}) + to_microseconds({micros}))"
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        scale = int(decimal[2])
        digits = f"{abs(value):0{scale + 1}}"
        text = f"{'-' if value < 0 else ''}{digits[: len(digits) - scale]}.{digits[len(digits) - scale :]}"
    elif isinstance(value, float) and not math.isfinite(value):
        return None
    else:
        text = str(value).lower()
    return cast_sql(text, kind)


def _changes(bound: Bound) -> bool:
    return (bound.kind == "function" and bound.name in CHANGING) or any(map(_changes, bound.children))
