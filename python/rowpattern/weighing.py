"""What Python objects weigh."""

from __future__ import annotations

import gc
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

__all__ = ["weigh"]

# An object graph is followed so far when it is weighed; what is larger weighs in proportion.
_MOST_OBJECTS_WEIGHED = 20_000


def weigh(value: object) -> int:
    """Return the bytes of all objects that a value reaches; not of modules, classes and functions, which are shared.

    Takes time linear in the objects that it reaches, of which 20,000 are followed at most.
    """
    seen = {id(value)}
    waiting = [value]
    total = weighed = 0
    while waiting and weighed < _MOST_OBJECTS_WEIGHED:
        item = waiting.pop()
        weighed += 1
        total += sys.getsizeof(item, 64)
        # Array libraries know what they hold outside of Python's heap.
        outside = getattr(item, "nbytes", None)
        if isinstance(outside, int) and not isinstance(item, type):
            total = max(total, outside)
        for referent in gc.get_referents(item):
            shared = isinstance(referent, (type, ModuleType, FunctionType, BuiltinFunctionType))
            if not shared and id(referent) not in seen:
                seen.add(id(referent))
                waiting.append(referent)
    return total * (weighed + len(waiting)) // weighed
