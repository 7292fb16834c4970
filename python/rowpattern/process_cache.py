"""The class of the process's cache: a `PatternCache` that weighs what it is given and logs changes of its limits."""

from __future__ import annotations

import logging

from rowpattern._core import PatternCache
from rowpattern.events import log_event
from rowpattern.weighing import weigh

__all__ = ["ProcessCache"]


class ProcessCache(PatternCache):
    """The cache of the process. It logs under `rowpattern.cache`."""

    def put(
        self,
        key: str,
        value: object,
        *,
        size_bytes: int | None = None,
        compilation_time: float = 0.0,
        kind: str = "object",
    ) -> bool:
        """Keep an object under a key.

        Args:
            key: any text.
            value: any object, held by reference.
            size_bytes: what the object weighs; left out, it is weighed (see `rowpattern.weighing.weigh`).
            compilation_time: what a hit saves, in seconds.
            kind: objects of different kinds have keys of their own.

        Returns:
            True when it is cached; False when caching is disabled, it is heavier than the memory limit, or the policy
            does not admit it.
        """
        if not self.enabled:
            return False
        weight = weigh(value) if size_bytes is None else size_bytes
        return super().put(key, value, size_bytes=weight, compilation_time=compilation_time, kind=kind)

    def resize(
        self,
        max_size: int | None = None,
        *,
        max_memory_mb: float | None = None,
        policy: str | None = None,
    ) -> None:
        """Change the limits that are given; what stays keeps its recency and its remaining life."""
        before = super().statistics()
        super().resize(max_size, max_memory_mb=max_memory_mb, policy=policy)
        after = super().statistics()
        log_event(
            "cache",
            logging.INFO,
            "resize",
            "cache limits changed from %(old_max_size)s entries and %(old_max_memory_mb)s MB to %(max_size)s and "
            "%(max_memory_mb)s MB; %(evicted)s entries evicted",
            old_max_size=before["max_size"],
            old_max_memory_mb=before["max_memory_used_mb"],
            max_size=after["max_size"],
            max_memory_mb=after["max_memory_used_mb"],
            evicted=after["evictions"] - before["evictions"],
            policy=after["policy"],
        )

    def set_ttl(self, ttl_seconds: float | None) -> None:
        """Set how long entries put in from now on live, in seconds; None is for ever."""
        super().set_ttl(ttl_seconds)
        log_event(
            "cache", logging.INFO, "ttl", "new entries live %(ttl_seconds)s s (None: for ever)", ttl_seconds=ttl_seconds
        )

    def set_enabled(self, enabled: bool) -> None:
        """Turn look-ups and puts on or off; entries stay."""
        changes = self.enabled != bool(enabled)
        super().set_enabled(bool(enabled))
        if changes:
            event = "enable" if enabled else "disable"
            log_event("cache", logging.INFO, event, f"caching {event}d")
