"""Columns that the core computed together, as a table of a kind without taking them apart."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern._core import ComputedTable
    from rowpattern.sql.tables.table import Table

__all__ = ["frame_maker", "is_given_whole", "pandas_index", "whole"]


def is_given_whole(shown: list[tuple[str, str | None]], source: Table) -> bool:
    """Say whether no column of a computed answer needs a look of its own, whatever its values.

    Args:
        shown: as of `ComputedAnswer`.
        source: the table that origins are columns of.
    """
    # What is made of names that stand twice depends on the kind.
    is_one_each = len({name for name, _ in shown}) == len(shown)
    return is_one_each and all(origin is None or source.gives_as_computed(origin) for _, origin in shown)


def whole(table: ComputedTable, kind: str, names: tuple[str, ...]) -> Any:
    """Return computed columns as a table of a kind, as `Table.kind`; None where a value needs a look of its own.

    Args:
        table: the columns.
        kind: the kind.
        names: those of the columns.
    """
    if kind == "arrow":
        return pa.Table.from_batches([pa.record_batch(table)])
    if kind == "polars":
        return sys.modules["polars"].DataFrame(table)
    if kind == "pandas":
        blocks = table.number_blocks()
        return None if blocks is None else _frame_of_blocks(blocks, len(table), names)
    return None


def _frame_of_blocks(given: list[tuple[str, list[int], bytearray]], rows: int, names: tuple[str, ...]) -> Any:
    import pandas as pd

    made = frame_maker()
    if made is None:
        return None
    blocks = [(np.frombuffer(values, kind).reshape(-1, rows), np.array(places)) for kind, places, values in given]
    return made(blocks, index=pd.RangeIndex(rows), columns=pandas_index(names).view())


@cache
def frame_maker() -> Callable[..., Any] | None:
    """Return what makes a frame of blocks of numbers, in half of the time that columns take; None before pandas 2.1."""
    import pandas as pd

    made = getattr(getattr(pd.api, "internals", None), "create_dataframe_from_blocks", None)
    if made is not None:
        return cast("Callable[..., Any]", made)
    try:
        # What pyarrow's tables use in pandas 2.
        from pandas.core.internals import BlockManager
        from pandas.core.internals.api import make_block

        from_manager = pd.DataFrame._from_mgr  # noqa: SLF001 - there is no other
    except (ImportError, AttributeError):
        return None

    def of_manager(blocks: list[tuple[Any, Any]], *, index: Any, columns: Any) -> Any:
        made = [make_block(values, placement=places, ndim=2) for values, places in blocks]
        manager = BlockManager(made, [columns, index])
        return from_manager(manager, manager.axes)

    return of_manager


@lru_cache(maxsize=100)
def pandas_index(names: tuple[str, ...]) -> Any:
    """Return names as pandas' index, which takes longer to make than a small frame does."""
    import pandas as pd

    return pd.Index(names)
