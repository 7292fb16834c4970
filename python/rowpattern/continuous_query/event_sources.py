"""Sources of rows, and the bounds below which rows of each are late."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rowpattern.continuous_query.event_keys import HIGHEST, LOWEST
from rowpattern.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.continuous_query.event_keys import EventKey, KeyNumbers
    from rowpattern.sql.arrow.arrays import Booleans

__all__ = ["EventSources"]

_MOST_SOURCES = 1_000_000
_MOST_NAME_CHARACTERS = 1_000


class _Source(NamedTuple):
    """A source.

    Attributes:
        highest: the greatest key of its rows so far; None before the first.
        promise: no later row of it is below this; None where nothing was promised.
        is_idle: whether nobody waits for it.
    """

    highest: float | None = None
    promise: float | None = None
    is_idle: bool = False


class EventSources:
    """All sources. A step changes a copy, which takes the place of the sources when the step is committed.

    Attributes:
        floor: the watermark: no later row is below it; it never falls. None where nothing is known.
        promise: what was promised of all sources, also of those to come.
    """

    def __init__(
        self,
        width: float | None,
        sources: Mapping[str, _Source] | None = None,
        floor: float | None = None,
        promise: float | None = None,
    ) -> None:
        """Begin with what is known.

        Args:
            width: the lateness, in the key's units; None where rows arrive in order over all sources.
            sources: by their names.
            floor: the watermark.
            promise: of all sources.
        """
        self.floor = floor
        self.promise = promise
        self._width = width
        self._sources = dict(sources or {})

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that are known, in the order in which they appeared."""
        return tuple(self._sources)

    @property
    def highest(self) -> float | None:
        """The greatest key of all rows."""
        return max((each.highest for each in self._sources.values() if each.highest is not None), default=None)

    def copied(self) -> EventSources:
        """Return a copy, which changes alone."""
        return EventSources(self._width, self._sources, self.floor, self.promise)

    def begin(self, name: str) -> None:
        """Expect rows of a source: a new one, and one that was idle, may send none below the watermark.

        Raises:
            TypeError: the name is no text.
            ConfigurationError: it is too long, or there are too many sources.
        """
        _check_name(name)
        known = self._sources.get(name)
        if known is None:
            if len(name) > _MOST_NAME_CHARACTERS or len(self._sources) >= _MOST_SOURCES:
                message = f"a source's name has at most {_MOST_NAME_CHARACTERS} characters"
                raise ConfigurationError(f"{message}, and there are at most {_MOST_SOURCES:,} sources")
            known = _Source()
        elif not known.is_idle:
            return
        self._sources[name] = known._replace(promise=_greatest(known.promise, self.floor), is_idle=False)

    def leave(self, name: str) -> None:
        """Wait no longer for a source.

        Raises:
            TypeError: the name is no text.
            ConfigurationError: it is not known.
        """
        _check_name(name)
        if name not in self._sources:
            known = ", ".join(map(repr, list(self._sources)[:10])) or "none"
            raise ConfigurationError(f"source {name!r} is not known; known are: {known}")
        self._sources[name] = self._sources[name]._replace(is_idle=True)
        self._rise()

    def take_promise(self, point: float, name: str | None) -> None:
        """Note that no later row is below a point: of one source, or of all."""
        if name is None:
            self.promise = _greatest(self.promise, point)
        else:
            self.begin(name)
            source = self._sources[name]
            self._sources[name] = source._replace(promise=_greatest(source.promise, point))
        self._rise()

    def late(self, keys: KeyNumbers, missing: Booleans | None, name: str) -> Booleans | None:
        """Say which rows of a source are late, as they arrive; None where none is.

        Args:
            keys: their numbers; at least one.
            missing: which have no key.
            name: the source, which is known.
        """
        source = self._sources[name]
        promise = _greatest(source.promise, self.promise)
        lowest = keys.min().item()
        before = source.highest
        if missing is None and lowest >= _lowered(_greatest(before, keys.max().item()) or 0, self._width or 0):
            return None if promise is None or lowest >= promise else keys < promise
        start = before if before is not None else (LOWEST if keys.dtype.kind == "i" else -math.inf)
        counted = keys if missing is None else np.where(missing, start, keys)
        highest = np.maximum.accumulate(np.concatenate([np.array([start], dtype=keys.dtype), counted[:-1]]))
        found: Booleans = counted < _lowered_all(highest, self._width or 0)
        if promise is not None:
            found |= keys < promise
        if missing is not None:
            found |= missing
        return found if found.any() else None

    def saw(self, name: str, highest: float) -> None:
        """Note the greatest key of a source's rows that were not late."""
        source = self._sources[name]
        self._sources[name] = source._replace(highest=_greatest(source.highest, highest))
        self._rise()

    def saw_all(self, highest: float) -> None:
        """Note that all rows so far, which are in order, are up to a key."""
        self.floor = _greatest(self.floor, highest)
        for name, source in self._sources.items():
            self._sources[name] = source._replace(highest=_greatest(source.highest, highest))

    def bound_of(self, name: str) -> float | None:
        """Return the key below which the next row of a source is late; None where there is none."""
        source = self._sources[name]
        own = None if source.highest is None else _lowered(source.highest, self._width or 0)
        return _greatest(_greatest(own, source.promise), self.promise)

    def state(self) -> dict[str, Any]:
        """Return values that JSON has, for `restored`."""
        return {
            "floor": _written(self.floor),
            "promise": _written(self.promise),
            "sources": [
                [name, _written(each.highest), _written(each.promise), each.is_idle]
                for name, each in self._sources.items()
            ],
        }

    def restored(self, state: Any, key: EventKey | None) -> EventSources:
        """Return the sources that a state is of.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        is_float = key is not None and key.is_float
        sources: dict[str, _Source] = {}
        for name, highest, promise, is_idle in state["sources"]:
            if not isinstance(name, str) or not isinstance(is_idle, bool) or name in sources:
                raise ValueError(f"a source is {name!r}")
            sources[name] = _Source(_read(highest, is_float=is_float), _read(promise, is_float=is_float), is_idle)
        floor, promise = (_read(state[name], is_float=is_float) for name in ("floor", "promise"))
        return EventSources(self._width, sources, floor, promise)

    def _rise(self) -> None:
        """Raise the watermark to the least bound of the sources that are waited for."""
        bounds = [self.bound_of(name) for name, each in self._sources.items() if not each.is_idle]
        if not bounds:
            self.floor = _greatest(self.floor, self.promise)
            return
        known = [each for each in bounds if each is not None]
        if len(known) == len(bounds):
            self.floor = _greatest(self.floor, min(known))


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"source is a text, as 'p0', not {type(name).__name__}")


def _greatest(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None or other <= one else other


def _lowered(number: float, width: float) -> float:
    """Return a number minus a lateness; the least number where there is none so low."""
    return max(number - width, LOWEST) if isinstance(number, int) else number - width


def _lowered_all(numbers: KeyNumbers, width: float) -> KeyNumbers:
    if numbers.dtype.kind == "f":
        return numbers - width
    return np.where(numbers >= LOWEST + int(width), numbers - np.int64(width), LOWEST)


def _written(number: float | None) -> str | None:
    return None if number is None else str(number) if isinstance(number, int) else float(number).hex()


def _read(text: Any, *, is_float: bool) -> float | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"a key is {text!r}")
    if is_float:
        found = float.fromhex(text)
        if math.isnan(found):
            raise ValueError("a key is NaN")
        return found
    number = int(text)
    if not LOWEST <= number <= HIGHEST:
        raise ValueError(f"a key is {number}")
    return number
