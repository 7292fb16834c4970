"""Whether another entry limit would serve better, from what happened since the last look.

Growing helps where look-ups miss what the entry limit had evicted shortly before; evictions of what nobody asks for
again cost nothing, and growing for them is waste. Shrinking gives memory back where most places are never used, and
costs hits when a larger working set comes later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Advice", "SizeAdvisor"]

_FEWEST_LOOK_UPS = 100

# Evictions cost hits when more of the look-ups than this miss what was evicted.
_COSTLY_SHARE = 0.01

# Most places are unused when the most entries that there were fill no more of them than this.
_UNUSED_SHARE = 0.25

_SMALLEST = 100

# Places for each look-up that missed what had been evicted. More than one: the cache notes evicted keys in a table of
# fixed size, where later notes take the places of earlier ones, so some of these misses are not seen.
_PLACES_A_MISS = 1.5


@dataclass(frozen=True)
class Advice:
    """A new entry limit, and the figures that it follows from.

    Attributes:
        max_size: the limit.
        reason: `"grow"` or `"shrink"`.
        figures: `look_ups`, `evicted_misses`, `peak_size`, `old_max_size` since the last look.
    """

    max_size: int
    reason: str
    figures: dict[str, int]


class SizeAdvisor:
    """Advises from one look to the next.

    As soon as evictions cost hits, it grows the limit to what the missed keys need: by 1.5 places for each look-up that
    missed what had been evicted, and at least twofold; to the ceiling at most. It shrinks, where that is allowed, to
    twice the most entries that there were and to 100 at least, when over `patience` looks together at most a quarter of
    the places was used and nothing was evicted.
    """

    def __init__(self, patience: int) -> None:
        """Begin with nothing seen; places must be unused over `patience` looks before the limit shrinks."""
        self._patience = patience
        self._before: dict[str, Any] = {}
        self._peaks: list[int] = []

    def look(
        self,
        statistics: Mapping[str, Any],
        peak_size: int,
        ceiling: int,
        *,
        may_shrink: bool,
        patience: int | None = None,
    ) -> Advice | None:
        """Advise on the limit, or say that it is right.

        Args:
            statistics: those of the cache, now.
            peak_size: the most entries that there were since the last look.
            ceiling: the highest limit allowed.
            may_shrink: whether a lower limit than the one in force is allowed.
            patience: in place of the advisor's own.
        """
        since = self._since(statistics)
        max_size: int = statistics["max_size"]
        figures = {
            "look_ups": since["hits"] + since["misses"],
            "evicted_misses": since["evicted_misses"],
            "peak_size": peak_size,
            "old_max_size": max_size,
        }
        if (
            figures["look_ups"] >= _FEWEST_LOOK_UPS
            and figures["evicted_misses"] > _COSTLY_SHARE * figures["look_ups"]
            and max_size < ceiling
        ):
            self._peaks.clear()
            needed = max(max_size + int(_PLACES_A_MISS * figures["evicted_misses"]), 2 * max_size, _SMALLEST)
            return Advice(min(ceiling, needed), "grow", figures)
        if not may_shrink or since["evictions"] or peak_size > _UNUSED_SHARE * max_size:
            self._peaks.clear()
            return None
        self._peaks.append(peak_size)
        if len(self._peaks) < (self._patience if patience is None else patience):
            return None
        smaller = max(2 * max(self._peaks), min(_SMALLEST, max_size))
        self._peaks.clear()
        return Advice(smaller, "shrink", figures) if smaller < max_size else None

    def _since(self, statistics: Mapping[str, Any]) -> dict[str, int]:
        names = ("hits", "misses", "evicted_misses", "evictions", "last_reset")
        now = {name: statistics[name] for name in names}
        before = self._before
        self._before = now
        # Counts that were reset since the last check start from 0.
        if before.get("last_reset") != now["last_reset"]:
            return now
        return {name: now[name] - before[name] for name in names}
