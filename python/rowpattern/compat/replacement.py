"""A caller's cache in place of the process's.

Callers of the pure-Python system replace `get_pattern_cache` in its module by a function of their own, as tests with a
recorder do, and expect `cache_pattern` and `get_cached_pattern` to follow. The functions themselves know nothing of it:
the module notices the assignment, and has the process's cache pass questions on while it lasts.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable

from rowpattern._core import _process_cache
from rowpattern.cache import api
from rowpattern.cache.weighing import weigh

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["follow_replacement", "put_into_replacement"]

_NAME = "get_pattern_cache"


class _ReplacementCache:
    """Passes what callers ask on to the cache that a function returns, looked up at each call."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    def get(self, key: object) -> Any:
        """Return what is there under a key."""
        return self._find().get(key)

    def put(self, key: object, value: object, metadata: Mapping[str, Any] | None) -> bool:
        """Put a value there."""
        return put_into_replacement(self._find(), key, value, metadata)


def put_into_replacement(cache: Any, key: object, value: object, metadata: Mapping[str, Any] | None = None) -> bool:
    """Put a value into a cache of a caller's, as the pure-Python system does: with a size in MB."""
    return bool(cache.put(key, value, size_hint=max(weigh(value), _graph_bytes(value)) / 2**20, metadata=metadata))


def _graph_bytes(value: object) -> int:
    """Return the pure-Python system's estimate for the automata of `(dfa, nfa, ...)`: so much a state and a transition.

    Callers that put a cache of their own in place of it get sizes of that order.
    """
    estimate = 0
    for automaton, state_bytes in zip(value if isinstance(value, tuple) else (), (64 << 10, 16 << 10)):
        states = getattr(automaton, "states", None)
        if isinstance(states, (list, tuple)):
            transitions = sum(len(getattr(state, "transitions", ())) for state in states)
            estimate += len(states) * state_bytes + transitions * (4 << 10)
    return estimate


class _FollowedModule(ModuleType):
    """A module in which an assignment to `get_pattern_cache` puts another cache in place of the process's."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == _NAME:
            # The functions of the module look it up there.
            api.__dict__[_NAME] = value
            is_own = value is self.__dict__["_own_get_pattern_cache"]
            _process_cache()._redirect(None if is_own else _ReplacementCache(self.__dict__[_NAME]))  # noqa: SLF001 - for us


def follow_replacement(module: ModuleType) -> None:
    """Follow what callers assign to the name `get_pattern_cache` of a module, which has the package's own now."""
    module.__dict__["_own_get_pattern_cache"] = module.__dict__[_NAME]
    module.__class__ = _FollowedModule
