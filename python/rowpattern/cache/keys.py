"""Keys for patterns and their options whose parts are not plain texts; the extension makes the others alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["general_key"]


def general_key(
    pattern_text: str,
    define: Mapping[str, str] | None,
    subsets: Mapping[str, Iterable[str]] | None,
    data_characteristics: Mapping[str, Any] | None,
) -> str:
    """Return what `rowpattern.pattern_cache.get_cache_key` returns, for any arguments.

    Raises:
        TypeError: an argument behind the first is no mapping.
    """
    given = {"define": define, "subsets": subsets, "data_characteristics": data_characteristics}
    for name, value in given.items():
        if value and not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping, not {type(value).__name__}")
    parts = [
        pattern_text,
        sorted((define or {}).items()),
        sorted((name, sorted(set(members))) for name, members in (subsets or {}).items()),
        sorted((data_characteristics or {}).items()),
    ]
    # JSON in ASCII keeps lone surrogates, and its quotes keep texts apart.
    text = json.dumps(parts, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
