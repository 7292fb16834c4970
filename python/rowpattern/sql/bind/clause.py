"""A clause and the columns of the table before it, to what is to be done: names looked up, navigation taken out."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from rowpattern.errors import PatternSyntaxError, PatternTooLargeError, QueryError, UnknownVariableError
from rowpattern.patterns import compile as compile_pattern
from rowpattern.sql.bind.bound import BoundClause, BoundMeasure, Condition, Key, Within
from rowpattern.sql.bind.conditions import ConditionReader
from rowpattern.sql.bind.given import given_columns, given_conditions
from rowpattern.sql.bind.leaves import leaves
from rowpattern.sql.bind.measures import EarlierMeasures, MeasureReader
from rowpattern.sql.bind.prefilter import prefilter, start_condition
from rowpattern.sql.bind.references import References, Value, source_text, value_away
from rowpattern.sql.bind.row_expression import row_expression
from rowpattern.sql.bind.scope import Columns, Scope, Variables
from rowpattern.sql.expression.nodes import Column
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace
from rowpattern.sql.text.source_location import SourceLocation, error_at, pattern_error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rowpattern.patterns import Pattern
    from rowpattern.sql.parse.clause import Clause, Definition, ExpressionSource

__all__ = ["bind", "bind_conditions", "bind_key", "bind_parts", "compiled_pattern"]


def bind(clause: Clause, names: Sequence[str], check: Callable[[], None]) -> BoundClause:
    """Look up all names of a clause.

    Args:
        clause: as it was read.
        names: the columns of the table before it.
        check: called now and then; it raises an error where time is over.

    Raises:
        PatternSyntaxError, PatternTooLargeError: the pattern is wrong; shown where it stands in the query.
        QueryError, UnknownVariableError, UnsupportedQueryError: a name is unknown or an expression is wrong.

    Takes time linear in the clause and the number of columns.
    """
    outer = frozenset() if clause.outer is None else frozenset(table for table, _ in clause.outer.columns)
    bound = bind_parts(clause, Columns(names, clause.location.sql, clause.source_name, outer), check)
    one_row = clause.rows_shown == "one row"
    keys = [key.name for key in bound.partition_by]
    shown_keys = {key.column for key in (*bound.partition_by, *bound.order_by)}
    rest = () if one_row else tuple(name for name in names if name not in shown_keys)
    bound = replace(bound, rest=rest)
    others = set() if one_row else {key.column for key in bound.order_by if key.column is not None} | set(rest)
    _check_key_names(clause, bound, others)
    _check_names(bound, {*keys, *others})
    if one_row and not bound.partition_by and not bound.measures:
        message = "the answer would have no column; add MEASURES, PARTITION BY, or ALL ROWS PER MATCH"
        raise error_at(message, clause.location, QueryError)
    return bound


def bind_parts(
    clause: Clause, columns: Columns, check: Callable[[], None], references: References | None = None
) -> BoundClause:
    """Look up all names of a clause, whatever columns its answer has; as `bind`.

    Args:
        clause: as it was read.
        columns: those of the table before it.
        check: called now and then; it raises an error where time is over.
        references: what its expressions read is noted in these.
    """
    pattern = compiled_pattern(clause)
    variables = Variables(pattern.variables, clause.subset)
    _check_exclusion(clause, pattern)
    scope = Scope(columns, variables, References() if references is None else references, check)
    partition_by = tuple(
        bind_key(key.expression, key.location, scope, "PARTITION BY", name=key.name) for key in clause.partition_by
    )
    order_by = tuple(
        bind_key(key.expression, key.location, scope, "ORDER BY", key.descending, key.nulls_first)
        for key in clause.order_by
    )
    scope = replace(scope, order=_order(order_by))
    for definition in clause.define:
        if definition.variable in clause.subset:
            message = f"DEFINE cannot define {definition.variable}: SUBSET makes it of other variables"
            raise error_at(message, definition.location, QueryError)
    conditions = bind_conditions(clause.define, columns, variables, check, scope.references, order=scope.order)
    conditions += given_conditions(clause.given, conditions, variables, scope.references)
    one_row = clause.rows_shown == "one row"
    earlier = EarlierMeasures(columns)
    given = frozenset(clause.given_measures.values())
    measures = tuple(
        BoundMeasure(
            each.name,
            MeasureReader(scope, each.location, one_row, given).read(each.expression, earlier.within(each)),
            each.location,
        )
        for each in clause.measures
    )
    if clause.skip[1] and variables.members(clause.skip[1]) is None:
        if clause.skip[1] == "ROW":
            instead = "PAST LAST ROW" if clause.skip[0] == "to last" else "TO NEXT ROW"
            message = f"the pattern has no variable ROW; write AFTER MATCH SKIP {instead}"
            raise UnknownVariableError(clause.skip_location.added_to(message))
        raise variables.unknown(clause.skip[1], clause.skip_location)
    return BoundClause(
        partition_by=partition_by,
        order_by=order_by,
        conditions=conditions,
        measures=measures,
        rest=(),
        rows_shown=clause.rows_shown,
        skip=clause.skip,
        skip_location=clause.skip_location,
        pattern=clause.pattern,
        subset=clause.subset,
        variables=pattern.variables,
        within=_within(clause, scope),
        away=_columns_away(scope.references),
        computed=_computed_sources(scope.references, clause.location),
        given=given_columns(clause),
    )


def bind_conditions(
    define: Sequence[Definition],
    columns: Columns,
    variables: Variables,
    check: Callable[[], None],
    references: References | None = None,
    *,
    order: tuple[tuple[str, bool, bool], ...] = (),
) -> tuple[Condition, ...]:
    """Look up all names of conditions; `references` and `order` are those of the clause, where there is one.

    Raises:
        QueryError, UnknownVariableError, UnsupportedQueryError: a name is unknown or an expression is wrong.
    """
    is_alone = references is None
    references = references or References()
    conditions: dict[str, Condition] = {}
    for definition in define:
        name = definition.variable
        if name not in variables.primary:
            raise variables.unknown(name, definition.location)
        if name in conditions:
            raise error_at(f"DEFINE defines {name} twice", definition.location, QueryError)
        # Conditions without a query around them are texts of their own.
        scope = Scope(columns.within(definition.location.sql), variables, references, check, order)
        expression = ConditionReader(scope, definition.location, name).read(definition.condition)
        start = start_condition(expression, references)
        if is_alone and _columns_away(references):
            message = "PREV and NEXT with IGNORE NULLS stand in MATCH_RECOGNIZE only"
            raise error_at(message, definition.location, QueryError)
        conditions[name] = Condition(name, expression, definition.location, prefilter(expression), start)
    return tuple(conditions.values())


def _order(keys: Sequence[Key]) -> tuple[tuple[str, bool, bool], ...]:
    """Return the columns by which rows are in order, up to the first key that is computed."""
    columns = takewhile(lambda key: key.column is not None, keys)
    return tuple((key.column or "", key.descending, key.nulls_first) for key in columns)


def compiled_pattern(clause: Clause) -> Pattern:
    """Return a clause's compiled pattern, from the pattern cache; errors are located in the query."""
    try:
        return compile_pattern(clause.pattern, subset=clause.subset or None)
    except PatternSyntaxError as error:
        located = None if clause.pattern_source is None else clause.pattern_source.location
        raise pattern_error_at(error, clause.pattern, clause.pattern_location, located) from None
    except PatternTooLargeError as error:
        raise PatternTooLargeError(clause.pattern_location.added_to(str(error))) from None
    except UnknownVariableError as error:
        location = next(iter(clause.subset_locations.values()))
        raise UnknownVariableError(location.added_to(f"SUBSET: {error}")) from None
    except ValueError as error:
        # A union variable that has a primary variable's name.
        raise error_at(f"SUBSET: {error}", next(iter(clause.subset_locations.values())), QueryError) from None


def _check_exclusion(clause: Clause, pattern: Pattern) -> None:
    if clause.rows_shown == "all rows with unmatched" and pattern.has_exclusion:
        message = "an exclusion {- -} cannot stand in the pattern WITH UNMATCHED ROWS; leave out one of the two"
        raise error_at(message, clause.pattern_location, QueryError)


def bind_key(  # noqa: PLR0917 - two callers
    written: ExpressionSource,
    location: SourceLocation,
    scope: Scope,
    what: str,
    descending: bool = False,
    nulls_first: bool = False,
    name: str | None = None,
) -> Key:
    """Look up the names of an expression over one row; `what` is what it stands in, for errors.

    Raises:
        QueryError: a column does not exist, or the expression reads more than one row.
    """
    node, reads = row_expression(written, scope, location, what)
    column = reads[0] if isinstance(node, Column) else None
    return Key(name or column or written.text, column, sql_of(node), reads, descending, nulls_first, location, node)


def _check_key_names(clause: Clause, bound: BoundClause, others: set[str]) -> None:
    """Check that names which PARTITION BY gives are those of no other column of the answer."""
    taken = {name.lower() for name in others}
    for written, key in zip(clause.partition_by, bound.partition_by):
        if key.name.lower() in taken and written.name is not None:
            message = f"the answer would have two columns {written.name}; give the key another name"
            raise error_at(message, written.location, QueryError)
        taken.add(key.name.lower())


def _columns_away(references: References) -> tuple[str, ...]:
    columns = (item.column for item in references.by_name.values() if isinstance(item, Value))
    return tuple(dict.fromkeys(column for column in columns if value_away(column) is not None))


def _computed_sources(references: References, location: SourceLocation) -> tuple[tuple[str, Key], ...]:
    found = []
    for name, node in references.computed.items():
        reads = tuple(dict.fromkeys(leaf.names[0] for leaf in leaves(node) if isinstance(leaf, Column)))
        found.append((name, Key(source_text(name), None, sql_of(node), reads, location=location, tree=node)))
    return tuple(found)


def _within(clause: Clause, scope: Scope) -> Within | None:
    if clause.within is None:
        return None
    location = SourceLocation(clause.location.sql, clause.within.begin)
    if not clause.order_by:
        message = "WITHIN measures in the first key of ORDER BY, and there is none; write ORDER BY"
        raise error_at(message, location, QueryError)
    node, reads = row_expression(clause.within, scope, location, "WITHIN")
    if reads:
        message = f"WITHIN takes one length for all rows, as INTERVAL 1 HOUR; {clause.within.text} is not"
        raise error_at(message, location, QueryError)
    return Within(sql_of(node), clause.within.text, location, node)


def _check_names(bound: BoundClause, others: set[str | None]) -> None:
    seen = {name.lower() for name in others if name is not None}
    for measure in bound.measures:
        if measure.name.lower() in seen:
            message = f"the answer would have two columns {measure.name}; give the measure another name"
            raise error_at(message, measure.location, QueryError)
        seen.add(measure.name.lower())
