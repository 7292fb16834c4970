"""Intervals of a fixed length that a query has as constants."""

from __future__ import annotations

import re

from rowpattern.sql.expression.nodes import Call, Cast, Literal, Node

__all__ = ["interval_microseconds"]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_UNITS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": _SECOND,
    "minute": 60 * _SECOND,
    "hour": 3_600 * _SECOND,
    "day": _DAY,
    "week": 7 * _DAY,
}
_TEXT = re.compile(rf"\s*(\d{{1,9}})\s+({'|'.join(_UNITS)})s?\s*", re.IGNORECASE)
_MOST_DIGITS = 9


def interval_microseconds(node: Node) -> int | None:
    """Return how long a constant is, as `INTERVAL 1 HOUR` or `INTERVAL '90 minutes'`; None where it is none such.

    A whole number of one unit, of at least 0. DuckDB compares an interval of several units, of which some are below 0,
    by another order than that of its length.
    """
    if isinstance(node, Cast) and not node.safe and node.to.name == "INTERVAL" and isinstance(node.value, Literal):
        found = _TEXT.fullmatch(node.value.text) if node.value.is_text else None
        return None if found is None else int(found[1]) * _UNITS[found[2].lower()]
    if isinstance(node, Call) and node.name.startswith("to_") and len(node.values) == 1:
        unit, count = _UNITS.get(node.name.removeprefix("to_").removesuffix("s")), _whole(node.values[0])
        return None if unit is None or count is None else count * unit
    return None


def _whole(node: Node) -> int | None:
    # `INTERVAL 1 HOUR` is parsed as `to_hours(CAST(trunc(CAST(1 AS DOUBLE)) AS BIGINT))`.
    while True:
        if isinstance(node, Cast) and not node.safe and node.to.name in {"BIGINT", "INTEGER", "DOUBLE"}:
            node = node.value
        elif isinstance(node, Call) and node.name == "trunc" and len(node.values) == 1:
            node = node.values[0]
        else:
            break
    if not isinstance(node, Literal) or len(node.text) > _MOST_DIGITS:
        return None
    return int(node.text) if node.text.isascii() and node.text.isdigit() else None
