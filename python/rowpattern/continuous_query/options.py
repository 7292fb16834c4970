"""The arguments of `rowpattern.continuous` beside the query and the schema, and what of them a checkpoint has."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rowpattern.errors import CheckpointError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern._core import CancelToken
    from rowpattern.continuous_query.event_keys import Lateness
    from rowpattern.sql.kinds import Parameters

__all__ = ["Options", "options_from", "stored_options"]

# Distances of the first key of ORDER BY; the other options that are stored are texts.
_DISTANCES = frozenset({"lateness", "idle"})
# Of this process, and not of the query.
_NOT_STORED = frozenset({"memory_limit_mb", "threads", "parameters", "cancel"})


class Options(NamedTuple):
    """How a continuous query is answered."""

    lateness: Lateness | None = None
    late: Literal["raise", "drop", "collect"] = "raise"
    order: Literal["match", "certain"] = "match"
    idle: Lateness | None = None
    memory_limit_mb: float | None = None
    threads: int | None = None
    time_zone: str | None = None
    prefer: Literal["first", "longest"] = "first"
    parameters: Parameters = None
    cancel: CancelToken | None = None


def stored_options(options: Options) -> dict[str, Any]:
    """Return options as values that JSON has, without those of the process."""
    return {
        name: _stored(value)
        for name, value in options._asdict().items()
        if name not in _NOT_STORED and value is not None
    }


def options_from(stored: Mapping[str, Any], **own: Any) -> Options:
    """Return the options that were stored, with those of the process.

    Raises:
        CheckpointError: they are none, or one is of another type than that option has.
    """
    try:
        found = {
            name: _read(name, stored[name]) for name in Options._fields if name not in _NOT_STORED and name in stored
        }
    except (TypeError, ValueError, KeyError, OverflowError, ArithmeticError) as error:
        raise CheckpointError(f"the checkpoint's options cannot be read: {error!r}"[:300]) from None
    return Options(**found, **own)


def _stored(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds, int(getattr(value, "nanoseconds", 0))]}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, (str, int, float)):
        return value
    if hasattr(value, "item"):
        return value.item()
    raise ConfigurationError(f"{value!r} cannot be stored in a checkpoint; write a text, a number or a timedelta")


def _read(name: str, value: Any) -> Any:
    is_distance = name in _DISTANCES
    if not isinstance(value, dict):
        if isinstance(value, bool) or not isinstance(value, (str, int, float) if is_distance else str):
            raise TypeError(f"{name} is {value!r}")
        return value
    if not is_distance:
        raise TypeError(f"{name} is {value!r}")
    if "decimal" in value:
        return Decimal(value["decimal"])
    days, seconds, microseconds, nanoseconds = value["timedelta"]
    if nanoseconds:
        # Only pandas' timedeltas have some.
        return f"{(days * 86_400 + seconds) * 10**9 + microseconds * 1000 + nanoseconds} ns"
    return dt.timedelta(days, seconds, microseconds)
