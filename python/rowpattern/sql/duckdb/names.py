"""Names of tables and columns: which ones can be given to DuckDB, how it compares and quotes them.

It compares those of tables whatever their case in ASCII's letters, and exactly in all others.
"""

from __future__ import annotations

import string
from collections import Counter
from typing import TYPE_CHECKING

from rowpattern.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["check_name", "lowered", "named_twice", "quoted"]

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def lowered(name: str) -> str:
    r"""Return a name so that two which DuckDB takes for the same are equal, and no others.

    `str.lower` makes an ASCII letter of some that are none: a WITH list that makes such a name would seem to make
    another one too, which DuckDB then looks up in its catalog.

    >>> lowered("Duc\u212aDB").encode("unicode_escape")
    b'duc\\u212adb'
    """
    return name.translate(_LOWER)


def quoted(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def named_twice(names: Collection[str]) -> str | None:
    """Return the first name that stands among others more than once; None where there is none.

    >>> named_twice(["a", "b", "c", "b", "a"])
    'a'
    """
    if len(set(names)) == len(names):
        return None
    return next(name for name, count in Counter(names).items() if count > 1)


def check_name(name: str, what: str) -> None:
    """Refuse a name that DuckDB would change, or that nobody can print.

    A NUL character ends a name in Arrow's C interface, so that DuckDB would take one column for another. Half of a
    surrogate pair, which Python's strings may hold, is no character.

    Raises:
        QueryError: it is refused.
    """
    odd = "a NUL character" if "\0" in name else None
    if odd is None and name.isascii():
        return
    try:
        name.encode()
    except UnicodeEncodeError:
        odd = "half of a surrogate pair"
    if odd is not None:
        raise QueryError(f"the name {name!a} of a {what} has {odd}; rename it")
