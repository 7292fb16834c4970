"""What a continuous query keeps, as it says it."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["OpenMatch", "OpenState"]


class OpenMatch(NamedTuple):
    """A match that has begun and is not certain.

    Attributes:
        partition: the partition's keys by name.
        begun: the first row's key of ORDER BY; None without ORDER BY. Times that Python does not hold, as those behind
            the year 9999, are texts here and in the other attributes.
        rows: how many rows of the partition have come since, the first one included.
    """

    partition: dict[str, Any]
    begun: Any
    rows: int


class OpenState(NamedTuple):
    """What a continuous query keeps.

    Attributes:
        partitions: of how many partitions something is kept.
        rows: how many rows are kept: those of matches that may still come, and of those around them that are read.
        unreleased_rows: how many rows wait, as others before them may be late.
        size_bytes: the bytes of all.
        oldest: the open match whose first row came first; None where no match is open.
        watermark: no row to come has a first key of ORDER BY before it; None where nothing is known, and a text where
            Python does not hold it, as a time behind the year 9999.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> query = rowpattern.continuous(
        ...     schema={"at": pa.int64()},
        ...     order_by="at",
        ...     pattern="A B",
        ...     define={"B": "at > A.at + 5"},
        ...     measures={"at": "A.at"},
        ... )
        >>> _ = query.push(pa.table({"at": [3]}))
        >>> state = query.state()
        >>> state.rows, state.oldest.begun, state.watermark
        (1, 3, 3)
    """

    partitions: int
    rows: int
    unreleased_rows: int
    size_bytes: int
    oldest: OpenMatch | None
    watermark: Any
