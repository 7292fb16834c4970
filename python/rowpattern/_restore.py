"""Pickled patterns are text; this turns them back. Its name and place are part of the pickle format."""

from __future__ import annotations

from rowpattern._core import Pattern, compile  # noqa: A004


def restore_pattern(pattern: str, subset: dict[str, tuple[str, ...]], define: dict[str, str]) -> Pattern:
    """Compile a pattern that was pickled, or take it from the cache."""
    return compile(pattern, subset=subset or None, define=define or None)
