"""Values of Arrow columns as Python has them; a date or time that Python's types do not hold is a text.

Python's dates are of the years 1 to 9999, and its times have microseconds. Texts are those that DuckDB writes:
`10000-01-01`, `0044-03-15 (BC)`, `infinity`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["python_value", "python_values"]

# The calendar repeats itself after 400 years, which are a whole number of weeks, too.
_CYCLE_YEARS = 400
_CYCLE_DAYS = 146_097
_DAY_SECONDS = 86_400
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def python_values(column: pa.Array) -> list[Any]:
    """Return a column's values."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, LookupError):
        return [python_value(scalar) for scalar in column]


def python_value(scalar: Any) -> Any:
    """Return the value of a scalar of Arrow."""
    import pyarrow as pa

    try:
        return scalar.as_py()
    except (ValueError, OverflowError, LookupError):
        kind, is_ = scalar.type, pa.types
    if is_.is_map(kind):
        return [(entry["key"], entry["value"]) for entry in python_values(scalar.values)]
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return python_values(scalar.values)
    if is_.is_struct(kind):
        return {kind.field(at).name: python_value(scalar[at]) for at in range(kind.num_fields)}
    if is_.is_date32(kind):
        return _date(scalar.value)
    if is_.is_date64(kind):
        return _date(scalar.value // (_DAY_SECONDS * 1000))
    if is_.is_timestamp(kind):
        return _timestamp(scalar.value, kind)
    if is_.is_time(kind):
        return _time(scalar.value, kind.unit)
    if is_.is_duration(kind):
        return _duration(scalar.value, kind.unit)
    # A dictionary's, a union's or an extension's.
    return python_value(scalar.value)


def _date(days: int) -> str:
    if abs(days) == 2**31 - 1:
        return "infinity" if days > 0 else "-infinity"
    cycles, rest = divmod(days, _CYCLE_DAYS)
    day = dt.date(1970, 1, 1) + dt.timedelta(days=rest)
    return _with_year(day.year + cycles * _CYCLE_YEARS, day.isoformat()[4:])


def _timestamp(value: int, kind: pa.TimestampType) -> str:
    if abs(value) == 2**63 - 1:
        return "infinity" if value > 0 else "-infinity"
    digits = _DIGITS[kind.unit]
    seconds, fraction = divmod(value, 10**digits)
    cycles, rest = divmod(seconds, _CYCLE_DAYS * _DAY_SECONDS)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(seconds=rest)
    local = moment if kind.tz is None else moment.astimezone(_zone(kind.tz))
    text = local.isoformat(" ")
    zone = "" if kind.tz is None else text[19:]
    day = _with_year(local.year + cycles * _CYCLE_YEARS, text[4:10])
    return f"{day}{text[10:19]}{_fraction(fraction, digits)}{zone}"


def _zone(name: str) -> dt.tzinfo:
    import pyarrow as pa

    try:
        found: dt.tzinfo = pa.lib.string_to_tzinfo(name)
    except (ValueError, LookupError):
        # This machine does not know it.
        return dt.timezone.utc
    return found


def _time(value: int, unit: str) -> str:
    digits = _DIGITS[unit]
    seconds, fraction = divmod(value, 10**digits)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{_fraction(fraction, digits)}"


def _duration(value: int, unit: str) -> str:
    digits = _DIGITS[unit]
    seconds, fraction = divmod(value, 10**digits)
    days, rest = divmod(seconds, _DAY_SECONDS)
    clock = _time(rest * 10**digits + fraction, unit)
    return f"{days} day{'' if abs(days) == 1 else 's'}, {clock}" if days else clock


def _fraction(fraction: int, digits: int) -> str:
    return f".{fraction:0{digits}}" if fraction else ""


def _with_year(year: int, month_and_day: str) -> str:
    # The year before year 1 is 1 BC.
    return f"{year:04}{month_and_day}" if year > 0 else f"{1 - year:04}{month_and_day} (BC)"
