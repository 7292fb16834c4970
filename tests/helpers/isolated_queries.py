"""Queries for worker processes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from rowpattern import match_recognize

__all__ = ["CLAUSE", "SMALL", "raised"]

CLAUSE = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {})"
SMALL = pa.table({"x": [1, 2, 3]})


def raised(query: str, data: Any, **options: Any) -> Exception:
    """What a query raises."""
    with pytest.raises(Exception) as found:  # noqa: PT011 - compared with the one of no isolation
        match_recognize(query, data, **options)
    return found.value
