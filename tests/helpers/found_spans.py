"""Where a pattern's matches are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import rowpattern

__all__ = ["spans"]


def spans(rows: Any, pattern: rowpattern.Pattern, **options: Any) -> list[tuple[int, int]]:
    """The first row of each match, and the row after its last."""
    return [(found.start, found.end) for found in pattern.find_iter(rows, **options)]
