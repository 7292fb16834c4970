"""What the error for a row that is late says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.errors import LateRowError
from rowpattern.sql.arrow.python_values import python_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.continuous_query.event_keys import EventKey, Lateness

__all__ = ["late_row_error"]


def late_row_error(  # noqa: PLR0917 - used once
    rows: pa.RecordBatch,
    row: int,
    key: EventKey,
    partition_by: Sequence[str],
    lateness: Lateness | None,
    bound: float | None,
) -> LateRowError:
    """Make the error for a row that is late, or out of order.

    Args:
        rows: as they arrived.
        row: its number in these.
        key: the first key of ORDER BY.
        partition_by: the keys of PARTITION BY, as columns.
        lateness: how late a row may be; None where rows arrive in order.
        bound: the number of the least key of a row that is not late, where it is known.
    """
    name = key.key.column
    value = rows.column(name)[row]
    where = ", ".join(f"{each} = {_shown(rows.column(each)[row])}" for each in partition_by)
    found = f"row {row} (from 0){f' of the partition {where}' if where else ''}"
    instead = 'or say late="drop" or late="collect"'
    if not value.is_valid or _is_nan(value):
        message = (
            f"{found} has {name} = {_shown(value)}, so that its place is not known; leave such rows out, {instead}"
        )
    elif lateness is None:
        message = f"{found} is out of order: {name} = {_shown(value)} stands behind a row that ORDER BY puts after it"
        message = f'{message}; give lateness=, as lateness="5s", so that rows are brought in order, {instead}'
    else:
        least = "" if bound is None else f", and rows of its source from {_shown(key.value(bound))} on"
        message = f"{found} is late: {name} = {_shown(value)}{least} are not; raise lateness={lateness!r}, {instead}"
    return LateRowError(message)


def _shown(value: pa.Scalar) -> str:
    return str(python_value(value)) if value.is_valid else "NULL"


def _is_nan(value: pa.Scalar) -> bool:
    return pa.types.is_floating(value.type) and bool(np.isnan(value.as_py()))
