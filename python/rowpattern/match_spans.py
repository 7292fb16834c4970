"""What iterating over `Matches` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern._core import Matches

__all__ = ["MatchSpan", "iterate_spans"]


class MatchSpan(NamedTuple):
    """Where a match is. `pandas.DataFrame(matches)` makes columns of these names.

    Of no match pandas makes a frame without columns; `pyarrow.table(matches).to_pandas()` has them always.

    Attributes:
        number: the number of the match in its partition, from 1.
        partition: the partition, from 0.
        start: the first row, counted over all partitions.
        end: the row after the last; the same as `start` for an empty match.

    Examples:
        >>> import rowpattern
        >>> [(span.start, span.end) for span in rowpattern.compile("A+").match(["A", "A", "B", "A"])]
        [(0, 2), (3, 4)]
    """

    number: int
    partition: int
    start: int
    end: int


def iterate_spans(matches: Matches) -> Iterator[MatchSpan]:
    """Iterate over where matches are, in the order in which they were found."""
    return map(MatchSpan, matches.number, matches.partition, matches.start, matches.end)
