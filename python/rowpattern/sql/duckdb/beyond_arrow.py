"""Values that Arrow does not hold as DuckDB has them.

Unsigned integers of 128 bits are given as signed ones: from 2**127 on, as negative ones. Strings of bits are given as
the bytes that DuckDB stores, and times with a zone without the zone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.names import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

__all__ = ["in_arrows_range", "is_kept_as_text", "kept_exactly"]

_SIGNED = {"UHUGEINT": "HUGEINT"}
_TEXTS = dict.fromkeys(("UHUGEINT", "BIT", "TIME WITH TIME ZONE"), "VARCHAR")

# Names of fields and texts of an ENUM may be anything.
_PARTS = re.compile(
    rf"""'[^']*(?:''[^']*)*' | "[^"]*(?:""[^"]*)*" | \b(?P<name>{"|".join(_TEXTS).replace(" ", "[ ]")})\b""", re.VERBOSE
)


def in_arrows_range(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return a relation whose UHUGEINT are HUGEINT, nested ones too; reading it fails where a value does not fit.

    >>> import duckdb
    >>> from rowpattern.sql.duckdb.beyond_arrow import in_arrows_range
    >>> in_arrows_range(duckdb.sql("SELECT 1::UHUGEINT AS one, [2::UHUGEINT] AS two")).types
    [HUGEINT, HUGEINT[]]
    """
    return _with_types(relation, _SIGNED)


def kept_exactly(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return a relation with texts of what Arrow does not hold; a cast to the types before gives the values again.

    >>> import duckdb
    >>> from rowpattern.sql.duckdb.beyond_arrow import kept_exactly
    >>> kept_exactly(duckdb.sql("SELECT 1::UHUGEINT AS one, ['01'::BIT] AS two, 3 AS three")).types
    [VARCHAR, VARCHAR[], INTEGER]
    """
    return _with_types(relation, _TEXTS)


def is_kept_as_text(kind: str) -> bool:
    """Say whether `kept_exactly` gives texts of a type's values, or of parts of these."""
    return _replaced(kind, _TEXTS) != kind


def _with_types(relation: duckdb.DuckDBPyRelation, instead: Mapping[str, str]) -> duckdb.DuckDBPyRelation:
    kinds = [str(kind) for kind in relation.types]
    new = [_replaced(kind, instead) for kind in kinds]
    if new == kinds:
        return relation
    return relation.project(
        ", ".join(
            name if kind == other else f"CAST({name} AS {other}) AS {name}"
            for name, kind, other in zip(map(quoted, relation.columns), kinds, new)
        )
    )


def _replaced(kind: str, instead: Mapping[str, str]) -> str:
    return _PARTS.sub(lambda found: instead.get(found["name"] or "", found[0]), kind)
