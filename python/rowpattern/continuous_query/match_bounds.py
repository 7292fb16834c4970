"""WITHIN for rows that come batch by batch: keys as numbers, and how far a match that begins at a row reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.continuous_query.event_keys import EventKey, OrderKey
from rowpattern.errors import ConfigurationError, UnsupportedQueryError
from rowpattern.sql.arrow.arrays import one_array
from rowpattern.sql.execute.within import exact_width, given_length, reached_keys
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from rowpattern.continuous_query.event_keys import KeyNumbers, Lateness
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import Within
    from rowpattern.sql.duckdb.connection import Database

__all__ = ["MatchBounds", "ordered"]

_LARGEST = np.iinfo(np.int64).max
_SIGN = np.int64(np.iinfo(np.int64).min)


class MatchBounds:
    """How keys bound matches.

    Attributes:
        idle: how long a partition may have no rows, in the keys' units; None where that is not limited.
    """

    def __init__(
        self, key: OrderKey, kind: pa.DataType, within: Within | None, idle: Lateness | None, database: Database
    ) -> None:
        """Read the lengths.

        Raises:
            QueryError: the length of WITHIN is NULL or negative.
            UnsupportedQueryError: its key is of a type that has no numbers here.
            ConfigurationError: `idle` is no length of such keys.
        """
        self._within = within
        self._key = EventKey(key, kind)
        self._width: float | None = None
        self.idle: int | None = None
        if not self._key.is_measured:
            what = f"{key.column} is of the type {self._key.shown_kind}"
            if within is None:
                raise ConfigurationError(
                    f"idle needs a first key of ORDER BY that is a number, a date or a time; {what}"
                )
            message = f"WITHIN needs a first key of ORDER BY that is a number, a date or a time here; {what}"
            raise error_at(message, within.location, UnsupportedQueryError)
        if within is not None:
            length = given_length(within, database)
            if self._key.is_float or pa.types.is_decimal(kind) or pa.types.is_unsigned_integer(kind):
                self._width = self._key.width(length.as_py(), "WITHIN")
            else:
                self._width = exact_width(kind, length)
        if idle is not None:
            if self._key.is_float:
                raise ConfigurationError(
                    f"idle needs keys that are whole numbers, dates or times; {key.column} is {kind}"
                )
            self.idle = int(self._key.width(idle, "idle"))

    def of_rows(self, keys: pa.ChunkedArray, database: Database) -> tuple[Integers, Integers]:
        """Return for each row its key, and the latest key of a match that begins there.

        Where the key is NULL the first is above the second: such a row is in no match.
        """
        numbers, missing = self._key.numbers(one_array(keys))
        found = ordered(numbers)
        if self._within is None:
            bounds = np.full(len(found), _LARGEST)
        elif self._width is None:
            bounds = self._by_calendar(keys, self._within, database)
        elif self._key.is_float:
            bounds = ordered(numbers + self._width)
        else:
            width = min(int(self._width), int(_LARGEST))
            bounds = np.where(found > _LARGEST - width, _LARGEST, found + width)
        if missing is not None:
            bounds = np.where(missing, found.min() - 1 if len(found) else 0, bounds)
            found = np.where(missing, np.maximum(found, bounds + 1), found)
        return np.ascontiguousarray(found, dtype=np.int64), np.ascontiguousarray(bounds, dtype=np.int64)

    def clock(self, floor: float) -> int:
        """Return a watermark as a number like those of keys."""
        return int(ordered(np.array([floor], dtype=np.float64 if self._key.is_float else np.int64))[0])

    def _by_calendar(self, keys: pa.ChunkedArray, within: Within, database: Database) -> KeyNumbers:
        descending = self._key.key.descending
        reached = reached_keys(keys, within, database, descending=descending)
        if reached.type != keys.type:
            # A day and hours are a timestamp: round down to the day.
            reached = reached.cast(keys.type, safe=False)
        numbers, missing = self._key.numbers(one_array(reached))
        return numbers if missing is None else np.where(missing, _LARGEST, numbers)


def ordered(numbers: KeyNumbers) -> Integers:
    """Return numbers as whole numbers of the same order: doubles by their bits."""
    if numbers.dtype != np.float64:
        return numbers
    bits = (numbers + 0.0).view(np.int64)
    return np.where(bits < 0, np.bitwise_xor(~bits, _SIGN), bits)
