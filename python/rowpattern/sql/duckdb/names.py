"""How DuckDB compares the names of tables: whatever their case in ASCII's letters, and exactly in all others."""

from __future__ import annotations

import string

__all__ = ["lowered"]

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def lowered(name: str) -> str:
    r"""Return a name so that two which DuckDB takes for the same are equal, and no others.

    `str.lower` makes an ASCII letter of some that are none: a WITH list that makes such a name would seem to make
    another one too, which DuckDB then looks up in its catalog.

    >>> lowered("Duc\u212aDB")
    'ducKdb'
    """
    return name.translate(_LOWER)
