"""Conditions and measures that are expressions of Ibis."""

from __future__ import annotations

import contextlib
from typing import Any, Callable

import ibis
import numpy as np

from rowpattern.errors import QueryError

__all__ = ["computed"]

# Beside the table's own columns.
_PARTITION, _PLACE = "rowpattern partition", "rowpattern place"


def computed(  # noqa: PLR0917 - used once
    name: str, expression: Any, table: Any, order: Any, starts: Any, check: Callable[[], None]
) -> Any:
    """Have Ibis compute an expression for the rows of a table in order, partition by partition.

    Args:
        name: what errors call it.
        expression: of a table, deferred, or a function of a table.
        table: the table.
        order: the place of each row in it; None where they are in order.
        starts: where partitions begin.
        check: raises an error where time is over.

    Raises:
        QueryError: Ibis refuses it.
    """
    check()
    rows = table.arrow()
    rows = rows if order is None else rows.take(order)
    partition = np.zeros(table.rows, dtype=np.int64)
    partition[starts] = 1
    rows = rows.append_column(_PARTITION, [partition.cumsum()]).append_column(_PLACE, [np.arange(table.rows)])
    known = ibis.memtable(rows)
    try:
        value = _resolved(expression, known)
        # It is refused where nothing reads other rows.
        with contextlib.suppress(ibis.common.exceptions.IbisTypeError):
            value = value.over(ibis.window(group_by=_PARTITION, order_by=_PLACE))
        found = known.select(_PLACE, value=value).order_by(_PLACE).to_pyarrow()
    except (ibis.common.exceptions.IbisError, ibis.common.annotations.ValidationError) as error:
        raise QueryError(f"{name}: {str(error).splitlines()[0]}") from error
    return found["value"]


def _resolved(expression: Any, table: ibis.Table) -> Any:
    if isinstance(expression, ibis.Value):
        node = expression.op()
        return node.replace(dict.fromkeys(node.relations, table.op())).to_expr()
    if not hasattr(expression, "resolve"):
        return expression(table)
    try:
        return expression.resolve(table)
    except AttributeError as error:
        # A column that is not there.
        raise ibis.common.exceptions.IbisError(str(error)) from error
