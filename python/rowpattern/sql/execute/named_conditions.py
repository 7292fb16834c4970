"""Conditions without SQL around them: `Pattern.match(rows, conditions={"B": "B.price > A.price"})`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rowpattern.counted import counted
from rowpattern.errors import RowsError
from rowpattern.sql.bind.bound import TypedPlans
from rowpattern.sql.bind.clause import bind_conditions
from rowpattern.sql.bind.scope import Columns, Variables
from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.execute.match_conditions import located
from rowpattern.sql.execute.matching import prepared
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.parse.condition_text import parse_condition
from rowpattern.sql.parse.text_check import check_text
from rowpattern.sql.planning import planned
from rowpattern.sql.tables.reading import table_reader
from rowpattern.sql.text.source_location import nesting_limited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import Pattern
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["find"]


@nesting_limited("condition")
def find(  # noqa: PLR0917 - one caller, the core
    method: Literal["find_iter", "match", "spans", "count"],
    pattern: Pattern,
    rows: Any,
    conditions: Mapping[str, str],
    partitions: Any,
    skip: Any,
    context: ExecutionContext,
) -> Any:
    """Find matches of a pattern in a table; see the methods of `Pattern`."""
    if not isinstance(conditions, Mapping):
        kind = type(conditions).__name__
        raise TypeError(f'conditions must be a mapping like {{"B": "B.price > A.price"}}, not {kind}')
    for name in conditions:
        if not isinstance(name, str):
            raise TypeError(f"the keys of conditions must be names of variables, not {type(name).__name__}")
    table = table_reader(context)(rows, "rows")
    starts = _starts(partitions, table.rows)
    # As in a pattern: a name that was quoted there is meant exactly, any other whatever its case.
    variables = {name: name if name in pattern.variables else name.upper() for name in conditions}
    texts = {variables[name]: text for name, text in conditions.items()}
    bound, plans = _bound(pattern, texts, table.names, context)
    with database(context) as using:
        arranged = OrderedPartitions(table, context, None, starts)
        given, search = prepared(pattern, bound, (), arranged, using, plans)
        options: Any = {"partitions": ("starts", starts), "skip": skip, **context.remaining}
        finder: Any = pattern if search is None else search.conditions
        if search is not None and search.compute is not None:
            options["compute"] = search.compute
        if method != "find_iter":
            options["threads"] = context.threads
        if context.prefer != "first":
            options["prefer"] = context.prefer
        # What depends on the match is searched match by match.
        whole = search is not None and method in {"spans", "count"}
        with context.limited(), located(bound):
            found = getattr(finder, "match" if whole else method)(given, **options)
        return len(found) if whole and method == "count" else found


def _bound(
    pattern: Pattern, texts: Mapping[str, str], names: Sequence[str], context: ExecutionContext
) -> tuple[tuple[Condition, ...], TypedPlans]:
    """Look up the names of conditions, or find that done in the cache of plans."""
    for text in texts.values():
        check_text(text, "condition")
    subset = [each for name, members in pattern.subset.items() for each in ("", name, *members)]
    parts = [*pattern.variables, *subset, "", *(each for pair in texts.items() for each in pair), "", *names]
    # Lengths keep texts apart that have anything in them. Clauses' keys begin with their number.
    key = "conditions\0" + "\0".join(f"{len(part)}:{part}" for part in parts)

    def made() -> tuple[tuple[Condition, ...], TypedPlans]:
        definitions = [parse_condition(name, text, context) for name, text in texts.items()]
        columns, variables = Columns(names, ""), Variables(pattern.variables, pattern.subset)
        return bind_conditions(definitions, columns, variables, context.check), TypedPlans()

    found: tuple[tuple[Condition, ...], TypedPlans] = planned("clause", key, made, context)
    return found


def _starts(partitions: Any, rows: int) -> Integers:
    if partitions is None:
        return np.zeros(min(1, rows), dtype=np.int64)
    if not isinstance(partitions, tuple) or len(partitions) != 2 or partitions[0] not in {"counts", "starts"}:  # noqa: PLR2004
        raise RowsError('with conditions, partitions must be ("counts", numbers) or ("starts", numbers)')
    kind, numbers = partitions
    try:
        found = np.asarray(numbers, dtype=np.int64)
    except OverflowError:
        raise RowsError("a number of partitions is larger than there can be rows") from None
    if kind == "counts":
        if found.sum() != rows:
            raise RowsError(
                f"the row counts of partitions add up to {found.sum()}, and the table has {counted(rows, 'row')}"
            )
        return np.cumsum(found) - found
    return found
