"""The clause over tables of Ibis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import ibis

from rowpattern.counted import kind_with_article
from rowpattern.recognition.arguments import table_of
from rowpattern.recognition.library_expressions import IbisExpression
from rowpattern.recognition.recognize import recognize as recognize_rows

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rowpattern.recognition.arguments import RecognizeArguments

__all__ = ["recognize"]


def recognize(
    table: ibis.Table | Mapping[str, ibis.Table],
    /,
    *,
    stream: bool | Literal["in order"] = False,
    **arguments: Unpack[RecognizeArguments],
) -> Any:
    """Find rows of an Ibis table that match a pattern; see `rowpattern.recognize` for arguments and errors.

    Args:
        table: the table, of any backend, or a mapping of its name to it. It is read as Arrow, as a whole, and
            answered here.
        stream: as for `rowpattern.recognize`.
        arguments: those of `rowpattern.recognize`. A condition or a measure may be an expression of Ibis, over this
            table or deferred (`_.price < _.price.lag()`), or a function of the table that gives one; it is computed by
            Ibis's default backend over the partitions, in order.

    Returns:
        an Ibis table in memory (`ibis.memtable`), which queries of any backend can go on with; with `stream` a
        `pyarrow.RecordBatchReader`.

    Raises:
        RowPatternError: what `rowpattern.recognize` raises.
        TypeError: it is no table of Ibis.

    Examples:
        >>> import ibis
        >>> import pyarrow as pa
        >>> import rowpattern.ibis
        >>> prices = ibis.memtable(pa.table({"day": [1, 2, 3], "price": [3, 2, 4]}))
        >>> found = rowpattern.ibis.recognize(
        ...     prices,
        ...     order_by="day",
        ...     pattern="DOWN+",
        ...     define={"DOWN": "price < PREV(price)"},
        ...     measures={"ended": "LAST(DOWN.day)"},
        ... )
        >>> found.to_pyarrow().to_pylist()
        [{'ended': 2}]
    """
    name, given = table_of(table)
    if not isinstance(given, ibis.Table):
        raise TypeError(f"the table is {kind_with_article(given)}; give one of Ibis")
    arguments["define"] = _of_the_table(arguments.get("define"))
    arguments["measures"] = _of_the_table(arguments.get("measures"))
    rows = given.to_pyarrow()
    answer = recognize_rows(rows if name is None else {name: rows}, stream=stream, **arguments)
    return answer if stream else ibis.memtable(answer)


def _of_the_table(given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return conditions or measures, of which functions are of a table of Ibis."""
    if not isinstance(given, Mapping):
        return given
    is_function = {key: callable(each) and not isinstance(each, ibis.Value) for key, each in given.items()}
    return {key: IbisExpression(each) if is_function[key] else each for key, each in given.items()}
