"""Unsigned integers of 128 bits, which DuckDB gives to Arrow as signed ones: from 2**127 on, as negative ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.names import quoted

if TYPE_CHECKING:
    import duckdb

__all__ = ["in_arrows_range"]

_UNSIGNED = re.compile(r"\bUHUGEINT\b")


def in_arrows_range(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return a relation whose UHUGEINT are HUGEINT, nested ones too; reading it fails where a value does not fit.

    >>> import duckdb
    >>> from rowpattern.sql.duckdb.wide_integers import in_arrows_range
    >>> in_arrows_range(duckdb.sql("SELECT 1::UHUGEINT AS one, [2::UHUGEINT] AS two")).types
    [HUGEINT, HUGEINT[]]
    """
    kinds = [str(kind) for kind in relation.types]
    # The texts of an ENUM may be anything.
    wide = ["'" not in kind and _UNSIGNED.search(kind) is not None for kind in kinds]
    if not any(wide):
        return relation
    columns = zip(map(quoted, relation.columns), kinds, wide)
    return relation.project(
        ", ".join(
            f"CAST({name} AS {_UNSIGNED.sub('HUGEINT', kind)}) AS {name}" if is_wide else name
            for name, kind, is_wide in columns
        )
    )
