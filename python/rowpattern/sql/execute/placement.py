"""Which way each expression of a clause goes, for people (`rowpattern.explain`).

There are three: the engine computes it; DuckDB computes it, or a part of it, over whole columns; or DuckDB is asked in
rounds while the search for matches runs. Where the rows of such a part have few different values, DuckDB computes it
for all combinations of them before; how many there are is not known before the rows are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rowpattern.sql.bind.bound import TypedPlans
from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.bind.references import Aggregate, RunningAggregate
from rowpattern.sql.duckdb.time_zones import UTC
from rowpattern.sql.execute.condition_columns import anchor
from rowpattern.sql.execute.engine_aggregates import is_by_engine
from rowpattern.sql.execute.first_row_bounds import first_row_bound
from rowpattern.sql.execute.sort import key_problem
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.expression.nodes import text_of
from rowpattern.sql.expression.typed import Computed, Reference, walk_typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern.sql.bind.bound import BoundClause, Condition
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.execute.typed_records import TypedExpression
    from rowpattern.sql.expression.typed import Typed
    from rowpattern.sql.tables.table import Table

__all__ = ["Placements", "placements"]

_ENGINE = "by the engine, over whole columns"
_ENGINE_WHILE_MATCHING = "by the engine while matching, going back where it fails"
_BOUND = "bounds, with the match's first row, how far the match reaches: found for each row before matching"
_ROUNDS = "asked of DuckDB in rounds while matching, 1 to 4 ms each for up to 10,000 requests"
_ROUNDS_OR_BEFORE = f"{_ROUNDS}; or computed before, where its rows have few combinations of values"


class Placements(NamedTuple):
    """How the expressions of a clause are computed.

    Attributes:
        ways: for each condition and measure, by `DEFINE A` and `measure m`. The first line is the way of the whole; the
            others are about parts that go another way. Keys of PARTITION BY and ORDER BY are there (`ORDER BY k`) where
            DuckDB refuses them.
        aggregates: those of measures that the engine computes.
        is_bounded: whether conditions that depend on the match say how far it reaches, and nothing else.
    """

    ways: dict[str, list[str]]
    aggregates: frozenset[Aggregate]
    is_bounded: bool


def placements(bound: BoundClause, table: Table, database: Database, prefer: str = "first") -> Placements:
    """Say how the expressions of a clause are computed, where the first match is preferred, or the longest.

    Raises:
        QueryError: an expression needs a time zone, and its columns have several.
    """
    plans = TypedPlans() if bound.plans.values is None else TypedPlans().for_values(bound.plans.values)
    together = typed_clause(bound.conditions, bound.measures, table, database, plans, every=True)
    found: dict[str, list[str]] = {}
    for named, each in together.measures:
        if each.problem is not None or named.expression.only is None:
            found[named.what] = [_over_columns(each)]
    depending = [each for each in bound.conditions if each.expression.depends]
    is_bounded = bool(depending) and first_row_bound(bound, bound.compiled(), together, prefer) is not None
    whole = [each for each in bound.conditions if not each.expression.depends]
    of_rows = {named.what: (named, each) for named, each in together.rows}
    conditions = [*zip(depending, together.dependent), *((each, of_rows[f"DEFINE {each.variable}"]) for each in whole)]
    for condition, (named, each) in conditions:
        refused = _not_boolean(each)
        if refused is not None:
            found[named.what] = [refused]
        elif is_bounded and condition.expression.depends:
            found[named.what] = [_BOUND]
        elif condition.expression.depends:
            found[named.what] = list(_while_matching(condition, each, together))
        else:
            found[named.what] = [_over_columns(each)]
    for words, keys in (("PARTITION BY", bound.partition_by), ("ORDER BY", bound.order_by)):
        for key in keys:
            problem = None if key.column is not None else key_problem(key, table, database)
            if problem is not None:
                found[f"{words} {key.name}"] = [_refused(problem)]
    of_measures = dict(pair for each in bound.measures for pair in each.expression.reads)
    aggregates = {
        item
        for name, item in of_measures.items()
        if isinstance(item, Aggregate) and name in together.aggregates and is_by_engine(item, together.aggregates[name])
    }
    return Placements(found, frozenset(aggregates), is_bounded)


def _refused(problem: str) -> str:
    return f"refused by DuckDB: {problem.splitlines()[0]}"


def _not_boolean(each: TypedExpression) -> str | None:
    if each.problem is not None or each.type in {None, "BOOLEAN", "NULL"}:
        return None
    return f"refused: it is of the type {each.type}, and a condition must be true or false"


def _over_columns(each: TypedExpression) -> str:
    if each.problem is not None:
        return _refused(each.problem)
    if each.native is not None:
        return _ENGINE
    return f"by DuckDB over whole columns{'' if each.zone == UTC else f', in the time zone {each.zone}'}"


def _while_matching(condition: Condition, each: TypedExpression, together: TypedClause) -> Iterator[str]:
    if each.problem is not None:
        yield _over_columns(each)
        return
    yield _ENGINE_WHILE_MATCHING
    query = condition.location.sql
    if condition.start is not None and condition.start.tree is not None:
        yield f"{text_of(condition.start.tree, query)}: decided once for each row where a match can begin"
    items = dict(condition.expression.reads)
    whole = [] if each.tree is None else [Computed("BOOLEAN", each.tree)]
    leaves: list[Typed] = [*whole] if each.node is None else list(dict.fromkeys(walk_typed(each.node)))
    for leaf in leaves:
        if isinstance(leaf, Computed):
            placed = anchor([items[name] for name in columns_in(leaf.tree)]) is not None
            how = "by DuckDB over whole columns before, and read at its row" if placed else _ROUNDS_OR_BEFORE
            yield f"{text_of(leaf.tree, query)}: {how}"
        elif isinstance(leaf, Reference):
            item = items[leaf.name]
            if isinstance(item, RunningAggregate) and together.aggregates[leaf.name].function is None:
                yield f"{condition.expression.written_as(leaf.name, query)}: {_ROUNDS}"
