"""Plans of queries: found in the cache of plans, or made once, however many threads ask for one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rowpattern.cache.plans import get_plan_cache
from rowpattern.sql.runtime.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["planned"]

_flights = SingleFlight()


def planned(
    kind: Literal["query", "clause"], key: str, make: Callable[[], Any], context: ExecutionContext | None = None
) -> Any:
    """Return a plan that is cached, or make it and cache it.

    Args:
        kind: plans of different kinds have keys of their own.
        key: the texts that it follows from.
        make: makes it.
        context: the limits within which to wait for another thread that makes it.

    Raises:
        What `make` raises.
    """
    found = get_plan_cache().get(key, kind=kind)
    if found is not None:
        return found

    def made() -> Any:
        cache = get_plan_cache()
        plan = make()
        cache.put(key, plan, kind=kind)
        return plan

    return _flights.make((kind, key), made, context)
