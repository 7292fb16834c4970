"""Names of time zones, as Arrow's timestamps have them and as DuckDB knows them."""

from __future__ import annotations

import re

__all__ = ["UTC", "duckdb_zone"]

#: The zone of expressions that read no column with one. The machine's own never counts.
UTC = "UTC"

# The forms of a time zone that are a distance from UTC: those of Arrow (`+02:00`) and of Java (`GMT+2`).
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d\d?)(?::?(\d\d))?")


def duckdb_zone(name: str) -> str:
    """Return a time zone by the name that DuckDB has for it.

    >>> from rowpattern.sql.duckdb.time_zones import duckdb_zone
    >>> duckdb_zone("+02:00"), duckdb_zone("Z"), duckdb_zone("Europe/Berlin")
    ('GMT+02:00', 'UTC', 'Europe/Berlin')
    """
    if name in {"Z", "UTC", "GMT", "UT"}:
        return UTC
    offset = _OFFSET.fullmatch(name)
    return name if offset is None else f"GMT{offset[1]}{int(offset[2]):02}:{offset[3] or '00'}"
