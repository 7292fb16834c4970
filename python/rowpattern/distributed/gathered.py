"""What stands around a clause on Dask, where it is more than expressions over a row: DuckDB's SQL, in one task.

The clause's answer is brought together for it, as text in Arrow's IPC format, which has all of Arrow's types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.distributed.cut_query import ANSWER
from rowpattern.sql.arrow.casting import as_type

if TYPE_CHECKING:
    import pandas as pd

    from rowpattern.distributed.cut_query import CutQuery
    from rowpattern.distributed.plan import Limits

__all__ = ["answered_around", "empty_packed", "packed"]

_COLUMN = "answer"


def packed(answer: pa.Table, schema: pa.Schema) -> pd.DataFrame:
    """Return a part of the clause's answer as a frame of one row.

    Args:
        answer: the part.
        schema: the types of the whole answer.
    """
    columns = [as_type(values, field.type, field.name) for values, field in zip(answer.columns, schema)]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return _frame([sink.getvalue().to_pybytes()])


def empty_packed() -> pd.DataFrame:
    """Return a frame as `packed` makes it, without a row."""
    return _frame([])


def _frame(parts: list[bytes]) -> pd.DataFrame:
    import pandas as pd

    values = pa.chunked_array([pa.array(parts, pa.large_binary())])
    return pd.DataFrame({_COLUMN: pd.arrays.ArrowExtensionArray(values)}, copy=False)


def answered_around(parts: pd.DataFrame, cut: CutQuery, schema: pa.Schema, limits: Limits) -> pa.Table:
    """Answer what is around a clause, given all parts of the clause's answer.

    Args:
        parts: the parts, as `packed` gives them.
        cut: the query.
        schema: of the clause's answer.
        limits: of this task, with the parameters of what is around the clause.

    Raises:
        What `rowpattern.match_recognize` raises.
    """
    column: Any = parts[_COLUMN].array
    tables = [pa.ipc.open_stream(each.as_buffer()).read_all() for each in column.__arrow_array__() if each.is_valid]
    whole = pa.concat_tables([schema.empty_table(), *tables])
    answer: pa.Table = limits.answer_over(cut.around, {ANSWER: whole})
    return answer
