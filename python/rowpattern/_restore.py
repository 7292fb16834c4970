"""Functions that turn pickles back. Their names and place are part of the pickle format."""

from __future__ import annotations

from typing import Any

from rowpattern._core import (
    Column,
    Match,
    MatchedRows,
    Matches,
    Pattern,
    Spans,
    _restore_column,
    _restore_match,
    _restore_matches,
    _restore_spans,
    compile,  # noqa: A004
)


def restore_pattern(pattern: str, subset: dict[str, tuple[str, ...]], define: dict[str, str]) -> Pattern:
    """Compile a pattern that was pickled, or take it from the cache."""
    return compile(pattern, subset=subset or None, define=define or None)


def restore_column(kind: str, values: bytes, names: list[str] | None) -> Column[Any]:
    """Make a column of its kind, its values in little-endian order, and the names of its variables."""
    return _restore_column(kind, values, names)


def restore_spans(partition: Column[int], start: Column[int], end: Column[int]) -> Spans:
    """Make spans of their columns."""
    return _restore_spans(partition, start, end)


def restore_matches(spans: Spans, classifier: Column[str], excluded: Column[bool] | None) -> Matches:
    """Make matches of their spans and the columns of their rows."""
    return _restore_matches(spans, classifier, excluded)


def restore_rows(matches: Matches) -> MatchedRows:
    """Return the rows of matches."""
    return matches.rows


def restore_match(
    partition: int, number: int, start: int, classifier: Column[str], excluded: Column[bool] | None
) -> Match:
    """Make a match of where it is and the columns of its rows."""
    return _restore_match(partition, number, start, classifier, excluded)
